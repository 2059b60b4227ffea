/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "promql/histogram_math.h"
#include "promql/histogram_priv.h"
#include "promql/series_desc.h"

/* One histogram in the notation of tests; it lives until the end of the process' arena. */
static struct arena arena;

static const struct histogram *hist(const char *text)
{
    struct series_desc *d = NULL;
    struct err err = {0};
    const struct histogram *h;
    char line[512];

    snprintf(line, sizeof line, "h {{%s}}", text);
    if (series_desc_parse(str_c(line), &d, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    h = hist_copy(&arena, d->values[0].histogram);
    series_desc_free(d);
    return h;
}

static const char *text_of(const struct histogram *h)
{
    struct buf b = {0};
    char *text;

    hist_print(h, &b);
    text = arena_strdup(&arena, buf_str(&b));
    buf_free(&b);
    return text;
}

static void bounds_are_the_powers_that_clients_know(void **state)
{
    static const struct {
        int64_t index;
        int32_t schema;
        const char *text;
    } cases[] = {
        {0, 0, "1"},
        {1, 0, "2"},
        {-1, 0, "0.5"},
        {4, 2, "2"},
        {3, 2, "1.6817928305074288"},
        {7, 2, "3.3635856610148576"},
        {1, 2, "1.189207115002721"},
        {1, 1, "1.414213562373095"},
        {-1, 1, "0.7071067811865475"},
        {1, -1, "4"},
        {2, -2, "256"},
        {1024, 0, "1.7976931348623157e+308"},
        {1025, 0, "+Inf"},
        {512, -1, "1.7976931348623157e+308"},
        {-1074, 0, "5e-324"},
        {-5000, 0, "0"},
        {255, 8, "1.9945921121709396"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUM_TEXT_MAX + 1] = "";
        size_t len = num_format_short(hist_bound(cases[i].index, cases[i].schema), text);

        text[len] = '\0';
        assert_string_equal(text, cases[i].text);
    }
    for (int64_t i = -600; i < 600; i++) {
        assert_true(hist_bound(i, 8) < hist_bound(i + 1, 8));
        assert_true(hist_bound(i, 3) == hist_bound(i * 32, 8));
    }
}

static void histograms_meet_at_the_lower_resolution_and_the_wider_zero(void **state)
{
    static const struct {
        const char *a, *b, *sum;
        enum hist_fit fit;
    } cases[] = {
        {"sum:1 count:1 buckets:[1]", "sum:2 count:2 buckets:[0 2]",
         "{count:3, sum:3, (0.5,1]:1, (1,2]:2}", HIST_FIT},
        {"count:1 buckets:[1] offset:5", "count:2 buckets:[2] offset:-3",
         "{count:3, sum:0, (0.0625,0.125]:2, (16,32]:1}", HIST_FIT},
        {"schema:1 count:4 buckets:[1 1 1 1]", "count:1 buckets:[0 1]",
         "{count:5, sum:0, (0.5,1]:1, (1,2]:3, (2,4]:1}", HIST_FIT},
        {"count:1 buckets:[0 1]", "schema:1 count:4 buckets:[1 1 1 1]",
         "{count:5, sum:0, (0.5,1]:1, (1,2]:3, (2,4]:1}", HIST_FIT},
        /* 1.5 cuts the bucket (1,2]: the zero bucket becomes as wide as it */
        {"z_bucket:1 z_bucket_w:1.5 count:1", "count:3 buckets:[1 1 1] n_buckets:[4]",
         "{count:4, sum:0, [-2,2]:7, (2,4]:1}", HIST_FIT},
        {"count:3 buckets:[1 1 1] n_buckets:[4]", "z_bucket:1 z_bucket_w:0.5 count:1",
         "{count:4, sum:0, [-1,-0.5):4, [-0.5,0.5]:1, (0.5,1]:1, (1,2]:1, (2,4]:1}", HIST_FIT},
        {"schema:-53 custom_values:[1 2] buckets:[1 1]",
         "schema:-53 custom_values:[1 2] buckets:[0 1 1]",
         "{count:0, sum:0, [-Inf,1]:1, (1,2]:2, (2,+Inf]:1}", HIST_FIT},
        {"schema:-53 custom_values:[1 2] buckets:[1 1]",
         "schema:-53 custom_values:[1 3] buckets:[1]", NULL, HIST_DIFFERENT_BOUNDS},
        {"schema:-53 custom_values:[1 2] buckets:[1 1]", "buckets:[1]", NULL, HIST_MIXED_SCHEMAS},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct histogram *a = hist(cases[i].a), *b = hist(cases[i].b);
        struct hist_acc acc;

        hist_acc_init(&acc, &arena);
        hist_acc_set(&acc, a);
        assert_int_equal(hist_acc_add(&acc, b), cases[i].fit);
        if (cases[i].fit != HIST_FIT)
            continue;
        assert_string_equal(text_of(hist_acc_get(&acc)), cases[i].sum);
        assert_int_equal(hist_acc_sub(&acc, b), HIST_FIT);
        assert_true(acc.count == a->count);
    }
}

static void an_accumulator_can_be_used_again(void **state)
{
    struct hist_acc acc;
    size_t used;

    hist_acc_init(&acc, &arena);
    for (int i = 0; i < 3; i++) {
        hist_acc_set(&acc, hist("count:6 sum:6 buckets:[1 0 2] n_buckets:[3]"));
        hist_acc_mul(&acc, 0.5);
        hist_acc_compact(&acc);
        assert_string_equal(text_of(hist_acc_get(&acc)),
                            "{count:3, sum:3, [-1,-0.5):1.5, (0.5,1]:0.5, (2,4]:1}");
    }
    used = arena.used;
    for (int i = 0; i < 100; i++)
        hist_acc_set(&acc, hist_acc_get(&acc));
    assert_true(arena.used < used + 100 * 1024);
    hist_acc_div(&acc, 0);
    assert_string_equal(text_of(hist_acc_get(&acc)), "{count:+Inf, sum:+Inf}");
    assert_int_equal(hist_acc_get(&acc)->n_positive, 0);
}

static void a_mean_is_kept_from_one_to_the_next(void **state)
{
    struct hist_acc acc;

    hist_acc_init(&acc, &arena);
    hist_acc_set(&acc, hist("count:2 sum:2 buckets:[2]"));
    hist_acc_average(&acc, hist("count:4 sum:6 buckets:[0 4]"), 2);
    assert_string_equal(text_of(hist_acc_get(&acc)), "{count:3, sum:4, (0.5,1]:1, (1,2]:2}");
}

static void a_reset_is_any_decrease_unless_the_hint_knows_better(void **state)
{
    static const struct {
        const char *prev, *now;
        bool reset;
    } cases[] = {
        {"count:3 buckets:[1 2]", "count:4 buckets:[1 3]", false},
        {"count:3 buckets:[1 2]", "count:2 buckets:[1 1]", true},
        {"count:3 buckets:[1 2]", "count:4 buckets:[0 4]", true},
        {"count:3 buckets:[1 2]", "count:4 buckets:[4] offset:1",
         true}, /* the first bucket is gone */
        {"count:3 buckets:[0 3]", "count:4 buckets:[4] offset:1", false}, /* it was empty */
        {"count:3 n_buckets:[3]", "count:4 n_buckets:[2 2]", true},
        {"count:3 buckets:[1 2]", "count:4 buckets:[4] counter_reset_hint:not_reset offset:1",
         false},
        {"count:3 buckets:[1 2]", "count:4 buckets:[1 3] counter_reset_hint:reset", true},
        {"schema:1 count:3 buckets:[0 1 2]", "count:3 buckets:[0 3]",
         false}, /* coarser: reset cannot be seen */
        {"count:3 buckets:[1 2]", "schema:1 count:4 buckets:[1 3]",
         true}, /* finer: it was made anew */
        {"z_bucket:1 z_bucket_w:1 count:1", "z_bucket:1 z_bucket_w:0.5 count:1", true},
        {"z_bucket:1 z_bucket_w:0.5 count:3 buckets:[2]", "z_bucket:3 z_bucket_w:1 count:3", false},
        {"z_bucket:1 z_bucket_w:0.5 count:3 buckets:[2]", "z_bucket:2 z_bucket_w:1 count:3", true},
        {"count:1 buckets:[1]", "z_bucket:1 z_bucket_w:0.75 count:1",
         true}, /* cuts a populated bucket */
        {"schema:-53 custom_values:[1] count:1 buckets:[1]",
         "schema:-53 custom_values:[2] count:1 buckets:[1]", true},
        {"count:1 buckets:[1]", "schema:-53 custom_values:[2] count:1 buckets:[1]", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hist_is_reset(hist(cases[i].now), hist(cases[i].prev)), cases[i].reset);
}

static void equality_is_of_bits_and_layout(void **state)
{
    assert_true(
        hist_equal(hist("count:3 sum:NaN buckets:[1 2]"), hist("count:3 sum:NaN buckets:[1 2]")));
    assert_false(hist_equal(hist("count:3 buckets:[1 2]"), hist("count:3 buckets:[1 2] offset:1")));
    assert_false(hist_equal(hist("count:3 buckets:[1 2]"), hist("count:3 n_buckets:[1 2]")));
    assert_false(hist_equal(hist("count:3 buckets:[1 2]"), hist("count:3 buckets:[1 3]")));
    assert_false(hist_equal(hist("z_bucket_w:1"), hist("z_bucket_w:2")));
}

static int forget(void **state)
{
    arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_the_powers_that_clients_know),
        cmocka_unit_test(histograms_meet_at_the_lower_resolution_and_the_wider_zero),
        cmocka_unit_test(an_accumulator_can_be_used_again),
        cmocka_unit_test(a_mean_is_kept_from_one_to_the_next),
        cmocka_unit_test(a_reset_is_any_decrease_unless_the_hint_knows_better),
        cmocka_unit_test(equality_is_of_bits_and_layout),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
