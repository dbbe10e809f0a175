// Times what a shell would be too coarse for. All times are nanoseconds of CLOCK_MONOTONIC, which is the same clock in every process.
//
//   clock stamp FILE [hold]            the agent of the benchmarks: appends "TIME PID\n" as its first act; hold: then waits to be killed
//   clock line                         the same agent for a supervisor that hears: writes a line as its first act, then waits to be killed
//   clock spawn COMMAND...             starts it, waits; prints "BEGIN END STATUS"
//   clock group DIRS COMMAND...        makes each directory of the comma-separated DIRS, joins it, executes: one control group, the bare way
//   clock restart FILE                 the floor under a restart: starts `stamp FILE hold`, kills it, reaps it, starts it again; prints the time
//                                      of the kill, the second stamp is in FILE
//   clock death PID JOURNAL            kills PID and watches JOURNAL; prints the time of the kill, of the first write, and of the first close
//                                      after a write, and the length then. The journal is closed after it was synced
//   clock append FILE LENGTH COUNT     the floor under every record: open, append, fsync, close; prints the nanoseconds of each
//   clock list DIR NAME                the floor under a listing: reads NAME in every directory of DIR
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int stamp(const char *path, int hold) {
    long long first = now();
    char line[64];
    int length = snprintf(line, sizeof line, "%lld %d\n", first, (int)getpid());
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (file < 0 || write(file, line, length) != length) die(path);
    close(file);
    while (hold) pause();
    return 0;
}

_Noreturn static void line(void) {
    if (write(1, "first\n", 6) != 6) die("standard output");
    for (;;) pause();
}

static pid_t start(char **command) {
    pid_t pid;
    if (posix_spawn(&pid, command[0], NULL, NULL, command, environ)) die(command[0]);
    return pid;
}

static int spawn(char **command) {
    long long begin = now();
    pid_t pid = start(command);
    int status;
    if (waitpid(pid, &status, 0) != pid) die("waitpid");
    printf("%lld %lld %d\n", begin, now(), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

static int group(char *directories, char **command) {
    for (char *path = strtok(directories, ","); path; path = strtok(NULL, ",")) {
        char name[4096];
        if (mkdir(path, 0755) && errno != EEXIST) die(path);
        snprintf(name, sizeof name, "%s/cgroup.procs", path);
        int file = open(name, O_WRONLY);
        if (file < 0 || write(file, "0", 1) != 1) die(name);
        close(file);
    }
    execv(command[0], command);
    die(command[0]);
    return 1;
}

static long long lines(const char *path) {
    struct stat entry;
    return stat(path, &entry) ? 0 : (long long)entry.st_size;
}

/// Waits for the file to grow. There is nothing else to do, and a wait for an event would be part of what is measured.
static void await(const char *path, long long before) {
    struct timespec moment = {0, 50000};
    while (lines(path) <= before) nanosleep(&moment, NULL);
}

static int restart(char *program, char *path) {
    char *command[] = {program, "stamp", path, "hold", NULL};
    long long before = lines(path);
    pid_t pid = start(command);
    await(path, before);
    usleep(20000);
    before = lines(path);
    long long killed = now();
    kill(pid, SIGKILL);
    if (waitpid(pid, NULL, 0) != pid) die("waitpid");
    pid = start(command);
    await(path, before);
    kill(pid, SIGKILL);
    if (waitpid(pid, NULL, 0) != pid) die("waitpid");
    printf("%lld\n", killed);
    return 0;
}

static int death(pid_t pid, const char *journal) {
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, journal, IN_MODIFY | IN_CLOSE_WRITE) < 0) die(journal);
    long long written = 0, killed = now();
    if (kill(pid, SIGKILL)) die("kill");
    for (;;) {
        char buffer[4096] __attribute__((aligned(8)));
        ssize_t length = read(watch, buffer, sizeof buffer);
        long long moment = now();
        if (length <= 0) die("inotify");
        for (char *at = buffer; at < buffer + length; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
            const struct inotify_event *event = (struct inotify_event *)at;
            if ((event->mask & IN_MODIFY) && !written) written = moment;
            if ((event->mask & IN_CLOSE_WRITE) && written) {
                printf("%lld %lld %lld %lld\n", killed, written, moment, lines(journal));
                return 0;
            }
        }
    }
}

static int append(const char *path, size_t length, int count) {
    char *bytes = calloc(1, length);
    while (count-- > 0) {
        long long begin = now();
        int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (file < 0 || write(file, bytes, length) != (ssize_t)length || fsync(file)) die(path);
        close(file);
        printf("%lld\n", now() - begin);
    }
    return 0;
}

static int list(const char *path, const char *name) {
    DIR *directory = opendir(path);
    if (!directory) die(path);
    size_t total = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char file[4096], bytes[65536];
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s/%s", path, entry->d_name, name);
        int opened = open(file, O_RDONLY);
        if (opened < 0) continue;
        ssize_t length = read(opened, bytes, sizeof bytes);
        if (length > 0) total += (size_t)length;
        close(opened);
    }
    printf("%zu\n", total);
    return 0;
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    if (!strcmp(what, "stamp") && count > 2) return stamp(words[2], count > 3);
    if (!strcmp(what, "line")) line();
    if (!strcmp(what, "spawn") && count > 2) return spawn(words + 2);
    if (!strcmp(what, "group") && count > 3) return group(words[2], words + 3);
    if (!strcmp(what, "restart") && count > 2) return restart(words[0], words[2]);
    if (!strcmp(what, "death") && count > 3) return death(atoi(words[2]), words[3]);
    if (!strcmp(what, "append") && count > 4) return append(words[2], atol(words[3]), atoi(words[4]));
    if (!strcmp(what, "list") && count > 3) return list(words[2], words[3]);
    return 64;
}
