#include "WorldShims.h"
#include <errno.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// See ioprio_set(2): glibc has no wrapper and no names for these.
enum { IO_WHO_PROCESS = 1, IO_CLASS_IDLE = 3, IO_CLASS_SHIFT = 13 };

int32_t shim_io_idle(void) {
    long former = syscall(SYS_ioprio_get, IO_WHO_PROCESS, 0);
    if (former < 0 || syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, IO_CLASS_IDLE << IO_CLASS_SHIFT) < 0) return -1;
    return (int32_t)former;
}

void shim_io_priority(int32_t priority) {
    if (priority >= 0) syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, priority);
}

int32_t shim_open_beneath(int32_t directory, const char *path, int32_t flags, uint32_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(uint32_t)flags, .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return result < 0 ? -errno : (int32_t)result;
}

static int32_t closed_with(int descriptor, int error) {
    close(descriptor);
    return -error;
}

// See fsopen(2), fsconfig(2), fsmount(2). By number: <linux/mount.h> and <sys/mount.h> do not go together everywhere.
enum { ROOM_OPEN_CLOEXEC = 1, ROOM_SET_FLAG = 0, ROOM_SET_STRING = 1, ROOM_CREATE = 6, ROOM_CLOEXEC = 1 };
enum { ROOM_NOSUID = 2, ROOM_NODEV = 4, ROOM_NOEXEC = 8 };

int32_t shim_memory_room(uint64_t size) {
    long context = syscall(SYS_fsopen, "tmpfs", ROOM_OPEN_CLOEXEC);
    if (context < 0) return -errno;
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    if (syscall(SYS_fsconfig, context, ROOM_SET_STRING, "size", text, 0) < 0 ||
        syscall(SYS_fsconfig, context, ROOM_SET_STRING, "mode", "0700", 0) < 0)
        return closed_with((int)context, errno);
    (void)syscall(SYS_fsconfig, context, ROOM_SET_FLAG, "noswap", NULL, 0);  // Linux 6.4
    if (syscall(SYS_fsconfig, context, ROOM_CREATE, NULL, NULL, 0) < 0) return closed_with((int)context, errno);
    long mount = syscall(SYS_fsmount, context, ROOM_CLOEXEC, ROOM_NOSUID | ROOM_NODEV | ROOM_NOEXEC);
    int error = errno;
    close((int)context);
    return mount < 0 ? -error : (int32_t)mount;
}

/// Fills `address`; gives its length or -ENAMETOOLONG. '@' stands for the NUL byte that begins an abstract name.
static int address_of(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    int is_abstract = path[0] == '@';
    if (is_abstract) address->sun_path[0] = 0;
    return (int)(offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1));
}

int32_t shim_unix_bind(const char *path, int32_t type, uint32_t mode) {
    struct sockaddr_un address;
    int length = address_of(path, &address);
    if (length < 0) return length;
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    // The file gets the socket's own mode less the umask: never a moment with more, and no chmod by a path that others can swap.
    if (fchmod(descriptor, mode) < 0) return closed_with(descriptor, errno);
    int yes = 1;
    int is_datagram = (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_DGRAM;
    if (is_datagram && setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0)
        return closed_with(descriptor, errno);
    mode_t umask_before = umask(0);
    int result = bind(descriptor, (struct sockaddr *)&address, (socklen_t)length);
    int error = errno;
    umask(umask_before);
    return result < 0 ? closed_with(descriptor, error) : descriptor;
}

int32_t shim_unix_connect(const char *path, int32_t type, int32_t wait_ms) {
    struct sockaddr_un address;
    int length = address_of(path, &address);
    if (length < 0) return length;
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0) return closed_with(descriptor, errno);
    int result;
    do result = connect(descriptor, (struct sockaddr *)&address, (socklen_t)length);
    while (result < 0 && errno == EINTR);
    return result < 0 ? closed_with(descriptor, errno) : descriptor;
}

int32_t shim_accept(int32_t listener) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int32_t shim_peer(int32_t socket, int32_t *pid, uint32_t *user_id) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *pid = peer.pid;
    *user_id = peer.uid;
    return 0;
}

int32_t shim_keep_private(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0; }

int64_t shim_receive(int32_t socket, uint8_t *bytes, size_t size, int32_t *pid, uint32_t *user_id) {
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    // Room for the credentials only: the kernel closes descriptors that find no room. See unix(7), MSG_CTRUNC.
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return -errno;
    if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) return -EBADMSG;
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(header), sizeof sender);
    *pid = sender.pid;
    *user_id = sender.uid;
    return length;
}

int32_t shim_share(int32_t target, uint64_t offset, int32_t source, uint64_t count) {
    struct file_clone_range range = {.src_fd = source, .src_offset = 0, .src_length = count, .dest_offset = offset};
    return ioctl(target, FICLONERANGE, &range) == 0 ? 0 : -errno;
}
