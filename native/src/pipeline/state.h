/* What a pipeline consists of. All counts are of 64 bits: they never wrap. */
#ifndef BNNPLAN_PIPELINE_STATE_H
#define BNNPLAN_PIPELINE_STATE_H

#include "pipeline/bell.h"

#include <bnnplan/pipeline.h>
#include <pthread.h>
#include <sched.h>

enum { BNN_MESSAGE = 256 };

typedef struct stream stream;

/* A turn that is kept: read while it may be overwritten, see record.c. */
typedef struct {
    _Atomic uint64_t number, begin_ns, end_ns;
} record;

typedef struct stage {
    bnn_bell bell;
    _Alignas(64) _Atomic uint64_t ended; /* turns; written by the thread of the stage alone */
    _Atomic uint64_t busy_ns;
    _Alignas(64) stream *stream; /* the rest is written by the thread of the stage, or never */
    uint64_t number;             /* of the frame of its turn */
    uint64_t begun_ns;
    record *records; /* of turn t at t % (kept + 1); NULL: none are kept */
    bool in_turn;
    bool source; /* not the first stage, and no other makes what it reads */
    bnn_stage spec;
    struct stage **followers; /* stages that wait for this one */
    size_t follower_count;
    uint32_t index;
    cpu_set_t cores;
    pthread_t thread;
    bool started;
} stage;

struct stream {
    bnn_pipeline *pipeline;
    stage *stages;
    size_t stage_count;
    uint32_t index;
    uint64_t *numbers; /* of the frame of turn t at t % window */
    _Alignas(64) _Atomic uint64_t begun; /* turns of the first stage */
    atomic_bool closed;                  /* the first stage begins no more */
};

/* A place for a frame. */
typedef struct {
    _Alignas(64) _Atomic uint64_t computed; /* number + 1 of the last frame computed in it */
    _Atomic uint32_t left;                  /* stages that have not ended it */
    uint64_t begin_ns, end_ns;
} slot;

struct bnn_pipeline {
    stream *streams;
    slot *slots;
    uint32_t stream_count;
    uint32_t window;
    uint32_t kept; /* turns of every stage */
    uint32_t forks; /* of the process, when the pipeline was made */
    bool started;
    pthread_mutex_t failing; /* guards what follows */
    uint32_t failed_stream, failed_stage;
    char message[BNN_MESSAGE];
    _Alignas(64) _Atomic uint64_t limit; /* number of the first frame that failed; else UINT64_MAX */
    atomic_bool stopped;
    _Alignas(64) _Atomic uint64_t put;
    _Alignas(64) _Atomic uint64_t claimed; /* by the first stages */
    _Alignas(64) _Atomic uint64_t computed; /* all before this are */
    _Alignas(64) _Atomic uint64_t released;
    bnn_bell putter; /* waits for slots */
    bnn_bell taker;  /* waits for computed frames */
};

/* frames.c */

/* Take the next frame for a stream whose first stage is free; false: there is none. */
bool bnn_frame_claim(bnn_pipeline *pipeline, uint64_t *number);

/* One stage less that has to end the frame. */
void bnn_frame_end_stage(bnn_pipeline *pipeline, uint64_t number, uint64_t now);

/* turn.c */

/* Wait for the next turn of a stage, and begin it; BNN_STOPPED: there is none. */
bnn_status bnn_turn_begin(stage *self);

/* End the turn, and let others have what it made. */
void bnn_turn_end(stage *self);

/* End the turn in vain. */
void bnn_turn_fail(stage *self, const char *message);

/* record.c */

/* Keep the turn that ends: before it is counted. */
void bnn_turn_keep(stage *self, uint64_t turn, uint64_t now);

/* failure.c */

/* No frame from that of the stage on is computed any more. */
void bnn_pipeline_fail(const stage *self, const char *message);

/* Make everyone who waits look again. */
void bnn_pipeline_alarm(bnn_pipeline *pipeline);

/* Fails if there is no pipeline, or it was made before fork(). */
bnn_status bnn_pipeline_check(const bnn_pipeline *pipeline);

/* thread.c */

/* Wait for the threads that have been started. */
void bnn_pipeline_join(bnn_pipeline *pipeline);

#endif
