#define _POSIX_C_SOURCE 200809L
#include <bnnplan/peak.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/team_internal.h"
#include "peak/loops.h"

#include <time.h>

enum {
    SAMPLE_NS = 50000, /* short beside a time slice of the scheduler */
    MOST_SAMPLES = 4096,
    LEAST_SAMPLES = 5,
    SLICE = 256 * BNN_PEAK_GRAIN, /* bytes of one pass over larger memory */
    MOST_SECONDS = 10
};

typedef struct {
    bnn_peak_loop loop;
    size_t bytes; /* of each thread's data */
    uint64_t nanoseconds;
    int threads;
    bnn_team *team;
    double *rates; /* of each thread; 0 if there was no memory */
} measurement;

/* One thread's data, and how far it has come in it. */
typedef struct {
    char *data;
    size_t bytes, slice, at;
    uint64_t seen;
} walk;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Memory full of a pattern; NULL if there is none. */
static char *filled(size_t bytes, uint32_t pattern)
{
    char *data = aligned_alloc(BNN_ALIGNMENT, bnn_round_up(bytes, BNN_ALIGNMENT));
    if (data == NULL)
        return NULL;
    for (size_t i = 0; i < bytes; i += sizeof pattern)
        memcpy(data + i, &pattern, sizeof pattern);
    return data;
}

/* Nanoseconds of so many passes. */
static uint64_t sample(bnn_peak_pass pass, walk *walk, uint64_t passes)
{
    const uint64_t start = now();
    for (uint64_t i = 0; i < passes; i++) {
        walk->seen += pass(walk->data + walk->at, walk->slice);
        walk->at += walk->slice;
        if (walk->bytes - walk->at < walk->slice)
            walk->at = 0;
    }
    return now() - start;
}

/* The number of passes that take about SAMPLE_NS; one sample alone may have been interrupted. */
static uint64_t passes_of_a_sample(bnn_peak_pass pass, walk *walk)
{
    uint64_t passes = 1;
    while (sample(pass, walk, passes) < SAMPLE_NS / 2 ||
           sample(pass, walk, passes) < SAMPLE_NS / 2)
        passes *= 2;
    return passes;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Passes a second. */
static double rate(bnn_peak_pass pass, walk *walk, uint64_t nanoseconds, uint64_t *samples)
{
    const uint64_t end = now() + nanoseconds;
    const uint64_t passes = passes_of_a_sample(pass, walk);
    size_t count = 0;
    do
        samples[count++] = sample(pass, walk, passes);
    while (count < LEAST_SAMPLES || (count < MOST_SAMPLES && now() < end));
    qsort(samples, count, sizeof *samples, by_value);
    return (double)passes * 1e9 / (double)(samples[count / 4] + 1);
}

/* Work a second of the faster loop. */
static double best_rate(const measurement *m, walk *walk, uint64_t *samples)
{
    int loops = 0;
    while (loops < BNN_PEAK_PASSES && m->loop.passes[loops] != NULL)
        loops++;
    double best = 0;
    for (int i = 0; i < loops; i++) {
        const double found =
            rate(m->loop.passes[i], walk, m->nanoseconds / (uint64_t)loops, samples);
        best = found > best ? found : best;
    }
    return best * m->loop.work * (double)walk->slice;
}

static void measure(void *context, int thread)
{
    const measurement *m = context;
    walk walk = {.data = filled(m->bytes, m->loop.pattern),
                 .bytes = m->bytes,
                 .slice = m->bytes < SLICE ? m->bytes : SLICE};
    uint64_t *samples = malloc(MOST_SAMPLES * sizeof *samples);
    const bool ready = walk.data != NULL && samples != NULL;
    /* Threads that share a cache or the memory are measured while all of them use it. */
    bnn_team_barrier(m->team, m->threads);
    if (ready)
        m->rates[thread] = best_rate(m, &walk, samples);
    volatile uint64_t seen = walk.seen;
    (void)seen;
    free(walk.data);
    free(samples);
    bnn_team_barrier(m->team, m->threads);
}

static bnn_peak_loop loop_of(bnn_peak what, bnn_isa isa)
{
    const bnn_peak_loops *loops = bnn_peak_select(isa);
    switch (what) {
    case BNN_PEAK_COUNT: return loops->count;
    case BNN_PEAK_LOOKUP: return loops->lookup;
    case BNN_PEAK_BYTES: return loops->bytes;
    case BNN_PEAK_FLOATS: return loops->floats;
    case BNN_PEAK_READ: return loops->read;
    default:
        return (bnn_peak_loop){{bnn_peak_clock}, (double)BNN_PEAK_STEPS / BNN_PEAK_DATA, 1};
    }
}

bnn_status bnn_peak_measure(bnn_peak what, bnn_isa isa, size_t bytes, double seconds, int threads,
                            bnn_team *team, double *per_second)
{
    bnn_isa chosen;
    bnn_status status = bnn_isa_choose(isa, &chosen);
    if (status != BNN_OK)
        return status;
    if ((unsigned)what > BNN_PEAK_READ || per_second == NULL)
        return bnn_fail(BNN_BAD_ARGUMENT, "there is no ceiling number %d, or no room for it",
                        (int)what);
    if (!(seconds > 0 && seconds <= MOST_SECONDS))
        return bnn_fail(BNN_BAD_ARGUMENT, "a ceiling is measured for more than 0 and at most %d seconds, not %g",
                        MOST_SECONDS, seconds);
    if (threads < 1 || threads > bnn_team_threads(team))
        return bnn_fail(BNN_BAD_ARGUMENT, "a ceiling of %d threads on a team of %d", threads,
                        bnn_team_threads(team));
    if (what != BNN_PEAK_READ)
        bytes = BNN_PEAK_DATA;
    if (bytes < 4096 || bytes > BNN_MOST_ELEMENTS)
        return bnn_fail(BNN_BAD_ARGUMENT, "reading is measured from 4096 bytes on, not %zu",
                        bytes);
    const bnn_peak_loop loop = loop_of(what, chosen);
    if (loop.passes[0] == NULL)
        return bnn_fail(BNN_UNSUPPORTED, "instruction set %s has no such products",
                        bnn_isa_name(chosen));
    double *rates = bnn_allocate((size_t)threads * sizeof *rates);
    if (rates == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory to measure a ceiling");
    measurement m = {.loop = loop,
                     .bytes = bytes / BNN_PEAK_GRAIN * BNN_PEAK_GRAIN,
                     .nanoseconds = (uint64_t)(seconds * 1e9),
                     .threads = threads,
                     .team = team,
                     .rates = rates};
    status = bnn_team_run(team, threads, false, measure, &m);
    double sum = 0;
    for (int i = 0; status == BNN_OK && i < threads; i++) {
        if (rates[i] == 0)
            status = bnn_fail(BNN_NO_MEMORY, "no memory to measure a ceiling from %zu bytes",
                              bytes);
        sum += rates[i];
    }
    free(rates);
    if (status == BNN_OK)
        *per_second = sum;
    return status;
}
