#include "archive.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ORDERS, from whoever started us, one after the other, little-endian:
//   kind 1 byte: 'F' a file below the directory, 'B' bytes, 'D' a directory
//   mode 4, seconds 8, size 8 (of 'B'; else 0), length of name 4, length of source 4 (of 'F'; else 0)
//   name, source, bytes
struct order {
    char kind;
    uint32_t mode;
    int64_t seconds;
    uint64_t size;
    uint32_t name_length, source_length;
};

// MARK: Orders

/// - Returns: whether there is anything more; what ends in the middle is refused.
static bool get(void *bytes, size_t size, bool may_end) {
    char *next = bytes;
    while (size > 0) {
        ssize_t count = read(INPUT, next, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) refuse_errno(errno, "orders");
        if (count == 0) {
            if (may_end && next == bytes) return false;
            refuse("usage", "orders", NULL);
        }
        next += count;
        size -= (size_t)count;
    }
    return true;
}

static bool next_order(struct order *order, char *name, char *source) {
    if (!get(&order->kind, 1, true)) return false;
    get(&order->mode, 4, false);
    get(&order->seconds, 8, false);
    get(&order->size, 8, false);
    get(&order->name_length, 4, false);
    get(&order->source_length, 4, false);
    if (order->name_length >= LONGEST_NAME || order->source_length >= LONGEST_NAME) refuse("name", NULL, NULL);
    get(name, order->name_length, false);
    get(source, order->source_length, false);
    name[order->name_length] = source[order->source_length] = 0;
    return true;
}

// MARK: Members

static void check(struct archive *archive, ssize_t result, const char *name) {
    if (result >= ARCHIVE_OK || result == ARCHIVE_WARN) return;
    int error = archive_errno(archive);
    if (error > 0) refuse_errno(error, name);
    refuse("system", name, archive_error_string(archive));
}

static void begin(struct archive *archive, const struct order *order, const char *name, uint64_t size) {
    struct archive_entry *entry = archive_entry_new();
    if (!entry) refuse("memory", name, NULL);
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, order->kind == 'D' ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, order->mode);
    archive_entry_set_mtime(entry, order->seconds, 0);
    archive_entry_set_size(entry, (int64_t)size);
    check(archive, archive_write_header(archive, entry), name);
    archive_entry_free(entry);
}

static void add_file(struct archive *archive, const struct order *order, const char *name, const char *source, uint64_t *bytes) {
    static char piece[PIECE];
    int file = open_beneath(source, O_RDONLY | O_NONBLOCK, 0);
    if (file < 0) refuse_errno(-file, name);
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) refuse("special", name, NULL);
    uint64_t left = (uint64_t)status.st_size;
    begin(archive, order, name, left);
    *bytes += left;
    while (left > 0) {
        ssize_t count = read(file, piece, left < PIECE ? left : PIECE);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) refuse_errno(errno, name);
        if (count == 0) refuse("changed", name, NULL);
        check(archive, archive_write_data(archive, piece, (size_t)count), name);
        left -= (uint64_t)count;
    }
    close(file);
}

static void add_bytes(struct archive *archive, const struct order *order, const char *name, uint64_t *bytes) {
    static char piece[PIECE];
    begin(archive, order, name, order->size);
    *bytes += order->size;
    for (uint64_t left = order->size; left > 0;) {
        size_t count = left < PIECE ? left : PIECE;
        get(piece, count, false);
        check(archive, archive_write_data(archive, piece, count), name);
        left -= count;
    }
}

// MARK: The whole

void pack(const char *compression) {
    confine(false, 0);
    struct archive *archive = archive_write_new();
    if (!archive) refuse("memory", NULL, NULL);
    // GNU's form: names are bytes and stay so, and every reader of tar knows it.
    archive_write_set_format_gnutar(archive);
    if (strcmp(compression, "zstd") == 0) check(archive, archive_write_add_filter_zstd(archive), NULL);
    else if (strcmp(compression, "gzip") == 0) {
        check(archive, archive_write_add_filter_gzip(archive), NULL);
        // Else the time of packing is in it, and two archives of one version differ.
        check(archive, archive_write_set_filter_option(archive, "gzip", "timestamp", NULL), NULL);
    } else if (strcmp(compression, "none") != 0) refuse("usage", compression, NULL);
    archive_write_set_bytes_in_last_block(archive, 1);  // standard output would be filled up, as for a tape
    check(archive, archive_write_open_fd(archive, OUTPUT), NULL);
    uint64_t members = 0, bytes = 0;
    struct order order;
    char name[LONGEST_NAME], source[LONGEST_NAME], clean[LONGEST_NAME];
    while (next_order(&order, name, source)) {
        check_name(name, clean);  // what would be refused when it comes back
        switch (order.kind) {
        case 'F': add_file(archive, &order, name, source, &bytes); break;
        case 'B': add_bytes(archive, &order, name, &bytes); break;
        case 'D': begin(archive, &order, name, 0); break;
        default: refuse("usage", "orders", NULL);
        }
        members++;
    }
    check(archive, archive_write_close(archive), NULL);
    finish(members, bytes);
}
