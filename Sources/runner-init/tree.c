#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool tree_reap(struct init *init) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0) return errno != ECHILD;
        if (pid == init->pages) pages_ended(init, status);
        if (pid != init->agent) continue;
        if (init->phase == SANDBOX_AWAITING) {
            // It is told once the restore is said to be finished: until then a root that dies is the restore's affair.
            init->root_ended = true;
            init->status = status;
            continue;
        }
        // It is dead, so the start channel has said its last word: the start is told before the end, or as the failure it was.
        if (init->start >= 0) learn_start(init);
        close(init->agent_handle);
        init->agent_handle = -1;
        init->agent = 0;
        init->clearing = true;
        if (init->phase == SANDBOX_NEVER_RAN) continue;
        init->phase = SANDBOX_OVER;
        init->status = status;
        link_report(init, SANDBOX_ENDED);
    }
}

/// Kills the direct children only. Nobody but us can reap them, so their numbers cannot have passed to strangers; their own children become
/// ours as they die, and the next round takes those.
static void kill_children(void) {
    char text[4096];
    int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;  // then reaping never sees the end, and the supervisor looks from outside
    size_t kept = 0;
    ssize_t count;
    while ((count = read(file, text + kept, sizeof text - 1 - kept)) > 0) {
        text[kept + (size_t)count] = 0;
        char *at = text, *end;
        // A number is whole once a space follows it.
        for (;; at = end + 1) {
            long pid = strtol(at, &end, 10);
            if (end == at || *end != ' ') break;
            kill((pid_t)pid, SIGKILL);
        }
        kept = strlen(at);
        memmove(text, at, kept);
    }
    close(file);
}

void tree_kill(struct init *init) {
    tree_thaw(init);  // a frozen process does not die (control groups v1)
    if (init->plan.head.namespaces)
        kill(-1, SIGKILL);
    else
        kill_children();
}

void tree_thaw(struct init *init) {
    if (init->freezer < 0) return;
    const char *word = init->plan.head.freezer_version == 1 ? "THAWED" : "0";
    (void)!pwrite(init->freezer, word, strlen(word), 0);
}

bool tree_holds(pid_t pid) {
    for (int depth = 0; pid > 1 && depth < 1000; depth++) {
        if (pid == getpid()) return true;
        char path[32], text[512];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) return false;
        ssize_t count = read(file, text, sizeof text - 1);
        close(file);
        text[count > 0 ? count : 0] = 0;
        // The name in parentheses may hold anything; the parent is the second word after the last of them.
        char *after = strrchr(text, ')');
        if (!after || sscanf(after + 1, " %*c %d", &pid) != 1) return false;
    }
    return pid == getpid();
}
