/* A team of threads, pinned to cores, that lives across many runs of programs.
 *
 * The calling thread is member 0. The others spin for a short while between runs and then sleep.
 * One program runs on a team at a time; different teams run at the same time.
 */
#ifndef BNNPLAN_TEAM_H
#define BNNPLAN_TEAM_H

#include <bnnplan/kernel.h>

typedef struct bnn_team bnn_team;

/* A team of `threads` members, member i pinned to core cores[i]; not pinned if cores is NULL.
 * Cores must differ, and the calling thread must be allowed to use them. While a program runs,
 * the calling thread is pinned too; afterwards it has its former affinity again. */
bnn_status bnn_team_create(const int *cores, int threads, bnn_team **team);

/* NULL is allowed. No program may be running on the team. */
void bnn_team_destroy(bnn_team *team);

int bnn_team_threads(const bnn_team *team);

#endif
