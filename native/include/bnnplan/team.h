/* A team of threads, pinned to cores, that lives across many runs of programs.
 *
 * The calling thread is member 0. The others spin for a short while between runs and then sleep.
 * One program runs on a team at a time; different teams run at the same time.
 */
#ifndef BNNPLAN_TEAM_H
#define BNNPLAN_TEAM_H

#include <bnnplan/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bnn_team bnn_team;

/* A team of `threads` members, each pinned to one of `cores`; not pinned if cores is NULL.
 * Cores must differ, and the calling thread must be allowed to use them. While a program runs, the
 * calling thread, wherever among them it stands, takes the place of the member of that core. A
 * caller that may use other cores too is kept on those of the team for the run, at a cost of some
 * microseconds, and may use all of its own again afterwards. Programs that have run in less than
 * 0.2 ms only move a caller there that stands elsewhere: it mostly stays, and the next run is
 * free of that cost. */
bnn_status bnn_team_create(const int *cores, int threads, bnn_team **team);

/* NULL is allowed. No program may be running on the team. */
void bnn_team_destroy(bnn_team *team);

int bnn_team_threads(const bnn_team *team);

#ifdef __cplusplus
}
#endif

#endif
