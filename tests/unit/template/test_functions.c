/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>

#include "model/label_set.h"
#include "tests/unit/template/run.h"

/* ---- Alertmanager -------------------------------------------------------------------------- */

static void has_alertmanagers_functions(void **state)
{
    static const struct tmpl_env env = {.missing_key = TMPL_MISSING_ZERO, .now = 1000000000};
    static const struct run_case cases[] = {
        {"{{ toUpper \"aéя中\" }} {{ toLower \"AÉЯ\" }}", "AÉЯ中 aéя", NULL},
        {"{{ title \"hELLO wORLD don't www.x-y ünder_score\" }}",
         "Hello World Don't Www.x-Y Ünder_score", NULL},
        {"[{{ trimSpace \" \\t\\u3000 a b\\n\" }}]", "[a b]", NULL},
        {"{{ join \"-\" (stringSlice \"a\" \"b\") }}{{ join \"-\" (stringSlice) }}", "a-b", NULL},
        {"{{ match \"^a+$\" \"aaa\" }} {{ match \"b\" \"aaa\" }}", "true false", NULL},
        {"{{ reReplaceAll \"(\\\\w+)@(?P<d>\\\\w+)\" \"${d} at $1\" \"me@home you@work\" }}",
         "home at me work at you", NULL},
        {"{{ urlUnescape \"a+b%20c%e4%b8%ad\" }}", "a b c中", NULL},
        {"{{ safeHtml \"<b>\" }}{{ safeUrl \"x:<y>\" }}", "<b>x:<y>", NULL},
        {"{{ toJson (list 1 1.5 1e-7 \"<a>\\n\\u2028\" true nil (dict \"z\" 1 \"a\" 2)) }}",
         "[1,1.5,1e-7,\"\\u003ca\\u003e\\n\\u2028\",true,null,{\"a\":2,\"z\":1}]", NULL},
        {"{{ toJson (stringSlice) }} {{ toJson (list) }} {{ toJson (dict) }} {{ toJson now }}",
         "null [] {} \"1970-01-01T00:00:01Z\"", NULL},
        {"{{ append (list 1) 2 \"x\" }} {{ (dict \"a\" 1 \"a\" 2).a }}", "[1 2 x] 2", NULL},
        {"{{ humanizeDuration 90061 }} {{ humanizeDuration \"0.0123\" }} {{ humanizeDuration 12.345 }} {{ humanizeDuration (since now) }}",
         "1d 1h 1m 1s 12.3ms 12.35s 0s", NULL},
        {"{{ date \"2006\" (tz \"UTC\" now) }}", "1970", NULL},
        {"{{ urlUnescape \"%zz\" }}", NULL,
         "error calling urlUnescape: invalid URL escape \"%zz\""},
        {"{{ match \"(\" \"a\" }}", NULL, "error calling match: error parsing regexp"},
        {"{{ reReplaceAll \"[\" \"\" \"a\" }}", NULL,
         "error calling reReplaceAll: regexp: Compile(`[`)"},
        {"{{ dict 1 2 }}", NULL, "dict keys must be strings"},
        {"{{ dict \"a\" }}", NULL, "dict requires an even number of arguments"},
        {"{{ append \"a\" 1 }}", NULL, "can't handle \"a\" for arg of type []interface {}"},
        {"{{ join \",\" .nums }}", NULL,
         "wrong type for value; expected []string; got []interface {}"},
        {"{{ toJson 1i }}", NULL, "json: unsupported type: complex128"},
        {"{{ humanizeDuration true }}", NULL, "can't convert bool to float"},
        {"{{ query \"up\" }}", NULL, "function \"query\" not defined"},
    };

    run_cases(&template_alertmanager_functions, &env, cases, ARRAY_LEN(cases));
}

/* ---- Prometheus ---------------------------------------------------------------------------- */

static int two_samples(void *self, struct str expr, struct arena *a, struct tmpl_list *ret,
                       struct err *err)
{
    struct label_set *const *sets = self;
    struct tmpl_value *items = arena_array(a, 2, sizeof *items);

    if (str_eq_c(expr, "bad("))
        return err_set(err, -EINVAL, "parse error");
    items[0] = tmpl_sample(a, sets[0], 2);
    items[1] = tmpl_sample(a, sets[1], 1);
    *ret = (struct tmpl_list){items, str_eq_c(expr, "none") ? 0 : 2};
    return 0;
}

static void has_prometheus_functions(void **state)
{
    const struct label one[] = {{STR("job"), STR("b")}, {STR("__value__"), STR("text")}};
    const struct label two[] = {{STR("job"), STR("a")}};
    struct label_set *sets[] = {label_set_new(one, 2), label_set_new(two, 1)};
    const struct tmpl_env env = {
        .missing_key = TMPL_MISSING_ZERO,
        .external_url = STR("https://h:9090/a/b?x=/c"),
        .query = two_samples,
        .query_self = sets,
    };
    static const struct run_case cases[] = {
        {"{{ query \"x\" | first | value }} {{ query \"x\" | first | label \"job\" }} {{ query \"x\" | first | strvalue }}",
         "2 b text", NULL},
        {"{{ range query \"x\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }};{{ end }}",
         "a=1;b=2;", NULL},
        {"{{ with query \"none\" }}x{{ else }}empty{{ end }}{{ len (query \"x\") }}", "empty2",
         NULL},
        {"{{ define \"d\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"d\" (args 1 \"b\") }}{{ tmpl \"d\" (args 3 4) }}",
         "1-b3-4", NULL},
        {"{{ title \"aa bb CC\" }} {{ pathPrefix }} {{ externalURL }}",
         "Aa Bb CC /a/b https://h:9090/a/b?x=/c", NULL},
        {"{{ stripPort \"[::1]:80\" }} {{ stripPort \"h:80\" }} {{ stripPort \"h\" }} {{ stripPort \"a:b:c\" }}",
         "::1 h h a:b:c", NULL},
        {"{{ stripDomain \"a.b.c:80\" }} {{ stripDomain \"a.b\" }} {{ stripDomain \"1.2.3.4:5\" }} {{ stripDomain \"::1\" }}",
         "a:80 a 1.2.3.4:5 ::1", NULL},
        {"{{ graphLink \"a b\" }} {{ tableLink \"up\" }}",
         "/graph?g0.expr=a+b&g0.tab=0 /graph?g0.expr=up&g0.tab=1", NULL},
        {"{{ parseDuration \"1h30m\" }} {{ humanizePercentage 0.1234 }} {{ humanize 0.00001 }} {{ humanize1024 2048 }}",
         "5400 12.34% 10u 2ki", NULL},
        {"{{ (toTime 1.5).Format \"05.0\" }} {{ humanizeTimestamp \"0x1p4\" }}",
         "01.5 1970-01-01 00:00:16 +0000 UTC", NULL},
        {"{{ query \"bad(\" }}", NULL, "error calling query: parse error"},
        {"{{ query \"none\" | first }}", NULL,
         "error calling first: first() called on vector with no elements"},
        {"{{ \"x\" | first }}", NULL,
         "wrong type for value; expected template.queryResult; got string"},
        {"{{ \"x\" | value }}", NULL,
         "wrong type for value; expected *template.sample; got string"},
        {"{{ parseDuration \"x\" }}", NULL, "not a valid duration string: \"x\""},
        {"{{ toTime \"1e30\" }}", NULL, "1e+30 cannot be represented as a nanoseconds timestamp"},
        {"{{ tmpl \"nope\" 1 }}", NULL, "no template \"nope\""},
        {"{{ define \"d\" }}{{ .x.y }}{{ end }}{{ tmpl \"d\" 1 }}", NULL,
         "error calling tmpl: template: t:1:21: executing \"d\" at <.x.y>"},
    };
    static const struct tmpl_env alone = {0};
    static const struct run_case alone_cases[] = {
        {"{{ query \"x\" }}", NULL, "queries are not available here"},
    };

    run_cases(&template_prometheus_functions, &env, cases, ARRAY_LEN(cases));
    run_cases(&template_prometheus_functions, &alone, alone_cases, ARRAY_LEN(alone_cases));
    label_set_unref(sets[0]);
    label_set_unref(sets[1]);
}

static void expands_alert_texts_and_puts_errors_into_them(void **state)
{
    static const struct run_case cases[] = {
        {"{{ $labels.job }} {{ $externalLabels.site }} {{ $externalURL }} {{ $value }}",
         "redis s1 http://h 250", NULL},
        {"{{ .Labels.job }}{{ $labels.none }}|{{ .Value | humanize }}", "redis|250", NULL},
        {"plain", "plain", NULL},
        {"{{ .Nope.Foo }}",
         "<error expanding template: error executing template __alert_A \"b\": template: __alert_A \"b\":1:120: executing \"__alert_A \\\"b\\\"\" at <.Nope.Foo>: can't evaluate field Nope in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }>",
         NULL},
        {"before {{ query \"x\" }}",
         "<error expanding template: error executing template __alert_A \"b\": template: __alert_A \"b\":1:122: executing \"__alert_A \\\"b\\\"\" at <query \"x\">: error calling query: queries are not available here>",
         NULL},
    };
    const struct label labels[] = {{STR("job"), STR("redis")}}, site[] = {{STR("site"), STR("s1")}};
    struct template_alert alert = {
        .labels = label_set_new(labels, 1),
        .external_labels = label_set_new(site, 1),
        .external_url = STR("http://h"),
        .value = tmpl_float(250),
    };
    struct template_set *set = template_set_new(&template_prometheus_functions);
    const struct tmpl_env env = {0};
    struct err err = {0};
    struct template *t = NULL;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        struct arena a;

        arena_init(&a, RUN_VALUES_MAX);
        assert_int_equal(template_parse_alert(set, STR("A \"b\""), str_c(cases[i].text), &t, NULL),
                         0);
        template_expand_alert(t, &alert, &env, &a, &out);
        assert_string_equal(out.p, cases[i].out);
        template_unref(t);
        buf_free(&out);
        arena_deinit(&a);
    }
    assert_int_equal(template_parse_alert(set, STR("A"), STR("{{ $wrong }}"), &t, &err), -EINVAL);
    assert_string_equal(
        err.msg,
        "error parsing template __alert_A: template: __alert_A:1: undefined variable \"$wrong\"");
    template_set_unref(set);
    label_set_unref(alert.labels);
    label_set_unref(alert.external_labels);
}

/* ---- messages ------------------------------------------------------------------------------ */

static struct str to_chinese(void *self, struct str key)
{
    if (str_eq_c(key, "firing"))
        return STR("触发中");
    if (str_eq_c(key, "alertname"))
        return STR("告警名称");
    return STR_NONE;
}

static void render(const struct tmpl_functions *functions, struct str stock, const char *text,
                   bool chinese, const struct tmpl_message *m, struct buf *out)
{
    struct template_set *set = template_set_new(functions);
    const struct tmpl_env env = {.missing_key = TMPL_MISSING_ZERO,
                                 .html = strstr(text, ".html") != NULL,
                                 .translate = chinese ? to_chinese : NULL,
                                 .chinese = chinese};
    struct template *t = NULL;
    struct tmpl_value data;
    struct err err = {0};
    struct arena a;

    arena_init(&a, RUN_VALUES_MAX);
    data = functions == &template_alertmanager_functions ? tmpl_alertmanager_data(&a, m)
                                                         : tmpl_notification_manager_data(&a, m);
    assert_int_equal(template_set_add(set, STR("stock"), stock, NULL), 0);
    assert_int_equal(template_parse(set, STR(""), str_c(text), &t, NULL), 0);
    if (template_execute(t, STR_NONE, &data, &env, &a, out, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    template_unref(t);
    template_set_unref(set);
    arena_deinit(&a);
}

struct fixture {
    struct tmpl_message m;
    struct message_alert alert;
};

static void make_message(struct fixture *f)
{
    static const struct label labels[] = {{STR("severity"), STR("critical")},
                                          {STR("rule_id"), STR("7")},
                                          {STR("alertname"), STR("Redis <1>")}};
    static const struct label annotations[] = {{STR("summary"), STR("over 200 MB")},
                                               {STR("summaryCn"), STR("超过200MB")}};
    static const struct label group[] = {{STR("alertname"), STR("Redis <1>")}};
    static const struct str empty[] = {{"namespace", 9}, {"alertname", 9}};

    f->alert = (struct message_alert){
        .labels = label_set_new(labels, 3),
        .annotations = label_set_new(annotations, 2),
        .starts_at = tmpl_time_of_ns(0),
        .ends_at = tmpl_time_of_ns(UNIX_NS_ZERO),
        .generator_url = STR("http://g/?a=1&b=2"),
        .fingerprint = STR("13756484288041546268"),
        .status = STR("firing"),
    };
    f->m = (struct tmpl_message){
        .receiver = STR("ops"),
        .status = STR("firing"),
        .alerts = &f->alert,
        .n_alerts = 1,
        .group_labels = label_set_new(group, 1),
        .common_labels = label_set_ref(f->alert.labels),
        .common_annotations = label_set_ref(f->alert.annotations),
        .external_url = STR("http://am"),
        .empty_group_labels = empty,
        .n_empty_group_labels = 2,
    };
}

static void free_message(struct fixture *f)
{
    label_set_unref(f->alert.labels);
    label_set_unref(f->alert.annotations);
    label_set_unref(f->m.group_labels);
    label_set_unref(f->m.common_labels);
    label_set_unref(f->m.common_annotations);
}

static void writes_what_notification_manager_writes(void **state)
{
    static const struct {
        const char *text;
        bool chinese;
        const char *want;
    } cases[] = {
        {"{{ template \"nm.default.text\" . }}", false,
         "[firing] over 200 MB\n  alertname: Redis <1>\n  severity: critical\n\n"},
        {"{{ template \"nm.default.text\" . }}", true,
         "[触发中] 超过200MB\n  告警名称: Redis <1>\n  severity: critical\n\n"},
        {"{{ template \"nm.default.subject\" . }}", false, "[firing] over 200 MB"},
        {"{{ template \"nm.default.markdown\" . }}", false,
         "### [firing] over 200 MB\n- alertname: Redis <1>\n- severity: critical\n\n"},
        {"{{ template \"nm.feishu.post\" . }}", false,
         "\nen_us:\n  content:\n    - - tag: text\n        text: \"[firing] over 200 MB\"\n    - - tag: text\n        text: '  alertname: Redis <1>'\n"
         "    - - tag: text\n        text: '  severity: critical'\n    - - tag: text\n        text: ' '"},
        {"{{ .GroupLabels }} {{ .Status }} {{ len .Alerts.Firing }} {{ (index .Alerts 0).MessageCN }}",
         false, "map[alertname:Redis <1> namespace:] firing 1 超过200MB"},
        {"{{ escape \"it's \\\"x\\\"\" }} {{ translate \"FIRING\" }} {{ translate \"Other\" }}",
         true, "it\\'s \\\"x\\\" 触发中 Other"},
        {"{{ (index .Alerts 0).ID }} {{ (index .Alerts 0).Labels.rule_id }} {{ (index .Alerts 0).Labels.Names }}",
         false, "13756484288041546268 7 [alertname severity]"},
    };
    struct fixture f;

    make_message(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};

        render(&template_notification_manager_functions, template_notification_manager_stock,
               cases[i].text, cases[i].chinese, &f.m, &out);
        assert_string_equal(out.p, cases[i].want);
        buf_free(&out);
    }
    free_message(&f);
}

static void writes_mail_pages_with_every_value_escaped(void **state)
{
    struct fixture f;
    struct buf am = {0}, nm = {0};

    make_message(&f);
    render(&template_alertmanager_functions, template_alertmanager_stock,
           "{{ template \"email.default.html\" . }}", false, &f.m, &am);
    assert_non_null(strstr(am.p, "1 alert for alertname=Redis &lt;1&gt;\n"));
    assert_non_null(strstr(am.p, "bgcolor=\"#E6522C\""));
    assert_non_null(strstr(am.p, "<a href=\"http://am/#/alerts?receiver=ops\""));
    assert_non_null(strstr(am.p, "<a href=\"http://g/?a=1&amp;b=2\""));
    assert_non_null(strstr(am.p, "[1] Firing"));
    assert_null(strstr(am.p, "Resolved"));
    assert_null(strstr(am.p, "<1>"));

    render(&template_notification_manager_functions, template_notification_manager_stock,
           "{{ template \"nm.default.html\" . }}", true, &f.m, &nm);
    assert_non_null(strstr(nm.p, "<strong>[触发中] 超过200MB</strong>"));
    assert_non_null(strstr(nm.p, "告警名称: Redis &lt;1&gt;<br>"));
    assert_null(strstr(nm.p, "rule_id"));

    f.alert.resolved = true;
    f.m.status = STR("resolved");
    buf_reset(&am);
    render(&template_alertmanager_functions, template_alertmanager_stock,
           "{{ template \"email.default.html\" . }}", false, &f.m, &am);
    assert_non_null(strstr(am.p, "bgcolor=\"#68B90F\""));
    assert_non_null(strstr(am.p, "[1] Resolved"));
    buf_free(&am);
    buf_free(&nm);
    free_message(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_alertmanagers_functions),
        cmocka_unit_test(has_prometheus_functions),
        cmocka_unit_test(expands_alert_texts_and_puts_errors_into_them),
        cmocka_unit_test(writes_what_notification_manager_writes),
        cmocka_unit_test(writes_mail_pages_with_every_value_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
