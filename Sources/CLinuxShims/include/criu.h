// Work inside a living sandbox from outside: CRIU in its namespaces, its process numbers, and what its processes hold.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Starts CRIU as our child, cut off from our terminal, umask 077, working directory "/". Its socket pair is made by the process itself,
/// inside: CRIU finds the descriptors it is told of through the pid of whoever made its socket, and ours has no number in there. In C: between
/// fork and exec.
/// - `init`: pidfd of a process whose pid, mount, ipc, uts and network namespaces are entered; -1: none are.
/// - `groups`: membership files of control groups, open for writing, that are joined before.
/// - `descriptors`: become 0, 1, 2, then 4, 5 …; 3 (SHIM_CRIU_SOCKET) is its end of the socket.
/// - Returns: its pid as we count, with a pidfd in `handle` and our end of the socket in `socket`; or -errno.
int32_t shim_criu_spawn(const char *_Nonnull path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
                        int32_t init, const int32_t *_Nonnull groups, size_t group_count, const int32_t *_Nonnull descriptors, size_t count,
                        int32_t *_Nonnull handle, int32_t *_Nonnull socket);

enum { SHIM_CRIU_SOCKET = 3 };

/// Which kind of file system a path lies on, as statfs(2) numbers them; 0: it cannot be told.
int64_t shim_file_system(const char *_Nonnull path);

/// Opens `path` (absolute) as a process whose root directory is `root` would, links followed, without permission to read it (O_PATH).
/// - Returns: a close-on-exec descriptor or -errno; -ENOSYS before Linux 5.6.
int32_t shim_open_in_root(int32_t root, const char *_Nonnull path);

/// Lets the next process of the sandbox behind `init` (a pidfd) be numbered `last` + 1. - Returns: 0 or -errno.
int32_t shim_raise_pids(int32_t init, int32_t last);

/// A UNIX socket of a network namespace. `peer`: inode of what it is connected to; 0: nothing.
struct shim_unix_socket {
    uint32_t inode, peer;
    uint8_t type, state;
};

/// All of them, by sock_diag(7): /proc/net/unix does not tell the peers. `init`: pidfd of a process whose network is looked at; -1: ours.
/// - Returns: how many there are, which may be more than `room`; or -errno.
int64_t shim_unix_sockets(int32_t init, struct shim_unix_socket *_Nonnull sockets, size_t room);

/// Family, type and protocol of descriptor `number` of the process behind `handle` (a pidfd), and whether it listens.
/// - Returns: 0; -ENOTSOCK; -errno of pidfd_getfd(2).
int32_t shim_socket_kind(int32_t handle, int32_t number, int32_t *_Nonnull family, int32_t *_Nonnull type, int32_t *_Nonnull protocol,
                         int32_t *_Nonnull listens);

/// One packet of at most `length` bytes, never waiting; its descriptors are closed. - Returns: its real length, 0 at the end, or -errno.
int64_t shim_packet_read(int32_t socket, void *_Nonnull buffer, size_t length);

/// Whether this kernel can search page maps itself (PAGEMAP_SCAN, Linux 6.7). - Returns: 1, 0.
int32_t shim_has_pagemap_scan(void);
