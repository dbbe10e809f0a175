#include "wide.h"

#ifdef RUNNER_XXH3_WIDE

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include <immintrin.h>

#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

void runner_xxh3_update_wide(void *state, const void *bytes, size_t count)
{
    XXH3_128bits_update(state, bytes, count);
}

#include "pages.h"

void runner_xxh3_pages_wide(const void *bytes, size_t count, size_t page, const void *secret, uint64_t *sums)
{
    runner_xxh3_pages_body(bytes, count, page, secret, sums);
}
#pragma clang attribute pop

#endif
