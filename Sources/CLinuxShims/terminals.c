#include "CLinuxShims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int32_t shim_terminal_peer(int32_t master) {
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return slave < 0 ? -errno : slave;
}

int32_t shim_terminal_resize(int32_t terminal, const struct winsize *size) { return ioctl(terminal, TIOCSWINSZ, size) == 0 ? 0 : -errno; }

int32_t shim_terminal_size(int32_t terminal, struct winsize *size) { return ioctl(terminal, TIOCGWINSZ, size) == 0 ? 0 : -errno; }

// MARK: The runner's own

int32_t shim_terminal_reopen(int32_t terminal, const struct termios *before) {
    struct termios raw = *before;
    cfmakeraw(&raw);
    return tcsetattr(terminal, TCSADRAIN, &raw) == 0 ? 0 : -errno;
}

/// Out of the runner's session: its end, and what the terminal sends to it, are not for us.
static _Noreturn void stand_guard(int terminal, const struct termios *before, int end) {
    setsid();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int kept[2] = {fcntl(terminal, F_DUPFD, 10), fcntl(end, F_DUPFD, 10)};
    close_range(0, 9, 0);
    close_range((unsigned)(kept[0] > kept[1] ? kept[0] : kept[1]) + 1, ~0U, 0);
    char done;
    ssize_t count;
    do count = read(kept[1], &done, 1);
    while (count < 0 && errno == EINTR);
    if (count == 0) tcsetattr(kept[0], TCSADRAIN, before);
    _exit(0);
}

int32_t shim_terminal_open(int32_t terminal, struct termios *before, int32_t *guard) {
    int ends[2];
    if (tcgetattr(terminal, before) != 0 || pipe2(ends, O_CLOEXEC) != 0) return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        stand_guard(terminal, before, ends[0]);
    }
    int32_t result = pid < 0 ? -errno : shim_terminal_reopen(terminal, before);
    close(ends[0]);
    if (result == 0) {
        *guard = ends[1];
        return pid;
    }
    close(ends[1]);
    if (pid > 0) waitpid(pid, NULL, 0);
    return result;
}
