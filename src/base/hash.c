/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Drawn before main() so that every thread sees one value. It keeps those who choose label names
 * from choosing collisions, which a clock would do nearly as well when there is no entropy yet. */
static uint64_t seed;
static unsigned char secret[XXH3_SECRET_DEFAULT_SIZE]; /* of the seed; long inputs want it */

__attribute__((constructor)) static void draw_seed(void)
{
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)time(NULL) * UINT64_C(0x9e3779b97f4a7c15);
    XXH3_generateSecret_fromSeed(secret, seed);
}

uint64_t hash_bytes(const void *p, size_t len)
{
    return XXH3_64bits_withSecretandSeed(p, len, secret, sizeof secret, seed);
}

struct hash128 hash_bytes_128(const void *p, size_t len)
{
    XXH128_hash_t h = XXH3_128bits_withSecretandSeed(p, len, secret, sizeof secret, seed);

    return (struct hash128){h.low64, h.high64};
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)(a ^
                                                                  UINT64_C(0x9e3779b97f4a7c15)) *
                                              (b ^ UINT64_C(0xd1b54a32d192ed03));

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_xxh64(const void *p, size_t len)
{
    return XXH64(p, len, 0);
}

#define FNV64_PRIME UINT64_C(0x100000001b3)

uint64_t hash_fnv1_64(uint64_t h, const void *p, size_t len)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < len; i++)
        h = h * FNV64_PRIME ^ bytes[i];
    return h;
}

uint64_t hash_fnv1a_64(uint64_t h, const void *p, size_t len)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * FNV64_PRIME;
    return h;
}
