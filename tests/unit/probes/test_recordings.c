/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "tests/unit/probes/recording.h"

static const char *const servers[] = {"redis-7.0", "redis-8"};
static const char *const cases[] = {
    "acl-user-metrics",  "acl-user-nocfg", "auth-missing",       "auth-ok",
    "auth-wrong",        "busy-script",    "cluster-node",       "config-disabled-flag",
    "primary-default",   "primary-full",   "primary-role-label", "replica-default",
    "replica-link-down", "sentinel",
};

/* ---- differences that are meant ------------------------------------------------------------ */

enum { MISSING = 1, EXTRA = 2, VALUE = 4 };

static const struct {
    const char *in;     /* which cases */
    int kinds;          /* only in the exporter's page, only in ours, other value */
    const char *series; /* pattern of the printed series */
    const char *why;
} allowed[] = {
    {"*", MISSING, "process_*", "the exporter's own process"},
    {"*", MISSING, "redis_exporter_build_info{*", "the exporter's own build"},
    {"*", VALUE, "redis_exporter_last_scrape_*_seconds", "a duration"},
    {"*", VALUE, "redis_exporter_scrape_duration_seconds_sum", "a duration"},
    {"auth-wrong", MISSING | EXTRA, "redis_exporter_last_scrape_error{*",
     "the exporter hides why a connection failed"},
    {"sentinel", MISSING, "redis_db_keys*", "a Sentinel has no databases"},
    {"sentinel", MISSING, "redis_sentinel_config_*", "an option that is off by default"},
    {"primary-role-label", EXTRA, "redis_db_keys{*", "empty databases: an option that is on"},
    {"primary-role-label", EXTRA, "redis_db_keys_expiring{*",
     "empty databases: an option that is on"},
    {"primary-full", VALUE, "redis_last_key_groups_scrape_duration_milliseconds",
     "a check that is off by default"},
    {"primary-full", MISSING, "redis_key_*", "a check that is off by default"},
    {"primary-full", MISSING, "redis_keys_count{*", "a check that is off by default"},
    {"primary-full", MISSING, "redis_number_of_distinct_key_groups{*",
     "a check that is off by default"},
    {"primary-full", MISSING, "redis_stream_*", "a check that is off by default"},
    {"primary-full", MISSING, "redis_connected_client_*", "a check that is off by default"},
    {"primary-full", MISSING, "redis_script_*", "a check that is off by default"},
    {"primary-full", MISSING, "redis_config_key_value{*", "an option that is off by default"},
    {"primary-full", MISSING, "redis_config_value{*", "an option that is off by default"},
    {"primary-full", MISSING, "redis_module_info{*", "an option that is off by default"},
    {"primary-full", MISSING, "redis_total_system_memory_bytes",
     "an option that is off by default"},
    {"primary-full", MISSING, "redis_rdb_current_size_bytes", "an option that is off by default"},
    {"primary-full", MISSING, "redis_exporter_last_scrape_ping_time_seconds",
     "an option that is off by default"},
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

/* ---- pages as tables ----------------------------------------------------------------------- */

struct series {
    char *text;
    double value;
    enum metric_type type;
};

struct table {
    struct map by_text;
    size_t n;
};

static bool series_is(const void *key, const void *value)
{
    return strcmp(key, ((const struct series *)value)->text) == 0;
}

static struct series *table_get(const struct table *t, const char *text)
{
    return map_get(&t->by_text, hash_bytes(text, strlen(text)), series_is, text);
}

static void table_add(struct table *t, const struct exposition_reader *r,
                      const struct exposition_entry *e)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    CLEANUP(buf_free) struct buf text = {0};
    struct series *s = mem_zalloc(sizeof *s);
    struct label_set *ls;
    struct err err = {0};

    assert_int_equal(exposition_labels(r, e, &b, &err), 0);
    label_builder_del(&b, STR("instance_role")); /* an option that is off by default */
    ls = label_builder_build(&b);
    label_set_print(ls, &text);
    label_set_unref(ls);
    *s = (struct series){buf_take(&text), e->value, r->family_type};
    assert_null(table_get(t, s->text)); /* no series stands twice on a page */
    map_add(&t->by_text, hash_bytes(s->text, strlen(s->text)), s);
    t->n++;
}

static void table_read(struct table *t, struct str page)
{
    struct exposition_reader r;
    struct exposition_entry e;
    struct err err = {0};

    exposition_reader_init(&r, page, EXPOSITION_TEXT);
    for (;;) {
        if (exposition_next(&r, &e, &err) < 0)
            fail_msg("%s", err.msg);
        if (e.kind == EXPOSITION_END)
            return;
        if (e.kind == EXPOSITION_SERIES)
            table_add(t, &r, &e);
    }
}

static void table_free(struct table *t)
{
    struct series *s;

    for (size_t i = 0; (s = map_next(&t->by_text, &i));) {
        free(s->text);
        free(s);
    }
    map_deinit(&t->by_text);
}

/* ---- comparison ---------------------------------------------------------------------------- */

static bool same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static size_t count_differences(const char *in, const struct table *theirs,
                                const struct table *ours)
{
    const struct series *a, *b;
    size_t n = 0;

    for (size_t i = 0; (a = map_next(&theirs->by_text, &i));) {
        b = table_get(ours, a->text);
        if (!b && !is_allowed(in, MISSING, a->text))
            n++, print_message("# %s: missing: %s %g\n", in, a->text, a->value);
        if (b && a->type != b->type)
            n++, print_message("# %s: type: %s %s, not %s\n", in, a->text,
                               metric_type_name(a->type), metric_type_name(b->type));
        if (b && !same_value(a->value, b->value) && !is_allowed(in, VALUE, a->text))
            n++, print_message("# %s: value: %s %.17g, not %.17g\n", in, a->text, a->value,
                               b->value);
    }
    for (size_t i = 0; (b = map_next(&ours->by_text, &i));)
        if (!table_get(theirs, b->text) && !is_allowed(in, EXTRA, b->text))
            n++, print_message("# %s: extra: %s %g\n", in, b->text, b->value);
    return n;
}

static size_t compare_recording(const char *server, const char *in, size_t *compared)
{
    CLEANUP(buf_free) struct buf folder = {0}, page = {0};
    CLEANUP(recording_free) struct recording r = {0};
    CLEANUP(table_free) struct table theirs = {0}, ours = {0};

    buf_addf(&folder, "%s/%s", server, in);
    if (!recording_load(&r, folder.p))
        return 0;
    assert_int_equal(redis_page(&r.replies, &page), 0);
    table_read(&theirs, buf_str(&r.expected));
    table_read(&ours, buf_str(&page));
    *compared += theirs.n;
    return count_differences(in, &theirs, &ours);
}

static void pages_of_recorded_answers_are_the_exporters(void **state)
{
    size_t differences = 0, compared = 0;

    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        for (size_t k = 0; k < ARRAY_LEN(cases); k++)
            differences += compare_recording(servers[i], cases[k], &compared);
    if (!compared) {
        print_message("# the recordings are not here\n");
        skip();
    }
    print_message("# %zu samples compared; meant to differ:\n", compared);
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
