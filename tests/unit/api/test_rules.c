/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "net/crypto.h"
#include "tests/unit/api/site.h"

#define R "/api/v1/rules"

static const char rules[] = "groups:\n"
                            "- name: g1\n"
                            "  interval: 30s\n"
                            "  limit: 7\n"
                            "  rules:\n"
                            "  - record: job:temp:max\n"
                            "    expr: max by(job)(temp)\n"
                            "    labels: {origin: rec}\n"
                            "  - record: plain\n"
                            "    expr: temp\n"
                            "  - alert: Hot\n"
                            "    expr: temp > 20\n"
                            "    labels: {severity: critical, rule_level: cluster}\n"
                            "    annotations: {summary: '{{ $value }} < 30 & <b>'}\n"
                            "  - alert: Slow\n"
                            "    expr: temp > 20\n"
                            "    for: 10m\n"
                            "    keep_firing_for: 90s\n"
                            "    labels: {severity: info}\n"
                            "- name: g2\n"
                            "  rules:\n"
                            "  - record: dup\n"
                            "    expr: label_replace(temp, \"job\", \"x\", \"\", \"\")\n"
                            "- name: g3\n"
                            "  rules:\n"
                            "  - alert: Never\n"
                            "    expr: temp > 1000\n";

static int set_up(void **state)
{
    struct site *s = site_open("rule_files: [rules.yml]\n", rules);

    site_put(s, "temp{job=\"a\"}", T0, 21.5);
    site_put(s, "temp{job=\"b\"}", T0, 12);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

/* Runs every group at least once between T0 and T0 + 2 minutes. */
static void run_rules(struct site *s)
{
    unix_ns now = unix_ns_of_ms(T0);

    while (now < unix_ns_of_ms(T0 + 120000))
        now = rules_tick(s->rules, now);
}

/* The answer without what time it was and how long it took, and with FILE for the path of the rule
 * file. To be freed. */
static char *steady(const struct site *s, struct str body)
{
    static const char *const moving[] = {
        "\"evaluationTime\":", "\"lastEvaluation\":", "\"activeAt\":"};
    CLEANUP(buf_free) struct buf file = {0};
    struct buf out = {0};

    buf_addf(&file, "%s/rules.yml", s->folder);
    while (body.len) {
        size_t skip = 0;

        for (size_t i = 0; i < ARRAY_LEN(moving); i++)
            if (str_has_prefix(body, str_c(moving[i])))
                skip = strlen(moving[i]);
        if (skip) {
            buf_add(&out, body.p, skip);
            buf_add_c(&out, "T");
            skip += strcspn(body.p + skip, ",}");
        } else if (str_has_prefix(body, buf_str(&file))) {
            buf_add_c(&out, "FILE");
            skip = file.len;
        } else {
            buf_add_byte(&out, body.p[0]);
            skip = 1;
        }
        body = str_n(body.p + skip, body.len - skip);
    }
    return buf_take(&out);
}

static void assert_steady(const struct site *s, const struct exchange *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct reply r = site_get(s, e[i].path, e[i].params);
        CLEANUP(mem_freep) char *got = steady(s, r.body);

        if (r.status != e[i].status || strcmp(got, e[i].body) != 0)
            fail_msg("%s %s:\n%d %s\nexpected\n%d %s", e[i].path, e[i].params, r.status, got,
                     e[i].status, e[i].body);
        reply_free(&r);
    }
}

/* ---- what there is ------------------------------------------------------------------------- */

#define TIMES "\"evaluationTime\":T,\"lastEvaluation\":T"
#define MAX                                                                                         \
    "{\"name\":\"job:temp:max\",\"query\":\"max by (job) (temp)\",\"labels\":{\"origin\":\"rec\"}," \
    "\"health\":\"ok\"," TIMES ",\"type\":\"recording\"}"
#define PLAIN                                                                                      \
    "{\"name\":\"plain\",\"query\":\"temp\",\"health\":\"ok\"," TIMES ",\"type\":\"recording\"}"
#define HOT_ALERT                                                                                  \
    "{\"labels\":{\"alertname\":\"Hot\",\"job\":\"a\",\"rule_level\":\"cluster\","                 \
    "\"severity\":\"critical\"},\"annotations\":{\"summary\":\"21.5 < 30 & <b>\"},"                \
    "\"state\":\"firing\",\"activeAt\":T,\"value\":\"2.15e+01\"}"
#define SLOW_ALERT                                                                                 \
    "{\"labels\":{\"alertname\":\"Slow\",\"job\":\"a\",\"severity\":\"info\"},\"annotations\":{}," \
    "\"state\":\"pending\",\"activeAt\":T,\"value\":\"2.15e+01\"}"
#define HOT(alerts)                                                                                \
    "{\"state\":\"firing\",\"name\":\"Hot\",\"query\":\"temp \\u003e 20\",\"duration\":0,"         \
    "\"keepFiringFor\":0,\"labels\":{\"rule_level\":\"cluster\",\"severity\":\"critical\"},"       \
    "\"annotations\":{\"summary\":\"{{ $value }} < 30 & <b>\"},\"alerts\":" alerts                 \
    ",\"health\":\"ok\"," TIMES ",\"type\":\"alerting\"}"
#define SLOW(alerts)                                                                                \
    "{\"state\":\"pending\",\"name\":\"Slow\",\"query\":\"temp \\u003e 20\",\"duration\":600,"      \
    "\"keepFiringFor\":90,\"labels\":{\"severity\":\"info\"},\"annotations\":{},\"alerts\":" alerts \
    ",\"health\":\"ok\"," TIMES ",\"type\":\"alerting\"}"
#define DUP                                                                                        \
    "{\"name\":\"dup\",\"query\":\"label_replace(temp, \\\"job\\\", \\\"x\\\", \\\"\\\", "         \
    "\\\"\\\")\",\"health\":\"err\",\"lastError\":\"vector cannot contain metrics with the same "  \
    "labelset\"," TIMES ",\"type\":\"recording\"}"
#define NEVER                                                                                      \
    "{\"state\":\"inactive\",\"name\":\"Never\",\"query\":\"temp \\u003e 1000\",\"duration\":0,"   \
    "\"keepFiringFor\":0,\"labels\":{},\"annotations\":{},\"alerts\":[],\"health\":\"ok\"," TIMES  \
    ",\"type\":\"alerting\"}"
#define GROUP(name, rules, interval, limit)                                                        \
    "{\"name\":\"" name "\",\"file\":\"FILE\",\"rules\":[" rules "],\"interval\":" interval        \
    ",\"limit\":" limit "," TIMES "}"
#define G1(rules)      GROUP("g1", rules, "30", "7")
#define G2             GROUP("g2", DUP, "60", "0")
#define G3             GROUP("g3", NEVER, "60", "0")
#define ALL            G1(MAX "," PLAIN "," HOT("[" HOT_ALERT "]") "," SLOW("[" SLOW_ALERT "]"))
#define GROUPS(groups) OK("{\"groups\":[" groups "]}")

static const struct exchange filters[] = {
    {R, "", GROUPS(ALL "," G2 "," G3)},
    {R, "type=record", GROUPS(G1(MAX "," PLAIN) "," G2)},
    {R, "type=Alert;exclude_alerts=true",
     GROUPS(G1(HOT("null") "," SLOW("null")) "," GROUP("g3",
                                                       "{\"state\":\"inactive\",\"name\":\"Never\","
                                                       "\"query\":\"temp \\u003e 1000\","
                                                       "\"duration\":0,\"keepFiringFor\":0,"
                                                       "\"labels\":{},\"annotations\":{},"
                                                       "\"alerts\":null,\"health\":\"ok\"," TIMES
                                                       ",\"type\":\"alerting\"}",
                                                       "60", "0"))},
    {R, "exclude_alerts=false;rule_name[]=dup", GROUPS(G2)},
    {R, "rule_name[]=dup;rule_name[]=plain", GROUPS(G1(PLAIN) "," G2)},
    {R, "rule_name[]=nothing", GROUPS("")},
    {R, "rule_group[]=g3;rule_group[]=g2", GROUPS(G2 "," G3)},
    {R, "rule_group[]=g1;rule_name[]=dup", GROUPS("")},
    {R, "file[]=nothing", GROUPS("")},
    {R, "match[]={severity=\"info\"};exclude_alerts=1", GROUPS(G1(SLOW("null")))},
    {R, "type=alert;match[]={rule_level=\"cluster\",severity=~\"c.*\"}",
     GROUPS(G1(HOT("[" HOT_ALERT "]")))},
    {R, "match[]={origin=\"rec\"};match[]={severity=\"info\"};exclude_alerts=t",
     GROUPS(G1(MAX "," SLOW("null")))},
    {R, "match[]={severity=\"none\"}", GROUPS("")},
    {"/api/v1/alerts", "", OK("{\"alerts\":[" HOT_ALERT "," SLOW_ALERT "]}")},

    {R, "type=foo", BAD("invalid parameter \\\"type\\\": not supported value \\\"foo\\\"")},
    {R, "exclude_alerts=maybe",
     BAD("invalid parameter \\\"exclude_alerts\\\": error converting exclude_alerts: found "
         "\\\"maybe\\\", expected true or false")},
    {R, "match[]={a=~\".*\"}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
    {R, "match[]=(",
     BAD("invalid parameter \\\"match[]\\\": 1:1: parse error: unexpected \\\"(\\\"")},
    {R, "group_limit=0",
     BAD("invalid parameter \\\"group_limit\\\": group_limit needs to be greater than 0")},
    {R, "group_limit=x",
     BAD("invalid parameter \\\"group_limit\\\": group_limit needs to be a valid "
         "number: found \\\"x\\\"")},
    {R, "group_next_token=x",
     BAD("invalid parameter \\\"group_next_token\\\": group_limit needs to be present in order to "
         "paginate over the groups")},
    {R, "group_limit=1;group_next_token=x",
     BAD("invalid parameter \\\"group_next_token\\\": invalid group_next_token 'x'. were rule "
         "groups changed?")},
};

static void before_they_ran_rules_are_unknown(void **state)
{
    const struct site *s = *state;
    struct reply r = site_get(s, R, "rule_name[]=plain");
    CLEANUP(buf_free) struct buf expected = {0};

    buf_addf(&expected,
             "{\"status\":\"success\",\"data\":{\"groups\":[{\"name\":\"g1\",\"file\":\"%s/"
             "rules.yml\",\"rules\":[{\"name\":\"plain\",\"query\":\"temp\",\"health\":\"unknown\","
             "\"evaluationTime\":0,\"lastEvaluation\":\"0001-01-01T00:00:00Z\",\"type\":"
             "\"recording\"}],\"interval\":30,\"limit\":7,\"evaluationTime\":0,"
             "\"lastEvaluation\":\"0001-01-01T00:00:00Z\"}]}}",
             s->folder);
    assert_true(str_eq(r.body, buf_str(&expected)));
    reply_free(&r);
}

static void rules_are_told_with_state_and_alerts_and_filtered(void **state)
{
    run_rules(*state);
    assert_steady(*state, filters, ARRAY_LEN(filters));
}

static void a_file_is_asked_for_by_its_path(void **state)
{
    const struct site *s = *state;
    CLEANUP(buf_free) struct buf params = {0};

    buf_addf(&params, "rule_name[]=dup;file[]=x;file[]=%s/rules.yml", s->folder);
    assert_steady(s, &(struct exchange){R, params.p, GROUPS(G2)}, 1);
}

static void there_is_a_limit_to_names(void **state)
{
    CLEANUP(buf_free) struct buf params = {0};

    for (int i = 0; i <= 1000; i++)
        buf_addf(&params, "%srule_name[]=%d", i ? ";" : "", i);
    assert_steady(*state,
                  &(struct exchange){R, params.p, BAD("more than 1000 rule_name[] parameters")}, 1);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void make_token(const struct site *s, const char *group, struct buf *out)
{
    CLEANUP(buf_free) struct buf name = {0};
    uint8_t digest[20];

    buf_addf(&name, "%s/rules.yml;%s", s->folder, group);
    crypto_sha1(buf_str(&name), digest);
    crypto_hex(digest, sizeof digest, out);
}

/* Names of the groups of one page; its next token, "" at the last one. */
static void read_page(const struct site *s, const char *params, struct buf *names,
                      struct buf *token)
{
    struct reply r = site_get(s, R, params);
    struct json *doc = NULL;
    const struct json *data = data_of(&r, &doc), *groups = json_get(data, "groups");

    buf_reset(names);
    buf_reset(token);
    for (size_t i = 0; i < json_len(groups); i++) {
        buf_add_str(names, json_text(json_get(json_at(groups, i), "name")));
        buf_add_byte(names, ' ');
    }
    buf_add_str(token, json_text(json_get(data, "groupNextToken")));
    json_doc_free(doc);
    reply_free(&r);
}

static void groups_come_in_pages(void **state)
{
    const struct site *s = *state;
    CLEANUP(buf_free) struct buf names = {0}, token = {0}, expected = {0}, params = {0};

    make_token(s, "g3", &expected);
    read_page(s, "group_limit=2", &names, &token);
    assert_string_equal(names.p, "g1 g2 ");
    assert_string_equal(token.p, expected.p);

    buf_addf(&params, "group_limit=2;group_next_token=%s", expected.p);
    read_page(s, params.p, &names, &token);
    assert_string_equal(names.p, "g3 ");
    assert_int_equal(token.len, 0);

    read_page(s, "group_limit=3", &names, &token);
    assert_string_equal(names.p, "g1 g2 g3 ");
    assert_int_equal(token.len, 0);

    /* the next group is one of which a rule is asked for */
    read_page(s, "group_limit=1;type=alert", &names, &token);
    assert_string_equal(names.p, "g1 ");
    assert_string_equal(token.p, expected.p);
    read_page(s, "group_limit=1;rule_group[]=g1", &names, &token);
    assert_string_equal(names.p, "g1 ");
    assert_int_equal(token.len, 0);
}

/* ---- an alert that is kept ----------------------------------------------------------------- */

static void an_alert_that_is_kept_firing_tells_since_when(void **state)
{
    struct site *s = site_open("rule_files: [rules.yml]\n",
                               "groups:\n"
                               "- name: g\n"
                               "  interval: 10s\n"
                               "  rules: [{alert: Kept, expr: temp > 20, keep_firing_for: 1h}]\n");
    unix_ns next = unix_ns_of_ms(T0);
    struct json *doc = NULL;
    const struct json *alert;
    struct str since;
    struct reply r;

    site_put(s, "temp", T0, 21);
    site_put(s, "temp", T0 + 30000, 19);
    while (next < unix_ns_of_ms(T0 + 60000))
        next = rules_tick(s->rules, next);
    r = site_get(s, "/api/v1/alerts", "");
    alert = json_at(json_get(data_of(&r, &doc), "alerts"), 0);
    since = json_text(json_get(alert, "keepFiringSince"));
    assert_true(str_eq(json_text(json_get(alert, "state")), STR("firing")));
    assert_true(str_has_prefix(since, STR("2023-11-14T22:13:")) ||
                str_has_prefix(since, STR("2023-11-14T22:14:")));
    assert_true(str_cmp(json_text(json_get(alert, "activeAt")), since) < 0);
    json_doc_free(doc);
    reply_free(&r);
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_they_ran_rules_are_unknown),
        cmocka_unit_test(rules_are_told_with_state_and_alerts_and_filtered),
        cmocka_unit_test(a_file_is_asked_for_by_its_path),
        cmocka_unit_test(there_is_a_limit_to_names),
        cmocka_unit_test(groups_come_in_pages),
        cmocka_unit_test(an_alert_that_is_kept_firing_tells_since_when),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
