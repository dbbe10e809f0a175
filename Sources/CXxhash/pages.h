// The body of both forms of runner_xxh3_pages: included where xxhash.h is.
static void runner_xxh3_pages_body(const void *bytes, size_t count, size_t page, const void *secret, uint64_t *sums)
{
    const unsigned char *next = bytes;

    while (count > 0) {
        size_t size = count < page ? count : page;
        XXH128_hash_t sum = XXH3_128bits_withSecret(next, size, secret, XXH3_SECRET_DEFAULT_SIZE);

        *sums++ = sum.low64;
        *sums++ = sum.high64;
        next += size;
        count -= size;
    }
}
