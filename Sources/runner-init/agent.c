#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// MARK: In the agent's process, until it is executed

static _Noreturn void fail(int channel, int step, int error, uint32_t index) {
    struct fault fault = {step, error, (int32_t)index};
    // When init is gone nobody is left to be told.
    (void)!write(channel, &fault, sizeof fault);
    _exit(127);
}

static void join_groups(const struct plan *plan, int channel) {
    for (uint32_t i = 0; i < plan->head.group_count; i++)
        if (write(SANDBOX_FD_GROUPS + (int)i, "0", 1) != 1) fail(channel, SANDBOX_STEP_GROUP, errno, i);
}

static void take_streams(const struct plan *plan, int channel) {
    // Opened here, not inherited: a device file from another mount namespace could not be part of a process image.
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, 0) < 0) fail(channel, SANDBOX_STEP_STREAMS, errno, 0);
    if (dup2(SANDBOX_FD_OUT_WRITE, 1) < 0 || dup2(SANDBOX_FD_ERR_WRITE, 2) < 0) fail(channel, SANDBOX_STEP_STREAMS, errno, 0);
    // So that an agent of another user can still open /dev/stdout.
    if (plan->head.user >= 0 && (fchown(1, (uid_t)plan->head.user, (gid_t)-1) != 0 || fchown(2, (uid_t)plan->head.user, (gid_t)-1) != 0))
        fail(channel, SANDBOX_STEP_STREAMS, errno, 0);
}

static void become_user(const struct plan *plan, int channel) {
    bool is_root = geteuid() == 0;
    if (plan->head.group >= 0) {
        gid_t group = (gid_t)plan->head.group;
        if ((is_root && setgroups(1, &group) != 0) || setresgid(group, group, group) != 0) fail(channel, SANDBOX_STEP_USER, errno, 0);
    }
    if (plan->head.user >= 0) {
        uid_t user = (uid_t)plan->head.user;
        if (setresuid(user, user, user) != 0) fail(channel, SANDBOX_STEP_USER, errno, 0);
    }
    // Without root a set-user-id program could not be killed any more, and would outlive the sandbox.
    if (!is_root && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(channel, SANDBOX_STEP_USER, errno, 0);
}

/// The `count` strings from `first`, as execve(2) wants them. Lives in fresh pages that are gone with the next program.
static const char **vector(const char *first, uint32_t count) {
    const char **all = mmap(NULL, (count + 1) * sizeof *all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    for (uint32_t i = 0; i < count; i++, first = plan_next(first)) all[i] = first;
    return all;
}

static const char *search_path(const char **variables) {
    for (; *variables; variables++)
        if (strncmp(*variables, "PATH=", 5) == 0) return *variables + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/// Executes one candidate. Returns only when it cannot: 0 when there is no such file.
static struct fault try_execute(const char *path, const char **arguments, const char **variables) {
    execve(path, (char *const *)arguments, (char *const *)variables);
    int error = errno;
    bool absent = error == ENOENT || error == ENOTDIR;
    if (absent && access(path, F_OK) != 0) return (struct fault){0};
    return (struct fault){absent ? SANDBOX_STEP_INTERPRETER : SANDBOX_STEP_EXECUTE, error, 0};
}

/// As a shell would: the first file of that name which can be executed; a refusal is told only when no later directory has a better one.
static struct fault search_and_execute(const char **arguments, const char **variables) {
    struct fault worst = {SANDBOX_STEP_SEARCH, ENOENT, 0};
    char candidate[PATH_MAX];
    size_t name = strlen(arguments[0]);
    for (const char *directory = search_path(variables); directory; ) {
        size_t length = strcspn(directory, ":");
        if (length + name + 3 <= sizeof candidate && name > 0) {
            memcpy(candidate, length ? directory : ".", length ? length : 1);
            size_t at = length ? length : 1;
            candidate[at] = '/';
            memcpy(candidate + at + 1, arguments[0], name + 1);
            struct fault fault = try_execute(candidate, arguments, variables);
            if (fault.step) worst = fault;
            if (fault.step && fault.error != EACCES) return fault;
        }
        directory = directory[length] ? directory + length + 1 : NULL;
    }
    return worst;
}

/// Without a pid namespace the kernel does not end the agent with its init. Who kills both init and the supervisor would leave it unwatched.
static void end_with_init(const struct plan *plan, pid_t init, int channel) {
    if (plan->head.namespaces) return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(channel, SANDBOX_STEP_FORK, errno, 0);
    if (getppid() != init) _exit(127);
}

static _Noreturn void become_agent(const struct plan *plan, int terminal, pid_t init, int channel) {
    join_groups(plan, channel);
    char go;
    if (read(channel, &go, 1) != 1) _exit(127);  // the sandbox could not be made; init tells why

    if (setsid() < 0) fail(channel, SANDBOX_STEP_FORK, errno, 0);
    if (terminal < 0) take_streams(plan, channel);
    else if (!terminal_take(plan, terminal)) fail(channel, SANDBOX_STEP_TERMINAL, errno, 0);
    struct rlimit limit = {plan->head.open_file_limit, plan->head.open_file_limit};
    if (limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit) != 0) fail(channel, SANDBOX_STEP_OPEN_FILES, errno, 0);
    become_user(plan, channel);
    end_with_init(plan, init, channel);  // after the user, whose change would take it back
    if (chdir(plan->working_directory) != 0) fail(channel, SANDBOX_STEP_DIRECTORY, errno, 0);
    umask(022);

    const char **arguments = vector(plan->arguments, plan->head.argument_count);
    const char **variables = vector(plan->variables, plan->head.variable_count);
    if (!arguments || !variables) fail(channel, SANDBOX_STEP_FORK, ENOMEM, 0);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct fault fault = strchr(arguments[0], '/') ? try_execute(arguments[0], arguments, variables) : search_and_execute(arguments, variables);
    fail(channel, fault.step ? fault.step : SANDBOX_STEP_SEARCH, fault.step ? fault.error : ENOENT, 0);
}

// MARK: In init

struct fault agent_fork(struct init *init) {
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) return (struct fault){SANDBOX_STEP_FORK, errno, 0};
    pid_t self = getpid();
    pid_t agent = fork();
    if (agent == 0) {
        close(channel[0]);
        become_agent(&init->plan, init->terminal, self, channel[1]);
    }
    int error = errno;
    close(channel[1]);
    if (agent < 0) {
        close(channel[0]);
        return (struct fault){SANDBOX_STEP_FORK, error, 0};
    }
    init->start = channel[0];
    init->agent = agent;
    init->agent_handle = pidfd_open(agent, 0);
    return (struct fault){0};
}

void agent_go(struct init *init) {
    // When the agent's process is gone already, reading the channel tells.
    (void)!send(init->start, "", 1, MSG_NOSIGNAL);
}
