// warm MEGABYTES
// Touches so much memory and gives it back. Under a hypervisor that takes back what is free, the first to touch a page waits for the host: whichever of two
// rivals found the pages the other one had just freed would look several times as fast.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count < 2) return 64;
    size_t size = strtoul(words[1], NULL, 10) * 1000000;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 71;
    long page = sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < size; at += (size_t)page) memory[at] = 1;
    return 0;
}
