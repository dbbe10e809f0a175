#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// Descriptors of the server, after the standard three: images, scratch, status.
enum { FIRST_GIFT = 3 };

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

void pages_ended(struct init *init, int status) {
    init->pages = 0;
    init->pages_status = status;
    if (init->clearing) return;  // it was killed with all else
    // What of its memory has not come is lost, and the kernel gives zeros for it from now on: everything is killed at once. Copies of the
    // server's descriptors would make the agent wait instead, but the server takes their events for its own after it has closed one, and hangs.
    if (status != 0) init->clearing = true;
    link_report(init, SANDBOX_PAGES);
}
