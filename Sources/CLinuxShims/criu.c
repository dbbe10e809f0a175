#include "CLinuxShims.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 64 << 10 };

/// What is known to all three of us: caller, the one that enters, the one that is executed. They share memory until the last is.
struct entering {
    int (*body)(void *);
    void *given;
    int init;
    /// Stack for the last.
    char *stack;
    /// The last one, as the caller counts.
    int pid;
    int error;
};

/// With the network, which is ours where the sandbox has none of its own: what belongs to a network is then no part of an image.
static const int namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

/// setns(2) moves only the children into a pid namespace, so one process enters and makes the one that counts: our child, by CLONE_PARENT.
static int enter(void *given) {
    struct entering *entering = given;
    if (entering->init >= 0 && setns(entering->init, namespaces) != 0) {
        entering->error = errno;
        _exit(1);
    }
    entering->pid = clone(entering->body, entering->stack, CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, entering);
    if (entering->pid < 0) entering->error = errno;
    _exit(0);
}

/// Runs `body` in a child of ours inside the namespaces of `init`; returns once it was executed or ended. - Returns: its pid, or -errno.
static int32_t run_inside(int init, int (*body)(void *), void *given, int *error) {
    char *stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED) return -errno;
    struct entering entering = {body, given, init, stacks + STACK, -1, 0};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int first = clone(enter, stacks + 2 * STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &entering);
    int32_t result = first < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (first > 0) waitpid(first, NULL, 0);
    munmap(stacks, 2 * STACK);
    if (result == 0) result = entering.pid < 0 ? -entering.error : entering.pid;
    *error = entering.pid < 0 ? 0 : entering.error;
    return result;
}

// MARK: CRIU

struct criu_start {
    const char *path;
    char *const *arguments, *const *environment;
    const int32_t *groups;
    size_t group_count;
    const int32_t *descriptors;
    size_t count;
    /// Room for one more than `count`.
    int *high;
    /// Takes our end of the socket to the caller.
    int channel;
};

static int send_descriptor(int channel, int descriptor) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {"", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
    return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int become_criu(void *given) {
    struct entering *entering = given;
    struct criu_start *start = entering->given;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);  // the unchangeable ones refuse: fine
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    for (size_t i = 0; i < start->group_count; i++)
        if (write(start->groups[i], "0", 1) != 1) goto failed;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || send_descriptor(start->channel, pair[0]) != 0) goto failed;

    // First all above every target, so that none overwrites one still needed.
    size_t count = start->count + 1;
    int *high = start->high;
    for (size_t i = 0; i < count; i++) {
        int source = i < SHIM_CRIU_SOCKET ? start->descriptors[i] : i == SHIM_CRIU_SOCKET ? pair[1] : start->descriptors[i - 1];
        high[i] = fcntl(source, F_DUPFD_CLOEXEC, (int)count);
        if (high[i] < 0) goto failed;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(high[i], (int)i) < 0) goto failed;
    if (close_range((unsigned)count, ~0U, 0) != 0) goto failed;
    if (chdir("/") != 0) goto failed;
    umask(077);
    setsid();
    execve(start->path, start->arguments, start->environment);
failed:
    entering->error = errno;
    _exit(127);
}

/// The descriptor that waits in `channel`, or -errno.
static int32_t receive_descriptor(int channel) {
    char byte;
    int32_t descriptors[4], count = 0;
    int32_t length = shim_packet_receive(channel, &byte, 1, descriptors, &count);
    if (length < 0) return length;
    return count == 1 ? descriptors[0] : -EPROTO;
}

int32_t shim_criu_spawn(const char *path, char *const *arguments, char *const *environment, int32_t init, const int32_t *groups,
                        size_t group_count, const int32_t *descriptors, size_t count, int32_t *handle, int32_t *socket) {
    if (count < SHIM_CRIU_SOCKET) return -EINVAL;
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) return -errno;
    // Not on the small stack of the child: an agent may have any number of connections to the outside.
    int *high = calloc(count + 1, sizeof *high);
    if (!high) {
        close(channel[0]);
        close(channel[1]);
        return -ENOMEM;
    }
    struct criu_start start = {path, arguments, environment, groups, group_count, descriptors, count, high, channel[1]};
    int error = 0;
    int32_t pid = run_inside(init, become_criu, &start, &error);
    free(high);
    int32_t result = pid < 0 ? pid : -error;
    if (result == 0) {
        *handle = pidfd_open(pid, 0);
        if (*handle < 0) result = -errno;
    }
    if (result == 0) {
        *socket = receive_descriptor(channel[0]);
        if (*socket < 0) {
            result = *socket;
            close(*handle);
        }
    }
    close(channel[0]);
    close(channel[1]);
    if (result == 0) return pid;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return result;
}

// MARK: Process numbers

static int raise_pids(void *given) {
    struct entering *entering = given;
    char text[16];
    int length = snprintf(text, sizeof text, "%d", *(const int32_t *)entering->given);
    int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, (size_t)length) != length) entering->error = errno;
    _exit(0);
}

int32_t shim_raise_pids(int32_t init, int32_t last) {
    int error = 0;
    int32_t pid = run_inside(init, raise_pids, &last, &error);
    if (pid < 0) return pid;
    waitpid(pid, NULL, 0);
    return -error;
}
