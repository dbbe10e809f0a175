#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /// Descriptors of the server, after the standard three: images, scratch, status.
    FIRST_GIFT = 3,
    /// Where the guards are kept, in two rooms that are used by turns; nothing else of ours counts so high.
    GUARDS = 64,
    ROOM = 448,
    /// The server takes the last descriptors over while the agent runs already.
    GUARD_AGAIN_MS = 50,
};

static _Noreturn void become_server(const struct gifts *gifts) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high[FIRST_GIFT];
    for (int i = 0; i < FIRST_GIFT; i++) high[i] = fcntl(gifts->descriptors[i], F_DUPFD_CLOEXEC, 2 * FIRST_GIFT);
    if (nothing < 0 || high[0] < 0 || high[1] < 0 || high[2] < 0) _exit(127);
    nothing = fcntl(nothing, F_DUPFD_CLOEXEC, 2 * FIRST_GIFT);
    for (int i = 0; i < FIRST_GIFT; i++)
        if (dup2(nothing, i) < 0 || dup2(high[i], FIRST_GIFT + i) < 0) _exit(127);
    close_range(2 * FIRST_GIFT, ~0U, 0);
    setsid();
    umask(077);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    const char *arguments[] = {
        gifts->program, "--no-default-config", "lazy-pages", "-D", "/proc/self/fd/3", "-W", "/proc/self/fd/4",
        "-o", "lazy-pages.log", "-v1", "--status-fd", "5", NULL,
    };
    const char *variables[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    execve(gifts->program, (char *const *)arguments, (char *const *)variables);
    _exit(127);
}

void pages_serve(struct init *init, const struct gifts *gifts) {
    if (init->phase != SANDBOX_AWAITING || init->clearing || init->pages > 0 || gifts->count != FIRST_GIFT) return;
    pid_t server = fork();
    if (server == 0) become_server(gifts);
    if (server > 0) init->pages = server;
    else pages_ended(init, 127 << 8);
}

// MARK: Guards

static bool is_guard_worthy(pid_t server, int number) {
    char path[48], target[32];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)server, number);
    ssize_t length = readlink(path, target, sizeof target);
    return length == 24 && memcmp(target, "anon_inode:[userfaultfd]", 24) == 0;
}

void pages_guard(struct init *init) {
    if (init->pages <= 0) return;
    bool again = init->guard_at >= 0;
    init->guard_at = again ? -1 : now_ms() + GUARD_AGAIN_MS;
    int server = pidfd_open(init->pages, 0);
    int room = again ? GUARDS + ROOM : GUARDS;
    for (int number = 0, kept = 0; server >= 0 && number < 2 * ROOM && kept < ROOM; number++) {
        if (!is_guard_worthy(init->pages, number)) continue;
        int copy = pidfd_getfd(server, number, 0);
        if (copy >= 0 && fcntl(copy, F_DUPFD_CLOEXEC, room) >= 0) kept++;
        if (copy >= 0) close(copy);
    }
    if (server >= 0) close(server);
    if (again) close_range(GUARDS, GUARDS + ROOM - 1, 0);
}

void pages_ended(struct init *init, int status) {
    init->pages = 0;
    init->pages_status = status;
    init->guard_at = -1;
    if (init->clearing) return;  // it was killed with all else
    // What of its memory has not come is lost, so not one instruction more may run. The guards hold it until it is killed.
    if (status != 0) init->clearing = true;
    else close_range(GUARDS, GUARDS + 2 * ROOM - 1, 0);
    link_report(init, SANDBOX_PAGES);
}
