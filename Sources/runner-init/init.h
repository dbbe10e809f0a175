// runner-init: the first process of every sandbox. It starts one agent, reaps for ever, remembers how the agent ended, lets nothing of its
// tree outlive it, and keeps all that for the next supervisor when the present one dies. One thread; nothing is allocated after the start.
#pragma once
#include "sandbox_wire.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/// The plan, with its strings found. Everything points into the mapped memfd.
struct plan {
    struct sandbox_plan head;
    const char *working_directory, *host_name, *doors, *doors_inside;
    /// Each the first of `head.…_count` strings that follow one another.
    const char *hidden, *binds, *groups, *arguments, *variables;
};

/// Why the agent could not be started. `step` 0: it could.
struct fault {
    int32_t step, error, index;
};

struct init {
    struct plan plan;
    /// The connection to the supervisor; -1 while there is none.
    int link;
    int listener, out, err;
    /// Master side of the agent's terminal; -1: it has none.
    int terminal;
    /// The freezer's state file; -1: none.
    int freezer;
    /// Readable when the agent was executed (end of file) or could not be (a `struct fault`); -1 once that is known.
    int start;
    pid_t agent;
    /// -1 once the agent was reaped.
    int agent_handle;
    enum sandbox_phase phase;
    struct fault fault;
    /// Wait status, in SANDBOX_OVER.
    int status;
    /// In SANDBOX_AWAITING: the restored root has died already, with `status`.
    bool root_ended;
    /// Everything is being killed.
    bool clearing;
    /// Nothing but this process is left.
    bool empty;
    /// The sandbox is ending on its own: nobody adopted it, or it was told to by SIGTERM.
    bool stopping;
    /// The process that brings the memory of what was restored in; 0: none, or it is done.
    pid_t pages;
    /// Wait status of the last of them.
    int pages_status;
    /// Milliseconds of the monotonic clock; -1: never.
    int64_t adopt_until, kill_at, sweep_at;
};

/// What came with an order.
struct gifts {
    int descriptors[3];
    size_t count;
    char program[SANDBOX_PROGRAM_LIMIT];
};

int64_t now_ms(void);
/// Reads from the start channel whether the agent was executed: end of file says yes. Waits until it is known.
void learn_start(struct init *init);

// plan.c
struct fault plan_read(struct plan *plan, int descriptor);
/// The string after `text`.
const char *plan_next(const char *text);

// mounts.c: what makes the agent's view of the machine. Only as pid 1 of a mount namespace.
struct fault view_make(const struct plan *plan);

// terminal.c: the agent's terminal. Made here, so that it lies in the sandbox's mounts and stays while supervisors come and go.
struct fault terminal_make(struct init *init);
/// In the agent's process, a new session's leader: makes the terminal its controlling one and its standard streams. - Returns: whether.
bool terminal_take(const struct plan *plan, int master);

// agent.c
/// Starts the agent's process. It joins its control groups at once and waits for `agent_go` before it does anything else.
struct fault agent_fork(struct init *init);
void agent_go(struct init *init);

// tree.c: the agent's processes.
/// Reaps whatever ended. - Returns: false when there is no child at all, so nothing of the tree is left.
bool tree_reap(struct init *init);
/// Kills everything but this process, once.
void tree_kill(struct init *init);
void tree_thaw(struct init *init);
/// Whether `pid` descends from this process.
bool tree_holds(pid_t pid);

// link.c: the connection to the supervisor.
void link_report(struct init *init, enum sandbox_report_kind kind);
void link_lose(struct init *init);
/// Takes what came on the connection. - Returns: the order's kind; 0: none, or the connection is lost. The descriptors are the caller's.
int link_order(struct init *init, struct gifts *gifts);
/// Lets in whoever waits at the listener, if there is no other and it may.
void link_accept(struct init *init);

// pages.c: the process that serves the memory of a lazy restore (userfaultfd). It is our child, so that whoever supervises may come and go.
void pages_serve(struct init *init, const struct gifts *gifts);
/// It ended with `status`, a wait status.
void pages_ended(struct init *init, int status);
