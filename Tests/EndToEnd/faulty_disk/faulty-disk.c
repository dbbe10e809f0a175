// A file system that passes everything through to a directory and fails when it is told to.
//
//   faulty-disk DIRECTORY MOUNTPOINT     in the foreground; ends when it is unmounted
//
// It is told by a line on its standard input, and answers each with one line on its standard output:
//
//   KIND HOW NUMBER     the so-manieth operation of that kind from now on fails. KIND: read, write, sync, change (of names and attributes), look (at
//                       names and attributes), any. HOW: a number of errno; 'short' for reads and writes that do half of what they are asked for, once;
//                       'ever' after a number and a comma: that and all that follow. The answer is "ok".
//   count               how many of each kind there were since the last 'KIND' or 'reset', and whether it failed: "read=1 … failed=1"
//   reset               nothing fails any more, counting begins anew: "ok"

#define _GNU_SOURCE
#define FUSE_USE_VERSION 35

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum kind { READ, WRITE, SYNC, CHANGE, LOOK, KINDS, ANY = KINDS };
static const char *const names[] = {"read", "write", "sync", "change", "look", "any"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counts[KINDS + 1];
static long failing_at;
static int failing_kind = ANY, failing_with, failing_ever, failed;
static int root;

/// 0, an errno, or -1 for half.
static int trouble(enum kind kind) {
    pthread_mutex_lock(&lock);
    counts[kind]++;
    counts[ANY]++;
    int answer = 0;
    if (failing_at && (failing_kind == ANY || failing_kind == (int)kind)) {
        long now = counts[failing_kind];
        if (now == failing_at || (failing_ever && now > failing_at)) {
            answer = failing_with;
            failed = 1;
        }
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

#define FAIL(kind) \
    do { \
        int fault = trouble(kind); \
        if (fault > 0) return -fault; \
    } while (0)
#define ANSWER(call) return (call) < 0 ? -errno : 0

static const char *below(const char *path) { return path[1] ? path + 1 : "."; }

static int do_getattr(const char *path, struct stat *status, struct fuse_file_info *file) {
    FAIL(LOOK);
    if (file) ANSWER(fstat((int)file->fh, status));
    ANSWER(fstatat(root, below(path), status, AT_SYMLINK_NOFOLLOW));
}
static int do_readlink(const char *path, char *target, size_t size) {
    FAIL(LOOK);
    ssize_t length = readlinkat(root, below(path), target, size - 1);
    if (length < 0) return -errno;
    target[length] = 0;
    return 0;
}
static int do_mkdir(const char *path, mode_t mode) {
    FAIL(CHANGE);
    ANSWER(mkdirat(root, below(path), mode));
}
static int do_mknod(const char *path, mode_t mode, dev_t device) {
    FAIL(CHANGE);
    ANSWER(mknodat(root, below(path), mode, device));
}
static int do_unlink(const char *path) {
    FAIL(CHANGE);
    ANSWER(unlinkat(root, below(path), 0));
}
static int do_rmdir(const char *path) {
    FAIL(CHANGE);
    ANSWER(unlinkat(root, below(path), AT_REMOVEDIR));
}
static int do_symlink(const char *target, const char *path) {
    FAIL(CHANGE);
    ANSWER(symlinkat(target, root, below(path)));
}
static int do_rename(const char *from, const char *to, unsigned int flags) {
    FAIL(CHANGE);
    ANSWER(renameat2(root, below(from), root, below(to), flags));
}
static int do_link(const char *from, const char *to) {
    FAIL(CHANGE);
    ANSWER(linkat(root, below(from), root, below(to), 0));
}
static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    FAIL(CHANGE);
    if (file) ANSWER(fchmod((int)file->fh, mode));
    ANSWER(fchmodat(root, below(path), mode, 0));
}
static int do_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *file) {
    FAIL(CHANGE);
    if (file) ANSWER(fchown((int)file->fh, user, group));
    ANSWER(fchownat(root, below(path), user, group, AT_SYMLINK_NOFOLLOW));
}
static int do_truncate(const char *path, off_t size, struct fuse_file_info *file) {
    FAIL(WRITE);
    if (file) ANSWER(ftruncate((int)file->fh, size));
    int opened = openat(root, below(path), O_WRONLY | O_NOFOLLOW);
    if (opened < 0) return -errno;
    int answer = ftruncate(opened, size) < 0 ? -errno : 0;
    close(opened);
    return answer;
}
static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
    FAIL(CHANGE);
    if (file) ANSWER(futimens((int)file->fh, times));
    ANSWER(utimensat(root, below(path), times, AT_SYMLINK_NOFOLLOW));
}
static int do_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    FAIL(CHANGE);
    int opened = openat(root, below(path), file->flags | O_NOFOLLOW, mode);
    if (opened < 0) return -errno;
    file->fh = (uint64_t)opened;
    file->direct_io = 1;
    return 0;
}
static int do_open(const char *path, struct fuse_file_info *file) {
    FAIL(LOOK);
    int opened = openat(root, below(path), (file->flags & ~O_APPEND) | O_NOFOLLOW);
    if (opened < 0) return -errno;
    file->fh = (uint64_t)opened;
    file->direct_io = 1;  // a short read is given to the program as it is
    return 0;
}
static int do_read(const char *path, char *bytes, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)path;
    int fault = trouble(READ);
    if (fault > 0) return -fault;
    if (fault < 0) size = size / 2 ? size / 2 : size;
    ssize_t count = pread((int)file->fh, bytes, size, offset);
    return count < 0 ? -errno : (int)count;
}
static int do_write(const char *path, const char *bytes, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)path;
    int fault = trouble(WRITE);
    if (fault > 0) return -fault;
    if (fault < 0) size = size / 2 ? size / 2 : size;
    ssize_t count = pwrite((int)file->fh, bytes, size, offset);
    return count < 0 ? -errno : (int)count;
}
static int do_statfs(const char *path, struct statvfs *status) {
    (void)path;
    FAIL(LOOK);
    ANSWER(fstatvfs(root, status));
}
static int do_release(const char *path, struct fuse_file_info *file) {
    (void)path;
    close((int)file->fh);
    return 0;
}
static int do_fsync(const char *path, int data_only, struct fuse_file_info *file) {
    (void)path;
    (void)data_only;  // a test's machine keeps its power
    (void)file;
    FAIL(SYNC);
    return 0;
}
static int do_readdir(
    const char *path, void *list, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file, enum fuse_readdir_flags flags
) {
    (void)offset;
    (void)file;
    (void)flags;
    FAIL(LOOK);
    int opened = openat(root, below(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (opened < 0) return -errno;
    DIR *directory = fdopendir(opened);
    if (!directory) return -errno;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        struct stat status = {.st_ino = entry->d_ino, .st_mode = (mode_t)entry->d_type << 12};
        if (fill(list, entry->d_name, &status, 0, 0)) break;
    }
    closedir(directory);
    return 0;
}

static void tell(void) {
    pthread_mutex_lock(&lock);
    for (int kind = 0; kind <= KINDS; kind++) printf("%s=%ld ", names[kind], counts[kind]);
    printf("failed=%d\n", failed);
    pthread_mutex_unlock(&lock);
}

static int set(const char *kind, const char *how, long number) {
    int chosen = -1;
    for (int each = 0; each <= KINDS; each++) if (!strcmp(kind, names[each])) chosen = each;
    if (chosen < 0) return 0;
    pthread_mutex_lock(&lock);
    memset(counts, 0, sizeof counts);
    failed = 0;
    failing_kind = chosen;
    failing_with = strcmp(how, "short") ? atoi(how) : -1;
    failing_ever = strstr(how, ",ever") != NULL;
    failing_at = number;
    pthread_mutex_unlock(&lock);
    return 1;
}

static void *listen_for_orders(void *unused) {
    (void)unused;
    char line[256], kind[32], how[32];
    long number;
    while (fgets(line, sizeof line, stdin)) {
        if (!strcmp(line, "count\n")) {
            tell();
        } else if (!strcmp(line, "reset\n")) {
            set("any", "0", 0);
            puts("ok");
        } else if (sscanf(line, "%31s %31s %ld", kind, how, &number) == 3 && set(kind, how, number)) {
            puts("ok");
        } else {
            puts("not understood");
        }
        fflush(stdout);
    }
    return NULL;
}

/// Nothing is remembered by the kernel, so that every operation comes here.
static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->use_ino = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    config->hard_remove = 1;
    config->nullpath_ok = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, listen_for_orders, NULL);
    return NULL;
}

static const struct fuse_operations operations = {
    .init = do_init,
    .getattr = do_getattr,
    .readlink = do_readlink,
    .mkdir = do_mkdir,
    .mknod = do_mknod,
    .unlink = do_unlink,
    .rmdir = do_rmdir,
    .symlink = do_symlink,
    .rename = do_rename,
    .link = do_link,
    .chmod = do_chmod,
    .chown = do_chown,
    .truncate = do_truncate,
    .utimens = do_utimens,
    .create = do_create,
    .open = do_open,
    .read = do_read,
    .write = do_write,
    .statfs = do_statfs,
    .release = do_release,
    .fsync = do_fsync,
    .fsyncdir = do_fsync,
    .readdir = do_readdir,
};

int main(int count, char *words[]) {
    if (count != 3) {
        fputs("faulty-disk: give a directory and a mount point\n", stderr);
        return 64;
    }
    umask(0);
    root = open(words[1], O_RDONLY | O_DIRECTORY);
    if (root < 0) {
        perror("faulty-disk: could not open the directory");
        return 66;
    }
    char *own[] = {words[0], "-f", "-s", "-o", "default_permissions,allow_other,fsname=faulty-disk", words[2], NULL};
    return fuse_main(6, own, &operations, NULL);
}
