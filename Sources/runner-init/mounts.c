#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULT(step, index) ((struct fault){(step), errno, (int32_t)(index)})

/// Makes `path` with what is missing above it; what exists is fine.
static int make_directories(const char *path) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part) return errno = ENAMETOOLONG, -1;
    memcpy(part, path, length + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST) return -1;
        *slash = '/';
    }
    return mkdir(part, 0755) != 0 && errno != EEXIST ? -1 : 0;
}

/// Covers the hidden directories by empty ones; a rehearsal makes its sockets there. One that is not there needs no cover.
static struct fault hide(const struct plan *plan) {
    const char *path = plan->hidden;
    for (uint32_t i = 0; i < plan->head.hidden_count; i++, path = plan_next(path)) {
        if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=4096,mode=0555") != 0 && errno != ENOENT)
            return FAULT(SANDBOX_STEP_HIDE, i);
    }
    return (struct fault){0};
}

/// Takes hold of the directories to be bound, before what they may lie in is hidden. With what is mounted in them.
static struct fault take_binds(const struct plan *plan, int trees[SANDBOX_BIND_LIMIT]) {
    const char *host = plan->binds;
    for (uint32_t i = 0; i < plan->head.bind_count; i++, host = plan_next(plan_next(host))) {
        trees[i] = open_tree(AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (trees[i] < 0) return FAULT(SANDBOX_STEP_BIND, i);
    }
    return (struct fault){0};
}

static struct fault place_binds(const struct plan *plan, const int trees[SANDBOX_BIND_LIMIT]) {
    const char *inside = plan->binds;
    for (uint32_t i = 0; i < plan->head.bind_count; i++, inside = plan_next(inside)) {
        inside = plan_next(inside);
        if (make_directories(inside) != 0 || move_mount(trees[i], "", AT_FDCWD, inside, MOVE_MOUNT_F_EMPTY_PATH) != 0)
            return FAULT(SANDBOX_STEP_BIND, i);
        close(trees[i]);
    }
    return (struct fault){0};
}

/// A new network namespace has a loopback that is down: nothing could be bound to it.
static struct fault set_network_up(const struct plan *plan) {
    if (!plan->head.own_network) return (struct fault){0};
    struct ifreq loopback = {.ifr_name = "lo"};
    int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = socket_ >= 0 && ioctl(socket_, SIOCGIFFLAGS, &loopback) == 0;
    loopback.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (!done || ioctl(socket_, SIOCSIFFLAGS, &loopback) != 0) return FAULT(SANDBOX_STEP_NETWORK, 0);
    close(socket_);
    // A server that is restored here may have been bound to an address of the host. Where the kernel has no such switch, its own word tells.
    const char *switches[] = {"/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind"};
    for (int i = 0; i < 2; i++) {
        int file = open(switches[i], O_WRONLY | O_CLOEXEC);
        if (file >= 0) (void)!write(file, "1", 1);
        if (file >= 0) close(file);
    }
    return (struct fault){0};
}

/// Terminals that the agent makes get numbers of its own, so that they are free again when it is restored. Where that cannot be had, it shares
/// the host's as it would outside: no reason not to start it.
static void make_terminals(void) {
    (void)mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
}

static bool is_below(const char *path, const char *directory) {
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/// Shared memory is the agent's own, as all its other memory: it ends with the agent, and comes back with it. Not where the agent works there.
static void make_shared_memory(const struct plan *plan) {
    const char *place = "/dev/shm";
    if (is_below(plan->working_directory, place) || is_below(plan->doors_inside, place)) return;
    const char *bind = plan->binds;
    for (uint32_t i = 0; i < plan->head.bind_count; i++) {
        bind = plan_next(bind);
        if (is_below(bind, place)) return;
        bind = plan_next(bind);
    }
    (void)mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
}

struct fault view_make(const struct plan *plan) {
    // 1. What is mounted here stays here, and what the host mounts later does not come in.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return FAULT(SANDBOX_STEP_PRIVATE, 0);

    // 2. What is bound, and the doors, are taken hold of before the directories that may hold them are hidden; and the former before the host's /proc is
    //    covered, for it may lie in memory and be reached through a descriptor of the runner's alone.
    int trees[SANDBOX_BIND_LIMIT];
    struct fault fault = take_binds(plan, trees);
    if (fault.step) return fault;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return FAULT(SANDBOX_STEP_PROC, 0);
    make_terminals();

    int doors = open_tree(AT_FDCWD, plan->doors, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (doors < 0 || make_directories(plan->doors_inside) != 0) return FAULT(SANDBOX_STEP_DOORS, 0);

    make_shared_memory(plan);

    // 3. Hide. An agent whose working directory vanished by that would start somewhere else: said here, where the reason is known.
    struct stat before, after;
    bool was_there = stat(plan->working_directory, &before) == 0;
    fault = hide(plan);
    if (fault.step) return fault;
    if (move_mount(doors, "", AT_FDCWD, plan->doors_inside, MOVE_MOUNT_F_EMPTY_PATH) != 0) return FAULT(SANDBOX_STEP_DOORS, 0);
    close(doors);
    fault = place_binds(plan, trees);
    if (fault.step) return fault;
    // What is bound may be the working directory: then it is another one on purpose.
    bool is_there = stat(plan->working_directory, &after) == 0;
    bool is_same = is_there && before.st_dev == after.st_dev && before.st_ino == after.st_ino;
    if (was_there && (!is_there || (!is_same && plan->head.bind_count == 0)))
        return (struct fault){SANDBOX_STEP_DIRECTORY_HIDDEN, ENOENT, 0};

    fault = set_network_up(plan);
    if (fault.step) return fault;
    if (sethostname(plan->host_name, strlen(plan->host_name)) != 0) return FAULT(SANDBOX_STEP_HOST_NAME, 0);
    return (struct fault){0};
}
