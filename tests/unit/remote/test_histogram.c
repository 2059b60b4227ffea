/* SPDX-License-Identifier: Apache-2.0 */
/* Native histograms of remote write: what comes out of the message, and what is no histogram. */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>
#include <stdio.h>

#include "base/defs.h"
#include "remote/remote.h"
#include "tests/unit/remote/message.h"
#include "tests/unit/remote/sink.h"

#define NOW INT64_C(1795448370000)

/* One field: its number and what is put. Fields of a number come in order. */
struct part {
    unsigned number;
    enum { INT, SINT, NUM, SPAN, INTS, SINTS, NUMS } kind;
    double v[4]; /* SPAN: offset, length */
    size_t n;    /* of a packed field */
};

static void put_part(struct buf *out, const struct part *p)
{
    struct buf inner = {0};

    switch (p->kind) {
    case INT: put_int(out, p->number, (uint64_t)p->v[0]); break;
    case SINT: put_int(out, p->number, zigzag((int64_t)p->v[0])); break;
    case NUM: put_double(out, p->number, p->v[0]); break;
    case SPAN:
        put_int(&inner, 1, zigzag((int64_t)p->v[0]));
        put_int(&inner, 2, (uint64_t)p->v[1]);
        put_message(out, p->number, &inner);
        break;
    case INTS:
    case SINTS:
        for (size_t i = 0; i < p->n; i++)
            put_varint(&inner, p->kind == INTS ? (uint64_t)p->v[i] : zigzag((int64_t)p->v[i]));
        put_message(out, p->number, &inner);
        break;
    case NUMS:
        for (size_t i = 0; i < p->n; i++)
            put_bits(&inner, p->v[i]);
        put_message(out, p->number, &inner);
        break;
    }
}

struct outcome {
    int status;
    char text[256];
    char stored[1024];
};

static void send_parts(const struct part *parts, size_t n, struct outcome *ret)
{
    CLEANUP(buf_free) struct buf message = {0};
    struct buf series = {0}, histogram = {0};
    struct sink sink;
    struct sample_sink port = sink_port(&sink);
    CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&port);
    struct remote_write_request r = {0};
    struct remote_write_answer a;

    sink_init(&sink, NOW);
    for (size_t i = 0; i < n; i++)
        put_part(&histogram, &parts[i]);
    put_int(&histogram, 15, NOW);
    put_labels(&series, "__name__=h");
    put_message(&series, 4, &histogram);
    put_message(&message, 1, &series);
    compress(&message);
    r.body = buf_str(&message);
    remote_write_take(w, &r, &a);
    ret->status = a.status;
    snprintf(ret->text, sizeof ret->text, STR_FMT, STR_ARG(buf_str(&a.text)));
    snprintf(ret->stored, sizeof ret->stored, STR_FMT, STR_ARG(buf_str(&sink.stored)));
    remote_write_answer_deinit(&a);
    sink_deinit(&sink);
}

#define PARTS 16

static void histograms_are_stored_as_they_are_meant(void **state)
{
    static const struct {
        struct part parts[PARTS];
        const char *stored;
    } cases[] = {
        /* deltas become counts; packed */
        {{{1, INT, {21}},
          {3, NUM, {3.5}},
          {4, SINT, {1}},
          {5, NUM, {0.001}},
          {6, INT, {2}},
          {8, SPAN, {-3, 1}},
          {9, SINTS, {3}, 1},
          {11, SPAN, {0, 2}},
          {11, SPAN, {5, 1}},
          {12, SINTS, {5, 2, -3}, 3},
          {14, INT, {2}}},
         "h {integer schema 1 hint 2 count 21 sum 3.5 zero 2 below 0.001 spans -3:1 negative 3"
         " spans 0:2 5:1 positive 5 7 4 bounds} @1795448370000\n"},
        /* one number a field */
        {{{1, INT, {3}}, {11, SPAN, {1, 2}}, {12, SINT, {1}}, {12, SINT, {1}}},
         "h {integer schema 0 hint 0 count 3 sum 0 zero 0 below 0 spans negative spans 1:2 positive 1 2"
         " bounds} @1795448370000\n"},
        /* a float one; its deltas mean nothing */
        {{{2, NUM, {2.5}},
          {4, SINT, {-4}},
          {7, NUM, {0.5}},
          {9, SINTS, {1, 1}, 2},
          {11, SPAN, {-2, 2}},
          {13, NUMS, {1.25, 0.75}, 2},
          {14, INT, {3}}},
         "h {schema -4 hint 3 count 2.5 sum 0 zero 0.5 below 0 spans negative spans -2:2"
         " positive 1.25 0.75 bounds} @1795448370000\n"},
        /* bounds of its own */
        {{{1, INT, {3}},
          {4, SINT, {-53}},
          {11, SPAN, {1, 2}},
          {12, SINTS, {1, 1}, 2},
          {16, NUMS, {0.5, 2}, 2}},
         "h {integer schema -53 hint 0 count 3 sum 0 zero 0 below 0 spans negative spans 1:2 positive 1 2"
         " bounds 0.5 2} @1795448370000\n"},
        /* observations of NaN are counted and in no bucket */
        {{{1, INT, {3}}, {3, NUM, {NAN}}, {11, SPAN, {0, 1}}, {12, SINTS, {2}, 1}},
         "h {integer schema 0 hint 0 count 3 sum nan zero 0 below 0 spans negative spans 0:1 positive 2"
         " bounds} @1795448370000\n"},
        /* an unknown hint is none */
        {{{1, INT, {0}}, {14, INT, {4}}},
         "h {integer schema 0 hint 0 count 0 sum 0 zero 0 below 0 spans negative spans positive bounds}"
         " @1795448370000\n"},
        /* nothing but its time */
        {{{0}},
         "h {integer schema 0 hint 0 count 0 sum 0 zero 0 below 0 spans negative spans positive bounds}"
         " @1795448370000\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        size_t n = 0;

        while (n < PARTS && cases[i].parts[n].number)
            n++;
        send_parts(cases[i].parts, n, &o);
        if (o.status != 204)
            fail_msg("%zu: %d %s", i, o.status, o.text);
        assert_string_equal(o.stored, cases[i].stored);
    }
}

static void what_is_no_histogram_is_refused_with_a_reason(void **state)
{
    static const struct {
        struct part parts[PARTS];
        const char *why;
    } cases[] = {
        {{{1, INT, {3}}, {11, SPAN, {0, 1}}, {12, SINTS, {2}, 1}}, "not what it counts"},
        {{{1, INT, {1}}, {3, NUM, {NAN}}, {11, SPAN, {0, 1}}, {12, SINTS, {2}, 1}},
         "not what it counts"},
        {{{1, INT, {2}}, {6, INT, {3}}}, "not what it counts"},
        {{{1, INT, {2}}, {11, SPAN, {0, 2}}, {12, SINTS, {2}, 1}}, "do not fit"},
        {{{1, INT, {2}}, {12, SINTS, {2}, 1}}, "do not fit"},
        {{{1, INT, {2}}, {8, SPAN, {0, 2}}, {9, SINTS, {2}, 1}}, "do not fit"},
        {{{1, INT, {1}}, {11, SPAN, {0, 2}}, {12, SINTS, {2, -3}, 2}}, "negative"},
        {{{1, INT, {1}}, {8, SPAN, {0, 1}}, {9, SINTS, {-1}, 1}}, "negative"},
        {{{2, NUM, {1}}, {11, SPAN, {0, 1}}, {13, NUMS, {-1}, 1}}, "negative"},
        {{{2, NUM, {1}}, {8, SPAN, {0, 1}}, {10, NUMS, {-1}, 1}}, "negative"},
        {{{1, INT, {2}}, {11, SPAN, {0, 1}}, {11, SPAN, {-1, 1}}, {12, SINTS, {1, 0}, 2}},
         "overlap"},
        {{{1, INT, {1}}, {11, SPAN, {2147483647, 1}}, {12, SINTS, {1}, 1}}, "beyond"},
        {{{1, INT, {0}}, {4, SINT, {9}}}, "unknown schema"},
        {{{1, INT, {0}}, {4, SINT, {-5}}}, "unknown schema"},
        {{{1, INT, {0}}, {16, NUMS, {1}, 1}}, "another schema"},
        {{{1, INT, {1}}, {4, SINT, {-53}}, {6, INT, {1}}}, "no zero bucket"},
        {{{1, INT, {0}}, {4, SINT, {-53}}, {5, NUM, {1}}}, "no zero bucket"},
        {{{1, INT, {1}}, {4, SINT, {-53}}, {8, SPAN, {0, 1}}, {9, SINTS, {1}, 1}},
         "no negative buckets"},
        {{{1, INT, {0}}, {4, SINT, {-53}}, {16, NUMS, {1, 1}, 2}}, "do not ascend"},
        {{{1, INT, {0}}, {4, SINT, {-53}}, {16, NUMS, {1, INFINITY}, 2}}, "do not ascend"},
        {{{1, INT, {0}}, {4, SINT, {-53}}, {16, NUMS, {1, NAN}, 2}}, "do not ascend"},
        {{{1, INT, {1}}, {4, SINT, {-53}}, {11, SPAN, {-1, 1}}, {12, SINTS, {1}, 1}}, "overlap"},
        {{{1, INT, {1}},
          {4, SINT, {-53}},
          {11, SPAN, {2, 1}},
          {12, SINTS, {1}, 1},
          {16, NUMS, {1}, 1}},
         "more buckets than bounds"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        size_t n = 0;

        while (n < PARTS && cases[i].parts[n].number)
            n++;
        send_parts(cases[i].parts, n, &o);
        if (o.status != 500 || !strstr(o.text, cases[i].why))
            fail_msg("%zu (%s): %d %s", i, cases[i].why, o.status, o.text);
        assert_string_equal(o.stored, "");
    }
}

static void sums_that_overflow_are_refused(void **state)
{
    CLEANUP(buf_free) struct buf message = {0};
    struct buf series = {0}, histogram = {0}, deltas = {0}, span = {0};
    struct sink sink;
    struct sample_sink port = sink_port(&sink);
    CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&port);
    struct remote_write_request r = {0};
    struct remote_write_answer a;

    sink_init(&sink, NOW);
    put_varint(&deltas, zigzag(INT64_MAX));
    put_varint(&deltas, zigzag(0));
    put_varint(&deltas, zigzag(0));
    put_int(&span, 2, 3);
    put_message(&histogram, 11, &span);
    put_message(&histogram, 12, &deltas);
    put_labels(&series, "__name__=h");
    put_message(&series, 4, &histogram);
    put_message(&message, 1, &series);
    compress(&message);
    r.body = buf_str(&message);
    remote_write_take(w, &r, &a);
    assert_int_equal(a.status, 500);
    assert_non_null(strstr(a.text.p, "counts too much"));
    remote_write_answer_deinit(&a);
    sink_deinit(&sink);
}

static void a_histogram_of_a_series_that_is_left_out_is_not_looked_at(void **state)
{
    CLEANUP(buf_free) struct buf message = {0};
    struct buf series = {0}, histogram = {0};
    struct sink sink;
    struct sample_sink port = sink_port(&sink);
    CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&port);
    struct remote_write_request r = {0};
    struct remote_write_answer a;

    sink_init(&sink, NOW);
    put_int(&histogram, 1, 7);
    put_message(&series, 4, &histogram);
    put_message(&message, 1, &series);
    compress(&message);
    r.body = buf_str(&message);
    remote_write_take(w, &r, &a);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.n_skipped, 1);
    remote_write_answer_deinit(&a);
    sink_deinit(&sink);
}

/* A request as large as it may be, of one histogram after the other. */
static void histograms_take_no_more_memory_than_they_may(void **state)
{
    static char deltas[40000]; /* zeroes */
    static const struct {
        size_t n, buckets;
        const char *words;
    } cases[] = {{1, 40000, "buckets"}, {300, 32000, "67108864 bytes"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf message = {0};
        struct buf series = {0};
        struct sink sink;
        struct sample_sink port = sink_port(&sink);
        CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&port);
        struct remote_write_request r = {0};
        struct remote_write_answer a;

        sink_init(&sink, NOW);
        put_labels(&series, "__name__=h");
        for (size_t k = 0; k < cases[i].n; k++) {
            struct buf histogram = {0};

            put_text(&histogram, 12, str_n(deltas, cases[i].buckets));
            put_message(&series, 4, &histogram);
        }
        put_message(&message, 1, &series);
        compress(&message);
        r.body = buf_str(&message);
        remote_write_take(w, &r, &a);
        assert_int_equal(a.status, 400);
        if (!strstr(a.text.p, cases[i].words))
            fail_msg("%s", a.text.p);
        remote_write_answer_deinit(&a);
        sink_deinit(&sink);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms_are_stored_as_they_are_meant),
        cmocka_unit_test(what_is_no_histogram_is_refused_with_a_reason),
        cmocka_unit_test(sums_that_overflow_are_refused),
        cmocka_unit_test(a_histogram_of_a_series_that_is_left_out_is_not_looked_at),
        cmocka_unit_test(histograms_take_no_more_memory_than_they_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
