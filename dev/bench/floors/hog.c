// hog FILE MEGABYTES [PROCESSES]
// Fills so much memory with numbers nobody can guess, has so many children that only wait, and then writes the time of day to FILE every half millisecond:
// the longest gap is how long it stood still, the first line after its death is its first instruction.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count < 3) return 64;
    close_range(3, ~0U, 0);  // what a shell left open from outside could not be dumped
    size_t size = strtoul(words[2], NULL, 10) * 1000000 / 8;
    int processes = count > 3 ? atoi(words[3]) : 1;
    for (int i = 1; i < processes; i++) {
        if (fork() == 0) {
            for (;;) pause();
        }
    }
    if (size > 0) {
        uint64_t *memory = mmap(NULL, size * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return 71;
        uint64_t x = (uint64_t)getpid() * 0x9E3779B97F4A7C15 + (uint64_t)time(NULL);
        for (size_t i = 0; i < size; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            memory[i] = x;
        }
    }
    int file = open(words[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return 73;
    for (;;) {
        struct timespec now, pause = {0, 500000};
        clock_gettime(CLOCK_REALTIME, &now);
        char line[32];
        int length = snprintf(line, sizeof line, "%" PRId64 "\n", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
        if (write(file, line, (size_t)length) != length) return 74;
        nanosleep(&pause, NULL);
    }
}
