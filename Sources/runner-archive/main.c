#include "archive.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// MARK: The one line

/// `text` goes behind the words of the line; what would end or disguise it is replaced.
static void append(char *line, size_t size, const char *text) {
    size_t used = strlen(line);
    for (; *text && used + 1 < size; text++) line[used++] = (unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text;
    line[used] = 0;
}

noreturn void refuse(const char *word, const char *name, const char *detail) {
    char line[LONGEST_NAME + 512] = "";
    append(line, sizeof line, word);
    strcat(line, "\t");
    append(line, LONGEST_NAME, name ? name : "");
    strcat(line, "\t");
    append(line, sizeof line - 1, detail ? detail : "");
    strcat(line, "\n");
    (void)!write(REPORT, line, strlen(line));  // whoever does not listen sees the status
    _exit(1);
}

noreturn void refuse_errno(int error, const char *name) {
    switch (error) {
    case ENOSPC: case EDQUOT: refuse("full", name, NULL);
    case EROFS: refuse("read-only", name, NULL);
    case EACCES: case EPERM: refuse("denied", name, NULL);
    case ENOMEM: refuse("memory", name, NULL);
    default: refuse("system", name, strerror(error));
    }
}

noreturn void finish(uint64_t members, uint64_t bytes) {
    char line[64];
    int length = snprintf(line, sizeof line, "done\t%llu\t%llu\n", (unsigned long long)members, (unsigned long long)bytes);
    (void)!write(REPORT, line, (size_t)length);
    _exit(0);
}

// MARK: Files

int open_beneath(const char *path, int flags, unsigned mode) {
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW, .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    // EAGAIN: somebody renames above us; see openat2(2).
    for (int tries = 0; tries < 16; tries++) {
        long file = syscall(SYS_openat2, DIRECTORY, path, &how, sizeof how);
        if (file >= 0) return (int)file;
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return -errno;
}

static uint64_t number(const char *text) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text) refuse("usage", text, NULL);
    return value;
}

int main(int count, char **arguments) {
    // Names are bytes. In a locale of bytes libarchive would lose those that are no ASCII.
    if (!setlocale(LC_CTYPE, "C.UTF-8")) setlocale(LC_CTYPE, "C");
    if (count == 3 && strcmp(arguments[1], "pack") == 0) pack(arguments[2]);
    if (count >= 5 && strcmp(arguments[1], "unpack") == 0)
        unpack(number(arguments[2]), number(arguments[3]), number(arguments[4]), arguments + 5);
    refuse("usage", "", NULL);
}
