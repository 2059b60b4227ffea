/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack - whole numbers of equal width as a run of bits
 *
 * Number i takes the bits i*width ... (i+1)*width - 1; bit b is bit b%8 of byte b/8. Widths 0
 * to 64.
 */
#ifndef TOCSIN_STORAGE_PACK_PRIV_H
#define TOCSIN_STORAGE_PACK_PRIV_H

#include <stddef.h>
#include <stdint.h>

static inline size_t pack_bytes(size_t n, unsigned width)
{
    return (n * width + 7) / 8;
}

/* Writes pack_bytes(n, width) bytes. No number may be wider than `width`. */
void pack_put(const uint64_t *v, size_t n, unsigned width, uint8_t *out);

/* Reads n numbers from `in`, which must hold pack_bytes(n, width) bytes before `end`; never looks
 * at or beyond `end`. */
void pack_get(const uint8_t *in, const uint8_t *end, size_t n, unsigned width, uint64_t *out);

#endif
