// Processes, their descriptors and packets: for the supervision of sandboxes.
#pragma once
#include "sandbox_wire.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

/// In which namespaces a process is started.
enum shim_namespaces { SHIM_NAMESPACES_OURS = 0, SHIM_NAMESPACES_OWN = 1, SHIM_NAMESPACES_OWN_AND_NETWORK = 2 };

/// Starts `path` in new pid, mount, ipc and uts namespaces, and a network one, as `namespaces` says; with every signal blocked and at its default, and with
/// `descriptors[i]` as descriptor i and no other. In C: the child shares our memory until it is executed (vfork), so no page is copied.
/// - Returns: the pid, and a pidfd in `handle`; -errno also when `path` could not be executed.
int32_t shim_process_spawn(const char *_Nonnull path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
                           const int32_t *_Nonnull descriptors, size_t count, int32_t namespaces, int32_t *_Nonnull handle);

/// Starts `path` with `descriptors[i]` as descriptor i and no other, in a session of its own, with no signal blocked. It is killed when this process ends, by
/// whatever end: it works for nobody else. - Returns: as `shim_process_spawn`.
int32_t shim_process_spawn_tool(const char *_Nonnull path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
                                const int32_t *_Nonnull descriptors, size_t count, int32_t *_Nonnull handle);

/// Tries what a sandbox needs: new namespaces, private mounts and a fresh /proc, in a child that ends at once.
/// - Returns: 0, or -errno of the first step that failed; `step` is 1 (namespaces), 2 (mounts) or 3 (/proc).
int32_t shim_process_try_namespaces(int32_t *_Nonnull step);

/// Tries to join a control group in a child that ends at once. `procs`: path of its cgroup.procs. - Returns: 0 or -errno.
int32_t shim_process_try_join(const char *_Nonnull procs);

/// A pidfd. In C: not every libc declares it.
int32_t shim_process_open(int32_t pid);
int32_t shim_process_signal(int32_t handle, int32_t signal);
/// Reaps a child of ours, without waiting. - Returns: 1 reaped, 0 still alive, -ECHILD when it is not our child.
int32_t shim_process_reap(int32_t handle);

/// A listening, close-on-exec SOCK_SEQPACKET socket bound to `path`, mode 0600; what is at the path is replaced.
int32_t shim_packet_listen(const char *_Nonnull path);
/// Connects to one.
int32_t shim_packet_connect(const char *_Nonnull path);
/// One packet and at most four descriptors with it, never waiting. In C: control messages are macros.
/// - Returns: the packet's real length, also when `buffer` is smaller; 0 at the end of the connection.
int32_t shim_packet_receive(int32_t socket, void *_Nonnull buffer, size_t length, int32_t *_Nonnull descriptors, int32_t *_Nonnull count);
/// Sends one with at most four descriptors, never waiting. - Returns: 0, or -errno.
int32_t shim_packet_send(int32_t socket, const void *_Nonnull packet, size_t length, const int32_t *_Nonnull descriptors, size_t count);

/// The agent's side of a terminal, opened in the mounts of its master's. In C: ioctl(2) is variadic.
int32_t shim_terminal_peer(int32_t master);
int32_t shim_terminal_resize(int32_t terminal, const struct winsize *_Nonnull size);
/// - Returns: 0, or -errno when it is no terminal.
int32_t shim_terminal_size(int32_t terminal, struct winsize *_Nonnull size);
/// Makes a terminal transparent, and a process that gives it back the way it was should ours end without doing so; closing `guard` is that,
/// and a byte written to it says that it was done. In C: nothing but system calls may run in that process.
/// - Returns: the process, or -errno.
int32_t shim_terminal_open(int32_t terminal, struct termios *_Nonnull before, int32_t *_Nonnull guard);
/// Transparent once more, after somebody stopped us and let us go on.
int32_t shim_terminal_reopen(int32_t terminal, const struct termios *_Nonnull before);

/// Bytes a pipe holds. In C: ioctl is variadic.
int32_t shim_pipe_held(int32_t descriptor);
