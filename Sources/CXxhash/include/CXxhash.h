// XXH3 of 128 bits, as libxxhash's header has it, in the widest steps that this processor knows. The library as Debian builds it knows only those
// that every processor has.
#ifndef RUNNER_CXXHASH_H
#define RUNNER_CXXHASH_H

#include <stddef.h>
#include <stdint.h>

/// A running hash. NULL: no memory.
void *runner_xxh3_begin(void);
void runner_xxh3_update(void *state, const void *bytes, size_t count);
/// The 16 bytes of the digest, the most significant first.
void runner_xxh3_finish(const void *state, unsigned char digest[16]);
void runner_xxh3_end(void *state);

/// What tells pages from each other: of `count` bytes each `page` (the last may be shorter) has two words in `sums`, from XXH3 of 128 bits with the 192 bytes of
/// `secret`.
void runner_xxh3_pages(const void *bytes, size_t count, size_t page, const void *secret, uint64_t *sums);

#endif
