// What the processes of a sandbox hold, told by the kernel.
#include "CLinuxShims.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 64 << 10 };

int32_t shim_open_in_root(int32_t root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long result = syscall(SYS_openat2, root, path, &how, sizeof how);
    return result < 0 ? -errno : (int32_t)result;
}

static struct shim_unix_socket unix_socket(struct nlmsghdr *head) {
    struct unix_diag_msg *message = NLMSG_DATA(head);
    struct shim_unix_socket found = {.inode = message->udiag_ino, .type = message->udiag_type, .state = message->udiag_state};
    int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    for (struct rtattr *part = (struct rtattr *)(message + 1); RTA_OK(part, left); part = RTA_NEXT(part, left))
        if (part->rta_type == UNIX_DIAG_PEER) memcpy(&found.peer, RTA_DATA(part), sizeof found.peer);
    return found;
}

/// Takes one datagram of the answer. - Returns: 1 when more follow, 0 at the end, -errno.
static int take_part(struct nlmsghdr *head, unsigned length, struct shim_unix_socket *sockets, size_t room, int64_t *count) {
    for (; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
        if (head->nlmsg_type == NLMSG_DONE) return 0;
        if (head->nlmsg_type == NLMSG_ERROR) return ((struct nlmsgerr *)NLMSG_DATA(head))->error;
        if ((size_t)*count < room) sockets[*count] = unix_socket(head);
        ++*count;
    }
    return 1;
}

/// A socket belongs for good to the network in which it was made.
struct asking {
    int init, link;
};

static int ask_inside(void *given) {
    struct asking *asking = given;
    asking->link = setns(asking->init, CLONE_NEWNET) != 0 ? -1 : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (asking->link < 0) asking->link = -errno;
    _exit(0);
}

/// Made by a child that shares our descriptors: our own thread never leaves its network. - Returns: the socket or -errno.
static int open_inside(int init) {
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -errno;
    struct asking asking = {init, -ECHILD};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int pid = clone(ask_inside, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &asking);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid > 0) waitpid(pid, NULL, 0);
    munmap(stack, STACK);
    return pid < 0 ? -error : asking.link;
}

int64_t shim_unix_sockets(int32_t init, struct shim_unix_socket *sockets, size_t room) {
    int link = init >= 0 ? open_inside(init) : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (link < 0) return init >= 0 ? link : -errno;
    struct {
        struct nlmsghdr head;
        struct unix_diag_req ask;
    } request = {
        .head = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .ask = {.sdiag_family = AF_UNIX, .udiag_states = ~0U, .udiag_show = UDIAG_SHOW_PEER},
    };
    int64_t count = 0;
    int more = send(link, &request, sizeof request, 0) == (ssize_t)sizeof request ? 1 : -errno;
    while (more == 1) {
        _Alignas(struct nlmsghdr) char part[32 << 10];
        ssize_t length = recv(link, part, sizeof part, 0);
        more = length <= 0 ? -EIO : take_part((struct nlmsghdr *)part, (unsigned)length, sockets, room, &count);
    }
    close(link);
    return more < 0 ? more : count;
}

int32_t shim_socket_kind(int32_t handle, int32_t number, int32_t *family, int32_t *type, int32_t *protocol, int32_t *listens) {
    int copy = pidfd_getfd(handle, number, 0);
    if (copy < 0) return -errno;
    const int names[4] = {SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ACCEPTCONN};
    int32_t *values[4] = {family, type, protocol, listens};
    int32_t result = 0;
    for (int i = 0; i < 4 && result == 0; i++) {
        socklen_t size = sizeof(int32_t);
        *values[i] = 0;
        // Some families know no "listening".
        if (getsockopt(copy, SOL_SOCKET, names[i], values[i], &size) != 0 && (i == 0 || errno == ENOTSOCK)) result = -errno;
    }
    close(copy);
    return result;
}

int64_t shim_packet_read(int32_t socket, void *buffer, size_t length) {
    // No room for descriptors: the kernel closes what comes along. See unix(7), MSG_CTRUNC.
    ssize_t count = recv(socket, buffer, length, MSG_DONTWAIT | MSG_TRUNC);
    return count < 0 ? -errno : count;
}

/// As in <linux/fs.h> since Linux 6.7, which not every machine this is built on has.
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask, category_anyof_mask, return_mask;
};

int32_t shim_has_pagemap_scan(void) {
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (map < 0) return 0;
    struct scan scan = {.size = sizeof scan};
    int result = ioctl(map, _IOWR('f', 16, struct scan), &scan);
    close(map);
    return result >= 0;
}

int64_t shim_file_system(const char *path) {
    struct statfs facts;
    return statfs(path, &facts) == 0 ? (int64_t)facts.f_type : 0;
}
