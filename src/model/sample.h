/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample - a value at a time, and the two NaNs that have a meaning
 */
#ifndef TOCSIN_MODEL_SAMPLE_H
#define TOCSIN_MODEL_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"

struct sample {
    unix_ms t;
    double v;
};

#define STALE_NAN_BITS  UINT64_C(0x7ff0000000000002) /* the series ended here */
#define NORMAL_NAN_BITS UINT64_C(0x7ff8000000000001) /* any other NaN that we make */

static inline uint64_t double_bits(double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof u);
    return u;
}

static inline double double_of_bits(uint64_t u)
{
    double v;

    memcpy(&v, &u, sizeof v);
    return v;
}

static inline double stale_nan(void)
{
    return double_of_bits(STALE_NAN_BITS);
}

static inline bool is_stale(double v)
{
    return double_bits(v) == STALE_NAN_BITS;
}

#endif
