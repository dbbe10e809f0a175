#include "CLinuxShims.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 4 };

static int32_t packet_socket(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    int32_t made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return made < 0 ? -errno : made;
}

static int32_t closing(int32_t socket, int32_t result) {
    close(socket);
    return result;
}

int32_t shim_packet_listen(const char *path) {
    struct sockaddr_un address;
    int32_t made = packet_socket(path, &address);
    if (made < 0) return made;
    if (unlink(path) != 0 && errno != ENOENT) return closing(made, -errno);
    // fchmod before bind decides the mode of the path; there is no moment at which others could connect.
    if (fchmod(made, 0600) != 0 || bind(made, (struct sockaddr *)&address, sizeof address) != 0) return closing(made, -errno);
    return listen(made, 4) == 0 ? made : closing(made, -errno);
}

int32_t shim_packet_connect(const char *path) {
    struct sockaddr_un address;
    int32_t made = packet_socket(path, &address);
    if (made < 0) return made;
    return connect(made, (struct sockaddr *)&address, sizeof address) == 0 ? made : closing(made, -errno);
}

int32_t shim_packet_receive(int32_t socket, void *buffer, size_t length, int32_t *descriptors, int32_t *count) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(MOST * sizeof(int))];
    } control;
    struct iovec part = {buffer, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *count = 0;
    ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
    if (got < 0) return -errno;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        *count = (int32_t)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(head), (size_t)*count * sizeof(int));
    }
    return (int32_t)got;
}

int32_t shim_packet_send(int32_t socket, const void *packet, size_t length, const int32_t *descriptors, size_t count) {
    if (count > MOST) return -EINVAL;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(MOST * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)packet, length};
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
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
