// A cooperative agent with nothing in it but the protocol (docs/protocol.md), so that what is measured is the runner.
//
//   agent LOG STATE-BYTES [hellos=N] [effects=N] [saves=N] [beats=PER-SECOND] [floors=DIR]
//
// Appends to LOG, times in nanoseconds of CLOCK_MONOTONIC:
//   welcome TIME STATE-BYTES RESTORED-FROM        when the whole state is in our hands (0: a clean start)
//   hello DURATION · effect BEGIN END             round trips
//   save STOOD-STILL UNTIL-COMMITTED VERSION      a version of its own wish, its first file changed before each
//   commit DURATION                               with floors: after each save the floor under it, in DIR: the state and a small file, synced,
//                                                 renamed into place, the directory synced
//   ready TIME                                    all of that is done; from here it beats, or waits
// A `prepare` is answered at once with the whole state.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BEAT = 2, PREPARED = 3, SAVE = 5, EFFECT_BEGIN = 6, EFFECT_END = 7, WELCOME = 33, PREPARE = 34, RESUME = 35, COMMITTED = 36, ABORTED = 37,
       STOP = 38, EFFECT_RESULT = 40, REFUSAL = 41 };

static int link_fd = -1, log_fd = -1;
static uint8_t *state, *frame;
static size_t state_length;
static uint64_t step, incarnation;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void tell(const char *format, ...) {
    char line[256];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (write(log_fd, line, length) != length) _exit(3);
}

static void die(const char *what) {
    tell("fault %s\n", what);
    perror(what);
    _exit(2);
}

// MARK: Protobuf, as much of it as this needs

static uint8_t *number(uint8_t *at, uint64_t value) {
    for (; value > 127; value >>= 7) *at++ = (uint8_t)value | 128;
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *field(uint8_t *at, uint32_t tag, uint64_t value) { return number(number(at, tag << 3), value); }

static uint8_t *bytes(uint8_t *at, uint32_t tag, const void *value, size_t length) {
    at = number(number(at, tag << 3 | 2), length);
    memcpy(at, value, length);
    return at + length;
}

static uint64_t varint(const uint8_t **at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
}

/// The fields of a message one by one; `length` is 0 for a number.
static int next(const uint8_t **at, const uint8_t *end, uint32_t *tag, uint64_t *value, size_t *length) {
    if (*at >= end) return 0;
    uint64_t key = varint(at);
    *tag = (uint32_t)(key >> 3);
    *value = varint(at);
    *length = 0;
    if ((key & 7) == 2) {
        *length = *value;
        *value = (uint64_t)(uintptr_t)*at;
        *at += *length;
    }
    return 1;
}

static uint64_t field_of(const uint8_t *at, size_t length, uint32_t wanted) {
    uint32_t tag;
    uint64_t value;
    size_t inner;
    for (const uint8_t *end = at + length; next(&at, end, &tag, &value, &inner);)
        if (tag == wanted) return inner ? inner : value;
    return 0;
}

// MARK: Frames

static void all(int (*move)(uint8_t *, size_t), uint8_t *at, size_t length) {
    while (length) {
        int moved = move(at, length);
        if (moved <= 0) die("the runner closed the connection");
        at += moved;
        length -= (size_t)moved;
    }
}
static int put(uint8_t *at, size_t length) { return (int)send(link_fd, at, length, MSG_NOSIGNAL); }
static int get(uint8_t *at, size_t length) { return (int)recv(link_fd, at, length, 0); }

static void say(uint32_t kind, const uint8_t *body, size_t length) {
    static uint8_t *out;
    if (!out) out = malloc(state_length + 65536);
    uint8_t *end = bytes(out + 4, kind, body, length);
    uint32_t size = (uint32_t)(end - out - 4);
    memcpy(out, &size, 4);
    all(put, out, size + 4);
}

/// The next message: its kind; its body is `*body`, of `*length`.
static uint32_t hear(const uint8_t **body, size_t *length) {
    uint32_t size, tag = 0;
    uint64_t value = 0;
    all(get, (uint8_t *)&size, 4);
    all(get, frame, size);
    const uint8_t *at = frame;
    if (!next(&at, frame + size, &tag, &value, length)) return 0;
    *body = (const uint8_t *)(uintptr_t)value;
    if (tag == REFUSAL) die("the runner refused");
    return tag;
}

static uint8_t *point(uint8_t *at, uint64_t request) {
    uint8_t *inner = malloc(state_length + 64), *outer = malloc(state_length + 128);
    uint8_t *end = bytes(inner, 1, state, state_length);
    uint8_t *whole = field(bytes(outer, 1, inner, (size_t)(end - inner)), 3, step);
    at = bytes(field(at, 1, request), 2, outer, (size_t)(whole - outer));
    free(inner);
    free(outer);
    return at;
}

static void give(uint32_t kind, uint64_t request) {
    uint8_t *body = malloc(state_length + 256);
    say(kind, body, (size_t)(point(body, request) - body));
    free(body);
}

// MARK: What it does

static void await(uint32_t wanted, const uint8_t **body, size_t *length) {
    for (;;) {
        uint32_t kind = hear(body, length);
        if (kind == wanted) return;
        if (kind == PREPARE) give(PREPARED, field_of(*body, *length, 1));
        if (kind == ABORTED) die("aborted");
        if (kind == STOP) _exit(0);
    }
}

/// Connects; gives the length of the state that came with the welcome.
static size_t greet(uint64_t *restored_from) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("RUNNER_SOCKET");
    if (!path) die("RUNNER_SOCKET is not set");
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (link_fd >= 0) close(link_fd);
    link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(link_fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    uint8_t hello[128];
    uint8_t *end = bytes(bytes(field(field(hello, 1, 1), 2, 1), 3, "bench", 5), 4, "prepare", 7);
    end = bytes(end, 4, "stop", 4);
    if (incarnation) end = field(end, 6, incarnation);
    say(1, hello, (size_t)(end - hello));
    const uint8_t *body;
    size_t length;
    await(WELCOME, &body, &length);
    incarnation = field_of(body, length, 3);
    *restored_from = field_of(body, length, 4);
    uint32_t tag;
    uint64_t value;
    size_t inner;
    for (const uint8_t *at = body, *stop = body + length; next(&at, stop, &tag, &value, &inner);)
        if (tag == 5) return field_of((const uint8_t *)(uintptr_t)value, inner, 1);
    return 0;
}

static void save(uint64_t request) {
    step++;
    state[step % state_length]++;
    int file = open("note-0.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dprintf(file, "step %llu\n", (unsigned long long)step);
    close(file);
    const uint8_t *body;
    size_t length;
    long long begin = now();
    give(SAVE, request);
    await(RESUME, &body, &length);
    long long resumed = now();
    await(COMMITTED, &body, &length);
    tell("save %lld %lld %llu\n", resumed - begin, now() - begin, (unsigned long long)field_of(body, length, 2));
}

static void put_file(const char *path, const void *content, size_t length) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, content, length) != (ssize_t)length || fsync(file)) die(path);
    close(file);
}

static void commit(const char *parent, uint64_t number) {
    char staged[512], whole[512], file[600];
    snprintf(staged, sizeof staged, "%s/staged-%llu", parent, (unsigned long long)number);
    snprintf(whole, sizeof whole, "%s/whole-%llu", parent, (unsigned long long)number);
    long long begin = now();
    if (mkdir(staged, 0700)) die(staged);
    snprintf(file, sizeof file, "%s/state", staged);
    put_file(file, state, state_length);
    snprintf(file, sizeof file, "%s/note", staged);
    put_file(file, state, 1000);
    if (rename(staged, whole)) die(whole);
    int directory = open(parent, O_RDONLY | O_DIRECTORY);
    if (directory < 0 || fsync(directory)) die(parent);
    close(directory);
    tell("commit %lld\n", now() - begin);
}

/// Between two saves, so that what the first one left to do (old versions to remove) is done.
static void settle(void) { usleep(150000); }

static void effect(uint64_t request) {
    uint8_t body[128];
    char key[64];
    const uint8_t *answer;
    size_t length;
    int size = snprintf(key, sizeof key, "effect-%llu-%llu", (unsigned long long)incarnation, (unsigned long long)request);
    long long begin = now();
    say(EFFECT_BEGIN, body, (size_t)(bytes(field(body, 1, request), 2, key, size) - body));
    await(EFFECT_RESULT, &answer, &length);
    long long middle = now();
    say(EFFECT_END, body, (size_t)(bytes(field(body, 1, request + 1), 2, key, size) - body));
    await(EFFECT_RESULT, &answer, &length);
    tell("effect %lld %lld\n", middle - begin, now() - middle);
}

static void live(int beats) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    for (;;) {
        struct pollfd link = {link_fd, POLLIN, 0};
        if (!beats) poll(&link, 1, -1);
        else {
            at.tv_nsec += 1000000000 / beats;
            if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
            uint8_t body[16];
            say(BEAT, body, (size_t)(field(body, 1, ++step) - body));
            poll(&link, 1, 0);
        }
        if (!link.revents) continue;
        const uint8_t *body;
        size_t length;
        uint32_t kind = hear(&body, &length);
        if (kind == PREPARE) give(PREPARED, field_of(body, length, 1));
        if (kind == STOP) _exit(0);
    }
}

int main(int count, char **words) {
    if (count < 3) return 64;
    int hellos = 0, effects = 0, saves = 0, beats = 0;
    const char *floors = NULL;
    for (int i = 3; i < count; i++) {
        sscanf(words[i], "hellos=%d", &hellos);
        sscanf(words[i], "effects=%d", &effects);
        sscanf(words[i], "saves=%d", &saves);
        sscanf(words[i], "beats=%d", &beats);
        if (!strncmp(words[i], "floors=", 7)) floors = words[i] + 7;
    }
    log_fd = open(words[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
    state_length = strtoul(words[2], NULL, 10);
    frame = malloc(1200000);
    uint64_t restored, request = 1;
    size_t length = greet(&restored);
    tell("welcome %lld %zu %llu\n", now(), length, (unsigned long long)restored);
    state = malloc(state_length + 1);
    uint32_t seed = 1;
    for (size_t i = 0; i < state_length; i++) state[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    step = incarnation * 1000;
    for (int i = 0; i < hellos; i++) {
        long long begin = now();
        greet(&restored);
        tell("hello %lld\n", now() - begin);
    }
    for (int i = 0; i < effects; i++, request += 2) effect(request);
    for (int i = 0; i < saves; i++) {
        save(request++);
        if (i + 1 < saves || floors) settle();
        if (floors) commit(floors, (uint64_t)i);
    }
    tell("ready %lld\n", now());
    live(beats);
}
