#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct fault terminal_make(struct init *init) {
    if (!init->plan.head.terminal) return (struct fault){0};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct winsize size = {.ws_row = init->plan.head.rows, .ws_col = init->plan.head.columns};
    if (master < 0 || unlockpt(master) != 0 || ioctl(master, TIOCSWINSZ, &size) != 0) return (struct fault){SANDBOX_STEP_TERMINAL, errno, 0};
    init->terminal = master;
    link_report(init, SANDBOX_TERMINAL);
    return (struct fault){0};
}

bool terminal_take(const struct plan *plan, int master) {
    // By the master, not by its name: nobody can put something else there.
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) != 0) return false;
    if (plan->head.user >= 0 && fchown(slave, (uid_t)plan->head.user, (gid_t)-1) != 0) return false;
    for (int i = 0; i < 3; i++)
        if (dup2(slave, i) < 0) return false;
    return true;
}
