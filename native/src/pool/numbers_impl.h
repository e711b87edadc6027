/* Loops that pool one window; channels side by side. */
#include "numbers/lanes.h"

/* As numpy's maximum and minimum, NaN wins. Integers are never unequal to themselves.
 *
 * Vectors keep the largest element so far in registers; the channels that do not fill one, and
 * windows in which some channels want the smallest, go element by element. */
#define MAX_POOL(NAME, T, MASK)                                                             \
    typedef T NAME##_vector __attribute__((vector_size(4 * LANES)));                        \
    typedef MASK NAME##_mask __attribute__((vector_size(4 * LANES)));                       \
    enum { NAME##_LANES = 4 * LANES / sizeof(T) };                                          \
                                                                                            \
    BNN_INLINE void NAME##_block(const bnn_pool_window *window, int64_t from, int vectors)  \
    {                                                                                       \
        const T *input = (const T *)window->input + from;                                   \
        NAME##_vector best[POOL_VECTORS];                                                   \
        memcpy(best, input, (size_t)vectors * sizeof *best);                                \
        for (int64_t row = 0; row < window->rows; row++, input += window->row_stride)       \
            for (int64_t column = row == 0; column < window->columns; column++) {           \
                const T *place = input + column * window->column_stride;                    \
                BNN_UNROLL for (int v = 0; v < vectors; v++)                                \
                {                                                                           \
                    NAME##_vector x;                                                        \
                    memcpy(&x, place + v * NAME##_LANES, sizeof x);                         \
                    const NAME##_mask better = (x > best[v]) | (x != x);                    \
                    best[v] = (NAME##_vector)(((NAME##_mask)x & better) |                   \
                                              ((NAME##_mask)best[v] & ~better));            \
                }                                                                           \
            }                                                                               \
        memcpy((T *)window->output + from, best, (size_t)vectors * sizeof *best);           \
    }                                                                                       \
                                                                                            \
    static void NAME(const bnn_pool_window *window)                                         \
    {                                                                                       \
        const int64_t count = window->count;                                                \
        int64_t from = 0;                                                                   \
        if (window->minimum == NULL) {                                                      \
            for (; from + POOL_VECTORS * NAME##_LANES <= count;                             \
                 from += POOL_VECTORS * NAME##_LANES)                                       \
                NAME##_block(window, from, POOL_VECTORS);                                   \
            for (; from + NAME##_LANES <= count; from += NAME##_LANES)                      \
                NAME##_block(window, from, 1);                                              \
        }                                                                                   \
        for (; from < count; from++) {                                                      \
            const T *x = (const T *)window->input + from;                                   \
            const int least = window->minimum != NULL && window->minimum[from];             \
            T best = *x;                                                                    \
            for (int64_t row = 0; row < window->rows; row++, x += window->row_stride)       \
                for (int64_t column = 0; column < window->columns; column++) {              \
                    const T other = x[column * window->column_stride];                      \
                    if ((least ? other < best : other > best) || other != other)            \
                        best = other;                                                       \
                }                                                                           \
            ((T *)window->output)[from] = best;                                             \
        }                                                                                   \
    }
enum { POOL_VECTORS = 4 };
MAX_POOL(max_pool_uint8, uint8_t, int8_t)
MAX_POOL(max_pool_int8, int8_t, int8_t)
MAX_POOL(max_pool_int32, int32_t, int32_t)
MAX_POOL(max_pool_float32, float, int32_t)
#undef MAX_POOL

#define AVERAGE_POOL(NAME, T)                                                               \
    static void NAME(const bnn_pool_window *window) {                                       \
        float *restrict y = window->output;                                                 \
        for (int64_t i = 0; i < window->count; i++) y[i] = 0.0f;                            \
        for (int64_t row = 0; row < window->rows; row++)                                    \
            for (int64_t column = 0; column < window->columns; column++) {                  \
                const T *restrict x = (const T *)window->input + row * window->row_stride + \
                                      column * window->column_stride;                       \
                for (int64_t i = 0; i < window->count; i++) y[i] += (float)x[i];            \
            }                                                                               \
        for (int64_t i = 0; i < window->count; i++) y[i] /= window->divisor;                \
    }
AVERAGE_POOL(average_pool_int32, int32_t)
AVERAGE_POOL(average_pool_float32, float)
#undef AVERAGE_POOL
