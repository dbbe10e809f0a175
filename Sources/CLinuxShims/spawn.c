#include "CLinuxShims.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 64 << 10, MOST_DESCRIPTORS = 64 };
/// By shim_namespaces.
static const int separate_by_kind[] = {
    0, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
};

struct spawn {
    const char *path;
    char *const *arguments, *const *environment;
    const int32_t *descriptors;
    size_t count;
    int error;
    int step;
    /// Of whom it is a part: it hears every signal, and ends with this process. 0: of nobody.
    pid_t parent;
};

static int child(void *given) {
    struct spawn *spawn = given;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);  // the unchangeable ones refuse: fine

    // First all above every target, so that none overwrites one still needed.
    int high[MOST_DESCRIPTORS];
    for (size_t i = 0; i < spawn->count; i++) {
        high[i] = fcntl(spawn->descriptors[i], F_DUPFD_CLOEXEC, (int)spawn->count);
        if (high[i] < 0) goto failed;
    }
    for (size_t i = 0; i < spawn->count; i++)
        if (dup2(high[i], (int)i) < 0) goto failed;
    if (close_range((unsigned)spawn->count, ~0U, 0) != 0) goto failed;
    if (spawn->parent != 0) {
        sigset_t none;
        sigemptyset(&none);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0) goto failed;
        if (getppid() != spawn->parent) _exit(127);  // it died before we asked to be told
    }
    execve(spawn->path, spawn->arguments, spawn->environment);
failed:
    spawn->error = errno;
    _exit(127);
}

/// Runs `body` in a child that shares our memory; returns once it was executed or ended.
static int32_t run_child(int (*body)(void *), struct spawn *spawn, int flags, int32_t *handle) {
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int pidfd = -1;
    int pid = clone(body, (char *)stack + STACK, flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, spawn, &pidfd);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK);
    if (pid < 0) return -error;
    *handle = pidfd;
    return pid;
}

int32_t shim_process_spawn(const char *path, char *const *arguments, char *const *environment, const int32_t *descriptors, size_t count,
                           int32_t namespaces, int32_t *handle) {
    if (count > MOST_DESCRIPTORS) return -E2BIG;
    if (namespaces < 0 || namespaces > SHIM_NAMESPACES_OWN_AND_NETWORK) return -EINVAL;
    struct spawn spawn = {path, arguments, environment, descriptors, count, 0, 0, 0};
    int32_t pid = run_child(child, &spawn, separate_by_kind[namespaces], handle);
    if (pid < 0 || spawn.error == 0) return pid;
    waitpid(pid, NULL, 0);
    close(*handle);
    return -spawn.error;
}

int32_t shim_process_spawn_tool(const char *path, char *const *arguments, char *const *environment, const int32_t *descriptors, size_t count,
                                int32_t *handle) {
    if (count > MOST_DESCRIPTORS) return -E2BIG;
    struct spawn spawn = {path, arguments, environment, descriptors, count, 0, 0, getpid()};
    int32_t pid = run_child(child, &spawn, 0, handle);
    if (pid < 0 || spawn.error == 0) return pid;
    waitpid(pid, NULL, 0);
    close(*handle);
    return -spawn.error;
}

static int try_mounts(void *given) {
    struct spawn *spawn = given;
    spawn->step = 2;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) goto failed;
    spawn->step = 3;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) goto failed;
    _exit(0);
failed:
    spawn->error = errno;
    _exit(1);
}

static int try_join(void *given) {
    struct spawn *spawn = given;
    int file = open(spawn->path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, "0", 1) != 1) spawn->error = errno;
    _exit(0);
}

static int32_t try_in_child(int (*body)(void *), struct spawn *spawn, int flags) {
    int32_t handle = -1;
    int32_t pid = run_child(body, spawn, flags, &handle);
    if (pid < 0) return pid;
    waitpid(pid, NULL, 0);
    close(handle);
    return -spawn->error;
}

int32_t shim_process_try_join(const char *procs) {
    struct spawn spawn = {.path = procs};
    return try_in_child(try_join, &spawn, 0);
}

int32_t shim_process_try_namespaces(int32_t *step) {
    struct spawn spawn = {.step = 1};
    int32_t result = try_in_child(try_mounts, &spawn, separate_by_kind[SHIM_NAMESPACES_OWN]);
    *step = spawn.step;
    return result;
}

int32_t shim_process_open(int32_t pid) {
    int handle = pidfd_open(pid, 0);
    return handle < 0 ? -errno : handle;
}

int32_t shim_process_signal(int32_t handle, int32_t signal) { return pidfd_send_signal(handle, signal, NULL, 0) == 0 ? 0 : -errno; }

int32_t shim_process_reap(int32_t handle) {
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)handle, &info, WEXITED | WNOHANG) != 0) return -errno;
    return info.si_pid != 0;
}

int32_t shim_pipe_held(int32_t descriptor) {
    int held = 0;
    return ioctl(descriptor, FIONREAD, &held) == 0 ? held : -errno;
}
