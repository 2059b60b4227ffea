/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interchange with Prometheus: chunks as bits, blocks that are read, written, damaged, and the way
 * of a sample there and back.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/num.h"
#include "model/histogram.h"
#include "storage/histogram_code_priv.h"
#include "storage/prom_block_priv.h"
#include "storage/prom_block_writer_priv.h"
#include "storage/prom_chunk_priv.h"
#include "storage/samples_priv.h"
#include "tests/unit/conformance.h"

/* ---- chunks -------------------------------------------------------------------------------- */

#define CHUNK 120

/* Steps of all widths that the format has a case for. */
static void roll_samples(struct dice *d, unix_ms *times, double *values, size_t n)
{
    static const int64_t spread[] = {1, 1, 100, 8192, 8193, 65536, 524288, INT64_C(1) << 40};
    unix_ms t = T0 - (unix_ms)dice_below(d, 1u << 30);

    for (size_t i = 0; i < n; i++) {
        t += 1 + (int64_t)dice_below(d, (uint64_t)spread[dice_below(d, ARRAY_LEN(spread))]);
        times[i] = t;
        values[i] = dice_value(d);
    }
}

static void floats_come_back_bit_by_bit(void **state)
{
    struct dice d = {1};
    struct columns c = {0};
    struct buf b = {0};
    unix_ms times[CHUNK];
    double values[CHUNK];

    for (int round = 0; round < 500; round++) {
        size_t n = 1 + dice_below(&d, CHUNK);

        roll_samples(&d, times, values, n);
        buf_reset(&b);
        prom_xor_put(times, values, n, &b);
        samples_begin(&c);
        assert_true(prom_chunk_read(PROM_XOR, buf_str(&b), &c));
        assert_int_equal(c.n, n);
        assert_memory_equal(c.times, times, n * sizeof *times);
        assert_memory_equal(c.values, values, n * sizeof *values);
    }
    buf_free(&b);
    columns_deinit(&c);
}

/* The first sample of a series at 1 s with the value 1, the second 1 s later with the same value, the
 * third after 1001 ms: worked out by hand from the format. */
static void bits_stand_where_the_format_has_them(void **state)
{
    /* count, zigzag of 1000, 1.0, step 1000; then bits: 0 same value, 10 and 1 in 14 bits, 0 */
    static const uint8_t expected[] = {0, 3, 0xd0, 0x0f, 0x3f, 0xf0, 0,    0,   0,
                                       0, 0, 0,    0xe8, 0x07, 0x40, 0x00, 0x80};
    const unix_ms times[] = {1000, 2000, 3001};
    const double values[] = {1, 1, 1};
    struct buf b = {0};

    prom_xor_put(times, values, 3, &b);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.p, expected, sizeof expected);
    buf_free(&b);
}

static void a_chunk_that_is_cut_off_is_refused(void **state)
{
    struct dice d = {2};
    struct columns c = {0};
    struct buf b = {0};
    unix_ms times[CHUNK];
    double values[CHUNK];

    roll_samples(&d, times, values, CHUNK);
    prom_xor_put(times, values, CHUNK, &b);
    for (size_t len = 0; len < b.len; len++) {
        samples_begin(&c);
        assert_false(prom_chunk_read(PROM_XOR, str_n(b.p, len), &c));
    }
    samples_begin(&c);
    samples_add(&c, times[0], 0, NULL);
    assert_false(prom_chunk_read(PROM_XOR, buf_str(&b), &c)); /* not behind what is there */
    buf_free(&b);
    columns_deinit(&c);
}

/* A histogram whose counts grow with i. */
struct made {
    struct histogram h;
    struct histogram_span spans[3];
    double counts[5];
    double bounds[2];
};

static void make_histogram(struct made *m, int i, enum counter_reset_hint hint, bool custom)
{
    *m = (struct made){.spans = {{-2, 1}, {3, 2}, {0, 2}}, .bounds = {0.25, 1e-7}};
    for (int k = 0; k < 5; k++)
        m->counts[k] = i * (k + 1) + 0.5 * k;
    m->h = (struct histogram){.schema = custom ? HISTOGRAM_CUSTOM_SCHEMA : 3,
                              .hint = hint,
                              .zero_threshold = custom ? 0 : 0x1p-128,
                              .zero_count = i,
                              .count = 100.0 * i,
                              .sum = 7.25 * i,
                              .n_positive_spans = 2,
                              .n_negative_spans = custom ? 0 : 1,
                              .n_positive = 3,
                              .n_negative = custom ? 0 : 2,
                              .n_bounds = custom ? 2 : 0,
                              .positive_spans = m->spans,
                              .negative_spans = m->spans + 2,
                              .positive = m->counts,
                              .negative = m->counts + 3,
                              .bounds = m->bounds};
}

static void make_integer_histogram(struct made *m, int i, enum counter_reset_hint hint, bool custom)
{
    make_histogram(m, i, hint, custom);
    for (int k = 0; k < 5; k++)
        m->counts[k] = i * i * (k % 2 ? 1000 : 3) + k;
    histogram_make_integer(&m->h);
    assert_int_equal(m->h.kind, HISTOGRAM_INTEGER);
}

static void expect_chunk(struct columns *c, const unix_ms *times, const struct histogram *const *hs,
                         size_t n, enum prom_encoding encoding)
{
    struct buf b = {0};

    for (size_t i = 1; i < n; i++)
        assert_true(prom_histogram_goes_on(hs[i - 1], hs[i]));
    assert_int_equal(prom_encoding_of(hs[0]), encoding);
    prom_histogram_put(times, hs, n, &b);
    samples_begin(c);
    assert_true(prom_chunk_read(encoding, buf_str(&b), c));
    assert_int_equal(c->n, n);
    assert_memory_equal(c->times, times, n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        assert_true(histogram_same(c->histograms[i], hs[i]));
    for (size_t len = 0; len < b.len; len++) {
        samples_begin(c);
        assert_false(prom_chunk_read(encoding, str_n(b.p, len), c));
    }
    buf_free(&b);
}

static void histograms_of_both_kinds_come_back(void **state)
{
    struct made made[12];
    const struct histogram *hs[ARRAY_LEN(made)];
    unix_ms times[ARRAY_LEN(made)];
    struct columns c = {0};

    for (int integer = 0; integer < 2; integer++)
        for (int custom = 0; custom < 2; custom++) {
            for (int i = 0; i < (int)ARRAY_LEN(made); i++) {
                (integer ? make_integer_histogram
                         : make_histogram)(&made[i], i, i ? RESET_NO : RESET_UNKNOWN, custom);
                if (i >= 10) /* the series ended */
                    made[i].h = (struct histogram){.kind = made[i].h.kind, .sum = stale_nan()};
                hs[i] = &made[i].h;
                times[i] = T0 + i * 15 * SECOND + i * i;
            }
            expect_chunk(&c, times, hs, ARRAY_LEN(made),
                         integer ? PROM_HISTOGRAM : PROM_FLOAT_HISTOGRAM);
            expect_chunk(&c, times + 10, hs + 10, 2,
                         integer ? PROM_HISTOGRAM : PROM_FLOAT_HISTOGRAM);
        }
    columns_deinit(&c);
}

/* Two samples of schema 0 with one bucket: layout; first time, count, zero count, sum, bucket; then the same as
 * changes of changes. */
static void integer_histograms_stand_in_bits_where_the_format_has_them(void **state)
{
    static const struct histogram_span span = {1, 1};
    static const double bucket[2] = {2, 5};
    const struct histogram first = {.kind = HISTOGRAM_INTEGER,
                                    .hint = RESET_YES,
                                    .count = 3,
                                    .zero_count = 1,
                                    .n_positive_spans = 1,
                                    .n_positive = 1,
                                    .positive_spans = &span,
                                    .positive = &bucket[0]};
    struct histogram second = first;
    struct buf b = {0}, bits = {0};
    static const struct {
        unsigned n;
        uint64_t v;
    } want[] = {
        {16, 2}, {8, 0x80}, {8, 0}, {1, 0}, /* two; a reset; threshold 0; schema 0 */
        {2, 2},  {3, 1},                    /* one span */
        {2, 2},  {3, 1},    {2, 2}, {3, 1}, /* of length 1, one further */
        {1, 0},                             /* none below zero */
        {2, 2},  {3, 1},                    /* the time is 1 */
        {2, 2},  {3, 3},    {2, 2}, {3, 1}, /* counts 3, 1: without a sign */
        {64, 0}, {2, 2},    {3, 2},         /* sum 0; bucket 2 */
        {3, 6},  {6, 9},                    /* 9 ms later */
        {3, 6},  {6, 5},    {2, 2}, {3, 2}, /* 5 more; 2 more */
        {1, 0},  {2, 2},    {3, 3},         /* the same sum; 3 more */
    };
    struct bits_out out = {.out = &bits};

    second.hint = RESET_NO;
    second.count = 8;
    second.zero_count = 3;
    second.positive = &bucket[1];
    prom_histogram_put((unix_ms[]){1, 10}, (const struct histogram *[]){&first, &second}, 2, &b);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        bits_put(&out, want[i].v, want[i].n);
    assert_int_equal(b.len, bits.len);
    assert_memory_equal(b.p, bits.p, b.len);
    buf_free(&b);
    buf_free(&bits);
}

static void a_count_that_falls_or_another_layout_ends_a_chunk(void **state)
{
    struct made a, b;

    make_histogram(&a, 5, RESET_NO, false);
    make_histogram(&b, 4, RESET_NO, false);
    assert_true(prom_histogram_goes_on(&b.h, &a.h));
    assert_false(prom_histogram_goes_on(&a.h, &b.h));
    make_histogram(&b, 6, RESET_NO, false);
    b.spans[0].offset++;
    assert_false(prom_histogram_goes_on(&a.h, &b.h));
    make_histogram(&b, 6, RESET_YES, false);
    assert_false(prom_histogram_goes_on(&a.h, &b.h));
    make_histogram(&a, 5, RESET_GAUGE, false);
    make_histogram(&b, 4, RESET_GAUGE, false);
    assert_true(prom_histogram_goes_on(&a.h, &b.h));
    make_integer_histogram(&b, 6, RESET_GAUGE, false);
    assert_false(prom_histogram_goes_on(&a.h, &b.h)); /* another kind */
    make_histogram(&b, 6, RESET_GAUGE, false);
    b.h.sum = stale_nan();
    assert_true(prom_histogram_goes_on(&a.h, &b.h));
    assert_false(prom_histogram_goes_on(&b.h, &a.h));
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* Writes a block of n_series series with 300 samples each; returns its path, the folder is `dir`. */
static char *make_block(const char *dir, size_t n_series)
{
    struct prom_block_writer w;
    struct columns c = {0};
    struct err err = {0};
    char *path;

    if (prom_block_writer_open(&w, dir, &err) < 0)
        fail_msg("%s", err.msg);
    path = mem_strdup(w.dir_after);
    for (size_t i = 0; i < n_series; i++) {
        char name[16];
        struct label_set *labels;

        snprintf(name, sizeof name, "%03zu", i);
        labels = labels_of("__name__", "m", "i", name, NULL);
        samples_begin(&c);
        for (int k = 0; k < 300; k++)
            samples_add(&c, T0 + k * 15 * SECOND, (double)i + k, NULL);
        prom_block_writer_series(&w, labels, &c);
        label_set_unref(labels);
    }
    columns_deinit(&c);
    if (prom_block_writer_finish(&w, &err) < 0)
        fail_msg("%s", err.msg);
    return path;
}

/* All that is in a block; or the error, in *err. */
static int read_all(const char *path, uint64_t *ret_samples, struct err *err)
{
    CLEANUP(prom_block_freep) struct prom_block *b = NULL;
    struct prom_series s = {0};
    struct columns c = {0};
    int r = prom_block_open(path, &b, err);

    *ret_samples = 0;
    for (uint32_t i = 0; r == 0 && i < b->index.n_series; i++) {
        r = prom_index_series(&b->index, i, &s, err);
        if (r == 0)
            r = prom_block_samples(b, &s, &c, err);
        *ret_samples += r == 0 ? c.n : 0;
    }
    prom_series_deinit(&s);
    columns_deinit(&c);
    return r;
}

static void read_file(const char *folder, const char *name, struct buf *out)
{
    char path[512];
    struct err err = {0};

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, SIZE_MAX, out, &err) < 0)
        fail_msg("%s", err.msg);
}

static void write_file(const char *folder, const char *name, struct str bytes)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

static void a_block_is_read_as_it_was_written(void **state)
{
    char *dir = folder_new(), *path = make_block(dir, 40);
    CLEANUP(prom_block_freep) struct prom_block *b = NULL;
    struct prom_series s = {0};
    struct columns c = {0};
    struct err err = {0};

    if (prom_block_open(path, &b, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(b->index.n_series, 40);
    for (uint32_t i = 0; i < 40; i++) {
        char name[16];

        snprintf(name, sizeof name, "%03u", i);
        assert_int_equal(prom_index_series(&b->index, i, &s, &err), 0);
        assert_int_equal(s.n_labels, 2);
        assert_true(str_eq_c(b->index.symbols[s.labels[1].value], name));
        assert_int_equal(s.n_chunks, 3); /* 300 samples, 120 at most, cut evenly */
        assert_int_equal(s.chunks[0].max, T0 + 99 * 15 * SECOND);
        assert_int_equal(prom_block_samples(b, &s, &c, &err), 0);
        assert_int_equal(c.n, 300);
        for (int k = 0; k < 300; k++)
            assert_true(c.times[k] == T0 + k * 15 * SECOND && c.values[k] == (double)i + k);
    }
    prom_series_deinit(&s);
    columns_deinit(&c);
    folder_remove(dir);
    free(path);
    free(dir);
}

static const struct damage {
    const char *file;
    long at; /* negative: from the end */
    const char *words;
} damages[] = {
    {"index", 0, "index: it begins with"},
    {"index", 4, "index: version"},
    {"index", 9, "symbols: checksum differs"},
    {"index", -2, "table of contents: checksum differs"},
    {"index", -20, "table of contents: checksum differs"},
    {"index", -56, "table of postings: checksum differs"},
    {"chunks/000001", 3, "does not begin like a file of chunks"},
    {"chunks/000001", 20, "m{i=\"000\"}: chunk at 8 of chunks/000001: checksum differs"},
    {"tombstones", 1, "tombstones: it does not begin"},
    {"tombstones", -1, "tombstones: checksum differs"},
    {"meta.json", 0, "meta.json"},
};

static void damage_is_told_with_its_place(void **state)
{
    char *dir = folder_new(), *path = make_block(dir, 3);

    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        const struct damage *d = &damages[i];
        struct buf b = {0};
        struct err err = {0};
        uint64_t n;
        size_t at;

        read_file(path, d->file, &b);
        at = d->at < 0 ? b.len - (size_t)-d->at : (size_t)d->at;
        b.p[at] ^= 0x10;
        write_file(path, d->file, buf_str(&b));
        assert_true(read_all(path, &n, &err) < 0);
        if (!strstr(err.msg, d->words))
            fail_msg("%s at %ld: \"%s\" has no \"%s\"", d->file, d->at, err.msg, d->words);
        b.p[at] ^= 0x10;
        write_file(path, d->file, buf_str(&b));
        assert_int_equal(read_all(path, &n, &err), 0);
        buf_free(&b);
    }
    folder_remove(dir);
    free(path);
    free(dir);
}

static void an_index_that_is_cut_off_anywhere_is_refused(void **state)
{
    char *dir = folder_new(), *path = make_block(dir, 3);
    struct buf b = {0};

    read_file(path, "index", &b);
    for (size_t len = 0; len < b.len; len++) {
        /* Memory of just that size, so that the sanitizer sees a read behind it. */
        char *copy = mem_alloc(len + 1);
        struct prom_index x = {.bytes = {copy + 1, len}};
        struct err err = {0};

        memcpy(copy + 1, b.p, len);
        assert_true(prom_index_open(&x, &err) < 0);
        assert_true(err.msg[0] != '\0');
        free(copy);
    }
    buf_free(&b);
    folder_remove(dir);
    free(path);
    free(dir);
}

/* ---- there and back ------------------------------------------------------------------------ */

static struct storage *import_from(const char *data, const char *block, int expected,
                                   struct prom_counts *counts)
{
    struct storage_options o = manual_options();
    struct storage *st = must_open(data, &o, NULL);
    struct err err = {0};
    int r = prom_import_block(st, block, &(struct prom_import_options){0}, counts, &err);

    if (r != expected)
        fail_msg("import: %d %s", r, err.msg);
    return st;
}

static void deleted_samples_are_left_out(void **state)
{
    char *dir = folder_new(), *path = make_block(dir, 3);
    CLEANUP(prom_block_freep) struct prom_block *b = NULL;
    struct prom_series s = {0};
    struct buf bytes = {0};
    struct err err = {0};
    uint64_t n;

    assert_int_equal(prom_block_open(path, &b, &err), 0);
    assert_int_equal(prom_index_series(&b->index, 1, &s, &err), 0);
    buf_add_be32(&bytes, PROM_DELETED_MAGIC);
    buf_add_byte(&bytes, 1);
    buf_add_uvarint(&bytes, s.number);
    buf_add_svarint(&bytes, T0 + 15 * SECOND);
    buf_add_svarint(&bytes, T0 + 45 * SECOND);
    buf_add_be32(&bytes, hash_crc32c(0, bytes.p + 5, bytes.len - 5));
    write_file(path, "tombstones", buf_str(&bytes));
    assert_int_equal(read_all(path, &n, &err), 0);
    assert_int_equal(n, 3 * 300 - 3);
    prom_series_deinit(&s);
    buf_free(&bytes);
    folder_remove(dir);
    free(path);
    free(dir);
}

static void what_is_there_already_stays_and_the_head_goes_on(void **state)
{
    char *dir = folder_new(), *data = folder_new(), *path = make_block(dir, 2);
    struct label_set *labels = labels_of("__name__", "m", "i", "001", NULL);
    struct storage_options o = manual_options();
    struct storage *st = must_open(data, &o, NULL);
    struct prom_counts counts = {0};
    struct columns c = {0};
    struct selection *s;
    series_ref ref = ref_of(st, labels);

    assert_int_equal(put(st, ref, T0 + 30 * SECOND, 777), SAMPLE_STORED);
    must_close(st);
    st = import_from(data, path, 0, &counts);
    assert_int_equal(counts.samples, 600);
    must_close(st);
    st = must_open(data, &o, NULL);
    assert_int_equal(put(st, ref_of(st, labels), T0 + 60 * SECOND, 778), SAMPLE_STORED);
    s = pick(st, MATCH_EQ, "i", "001", INT64_MIN, INT64_MAX);
    assert_int_equal(s->n, 1);
    read_series(s, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 300);
    assert_true(c.values[1] == 2);
    assert_true(c.values[3] == 4);
    s->reader->release(s);
    must_close(st);
    columns_deinit(&c);
    label_set_unref(labels);
    folder_remove(dir);
    folder_remove(data);
    free(path);
    free(data);
    free(dir);
}

static void a_damaged_block_leaves_nothing(void **state)
{
    char *dir = folder_new(), *data = folder_new(), *path = make_block(dir, 50);
    struct prom_counts counts = {0};
    struct storage_stats stats;
    struct buf b = {0};
    struct storage *st;

    read_file(path, "chunks/000001", &b);
    b.p[b.len - 10] ^= 1;
    write_file(path, "chunks/000001", buf_str(&b));
    st = import_from(data, path, -EBADMSG, &counts);
    storage_stats(st, &stats);
    assert_int_equal(stats.blocks, 0);
    assert_int_equal(counts.samples, 0);
    must_close(st);
    buf_free(&b);
    folder_remove(dir);
    folder_remove(data);
    free(path);
    free(data);
    free(dir);
}

static void expect_same(struct storage *a, struct storage *b)
{
    struct selection *sa = pick(a, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct selection *sb = pick(b, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct columns ca = {0}, cb = {0};

    assert_int_equal(sa->n, sb->n);
    for (size_t i = 0; i < sa->n; i++) {
        assert_true(label_set_eq(sa->labels[i], sb->labels[i]));
        read_series(sa, i, INT64_MIN, INT64_MAX, &ca);
        read_series(sb, i, INT64_MIN, INT64_MAX, &cb);
        assert_int_equal(ca.n, cb.n);
        assert_memory_equal(ca.times, cb.times, ca.n * sizeof *ca.times);
        assert_memory_equal(ca.values, cb.values, ca.n * sizeof *ca.values);
        for (size_t k = 0; k < ca.n; k++) {
            const struct histogram *ha = ca.histograms ? ca.histograms[k] : NULL,
                                   *hb = cb.histograms ? cb.histograms[k] : NULL;

            assert_int_equal(ha != NULL, hb != NULL);
            if (ha) {
                struct histogram mine = *ha;

                if (mine.hint == RESET_UNKNOWN)
                    mine.hint = hb->hint; /* a chunk says that there was none in it */
                assert_true(histogram_same(&mine, hb));
            }
        }
    }
    sa->reader->release(sa);
    sb->reader->release(sb);
    columns_deinit(&ca);
    columns_deinit(&cb);
}

/* Exports all of `from`, imports it into the empty folder `data`; returns how many samples that were. */
static uint64_t hand_over(struct storage *from, const char *data, uint64_t *ret_blocks)
{
    char *out = folder_new();
    struct storage_options o = manual_options();
    struct storage *to = must_open(data, &o, NULL);
    struct prom_counts exported = {0}, imported = {0};
    struct buf report = {0};
    struct err err = {0};
    struct str rest;

    if (prom_export(from,
                    &(struct prom_export_options){.out = out, .from = INT64_MIN, .to = INT64_MAX},
                    &exported, &report, &err) < 0)
        fail_msg("export: %s", err.msg);
    rest = buf_str(&report);
    while (rest.len > 0) {
        struct str ulid = str_cut(&rest, '\n');
        char path[512];

        snprintf(path, sizeof path, "%s/%.*s", out, STR_ARG(ulid));
        if (prom_import_block(to, path, &(struct prom_import_options){0}, &imported, &err) < 0)
            fail_msg("import: %s", err.msg);
    }
    assert_memory_equal(&exported, &imported, sizeof exported);
    expect_same(from, to);
    must_close(to);
    to = must_open(data, &o, NULL); /* and after a start */
    expect_same(from, to);
    must_close(to);
    *ret_blocks = exported.blocks;
    buf_free(&report);
    folder_remove(out);
    free(out);
    return exported.samples;
}

static void samples_of_all_kinds_come_back_from_an_export(void **state)
{
    char *data = folder_new(), *other = folder_new();
    struct label_set *floats = labels_of("__name__", "f", "x", "\"\\\n\xe8\xad\xa6", NULL);
    struct label_set *histograms = labels_of("__name__", "h", NULL);
    struct storage_options o = manual_options();
    struct dice d = {9};
    struct storage *st;
    series_ref f, h;
    uint64_t blocks;

    o.out_of_order_window = 10 * HOUR;
    st = must_open(data, &o, NULL);
    f = ref_of(st, floats);
    h = ref_of(st, histograms);
    for (int i = 0; i < 1400; i++) { /* about six hours: blocks and head */
        struct made m;
        struct sample_row row = {.ref = h, .t = T0 + i * 15 * SECOND + i % 3, .h = &m.h};
        struct err err = {0};

        (i / 150 % 2 ? make_integer_histogram : make_histogram)(
            &m, i % 200, i % 200 == 0 ? RESET_YES : RESET_UNKNOWN, i >= 700);
        if (i % 211 == 0)
            m.h = (struct histogram){.kind = m.h.kind, .sum = stale_nan()};
        assert_int_equal(commit(st, &row, 1, COMMIT_SKIP_BAD, NULL, &err), 0);
        assert_int_equal(put(st, f, row.t, dice_value(&d)), SAMPLE_STORED);
        if (i % 400 == 399)
            must_tick(st);
    }
    assert_int_equal(put(st, f, T0 - HOUR, 3), SAMPLE_STORED); /* late, before everything */
    assert_int_equal(hand_over(st, other, &blocks), 2801);
    assert_int_equal(blocks, 4);
    must_close(st);
    label_set_unref(floats);
    label_set_unref(histograms);
    folder_remove(data);
    folder_remove(other);
    free(data);
    free(other);
}

/* ---- blocks of Prometheus itself ----------------------------------------------------------- */

static void append_quoted(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, s.p[i]);
    }
    buf_add_byte(out, '"');
}

static void print_sample(const struct label_set *labels, unix_ms t, double v, struct buf *out)
{
    buf_add_byte(out, '{');
    for (size_t i = 0; i < label_set_count(labels); i++) {
        struct label l = label_set_at(labels, i);

        buf_addf(out, "%s%.*s=", i ? ", " : "", STR_ARG(l.name));
        append_quoted(out, l.value);
    }
    buf_add_c(out, "} ");
    num_add_short(out, v);
    buf_addf(out, " %lld\n", (long long)t);
}

static void import_folder(struct storage *st, const char *folder)
{
    DIR *d = opendir(folder);
    struct prom_counts counts = {0};
    struct err err = {0};

    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        char path[1024];

        if (strlen(e->d_name) != PROM_ULID_LEN)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (prom_import_block(st, path, &(struct prom_import_options){0}, &counts, &err) < 0)
            fail_msg("import: %s", err.msg);
    }
    closedir(d);
}

/* Every float that a storage has is a line of the dump, and the dump has no other. */
static void expect_dump(struct storage *st, struct str dump)
{
    struct selection *s = pick(st, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    struct buf line = {0};
    size_t bytes = 0;

    for (size_t i = 0; i < s->n; i++) {
        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        for (size_t k = 0; k < c.n; k++) {
            if (c.histograms && c.histograms[k])
                continue;
            buf_reset(&line);
            print_sample(s->labels[i], c.times[k], c.values[k], &line);
            if (str_find(dump, buf_str(&line)) == dump.len)
                fail_msg("the dump has no %s", line.p);
            bytes += line.len;
        }
    }
    assert_int_equal(bytes, dump.len);
    s->reader->release(s);
    columns_deinit(&c);
    buf_free(&line);
}

/* Whole counts, which Prometheus itself wrote, as differences of differences. */
static void expect_histograms(struct storage *st)
{
    static const double expected[2][3] = {{1, 2, 1}, {2, 3, 1}};
    struct selection *s = pick(st, MATCH_EQ, "__name__", "rw_hist", INT64_MIN, INT64_MAX);
    struct columns c = {0};

    assert_int_equal(s->n, 1);
    read_series(s, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 2);
    assert_non_null(c.histograms);
    for (size_t i = 0; i < 2; i++) {
        const struct histogram *h = c.histograms[i];

        assert_int_equal(h->kind, HISTOGRAM_INTEGER);
        assert_true(h->schema == 1 && h->zero_threshold == 0.001 && h->n_positive == 3);
        assert_true(h->count == (i ? 8 : 5) && h->zero_count == (i ? 2 : 1));
        assert_true(h->sum == (i ? 12.5 : 7.5));
        assert_memory_equal(h->positive, expected[i], sizeof expected[i]);
    }
    s->reader->release(s);
    columns_deinit(&c);
}

static void blocks_of_prometheus_have_what_promtool_dumps(void **state)
{
    static const char *const names[] = {"blocks_scrape", "blocks_histogram"};
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *data = folder_new(), path[512];
        struct storage_options o = manual_options();
        struct buf dump = {0};
        struct storage *st;

        snprintf(path, sizeof path, "api/tsdb/%s.dump.txt", names[i]);
        if (!conformance_read(path, &dump)) {
            folder_remove(data);
            free(data);
            skip();
        }
        snprintf(path, sizeof path, "%s%s/conformance/api/tsdb/%s",
                 shared   ? shared
                 : source ? source
                          : ".",
                 shared ? "" : "/../shared", names[i]);
        st = must_open(data, &o, NULL);
        import_folder(st, path);
        expect_dump(st, buf_str(&dump));
        if (i == 1)
            expect_histograms(st);
        must_close(st);
        buf_free(&dump);
        folder_remove(data);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_come_back_bit_by_bit),
        cmocka_unit_test(bits_stand_where_the_format_has_them),
        cmocka_unit_test(a_chunk_that_is_cut_off_is_refused),
        cmocka_unit_test(histograms_of_both_kinds_come_back),
        cmocka_unit_test(integer_histograms_stand_in_bits_where_the_format_has_them),
        cmocka_unit_test(a_count_that_falls_or_another_layout_ends_a_chunk),
        cmocka_unit_test(a_block_is_read_as_it_was_written),
        cmocka_unit_test(damage_is_told_with_its_place),
        cmocka_unit_test(an_index_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(deleted_samples_are_left_out),
        cmocka_unit_test(what_is_there_already_stays_and_the_head_goes_on),
        cmocka_unit_test(a_damaged_block_leaves_nothing),
        cmocka_unit_test(samples_of_all_kinds_come_back_from_an_export),
        cmocka_unit_test(blocks_of_prometheus_have_what_promtool_dumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
