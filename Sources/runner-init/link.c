#include "init.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

static bool send_report(int link, const struct sandbox_report *report, const int *descriptors, size_t count) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)report, sizeof *report};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), descriptors, count * sizeof(int));
    }
    // A supervisor that leaves so little unread that this blocks is as good as dead; it may come again.
    return sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof *report;
}

void link_report(struct init *init, enum sandbox_report_kind kind) {
    if (init->link < 0) return;
    struct sandbox_report report = {
        .wire = SANDBOX_WIRE,
        .kind = kind,
        .incarnation = init->plan.head.incarnation,
        .phase = init->phase,
        .status = init->status,
        .step = init->fault.step,
        .error = init->fault.error,
        .index = init->fault.index,
        .empty = init->empty,
        .terminal = init->terminal >= 0,
        .pages = kind == SANDBOX_HELLO ? init->pages > 0 : init->pages_status,
    };
    int handles[4];
    size_t count = 0;
    int self = -1;
    if (kind == SANDBOX_HELLO) {
        self = pidfd_open(getpid(), 0);
        handles[count++] = self;
        handles[count++] = init->out;
        handles[count++] = init->err;
    }
    if (kind == SANDBOX_TERMINAL) handles[count++] = init->terminal;
    if ((kind == SANDBOX_HELLO && init->phase <= SANDBOX_RUNNING) || kind == SANDBOX_STARTED)
        if (init->agent_handle >= 0) handles[count++] = init->agent_handle;
    bool sent = send_report(init->link, &report, handles, count);
    if (self >= 0) close(self);
    if (!sent) link_lose(init);
}

void link_lose(struct init *init) {
    if (init->link < 0) return;
    close(init->link);
    init->link = -1;
    tree_thaw(init);  // nobody is left who would
    if (init->plan.head.adopt_within >= 0 && !init->stopping) init->adopt_until = now_ms() + init->plan.head.adopt_within;
}

static void take_gifts(struct msghdr *message, struct gifts *gifts) {
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        gifts->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(gifts->descriptors, CMSG_DATA(head), gifts->count * sizeof(int));
    }
}

int link_order(struct init *init, struct gifts *gifts) {
    struct sandbox_order order;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof gifts->descriptors)];
    } control;
    struct iovec part = {&order, sizeof order};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    gifts->count = 0;
    // MSG_TRUNC: the packet's real length, so that a longer one is not taken for an order.
    ssize_t count = recvmsg(init->link, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count >= 0) take_gifts(&message, gifts);
    if (count == (ssize_t)sizeof order && order.wire == SANDBOX_WIRE) {
        memcpy(gifts->program, order.program, sizeof gifts->program);
        gifts->program[sizeof gifts->program - 1] = 0;
        return (int)order.kind;
    }
    link_lose(init);
    return 0;
}

// MARK: Newcomers

static bool is_gone(int link) {
    struct pollfd poll_one = {.fd = link, .events = 0};
    return poll(&poll_one, 1, 0) == 1 && (poll_one.revents & (POLLHUP | POLLERR));
}

/// Only the user we run as and root may supervise, and nobody from inside the sandbox. Outside processes have no number in our pid
/// namespace, so theirs reads 0.
static bool may_supervise(const struct init *init, int newcomer) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(newcomer, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
    if (peer.uid != 0 && peer.uid != geteuid()) return false;
    return init->plan.head.namespaces ? peer.pid == 0 : !tree_holds(peer.pid);
}

void link_accept(struct init *init) {
    int newcomer = accept4(init->listener, NULL, NULL, SOCK_CLOEXEC);
    if (newcomer < 0) return;
    if (!may_supervise(init, newcomer)) {
        close(newcomer);
        return;
    }
    if (init->link >= 0 && is_gone(init->link)) link_lose(init);
    if (init->link >= 0) {
        struct sandbox_report refusal = {.wire = SANDBOX_WIRE, .kind = SANDBOX_REFUSED};
        send_report(newcomer, &refusal, NULL, 0);
        close(newcomer);
        return;
    }
    init->link = newcomer;
    init->adopt_until = -1;
    link_report(init, SANDBOX_HELLO);
    if (init->terminal >= 0) link_report(init, SANDBOX_TERMINAL);
}
