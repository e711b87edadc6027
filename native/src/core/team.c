#define _GNU_SOURCE
#include "core/team_internal.h"

#include "core/cores.h"
#include "core/error.h"
#include "core/fork.h"
#include "core/memory.h"
#include "core/wait.h"

#include <pthread.h>

enum { MOST_THREADS = 1024 };

typedef struct {
    bnn_signal call; /* raised to start a job, or to end the thread if there is none */
    bnn_team *team;
    pthread_t thread;
    int member; /* of the running job */
} worker;

struct bnn_team {
    bnn_signal passed; /* raised when all have arrived at a barrier */
    _Alignas(64) _Atomic int arrived;
    _Alignas(64) bnn_job job;
    void *context;
    pthread_mutex_t busy;
    uint32_t forks; /* of the process, when the team was made */
    int threads;
    int started; /* workers: all, or none in a team of one */
    bool pinned;
    cpu_set_t *masks; /* one a core */
    cpu_set_t cores;  /* all of them */
    worker *workers;  /* one a core: the caller takes the place of any of them */
};

static void *work(void *argument)
{
    worker *self = argument;
    bnn_team *team = self->team;
    for (uint32_t seen = 0;; seen++) {
        bnn_signal_wait(&self->call, seen);
        if (team->job == NULL)
            return NULL;
        team->job(team->context, self->member);
    }
}

void bnn_team_barrier(bnn_team *team, int members)
{
    uint32_t before = atomic_load(&team->passed.value);
    if (atomic_fetch_add(&team->arrived, 1) == members - 1) {
        atomic_store(&team->arrived, 0);
        bnn_signal_raise(&team->passed);
    } else {
        bnn_signal_wait(&team->passed, before);
    }
}

/* The core that the calling thread is on, if it is one of the team; else -1. */
static int core_of_caller(const bnn_team *team)
{
    const int core = team->pinned ? sched_getcpu() : -1;
    return core >= 0 && CPU_ISSET(core, &team->cores) ? core : -1;
}

/* Keep the calling thread on the cores of the team. Changing its affinity costs microseconds, so
 * nothing is done where it cannot leave them anyway, or is there and will hardly be moved while it
 * runs a brief job. Returns whether `former` must be restored. */
static bool keep_caller(const bnn_team *team, bool brief, cpu_set_t *former)
{
    if (!team->pinned || (brief && core_of_caller(team) >= 0) ||
        sched_getaffinity(0, sizeof *former, former) != 0)
        return false;
    cpu_set_t inside;
    CPU_AND(&inside, former, &team->cores);
    if (CPU_EQUAL(&inside, former))
        return false;
    return sched_setaffinity(0, sizeof team->cores, &team->cores) == 0;
}

/* The worker in whose place the calling thread is: the one that is pinned to the same core. */
static int place_of_caller(const bnn_team *team)
{
    const int core = core_of_caller(team);
    for (int i = 0; core >= 0 && i < team->threads; i++)
        if (CPU_ISSET(core, &team->masks[i]))
            return i;
    return 0;
}

bnn_status bnn_team_run(bnn_team *team, int members, bool brief, bnn_job job, void *context)
{
    if (team->forks != bnn_forks())
        return bnn_fail(BNN_UNSUPPORTED,
                        "a thread team made before fork() cannot run in the child process");
    pthread_mutex_lock(&team->busy);
    cpu_set_t former;
    bool moved = keep_caller(team, brief, &former);
    team->job = job;
    team->context = context;
    const int place = members > 1 ? place_of_caller(team) : 0;
    for (int member = 1; member < members; member++) {
        worker *next = &team->workers[(place + member) % team->threads];
        next->member = member;
        bnn_signal_raise(&next->call);
    }
    job(context, 0);
    if (moved)
        sched_setaffinity(0, sizeof former, &former);
    pthread_mutex_unlock(&team->busy);
    return BNN_OK;
}

static bnn_status read_cores(bnn_team *team, const int *cores)
{
    if (cores == NULL)
        return BNN_OK;
    team->pinned = true;
    for (int i = 0; i < team->threads; i++) {
        CPU_ZERO(&team->masks[i]);
        if (cores[i] >= 0 && cores[i] < CPU_SETSIZE)
            CPU_SET(cores[i], &team->masks[i]);
    }
    return bnn_read_cores(cores, (size_t)team->threads, "team", &team->cores);
}

static bnn_status start_worker(bnn_team *team, int index)
{
    worker *self = &team->workers[index];
    self->team = team;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a thread");
    if (team->pinned)
        pthread_attr_setaffinity_np(&attributes, sizeof(cpu_set_t), &team->masks[index]);
    int failure = pthread_create(&self->thread, &attributes, work, self);
    pthread_attr_destroy(&attributes);
    if (failure != 0)
        return bnn_fail(BNN_NO_MEMORY, "thread %d of a team cannot be started", index);
    return BNN_OK;
}

/* End the workers that have been started, and free the team. */
static void dismiss(bnn_team *team)
{
    team->job = NULL;
    /* The threads of a team made before fork() are not in this process. */
    if (team->forks == bnn_forks())
        for (int i = 0; i < team->started; i++) {
            bnn_signal_raise(&team->workers[i].call);
            pthread_join(team->workers[i].thread, NULL);
        }
    pthread_mutex_destroy(&team->busy);
    free(team->masks);
    free(team->workers);
    free(team);
}

bnn_status bnn_team_create(const int *cores, int threads, bnn_team **result)
{
    if (result == NULL || threads < 1 || threads > MOST_THREADS)
        return bnn_fail(BNN_BAD_ARGUMENT, "a team has 1 to %d threads, not %d", MOST_THREADS,
                        threads);
    bnn_team *team = bnn_allocate(sizeof *team);
    if (team == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a team of threads");
    pthread_mutex_init(&team->busy, NULL);
    team->threads = threads;
    team->forks = bnn_forks();
    team->masks = bnn_allocate((size_t)threads * sizeof *team->masks);
    team->workers = bnn_allocate((size_t)threads * sizeof *team->workers);
    bnn_status status = BNN_OK;
    if (team->masks == NULL || team->workers == NULL)
        status = bnn_fail(BNN_NO_MEMORY, "no memory for a team of threads");
    if (status == BNN_OK)
        status = read_cores(team, cores);
    while (status == BNN_OK && threads > 1 && team->started < threads) {
        status = start_worker(team, team->started);
        if (status == BNN_OK)
            team->started++;
    }
    if (status != BNN_OK) {
        dismiss(team);
        return status;
    }
    *result = team;
    return BNN_OK;
}

void bnn_team_destroy(bnn_team *team)
{
    if (team != NULL)
        dismiss(team);
}

int bnn_team_threads(const bnn_team *team)
{
    return team == NULL ? 0 : team->threads;
}
