// What a supervisor and `runner-init` say to each other. Both sides are built together, so these are plain C structs of the host's byte
// order; `wire` is raised when one of them changes, and a supervisor of another build is told apart by it.
#pragma once
#include <stdint.h>

enum {
    SANDBOX_WIRE = 3,
    /// Bounds of a plan: what Linux itself allows for arguments and environment together, and more than any real plan needs.
    SANDBOX_PLAN_LIMIT = 4 << 20,
    SANDBOX_STRING_LIMIT = 65536,
    SANDBOX_GROUP_LIMIT = 8,
    /// Bytes of the path of a program in an order, its NUL included.
    SANDBOX_PROGRAM_LIMIT = 256,
    SANDBOX_BIND_LIMIT = 8,
};

// MARK: The plan, in a memfd

/// Descriptors of `runner-init` at its first instruction. From SANDBOX_FD_GROUPS on: one membership file, open for writing, per group, then
/// the freezer's state file when `has_freezer`.
enum {
    SANDBOX_FD_PLAN = 3,
    SANDBOX_FD_LINK = 4,
    SANDBOX_FD_LISTENER = 5,
    SANDBOX_FD_OUT_READ = 6,
    SANDBOX_FD_OUT_WRITE = 7,
    SANDBOX_FD_ERR_READ = 8,
    SANDBOX_FD_ERR_WRITE = 9,
    SANDBOX_FD_GROUPS = 10,
};

/// The head of a plan. After it, NUL-terminated: working directory, host name, doors directory, doors inside, then `hidden_count` hidden
/// directories, `bind_count` pairs of a directory of the host and its place inside, `group_count` directories of control groups,
/// `argument_count` arguments and `variable_count` NAME=value.
struct sandbox_plan {
    uint32_t wire;
    /// Bytes of the whole plan, this head included.
    uint32_t length;
    uint64_t incarnation;
    /// Milliseconds; -1: for ever.
    int64_t adopt_within;
    int64_t stop_deadline;
    /// 0: as inherited.
    uint64_t open_file_limit;
    int32_t stop_signal;
    /// 1: pid 1 of new namespaces. 0: child subreaper.
    uint32_t namespaces;
    /// -1: as the runner.
    int64_t user;
    int64_t group;
    uint32_t hidden_count;
    uint32_t group_count;
    uint32_t has_freezer;
    /// 1: the freezer takes "THAWED" (control groups v1); 2: it takes "0".
    uint32_t freezer_version;
    uint32_t argument_count;
    uint32_t variable_count;
    uint32_t bind_count;
    /// 1: in a network namespace of its own, whose loopback is to be set up.
    uint32_t own_network;
    /// The number the agent will have, inside, once it is restored here; 0: it is started.
    int32_t restore_root;
    /// 1: the agent has a terminal of its own for its standard streams, of this size.
    uint32_t terminal;
    uint16_t rows, columns;
};

// MARK: Reports, from init to the supervisor; one packet each

enum sandbox_report_kind {
    /// To a supervisor that took over, first of all. Descriptors: init's pidfd, stdout, stderr, and the agent's pidfd while it lives.
    SANDBOX_HELLO = 1,
    /// The agent was executed. Descriptor: its pidfd.
    SANDBOX_STARTED = 2,
    /// It could not be: `step`, `error` (errno), `index` (which hidden directory, bind or group).
    SANDBOX_FAILED = 3,
    /// Its main process ended with `status`, a wait status.
    SANDBOX_ENDED = 4,
    /// Nothing but init is left. Init waits for SANDBOX_ACKNOWLEDGE, then exits.
    SANDBOX_EMPTY = 5,
    /// To one that connects while another supervisor is connected. Last packet.
    SANDBOX_REFUSED = 6,
    /// No agent was started: a restore may begin.
    SANDBOX_READY = 7,
    /// The page server ended: `pages` is its wait status. Unless that is 0 everything is being killed.
    SANDBOX_PAGES = 8,
    /// The agent's terminal was made; also after SANDBOX_HELLO. Descriptor: its master side.
    SANDBOX_TERMINAL = 9,
};

/// Where the agent stands, in SANDBOX_HELLO.
enum sandbox_phase {
    SANDBOX_STARTING = 1,
    SANDBOX_RUNNING = 2,
    SANDBOX_OVER = 3,
    SANDBOX_NEVER_RAN = 4,
    /// For a restore, which is not finished.
    SANDBOX_AWAITING = 5,
};

/// What was being done when the agent could not be started.
enum sandbox_step {
    SANDBOX_STEP_PLAN = 1,
    SANDBOX_STEP_PRIVATE = 2,
    SANDBOX_STEP_PROC = 3,
    SANDBOX_STEP_DOORS = 4,
    SANDBOX_STEP_HIDE = 5,
    SANDBOX_STEP_HOST_NAME = 6,
    SANDBOX_STEP_FIRST_PID = 7,
    SANDBOX_STEP_FORK = 8,
    SANDBOX_STEP_GROUP = 9,
    SANDBOX_STEP_OPEN_FILES = 10,
    SANDBOX_STEP_USER = 11,
    SANDBOX_STEP_DIRECTORY = 12,
    /// The working directory was there and is hidden now.
    SANDBOX_STEP_DIRECTORY_HIDDEN = 13,
    SANDBOX_STEP_STREAMS = 14,
    SANDBOX_STEP_EXECUTE = 15,
    /// The command is there, the interpreter its first line names is not.
    SANDBOX_STEP_INTERPRETER = 16,
    /// No directory of PATH has the command.
    SANDBOX_STEP_SEARCH = 17,
    /// The restore was said to be finished and there is no such process.
    SANDBOX_STEP_RESTORED = 18,
    /// `index`: which bind.
    SANDBOX_STEP_BIND = 19,
    SANDBOX_STEP_NETWORK = 20,
    SANDBOX_STEP_TERMINAL = 21,
};

struct sandbox_report {
    uint32_t wire;
    uint32_t kind;
    uint64_t incarnation;
    uint32_t phase;
    int32_t status;
    int32_t step;
    int32_t error;
    int32_t index;
    /// SANDBOX_HELLO: 1 when nothing but init is left.
    uint32_t empty;
    /// SANDBOX_HELLO: 1 while a page server runs. SANDBOX_PAGES: its wait status.
    int32_t pages;
    /// 1: the agent has a terminal; after SANDBOX_HELLO comes SANDBOX_TERMINAL.
    uint32_t terminal;
};

// MARK: Orders, from the supervisor to init; one packet each

enum sandbox_order_kind {
    /// Kill everything.
    SANDBOX_KILL = 1,
    /// The end was heard: exit.
    SANDBOX_ACKNOWLEDGE = 2,
    /// The restore is finished: its root is the agent.
    SANDBOX_RESTORED = 3,
    /// Start `program` as the page server of the restore to come. Descriptors: directory of the images, directory for its log and its socket,
    /// and what it writes a byte to when it listens.
    SANDBOX_SERVE = 4,
};

struct sandbox_order {
    uint32_t wire;
    uint32_t kind;
    char program[SANDBOX_PROGRAM_LIMIT];
};
