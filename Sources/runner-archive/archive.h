// runner-archive: packs versions into archives and takes archives of strangers apart. A program of its own, started on demand, so that what
// parses hostile bytes holds nothing but one directory and one stream, and so that nobody else carries the libraries. One thread.
//
//   runner-archive pack zstd|gzip|none            < ORDERS > ARCHIVE    sources below descriptor 3
//   runner-archive unpack BYTES MEMBERS ROOM WANTED…   < ARCHIVE        members below descriptor 3
//
// BYTES and MEMBERS count all that is in the archive and every directory that is made for it, ROOM what is written.
//
// It says one line on descriptor 2, and ends with status 0 when that begins with "done".
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum { INPUT = 0, OUTPUT = 1, REPORT = 2, DIRECTORY = 3 };

/// Names have fewer bytes, and fewer directories above one another.
enum { LONGEST_NAME = 4000, LONGEST_COMPONENT = 255, DEEPEST = 128, PIECE = 256 << 10 };

/// What `word` says of `name` (NULL: of the whole), and the end of the program. `detail` is another's words, or NULL.
noreturn void refuse(const char *word, const char *name, const char *detail);
/// As `refuse`, with the word that belongs to an errno.
noreturn void refuse_errno(int error, const char *name);
/// "done MEMBERS BYTES", and the end of the program.
noreturn void finish(uint64_t members, uint64_t bytes);

/// Gives up what neither way needs. `writes`: whether files are made below the directory, or only read. `most_bytes`: of one file.
void confine(bool writes, uint64_t most_bytes);

/// `given` without "./" before it and "/" behind it; in `clean`, of LONGEST_NAME bytes. Refuses what no archive of ours or podman's has.
void check_name(const char *given, char *clean);

/// openat2(2) below the directory: no link is followed, nothing above is reached. - Returns: a descriptor or -errno.
int open_beneath(const char *path, int flags, unsigned mode);

void pack(const char *compression);
void unpack(uint64_t most_bytes, uint64_t most_members, uint64_t most_room, char *const *wanted);
