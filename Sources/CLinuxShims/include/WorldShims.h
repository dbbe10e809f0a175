// Files and sockets: what LinuxDisk, the doors and the control client need from C.
#pragma once
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/xattr.h>

/// A tmpfs of `size` bytes that lies at no path, mode 0700, not swapped out where the kernel knows how: a close-on-exec descriptor of its root,
/// or -errno. It is gone with the last descriptor. In C because syscall(2) is variadic and older glibc has no wrappers. See fsmount(2).
int32_t shim_memory_room(uint64_t size);

/// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. In C because syscall(2) is variadic and glibc has no wrapper.
/// - Returns: a descriptor or -errno; -ENOSYS before Linux 5.6.
int32_t shim_open_beneath(int32_t directory, const char *_Nonnull path, int32_t flags, uint32_t mode);

/// A close-on-exec UNIX socket of `type` (SOCK_STREAM, SOCK_DGRAM, with SOCK_NONBLOCK if wanted), bound to `path`, which gets exactly the
/// permission bits `mode`. One for datagrams learns its senders (SO_PASSCRED) from the first on. In C because Swift cannot pass a sockaddr_un where glibc declares a transparent union.
/// - Returns: a descriptor or -errno; -ENAMETOOLONG when the path has more than 107 bytes.
int32_t shim_unix_bind(const char *_Nonnull path, int32_t type, uint32_t mode);

/// A close-on-exec UNIX socket of `type`, connected to `path`; a leading '@' means the abstract namespace. Waits for room in the listener's
/// queue at most `wait_ms`.
/// - Returns: a descriptor or -errno; -EAGAIN when the time was over.
int32_t shim_unix_connect(const char *_Nonnull path, int32_t type, int32_t wait_ms);

/// From now on this thread's reading and writing comes after everybody else's. Gives what its priority was, for shim_io_priority; negative: nothing was
/// changed. Only the processor's nice level could not be taken back without privileges, so that stays. See ioprio_set(2).
int32_t shim_io_idle(void);
/// Nothing for a negative one.
void shim_io_priority(int32_t priority);

/// FICLONERANGE: `count` bytes from the beginning of `source` become those of `target` from `offset` on, in the same place on the disk. In C because
/// ioctl is variadic and the number a macro. See ioctl_ficlonerange(2).
int32_t shim_share(int32_t target, uint64_t offset, int32_t source, uint64_t count);

/// The next connection, non-blocking and close-on-exec. In C because accept4 takes a transparent union.
int32_t shim_accept(int32_t listener);

/// Who connected: SO_PEERCRED. pid 0 when it is not in a pid namespace this process sees.
int32_t shim_peer(int32_t socket, int32_t *_Nonnull pid, uint32_t *_Nonnull user_id);

/// Closes this process's memory and descriptors to others of its user, and to core files. prctl(2) is variadic.
int32_t shim_keep_private(void);

/// One datagram with its sender's SCM_CREDENTIALS; descriptors that came along are closed. In C because of the CMSG macros.
/// - Returns: its length, or -errno; -EMSGSIZE when it was longer than `size` (it is consumed), -EBADMSG when it had no credentials.
int64_t shim_receive(
    int32_t socket, uint8_t *_Nonnull bytes, size_t size, int32_t *_Nonnull pid, uint32_t *_Nonnull user_id);
