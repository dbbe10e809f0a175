#define XXH_INLINE_ALL
#include <xxhash.h>

#include "CXxhash.h"
#include "wide.h"
#include "pages.h"

void *runner_xxh3_begin(void)
{
    XXH3_state_t *state = XXH3_createState();

    if (state)
        XXH3_128bits_reset(state);
    return state;
}

void runner_xxh3_update(void *state, const void *bytes, size_t count)
{
#ifdef RUNNER_XXH3_WIDE
    if (__builtin_cpu_supports("avx2")) {
        runner_xxh3_update_wide(state, bytes, count);
        return;
    }
#endif
    XXH3_128bits_update(state, bytes, count);
}

void runner_xxh3_finish(const void *state, unsigned char digest[16])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    for (int byte = 0; byte < 16; byte++)
        digest[byte] = canonical.digest[byte];
}

void runner_xxh3_end(void *state)
{
    XXH3_freeState(state);
}

void runner_xxh3_pages(const void *bytes, size_t count, size_t page, const void *secret, uint64_t *sums)
{
#ifdef RUNNER_XXH3_WIDE
    if (__builtin_cpu_supports("avx2")) {
        runner_xxh3_pages_wide(bytes, count, page, secret, sums);
        return;
    }
#endif
    runner_xxh3_pages_body(bytes, count, page, secret, sums);
}
