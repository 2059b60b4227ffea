/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - hash functions
 *
 * hash_bytes() is for tables in memory: XXH3 with a seed of this process, never stored or sent.
 * The others are fixed by formats of other systems.
 */
#ifndef TOCSIN_BASE_HASH_H
#define TOCSIN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t len);
uint64_t hash_mix(uint64_t a, uint64_t b); /* one hash of two */

/* So wide that equal hashes mean equal bytes: tables may do without the bytes. Seeded likewise. */
struct hash128 {
    uint64_t low, high;
};
struct hash128 hash_bytes_128(const void *p, size_t len);

uint64_t hash_xxh64(const void *p, size_t len); /* xxHash64, seed 0 */

#define FNV64_INIT UINT64_C(0xcbf29ce484222325)
uint64_t hash_fnv1_64(uint64_t h, const void *p, size_t len);  /* multiply, then xor */
uint64_t hash_fnv1a_64(uint64_t h, const void *p, size_t len); /* xor, then multiply */

uint32_t hash_crc32c(uint32_t crc, const void *p, size_t len); /* Castagnoli; start with 0 */

#endif
