/* A random pipeline whose stages compute numbers that tell which frames they were made of. */
#ifndef BNNPLAN_TESTS_TRIAL_H
#define BNNPLAN_TESTS_TRIAL_H

#include <bnnplan/pipeline.h>

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_TRIAL_STREAMS = 3, MOST_TRIAL_STAGES = 4, MOST_TRIAL_RING = 3, MOST_TRIAL_WINDOW = 6,
       MOST_TRIAL_KEPT = 8 };

struct trial;

/* A stage reads the frame's own number, and what some stages before it have made of it. It writes
 * to a ring if any other reads it, and to the window. */
typedef struct {
    struct trial *trial;
    uint32_t stream, index;
    bool reads[MOST_TRIAL_STAGES];
    bool foreign;
    uint64_t ring[MOST_TRIAL_RING];
    uint32_t ring_count;
    uint64_t results[MOST_TRIAL_WINDOW];
    void *number, *inputs[MOST_TRIAL_STAGES], *made, *result; /* set by bindings */
    uint64_t last;                                            /* number + 1 of its last turn */
    uint64_t random;
    pthread_t thread;
} trial_stage;

typedef struct trial {
    bnn_pipeline *pipeline;
    trial_stage stages[MOST_TRIAL_STREAMS][MOST_TRIAL_STAGES];
    uint32_t stream_count, stage_count, window;
    uint64_t numbers[MOST_TRIAL_WINDOW]; /* that the caller puts */
    _Atomic uint32_t streams[MOST_TRIAL_WINDOW]; /* that computed them */
    uint32_t failing_stage;
    uint64_t failing_number; /* from which on it fails; UINT64_MAX: never */
    uint32_t pause;          /* at most so many microseconds a turn */
    uint32_t kept;           /* turns of every stage */
} trial;

/* Make one and start it; `window` slots, any or no stages run by threads of the caller. */
void trial_start(trial *self, uint32_t window, bool foreign);

/* Whether the result of a computed frame, in its slot, is what its stream must make of it. */
bool trial_holds(const trial *self, uint64_t number);

/* Whether what is kept of the turns of all stages can be; of a pipeline at rest: and all of it. */
bool trial_keeps(const trial *self, bool at_rest);

/* Wait for the threads, and free the pipeline. */
void trial_end(trial *self);

/* Sleep for up to so many microseconds. */
void trial_pause(uint64_t *random, uint32_t most);

#endif
