/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C: the processor's own instruction where it has one, else eight tables that take eight
 * bytes a step.
 */
#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

#define CRC32C_POLY 0x82f63b78u /* 0x1edc6f41 with its bits reversed */

static uint32_t tables[8][256];
static bool has_instruction;

#if defined(__x86_64__)
#include <nmmintrin.h>

static bool find_instruction(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc,
                                                                 const unsigned char *p, size_t len)
{
    uint64_t word, wide = crc;

    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    while (len-- > 0)
        crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static bool find_instruction(void)
{
    return true; /* the compiler was told so */
}

static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t word;

    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        crc = __crc32cd(crc, word);
    }
    while (len-- > 0)
        crc = __crc32cb(crc, *p++);
    return crc;
}
#else
static bool find_instruction(void)
{
    return false;
}

static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
    return crc;
}
#endif

__attribute__((constructor)) static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLY : 0);
        tables[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
    has_instruction = find_instruction();
}

static uint32_t by_tables(uint32_t crc, const unsigned char *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^
              tables[4][crc >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
              tables[0][p[7]];
    }
    while (len-- > 0)
        crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 0xff];
    return crc;
}

uint32_t hash_crc32c(uint32_t crc, const void *p, size_t len)
{
    return ~(has_instruction ? by_instruction(~crc, p, len) : by_tables(~crc, p, len));
}
