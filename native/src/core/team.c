#define _GNU_SOURCE
#include "core/team_internal.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/wait.h"

#include <pthread.h>
#include <sched.h>

enum { MOST_THREADS = 1024 };

typedef struct {
    bnn_signal call; /* raised to start a job, or to end the thread if there is none */
    bnn_team *team;
    pthread_t thread;
    int index;
} worker;

struct bnn_team {
    bnn_signal passed; /* raised when all have arrived at a barrier */
    _Alignas(64) _Atomic int arrived;
    _Alignas(64) bnn_job job;
    void *context;
    pthread_mutex_t busy;
    uint32_t forks; /* of the process, when the team was made */
    int threads;
    bool pinned;
    cpu_set_t *masks; /* one a member */
    cpu_set_t cores;  /* of all members */
    worker *workers;  /* members 1 .. threads - 1 at index 0 .. threads - 2 */
};

/* Threads do not survive fork(); a team is only good in the process that made it. */
static _Atomic uint32_t forks;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

static void *work(void *argument)
{
    worker *self = argument;
    bnn_team *team = self->team;
    for (uint32_t seen = 0;; seen++) {
        bnn_signal_wait(&self->call, seen);
        if (team->job == NULL)
            return NULL;
        team->job(team->context, self->index);
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

/* Where the calling thread may run during a job: its own core if others run beside it, else any
 * core of the team. Returns whether `former` has to be restored. */
static bool pin_caller(const bnn_team *team, int members, cpu_set_t *former)
{
    if (!team->pinned || sched_getaffinity(0, sizeof *former, former) != 0)
        return false;
    const cpu_set_t *wanted = members > 1 ? &team->masks[0] : &team->cores;
    cpu_set_t outside;
    CPU_AND(&outside, former, wanted);
    if (CPU_EQUAL(&outside, former))
        return false;
    return sched_setaffinity(0, sizeof *wanted, wanted) == 0;
}

bnn_status bnn_team_run(bnn_team *team, int members, bnn_job job, void *context)
{
    if (team->forks != atomic_load(&forks))
        return bnn_fail(BNN_UNSUPPORTED,
                        "a thread team made before fork() cannot run in the child process");
    pthread_mutex_lock(&team->busy);
    cpu_set_t former;
    bool moved = pin_caller(team, members, &former);
    team->job = job;
    team->context = context;
    for (int i = 0; i < members - 1; i++)
        bnn_signal_raise(&team->workers[i].call);
    job(context, 0);
    if (moved)
        sched_setaffinity(0, sizeof former, &former);
    pthread_mutex_unlock(&team->busy);
    return BNN_OK;
}

static bnn_status read_cores(bnn_team *team, const int *cores)
{
    cpu_set_t allowed;
    if (cores == NULL)
        return BNN_OK;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return bnn_fail(BNN_UNSUPPORTED, "the cores that this process may use cannot be read");
    team->pinned = true;
    CPU_ZERO(&team->cores);
    for (int i = 0; i < team->threads; i++) {
        if (cores[i] < 0 || cores[i] >= CPU_SETSIZE || !CPU_ISSET(cores[i], &allowed))
            return bnn_fail(BNN_BAD_ARGUMENT, "core %d is none that this process may use",
                            cores[i]);
        if (CPU_ISSET(cores[i], &team->cores))
            return bnn_fail(BNN_BAD_ARGUMENT, "core %d stands twice in a team", cores[i]);
        CPU_SET(cores[i], &team->cores);
        CPU_ZERO(&team->masks[i]);
        CPU_SET(cores[i], &team->masks[i]);
    }
    return BNN_OK;
}

static bnn_status start_worker(bnn_team *team, int index)
{
    worker *self = &team->workers[index - 1];
    self->team = team;
    self->index = index;
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

/* Free a team of which members 0 .. started have been started. */
static void dismiss(bnn_team *team, int started)
{
    team->job = NULL;
    /* The threads of a team made before fork() are not in this process. */
    if (team->forks == atomic_load(&forks))
        for (int i = 0; i < started; i++) {
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
    pthread_once(&watch_once, watch_forks);
    bnn_team *team = bnn_allocate(sizeof *team);
    if (team == NULL)
        return bnn_fail(BNN_NO_MEMORY, "no memory for a team of threads");
    pthread_mutex_init(&team->busy, NULL);
    team->threads = threads;
    team->forks = atomic_load(&forks);
    team->masks = bnn_allocate((size_t)threads * sizeof *team->masks);
    team->workers = bnn_allocate((size_t)threads * sizeof *team->workers);
    bnn_status status = BNN_OK;
    if (team->masks == NULL || team->workers == NULL)
        status = bnn_fail(BNN_NO_MEMORY, "no memory for a team of threads");
    if (status == BNN_OK)
        status = read_cores(team, cores);
    int started = 0;
    while (status == BNN_OK && started < threads - 1) {
        status = start_worker(team, started + 1);
        if (status == BNN_OK)
            started++;
    }
    if (status != BNN_OK) {
        dismiss(team, started);
        return status;
    }
    *result = team;
    return BNN_OK;
}

void bnn_team_destroy(bnn_team *team)
{
    if (team != NULL)
        dismiss(team, team->threads - 1);
}

int bnn_team_threads(const bnn_team *team)
{
    return team == NULL ? 0 : team->threads;
}
