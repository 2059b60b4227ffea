/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

/* ---- what is found: each case is one file with one rule, or the groups as they are ---------- */

#define ALERT(expr)        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: " expr "\n"
#define ALERT_AND(expr, m) ALERT(expr) "    " m "\n"
#define RECORD(expr)       "groups:\n- name: g\n  rules:\n  - record: r\n    expr: " expr "\n"

#define CONFIG                                                                                     \
    "global: {scrape_interval: 1m, evaluation_interval: 1m}\n"                                     \
    "scrape_configs: [{job_name: slow, scrape_interval: 2m}, {job_name: quick, scrape_interval: 15s}]\n"
#define ROUTES                                                                                     \
    "receivers: [{name: r}]\n"                                                                     \
    "route: {receiver: r, routes: [{receiver: r, matchers: ['severity=p1']}, "                     \
    "{receiver: r, routes: [{receiver: r, matchers: ['severity=~p[23]']}]}]}\n"

static const char *const site[] = {
    "up{job=\"web\", instance=\"a\"}",
    "up{job=\"web\", instance=\"b\"}",
    "up{job=\"db\", instance=\"c\"}",
    "lim{instance=\"a\"}",
    "req_total{job=\"web\", instance=\"a\", code=\"200\"}",
};

enum { NO_DATA, DATA };

static const struct lint_case {
    const char *rules, *config;
    int data;
    const char *found; /* "LEVEL CHECK LINE:COL words", a line each */
} cases[] = {
    /* nothing is wrong */
    {ALERT_AND("up{job=\"web\"} == 0 or absent(up{job=\"web\"})",
               "for: 5m\n    labels: {severity: critical}"),
     CONFIG, DATA, ""},
    {ALERT("vector(1)"), NULL, NO_DATA, ""},
    {ALERT("sum by (job) (rate(req_total{job=\"web\"}[5m])) > 1"), CONFIG, DATA, ""},
    {RECORD("up"), NULL, NO_DATA, ""},

    /* duplicates: also of different expressions, not of different labels or kinds */
    {ALERT("up == 0") "  - {alert: A, expr: up == 1}\n", NULL, NO_DATA,
     "warning duplicate-rules 6:22 A has the name and labels of the rule at r.yml:5:11\n"},
    {ALERT("up == 0") "  - {alert: A, expr: up == 0, labels: {a: b}}\n  - {record: A, expr: up}\n",
     NULL, NO_DATA, ""},

    /* durations */
    {ALERT_AND("up == 0", "for: 59s"), CONFIG, NO_DATA,
     "warning for-below-interval 5:11 `for: 59s` is shorter than the interval of the group, 1m\n"},
    {ALERT_AND("up == 0", "for: 1m"), CONFIG, NO_DATA, ""},
    {ALERT_AND("up == 0", "keep_firing_for: 10s"), CONFIG, NO_DATA,
     "warning keep-firing-below-interval 5:11 `keep_firing_for: 10s` is shorter than the interval of "
     "the group, 1m\n"},

    /* severity: the usual words, or those of routes */
    {ALERT_AND("up == 0", "labels: {severity: p2}"), NULL, NO_DATA,
     "hint severity-unknown 5:11 severity \"p2\" is none of: critical, error, warning, minor, major, "
     "info, page, none, ticket, emergency\n"},
    {ALERT_AND("up == 0", "labels: {severity: p2}"), CONFIG ROUTES, NO_DATA, ""},
    {ALERT_AND("up == 0", "labels: {severity: critical}"), CONFIG ROUTES, NO_DATA,
     "hint severity-unknown 5:11 severity \"critical\" is none of: p1, =~p[23]\n"},
    {ALERT_AND("up == 0", "labels: {severity: \"{{ $value }}\"}"), NULL, NO_DATA, ""},

    /* comparisons */
    {ALERT("(up == bool 0)"), NULL, NO_DATA,
     "error bool-comparison 5:11 `up == bool 0` gives 0 or 1 and never nothing: the alert always fires\n"},
    {ALERT("sum(up == bool 0) > 1"), NULL, NO_DATA, ""},
    {ALERT("a > 5 or up == bool 0"), NULL, NO_DATA,
     "error bool-comparison 5:11 `up == bool 0` gives 0 or 1 and never nothing: the alert always fires\n"},
    {ALERT("sum(x) / 5"), NULL, NO_DATA,
     "warning no-comparison 5:11 `sum(x) / 5` compares with nothing: the alert fires as long as there "
     "are such series\n"},
    {ALERT("ALERTS{alertstate=\"firing\"}"), NULL, NO_DATA, ""},
    {ALERT("down") "  - {record: down, expr: up == 0}\n", NULL, NO_DATA, ""},
    {ALERT("down") "  - {record: down, expr: up}\n", NULL, NO_DATA,
     "warning no-comparison 5:11 `down` compares with nothing: the alert fires as long as there are "
     "such series\n"},
    {ALERT("a unless b"), NULL, NO_DATA, ""},
    {ALERT("req_total > 100"), NULL, NO_DATA,
     "warning counter-compared 5:11 `req_total > 100` compares a counter that only grows: once true, it "
     "stays so until a restart of what it counts\n"},
    {ALERT("100 <= (req_total)"), NULL, NO_DATA,
     "warning counter-compared 5:11 `100 <= (req_total)` compares a counter that only grows: once true, "
     "it stays so until a restart of what it counts\n"},
    {ALERT("req_total < 100"), NULL, NO_DATA, ""},

    /* never, always */
    {ALERT("up < 0"), NULL, NO_DATA,
     "error never-true 5:11 `up < 0` is never true: its left side is >= 0, <= 1\n"},
    {ALERT("up >= 0"), NULL, NO_DATA,
     "warning always-true 5:11 `up >= 0` is always true: its left side is >= 0, <= 1\n"},
    {ALERT("up > 1"), NULL, NO_DATA,
     "error never-true 5:11 `up > 1` is never true: its left side is >= 0, <= 1\n"},
    {ALERT("redis_up != 2"), NULL, NO_DATA,
     "warning always-true 5:11 `redis_up != 2` is always true: its left side is >= 0, <= 1\n"},
    {ALERT("count(up == 0) == 0"), NULL, NO_DATA,
     "error never-true 5:11 `count(up == 0) == 0` is never true: its left side is >= 1\n"},
    {ALERT("absent(up) == 0"), NULL, NO_DATA,
     "error never-true 5:11 `absent(up) == 0` is never true: its left side is 1\n"},
    {ALERT("100 * rate(x[5m]) <= -1"), NULL, NO_DATA,
     "error never-true 5:11 `100 * rate(x[5m]) <= -1` is never true: its left side is >= 0\n"},
    {ALERT("avg_over_time(up[5m]) > 1"), NULL, NO_DATA,
     "error never-true 5:11 `avg_over_time(up[5m]) > 1` is never true: its left side is >= 0, <= 1\n"},
    {ALERT("delta(x[5m]) < -1"), NULL, NO_DATA, ""},
    {ALERT("a_total - b_total < -1"), NULL, NO_DATA, ""},
    {ALERT("min(up) < 1"), NULL, NO_DATA, ""},
    {ALERT("delta(x[5m]) / 2 < -1"), NULL, NO_DATA, ""},
    {ALERT("absent_over_time(up[5m]) == 0"), NULL, NO_DATA,
     "error never-true 5:11 `absent_over_time(up[5m]) == 0` is never true: its left side is 1\n"},
    {ALERT("-up > 0"), NULL, NO_DATA,
     "error never-true 5:11 `-up > 0` is never true: its left side is >= -1, <= 0\n"},

    /* ranges: of the job that is named, else of the quickest one */
    {ALERT("rate(req_total{job=\"slow\"}[3m]) > 1"), CONFIG, NO_DATA,
     "error range-too-short 5:11 `rate(req_total{job=\"slow\"}[3m])` holds less than two samples at a "
     "scrape interval of 2m\n"},
    {ALERT("rate(req_total{job=\"slow\"}[4m]) > 1"), CONFIG, NO_DATA, ""},
    {ALERT("increase(req_total[20s]) > 1"), CONFIG, NO_DATA,
     "error range-too-short 5:11 `increase(req_total[20s])` holds less than two samples at a scrape "
     "interval of 15s\n"},
    {ALERT("rate(req_total[1m]) > 1"), CONFIG, NO_DATA, ""},
    {ALERT("max_over_time(x[1s]) > 1"), CONFIG, NO_DATA, ""},
    {ALERT("rate(req_total[1s]) > 1"), NULL, NO_DATA, ""},

    /* absent */
    {ALERT("up{job=\"web\"} == 0"), NULL, NO_DATA,
     "hint no-absent 5:11 `up{job=\"web\"} == 0` says nothing when the series itself is gone, and no "
     "rule here has absent() of up{job=\"web\"}\n"},
    {ALERT("up{job=\"web\"} == 0") "  - {alert: B, expr: 'absent(up{job=\"web\"})'}\n", NULL,
     NO_DATA, ""},
    {ALERT("up == 0"), NULL, NO_DATA, ""},

    /* joins */
    {ALERT("sum by (a) (x) / sum by (b) (y) > 1"), NULL, NO_DATA,
     "warning join-never-matches 5:11 the sides of `sum by (a) (x) / sum by (b) (y)` do not find each "
     "other: only one has the label a\n"},
    {ALERT("sum by (a, b) (x) / ignoring (b) sum by (a) (y) > 1"), NULL, NO_DATA, ""},
    {ALERT("sum by (a) (x) and on (b) sum by (b) (y) > 1"), NULL, NO_DATA,
     "warning join-never-matches 5:11 the sides of `sum by (a) (x) and on (b) sum by (b) (y) > 1` do not "
     "find each other: only one has the label b\n"},
    {ALERT("sum by (a) (x) unless sum by (b) (y) > 1"), NULL, NO_DATA, ""},
    {ALERT("sum by (a, b) (x) / on (a) sum by (a, c) (y) > 1"), NULL, NO_DATA,
     "hint many-to-many 5:11 several series on a side of `sum by (a, b) (x) / on (a) sum by (a, c) (y)` "
     "may want the same partner: group_left, group_right\n"},
    {ALERT("sum by (a, b) (x) / on (a) group_left () sum by (a) (y) > 1"), NULL, NO_DATA, ""},
    {ALERT("sum by (a) (x) / y > 1"), NULL, NO_DATA,
     "hint many-to-many 5:11 several series on a side of `sum by (a) (x) / y` may want the same partner: "
     "by()\n"},
    {ALERT("up / on (job) lim > 1"), NULL, DATA,
     "warning join-never-matches 5:11 the sides of `up / on (job) lim` do not find each other: only one "
     "has the label job\n"},
    {ALERT("up / on (instance) lim > 1"), NULL, DATA, ""},
    {ALERT("up / up > 1"), NULL, DATA, ""},
    {ALERT("topk(1, up) > sum without (job) (up)"), NULL, DATA,
     "warning join-never-matches 5:11 the sides of `topk(1, up) > sum without (job) (up)` do not find "
     "each other: only one has the label job\n"},

    /* series of the site */
    {ALERT("upp == 0"), NULL, DATA, "error metric-unknown 5:11 there is no series of `upp` here\n"},
    {ALERT("upp == 0"), NULL, NO_DATA, ""},
    {ALERT("absent(upp)"), NULL, DATA, ""},
    {ALERT("upp == 0 or up == 0"), NULL, DATA, ""},
    {ALERT("up == 0 unless upp"), NULL, DATA, ""},
    {ALERT("upp unless up == 0"), NULL, DATA,
     "error metric-unknown 5:11 there is no series of `upp` here\n"},
    {ALERT("r > 5") "  - {record: r, expr: up}\n", NULL, DATA, ""},
    {ALERT("up{job=\"wep\"} < 1"), NULL, DATA,
     "error label-value-unknown 5:11 `up{job=\"wep\"}` selects no series here: job: db, web\n"},
    {ALERT("up{job=\"db\",instance=\"a\"} < 1"), NULL, DATA,
     "error label-value-unknown 5:11 `up{instance=\"a\",job=\"db\"}` selects no series here: {...}\n"},
    {ALERT("up{zone=\"x\"} < 1"), NULL, DATA,
     "error label-value-unknown 5:11 `up{zone=\"x\"}` selects no series here: zone: -\n"},
};

/* ---- looking ------------------------------------------------------------------------------- */

static struct memory_reader store;

static void fill_store(void)
{
    for (size_t i = 0; i < sizeof site / sizeof *site; i++) {
        const struct label_set *ls;

        assert_int_equal(promql_parse_metric(str_c(site[i]), &ls, NULL), 0);
        memory_reader_add(&store, ls, 60000, 1, NULL);
        label_set_unref(ls);
    }
}

static void write_down(void *self, const struct lint_finding *f)
{
    static const char *const levels[] = {"hint", "warning", "error"};

    assert_string_equal(f->file, "r.yml");
    assert_true(*f->zh && *f->advice_en && *f->advice_zh);
    buf_addf(self, "%s %s %d:%d %s\n", levels[f->level], f->check, f->line, f->column, f->en);
}

static int look(const struct lint_case *c, const char *checks, struct buf *out, struct err *err)
{
    CLEANUP(config_unrefp)
    struct config *config = NULL;
    const char *path = "r.yml";
    struct lint_options o = {.checks = checks, .to = 120000, .found = write_down, .self = out};

    if (c->config)
        assert_int_equal(config_parse("c.yml", str_c(c->config), &config, err), 0);
    o.config = config;
    if (c->data == DATA)
        o.reader = memory_reader_port(&store);
    assert_int_equal(file_write_atomic(path, str_c(c->rules), NULL), 0);
    return rules_lint(&path, 1, &o, err);
}

static void each_finding_has_its_place_and_sentence(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(buf_free) struct buf out = {0};
        struct err err = {0};
        int n = look(&cases[i], "all", &out, &err);

        if (n < 0)
            fail_msg("%s: %s", cases[i].rules, err.msg);
        if (strcmp(cases[i].found, out.len ? out.p : "") != 0)
            fail_msg("%s\nexpected %s\nfound    %s", cases[i].rules, cases[i].found, out.p);
        assert_int_equal(n > 0, out.len > 0);
    }
}

static void only_what_was_asked_for_is_looked_for(void **state)
{
    const struct lint_case both = {ALERT_AND("up < 0", "for: 1s"), NULL, NO_DATA, ""};
    static const struct {
        const char *checks;
        int n;
    } asked[] = {{"all", 2},
                 {"never-true", 1},
                 {"never-true, for-below-interval", 2},
                 {"duplicate-rules", 0},
                 {"none", 0},
                 {"none,never-true", 0},
                 {"", 0}};

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        CLEANUP(buf_free) struct buf out = {0};

        assert_int_equal(look(&both, asked[i].checks, &out, NULL), asked[i].n);
    }
}

static void a_name_of_no_check_is_told(void **state)
{
    struct str word = STR_NONE;

    assert_true(lint_knows("all", &word));
    assert_true(lint_knows("duplicate-rules,too-long-scrape-interval,none", &word));
    assert_false(lint_knows("never-true,nevertrue", &word));
    assert_true(str_eq(word, STR("nevertrue")));
}

static void a_reader_that_fails_ends_it(void **state)
{
    const struct lint_case c = {ALERT("up / lim > 5"), NULL, DATA, ""};
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    store.fail_read = -EIO;
    assert_int_equal(look(&c, "all", &out, &err), -EIO);
    assert_string_equal(err.msg, "the disk is on fire");
    store.fail_read = 0;
    assert_int_equal(out.len, 0);
}

static void a_faulty_file_is_told_as_such(void **state)
{
    const struct lint_case c = {ALERT("up >"), NULL, NO_DATA, ""};
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    assert_int_equal(look(&c, "all", &out, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "r.yml:5:11: "));
}

static void told_about_ready_rules(void *self, const struct lint_finding *f)
{
    buf_addf(self, "%s: %s: %s\n", f->rule, f->check, f->en);
}

static void the_ready_rules_are_clean(void **state)
{
    CLEANUP(catalogue_freep) struct catalogue *c = catalogue_new();
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf out = {0};
    const char *path = "r.yml";
    struct err err = {0};

    buf_add_c(&text, "groups:\n- name: g\n  rules:\n");
    for (size_t i = 0; i < catalogue_count(c); i++)
        assert_int_equal(
            template_fill_rule(catalogue_at(c, i), &(struct template_choice){0}, 2, &text, NULL),
            0);
    assert_int_equal(file_write_atomic(path, buf_str(&text), NULL), 0);
    if (rules_lint(
            &path, 1,
            &(struct lint_options){.checks = "all", .found = told_about_ready_rules, .self = &out},
            &err) < 0)
        fail_msg("%s", err.msg);
    if (out.len > 0)
        fail_msg("%s", out.p);
}

static char folder[] = "/tmp/tocsin-lint-XXXXXX";

static int begin(void **state)
{
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    fill_store();
    return 0;
}

static int end(void **state)
{
    memory_reader_clear(&store);
    assert_int_equal(chdir("/"), 0);
    file_remove_tree(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finding_has_its_place_and_sentence),
        cmocka_unit_test(only_what_was_asked_for_is_looked_for),
        cmocka_unit_test(a_name_of_no_check_is_told),
        cmocka_unit_test(a_reader_that_fails_ends_it),
        cmocka_unit_test(a_faulty_file_is_told_as_such),
        cmocka_unit_test(the_ready_rules_are_clean),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
