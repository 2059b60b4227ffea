/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <string.h>

#include "storage/ids_priv.h"
#include "storage/pool_priv.h"
#include "storage/wire_priv.h"

/* ---- sets of numbers ----------------------------------------------------------------------- */

static void fill(struct ids *s, struct dice *d, size_t n, uint32_t limit)
{
    for (size_t i = 0; i < n; i++)
        ids_push(s, (uint32_t)dice_below(d, limit));
}

static bool is_in(const uint32_t *v, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == x)
            return true;
    return false;
}

static void sets_do_what_sets_do(void **state)
{
    struct dice d = {1};

    for (int round = 0; round < 300; round++) {
        uint32_t limit = round % 2 ? 200 : 2000000;
        struct ids a = {0}, b = {0}, both = {0}, left = {0};

        fill(&a, &d, dice_below(&d, 100), limit);
        fill(&b, &d, dice_below(&d, 100), limit);
        for (size_t i = 0; i < a.n && round % 2 == 0; i += 3) /* else nothing would be in common */
            ids_push(&b, a.v[i]);
        for (size_t i = 0; i < a.n; i++) {
            ids_push(&both, a.v[i]);
            ids_push(&left, a.v[i]);
        }
        ids_settle(&a);
        ids_settle(&b);
        ids_settle(&both);
        ids_settle(&left);
        for (size_t i = 1; i < a.n; i++)
            assert_true(a.v[i] > a.v[i - 1]);
        ids_intersect(&both, &b);
        ids_subtract(&left, &b);
        for (size_t i = 0; i < a.n; i++) {
            bool common = is_in(b.v, b.n, a.v[i]);

            assert_int_equal(ids_has(&both, a.v[i]), common);
            assert_int_equal(ids_has(&left, a.v[i]), !common);
        }
        assert_int_equal(both.n + left.n, a.n);
        ids_deinit(&a);
        ids_deinit(&b);
        ids_deinit(&both);
        ids_deinit(&left);
    }
}

static const struct {
    const char *bytes;
    size_t len, n;
    uint64_t limit;
    bool good;
} lists[] = {
    {"", 0, 0, 10, true},
    {"\x00\x01\x01", 3, 3, 3, true},    /* 0 1 2 */
    {"\x05\xac\x02", 3, 2, 306, true},  /* 5 305 */
    {"\x05\xac\x02", 3, 2, 305, false}, /* 305 is not below the limit */
    {"\x05\x00", 2, 2, 10, false},      /* twice the same */
    {"\x05", 1, 2, 10, false},          /* one is missing */
    {"\x05\x01", 2, 1, 10, false},      /* one too many */
    {"\x05\x80", 2, 2, 10, false},      /* torn */
    {"", 0, 1000000000, 10, false},     /* a count that cannot be */
    {"\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 2, 1000, false}, /* the sum wraps */
};

static void foreign_lists_are_checked(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct ids s = {0};

        ids_push(&s, 7);
        assert_int_equal(ids_read_deltas(&s, (const uint8_t *)lists[i].bytes, lists[i].len,
                                         lists[i].n, lists[i].limit),
                         lists[i].good);
        assert_int_equal(s.n, 1 + (lists[i].good ? lists[i].n : 0));
        ids_deinit(&s);
    }
}

/* ---- the pool ------------------------------------------------------------------------------ */

static void pieces_do_not_overlap_and_memory_comes_back(void **state)
{
    struct {
        pool_ref ref;
        uint8_t class, mark;
        size_t size;
    } pieces[500] = {{0}};
    struct pool *p = pool_new();
    struct dice d = {2};

    for (int round = 0; round < 20000; round++) {
        size_t i = dice_below(&d, ARRAY_LEN(pieces));
        uint8_t *bytes;

        if (pieces[i].ref) {
            bytes = pool_at(p, pieces[i].ref);
            for (size_t k = 0; k < pieces[i].size; k++)
                assert_int_equal(bytes[k], pieces[i].mark);
            pool_put(p, pieces[i].ref, pieces[i].class);
            pieces[i].ref = 0;
        } else {
            pieces[i].size = 1 + dice_below(&d, i % 50 == 0 ? POOL_PIECE_MAX : 200);
            pieces[i].mark = (uint8_t)round;
            pieces[i].ref = pool_get(p, pieces[i].size, i % 2 ? POOL_BRIEF : POOL_LASTING,
                                     &pieces[i].class);
            assert_true(pieces[i].ref != 0 && pool_class_bytes(pieces[i].class) >= pieces[i].size);
            memset(pool_at(p, pieces[i].ref), pieces[i].mark, pieces[i].size);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        if (pieces[i].ref)
            pool_put(p, pieces[i].ref, pieces[i].class);
    assert_int_equal(pool_bytes(p), 0);
    pool_free(p);
}

static void a_lasting_piece_keeps_no_page_of_brief_ones(void **state)
{
    enum { PIECES = 20000, BYTES = 64, ONE_LASTS_IN = 50 };
    struct pool *p = pool_new();
    pool_ref *brief = mem_array(PIECES, sizeof *brief);
    uint8_t class = 0, lasting;

    for (size_t i = 0; i < PIECES; i++) {
        brief[i] = pool_get(p, BYTES, POOL_BRIEF, &class);
        if (i % ONE_LASTS_IN == 0)
            pool_get(p, BYTES, POOL_LASTING, &lasting);
    }
    for (size_t i = 0; i < PIECES; i++)
        pool_put(p, brief[i], class);
    assert_true(pool_bytes(p) < 2 * PIECES / ONE_LASTS_IN * BYTES);
    free(brief);
    pool_free(p);
}

static void a_piece_of_a_sealed_chunk_leaves_few_bytes_unused(void **state)
{
    struct pool *p = pool_new();
    uint8_t class;

    for (size_t size = 41; size <= 256; size++) {
        pool_get(p, size, POOL_LASTING, &class);
        assert_true(pool_class_bytes(class) >= size);
        assert_true(pool_class_bytes(class) - size < (size <= 128 ? 8 : 16));
    }
    pool_free(p);
}

/* ---- series that come and go --------------------------------------------------------------- */

#define CHURN_SERIES      2000
#define CHURN_GENERATIONS 12
#define CHURN_SETTLED     4 /* generations: from then on nothing may grow */

static void push_generation(struct storage *st, int generation)
{
    static series_ref refs[CHURN_SERIES];
    static struct sample_row rows[CHURN_SERIES];
    const struct sample_sink *sink = storage_sink(st);
    unix_ms begin = T0 + generation * 2 * HOUR;
    struct err err = {0};

    for (int i = 0; i < CHURN_SERIES; i++) {
        char pod[32], path[32];
        struct label l[] = {
            {STR("__name__"), STR("churned")}, {STR("path"), STR_NONE}, {STR("pod"), STR_NONE}};

        snprintf(pod, sizeof pod, "pod-%05d-%d", generation, i / 10);
        snprintf(path, sizeof path, "/path/%d", i % 10);
        l[1].value = str_c(path);
        l[2].value = str_c(pod);
        CLEANUP(label_set_unrefp)
        const struct label_set *labels = label_set_new(l, ARRAY_LEN(l));
        assert_int_equal(sink->series(sink->self, labels, &refs[i], &err), 0);
    }
    for (unix_ms t = begin; t < begin + 2 * HOUR; t += 5 * MINUTE) {
        for (int i = 0; i < CHURN_SERIES; i++)
            rows[i] = (struct sample_row){refs[i], t, (double)(t / SECOND % 977 * (i + 1)), NULL};
        assert_int_equal(
            sink->commit(sink->self, rows, CHURN_SERIES, COMMIT_ALL_OR_NOTHING, NULL, &err), 0);
    }
    must_tick(st);
}

static void series_that_come_and_go_leave_nothing_in_memory(void **state)
{
    struct storage_options o = manual_options();
    struct storage_stats settled = {0}, now;
    char *dir = folder_new();
    struct storage *st = must_open(dir, &o, NULL);

    for (int g = 0; g < CHURN_GENERATIONS; g++) {
        push_generation(st, g);
        storage_stats(st, &now);
        if (g == CHURN_SETTLED)
            settled = now;
    }
    assert_true(now.cuts > settled.cuts && now.series_removed > settled.series_removed);
    assert_int_equal(now.series, settled.series);
    assert_int_equal(now.symbols, settled.symbols);
    assert_int_equal(now.label_pairs, settled.label_pairs);
    assert_int_equal(now.chunks, settled.chunks);
    assert_in_range(now.image_bytes, 1, settled.image_bytes + settled.image_bytes / 50);
    /* Pages of the pool may be mixed more than they were: as many as when two generations met. */
    assert_in_range(now.head_bytes, 1, settled.head_bytes * 3 / 2);
    must_close(st);
    folder_remove(dir);
    free(dir);
}

/* ---- matchers ------------------------------------------------------------------------------ */

#define SERIES 600

static struct label_set *all[SERIES];

static void make_series(struct storage *st, struct dice *d)
{
    for (int i = 0; i < SERIES; i++) {
        char unique[16], few[16], rare[16];
        struct label l[5] = {{STR("__name__"), i % 3 ? STR("up") : STR("load")}};
        size_t n = 1;

        snprintf(unique, sizeof unique, "u%d", i);
        snprintf(few, sizeof few, "f%d", (int)dice_below(d, 4));
        snprintf(rare, sizeof rare, "r%d", (int)dice_below(d, 20));
        l[n++] = (struct label){STR("unique"), str_c(unique)};
        if (i % 5)
            l[n++] = (struct label){STR("few"), str_c(few)};
        if (i % 10 == 0)
            l[n++] = (struct label){STR("rare"), str_c(rare)};
        all[i] = label_set_new(l, n);
        assert_int_equal(put(st, ref_of(st, all[i]), T0, i), SAMPLE_STORED);
    }
}

static const struct {
    enum matcher_type type;
    const char *name, *value;
} conditions[] = {
    {MATCH_EQ, "__name__", "up"},  {MATCH_NE, "__name__", "up"},
    {MATCH_EQ, "few", "f1"},       {MATCH_NE, "few", "f1"},
    {MATCH_RE, "few", "f1|f3"},    {MATCH_NRE, "few", "f1|f3"},
    {MATCH_RE, "few", "f[12]"},    {MATCH_NRE, "few", "f[12]"},
    {MATCH_EQ, "few", ""},         {MATCH_NE, "few", ""},
    {MATCH_RE, "few", ".*"},       {MATCH_RE, "few", ".+"},
    {MATCH_NRE, "few", ".+"},      {MATCH_RE, "few", "f1|"},
    {MATCH_NRE, "few", "f1|"},     {MATCH_EQ, "rare", "r7"},
    {MATCH_EQ, "unique", "u77"},   {MATCH_RE, "unique", "u7.*"},
    {MATCH_NRE, "unique", "u.*5"}, {MATCH_RE, "unique", "u1|u2|none"},
    {MATCH_EQ, "none", "x"},       {MATCH_NE, "none", "x"},
    {MATCH_EQ, "none", ""},        {MATCH_NE, "none", ""},
    {MATCH_NRE, "rare", "r1.*"},   {MATCH_EQ, "few", "none"},
};

static void ask(struct storage *st, const struct matcher *const *ms, size_t n)
{
    const struct series_reader *reader = storage_reader(st);
    struct selection *s;
    size_t k = 0, want = 0;

    assert_int_equal(reader->select(reader->self, ms, n, T0, T0, &s, NULL), 0);
    for (int i = 0; i < SERIES; i++)
        want += matchers_match(ms, n, all[i]);
    for (k = 0; k < s->n; k++) {
        assert_true(matchers_match(ms, n, s->labels[k]));
        assert_true(k == 0 || label_set_cmp(s->labels[k - 1], s->labels[k]) < 0);
    }
    assert_int_equal(s->n, want);
    reader->release(s);
}

static void matchers_find_what_looking_at_every_series_finds(void **state)
{
    char *dir = folder_new();
    struct storage_options o = manual_options();
    struct storage *st = must_open(dir, &o, NULL);
    struct matcher *ms[ARRAY_LEN(conditions)];
    struct dice d = {3};
    series_ref ref;

    make_series(st, &d);
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        assert_int_equal(matcher_new(conditions[i].type, str_c(conditions[i].name),
                                     str_c(conditions[i].value), &ms[i], NULL),
                         0);
    for (int in_block = 0; in_block < 2; in_block++) {
        for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
            ask(st, (const struct matcher *const *)&ms[i], 1);
        for (int round = 0; round < 400; round++) {
            const struct matcher *some[20];
            size_t n = dice_below(&d, round % 50 ? 4 : 20);

            for (size_t i = 0; i < n; i++)
                some[i] = ms[dice_below(&d, ARRAY_LEN(conditions))];
            ask(st, some, n);
        }
        /* The same from a block: time goes on, in one other series. */
        CLEANUP(label_set_unrefp) const struct label_set *clock = labels_of("clock", "1", NULL);
        ref = ref_of(st, clock);
        for (int i = 1; i < 5; i++)
            put(st, ref, T0 + i * HOUR, 1);
        must_tick(st);
        struct storage_stats stats;
        storage_stats(st, &stats);
        assert_int_equal(stats.series, 1); /* the head has forgotten them, with all their labels */
        assert_int_equal(stats.label_pairs, 1);
        assert_int_equal(stats.symbols, 2);
    }
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        matcher_free(ms[i]);
    for (int i = 0; i < SERIES; i++)
        label_set_unref(all[i]);
    must_close(st);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_do_what_sets_do),
        cmocka_unit_test(foreign_lists_are_checked),
        cmocka_unit_test(pieces_do_not_overlap_and_memory_comes_back),
        cmocka_unit_test(a_lasting_piece_keeps_no_page_of_brief_ones),
        cmocka_unit_test(a_piece_of_a_sealed_chunk_leaves_few_bytes_unused),
        cmocka_unit_test(series_that_come_and_go_leave_nothing_in_memory),
        cmocka_unit_test(matchers_find_what_looking_at_every_series_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
