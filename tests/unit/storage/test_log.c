/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/histogram_code_priv.h"
#include "storage/log_record_priv.h"

/* ---- records ------------------------------------------------------------------------------- */

struct heard {
    struct buf text; /* what the visitor was told, line by line */
};

static void hear_series(void *self, uint32_t id, const struct label *labels, size_t n)
{
    struct buf *b = &((struct heard *)self)->text;

    buf_addf(b, "series %u", id);
    for (size_t i = 0; i < n; i++)
        buf_addf(b, " " STR_FMT "=" STR_FMT, STR_ARG(labels[i].name), STR_ARG(labels[i].value));
    buf_add_byte(b, '\n');
}

static void hear_sample(void *self, bool late, uint32_t id, unix_ms t, double v)
{
    buf_addf(&((struct heard *)self)->text, "%s %u %lld %llx\n", late ? "late" : "float", id,
             (long long)t, (unsigned long long)double_bits(v));
}

static void hear_histogram(void *self, bool late, uint32_t id, unix_ms t, const struct histogram *h)
{
    buf_addf(&((struct heard *)self)->text, "%s histogram %u %lld %g\n", late ? "late" : "float",
             id, (long long)t, h->sum);
}

static struct log_visitor hearing(struct heard *h)
{
    return (struct log_visitor){h, hear_series, hear_sample, hear_histogram};
}

static void a_record_says_what_was_put_in(void **state)
{
    static const double values[] = {0, 1, -1, 1e15, 1.5, -0.0, 9007199254740992.0, 1e300};
    const struct label labels[] = {{STR("__name__"), STR("m")}, {STR("empty?"), STR("")}};
    const struct histogram h = {.schema = 1, .sum = 12};
    struct log_record r = {0};
    struct heard want = {0}, got = {0};
    struct log_visitor v = hearing(&got);

    for (int twice = 0; twice < 2; twice++) { /* a record is used again */
        buf_reset(&want.text);
        buf_reset(&got.text);
        log_record_begin(&r);
        assert_true(log_record_is_empty(&r));
        log_record_series(&r, 7, labels, 2);
        hear_series(&want, 7, labels, 2);
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            uint32_t id = i == 4 ? 3 : 7 + (uint32_t)i * (uint32_t)i;
            unix_ms t = T0 + (unix_ms)(i / 3) * SECOND - (i == 6 ? HOUR : 0);

            log_record_float(&r, i == 5, id, t, values[i]);
            hear_sample(&want, i == 5, id, t, values[i]);
        }
        log_record_float(&r, false, UINT32_MAX, -T0, stale_nan());
        hear_sample(&want, false, UINT32_MAX, -T0, stale_nan());
        log_record_histogram(&r, true, 9, T0, &h);
        hear_histogram(&want, true, 9, T0, &h);
        log_record_end(&r);
        assert_int_equal(r.bytes.len % LOG_RECORD_ALIGN, 0);
        assert_true(log_record_visit((uint8_t *)r.bytes.p + LOG_RECORD_HEAD,
                                     get_u32((uint8_t *)r.bytes.p + 4), &v));
        assert_string_equal(got.text.p, want.text.p);
    }
    buf_free(&r.bytes);
    buf_free(&want.text);
    buf_free(&got.text);
}

static void a_scrape_takes_few_bytes_a_sample(void **state)
{
    struct log_record r = {0};

    log_record_begin(&r);
    for (uint32_t id = 1000; id < 2000; id++)
        log_record_float(&r, false, id, T0, id * 37);
    log_record_end(&r);
    assert_true(r.bytes.len < 1000 * 5);
    buf_free(&r.bytes);
}

/* ---- segments ------------------------------------------------------------------------------ */

#define RECORDS 6

/* A segment of RECORDS records; begins[i] is where record i begins. */
static struct buf make_segment(size_t begins[RECORDS + 1])
{
    uint8_t head[LOG_SEGMENT_HEAD];
    struct log_record r = {0};
    struct buf b = {0};

    log_segment_head(5, head);
    buf_add(&b, head, sizeof head);
    for (uint32_t i = 0; i < RECORDS; i++) {
        begins[i] = b.len;
        log_record_begin(&r);
        for (uint32_t k = 0; k <= i; k++)
            log_record_float(&r, false, 1 + k, T0 + i, i * 1000 + k + 0.25);
        log_record_end(&r);
        buf_add(&b, r.bytes.p, r.bytes.len);
    }
    begins[RECORDS] = b.len;
    buf_free(&r.bytes);
    return b;
}

static bool has_record(const struct log_scan *s, size_t begin)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->records[i].at == begin + LOG_RECORD_HEAD)
            return true;
    return false;
}

static void a_segment_torn_at_any_byte_keeps_all_records_before(void **state)
{
    size_t begins[RECORDS + 1];
    struct buf b = make_segment(begins);

    for (size_t len = 0; len <= b.len; len++) {
        uint8_t *tight = mem_alloc(len);
        struct log_scan s;
        size_t whole = 0;

        memcpy(tight, b.p, len);
        log_scan_segment(tight, len, 5, &s);
        while (whole < RECORDS && begins[whole + 1] <= len)
            whole++;
        assert_int_equal(s.n, whole);
        assert_int_equal(s.damaged, 0);
        assert_int_equal(s.head_damaged, len < LOG_SEGMENT_HEAD);
        assert_int_equal(s.end, whole ? begins[whole] : LOG_SEGMENT_HEAD);
        log_scan_deinit(&s);
        free(tight);
    }
    buf_free(&b);
}

static void a_flipped_bit_costs_its_record_at_most(void **state)
{
    size_t begins[RECORDS + 1];
    struct buf b = make_segment(begins);

    for (size_t bit = 0; bit < b.len * 8; bit++) {
        struct log_scan s;
        size_t at = bit / 8;

        b.p[at] ^= (char)(1 << bit % 8);
        log_scan_segment((uint8_t *)b.p, b.len, 5, &s);
        for (size_t i = 0; i < RECORDS; i++)
            if (at < begins[i] || at >= begins[i + 1])
                assert_true(has_record(&s, begins[i]));
        if (at < LOG_SEGMENT_HEAD)
            assert_true(s.head_damaged);
        else if (s.n < RECORDS && at < begins[RECORDS - 1])
            assert_int_equal(s.damaged, 1); /* and the last one is a tail that is cut off */
        log_scan_deinit(&s);
        b.p[at] ^= (char)(1 << bit % 8);
    }
    buf_free(&b);
}

/* ---- whole logs ---------------------------------------------------------------------------- */

struct log_world {
    char *dir, *copy;
    struct storage_options o;
    struct storage *st;
};

static void setup_world(struct log_world *w)
{
    w->dir = folder_new();
    w->copy = folder_new();
    w->o = manual_options();
    w->st = must_open(w->dir, &w->o, NULL);
}

static void teardown_world(struct log_world *w)
{
    if (w->st)
        must_close(w->st);
    folder_remove(w->dir);
    folder_remove(w->copy);
    free(w->dir);
    free(w->copy);
}

static void change_file(const char *dir, const char *name, size_t cut_to, size_t flip_bit)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (flip_bit != SIZE_MAX) {
        uint8_t byte;

        assert_int_equal(pread(fd, &byte, 1, (off_t)(flip_bit / 8)), 1);
        byte ^= (uint8_t)(1 << flip_bit % 8);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(flip_bit / 8)), 1);
    } else {
        assert_int_equal(ftruncate(fd, (off_t)cut_to), 0);
    }
    close(fd);
}

static size_t file_size(const char *dir, const char *name)
{
    char path[512];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

/* Samples of all series, by the label i, which is from 0 to 9. */
static void count_samples(struct storage *st, size_t counts[10])
{
    struct selection *s = pick(st, MATCH_RE, "i", ".+", INT64_MIN, INT64_MAX);
    struct columns c = {0};

    memset(counts, 0, 10 * sizeof *counts);
    for (size_t i = 0; i < s->n; i++) {
        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        counts[label_set_get(s->labels[i], STR("i")).p[0] - '0'] = c.n;
    }
    columns_deinit(&c);
    s->reader->release(s);
}

static void put_numbered(struct storage *st, int i, unix_ms t, double v)
{
    char text[2] = {(char)('0' + i), '\0'};
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = labels_of("__name__", "m", "i", text, NULL);

    assert_int_equal(put(st, ref_of(st, labels), t, v), SAMPLE_STORED);
}

static void a_log_torn_at_every_byte_of_its_last_record_loses_no_other(void **state)
{
    struct log_world w;
    size_t before, after, counts[10];

    setup_world(&w);
    for (int i = 0; i < 5; i++)
        put_numbered(w.st, i, T0, i);
    before = file_size(w.dir, "log/00000001");
    put_numbered(w.st, 5, T0 + 1, 5); /* with labels */
    after = file_size(w.dir, "log/00000001");
    assert_true(after > before);
    for (size_t len = before; len <= after; len++) {
        struct buf report = {0};
        struct storage *st;

        folder_copy(w.dir, w.copy);
        change_file(w.copy, "log/00000001", len, SIZE_MAX);
        st = must_open(w.copy, &w.o, &report);
        count_samples(st, counts);
        for (int i = 0; i < 5; i++)
            assert_int_equal(counts[i], 1);
        assert_int_equal(counts[5], len == after);
        if (len == before || len == after)
            assert_int_equal(report.len, 0);
        else
            assert_non_null(strstr(report.p, "cut off"));
        buf_reset(&report);
        put_numbered(st, 5, T0 + 2, 5); /* and it goes on */
        must_close(st);
        st = must_open(w.copy, &w.o, &report);
        assert_int_equal(report.len, 0); /* what was cut off is told once */
        count_samples(st, counts);
        assert_int_equal(counts[5], 1 + (len == after));
        must_close(st);
        buf_free(&report);
    }
    teardown_world(&w);
}

static void every_flipped_bit_of_a_log_costs_one_commit_and_is_told(void **state)
{
    struct log_world w;
    size_t size, counts[10];

    setup_world(&w);
    for (int i = 0; i < 5; i++) {
        put_numbered(w.st, i, T0, i);
        put_numbered(w.st, i, T0 + 1, i + 0.5);
    }
    size = file_size(w.dir, "log/00000001");
    for (size_t byte = 0; byte < size; byte++) {
        struct buf report = {0};
        struct storage *st;
        size_t all = 0;

        folder_copy(w.dir, w.copy);
        change_file(w.copy, "log/00000001", 0, byte * 8 + byte % 8);
        st = must_open(w.copy, &w.o, &report);
        count_samples(st, counts);
        for (int i = 0; i < 10; i++)
            all += counts[i];
        assert_true(
            all >=
            9); /* also when the labels of a series were in the record: they are told twice */
        if (all < 10 || byte < LOG_SEGMENT_HEAD)
            assert_true(report.len > 0);
        must_close(st);
        buf_free(&report);
    }
    teardown_world(&w);
}

static void a_series_that_is_made_again_under_a_new_number_stays_one_series(void **state)
{
    struct log_world w;
    struct log_record r = {0};
    const struct label labels[] = {{STR("__name__"), STR("m")}, {STR("i"), STR("3")}};
    struct buf report = {0};
    size_t counts[10];
    char path[512];
    uint8_t head[LOG_SEGMENT_HEAD];
    FILE *f;

    setup_world(&w);
    must_close(w.st);
    snprintf(path, sizeof path, "%s/log/00000001", w.dir);
    f = fopen(path, "w");
    assert_non_null(f);
    log_segment_head(1, head);
    fwrite(head, 1, sizeof head, f);
    log_record_begin(&r);
    log_record_series(&r, 4, labels, 2);
    log_record_float(&r, false, 4, T0, 1);
    log_record_end(&r);
    fwrite(r.bytes.p, 1, r.bytes.len, f);
    log_record_begin(&r);
    log_record_series(&r, 9, labels, 2);
    log_record_float(&r, false, 9, T0 + 1, 2);
    log_record_end(&r);
    fwrite(r.bytes.p, 1, r.bytes.len, f);
    fclose(f);
    buf_free(&r.bytes);
    w.st = must_open(w.dir, &w.o, &report);
    assert_int_equal(report.len, 0);
    count_samples(w.st, counts);
    assert_int_equal(counts[3], 2);
    put_numbered(w.st, 4, T0, 1); /* and a new series gets a number that the log has not seen */
    put_numbered(w.st, 3, T0 + 2, 1);
    folder_copy(w.dir, w.copy);
    must_close(w.st);
    w.st = must_open(w.copy, &w.o, &report);
    count_samples(w.st, counts);
    assert_int_equal(counts[3], 3);
    assert_int_equal(counts[4], 1);
    assert_int_equal(report.len, 0);
    buf_free(&report);
    teardown_world(&w);
}

static void a_missing_segment_is_told(void **state)
{
    struct log_world w;
    struct buf report = {0};
    size_t counts[10];
    char from[512], to[512];

    setup_world(&w);
    put_numbered(w.st, 0, T0, 1);
    folder_copy(w.dir, w.copy);
    must_close(w.st);
    w.st = must_open(w.copy, &w.o, &report);
    put_numbered(w.st, 0, T0 + 1, 1); /* in segment 2 */
    folder_copy(w.copy, w.dir);
    must_close(w.st);
    snprintf(from, sizeof from, "%s/log/00000002", w.dir);
    snprintf(to, sizeof to, "%s/log/00000003", w.dir);
    assert_int_equal(rename(from, to), 0);
    w.st = must_open(w.dir, &w.o, &report);
    assert_non_null(strstr(report.p, "missing"));
    count_samples(w.st, counts);
    assert_int_equal(counts[0], 2);
    buf_free(&report);
    teardown_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_says_what_was_put_in),
        cmocka_unit_test(a_scrape_takes_few_bytes_a_sample),
        cmocka_unit_test(a_segment_torn_at_any_byte_keeps_all_records_before),
        cmocka_unit_test(a_flipped_bit_costs_its_record_at_most),
        cmocka_unit_test(a_log_torn_at_every_byte_of_its_last_record_loses_no_other),
        cmocka_unit_test(every_flipped_bit_of_a_log_costs_one_commit_and_is_told),
        cmocka_unit_test(a_series_that_is_made_again_under_a_new_number_stays_one_series),
        cmocka_unit_test(a_missing_segment_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
