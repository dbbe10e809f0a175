#include "archive.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    struct archive *archive;
    // `room_left`: for what is written.
    uint64_t bytes_left, room_left, members_left, members, bytes;
    char *const *wanted;
};

/// What a file or directory takes on a disk beside its content, at least: neither is free because it is empty.
enum { BLOCK = 4096 };

static void count_member(struct job *job, const char *name) {
    if (job->members_left == 0) refuse("many", name, NULL);
    job->members_left--;
}

static void count_bytes(struct job *job, uint64_t announced, uint64_t written, const char *name) {
    if (announced > job->bytes_left || written > job->room_left) refuse("size", name, NULL);
    job->bytes_left -= announced;
    job->room_left -= written;
}

// MARK: What is wanted

/// `WANTED` is a name, or a directory with "/" behind it.
static bool is_wanted(const struct job *job, const char *name) {
    for (char *const *wanted = job->wanted; *wanted; wanted++) {
        size_t size = strlen(*wanted);
        if (strcmp(*wanted, name) == 0) return true;
        if ((*wanted)[size - 1] == '/' && (strncmp(*wanted, name, size) == 0 || (strlen(name) == size - 1 && strncmp(*wanted, name, size - 1) == 0)))
            return true;
    }
    return false;
}

// MARK: What becomes of a member

/// Directories are made when they are named and when something lies in them. Those that nobody names count as members.
static void make_directories(struct job *job, char *name, bool last_too) {
    for (char *slash = strchr(name, '/');; slash = strchr(slash + 1, '/')) {
        if (!slash && !last_too) return;
        if (slash) *slash = 0;
        // One component at a time below a directory that was opened without following a link: mkdirat alone would follow one above.
        char *last = strrchr(name, '/');
        int parent = DIRECTORY;
        if (last) {
            *last = 0;
            parent = open_beneath(name, O_PATH | O_DIRECTORY, 0);
            *last = '/';
            if (parent < 0) refuse(parent == -ENOTDIR ? "twice" : "name", name, NULL);
        }
        int result = mkdirat(parent, last ? last + 1 : name, 0700) == 0 ? 0 : errno;
        if (parent != DIRECTORY) close(parent);
        if (result == EEXIST) {
            struct stat status;
            int there = open_beneath(name, O_PATH, 0);
            bool is_directory = there >= 0 && fstat(there, &status) == 0 && S_ISDIR(status.st_mode);
            if (there >= 0) close(there);
            if (!is_directory) refuse("twice", name, NULL);
        } else if (result != 0) {
            refuse_errno(result, name);
        } else {
            if (slash) count_member(job, name);
            count_bytes(job, BLOCK, BLOCK, name);
        }
        if (!slash) return;
        *slash = '/';
    }
}

noreturn static void refuse_archive(struct archive *archive, const char *name) {
    int error = archive_errno(archive);
    if (error == ENOMEM) refuse("memory", name, NULL);
    refuse("damaged", name, archive_error_string(archive));
}

static void write_all(int file, const char *bytes, size_t size, int64_t offset, const char *name) {
    while (size > 0) {
        ssize_t written = pwrite(file, bytes, size, offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EFBIG) refuse("size", name, NULL);
        if (written < 0) refuse_errno(errno, name);
        bytes += written;
        offset += written;
        size -= (size_t)written;
    }
}

/// Holes stay holes. The announced size is the whole truth: more is refused, and so is less.
static void write_file(struct job *job, char *name, uint64_t size) {
    char whole[LONGEST_NAME];
    strcpy(whole, name);
    make_directories(job, name, false);
    int file = open_beneath(whole, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file == -EEXIST) refuse("twice", whole, NULL);
    if (file == -EISDIR) refuse("twice", whole, NULL);
    if (file < 0) refuse_errno(-file, whole);
    uint64_t end = 0;
    while (true) {
        const void *bytes;
        size_t count;
        int64_t offset;
        int result = archive_read_data_block(job->archive, &bytes, &count, &offset);
        if (result == ARCHIVE_EOF) break;
        if (result != ARCHIVE_OK) refuse_archive(job->archive, whole);
        if (offset < 0 || (uint64_t)offset < end || (uint64_t)offset > size || count > size - (uint64_t)offset) refuse("size", whole, NULL);
        write_all(file, bytes, count, offset, whole);
        end = (uint64_t)offset + count;
    }
    if (end < size && ftruncate(file, (off_t)size) != 0) refuse_errno(errno, whole);
    close(file);
}

static void take(struct job *job, struct archive_entry *entry) {
    char name[LONGEST_NAME];
    const char *given = archive_entry_pathname(entry);
    check_name(given, name);
    count_member(job, name);
    if (archive_entry_hardlink(entry)) refuse("link", given, NULL);
    mode_t kind = archive_entry_filetype(entry);
    if (kind == AE_IFLNK) refuse("link", given, NULL);
    if (kind != AE_IFREG && kind != AE_IFDIR) refuse("special", given, NULL);
    // Before a byte is written, and of what is passed over as well: unpacking it takes time, too.
    uint64_t size = kind == AE_IFREG && archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
    if (kind == AE_IFREG && archive_entry_size(entry) < 0) refuse("size", given, NULL);
    count_bytes(job, size, 0, given);
    if (!*name) return;  // "./"
    if (!is_wanted(job, name)) return;
    job->members++;
    job->bytes += size;
    if (kind == AE_IFDIR) {
        make_directories(job, name, true);
    } else {
        count_bytes(job, BLOCK, BLOCK, name);
        count_bytes(job, 0, size, name);
        write_file(job, name, size);
    }
}

// MARK: The whole

void unpack(uint64_t most_bytes, uint64_t most_members, uint64_t most_room, char *const *wanted) {
    confine(true, most_room);
    struct job job = {
        .archive = archive_read_new(), .bytes_left = most_bytes, .room_left = most_room, .members_left = most_members, .wanted = wanted};
    if (!job.archive) refuse("memory", NULL, NULL);
    archive_read_support_format_tar(job.archive);
    archive_read_support_filter_gzip(job.archive);
    archive_read_support_filter_zstd(job.archive);
    if (archive_read_open_fd(job.archive, INPUT, PIECE) != ARCHIVE_OK) refuse_archive(job.archive, NULL);
    // An archive within an archive is none: whoever compresses twice wants to hide how much there is.
    if (archive_filter_count(job.archive) > 2) refuse("damaged", NULL, "it is compressed more than once");
    struct archive_entry *entry;
    while (true) {
        int result = archive_read_next_header(job.archive, &entry);
        if (result == ARCHIVE_EOF) break;
        if (result != ARCHIVE_OK) refuse_archive(job.archive, NULL);
        take(&job, entry);
    }
    if (archive_read_close(job.archive) != ARCHIVE_OK) refuse_archive(job.archive, NULL);
    finish(job.members, job.bytes);
}
