/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/pack_priv.h"

#include <string.h>

#include "storage/wire_priv.h"

void pack_put(const uint64_t *v, size_t n, unsigned width, uint8_t *out)
{
    uint64_t word = 0;
    unsigned used = 0; /* bits of word, < 64 */

    if (width == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        word |= v[i] << used;
        used += width;
        if (used >= 64) {
            out = put_u64(out, word);
            used -= 64;
            word = used ? v[i] >> (width - used) : 0;
        }
    }
    for (; used > 0; used = used > 8 ? used - 8 : 0, word >>= 8)
        *out++ = (uint8_t)word;
}

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

/* Number i when fewer than nine readable bytes follow its first one. */
static uint64_t get_near_end(const uint8_t *in, const uint8_t *end, size_t i, unsigned width)
{
    size_t bit = i * width, left = (size_t)(end - in) - bit / 8;
    uint8_t copy[16] = {0};
    uint64_t low;

    memcpy(copy, in + bit / 8, left < 9 ? left : 9);
    low = get_u64(copy) >> (bit % 8);
    if (bit % 8 > 0)
        low |= (uint64_t)copy[8] << (64 - bit % 8);
    return low & mask_of(width);
}

/*
 * Eight numbers at a time: they begin at a byte, so that with a width known to the compiler every
 * load and shift is a constant. Only for widths up to 56: a number then lies within the 8 bytes
 * from its first one.
 */
static inline __attribute__((always_inline)) size_t get_eights(const uint8_t *in, size_t eights,
                                                               unsigned width, uint64_t *out)
{
    const uint64_t mask = (UINT64_C(1) << width) - 1;

    for (size_t k = 0; k < eights; k++, in += width, out += 8) {
#pragma GCC unroll 8
        for (unsigned j = 0; j < 8; j++)
            out[j] = (get_u64(in + j * width / 8) >> (j * width % 8)) & mask;
    }
    return eights * 8;
}

#define WIDTH(w)                                                                                   \
    case w:                                                                                        \
        return get_eights(in, eights, w, out)
#define WIDTHS(w)                                                                                  \
    WIDTH(w);                                                                                      \
    WIDTH(w + 1);                                                                                  \
    WIDTH(w + 2);                                                                                  \
    WIDTH(w + 3)

static size_t get_many(const uint8_t *in, size_t eights, unsigned width, uint64_t *out)
{
    switch (width) {
        WIDTHS(1);
        WIDTHS(5);
        WIDTHS(9);
        WIDTHS(13);
        WIDTHS(17);
        WIDTHS(21);
        WIDTHS(25);
        WIDTHS(29);
    default: return get_eights(in, eights, width, out);
    }
}

void pack_get(const uint8_t *in, const uint8_t *end, size_t n, unsigned width, uint64_t *out)
{
    size_t i = 0, readable = (size_t)(end - in);

    if (width == 0) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    if (width <= 56 && readable >= 16) {
        size_t eights = (readable - 8) / width; /* their last load ends before `end` */

        i = get_many(in, eights < n / 8 ? eights : n / 8, width, out);
    }
    for (; i < n; i++) {
        size_t bit = i * width;

        if (readable - bit / 8 >= 9 && width <= 56)
            out[i] = (get_u64(in + bit / 8) >> (bit % 8)) & mask_of(width);
        else
            out[i] = get_near_end(in, end, i, width);
    }
}
