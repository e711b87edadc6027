/* The library without Python: every kernel that has a variant for each instruction set against
 * naive loops, for every instruction set of this machine and several threads; and errors.
 */
#include "check.h"

#include <bnnplan/binary.h>

#include <string.h>

static void test_errors(bnn_team *team)
{
    const bnn_execution execution = {.isa = BNN_ISA_BEST, .threads = 1};
    const bnn_convolution shape = {0};
    const int8_t weight = 1;
    bnn_kernel *kernel = NULL;
    bnn_program *program = NULL;
    CHECK(bnn_binary_conv_create(&shape, 0, &weight, NULL, &execution, &kernel) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_binary_dense_create(1, 1, 1, NULL, NULL, &execution, &kernel) ==
          BNN_BAD_ARGUMENT);
    const int8_t no_sign = 0;
    CHECK(bnn_binary_dense_create(1, 1, 1, &no_sign, NULL, &execution, &kernel) ==
          BNN_BAD_ARGUMENT);
    const bnn_execution impossible = {.threads = 1, .method = (bnn_method)3};
    CHECK(bnn_binary_dense_create(1, 1, 1, &weight, NULL, &impossible, &kernel) ==
          BNN_BAD_ARGUMENT);
    CHECK(bnn_program_create(NULL, 0, team, &program) == BNN_BAD_ARGUMENT);
    CHECK(bnn_copy_create(8, &execution, &kernel) == BNN_OK);
    uint64_t words[2] = {0};
    const void *inputs[] = {(char *)words + 1};
    void *outputs[] = {words};
    const bnn_step unaligned = {kernel, inputs, outputs, 1, 1};
    CHECK(bnn_program_create(&unaligned, 1, team, &program) == BNN_BAD_ARGUMENT);
    bnn_kernel_destroy(kernel);
    kernel = NULL;
    CHECK(strlen(bnn_last_error()) > 0);
    CHECK(kernel == NULL && program == NULL);
}

int main(void)
{
    bnn_team *team = NULL;
    int tested = 0;
    CHECK(bnn_team_create(NULL, THREADS, &team) == BNN_OK);
    for (int isa = BNN_ISA_PORTABLE; isa <= BNN_ISA_NEON; isa++) {
        bench on = {.team = team};
        if (bnn_isa_choose((bnn_isa)isa, &on.isa) != BNN_OK) {
            printf("%s: not tested: %s\n", bnn_isa_name((bnn_isa)isa), bnn_last_error());
            continue;
        }
        test_binary(&on);
        test_input(&on);
        test_bits(&on);
        test_numbers(&on);
        test_number_windows(&on);
        test_peak(&on);
        printf("%s: tested\n", bnn_isa_name(on.isa));
        tested++;
    }
    CHECK(tested > 0);
    test_errors(team);
    bnn_team_destroy(team);
    printf("%d failures\n", failures);
    return failures != 0;
}
