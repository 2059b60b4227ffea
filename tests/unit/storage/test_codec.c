/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <math.h>
#include <string.h>

#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"
#include "storage/open_chunk_priv.h"
#include "storage/pack_priv.h"

/* ---- pack ---------------------------------------------------------------------------------- */

static void packed_numbers_of_every_width_come_back(void **state)
{
    struct dice d = {1};

    for (unsigned width = 0; width <= 64; width++)
        for (size_t n = 1; n <= 130; n += 1 + dice_below(&d, 9)) {
            uint64_t in[130], out[130];
            size_t bytes = pack_bytes(n, width);
            uint8_t *packed = mem_alloc(
                bytes + 8); /* exactly what pack_get() may look at, for the sanitizer */
            uint8_t *tight;

            for (size_t i = 0; i < n; i++)
                in[i] = width ? dice_roll(&d) >> (64 - width) : 0;
            pack_put(in, n, width, packed);
            tight = mem_alloc(bytes);
            memcpy(tight, packed, bytes);
            pack_get(tight, tight + bytes, n, width, out);
            assert_memory_equal(in, out, n * sizeof *in);
            memset(out, 0, sizeof out);
            pack_get(packed, packed + bytes + 8, n, width, out);
            assert_memory_equal(in, out, n * sizeof *in);
            free(packed);
            free(tight);
        }
}

/* ---- columns ------------------------------------------------------------------------------- */

static size_t values_come_back(const double *v, size_t n)
{
    struct buf b = {0};
    double *got = mem_array(n, sizeof *got);
    struct wire w;
    size_t len;

    column_put_values(v, n, &b);
    w = wire_of(b.p, b.len);
    assert_true(column_get_values(&w, n, got));
    assert_true(w.p == w.end);
    for (size_t i = 0; i < n; i++)
        if (double_bits(got[i]) != double_bits(v[i]))
            fail_msg("value %zu of %zu: %a, should be %a", i, n, got[i], v[i]);
    len = b.len;
    buf_free(&b);
    free(got);
    return len;
}

static size_t times_come_back(const unix_ms *t, size_t n)
{
    struct buf b = {0};
    unix_ms *got = mem_array(n, sizeof *got);
    struct wire w;
    size_t len;

    column_put_times(t, n, &b);
    w = wire_of(b.p, b.len);
    assert_true(column_get_times(&w, t[0], n, got));
    assert_true(w.p == w.end);
    assert_memory_equal(got, t, n * sizeof *t);
    len = b.len;
    buf_free(&b);
    free(got);
    return len;
}

static void all_bits_of_any_values_come_back(void **state)
{
    static double v[CHUNK_MAX];
    struct dice d = {2};

    for (int round = 0; round < 300; round++) {
        size_t n = 1 + dice_below(&d, round % 10 ? 400 : CHUNK_MAX);
        int kind = round % 6;
        double x = (double)dice_below(&d, 100000);

        for (size_t i = 0; i < n; i++) {
            switch (kind) {
            case 0: v[i] = dice_value(&d); break;
            case 1: v[i] = x += (double)dice_below(&d, 50); break;
            case 2: v[i] = double_of_bits(dice_roll(&d)); break;
            case 3: v[i] = (double)dice_below(&d, 1000000) / 1000; break;
            case 4: v[i] = x; break;
            default: v[i] = dice_below(&d, 40) ? (double)dice_below(&d, 9) : dice_value(&d); break;
            }
        }
        values_come_back(v, n);
    }
}

static const struct {
    double v;
    const char *why;
} single_values[] = {
    {0, "zero"},
    {-0.0, "negative zero is not zero"},
    {INFINITY, "infinite"},
    {-INFINITY, "infinite"},
    {0x1p-1074, "the least of all"},
    {0x1.fffffffffffffp1023, "the greatest of all"},
    {9007199254740993.0, "whole, beyond 2^53"},
    {-2305843009213693952.0, "whole, at the limit"},
    {9223372036854775808.0, "whole, does not fit in 64 bits"},
    {0.1, "decimal"},
    {1e-15, "fifteen decimals"},
    {1e-16, "sixteen"},
    {123456.789012345, "many digits"},
};

static void single_values_and_staleness_markers_come_back(void **state)
{
    double pair[3] = {1, 0, 1};

    for (size_t i = 0; i < ARRAY_LEN(single_values); i++) {
        values_come_back(&single_values[i].v, 1);
        pair[1] = single_values[i].v;
        values_come_back(pair, 3);
    }
    pair[1] = stale_nan();
    values_come_back(pair, 3);
    pair[1] = double_of_bits(NORMAL_NAN_BITS);
    values_come_back(pair, 3);
    pair[0] = double_of_bits(STALE_NAN_BITS);
    values_come_back(pair, 1);
}

static void a_constant_series_that_moves_at_its_end_comes_back(void **state)
{
    double v[2 * FRAME_MAX + 3] = {0};

    for (size_t n = 1; n <= ARRAY_LEN(v); n++) {
        v[n - 1] = -1; /* alone in a frame, its difference is "least -1, width 0" */
        values_come_back(v, n);
        v[n - 1] = 0;
    }
}

static void usual_series_take_few_bytes(void **state)
{
    double v[480];
    unix_ms t[480];
    struct dice d = {3};

    for (size_t i = 0; i < 480; i++)
        t[i] = T0 + (unix_ms)i * 15 * SECOND;
    assert_true(times_come_back(t, 480) <= 4); /* regular: one step */
    t[300] += 3;
    assert_true(times_come_back(t, 480) <=
                40); /* one late scrape is an outlier, not a wide frame */
    for (size_t i = 0; i < 480; i++)
        v[i] = 17;
    assert_true(values_come_back(v, 480) <= 4); /* constant */
    for (size_t i = 0; i < 480; i++)
        v[i] = 12345 + 7 * (double)i;
    assert_true(values_come_back(v, 480) <= 20); /* a steady counter */
    for (size_t i = 1; i < 480; i++)
        v[i] = v[i - 1] + (double)dice_below(&d, 16);
    assert_true(values_come_back(v, 480) <= 480 / 2 + 40); /* four bits each */
    v[200] = 0;                                            /* a restart: two outliers */
    assert_true(values_come_back(v, 480) <= 480 / 2 + 60);
    for (size_t i = 0; i < 480; i++)
        v[i] = 1048576.0 * (double)dice_below(&d, 16);
    assert_true(values_come_back(v, 480) <=
                480 / 2 + 60); /* what all have in common is kept once */
    for (size_t i = 0; i < 480; i++)
        v[i] = (double)dice_below(&d, 256) / 1000;
    assert_true(values_come_back(v, 480) <= 480 + 60); /* eight bits and three decimals */
}

static void any_ascending_times_come_back(void **state)
{
    static unix_ms t[CHUNK_MAX];
    struct dice d = {4};

    for (int round = 0; round < 200; round++) {
        size_t n = 1 + dice_below(&d, round % 10 ? 300 : CHUNK_MAX);
        unix_ms at = round % 7 ? T0 : -TIME_ABS_MAX;

        for (size_t i = 0; i < n; i++) {
            switch (round % 5) {
            case 0: at += 15 * SECOND; break;
            case 1: at += 15 * SECOND + (unix_ms)dice_below(&d, 20) - 10; break;
            case 2: at += dice_below(&d, 50) ? 15 * SECOND : 45 * SECOND; break;
            case 3:
                at += 1 + (unix_ms)(dice_roll(&d) >> 30) % (TIME_ABS_MAX / CHUNK_MAX / 2);
                break;
            default: at += 1; break;
            }
            t[i] = at;
        }
        times_come_back(t, n);
    }
    t[0] = -TIME_ABS_MAX;
    t[1] = 0;
    t[2] = TIME_ABS_MAX;
    times_come_back(t, 3);
}

/* ---- open chunks --------------------------------------------------------------------------- */

static void open_chunks_give_back_what_was_appended_at_every_length(void **state)
{
    struct dice d = {5};

    for (int round = 0; round < 400; round++) {
        uint8_t bytes[OPEN_BYTES_MAX], token[OPEN_TOKEN_MAX];
        unix_ms t[OPEN_SAMPLES_MAX], times[OPEN_SAMPLES_MAX];
        double v[OPEN_SAMPLES_MAX], values[OPEN_SAMPLES_MAX];
        struct tip tip = {0};
        unix_ms at = T0;
        size_t n = 0, kept;

        while (open_chunk_takes(&tip, at)) {
            size_t len = tip.len, more;

            t[n] = at;
            v[n] = n > 0 && dice_below(&d, 3) == 0 ? v[n - 1] : dice_value(&d);
            if (round % 3 == 0)
                v[n] = (double)(n * n);
            more = open_chunk_append(&tip, at, v[n], bytes + (len ? len - 1 : 0), token);
            assert_true(more <= OPEN_TOKEN_MAX);
            memcpy(bytes + len, token, more);
            n++;
            assert_int_equal(tip.n, n);
            assert_int_equal(tip.len, len + more);
            assert_true(open_chunk_read(bytes, tip.len, n, INT64_MIN, times, values, &kept));
            assert_int_equal(kept, n);
            assert_memory_equal(times, t, n * sizeof *t);
            assert_memory_equal(values, v, n * sizeof *v);
            assert_true(open_chunk_read(bytes, tip.len, n, t[n / 3], times, values, &kept));
            assert_int_equal(kept, n - n / 3);
            assert_memory_equal(times, t + n / 3, kept * sizeof *t);
            assert_memory_equal(values, v + n / 3, kept * sizeof *v);
            at += round % 4 ? 15 * SECOND : 1 + (unix_ms)dice_below(&d, HOUR);
        }
        assert_int_equal(n, OPEN_SAMPLES_MAX);
    }
}

static void a_gap_that_is_too_long_needs_a_new_chunk(void **state)
{
    struct tip tip = {.n = 1, .last_t = T0};

    assert_true(open_chunk_takes(&tip, T0 + INT32_MAX));
    assert_false(open_chunk_takes(&tip, T0 + INT32_MAX + INT64_C(1)));
    tip.n = OPEN_SAMPLES_MAX;
    assert_false(open_chunk_takes(&tip, T0 + 1));
}

static void repeated_values_take_a_byte_for_sixty_four(void **state)
{
    uint8_t bytes[OPEN_BYTES_MAX], token[OPEN_TOKEN_MAX];
    struct tip tip = {0};

    for (int i = 0; i < 66; i++) {
        size_t len = tip.len, more;

        more = open_chunk_append(&tip, T0 + i * SECOND, 1, bytes + (len ? len - 1 : 0), token);
        memcpy(bytes + len, token, more);
    }
    assert_int_equal(tip.len, 8 + 1 + 3 + 1); /* time, value, the first step, 64 more */
}

static void torn_open_chunks_are_refused(void **state)
{
    uint8_t bytes[OPEN_BYTES_MAX], token[OPEN_TOKEN_MAX];
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];
    struct tip tip = {0};
    struct dice d = {6};
    size_t kept;

    for (int i = 0; i < 40; i++) {
        size_t len = tip.len;

        memcpy(bytes + len, token,
               open_chunk_append(&tip, T0 + i * i * SECOND, dice_value(&d),
                                 bytes + (len ? len - 1 : 0), token));
    }
    for (size_t len = 0; len < tip.len; len++)
        assert_false(open_chunk_read(bytes, len, tip.n, INT64_MIN, times, values, &kept));
    assert_true(open_chunk_read(bytes, tip.len, tip.n, INT64_MIN, times, values, &kept));
    assert_false(open_chunk_read(bytes, tip.len, tip.n - 1u, INT64_MIN, times, values,
                                 &kept)); /* and with bytes left over */
}

/* ---- histograms ---------------------------------------------------------------------------- */

static const struct histogram_span spans[] = {{-2, 3}, {4, 2}};
static const double bounds[] = {0.1, 1, 10};

static void fill_histogram(struct histogram *h, double *buckets, struct dice *d, int layout)
{
    for (int i = 0; i < 5; i++)
        buckets[i] = layout == 2 ? (double)dice_below(d, 1000) / 7 : (double)dice_below(d, 1000);
    *h = (struct histogram){
        .schema = layout == 1 ? HISTOGRAM_CUSTOM_SCHEMA : 3,
        .hint = dice_below(d, 4),
        .zero_threshold = 0x1p-128,
        .zero_count = (double)dice_below(d, 10),
        .count = (double)dice_below(d, 100000),
        .sum = dice_value(d),
        .n_positive_spans = 2,
        .positive_spans = spans,
        .n_positive = 5,
        .positive = buckets,
        .n_negative_spans = layout == 3 ? 1 : 0,
        .negative_spans = spans,
        .n_negative = layout == 3 ? 3 : 0,
        .negative = buckets,
        .n_bounds = layout == 1 ? 3 : 0,
        .bounds = bounds,
    };
    if (dice_below(d, 2))
        histogram_make_integer(h); /* where its numbers allow it */
}

static void histograms_come_back_through_every_change_of_layout(void **state)
{
    struct dice d = {7};

    for (int round = 0; round < 100; round++) {
        struct histogram in[60], out[60];
        double buckets[60][5];
        unix_ms times[60];
        struct buf b = {0};
        struct tip tip = {0};
        struct arena a;

        arena_init(&a, 0);
        for (int i = 0; i < 60; i++) {
            unix_ms t = T0 + i * 15 * SECOND + (unix_ms)dice_below(&d, 50);

            fill_histogram(&in[i], buckets[i], &d,
                           (int)dice_below(&d, 20) < 17 ? round % 4 : (int)dice_below(&d, 4));
            if (dice_below(&d, 15) == 0)
                in[i].sum = stale_nan();
            histogram_chunk_append(&tip, t, &in[i], i ? &in[i - 1] : NULL, &b);
            tip.step = (uint32_t)(i ? t - tip.last_t : 0);
            tip.last_t = t;
            tip.n++;
        }
        assert_true(histogram_chunk_read((uint8_t *)b.p, b.len, 60, times, out, &a));
        for (int i = 0; i < 60; i++) {
            assert_int_equal(in[i].kind, out[i].kind);
            if (histogram_is_stale(&in[i]))
                assert_true(histogram_is_stale(&out[i]));
            else
                assert_true(histogram_same(&in[i], &out[i]));
        }
        for (size_t len = 0; len < b.len; len++)
            assert_false(histogram_chunk_read((uint8_t *)b.p, len, 60, times, out, &a));
        arena_deinit(&a);
        buf_free(&b);
    }
}

static void numbers_that_no_integer_histogram_has_make_a_float_one(void **state)
{
    struct dice d = {9};
    struct histogram h, got;
    double buckets[5];
    struct buf b = {0};
    struct arena a;
    struct wire w;

    arena_init(&a, 0);
    for (int whole = 0; whole < 2; whole++) {
        fill_histogram(&h, buckets, &d, 0);
        h.kind = HISTOGRAM_INTEGER;
        buckets[4] += whole ? 0 : 0.5;
        buf_reset(&b);
        histogram_put(&h, NULL, &b);
        w = wire_of(b.p, b.len);
        assert_true(histogram_get(&w, NULL, &a, &got));
        assert_int_equal(got.kind, whole ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT);
        assert_true(got.positive[4] == buckets[4]);
    }
    buf_free(&b);
    arena_deinit(&a);
}

static void the_kind_stands_in_bit_four_of_the_first_byte(void **state)
{
    struct histogram h = {.kind = HISTOGRAM_INTEGER, .sum = stale_nan()};
    struct buf b = {0};

    for (int kind = 0; kind < 2; kind++)
        for (int stale = 0; stale < 2; stale++) {
            h.kind = kind ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT;
            h.sum = stale ? stale_nan() : 0;
            buf_reset(&b);
            histogram_put(&h, NULL, &b);
            assert_int_equal(b.p[0], (kind ? 16 : 0) | (stale ? 8 : 1)); /* 1: its layout */
        }
    buf_free(&b);
}

static void a_copied_histogram_stands_alone(void **state)
{
    struct dice d = {8};
    struct histogram h;
    double buckets[5];
    struct histogram_own *copy;

    fill_histogram(&h, buckets, &d, 3);
    copy = histogram_copy(&h);
    assert_true(histogram_same(&h, &copy->h));
    buckets[2] += 1;
    assert_false(histogram_same(&h, &copy->h));
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_numbers_of_every_width_come_back),
        cmocka_unit_test(all_bits_of_any_values_come_back),
        cmocka_unit_test(single_values_and_staleness_markers_come_back),
        cmocka_unit_test(a_constant_series_that_moves_at_its_end_comes_back),
        cmocka_unit_test(usual_series_take_few_bytes),
        cmocka_unit_test(any_ascending_times_come_back),
        cmocka_unit_test(open_chunks_give_back_what_was_appended_at_every_length),
        cmocka_unit_test(a_gap_that_is_too_long_needs_a_new_chunk),
        cmocka_unit_test(repeated_values_take_a_byte_for_sixty_four),
        cmocka_unit_test(torn_open_chunks_are_refused),
        cmocka_unit_test(histograms_come_back_through_every_change_of_layout),
        cmocka_unit_test(numbers_that_no_integer_histogram_has_make_a_float_one),
        cmocka_unit_test(the_kind_stands_in_bit_four_of_the_first_byte),
        cmocka_unit_test(a_copied_histogram_stands_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
