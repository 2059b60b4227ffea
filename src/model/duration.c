/* SPDX-License-Identifier: Apache-2.0 */
#include "model/duration.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/must.h"
#include "base/num.h"

/* Long to short. The order is the grammar: duration_parse() only ever moves down this table. */
static const struct unit {
    const char *name;
    dur_ms ms;
    bool whole; /* printed only when nothing is left: 90d reads better than 12w6d */
} units[] = {
    {"y", 31536000000, true}, {"w", 604800000, true}, {"d", 86400000, false}, {"h", 3600000, false},
    {"m", 60000, false},      {"s", 1000, false},     {"ms", 1, false},
};
#define UNITS ARRAY_LEN(units)

static size_t run_of(const char *p, const char *end, char lo, char hi)
{
    const char *q = p;

    while (q < end && *q >= lo && *q <= hi)
        q++;
    return (size_t)(q - p);
}

int duration_parse(const char *text, size_t len, dur_ms *ret, struct err *err)
{
    const char *p = text, *end = text + len;
    size_t u = 0;
    dur_ms sum = 0;

    if (len == 0)
        return err_set(err, -EINVAL, "empty duration, expected something like 30s or 1h30m");
    if (len == 1 && *p == '0')
        p = end;
    while (p < end) {
        size_t digits = run_of(p, end, '0', '9'), letters = run_of(p + digits, end, 'a', 'z');
        dur_ms n = 0;

        if (digits == 0 || letters == 0)
            return err_set(err, -EINVAL, "byte %td: expected a number and a unit", p - text + 1);
        for (; digits > 0; digits--, p++)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
                return err_set(err, -ERANGE, "duration is longer than 292 years");
        while (u < UNITS && (strlen(units[u].name) != letters || memcmp(units[u].name, p, letters)))
            u++;
        if (u == UNITS)
            return err_set(err, -EINVAL, "byte %td: \"%.*s\" is no unit or follows a shorter one",
                           p - text + 1, (int)letters, p);
        if (__builtin_mul_overflow(n, units[u++].ms, &n) || n > DURATION_MAX_MS - sum)
            return err_set(err, -ERANGE, "duration is longer than 292 years");
        sum += n;
        p += letters;
    }
    *ret = sum;
    return 0;
}

void duration_print(dur_ms d, struct buf *out)
{
    must(d >= 0);
    if (d == 0)
        buf_add_c(out, "0s");
    for (const struct unit *u = units; u < units + UNITS; u++) {
        if (d < u->ms || (u->whole && d % u->ms != 0))
            continue;
        num_add_i64(out, d / u->ms);
        buf_add_c(out, u->name);
        d %= u->ms;
    }
}
