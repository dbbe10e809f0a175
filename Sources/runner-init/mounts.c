#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
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

/// Covers the hidden directories by empty ones. One that is not there needs no cover.
static struct fault hide(const struct plan *plan) {
    const char *path = plan->hidden;
    for (uint32_t i = 0; i < plan->head.hidden_count; i++, path = plan_next(path)) {
        if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=16,mode=0555") != 0 && errno != ENOENT)
            return FAULT(SANDBOX_STEP_HIDE, i);
    }
    return (struct fault){0};
}

struct fault view_make(const struct plan *plan) {
    // 1. What is mounted here stays here, and what the host mounts later does not come in.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return FAULT(SANDBOX_STEP_PRIVATE, 0);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return FAULT(SANDBOX_STEP_PROC, 0);

    // Terminals that the agent opens are numbered by itself, so that a restore finds their numbers free. Where this cannot be, the host's do.
    (void)mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");

    // 2. The doors are taken hold of before the directories that may hold them are hidden.
    int doors = open_tree(AT_FDCWD, plan->doors, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (doors < 0 || make_directories(plan->doors_inside) != 0) return FAULT(SANDBOX_STEP_DOORS, 0);

    // 3. Hide. An agent whose working directory vanished by that would start somewhere else: said here, where the reason is known.
    struct stat before, after;
    bool was_there = stat(plan->working_directory, &before) == 0;
    struct fault fault = hide(plan);
    if (fault.step) return fault;
    if (move_mount(doors, "", AT_FDCWD, plan->doors_inside, MOVE_MOUNT_F_EMPTY_PATH) != 0) return FAULT(SANDBOX_STEP_DOORS, 0);
    close(doors);
    if (was_there && (stat(plan->working_directory, &after) != 0 || before.st_dev != after.st_dev || before.st_ino != after.st_ino))
        return (struct fault){SANDBOX_STEP_DIRECTORY_HIDDEN, ENOENT, 0};

    if (sethostname(plan->host_name, strlen(plan->host_name)) != 0) return FAULT(SANDBOX_STEP_HOST_NAME, 0);
    return (struct fault){0};
}
