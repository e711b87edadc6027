/* What programs see of a team. */
#ifndef BNNPLAN_CORE_TEAM_INTERNAL_H
#define BNNPLAN_CORE_TEAM_INTERNAL_H

#include <bnnplan/team.h>
#include <stdbool.h>

typedef void (*bnn_job)(void *context, int thread);

/* Run job(context, i) on members 0 .. members - 1, the caller being member 0. The job must end
 * with a bnn_team_barrier if there is more than one member. A `brief` one takes so little time
 * that keeping the caller on its core would cost a share of it. */
bnn_status bnn_team_run(bnn_team *team, int members, bool brief, bnn_job job, void *context);

/* Wait until all `members` of the running job have come here. */
void bnn_team_barrier(bnn_team *team, int members);

#endif
