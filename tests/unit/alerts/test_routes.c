/* SPDX-License-Identifier: Apache-2.0 */
/* routes.jsonl of the conformance data: which routes an alert takes, with which group key and
 * timers. */
#include "tests/unit/alerts/world.h"

#include "base/json.h"
#include "base/must.h"
#include "tests/unit/conformance.h"

struct seen {
    const struct json *routes;
    const char *receivers[32]; /* in order of the routes */
    size_t n_receivers, n_groups;
    unix_ns flushed; /* time of the last flush, or of the post */
    const char *timer;
    bool wrong;
};

static void see_alert(const struct alert_view *v, void *arg)
{
    struct seen *s = arg;

    must(v->n_receivers <= ARRAY_LEN(s->receivers));
    for (size_t i = 0; i < v->n_receivers; i++)
        s->receivers[s->n_receivers++] = v->receivers[i];
}

/* Go prints 1h30m0s, our parser takes 0s as nothing more. */
static unix_ns duration_of(struct str text)
{
    dur_ms ms = -1;

    while (text.len > 2 && text.p[text.len - 2] == '0' &&
           (text.p[text.len - 3] < '0' || text.p[text.len - 3] > '9'))
        text.len -= 2; /* 4h0m0s -> 4h */
    assert_int_equal(duration_parse(text.p, text.len, &ms, NULL), 0);
    return ms * NS_PER_MS;
}

static void see_group(const struct alert_group_view *v, void *arg)
{
    struct seen *s = arg;
    bool found = false;

    for (size_t i = 0; i < json_len(s->routes); i++) {
        const struct json *r = json_at(s->routes, i);

        found |= str_eq_c(json_text(json_get(r, "group_key")), v->group_key) &&
                 str_eq_c(json_text(json_get(r, "id")), v->route_id) &&
                 str_eq_c(json_text(json_get(r, "receiver")), v->receiver) &&
                 duration_of(json_text(json_get(r, s->timer))) == v->next_flush - s->flushed;
    }
    s->wrong |= !found;
    s->n_groups++;
}

static void see_groups(struct world *w, struct seen *s, const char *timer)
{
    s->timer = timer;
    s->flushed = w->now;
    s->n_groups = 0;
    alerts_each_group(w->alerts, w->now, see_group, s);
    s->wrong |= s->n_groups != json_len(s->routes);
}

static bool add_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static bool takes_the_routes(const char *config, const struct json *c)
{
    struct seen s = {.routes = json_get(c, "routes")};
    struct label_builder b = {0};
    const struct label_set *labels, *none = label_set_empty();
    const struct alert *al;
    struct world w;

    world_init(&w, config);
    json_each(json_get(c, "labels"), add_label, &b);
    labels = label_builder_build(&b);
    al = alert_new(labels, none, w.now, world_time(1e6), w.now, "");
    assert_int_equal(alerts_post(w.alerts, &al, 1, w.now, NULL), 0);

    alerts_each(w.alerts, w.now, see_alert, &s);
    s.wrong |= s.n_receivers != json_len(s.routes);
    for (size_t i = 0; i < s.n_receivers && !s.wrong; i++)
        s.wrong |= !str_eq_c(json_text(json_get(json_at(s.routes, i), "receiver")), s.receivers[i]);
    see_groups(&w, &s, "group_wait");
    w.now = world_time(30); /* group_wait of all is at most that */
    world_tick(&w);
    see_groups(&w, &s, "group_interval");

    alert_unref(al);
    label_set_unref(labels);
    label_set_unref(none);
    label_builder_deinit(&b);
    world_deinit(&w);
    return !s.wrong;
}

static void alerts_take_the_routes_of_the_server_of_record(void **state)
{
    struct buf text = {0};
    size_t ran = 0, failed = 0, refused = 0;
    struct str rest;

    if (!conformance_read("alertmanager/routes.jsonl", &text)) {
        print_message("# no conformance data\n");
        skip();
    }
    rest = buf_str(&text);
    while (rest.len > 0) {
        struct json *doc = NULL;
        struct config *config = NULL;
        struct err err = {0};
        const struct json *cases;
        char *yaml;

        if (json_doc_parse(str_cut(&rest, '\n'), &doc, &err) < 0)
            fail_msg("%s", err.msg);
        yaml = str_dup(json_text(json_get(doc, "config")));
        cases = json_get(doc, "cases");
        if (config_parse("routes", str_c(yaml), &config, &err) < 0) {
            struct str name = json_text(json_get(doc, "name"));

            print_message("# " STR_FMT " left out: %s\n", STR_ARG(name), err.msg);
            refused += json_len(cases);
        }
        for (size_t i = 0; config && i < json_len(cases); i++) {
            struct str name = json_text(json_get(doc, "name"));

            ran++;
            if (takes_the_routes(yaml, json_at(cases, i)))
                continue;
            print_message("# " STR_FMT " case %zu FAILED\n", STR_ARG(name), i);
            failed++;
        }
        config_unref(config);
        json_doc_free(doc);
        free(yaml);
    }
    buf_free(&text);
    print_message("# %zu cases ran, %zu failed, %zu left out\n", ran, failed, refused);
    assert_int_equal(failed, 0);
    assert_true(ran > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_take_the_routes_of_the_server_of_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
