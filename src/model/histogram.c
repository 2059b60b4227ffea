/* SPDX-License-Identifier: Apache-2.0 */
#include "model/histogram.h"

#include <math.h>
#include <stdbool.h>

#include "model/sample.h"

static bool is_whole(double v)
{
    return v >= 0 && v <= (double)HISTOGRAM_WHOLE_MAX && v == floor(v);
}

static bool are_whole(const double *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!is_whole(v[i]))
            return false;
    return true;
}

void histogram_make_integer(struct histogram *h)
{
    bool good = is_stale(h->sum) ||
                (is_whole(h->count) && is_whole(h->zero_count) &&
                 are_whole(h->positive, h->n_positive) && are_whole(h->negative, h->n_negative));

    h->kind = good ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT;
}
