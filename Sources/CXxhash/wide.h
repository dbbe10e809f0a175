// The same state, driven by AVX2.
#if defined(__x86_64__) && defined(__clang__)
#define RUNNER_XXH3_WIDE

#include <stddef.h>
#include <stdint.h>

void runner_xxh3_update_wide(void *state, const void *bytes, size_t count);
void runner_xxh3_pages_wide(const void *bytes, size_t count, size_t page, const void *secret, uint64_t *sums);
#endif
