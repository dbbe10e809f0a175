#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Between two rounds of killing. The first nearly always suffices; a tree that forks while it dies needs more.
#define SWEEP_MS 20

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// MARK: Start

/// Agents count from 1000 up, so that the numbers below stay free for what a restore brings along.
static struct fault raise_first_pid(void) {
    int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, "999", 3) != 3) return (struct fault){SANDBOX_STEP_FIRST_PID, errno, 0};
    close(file);
    return (struct fault){0};
}

/// A sandbox for a restore: process numbers stay low, for CRIU's own processes; the tree brings its numbers along.
static struct fault await_restore(struct init *init) {
    struct fault fault = view_make(&init->plan);
    if (!fault.step) fault = terminal_make(init);
    if (fault.step) return fault;
    init->agent = init->plan.head.restore_root;
    init->phase = SANDBOX_AWAITING;
    link_report(init, SANDBOX_READY);
    return fault;
}

/// The agent's process is made before the mounts: it joins its control groups meanwhile, which takes the kernel milliseconds. Its terminal lies
/// in the mounts, so with one they come first.
static struct fault start(struct init *init) {
    if (init->plan.head.restore_root > 0) return await_restore(init);
    bool namespaces = init->plan.head.namespaces;
    struct fault fault = namespaces ? raise_first_pid() : (struct fault){0};
    bool mounts_first = namespaces && init->plan.head.terminal;
    if (!fault.step && mounts_first) fault = view_make(&init->plan);
    if (!fault.step) fault = terminal_make(init);
    if (!fault.step) fault = agent_fork(init);
    if (!fault.step && namespaces && !mounts_first) fault = view_make(&init->plan);
    if (!fault.step) agent_go(init);
    return fault;
}

static void drop_writers(const struct init *init) {
    close(SANDBOX_FD_OUT_WRITE);
    close(SANDBOX_FD_ERR_WRITE);
    for (uint32_t i = 0; i < init->plan.head.group_count; i++) close(SANDBOX_FD_GROUPS + (int)i);
}

static void never_ran(struct init *init, struct fault fault) {
    init->phase = SANDBOX_NEVER_RAN;
    init->fault = fault;
    init->clearing = true;
    if (init->start >= 0) close(init->start);
    init->start = -1;
    link_report(init, SANDBOX_FAILED);
}

/// Gives the pages of the program that only the start needed back. They are clean copies of the file; what runs on is read in again.
static void shed_start_pages(void) {
    extern char __executable_start, __etext;
    char *first = &__executable_start;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    madvise(first, (size_t)(&__etext - first) / page * page, MADV_DONTNEED);
}

void learn_start(struct init *init) {
    struct fault fault;
    ssize_t count = read(init->start, &fault, sizeof fault);
    if (count < 0 && errno == EINTR) return;
    if (count == (ssize_t)sizeof fault) return never_ran(init, fault);
    close(init->start);
    init->start = -1;
    init->phase = SANDBOX_RUNNING;
    link_report(init, SANDBOX_STARTED);
    shed_start_pages();
}

/// The restore is finished, and CRIU's end made us the root's parent.
static void take_restored(struct init *init) {
    if (init->phase != SANDBOX_AWAITING || init->clearing) return;
    siginfo_t none;
    if (!init->root_ended && waitid(P_PID, (id_t)init->agent, &none, WEXITED | WNOHANG | WNOWAIT) != 0)
        return never_ran(init, (struct fault){SANDBOX_STEP_RESTORED, errno, 0});
    if (!init->root_ended) init->agent_handle = pidfd_open(init->agent, 0);
    init->phase = SANDBOX_RUNNING;
    link_report(init, SANDBOX_STARTED);
    shed_start_pages();
    if (!init->root_ended) return;
    init->agent = 0;
    init->clearing = true;
    init->phase = SANDBOX_OVER;
    link_report(init, SANDBOX_ENDED);
}

// MARK: End

static void stop(struct init *init) {
    if (init->stopping) return;
    init->stopping = true;
    init->adopt_until = -1;
    if (init->phase != SANDBOX_RUNNING) {
        init->clearing = true;
        return;
    }
    tree_thaw(init);
    pidfd_send_signal(init->agent_handle, init->plan.head.stop_signal, NULL, 0);
    init->kill_at = now_ms() + init->plan.head.stop_deadline;
}

/// Ends this process, and with it the sandbox. Nobody else would remove the empty control groups when no supervisor is there.
static _Noreturn void leave(const struct init *init) {
    const char *group = init->plan.groups;
    for (uint32_t i = 0; i < init->plan.head.group_count && init->link < 0; i++, group = plan_next(group)) rmdir(group);
    _exit(0);
}

static void clear(struct init *init) {
    bool children = tree_reap(init);
    if (!init->clearing || init->empty) return;
    if (children) {
        tree_kill(init);
        children = tree_reap(init);
    }
    init->sweep_at = children ? now_ms() + SWEEP_MS : -1;
    if (children) return;
    init->empty = true;
    init->kill_at = -1;
    link_report(init, SANDBOX_EMPTY);
}

// MARK: The loop

static void heed_deadlines(struct init *init) {
    int64_t now = now_ms();
    if (init->phase == SANDBOX_AWAITING && init->link < 0) stop(init);  // nobody could finish it
    if (init->adopt_until >= 0 && now >= init->adopt_until) stop(init);
    if (init->kill_at >= 0 && now >= init->kill_at) {
        init->kill_at = -1;
        init->clearing = true;
    }
    if (init->stopping && init->empty && init->link < 0) leave(init);
}

static int time_left(const struct init *init) {
    int64_t at = -1, all[3] = {init->adopt_until, init->kill_at, init->sweep_at};
    for (int i = 0; i < 3; i++)
        if (all[i] >= 0 && (at < 0 || all[i] < at)) at = all[i];
    if (at < 0) return -1;
    int64_t left = at - now_ms();
    return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static void obey(struct init *init) {
    struct gifts gifts;
    int order = link_order(init, &gifts);
    if (order == SANDBOX_KILL) init->clearing = true;
    if (order == SANDBOX_SERVE) pages_serve(init, &gifts);
    if (order == SANDBOX_RESTORED) take_restored(init);
    for (size_t i = 0; i < gifts.count; i++) close(gifts.descriptors[i]);
    if (order == SANDBOX_ACKNOWLEDGE && init->empty) leave(init);
}

static _Noreturn void serve(struct init *init, int signals) {
    for (;;) {
        clear(init);
        heed_deadlines(init);
        if (init->clearing && !init->empty && init->sweep_at < 0) continue;
        struct pollfd ready[4] = {
            {.fd = signals, .events = POLLIN},
            {.fd = init->listener, .events = POLLIN},
            {.fd = init->link, .events = POLLIN},  // a negative one is ignored, see poll(2)
            {.fd = init->start, .events = POLLIN},
        };
        if (poll(ready, 4, time_left(init)) <= 0) continue;
        struct signalfd_siginfo signal;
        while (ready[0].revents && read(signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
            if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) stop(init);
        if (ready[3].revents && init->start >= 0) learn_start(init);
        if (ready[2].revents && init->link >= 0) obey(init);
        if (ready[1].revents) link_accept(init);
    }
}

int main(void) {
    struct init init = {
        .link = SANDBOX_FD_LINK, .listener = SANDBOX_FD_LISTENER, .out = SANDBOX_FD_OUT_READ, .err = SANDBOX_FD_ERR_READ,
        .freezer = -1, .terminal = -1, .start = -1, .agent_handle = -1, .phase = SANDBOX_STARTING, .adopt_until = -1, .kill_at = -1, .sweep_at = -1,
    };
    (void)!chdir("/");
    setsid();  // what the terminal sends to the runner is not for the sandbox
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) _exit(1);

    struct fault fault = plan_read(&init.plan, SANDBOX_FD_PLAN);
    if (!fault.step && !init.plan.head.namespaces && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        fault = (struct fault){SANDBOX_STEP_FORK, errno, 0};
    if (!fault.step && init.plan.head.has_freezer) init.freezer = SANDBOX_FD_GROUPS + (int)init.plan.head.group_count;
    if (!fault.step) fault = start(&init);
    close(SANDBOX_FD_PLAN);
    drop_writers(&init);
    if (fault.step) never_ran(&init, fault);
    serve(&init, signals);
}
