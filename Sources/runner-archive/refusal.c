#include "archive.h"
#include <errno.h>

/// What libarchive's writers call for an entry of a kind that their format does not have. The library's own lies in one object with a table of
/// all formats, and would bring all of them, with XML and cryptography, into this program. We write files and directories only.
void __archive_write_entry_filetype_unsupported(struct archive *archive, struct archive_entry *entry, const char *format) {
    (void)entry;
    archive_set_error(archive, EINVAL, "%s has no entries of this kind", format);
}
