/* SPDX-License-Identifier: Apache-2.0 */
/* Remote write through its front door, into a sink that judges as Prometheus does. */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>

#include "base/defs.h"
#include "base/json.h"
#include "model/selfmetrics.h"
#include "remote/remote.h"
#include "tests/unit/conformance.h"
#include "tests/unit/remote/message.h"
#include "tests/unit/remote/sink.h"

#define NOW INT64_C(1795448370000)

struct world {
    struct sink sink;
    struct remote_write *write;
    struct remote_write_answer answer;
};

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    struct sample_sink port = sink_port(&w->sink);

    sink_init(&w->sink, NOW);
    w->write = remote_write_new(&port);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    remote_write_answer_deinit(&w->answer);
    remote_write_free(w->write);
    sink_deinit(&w->sink);
    free(w);
    return 0;
}

static int send_raw(struct world *w, struct str body, const char *type, const char *encoding)
{
    struct remote_write_request r = {body, str_c(type), str_c(encoding)};

    remote_write_answer_deinit(&w->answer);
    remote_write_take(w->write, &r, &w->answer);
    assert_int_equal(w->answer.refused != NULL, w->answer.status != 204);
    assert_int_equal(w->answer.text.len > 0, w->answer.status != 204);
    return w->answer.status;
}

/* Compresses and sends, and frees the message. */
static int send_as(struct world *w, struct buf *message, const char *type)
{
    int status;

    compress(message);
    status = send_raw(w, buf_str(message), type, "snappy");
    buf_free(message);
    return status;
}

static int send_message(struct world *w, struct buf *message)
{
    return send_as(w, message, "application/x-protobuf");
}

static int send_one(struct world *w, const char *labels, double v, int64_t t)
{
    struct buf message = {0};

    put_series(&message, labels, v, t);
    return send_message(w, &message);
}

static const char *stored(const struct world *w)
{
    return buf_str(&w->sink.stored).p;
}

static const char *text(const struct world *w)
{
    return buf_str(&w->answer.text).p;
}

/* ---- what is taken ------------------------------------------------------------------------- */

static void a_request_is_stored_in_one_commit(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0}, exemplar = {0}, metadata = {0};

    put_series(&message, "__name__=up,job=a", 1, NOW);
    put_labels(&series, "__name__=up,job=b");
    put_sample(&series, -0.5, NOW);
    put_sample(&series, 2, NOW + 1000);
    put_double(&exemplar, 2, 1);
    put_message(&series, 3, &exemplar);
    put_message(&message, 1, &series);
    put_text(&metadata, 2, STR("up"));
    put_message(&message, 3, &metadata);
    put_text(&message, 100, STR("of a later version"));
    assert_int_equal(send_message(w, &message), 204);
    assert_string_equal(stored(w), "up{job=\"a\"} 1 @1795448370000\n"
                                   "up{job=\"b\"} -0.5 @1795448370000\n"
                                   "up{job=\"b\"} 2 @1795448371000\n");
    assert_int_equal(w->sink.commits, 1);
    assert_int_equal(w->answer.samples, 3);
}

static void put_exemplar(struct buf *series, const char *labels, double v, int64_t t)
{
    struct buf exemplar = {0};

    put_labels(&exemplar, labels);
    put_double(&exemplar, 2, v);
    put_int(&exemplar, 3, (uint64_t)t);
    put_message(series, 3, &exemplar);
}

static void exemplars_and_metadata_are_in_the_commit(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0}, metadata = {0};

    put_labels(&series, "__name__=h,le=1"); /* as senders have it: one thing a series */
    put_exemplar(&series, "trace=b,a=1", 0.5, NOW - 5);
    put_exemplar(&series, "x=1,x=2", 0.5, NOW); /* a label twice */
    put_message(&message, 1, &series);
    put_labels(&series, "no=name");
    put_exemplar(&series, "trace=c", 0.5, NOW);
    put_message(&message, 1, &series);
    put_series(&message, "__name__=up,job=a", 1, NOW);
    put_int(&metadata, 1, METRIC_HISTOGRAM);
    put_text(&metadata, 2, STR("h"));
    put_text(&metadata, 4, STR("How long."));
    put_text(&metadata, 5, STR("seconds"));
    put_message(&message, 3, &metadata);
    put_text(&metadata, 2, STR("says nothing"));
    put_message(&message, 3, &metadata);
    assert_int_equal(send_message(w, &message), 204);
    assert_string_equal(stored(w), "up{job=\"a\"} 1 @1795448370000\n");
    assert_string_equal(buf_str(&w->sink.extras).p,
                        "h{le=\"1\"} {a=\"1\", trace=\"b\"} 0.5 @1795448369995\n"
                        "h histogram How long.|seconds\n");
    assert_int_equal(w->answer.exemplars, 1);
    assert_int_equal(w->sink.commits, 1);
}

static void a_known_series_is_not_asked_for_again(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 5; i++)
        assert_int_equal(send_one(w, "__name__=up,job=a", i, NOW + i), 204);
    assert_int_equal(w->sink.asked, 1);
    assert_int_equal(send_one(w, "__name__=up,job=b", 0, NOW), 204);
    assert_int_equal(w->sink.asked, 2);
    assert_int_equal(w->sink.n, 2);
}

static void labels_in_another_order_or_apart_are_the_same_series(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    assert_int_equal(send_one(w, "__name__=up,job=a", 1, NOW), 204);
    assert_int_equal(send_one(w, "job=a,__name__=up", 2, NOW + 1), 204);
    assert_int_equal(send_one(w, "empty=,__name__=up,job=a", 3, NOW + 2), 204);
    put_labels(&series, "__name__=up");
    put_sample(&series, 4, NOW + 3);
    put_labels(&series, "job=a");
    put_sample(&series, 5, NOW + 4);
    put_message(&message, 1, &series);
    assert_int_equal(send_message(w, &message), 204);
    assert_int_equal(w->sink.n, 1);
    assert_string_equal(stored(w), "up{job=\"a\"} 1 @1795448370000\n"
                                   "up{job=\"a\"} 2 @1795448370001\n"
                                   "up{job=\"a\"} 3 @1795448370002\n"
                                   "up{job=\"a\"} 4 @1795448370003\n"
                                   "up{job=\"a\"} 5 @1795448370004\n");
}

static void a_series_without_samples_is_not_made(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    put_labels(&series, "__name__=up");
    put_message(&message, 1, &series);
    assert_int_equal(send_message(w, &message), 204);
    assert_int_equal(w->sink.asked, 0);
    assert_int_equal(w->sink.commits, 0);
}

static void a_sample_sent_again_is_taken(void **state)
{
    struct world *w = *state;

    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 204);
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 204);
    assert_string_equal(stored(w), "up 1 @1795448370000\n");
}

/* ---- series that went ---------------------------------------------------------------------- */

static void forgotten_series_are_asked_for_once_more(void **state)
{
    struct world *w = *state;
    struct buf message = {0};

    assert_int_equal(send_one(w, "__name__=up,job=a", 1, NOW), 204);
    assert_int_equal(send_one(w, "__name__=up,job=b", 1, NOW), 204);
    sink_forget_all(&w->sink);
    put_series(&message, "__name__=bad,bad=1,bad=2", 1, NOW);
    put_series(&message, "__name__=up,job=a", 2, NOW + 1);
    put_series(&message, "__name__=up,job=b", 2, NOW + 1);
    buf_reset(&w->sink.stored);
    assert_int_equal(send_message(w, &message), 204);
    assert_string_equal(stored(w), "up{job=\"a\"} 2 @1795448370001\n"
                                   "up{job=\"b\"} 2 @1795448370001\n");
    assert_int_equal(w->answer.n_skipped, 1);
    assert_int_equal(w->sink.commits, 4);
    assert_int_equal(send_one(w, "__name__=up,job=a", 3, NOW + 2), 204); /* now known anew */
    assert_int_equal(w->sink.commits, 5);
    assert_int_equal(w->sink.asked, 4);
}

static void series_that_go_each_time_are_an_error_to_be_tried_again(void **state)
{
    struct world *w = *state;

    w->sink.forgetful = true;
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 500);
    assert_int_equal(w->sink.commits, 2);
    assert_string_equal(stored(w), "");
}

static void a_forgotten_series_that_storage_does_not_take_any_more_is_left_out(void **state)
{
    struct world *w = *state;
    struct buf message = {0};

    assert_int_equal(send_one(w, "__name__=up,job=a", 1, NOW), 204);
    sink_forget_all(&w->sink);
    w->sink.series_fails = -E2BIG;
    put_series(&message, "__name__=up,job=a", 2, NOW + 1);
    assert_int_equal(send_message(w, &message), 204);
    assert_int_equal(w->answer.n_skipped, 1);
    assert_int_equal(w->answer.samples, 0);
}

/* ---- labels -------------------------------------------------------------------------------- */

static void series_with_bad_labels_are_left_out_and_the_rest_is_stored(void **state)
{
    static const struct {
        const char *labels, *why;
    } cases[] = {
        {"", "no metric name"},
        {"job=a", "no metric name"},
        {"__name__=,job=a", "no metric name"},
        {"__name__=up,=a", "a label name is empty or no UTF-8"},
        {"__name__=up,\xff=a", "a label name is empty or no UTF-8"},
        {"__name__=up,a=\xc3", "a label value is no UTF-8"},
        {"__name__=\xff", "a label value is no UTF-8"},
        {"__name__=up,a=1,a=2", "a label twice"},
        {"__name__=up,a=1,b=2,a=", "a label twice"}, /* sorted first */
        {"__name__=up,__name__=up", "a label twice"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf message = {0};

        buf_reset(&w->sink.stored);
        put_series(&message, cases[i].labels, 1, NOW + (int64_t)i);
        put_series(&message, "__name__=good", 2, NOW + (int64_t)i);
        put_series(&message, cases[i].labels, 3, NOW + (int64_t)i);
        assert_int_equal(send_message(w, &message), 204);
        assert_int_equal(w->answer.n_skipped, 2);
        assert_string_equal(w->answer.skipped, cases[i].why);
        assert_true(w->answer.skipped_labels.len > 0);
        assert_memory_equal(stored(w), "good 2", 6);
        assert_int_equal(w->answer.samples, 1);
    }
    assert_int_equal(w->sink.n, 1);
}

static void names_need_only_be_text(void **state)
{
    struct world *w = *state;

    assert_int_equal(send_one(w, "__name__=内存,a.b=c", 1, NOW), 204);
    assert_string_equal(stored(w), "{\"内存\", \"a.b\"=\"c\"} 1 @1795448370000\n");
}

static void too_many_labels_are_left_out(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};
    char name[16];

    put_labels(&series, "__name__=up");
    for (int i = 0; i < LABEL_COUNT_MAX; i++) {
        snprintf(name, sizeof name, "l%d", i);
        put_label(&series, name, "v");
    }
    put_sample(&series, 1, NOW);
    put_message(&message, 1, &series);
    assert_int_equal(send_message(w, &message), 204);
    assert_string_equal(w->answer.skipped, "too many labels");
    assert_int_equal(w->sink.asked, 0);
}

static void labels_that_storage_does_not_take_are_left_out(void **state)
{
    struct world *w = *state;

    w->sink.series_fails = -E2BIG;
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 204);
    assert_int_equal(w->answer.n_skipped, 1);
    w->sink.series_fails = 0; /* and what was refused is not remembered */
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 204);
    assert_int_equal(w->answer.samples, 1);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void one_bad_sample_refuses_the_whole_request(void **state)
{
    static const struct {
        int64_t t;
        double v;
        const char *text;
    } cases[] = {
        {NOW - 1, 1, "out of order sample"},
        {NOW, 9,
         "duplicate sample for timestamp 1795448370000; overrides not allowed: new value 9"},
        {NOW - 7200000, 1, "out of bounds"},
        {NOW + 600001, 1, "out of bounds: timestamp is too far in the future"},
    };
    struct world *w = *state;

    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 204);
    buf_reset(&w->sink.stored);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf message = {0};

        put_series(&message, "__name__=other", 1, NOW);
        put_series(&message, "__name__=up", cases[i].v, cases[i].t);
        put_series(&message, "__name__=more", 1, NOW);
        assert_int_equal(send_message(w, &message), 400);
        assert_string_equal(text(w), cases[i].text);
        assert_int_equal(w->answer.samples, 0);
    }
    assert_string_equal(stored(w), "");
}

static void what_storage_cannot_do_now_may_be_sent_again(void **state)
{
    struct world *w = *state;

    w->sink.series_fails = -EIO;
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 500);
    assert_string_equal(text(w), "no series for you");
    w->sink.series_fails = 0;
    w->sink.commit_fails = -EIO;
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 500);
    assert_string_equal(text(w), "no commit for you");
    w->sink.commit_fails = -E2BIG; /* would be too large the next time, too */
    assert_int_equal(send_one(w, "__name__=up", 1, NOW), 400);
}

static void headers_decide_what_the_body_is(void **state)
{
    static const struct {
        const char *type, *encoding;
        int status;
    } cases[] = {
        {NULL, NULL, 204},
        {"application/x-protobuf", "snappy", 204},
        {"application/x-protobuf", "", 204},
        {" application/x-protobuf ", "snappy", 204},
        {"application/x-protobuf;proto=prometheus.WriteRequest", "snappy", 204},
        {"application/x-protobuf; proto=prometheus.WriteRequest", "snappy", 204},
        {"application/x-protobuf;version=1", "snappy", 204},
        {"application/x-protobuf;proto=", "snappy", 415},
        {"application/x-protobuf;proto=foo.Bar", "snappy", 415},
        {"application/x-protobuf;a=b;proto=foo.Bar", "snappy", 415},
        {"application/json", "snappy", 415},
        {"text/plain;proto=prometheus.WriteRequest", "snappy", 415},
        {"application/x-protobuf", "zstd", 415},
        {"application/x-protobuf", "gzip", 415},
    };
    struct world *w = *state;
    CLEANUP(buf_free) struct buf message = {0};

    put_series(&message, "__name__=up", 1, NOW);
    compress(&message);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (send_raw(w, buf_str(&message), cases[i].type, cases[i].encoding) != cases[i].status)
            fail_msg("%s, %s: %d %s", cases[i].type, cases[i].encoding, w->answer.status, text(w));
}

static void a_body_that_is_no_block_is_refused(void **state)
{
    static const struct {
        struct str body;
        const char *words;
    } cases[] = {
        {STR(""), "no snappy block"},
        {STR("\xff\xff\xff\xff\xff\xff"), "no snappy block"},     /* a length that does not end */
        {STR("\x05"), "no snappy block"},                         /* five bytes, but none there */
        {STR("\x02\x00x"), "no snappy block"},                    /* two bytes, but one there */
        {STR("\x81\x80\x80\x10"), "33554433 bytes decompressed"}, /* one above 32 MiB */
        {STR("\x80\x80\x80\x10"), "no snappy block"},             /* 32 MiB from nothing */
        {STR("sNaPpY\xff\x06\x00\x00"), "no snappy block"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(send_raw(w, cases[i].body, NULL, NULL), 400);
        if (!strstr(text(w), cases[i].words))
            fail_msg("%zu: %s", i, text(w));
    }
}

static void a_block_that_is_no_message_is_refused(void **state)
{
    static const struct str cases[] = {
        STR("\x0a"),                                 /* no length */
        STR("\x0a\x05\x0a"),                         /* a series longer than the message */
        STR("\x0a\x02\x0a\x05"),                     /* a label longer than its series */
        STR("\x08\x01"),                             /* series as a number */
        STR("\x0a\x02\x10\x01"),                     /* samples as a number */
        STR("\x0a\x04\x12\x02\x0d\x00"),             /* a value of four bytes, cut off */
        STR("\x0a\x04\x12\x02\x08\x00"),             /* a value as a varint */
        STR("\x0a\x07\x0a\x01\x0a\x12\x02\x10\x00"), /* a label without its text */
        STR("\x0a\x06\x0a\x02\x08\x00\x12\x00"),     /* a label name as a number */
        STR("\x0a\x04\x22\x02\x22\x00"),             /* a schema as text */
        STR("\x0a\x05\x22\x03\x4a\x01\x80"),         /* packed deltas, cut off */
        STR("\x0a\x06\x22\x04\x6a\x02\x00\x00"),     /* packed counts, cut off */
        STR("\x0a\x06\x22\x04\x42\x02\x08\x80"),     /* a span, cut off */
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf message = {0};

        put_series(&message, "__name__=up", 1, NOW);
        buf_add_str(&message, cases[i]);
        if (send_message(w, &message) != 400)
            fail_msg("%zu: %d %s", i, w->answer.status, text(w));
        assert_string_equal(stored(w), "");
    }
}

static void a_request_of_a_million_samples_and_one_is_refused(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    put_labels(&series, "__name__=up");
    for (size_t i = 0; i < (size_t)1 << 20; i++)
        put_text(&series, 2, STR(""));
    put_text(&series, 2, STR(""));
    put_message(&message, 1, &series);
    assert_int_equal(send_message(w, &message), 400);
    assert_non_null(strstr(text(w), "1048576 samples"));
    assert_int_equal(send_one(w, "__name__=up", 1, NOW),
                     204); /* and the next one finds all in order */
}

static void labels_scattered_over_a_large_message_are_refused(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    for (int i = 0; i < 5000; i++) { /* each label is put to all before it */
        put_label(&series, "name", "a value of some length");
        put_sample(&series, 1, NOW);
    }
    put_message(&message, 1, &series);
    assert_int_equal(send_message(w, &message), 400);
    assert_non_null(strstr(text(w), "scattered"));
}

/* ---- 2.0 ----------------------------------------------------------------------------------- */

#define TYPE_2 "application/x-protobuf;proto=io.prometheus.write.v2.Request"

static void put_symbols(struct buf *message, const char *words)
{
    struct str rest = str_c(words);

    put_text(message, 4, STR(""));
    while (rest.len > 0)
        put_text(message, 4, str_cut(&rest, ','));
}

static void put_series_2(struct buf *message, struct str refs, double v, int64_t t)
{
    struct buf series = {0};

    put_text(&series, 1, refs);
    put_sample(&series, v, t);
    put_message(message, 5, &series);
}

static void a_request_of_2_0_stores_what_is_good_and_tells_the_rest(void **state)
{
    struct world *w = *state;
    struct buf message = {0};

    assert_int_equal(send_one(w, "__name__=up,job=a", 1, NOW), 204); /* 1.0, the same series */
    put_symbols(&message, "__name__,up,job,a,b");
    put_series_2(&message, STR("\1\2\3\4"), 2, NOW - 1);
    put_series_2(&message, STR("\1\2\3\5"), 3, NOW);
    put_series_2(&message, STR("\3\5"), 4, NOW);
    put_series_2(&message, STR("\3\4\1\2"), 5, NOW);
    buf_reset(&w->sink.stored);
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
    assert_string_equal(stored(w), "up{job=\"b\"} 3 @1795448370000\n");
    assert_string_equal(
        text(w), "series left out, no metric name: {job=\"b\"}\n"
                 "out of order sample for series {__name__=\"up\", job=\"a\"}\n"
                 "duplicate sample for timestamp 1795448370000; overrides not allowed: new value 5"
                 " for series {__name__=\"up\", job=\"a\"}");
    assert_int_equal(w->answer.version, REMOTE_WRITE_2_0);
    assert_int_equal(w->answer.samples, 1);
    assert_int_equal(w->answer.n_skipped, 1);
}

/* The type of every series of 2.0 is told with it, and is that of its family. */
static void exemplars_and_metadata_of_2_0_are_those_of_their_series(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0}, exemplar = {0}, metadata = {0};

    put_symbols(&message, "__name__,h_bucket,le,1,2,trace,x,How long.,h_sum");
    for (char le = 4; le <= 5; le++) {
        const char refs[] = {1, 2, 3, le};

        put_text(&exemplar, 1, STR("\6\7"));
        put_double(&exemplar, 2, le);
        put_int(&exemplar, 3, NOW);
        put_message(&series, 4, &exemplar); /* also before the labels of its series */
        put_text(&series, 1, str_n(refs, sizeof refs));
        put_sample(&series, 1, NOW);
        put_int(&metadata, 1, METRIC_HISTOGRAM);
        put_int(&metadata, 3, 8);
        put_message(&series, 5, &metadata);
        put_message(&message, 5, &series);
    }
    put_text(&series, 1, STR("\1\11"));
    put_sample(&series, 1, NOW);
    put_int(&metadata, 1, METRIC_GAUGE);
    put_message(&series, 5, &metadata);
    put_message(&message, 5, &series);
    assert_int_equal(send_as(w, &message, TYPE_2), 204);
    assert_string_equal(buf_str(&w->sink.extras).p,
                        "h_bucket{le=\"1\"} {trace=\"x\"} 4 @1795448370000\n"
                        "h_bucket{le=\"2\"} {trace=\"x\"} 5 @1795448370000\n"
                        "h histogram How long.|\nh_sum gauge |\n");
    assert_int_equal(w->answer.exemplars, 2);
    put_symbols(&message, "__name__,up");
    put_text(&series, 1, STR("\1\2"));
    put_sample(&series, 1, NOW);
    put_int(&metadata, 3, 3);
    put_message(&series, 5, &metadata);
    put_message(&message, 5, &series);
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
}

static void symbols_may_come_behind_the_series(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    put_int(&series, 1, 1); /* not packed */
    put_int(&series, 1, 2);
    put_sample(&series, 1, NOW);
    put_message(&message, 5, &series);
    put_symbols(&message, "__name__,up");
    assert_int_equal(send_as(w, &message, TYPE_2), 204);
    assert_string_equal(stored(w), "up 1 @1795448370000\n");
}

static void labels_of_2_0_that_refer_to_nothing_refuse_the_request(void **state)
{
    static const struct str cases[] = {
        STR("\1\2\3"),
        STR("\1\x06"),
        STR("\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
        STR("\1\x80"),
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf message = {0};

        put_symbols(&message, "__name__,up,job,a,b");
        put_series_2(&message, STR("\1\2\3\4"), 1, NOW);
        put_series_2(&message, cases[i], 1, NOW);
        assert_int_equal(send_as(w, &message, TYPE_2), 400);
    }
    assert_string_equal(stored(w), "");
}

static void forgotten_series_of_2_0_are_written_once_more_alone(void **state)
{
    struct world *w = *state;
    struct buf message = {0}, series = {0};

    put_symbols(&message, "__name__,up,job,a,b,c");
    put_series_2(&message, STR("\1\2\3\4"), 1, NOW);
    put_series_2(&message, STR("\1\2\3\5"), 1, NOW);
    assert_int_equal(send_as(w, &message, TYPE_2), 204);
    w->sink.series[1].gone = true;
    buf_reset(&w->sink.stored);

    put_symbols(&message, "__name__,up,job,a,b,c");
    put_text(&series, 1, STR("\1\2\3\4"));
    put_sample(&series, 2, NOW + 1);
    put_sample(&series, 3, NOW + 2);
    put_message(&message, 5, &series);
    put_series_2(&message, STR("\1\2\3\5"), 2, NOW + 1);
    put_series_2(&message, STR("\1\2\3\6"), 2, NOW + 1);
    assert_int_equal(send_as(w, &message, TYPE_2), 204);
    assert_string_equal(stored(w), "up{job=\"a\"} 2 @1795448370001\n"
                                   "up{job=\"a\"} 3 @1795448370002\n"
                                   "up{job=\"c\"} 2 @1795448370001\n"
                                   "up{job=\"b\"} 2 @1795448370001\n");
    assert_int_equal(w->answer.samples, 4);
    w->sink.forgetful = true;
    put_symbols(&message, "__name__,up");
    put_series_2(&message, STR("\1\2"), 1, NOW);
    assert_int_equal(send_as(w, &message, TYPE_2), 500);
}

static void the_text_of_an_answer_has_a_limit(void **state)
{
    struct world *w = *state;
    struct buf message = {0};

    put_symbols(&message, "job,a");
    for (int i = 0; i < 5000; i++)
        put_series_2(&message, STR("\1\2"), 1, NOW);
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
    assert_int_equal(w->answer.n_skipped, 5000);
    assert_int_equal(w->answer.text.len, 16384);
}

static void strings_and_labels_of_2_0_have_limits(void **state)
{
    static char megabyte[1 << 20];
    struct world *w = *state;
    struct buf message = {0}, refs = {0};

    for (size_t i = 0; i <= (size_t)1 << 20; i++)
        put_text(&message, 4, STR(""));
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
    assert_non_null(strstr(text(w), "1048576 strings"));

    put_text(&message, 4, STR(""));
    put_text(&message, 4, str_n(megabyte, sizeof megabyte));
    for (int i = 0; i < 100; i++)
        buf_add_byte(&refs, 1);
    put_series_2(&message, buf_str(&refs), 1, NOW);
    buf_free(&refs);
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
    assert_non_null(strstr(text(w), "67108864 bytes"));

    put_symbols(&message, "a");
    for (int i = 0; i < 3000; i++)
        buf_add_byte(&refs, 1);
    put_series_2(&message, buf_str(&refs), 1, NOW);
    buf_free(&refs);
    assert_int_equal(send_as(w, &message, TYPE_2), 400);
    assert_string_equal(w->answer.skipped, "too many labels");
}

/* ---- several at the same time -------------------------------------------------------------- */

struct pusher {
    struct world *w;
    int number;
    struct thread thread;
};

static void push(void *arg)
{
    struct pusher *p = arg;

    for (int i = 0; i < 50; i++) {
        struct buf message = {0};
        struct remote_write_request r = {0};
        struct remote_write_answer a;
        char labels[64];

        for (int k = 0; k < 20; k++) { /* series of its own, found by all in the same table */
            snprintf(labels, sizeof labels, "__name__=up,thread=%d,k=%d", p->number,
                     k * (i % 3 + 1));
            put_series(&message, labels, i, NOW + i);
        }
        compress(&message);
        r.body = buf_str(&message);
        remote_write_take(p->w->write, &r, &a);
        if (a.status != 204)
            fail_msg("%d %s", a.status, a.text.p);
        remote_write_answer_deinit(&a);
        buf_free(&message);
    }
}

static void requests_are_taken_at_the_same_time(void **state)
{
    struct world *w = *state;
    struct pusher pushers[4];
    size_t lines = 0;

    for (int i = 0; i < 4; i++) {
        pushers[i].w = w;
        pushers[i].number = i;
        thread_start(&pushers[i].thread, "push", push, &pushers[i]);
    }
    for (int i = 0; i < 4; i++)
        thread_join(&pushers[i].thread);
    for (const char *p = stored(w); (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 4 * 50 * 20);
    assert_int_equal(w->sink.asked, w->sink.n);
}

/* ---- the peers' cases ---------------------------------------------------------------------- */

/* The sink port does not tell the value that is there already; up to it the words are Prometheus'. */
static bool is_same_text(struct str got, struct str expected)
{
    struct str head = str_n(expected.p, str_find(expected, STR(": existing ")));

    return head.len == expected.len ? str_eq(got, expected) : str_has_prefix(got, head);
}

static void run_case(struct world *w, const struct json *c)
{
    CLEANUP(buf_free) struct buf path = {0}, body = {0};
    const struct json *headers = json_get(c, "headers"), *written = json_get(c, "written");
    struct str name = json_text(json_get(c, "case"));
    int expected = (int)json_int(json_get(c, "status")), status;
    struct remote_write_request r = {
        .content_type = json_text(json_get(headers, "Content-Type")),
        .content_encoding = json_text(json_get(headers, "Content-Encoding"))};

    buf_addf(&path, "api/remote_write/" STR_FMT, STR_ARG(json_text(json_get(c, "file"))));
    assert_true(conformance_read(path.p, &body));
    r.body = buf_str(&body);
    remote_write_answer_deinit(&w->answer);
    remote_write_take(w->write, &r, &w->answer);
    status = w->answer.status;
    if (status != (expected ? expected : 400))
        fail_msg(STR_FMT ": %d %s", STR_ARG(name), status, text(w));
    if (expected >= 400 && !is_same_text(buf_str(&w->answer.text), json_text(json_get(c, "body"))))
        fail_msg(STR_FMT ": %s", STR_ARG(name), text(w));
    if (written) {
        assert_int_equal(w->answer.samples, json_int(json_get(written, "Samples")));
        assert_int_equal(w->answer.histograms, json_int(json_get(written, "Histograms")));
    }
}

static void prometheus_cases_are_answered_as_prometheus_answers_them(void **state)
{
    struct world *w = *state;
    CLEANUP(buf_free) struct buf index = {0};
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    const struct json *cases;

    if (!conformance_read("api/remote_write/index.json", &index)) {
        print_message("no conformance data beside the source\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&index), &doc, NULL), 0);
    w->sink.now = json_int(json_get(doc, "now_ms"));
    cases = json_get(doc, "requests");
    assert_true(json_len(cases) >= 16);
    for (size_t i = 0; i < json_len(cases); i++)
        run_case(w, json_at(cases, i));
    assert_non_null(strstr(stored(w), "{integer schema")); /* a native histogram is among them */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_stored_in_one_commit),
        TEST(exemplars_and_metadata_are_in_the_commit),
        TEST(a_known_series_is_not_asked_for_again),
        TEST(labels_in_another_order_or_apart_are_the_same_series),
        TEST(a_series_without_samples_is_not_made),
        TEST(a_sample_sent_again_is_taken),
        TEST(forgotten_series_are_asked_for_once_more),
        TEST(series_that_go_each_time_are_an_error_to_be_tried_again),
        TEST(a_forgotten_series_that_storage_does_not_take_any_more_is_left_out),
        TEST(series_with_bad_labels_are_left_out_and_the_rest_is_stored),
        TEST(names_need_only_be_text),
        TEST(too_many_labels_are_left_out),
        TEST(labels_that_storage_does_not_take_are_left_out),
        TEST(one_bad_sample_refuses_the_whole_request),
        TEST(what_storage_cannot_do_now_may_be_sent_again),
        TEST(headers_decide_what_the_body_is),
        TEST(a_body_that_is_no_block_is_refused),
        TEST(a_block_that_is_no_message_is_refused),
        TEST(a_request_of_a_million_samples_and_one_is_refused),
        TEST(labels_scattered_over_a_large_message_are_refused),
        TEST(exemplars_and_metadata_of_2_0_are_those_of_their_series),
        TEST(a_request_of_2_0_stores_what_is_good_and_tells_the_rest),
        TEST(symbols_may_come_behind_the_series),
        TEST(labels_of_2_0_that_refer_to_nothing_refuse_the_request),
        TEST(forgotten_series_of_2_0_are_written_once_more_alone),
        TEST(strings_and_labels_of_2_0_have_limits),
        TEST(the_text_of_an_answer_has_a_limit),
        TEST(requests_are_taken_at_the_same_time),
        TEST(prometheus_cases_are_answered_as_prometheus_answers_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
