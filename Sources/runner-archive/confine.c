#include "archive.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/// What zstd's largest window takes, and libarchive beside it.
#define MOST_MEMORY (512ULL << 20)
/// Seconds of the processor: an hour for the largest archive, an end for one that only turns.
#define MOST_TIME 3600

static void limit(int which, uint64_t most) {
    struct rlimit both = {most, most}, now;
    // A limit that is lower already stays: raising it would be refused.
    if (getrlimit(which, &now) == 0 && now.rlim_max < most) return;
    if (setrlimit(which, &both) != 0) refuse("system", "setrlimit", NULL);
}

/// Of the file system only what lies below the directory is left. An older kernel does without: openat2 holds by itself.
static void enclose(bool writes) {
    uint64_t wanted = writes ? LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                   LANDLOCK_ACCESS_FS_READ_DIR
                             : LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0) return;
    struct landlock_path_beneath_attr below = {.allowed_access = wanted, .parent_fd = DIRECTORY};
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) == 0) syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
}

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#define ALLOW(call) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/// Reading, writing, memory, and files below a descriptor: nothing that starts, connects or changes who we are. Any other call ends us.
static void mute(void) {
#ifdef MACHINE
    struct sock_filter calls[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read), ALLOW(write), ALLOW(pread64), ALLOW(pwrite64), ALLOW(lseek), ALLOW(close), ALLOW(fstat), ALLOW(newfstatat), ALLOW(ftruncate),
        ALLOW(openat2), ALLOW(mkdirat), ALLOW(brk), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(clock_gettime),
        ALLOW(getrandom), ALLOW(fcntl), ALLOW(futex), ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask), ALLOW(getpid), ALLOW(gettid), ALLOW(tgkill),
        ALLOW(exit), ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof calls / sizeof *calls, calls};
    // A kernel without seccomp does without.
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 && errno != EINVAL) refuse("system", "seccomp", NULL);
#endif
}

void confine(bool writes, uint64_t most_bytes) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody waits for the answer any more
    prctl(PR_SET_DUMPABLE, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) refuse("system", "no_new_privs", NULL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_AS, MOST_MEMORY);
    limit(RLIMIT_CPU, MOST_TIME);
    limit(RLIMIT_NOFILE, 16);
    if (writes) limit(RLIMIT_FSIZE, most_bytes);
    signal(SIGXFSZ, SIG_IGN);  // EFBIG tells it
    signal(SIGPIPE, SIG_IGN);
    enclose(writes);
    mute();
}
