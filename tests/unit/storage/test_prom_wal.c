/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a Prometheus, from its log: logs that are written here by hand,
 * whole, torn, damaged.
 */
#include "tests/unit/storage/extras.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "model/histogram.h"
#include "storage/prom_index_priv.h"
#include "storage/prom_wal_priv.h"

/* ---- a log, written
 * ------------------------------------------------------------------------ */

static void put_fragment(struct buf *log, uint8_t type, struct str bytes)
{
    buf_add_byte(log, (char)type);
    buf_add_byte(log, (char)(bytes.len >> 8));
    buf_add_byte(log, (char)bytes.len);
    buf_add_be32(log, hash_crc32c(0, bytes.p, bytes.len));
    buf_add_str(log, bytes);
}

/* A record, in as many fragments as pages want; empties it. */
static void put_record(struct buf *log, uint8_t bits, struct buf *record)
{
    struct str rest = buf_str(record);
    bool first = true;

    do {
        size_t room = PROM_WAL_PAGE - log->len % PROM_WAL_PAGE, n;
        bool last;

        for (; room <= PROM_WAL_HEAD; room = PROM_WAL_PAGE - log->len % PROM_WAL_PAGE)
            buf_add_byte(log, 0);
        n = rest.len < room - PROM_WAL_HEAD ? rest.len : room - PROM_WAL_HEAD;
        last = n == rest.len;
        put_fragment(log, bits | (first ? (last ? 1 : 2) : last ? 4 : 3), str_n(rest.p, n));
        rest = str_n(rest.p + n, rest.len - n);
        first = false;
    } while (rest.len > 0);
    buf_free(record);
}

/* The snappy block of one literal. */
static void put_snappy(struct buf *log, struct buf *record)
{
    struct buf block = {0};

    assert_true(record->len > 60 && record->len <= 65536);
    buf_add_uvarint(&block, record->len);
    buf_add_byte(&block, (char)(61 << 2));
    buf_add_byte(&block, (char)(record->len - 1));
    buf_add_byte(&block, (char)((record->len - 1) >> 8));
    buf_add_str(&block, buf_str(record));
    buf_free(record);
    put_record(log, 8, &block);
}

static void put_text(struct buf *b, const char *text)
{
    buf_add_uvarint(b, strlen(text));
    buf_add_c(b, text);
}

static void add_series(struct buf *record, uint64_t ref, const char *name, const char *value)
{
    if (record->len == 0)
        buf_add_byte(record, 1);
    buf_add_be64(record, ref);
    buf_add_uvarint(record, 2);
    put_text(record, "__name__");
    put_text(record, name);
    put_text(record, "x");
    put_text(record, value);
}

static void put_series(struct buf *log, uint64_t ref, const char *name, const char *value)
{
    struct buf record = {0};

    add_series(&record, ref, name, value);
    put_record(log, 0, &record);
}

static void add_sample(struct buf *record, uint64_t ref, unix_ms t, double v)
{
    if (record->len == 0) {
        buf_add_byte(record, 2);
        buf_add_be64(record, 7);
        buf_add_be64(record, 1000);
    }
    buf_add_svarint(record, (int64_t)(ref - 7));
    buf_add_svarint(record, t - 1000);
    buf_add_be64(record, double_bits(v));
}

static void put_sample(struct buf *log, uint64_t ref, unix_ms t, double v)
{
    struct buf record = {0};

    add_sample(&record, ref, t, v);
    put_record(log, 0, &record);
}

static void put_deleted(struct buf *log, uint64_t ref, unix_ms min, unix_ms max)
{
    struct buf record = {0};

    buf_add_byte(&record, 3);
    buf_add_be64(&record, ref);
    buf_add_svarint(&record, min);
    buf_add_svarint(&record, max);
    put_record(log, 0, &record);
}

/* Two buckets on each side. */
static void put_histogram(struct buf *log, uint64_t ref, unix_ms t, bool floats, double sum)
{
    struct buf b = {0};

    buf_add_byte(&b, floats ? 8 : 7);
    buf_add_be64(&b, ref);
    buf_add_be64(&b, (uint64_t)t);
    buf_add_svarint(&b, 0);
    buf_add_svarint(&b, 0);
    buf_add_byte(&b, 3); /* gauge */
    buf_add_svarint(&b, 1);
    buf_add_be64(&b, double_bits(0.5));
    for (int i = 0; i < 2; i++) /* of zero, of all */
        if (floats)
            buf_add_be64(&b, double_bits(2.5 + 10 * i));
        else
            buf_add_uvarint(&b, (uint64_t)(2 + 10 * i));
    buf_add_be64(&b, double_bits(sum));
    for (int i = 0; i < 2; i++) {
        buf_add_uvarint(&b, 1);
        buf_add_svarint(&b, i);
        buf_add_uvarint(&b, 2);
    }
    for (int i = 0; i < 2; i++) {
        buf_add_uvarint(&b, 2);
        for (int k = 0; k < 2; k++)
            if (floats)
                buf_add_be64(&b, double_bits(3.5 - k));
            else
                buf_add_svarint(&b, k ? -1 : 3);
    }
    put_record(log, 0, &b);
}

static void put_exemplar(struct buf *log, uint64_t ref, unix_ms t, double v, const char *trace)
{
    struct buf b = {0};

    buf_add_byte(&b, 4);
    buf_add_be64(&b, 5);
    buf_add_be64(&b, 1000);
    buf_add_svarint(&b, (int64_t)(ref - 5));
    buf_add_svarint(&b, t - 1000);
    buf_add_be64(&b, double_bits(v));
    buf_add_uvarint(&b, 1);
    put_text(&b, "trace");
    put_text(&b, trace);
    put_record(log, 0, &b);
}

static void put_metadata(struct buf *log, uint64_t ref, uint8_t type, const char *help,
                         const char *unit)
{
    struct buf b = {0};

    buf_add_byte(&b, 6);
    buf_add_uvarint(&b, ref);
    buf_add_byte(&b, (char)type);
    buf_add_uvarint(&b, 3);
    put_text(&b, "UNIT");
    put_text(&b, unit);
    put_text(&b, "of tomorrow");
    put_text(&b, "x");
    put_text(&b, "HELP");
    put_text(&b, help);
    put_record(log, 0, &b);
}

/* ---- scenes
 * --------------------------------------------------------------------------------
 */

struct scene {
    char *folder;
    char *data; /* of Prometheus */
    struct storage *st;
    struct prom_counts counts;
    struct buf report;
    struct err err;
};

static void begin(struct scene *s)
{
    struct storage_options o = manual_options();
    struct buf path = {0};

    o.exemplars_max = STORAGE_EXEMPLARS_ALL;
    *s = (struct scene){.folder = folder_new()};
    buf_addf(&path, "%s/tsdb", s->folder);
    s->st = must_open(path.p, &o, NULL);
    buf_reset(&path);
    buf_addf(&path, "%s/prometheus", s->folder);
    s->data = buf_take(&path);
    assert_int_equal(mkdir(s->data, 0700), 0);
}

static void end(struct scene *s)
{
    must_close(s->st);
    folder_remove(s->folder);
    buf_free(&s->report);
    free(s->folder);
    free(s->data);
}

/* Writes a file and empties the log. */
static void put_file(const struct scene *s, const char *folder, const char *name, struct buf *log)
{
    struct buf path = {0};

    buf_addf(&path, "%s/%s", s->data, folder);
    assert_int_equal(file_make_dirs(path.p, NULL), 0);
    buf_addf(&path, "/%s", name);
    assert_int_equal(file_write_atomic(path.p, buf_str(log), NULL), 0);
    buf_free(&path);
    buf_free(log);
}

static int import(struct scene *s)
{
    const struct prom_import_options o = {.report = &s->report};

    s->counts = (struct prom_counts){0};
    buf_reset(&s->report);
    return prom_import_wal(s->st, s->data, &o, &s->counts, &s->err);
}

static char *dump(const struct scene *s)
{
    struct selection *found = pick(s->st, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    struct buf out = {0};

    for (size_t i = 0; i < found->n; i++) {
        read_series(found, i, INT64_MIN, INT64_MAX, &c);
        for (size_t k = 0; k < c.n; k++) {
            const struct histogram *h = c.histograms ? c.histograms[k] : NULL;

            label_set_print(found->labels[i], &out);
            if (h)
                buf_addf(&out, "%s %d/%g/%g/%g/%g:", h->kind == HISTOGRAM_INTEGER ? " int" : "",
                         h->hint, h->zero_threshold, h->zero_count, h->count, h->sum);
            for (uint32_t j = 0; h && j < h->n_positive; j++)
                buf_addf(&out, " %g", h->positive[j]);
            for (uint32_t j = 0; h && j < h->n_negative; j++)
                buf_addf(&out, " %g", h->negative[j]);
            if (!h)
                buf_addf(&out, " %g", c.values[k]);
            buf_addf(&out, " %lld\n", (long long)c.times[k]);
        }
    }
    columns_deinit(&c);
    found->reader->release(found);
    return buf_take(&out);
}

static void assert_dump(const struct scene *s, const char *expected)
{
    char *text = dump(s);

    assert_string_equal(text, expected);
    free(text);
}

static void assert_told(const struct scene *s, const char *words)
{
    if (!s->report.p || !strstr(s->report.p, words))
        fail_msg("\"%s\" is not in: %s", words, s->report.p ? s->report.p : "");
}

/* What there is besides samples, now and as a process leaves it that is killed. */
static void assert_extras_on_disk(const struct scene *s, const char *expected)
{
    struct storage_options o = manual_options();
    char *copy = folder_new();
    struct buf path = {0}, report = {0};
    struct storage *st;

    assert_extras(s->st, expected);
    buf_addf(&path, "%s/tsdb", s->folder);
    folder_copy(path.p, copy);
    o.exemplars_max = 10;
    st = must_open(copy, &o, &report);
    assert_int_equal(report.len, 0);
    assert_extras(st, expected);
    must_close(st);
    folder_remove(copy);
    buf_free(&path);
    free(copy);
}

/* ---- tests
 * ---------------------------------------------------------------------------------
 */

static void all_kinds_of_records_become_samples(void **state)
{
    struct buf log = {0}, record = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "f", "1");
    put_series(&log, 9, "h", "1");
    for (int i = 0; i < 10; i++)
        add_series(&record, 20 + (uint64_t)i, "packed", "with snappy");
    put_snappy(&log, &record);
    put_sample(&log, 7, 1000, 1.5);
    put_sample(&log, 25, 3000, NAN);
    put_histogram(&log, 9, 2000, false, 7);
    put_histogram(&log, 9, 3000, true, 8);
    put_histogram(&log, 9, 4000, true, stale_nan());
    put_histogram(&log, 9, 5000, false, stale_nan());
    put_file(&s, "wal", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_dump(&s, "f{x=\"1\"} 1.5 1000\n"
                    "h{x=\"1\"} int 3/0.5/2/12/7: 3 2 3 2 2000\n"
                    "h{x=\"1\"} 3/0.5/2.5/12.5/8: 3.5 2.5 3.5 2.5 3000\n"
                    "h{x=\"1\"} 0/0/0/0/nan: 4000\n"
                    "h{x=\"1\"} int 0/0/0/0/nan: 5000\n"
                    "packed{x=\"with snappy\"} nan 3000\n");
    assert_int_equal(s.counts.samples, 6);
    assert_int_equal(s.counts.histograms, 4);
    assert_int_equal(s.report.len, 0);
    end(&s);
}

static void exemplars_and_metadata_are_taken_of_the_series_they_are_told_of(void **state)
{
    struct buf log = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "h_bucket", "1");
    put_series(&log, 8, "c_total", "1");
    put_exemplar(&log, 7, 2000, 0.5, "a");
    put_exemplar(&log, 7, 3000, 1.5, "b");
    put_exemplar(&log, 7, 1000, 1.5, "late");
    put_exemplar(&log, 8, 2000, 3, "a");
    put_exemplar(&log, 99, 2000, 3, "of no series");
    put_metadata(&log, 7, 3, "How\nlong", "seconds");
    put_metadata(&log, 8, 1, "first word", "");
    put_metadata(&log, 8, 1, "last word", "");
    put_metadata(&log, 99, 1, "of no series", "");
    put_file(&s, "wal", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_int_equal(s.report.len, 0);
    assert_int_equal(s.counts.exemplars, 3);
    assert_int_equal(s.counts.families, 2);
    assert_extras_on_disk(&s, "c_total{x=\"1\"} [2000 3 {trace=\"a\"}]\n"
                              "h_bucket{x=\"1\"} [2000 0.5 {trace=\"a\"}] "
                              "[3000 1.5 {trace=\"b\"}]\n"
                              "c_total counter 'last word' ''\n"
                              "h histogram 'How\nlong' 'seconds'\n");
    assert_int_equal(import(&s), 0); /* once more changes nothing */
    assert_int_equal(s.counts.exemplars + s.counts.families, 0);
    end(&s);
}

static void exemplars_and_metadata_that_make_no_sense_cost_their_record(void **state)
{
    static const struct str records[] = {
        STR("\x04"
            "12345678"
            "12345678"
            "\0\0"
            "1234567"),
        STR("\x04"
            "12345678"
            "\0\0\0\0\0\0\0\x01"
            "\0\0"
            "12345678"
            "\x01\0\x01x"),
        STR("\x04"
            "12345678"
            "\x7f\0\0\0\0\0\0\x01"
            "\0\0"
            "12345678"
            "\0"),
        STR("\x06\x07\x01\x01\x04HELP\x02\xff\xff"),
        STR("\x06\x07\x01\x01\x04HELP\x05help"),
        STR("\x06\x07\x01\x01\x04UNIT\x02\xff\xff"),
    };
    struct buf log = {0}, record = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "f", "1");
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        buf_add_str(&record, records[i]);
        put_record(&log, 0, &record);
    }
    put_metadata(&log, 7, 77, "of another type", "");
    put_file(&s, "wal", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_told(&s, "6 records of the log could not be read");
    assert_extras_on_disk(&s, "f unknown 'of another type' ''\n");
    end(&s);
}

static void a_record_goes_over_pages(void **state)
{
    struct buf log = {0}, record = {0};
    struct scene s;
    const int n = 9000; /* about 100 kB */

    begin(&s);
    put_series(&log, 7, "f", "1");
    for (int i = 0; i < n; i++)
        add_sample(&record, 7, 1000 + i, i);
    put_record(&log, 0, &record);
    put_sample(&log, 7, 1000 + n, n);
    put_file(&s, "wal", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_int_equal(s.counts.samples, n + 1);
    assert_int_equal(s.report.len, 0);
    end(&s);
}

static void checkpoint_then_log_then_late_samples(void **state)
{
    struct buf log = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "not", "read: before the checkpoint");
    put_sample(&log, 7, 1, 1);
    put_file(&s, "wal", "00000004", &log);
    for (int i = 0; i < 4; i++) {
        char folder[32];

        snprintf(folder, sizeof folder, "wal/checkpoint.%08d", i);
        put_series(&log, 7, "older", "checkpoint");
        put_file(&s, folder, "00000000", &log);
    }
    put_series(&log, 7, "f", "1");
    put_file(&s, "wal/checkpoint.00000004", "00000000", &log);
    put_sample(&log, 7, 10, 1);
    put_sample(&log, 7, 20, 2);
    put_deleted(&log, 7, 15, 20);
    put_sample(&log, 7, 30, 3);
    put_file(&s, "wal", "00000005", &log);
    put_series(&log, 7, "g", "the number is given again");
    put_sample(&log, 7, 40, 4);
    put_sample(&log, 8, 40, 4);
    put_file(&s, "wal", "00000007", &log);
    put_sample(&log, 7, 5, 5);
    put_file(&s, "wbl", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_dump(&s, "f{x=\"1\"} 1 10\nf{x=\"1\"} 3 30\n"
                    "g{x=\"the number is given again\"} 5 5\n"
                    "g{x=\"the number is given again\"} 4 40\n");
    assert_told(&s, "segments 6 to 6 are missing");
    assert_told(&s, "1 samples of series whose labels are not in the log");
    assert_int_equal(import(&s), 0);
    assert_int_equal(s.counts.samples, 0);
    assert_int_equal(s.counts.known, 4);
    end(&s);
}

static void what_is_in_imported_blocks_is_left_out(void **state)
{
    const struct prom_import_options dry = {.dry_run = true};
    struct buf log = {0}, meta = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "f", "1");
    put_sample(&log, 7, 10, 1);
    put_sample(&log, 7, 20, 2);
    put_file(&s, "wal", "00000000", &log);
    put_series(&log, 7, "f", "1");
    put_sample(&log, 7, 5, 5);
    put_file(&s, "wbl", "00000000", &log);
    buf_add_c(&meta, "{\"version\":1,\"ulid\":\"01K74Q0000000000000000000A\",\"maxTime\":20}");
    put_file(&s, "01K74Q0000000000000000000A", "meta.json", &meta);
    buf_add_c(&meta, "{\"version\":1,\"ulid\":\"01K74Q0000000000000000000B\",\"maxTime\":90,"
                     "\"compaction\":{\"hints\":[\"from-out-of-order\"]}}");
    put_file(&s, "01K74Q0000000000000000000B", "meta.json", &meta);
    assert_int_equal(prom_import_wal(s.st, s.data, &dry, &s.counts, &s.err), 0);
    assert_int_equal(s.counts.samples, 2); /* as if the blocks were imported */
    assert_int_equal(s.counts.known, 1);
    assert_dump(&s, "");
    assert_int_equal(import(&s), 0); /* they are not: nothing is left out */
    assert_dump(&s, "f{x=\"1\"} 5 5\nf{x=\"1\"} 1 10\nf{x=\"1\"} 2 20\n");
    end(&s);
}

/* A series, four samples, a second segment with one more. */
static void make_small_log(struct buf *first, struct buf *second)
{
    put_series(first, 7, "f", "1");
    for (int i = 1; i <= 4; i++)
        put_sample(first, 7, i, i);
    put_sample(second, 7, 9, 9);
}

static void damage_costs_the_rest_of_its_segment(void **state)
{
    struct buf first = {0}, second = {0};
    struct scene s;

    begin(&s);
    make_small_log(&first, &second);
    first.p[first.len - 60] ^= 1; /* in the third sample */
    put_file(&s, "wal", "00000000", &first);
    put_file(&s, "wal", "00000001", &second);
    assert_int_equal(import(&s), -EBADMSG);
    assert_non_null(strstr(s.err.msg, "1 segments of the log are damaged"));
    assert_told(&s, "wal/00000000: at byte");
    assert_told(&s, "checksum differs; the rest of this segment is left out");
    assert_dump(&s, "f{x=\"1\"} 1 1\nf{x=\"1\"} 2 2\nf{x=\"1\"} 9 9\n");
    end(&s);
}

static void a_torn_last_record_is_told_and_no_damage(void **state)
{
    struct buf first = {0}, second = {0}, none = {0};
    struct scene s;

    begin(&s);
    make_small_log(&first, &second);
    first.len -= 3;
    put_file(&s, "wal", "00000000", &first);
    assert_int_equal(import(&s), 0);
    assert_told(&s, "that record is left out");
    assert_int_equal(s.counts.samples, 3);
    put_file(&s, "wal", "00000001", &second); /* now it is not at the end */
    assert_int_equal(import(&s), -EBADMSG);
    put_file(&s, "wal", "00000000", &none);
    assert_int_equal(import(&s), 0);
    assert_told(&s, "1 samples of series whose labels");
    end(&s);
}

static void records_that_are_not_known_cost_only_themselves(void **state)
{
    struct buf log = {0}, record = {0};
    struct scene s;

    begin(&s);
    put_series(&log, 7, "f", "1");
    buf_add_c(&record, "\x63 of tomorrow");
    put_record(&log, 0, &record);
    buf_add_c(&record, "\x01 no labels");
    put_record(&log, 0, &record);
    buf_add_c(&record, "neither");
    put_record(&log, 16, &record);
    put_sample(&log, 7, 1, 1);
    put_file(&s, "wal", "00000000", &log);
    assert_int_equal(import(&s), 0);
    assert_told(&s, "3 records of the log could not be read");
    assert_dump(&s, "f{x=\"1\"} 1 1\n");
    end(&s);
}

static int count_one(void *self, uint64_t ref, unix_ms t, double v, const struct histogram *h,
                     struct err *err)
{
    ++*(int *)self;
    return 0;
}

static int count_samples(struct str bytes, bool unchecked)
{
    int n = 0;
    const struct prom_wal_face face = {.self = &n, .sample = count_one};
    struct prom_wal w = {.bytes = bytes, .unchecked = unchecked};
    struct err err = {0};
    struct str record;
    int r;

    while ((r = prom_wal_next(&w, &record, &err)) > 0 || r == -ENOTSUP)
        if (r > 0)
            (void)prom_wal_record(record, &face, &err);
    prom_wal_deinit(&w);
    return n;
}

static void no_cut_and_no_flip_makes_it_more_or_crash(void **state)
{
    struct buf log = {0};
    size_t first;
    int all;

    put_series(&log, 7, "f", "1");
    first = log.len;
    for (int i = 1; i <= 4; i++)
        put_sample(&log, 7, i, i);
    put_histogram(&log, 7, 5, false, 1);
    put_histogram(&log, 7, 6, true, 1);
    all = count_samples(buf_str(&log), false);
    assert_int_equal(all, 6);
    for (size_t len = 0; len < log.len; len++) {
        char *copy = mem_strndup(log.p, len); /* so that a read behind it is seen */

        assert_true(count_samples(str_n(copy, len), false) < all);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * log.len; bit++) {
        log.p[bit / 8] ^= (char)(1 << bit % 8);
        assert_true(count_samples(buf_str(&log), false) <= all - (bit >= 8 * first));
        count_samples(buf_str(&log), true);
        log.p[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_free(&log);
}

static void a_prometheus_that_runs_keeps_its_directory(void **state)
{
    struct buf none = {0}, path = {0};
    struct scene s;
    int fd = -2, theirs;

    begin(&s);
    assert_int_equal(prom_data_lock(s.data, &fd, &s.err), 0);
    assert_int_equal(fd, -1); /* there is no lock */
    put_file(&s, "wal", "00000000", &none);
    put_file(&s, ".", "lock", &none);
    buf_addf(&path, "%s/lock", s.data);
    theirs = open(path.p, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(theirs, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(prom_data_lock(s.data, &fd, &s.err), -EBUSY);
    assert_non_null(strstr(s.err.msg, "a Prometheus runs on it"));
    close(theirs);
    assert_int_equal(prom_data_lock(s.data, &fd, &s.err), 0);
    assert_true(fd >= 0);
    close(fd);
    buf_free(&path);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_of_records_become_samples),
        cmocka_unit_test(exemplars_and_metadata_are_taken_of_the_series_they_are_told_of),
        cmocka_unit_test(exemplars_and_metadata_that_make_no_sense_cost_their_record),
        cmocka_unit_test(a_record_goes_over_pages),
        cmocka_unit_test(checkpoint_then_log_then_late_samples),
        cmocka_unit_test(what_is_in_imported_blocks_is_left_out),
        cmocka_unit_test(damage_costs_the_rest_of_its_segment),
        cmocka_unit_test(a_torn_last_record_is_told_and_no_damage),
        cmocka_unit_test(records_that_are_not_known_cost_only_themselves),
        cmocka_unit_test(no_cut_and_no_flip_makes_it_more_or_crash),
        cmocka_unit_test(a_prometheus_that_runs_keeps_its_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
