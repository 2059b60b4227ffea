/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of recorded servers become the exporter's page.
 *
 * Our statements are worded otherwise than the exporter's: an answer is found by the table that is
 * asked and by a column that both name.
 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <strings.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "probes/mysql_priv.h"
#include "tests/unit/conformance.h"

#define ANSWERS_MAX 128

struct answer {
    struct str sql;
    const struct json *line;
};

struct recording {
    struct arena arena;
    struct buf expected, exchange;
    struct json *docs[ANSWERS_MAX];
    struct answer answers[ANSWERS_MAX];
    size_t n;
};

/* ---- differences that are meant -------------------------------------------------------------- */

enum { MISSING = 1, EXTRA = 2, VALUE = 4 };

static const struct {
    const char *in;
    int kinds;
    const char *series, *why;
} allowed[] = {
    {"*", MISSING, "*go_*", "the exporter's own process"},
    {"*", MISSING, "*process_*", "the exporter's own process"},
    {"*", MISSING, "*promhttp_*", "the exporter's own process"},
    {"*", MISSING, "*mysqld_exporter_build_info*", "the exporter's own build"},
    {"*", VALUE, "*mysql_exporter_collector_duration_seconds*", "a duration"},
    {"*/primary-more", EXTRA, "mysql_perf_schema_index_io_waits_*operation=\"insert\"*",
     "our statement leaves them out"},
    {"*/primary-documented-grants", VALUE, "mysql_exporter_collector_success*global_*",
     "their answers are not in the recording"},
    {"*/primary-documented-grants", MISSING, "mysql_version_info*",
     "their answers are not in the recording"},
    {"*/primary-documented-grants", MISSING, "mysql_transaction_isolation*",
     "their answers are not in the recording"},
    {"*/primary-documented-grants", MISSING, "mysql_galera_variables_info*",
     "their answers are not in the recording"},
    {"*/min-grants", VALUE, "mysql_exporter_collector_success*info_schema.tables*",
     "one statement in place of one for each schema, of which none is visible"},
    {"mysql-9.7/min-grants", VALUE, "mysql_exporter_collector_success*innodb_*",
     "refused, yet the exporter calls it a success"},
    {"mysql-9.7/replica-*", EXTRA, "*mysql_slave_status_*slave*", "old words beside the new ones"},
    {"mysql-9.7/replica-*", EXTRA, "*mysql_slave_status_*master*", "old words beside the new ones"},
};
static size_t allowed_count[ARRAY_LEN(allowed)];

static bool is_allowed(const char *in, int kind, const char *series)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if ((allowed[i].kinds & kind) && fnmatch(allowed[i].in, in, 0) == 0 &&
            fnmatch(allowed[i].series, series, 0) == 0) {
            allowed_count[i]++;
            return true;
        }
    return false;
}

/* ---- the recorded server --------------------------------------------------------------------- */

static void load_lines(struct recording *r)
{
    struct str rest = buf_str(&r->exchange);

    while (rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n')), sql;

        if (!line.len)
            continue;
        assert_true(r->n < ANSWERS_MAX);
        assert_int_equal(json_doc_parse(line, &r->docs[r->n], NULL), 0);
        sql = json_text(json_get(r->docs[r->n], "sql"));
        r->answers[r->n] = (struct answer){sql, r->docs[r->n]};
        r->n++;
    }
}

static bool load(struct recording *r, const char *in)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "exporters/%s/metrics.prom", in);
    if (!conformance_read(path.p, &r->expected))
        return false;
    buf_reset(&path);
    buf_addf(&path, "exporters/%s/exchange.jsonl", in);
    assert_true(conformance_read(path.p, &r->exchange));
    load_lines(r);
    return true;
}

static void unload(struct recording *r)
{
    for (size_t i = 0; i < r->n; i++)
        json_doc_free(r->docs[i]);
    buf_free(&r->expected);
    buf_free(&r->exchange);
}

/* Whether the text holds the word, in any case, and what does not belong to a longer one. */
static bool has_word(struct str text, struct str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (strncasecmp(text.p + i, word.p, word.len) == 0 &&
            (i + word.len == text.len ||
             !strchr("_abcdefghijklmnopqrstuvwxyz", text.p[i + word.len] | 32)))
            return true;
    return false;
}

/* The table that a SELECT reads: information_schema.x, quotes left out; of SELECTs in it the last. */
static void table_of(struct str sql, struct buf *ret)
{
    for (size_t i = 0; i + 5 < sql.len; i++) {
        size_t at = i + 4;

        if (strncasecmp(sql.p + i, "from", 4) != 0 || !strchr(" \n\t", sql.p[at]))
            continue;
        while (at < sql.len && strchr(" \n\t", sql.p[at]))
            at++;
        if (sql.p[at] == '(')
            continue;
        buf_reset(ret);
        for (; at < sql.len && !strchr(" \n\t;", sql.p[at]); at++)
            if (sql.p[at] != '`')
                buf_add_byte(ret, sql.p[at]);
    }
}

static bool differ_in(struct str a, struct str b, struct str word)
{
    return has_word(a, word) != has_word(b, word);
}

static bool answers_it(const struct answer *a, struct str sql)
{
    CLEANUP(buf_free) struct buf ours = {0}, theirs = {0};
    const struct json *columns = json_get(a->line, "columns");
    struct str first = json_text(json_at(columns, 0)), theirs_sql = str_trim(a->sql);

    if (!theirs_sql.len || str_eq(json_text(json_get(a->line, "cmd")), STR("PREPARE")))
        return false;
    table_of(sql, &ours);
    if (!ours.len)          /* SHOW, SELECT @@ */
        return sql.len > 40 /* with a WHERE, whose blanks differ */
                   ? theirs_sql.len > 40 && strncasecmp(theirs_sql.p, sql.p, 21) == 0
                   : strncasecmp(theirs_sql.p, sql.p, sql.len) == 0 &&
                         theirs_sql.len <= sql.len + 1;
    table_of(theirs_sql, &theirs);
    if (ours.len != theirs.len || strncasecmp(ours.p, theirs.p, ours.len) != 0 ||
        differ_in(sql, theirs_sql, STR("SUM(ROWS_READ)")) ||
        differ_in(sql, theirs_sql, STR("STRAIGHT_JOIN")) ||
        (json_len(columns) == 1) != (str_find(sql, STR(",")) > str_find(sql, STR(" FROM ")) &&
                                     columns && !has_word(sql, STR("*"))))
        return false;
    return !first.len || has_word(sql, first) || has_word(sql, STR("*")) ||
           has_word(theirs_sql, STR("*"));
}

static void add_rows(struct recording *r, const struct json *line, struct mysql_table *t)
{
    const struct json *columns = json_get(line, "columns"), *rows = json_get(line, "rows");
    size_t n = json_len(columns), before = t->n_rows;
    struct str *names = arena_array(&r->arena, n, sizeof *names);
    struct str *cells = arena_array(&r->arena, (before + json_len(rows)) * n + 1, sizeof *cells);

    for (size_t c = 0; c < n; c++)
        names[c] = json_text(json_at(columns, c));
    if (before)
        memcpy(cells, t->cells, before * n * sizeof *cells);
    for (size_t i = 0; i < json_len(rows); i++)
        for (size_t c = 0; c < n; c++) {
            const struct json *v = json_at(json_at(rows, i), c);
            struct str text = json_text(v);

            if (json_type_of(v) == JSON_NUMBER)
                text = str_c(arena_printf(&r->arena, "%.17g", json_double(v)));
            cells[(before + i) * n + c] = json_type_of(v) == JSON_NULL ? STR_NONE : text;
        }
    *t = (struct mysql_table){names, cells, n, before + json_len(rows)};
}

static int ask(void *self, const char *sql, size_t rows_max, struct arena *a,
               struct mysql_table *ret, unsigned *number, struct err *err)
{
    struct recording *r = self;
    bool found = false;

    *ret = (struct mysql_table){0};
    for (size_t i = 0; i < r->n; i++) {
        const struct json *error = json_get(r->answers[i].line, "error");

        if (!answers_it(&r->answers[i], str_c(sql)))
            continue;
        found = true;
        if (error) {
            *number = (unsigned)json_double(json_at(error, 0));
            return err_set(err, -EREMOTEIO, "refused");
        }
        add_rows(r, r->answers[i].line, ret);
        if (!str_eq(json_text(json_get(r->answers[i].line, "cmd")), STR("EXECUTE")))
            break;
    }
    if (!found) {
        *number = 1146;
        return err_set(err, -EREMOTEIO, "not recorded: %s", sql);
    }
    return 0;
}

/* ---- pages as tables ------------------------------------------------------------------------- */

struct series {
    char *text;
    double value;
    enum metric_type type;
};

static bool series_is(const void *key, const void *value)
{
    return strcmp(key, ((const struct series *)value)->text) == 0;
}

static struct series *get(const struct map *m, const char *text)
{
    return map_get(m, hash_bytes(text, strlen(text)), series_is, text);
}

static void read_page(struct map *m, struct str page)
{
    struct exposition_reader r;
    struct exposition_entry e;
    struct err err = {0};

    exposition_reader_init(&r, page, EXPOSITION_TEXT);
    for (;;) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        CLEANUP(buf_free) struct buf text = {0};
        struct label_set *ls;
        struct series *s;

        if (exposition_next(&r, &e, &err) < 0)
            fail_msg("%s", err.msg);
        if (e.kind == EXPOSITION_END)
            return;
        if (e.kind != EXPOSITION_SERIES)
            continue;
        assert_int_equal(exposition_labels(&r, &e, &b, &err), 0);
        ls = label_builder_build(&b);
        label_set_print(ls, &text);
        label_set_unref(ls);
        s = mem_zalloc(sizeof *s);
        *s = (struct series){buf_take(&text), e.value, r.family_type};
        assert_null(get(m, s->text)); /* no series stands twice on a page */
        map_add(m, hash_bytes(s->text, strlen(s->text)), s);
    }
}

static void free_page(struct map *m)
{
    struct series *s;

    for (size_t i = 0; (s = map_next(m, &i));) {
        free(s->text);
        free(s);
    }
    map_deinit(m);
}

/* Scaled values may differ in their last bit. */
static bool same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-12 * fabs(a);
}

static size_t compare(const char *in, const struct map *theirs, const struct map *ours,
                      size_t *matched)
{
    const struct series *a, *b;
    size_t n = 0;

    for (size_t i = 0; (a = map_next(theirs, &i));) {
        b = get(ours, a->text);
        if (!b && !is_allowed(in, MISSING, a->text))
            n++, print_message("# %s: missing: %s %g\n", in, a->text, a->value);
        if (b && a->type != b->type)
            n++, print_message("# %s: type: %s %s, not %s\n", in, a->text,
                               metric_type_name(a->type), metric_type_name(b->type));
        if (b && !same_value(a->value, b->value) && !is_allowed(in, VALUE, a->text))
            n++, print_message("# %s: value: %s %.17g, not %.17g\n", in, a->text, a->value,
                               b->value);
        *matched += b != NULL;
    }
    for (size_t i = 0; (b = map_next(ours, &i));)
        if (!get(theirs, b->text) && !is_allowed(in, EXTRA, b->text))
            n++, print_message("# %s: extra: %s %g\n", in, b->text, b->value);
    return n;
}

/* ---- the recordings --------------------------------------------------------------------------- */

/* Exactly the collectors that the exporter ran: its page names them. */
static uint64_t collectors_on(const struct map *theirs)
{
    uint64_t bits = 0;

    for (int c = 0; c < MYSQL_COLLECTORS_N; c++) {
        CLEANUP(buf_free) struct buf text = {0};

        buf_addf(&text, "mysql_exporter_collector_success{collector=\"collect.%s\"}",
                 mysql_collector_names[c]);
        if (get(theirs, text.p))
            bits |= UINT64_C(1) << c;
    }
    return bits;
}

static void make_page(struct recording *r, struct config_mysql *c, struct str version,
                      struct buf *out)
{
    CLEANUP(metric_page_deinit) struct metric_page page = {0};
    const struct mysql_asker asker = {r, ask};
    struct mysql_scrape s = {&asker, c, mysql_server_of(version), &page};
    struct mysql_memory memory = {0};
    struct err err = {0};

    mysql_page_up(&page, true, 0);
    assert_int_equal(mysql_collect_all(&s, &memory, &err), 0);
    metric_page_write(&page, out);
}

static size_t compare_recording(const char *in, size_t *compared, size_t *matched)
{
    CLEANUP(unload) struct recording r = {0};
    CLEANUP(free_page) struct map theirs = {0}, ours = {0};
    CLEANUP(buf_free) struct buf page = {0};
    struct config_mysql c = config_mysql_defaults;
    size_t n;

    if (!load(&r, in))
        return 0;
    read_page(&theirs, buf_str(&r.expected));
    c.collectors = collectors_on(&theirs);
    c.files_filter = "shop"; /* the flags of the recording */
    c.files_remove_prefix = "./";
    c.statements_limit = 25;
    make_page(&r, &c,
              str_has_prefix(str_c(in), STR("maria")) ? STR("10.11.18-MariaDB") : STR("9.7.4"),
              &page);
    read_page(&ours, buf_str(&page));
    *compared += theirs.n;
    n = compare(in, &theirs, &ours, matched);
    arena_deinit(&r.arena);
    return n;
}

static void pages_of_recorded_answers_are_the_exporters(void **state)
{
    static const char *const servers[] = {"mariadb-10.11", "mysql-9.7"};
    static const char *const cases[] = {
        "primary-default",          "primary-more",      "primary-digests",
        "primary-memory-waits",     "replica-default",   "replica-sql-stopped",
        "replica-io-connecting",    "replica-sql-error", "min-grants",
        "primary-documented-grants"};
    size_t differences = 0, all = 0;

    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        size_t compared = 0, matched = 0;

        for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
            CLEANUP(buf_free) struct buf in = {0};

            buf_addf(&in, "%s/%s", servers[i], cases[k]);
            differences += compare_recording(in.p, &compared, &matched);
        }
        print_message("# %s: %zu of %zu series of the exporter\n", servers[i], matched, compared);
        all += compared;
    }
    if (!all) {
        print_message("# the recordings are not here\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        print_message("# %6zu %s in %s: %s\n", allowed_count[i], allowed[i].series, allowed[i].in,
                      allowed[i].why);
        assert_true(allowed_count[i] > 0); /* the list holds nothing that is not met */
    }
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_recorded_answers_are_the_exporters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
