/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>

#include "model/histogram.h"
#include "scrape/scrape_priv.h"
#include "tests/unit/remote/message.h"

/* ---- writing ------------------------------------------------------------------------------- */

static void begin_family(struct buf *f, const char *name, const char *help, uint64_t type)
{
    put_text(f, 1, str_c(name));
    if (help)
        put_text(f, 2, str_c(help));
    put_int(f, 3, type);
}

/* One behind the other, each with its length before it. */
static void end_family(struct buf *page, struct buf *f)
{
    put_varint(page, f->len);
    buf_add_str(page, buf_str(f));
    buf_free(f);
}

static void put_exemplar(struct buf *out, unsigned number, const char *labels, double v,
                         int64_t seconds, uint64_t nanos)
{
    struct buf x = {0}, t = {0};

    put_labels(&x, labels);
    put_double(&x, 2, v);
    if (seconds) {
        put_int(&t, 1, (uint64_t)seconds);
        put_int(&t, 2, nanos);
        put_message(&x, 3, &t);
    }
    put_message(out, number, &x);
}

static void put_simple(struct buf *f, unsigned field, const char *labels, double v, int64_t t)
{
    struct buf metric = {0}, value = {0};

    put_labels(&metric, labels);
    put_double(&value, 1, v);
    put_message(&metric, field, &value);
    if (t)
        put_int(&metric, 6, (uint64_t)t);
    put_message(f, 4, &metric);
}

static void put_bucket(struct buf *h, double bound, uint64_t count)
{
    struct buf b = {0};

    put_int(&b, 1, count);
    put_double(&b, 2, bound);
    put_message(h, 3, &b);
}

static void put_native(struct buf *h, int32_t schema, int64_t first, int64_t second)
{
    struct buf span = {0};

    put_int(h, 5, zigzag(schema));
    put_double(h, 6, 0.001);
    put_int(h, 7, 1); /* zero bucket */
    put_int(&span, 1, zigzag(2));
    put_int(&span, 2, 2);
    put_message(h, 12, &span);
    put_int(h, 13, zigzag(first));
    put_int(h, 13, zigzag(second - first));
}

static void put_histogram(struct buf *f, struct buf *h)
{
    struct buf metric = {0};

    put_labels(&metric, "path=/");
    put_message(&metric, 7, h);
    put_message(f, 4, &metric);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct result {
    struct proto_page page;
    struct err err;
    int r;
};

static void result_deinit(struct result *x)
{
    proto_page_deinit(&x->page);
}

static void read_page(struct buf *take_page, bool native, bool classic, struct result *x)
{
    struct proto_options o = {native, classic};

    x->r = proto_page_read(buf_str(take_page), &o, &x->page, &x->err);
    buf_free(take_page);
}

#define RESULT CLEANUP(result_deinit) struct result x = {0}

static void counters_gauges_and_untyped_become_lines(void **state)
{
    struct buf page = {0}, f = {0}, metric = {0}, value = {0};
    RESULT;

    begin_family(&f, "hits_total", "How \"many\"\n\\.", 0);
    put_labels(&metric, "a=x\"y,b=内存");
    put_double(&value, 1, 5);
    put_exemplar(&value, 2, "trace_id=t1", 0.5, 1700000000, 123456789);
    put_message(&metric, 3, &value);
    put_message(&f, 4, &metric);
    end_family(&page, &f);
    begin_family(&f, "level", NULL, 1);
    put_simple(&f, 2, "", -INFINITY, 1700000000123);
    put_simple(&f, 2, "n=1", NAN, 0);
    end_family(&page, &f);
    begin_family(&f, "thing", NULL, 3);
    put_simple(&f, 5, "", 1.5, 0);
    end_family(&page, &f);
    read_page(&page, true, false, &x);
    assert_int_equal(x.r, 0);
    assert_string_equal(
        x.page.text.p,
        "# HELP hits_total How \\\"many\\\"\\n\\\\.\n# TYPE hits_total counter\n"
        "hits_total{a=\"x\\\"y\",b=\"内存\"} 5 # {trace_id=\"t1\"} 0.5 1700000000.1235\n"
        "# TYPE level gauge\nlevel -Inf 1700000000.1235\nlevel{n=\"1\"} NaN\n"
        "# TYPE thing unknown\nthing 1.5\n# EOF\n");
}

static void summaries_and_classic_histograms_become_their_series(void **state)
{
    struct buf page = {0}, f = {0}, metric = {0}, value = {0}, quantile = {0}, h = {0};
    RESULT;

    begin_family(&f, "s", NULL, 2);
    put_int(&value, 1, 7);
    put_double(&value, 2, 3.5);
    put_double(&quantile, 1, 0.5);
    put_double(&quantile, 2, 0.25);
    put_message(&value, 3, &quantile);
    put_message(&metric, 4, &value);
    put_message(&f, 4, &metric);
    end_family(&page, &f);
    begin_family(&f, "h", NULL, 4);
    put_int(&h, 1, 3);
    put_double(&h, 2, 1.5);
    put_bucket(&h, 0.1, 1);
    put_bucket(&h, 1, 2);
    put_histogram(&f, &h);
    end_family(&page, &f);
    read_page(&page, true, false, &x);
    assert_int_equal(x.r, 0);
    assert_int_equal(x.page.n_histograms, 0);
    assert_string_equal(
        x.page.text.p,
        "# TYPE s summary\ns{quantile=\"0.5\"} 0.25\ns_sum 3.5\ns_count 7\n"
        "# TYPE h histogram\nh_bucket{path=\"/\",le=\"0.1\"} 1\nh_bucket{path=\"/\",le=\"1\"} 2\n"
        "h_bucket{path=\"/\",le=\"+Inf\"} 3\nh_sum{path=\"/\"} 1.5\nh_count{path=\"/\"} 3\n# EOF\n");
}

static void put_both(struct buf *page)
{
    struct buf f = {0}, h = {0};

    begin_family(&f, "h", NULL, 4);
    put_int(&h, 1, 6);
    put_double(&h, 2, 9);
    put_bucket(&h, INFINITY, 6);
    put_native(&h, 3, 2, 3);
    put_exemplar(&h, 16, "t=1", 4, 0, 0);
    put_histogram(&f, &h);
    end_family(page, &f);
}

#define CLASSIC "h_bucket{path=\"/\",le=\"+Inf\"} 6\nh_sum{path=\"/\"} 9\nh_count{path=\"/\"} 6\n"

static void native_histograms_stand_in_the_place_of_classic_ones(void **state)
{
    static const struct {
        bool native, classic;
        const char *text, *natives;
    } cases[] = {
        {true, false, "# TYPE h histogram\n# EOF\n", "h{path=\"/\"} 0 # {t=\"1\"} 4\n# EOF\n"},
        {true, true, "# TYPE h histogram\n" CLASSIC "# EOF\n",
         "h{path=\"/\"} 0 # {t=\"1\"} 4\n# EOF\n"},
        {false, false, "# TYPE h histogram\n" CLASSIC "# EOF\n", "# EOF\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf page = {0};
        RESULT;

        put_both(&page);
        read_page(&page, cases[i].native, cases[i].classic, &x);
        assert_int_equal(x.r, 0);
        assert_string_equal(x.page.natives.p, cases[i].natives);
        assert_string_equal(x.page.text.p, cases[i].text);
        if (!cases[i].native)
            continue;
        assert_int_equal(x.page.n_histograms, 1);
        assert_int_equal(x.page.histograms[0]->schema, 3);
        assert_true(x.page.histograms[0]->count == 6 && x.page.histograms[0]->sum == 9);
        assert_true(x.page.histograms[0]->zero_count == 1);
        assert_int_equal(x.page.histograms[0]->n_positive, 2);
        assert_true(x.page.histograms[0]->positive[0] == 2 &&
                    x.page.histograms[0]->positive[1] == 3);
        assert_int_equal(x.page.histograms[0]->positive_spans[0].offset, 2);
    }
}

static void a_broken_page_is_refused(void **state)
{
    struct buf whole = {0};

    put_both(&whole);
    for (size_t n = 1; n < whole.len; n++) {
        struct buf part = {0};
        RESULT;

        buf_add(&part, whole.p, n);
        read_page(&part, true, false, &x);
        assert_int_equal(x.r, -EINVAL);
        assert_true(x.err.msg[0] != '\0');
    }
    buf_free(&whole);
}

static void what_means_nothing_is_refused_with_its_name(void **state)
{
    static const struct {
        const char *name, *words;
        uint64_t type;
    } cases[] = {
        {"", "a metric family without a name", 0},
        {"\xff", "a metric family without a name", 0},
        {"x", "x has an unknown type", 6},
    };
    struct buf page = {0}, f = {0}, h = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        RESULT;

        begin_family(&f, cases[i].name, NULL, cases[i].type);
        end_family(&page, &f);
        read_page(&page, true, false, &x);
        assert_int_equal(x.r, -EINVAL);
        assert_string_equal(x.err.msg, cases[i].words);
    }
    {
        RESULT;

        begin_family(&f, "h", NULL, 4);
        put_int(&h, 1, 60);
        put_native(&h, 3, 2, 3);
        put_histogram(&f, &h);
        end_family(&page, &f);
        read_page(&page, true, false, &x);
        assert_string_equal(x.err.msg, "h: the buckets of a histogram are not what it counts");
    }
}

static void an_empty_page_is_one(void **state)
{
    struct buf page = {0};
    RESULT;

    read_page(&page, true, false, &x);
    assert_int_equal(x.r, 0);
    assert_string_equal(x.page.text.p, "# EOF\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_gauges_and_untyped_become_lines),
        cmocka_unit_test(summaries_and_classic_histograms_become_their_series),
        cmocka_unit_test(native_histograms_stand_in_the_place_of_classic_ones),
        cmocka_unit_test(a_broken_page_is_refused),
        cmocka_unit_test(what_means_nothing_is_refused_with_its_name),
        cmocka_unit_test(an_empty_page_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
