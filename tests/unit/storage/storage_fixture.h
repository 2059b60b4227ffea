/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage_fixture - what the tests of storage share: folders, random numbers, short ways to write
 * and read
 */
#ifndef TOCSIN_TESTS_UNIT_STORAGE_FIXTURE_H
#define TOCSIN_TESTS_UNIT_STORAGE_FIXTURE_H

#include "tests/unit/tocsin_cmocka.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/label_set.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "storage/storage.h"

#define T0     INT64_C(1700006400000) /* a multiple of two hours */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* ---- random numbers that repeat ------------------------------------------------------------ */

struct dice {
    uint64_t s;
};

static inline uint64_t dice_roll(struct dice *d)
{
    uint64_t x = d->s += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t dice_below(struct dice *d, uint64_t n)
{
    return dice_roll(d) % n;
}

/* A number as programs print them: whole, with decimals, measured, special. */
static inline double dice_value(struct dice *d)
{
    switch (dice_below(d, 12)) {
    case 0: return 0;
    case 1: return (double)dice_below(d, 1000) / 100;
    case 2: return (double)(int64_t)(dice_roll(d) >> 20) - 5e12;
    case 3: return double_of_bits(dice_roll(d));
    case 4: return stale_nan();
    case 5: return -0.0;
    case 6: return (double)dice_below(d, 1000000) / 1e6;
    default: return (double)dice_below(d, 100000);
    }
}

/* ---- folders ------------------------------------------------------------------------------- */

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    return remove(path);
}

static inline void folder_remove(const char *path)
{
    nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *folder_new(void)
{
    const char *base = getenv("TMPDIR");
    char path[256];

    snprintf(path, sizeof path, "%s/tocsin-storage-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return mem_strdup(path);
}

/* What the disk would hold if the process were killed at this moment. */
static inline void folder_copy(const char *from, const char *to)
{
    char command[1024];

    folder_remove(to);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* ---- writing and reading ------------------------------------------------------------------- */

static inline unix_ms far_future(void *arg)
{
    return INT64_C(1) << 45;
}

static inline struct storage_options manual_options(void)
{
    struct storage_options o;

    storage_options_default(&o);
    o.manual = true;
    o.now = far_future;
    o.retention_time = 0;
    return o;
}

static inline struct storage *must_open(const char *dir, const struct storage_options *o,
                                        struct buf *report)
{
    struct storage *st = NULL;
    struct err err = {0};

    if (storage_open(dir, o, &st, report, &err) < 0)
        fail_msg("open: %s", err.msg);
    return st;
}

static inline void must_close(struct storage *st)
{
    struct err err = {0};

    if (storage_close(st, &err) < 0)
        fail_msg("close: %s", err.msg);
}

static inline void must_tick(struct storage *st)
{
    struct err err = {0};

    if (storage_tick(st, &err) < 0)
        fail_msg("tick: %s", err.msg);
}

/* Name, value, name, value ..., NULL. */
static inline struct label_set *labels_of(const char *name, ...)
{
    struct label labels[32];
    va_list ap;
    size_t n = 0;

    va_start(ap, name);
    for (const char *k = name; k; k = va_arg(ap, const char *))
        labels[n++] = (struct label){str_c(k), str_c(va_arg(ap, const char *))};
    va_end(ap);
    return label_set_new(labels, n);
}

static inline series_ref ref_of(struct storage *st, const struct label_set *labels)
{
    const struct sample_sink *sink = storage_sink(st);
    struct err err = {0};
    series_ref ref = 0;

    if (sink->series(sink->self, labels, &ref, &err) < 0)
        fail_msg("series: %s", err.msg);
    return ref;
}

static inline int commit(struct storage *st, const struct sample_row *rows, size_t n,
                         enum commit_flags flags, enum sample_verdict *verdicts, struct err *err)
{
    const struct sample_sink *sink = storage_sink(st);

    return sink->commit(sink->self, rows, n, flags, verdicts, err);
}

static inline enum sample_verdict put(struct storage *st, series_ref ref, unix_ms t, double v)
{
    struct sample_row row = {.ref = ref, .t = t, .v = v};
    enum sample_verdict verdict = SAMPLE_UNKNOWN_REF;
    struct err err = {0};

    if (commit(st, &row, 1, COMMIT_SKIP_BAD, &verdict, &err) < 0)
        fail_msg("commit: %s", err.msg);
    return verdict;
}

static inline struct selection *pick(struct storage *st, enum matcher_type type, const char *name,
                                     const char *value, unix_ms from, unix_ms to)
{
    const struct series_reader *reader = storage_reader(st);
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct selection *s = NULL;
    struct err err = {0};

    if (matcher_new(type, str_c(name), str_c(value), &m, &err) < 0)
        fail_msg("matcher: %s", err.msg);
    if (reader->select(reader->self, (const struct matcher *const *)&m, 1, from, to, &s, &err) < 0)
        fail_msg("select: %s", err.msg);
    return s;
}

/* What is at hand is the last of what was read. */
static inline void check_newest(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                                const struct columns *c)
{
    uint64_t bits, read;
    unix_ms t;
    double v;

    if (!s->reader->newest(s, i, from, to, &t, &v))
        return;
    assert_true(c->n > 0 && !(c->histograms && c->histograms[c->n - 1]));
    assert_int_equal(t, c->times[c->n - 1]);
    memcpy(&bits, &v, sizeof bits);
    memcpy(&read, &c->values[c->n - 1], sizeof read);
    assert_int_equal(bits, read);
}

static inline void read_series(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                               struct columns *c)
{
    struct err err = {0};

    if (s->reader->read(s, i, from, to, c, &err) < 0)
        fail_msg("read: %s", err.msg);
    check_newest(s, i, from, to, c);
}

#endif
