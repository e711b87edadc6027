/* Loops that pool neighbouring windows of one row; channels side by side. */
#include "numbers/lanes.h"

/* As numpy's maximum and minimum, NaN wins; it is counted apart, for comparisons pass it by.
 * Integers are never unequal to themselves.
 *
 * Vectors keep the largest element so far in registers; the channels that do not fill one, and
 * windows in which some channels want the smallest, go element by element. */
#define MAX_POOL(NAME, T, MASK, NOT_A_NUMBER)                                                 \
    typedef T NAME##_vector __attribute__((vector_size(4 * LANES)));                          \
    typedef MASK NAME##_mask __attribute__((vector_size(4 * LANES)));                         \
    enum { NAME##_LANES = 4 * LANES / sizeof(T) };                                            \
                                                                                              \
    BNN_INLINE void NAME##_block(const bnn_pool_row *row, const T *x, T *y, const int vectors) \
    {                                                                                         \
        NAME##_vector best[POOL_VECTORS];                                                     \
        NAME##_mask lost[POOL_VECTORS] = {{0}};                                               \
        BNN_UNROLL for (int v = 0; v < vectors; v++)                                          \
            memcpy(&best[v], x + v * NAME##_LANES, sizeof *best);                             \
        for (int64_t r = 0; r < row->rows; r++, x += row->row_stride)                         \
            for (int64_t c = 0; c < row->columns; c++)                                        \
                BNN_UNROLL for (int v = 0; v < vectors; v++)                                  \
                {                                                                             \
                    NAME##_vector tap;                                                        \
                    memcpy(&tap, x + c * row->column_stride + v * NAME##_LANES, sizeof tap);  \
                    best[v] = LARGER(NAME, tap, best[v]);                                     \
                    lost[v] |= tap != tap;                                                    \
                }                                                                             \
        BNN_UNROLL for (int v = 0; v < vectors; v++)                                          \
        {                                                                                     \
            const NAME##_vector unknown = NOT_A_NUMBER - (NAME##_vector){0};                  \
            best[v] = (NAME##_vector)(((NAME##_mask)unknown & lost[v]) |                      \
                                      ((NAME##_mask)best[v] & ~lost[v]));                     \
            memcpy(y + v * NAME##_LANES, &best[v], sizeof *best);                             \
        }                                                                                     \
    }                                                                                         \
                                                                                              \
    BNN_INLINE T NAME##_element(const bnn_pool_row *row, const T *x, const int least)         \
    {                                                                                         \
        T best = *x;                                                                          \
        for (int64_t r = 0; r < row->rows; r++, x += row->row_stride)                         \
            for (int64_t c = 0; c < row->columns; c++) {                                      \
                const T tap = x[c * row->column_stride];                                      \
                if ((least ? tap < best : tap > best) || tap != tap)                          \
                    best = tap;                                                               \
            }                                                                                 \
        return best;                                                                          \
    }                                                                                         \
                                                                                              \
    static void NAME(const bnn_pool_row *row)                                                 \
    {                                                                                         \
        enum { WIDE = POOL_VECTORS * NAME##_LANES };                                          \
        const T *x = row->input;                                                              \
        T *y = row->output;                                                                   \
        for (int64_t w = 0; w < row->windows; w++, x += row->window_stride, y += row->channels) { \
            int64_t i = 0;                                                                    \
            if (row->minimum == NULL) {                                                       \
                for (; i + WIDE <= row->count; i += WIDE)                                     \
                    NAME##_block(row, x + i, y + i, POOL_VECTORS);                            \
                for (; i + NAME##_LANES <= row->count; i += NAME##_LANES)                     \
                    NAME##_block(row, x + i, y + i, 1);                                       \
            }                                                                                 \
            for (; i < row->count; i++)                                                       \
                y[i] = NAME##_element(row, x + i, row->minimum != NULL && row->minimum[i]);   \
        }                                                                                     \
    }
enum { POOL_VECTORS = 4 };

#define LARGER(NAME, A, B)                                                                    \
    ((NAME##_vector)(((NAME##_mask)(A) & (A > B)) | ((NAME##_mask)(B) & ~(A > B))))
MAX_POOL(max_pool_uint8, uint8_t, int8_t, 0)
MAX_POOL(max_pool_int8, int8_t, int8_t, 0)
MAX_POOL(max_pool_int32, int32_t, int32_t, 0)
#undef LARGER
#define LARGER(NAME, A, B) larger(A, B)
MAX_POOL(max_pool_float32, float, int32_t, __builtin_nanf(""))
#undef LARGER
#undef MAX_POOL

/* Sums start at 0 and run over rows, then columns. */
#define AVERAGE_POOL(NAME, T)                                                                 \
    BNN_INLINE void NAME##_block(const bnn_pool_row *row, const T *x, float *y,               \
                                 const int vectors)                                           \
    {                                                                                         \
        typedef T vector __attribute__((vector_size(4 * LANES)));                             \
        vfloat sums[POOL_VECTORS] = {{0}};                                                    \
        for (int64_t r = 0; r < row->rows; r++, x += row->row_stride)                         \
            for (int64_t c = 0; c < row->columns; c++)                                        \
                BNN_UNROLL for (int v = 0; v < vectors; v++)                                  \
                {                                                                             \
                    vector tap;                                                               \
                    memcpy(&tap, x + c * row->column_stride + v * LANES, sizeof tap);         \
                    sums[v] += __builtin_convertvector(tap, vfloat);                          \
                }                                                                             \
        BNN_UNROLL for (int v = 0; v < vectors; v++)                                          \
            store(y + v * LANES, sums[v] / row->divisor);                                     \
    }                                                                                         \
                                                                                              \
    BNN_INLINE float NAME##_element(const bnn_pool_row *row, const T *x)                      \
    {                                                                                         \
        float sum = 0.0f;                                                                     \
        for (int64_t r = 0; r < row->rows; r++, x += row->row_stride)                         \
            for (int64_t c = 0; c < row->columns; c++)                                        \
                sum += (float)x[c * row->column_stride];                                      \
        return sum / row->divisor;                                                            \
    }                                                                                         \
                                                                                              \
    static void NAME(const bnn_pool_row *row)                                                 \
    {                                                                                         \
        const T *x = row->input;                                                              \
        float *y = row->output;                                                               \
        for (int64_t w = 0; w < row->windows; w++, x += row->window_stride, y += row->channels) { \
            int64_t i = 0;                                                                    \
            for (; i + POOL_VECTORS * LANES <= row->count; i += POOL_VECTORS * LANES)         \
                NAME##_block(row, x + i, y + i, POOL_VECTORS);                                \
            for (; i + LANES <= row->count; i += LANES)                                       \
                NAME##_block(row, x + i, y + i, 1);                                           \
            for (; i < row->count; i++)                                                       \
                y[i] = NAME##_element(row, x + i);                                            \
        }                                                                                     \
    }
AVERAGE_POOL(average_pool_int32, int32_t)
AVERAGE_POOL(average_pool_float32, float)
#undef AVERAGE_POOL
