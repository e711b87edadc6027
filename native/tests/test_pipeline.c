/* Pipelines: every frame is computed once by every stage, in order, whatever threads do; nobody
 * waits for what does not come. */
#define _GNU_SOURCE
#include "check.h"
#include "trial.h"

#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 150, TRIALS = 40, WATCHED = 8 };

static const uint64_t FOREVER = UINT64_MAX, NEVER = 0, SOON = 1000000;

/* Puts frames until all are put, or the pipeline takes no more. */
typedef struct {
    trial *on;
    uint64_t put, frames, random;
    uint32_t pause;
} feeder;

static bool feed(feeder *self, uint64_t timeout_ns)
{
    trial *on = self->on;
    uint32_t room;
    if (self->put == self->frames ||
        bnn_pipeline_room(on->pipeline, 1, timeout_ns, &room) != BNN_OK)
        return false;
    for (uint32_t i = 0; i < room && self->put < self->frames; i++, self->put++) {
        on->numbers[self->put % on->window] = self->put;
        trial_pause(&self->random, self->pause);
        CHECK(bnn_pipeline_put(on->pipeline, 1) == BNN_OK);
    }
    return true;
}

static void *feed_all(void *argument)
{
    while (feed(argument, FOREVER))
        ;
    return NULL;
}

/* Take frames until `frames` have been, or the pipeline gives no more; how many. */
static uint64_t consume(feeder *source, bool feeds, uint32_t pause, uint64_t frames,
                        bnn_status *status)
{
    trial *on = source->on;
    uint64_t taken = 0, random = random_word();
    *status = BNN_OK;
    while (taken < frames) {
        uint32_t count = 0;
        if (feeds)
            feed(source, NEVER);
        *status = bnn_pipeline_take(on->pipeline, 1, FOREVER, &count);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t begin, end;
            trial_pause(&random, pause);
            CHECK(trial_holds(on, taken + i));
            CHECK(bnn_pipeline_span(on->pipeline, taken + i, &begin, &end) == BNN_OK);
            CHECK(begin <= end);
        }
        if (count == 0)
            break;
        CHECK(bnn_pipeline_release(on->pipeline, count) == BNN_OK);
        CHECK(on->kept == 0 || trial_keeps(on, false));
        taken += count;
    }
    return taken;
}

/* Whether all frames come, exactly once and in order, from any pipeline. */
static void test_order(void)
{
    static trial on;
    for (int i = 0; i < TRIALS; i++) {
        trial_start(&on, (uint32_t)random_int(1, MOST_TRIAL_WINDOW), true);
        const bool feeds = random_int(0, 1) == 1;
        feeder source = {&on, 0, FRAMES, random_word(), feeds ? 0 : on.pause};
        pthread_t thread;
        bnn_status status;
        if (!feeds)
            pthread_create(&thread, NULL, feed_all, &source);
        CHECK(consume(&source, feeds, (uint32_t)random_int(0, 1) * 100, FRAMES, &status) ==
              FRAMES);
        CHECK(status == BNN_OK);
        if (!feeds)
            pthread_join(thread, NULL);
        uint64_t turns = 0;
        for (uint32_t s = 0; s < on.stream_count; s++)
            for (uint32_t k = 0; k < on.stage_count; k++) {
                bnn_stage_use use;
                CHECK(bnn_pipeline_use(on.pipeline, s, k, &use) == BNN_OK);
                turns += use.turns;
            }
        CHECK(turns == (uint64_t)FRAMES * on.stage_count);
        CHECK(on.kept == 0 || trial_keeps(&on, true));
        trial_end(&on);
    }
}

/* A failure is told after all frames before it, and only then. */
static void test_failure(void)
{
    static trial on;
    for (int i = 0; i < TRIALS; i++) {
        trial_start(&on, (uint32_t)random_int(1, MOST_TRIAL_WINDOW), true);
        on.failing_stage = (uint32_t)random_int(0, (int)on.stage_count - 1);
        on.failing_number = (uint64_t)random_int(0, FRAMES - 1);
        feeder source = {&on, 0, FRAMES, random_word(), 0};
        pthread_t thread;
        bnn_status status;
        uint32_t stream, stage;
        uint64_t number;
        pthread_create(&thread, NULL, feed_all, &source);
        CHECK(consume(&source, false, 0, FRAMES, &status) == on.failing_number);
        CHECK(status == BNN_FAILED);
        CHECK(strstr(bnn_last_error(), "failed at frame") != NULL);
        CHECK(bnn_pipeline_failure(on.pipeline, &stream, &stage, &number) == BNN_OK);
        CHECK(number == on.failing_number && stage == on.failing_stage);
        pthread_join(thread, NULL);
        trial_end(&on);
    }
}

static void *stop_soon(void *argument)
{
    trial *on = argument;
    uint64_t random = (uint64_t)(uintptr_t)on;
    trial_pause(&random, 3000);
    bnn_pipeline_stop(on->pipeline);
    return NULL;
}

/* Whoever waits, a stop lets everyone go; what comes until then is right. */
static void test_stop(void)
{
    static trial on;
    for (int i = 0; i < TRIALS; i++) {
        trial_start(&on, (uint32_t)random_int(1, MOST_TRIAL_WINDOW), true);
        feeder source = {&on, 0, UINT64_MAX, random_word(), 0};
        pthread_t feeding, stopping;
        bnn_status status;
        pthread_create(&feeding, NULL, feed_all, &source);
        pthread_create(&stopping, NULL, stop_soon, &on);
        /* Half of them full, half of them starving. */
        consume(&source, false, 0, i % 2 == 0 ? UINT64_MAX : 20, &status);
        pthread_join(stopping, NULL);
        CHECK(i % 2 != 0 || status == BNN_STOPPED);
        pthread_join(feeding, NULL);
        trial_end(&on);
    }
}

static bnn_status do_nothing(void *context)
{
    (void)context;
    return BNN_OK;
}

static const bnn_work nothing = {do_nothing, NULL};

static bnn_status make(const bnn_stage *stages, size_t count, uint32_t window,
                       bnn_pipeline **pipeline)
{
    const bnn_stream stream = {stages, count};
    *pipeline = NULL;
    return bnn_pipeline_create(&stream, 1, window, pipeline);
}

typedef struct {
    bnn_pipeline *pipeline;
    atomic_bool over;
} watcher;

/* Of a single stage: turn t is that of frame t. */
static void *watch(void *argument)
{
    watcher *self = argument;
    while (!atomic_load(&self->over)) {
        bnn_turn turns[WATCHED];
        uint32_t count = 0;
        CHECK(bnn_pipeline_turns(self->pipeline, 0, 0, turns, &count) == BNN_OK);
        CHECK(count <= WATCHED);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(turns[i].turn == turns[i].number);
            CHECK(turns[i].begin_ns <= turns[i].end_ns);
            CHECK(i == 0 || turns[i - 1].end_ns <= turns[i].begin_ns);
        }
    }
    return NULL;
}

/* Who reads turns while they are overwritten sees none that is half another one. */
static void test_watching(void)
{
    enum { WINDOW = 512, ROUNDS = 400 };
    const bnn_stage stages[1] = {{.work = &nothing, .work_count = 1, .spins = true}};
    watcher on = {.pipeline = NULL};
    pthread_t thread;
    uint32_t count;
    CHECK(make(stages, 1, WINDOW, &on.pipeline) == BNN_OK);
    CHECK(bnn_pipeline_record(on.pipeline, WATCHED) == BNN_OK);
    CHECK(bnn_pipeline_start(on.pipeline) == BNN_OK);
    pthread_create(&thread, NULL, watch, &on);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(bnn_pipeline_put(on.pipeline, WINDOW) == BNN_OK);
        CHECK(bnn_pipeline_take(on.pipeline, WINDOW, FOREVER, &count) == BNN_OK);
        CHECK(bnn_pipeline_release(on.pipeline, WINDOW) == BNN_OK);
    }
    atomic_store(&on.over, true);
    pthread_join(thread, NULL);
    bnn_pipeline_destroy(on.pipeline);
}

static void test_refusals(void)
{
    bnn_pipeline *pipeline;
    const bnn_wait first = {0, 0}, second = {1, 0}, self_later = {0, 1}, none = {2, 0};
    bnn_stage stages[2] = {{.work = &nothing, .work_count = 1},
                           {.work = &nothing, .work_count = 1, .waits = &first, .wait_count = 1}};
    CHECK(make(stages, 2, 0, &pipeline) == BNN_BAD_ARGUMENT);
    CHECK(make(stages, 0, 1, &pipeline) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_create(NULL, 0, 1, &pipeline) == BNN_BAD_ARGUMENT);
    stages[1].waits = &second;
    CHECK(make(stages, 2, 1, &pipeline) == BNN_BAD_ARGUMENT);
    CHECK(strstr(bnn_last_error(), "wait for each other") != NULL);
    stages[1].waits = &none;
    CHECK(make(stages, 2, 1, &pipeline) == BNN_BAD_ARGUMENT);
    stages[1].waits = &first;
    stages[0].waits = &second;
    stages[0].wait_count = 1;
    CHECK(make(stages, 2, 1, &pipeline) == BNN_BAD_ARGUMENT);
    stages[0].waits = &self_later;
    CHECK(make(stages, 2, 1, &pipeline) == BNN_OK);
    bnn_pipeline_destroy(pipeline);

    const int core = 1 << 20;
    stages[0].cores = &core;
    stages[0].core_count = 1;
    CHECK(make(stages, 1, 1, &pipeline) == BNN_OK);
    CHECK(bnn_pipeline_start(pipeline) == BNN_BAD_ARGUMENT);
    CHECK(strstr(bnn_last_error(), "core 1048576") != NULL);
    bnn_pipeline_destroy(pipeline);
    bnn_pipeline_destroy(NULL);
}

/* What the caller may not do, and timeouts. */
static void test_calls(void)
{
    bnn_pipeline *pipeline;
    uint32_t count = 0, place;
    uint64_t turn, number;
    bnn_turn kept[2];
    const bnn_stage stages[1] = {{.work = NULL}};
    CHECK(make(stages, 1, 2, &pipeline) == BNN_OK);
    CHECK(bnn_pipeline_turns(pipeline, 0, 0, kept, &count) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_record(pipeline, 0) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_record(pipeline, 2) == BNN_OK);
    CHECK(bnn_pipeline_record(pipeline, 2) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_start(pipeline) == BNN_OK);
    CHECK(bnn_pipeline_start(pipeline) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_put(pipeline, 3) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_put(pipeline, 2) == BNN_OK);
    CHECK(bnn_pipeline_room(pipeline, 1, SOON, &count) == BNN_OK && count == 0);
    CHECK(bnn_pipeline_take(pipeline, 1, SOON, &count) == BNN_OK && count == 0);
    CHECK(bnn_pipeline_release(pipeline, 1) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_span(pipeline, 0, &turn, &number) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_failure(pipeline, &place, &place, &number) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_begin(pipeline, 0, 1, &turn, &number) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_end(pipeline, 0, 0, false) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_begin(pipeline, 0, 0, &turn, &number) == BNN_OK);
    CHECK(turn == 0 && number == 0);
    CHECK(bnn_pipeline_turns(pipeline, 0, 0, kept, &count) == BNN_OK && count == 0);
    CHECK(bnn_pipeline_begin(pipeline, 0, 0, &turn, &number) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_end(pipeline, 0, 0, false) == BNN_OK);
    CHECK(bnn_pipeline_turns(pipeline, 0, 0, kept, &count) == BNN_OK && count == 1);
    CHECK(kept[0].turn == 0 && kept[0].number == 0 && kept[0].begin_ns <= kept[0].end_ns);
    CHECK(bnn_pipeline_turns(pipeline, 0, 1, kept, &count) == BNN_BAD_ARGUMENT);
    CHECK(bnn_pipeline_take(pipeline, 2, NEVER, &count) == BNN_OK && count == 1);
    bnn_pipeline_stop(pipeline);
    CHECK(bnn_pipeline_begin(pipeline, 0, 0, &turn, &number) == BNN_STOPPED);
    CHECK(bnn_pipeline_room(pipeline, 0, NEVER, &count) == BNN_STOPPED);
    CHECK(bnn_pipeline_take(pipeline, 2, FOREVER, &count) == BNN_STOPPED && count == 1);
    CHECK(bnn_pipeline_take(pipeline, 1, FOREVER, &count) == BNN_OK && count == 1);
    bnn_pipeline_destroy(pipeline);
}

/* A stage that leaves its core, as if the system had moved it, fails with the name of the core. */
static bnn_status leave(void *context)
{
    return sched_setaffinity(0, sizeof(cpu_set_t), context) == 0 ? BNN_OK : BNN_UNSUPPORTED;
}

static void test_lost_core(void)
{
    cpu_set_t allowed, other;
    int cores[2], found = 0;
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET(i, &allowed))
            cores[found++] = i;
    if (found < 2) {
        printf("lost cores: not tested: there is one core only\n");
        return;
    }
    CPU_ZERO(&other);
    CPU_SET(cores[1], &other);
    const bnn_work away = {leave, &other};
    for (size_t kept = 1; kept <= 2; kept++) {
        const bnn_stage stage = {
            .work = &away, .work_count = 1, .cores = cores, .core_count = kept};
        bnn_pipeline *pipeline;
        uint32_t count = 0;
        char expected[32];
        snprintf(expected, sizeof expected, "core %d has been taken away", cores[0]);
        CHECK(make(&stage, 1, 2, &pipeline) == BNN_OK);
        CHECK(bnn_pipeline_start(pipeline) == BNN_OK);
        CHECK(bnn_pipeline_put(pipeline, 2) == BNN_OK);
        CHECK(bnn_pipeline_take(pipeline, 2, FOREVER, &count) == BNN_FAILED && count == 1);
        CHECK(bnn_pipeline_release(pipeline, 1) == BNN_OK);
        CHECK(bnn_pipeline_take(pipeline, 1, FOREVER, &count) == BNN_FAILED && count == 0);
        CHECK(strstr(bnn_last_error(), expected) != NULL);
        bnn_pipeline_destroy(pipeline);
    }
}

static void test_fork(void)
{
    bnn_pipeline *pipeline;
    const bnn_stage stages[1] = {{.work = &nothing, .work_count = 1}};
    uint32_t count;
    int status = 1;
    CHECK(make(stages, 1, 1, &pipeline) == BNN_OK);
    CHECK(bnn_pipeline_start(pipeline) == BNN_OK);
    const pid_t child = fork();
    if (child == 0) {
        const bool refused = bnn_pipeline_put(pipeline, 1) == BNN_UNSUPPORTED &&
                             bnn_pipeline_take(pipeline, 1, FOREVER, &count) == BNN_UNSUPPORTED;
        bnn_pipeline_destroy(pipeline);
        _exit(refused ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(bnn_pipeline_put(pipeline, 1) == BNN_OK);
    CHECK(bnn_pipeline_take(pipeline, 1, FOREVER, &count) == BNN_OK && count == 1);
    bnn_pipeline_destroy(pipeline);
}

int main(void)
{
    test_refusals();
    test_calls();
    test_fork();
    test_lost_core();
    test_order();
    test_failure();
    test_stop();
    test_watching();
    printf("%d failures\n", failures);
    return failures != 0;
}
