/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <time.h>

#include "tests/unit/targets/discovery.h"

/* ---- an API server ------------------------------------------------------------------------- */

enum { PODS, SERVICES, ENDPOINTS, RESOURCES };

#define WATCH_MS 1200 /* how long a watch without events lasts; shorter ones count as failures */

static struct {
    struct http_server *server;
    struct lock lock;
    /* under lock */
    struct {
        const char *list;   /* NULL: failure */
        const char *events; /* for the next watch, NULL: none; "410": too old */
    } v[RESOURCES];
    char prefix[16]; /* of paths that the world at hand asks for */
    bool stops;
} site = {.lock = LOCK_INIT};

static int resource_of(struct str path)
{
    return str_has_suffix(path, STR("/namespaces/prod/pods"))       ? PODS
           : str_has_suffix(path, STR("/namespaces/prod/services")) ? SERVICES
                                                                    : ENDPOINTS;
}

/* Watches of the test before, whose end the server has not noticed yet, take none. */
static bool take_events(int resource, struct str path, struct buf *out)
{
    WITH_LOCK(&site.lock);
    const char *events = site.v[resource].events;

    if (site.stops || !str_has_prefix(path, str_c(site.prefix)))
        return true;
    if (events)
        buf_add_c(out, events);
    site.v[resource].events = NULL;
    return events;
}

static void answer_watch(struct http_exchange *x, int resource)
{
    struct buf out = {0};

    for (int ms = 0; ms < WATCH_MS && !take_events(resource, http_path(x), &out); ms += 10)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    if (str_eq_c(buf_str(&out), "410"))
        http_reply_text(x, 410, "too old");
    else
        http_reply(x, 200, "application/json", &out);
    buf_free(&out);
}

static void answer(struct http_exchange *x, void *arg)
{
    int resource = resource_of(http_path(x));
    struct buf out = {0};

    if (http_param(x, "watch", 0).p) {
        answer_watch(x, resource);
        return;
    }
    lock_take(&site.lock);
    if (site.v[resource].list)
        buf_addf(&out, "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[%s]}",
                 site.v[resource].list);
    lock_give(&site.lock);
    if (out.len)
        http_reply(x, 200, "application/json", &out);
    else
        http_reply_text(x, 503, "starting");
}

static void lists(int resource, const char *items)
{
    WITH_LOCK(&site.lock);
    site.v[resource].list = items;
}

static void tells(int resource, const char *events)
{
    WITH_LOCK(&site.lock);
    site.v[resource].events = events;
}

static int start_site(void **state)
{
    return serve(answer, 8, &site.server);
}

static int stop_site(void **state)
{
    lock_take(&site.lock);
    site.stops = true;
    lock_give(&site.lock);
    http_server_stop(site.server);
    return 0;
}

/* ---- what it tells ------------------------------------------------------------------------- */

#define META(name, more) "\"metadata\":{\"namespace\":\"prod\",\"name\":\"" name "\"" more "}"
#define LABEL(value)     ",\"labels\":{\"team\":\"" value "\"}"
#define POD(name, ip, team)                                                                        \
    "{" META(name, LABEL(team)) ",\"status\":{\"podIP\":\"" ip "\"},\"spec\":{\"containers\":["    \
                                "{\"name\":\"c\",\"image\":\"i\",\"ports\":["                      \
                                "{\"containerPort\":80,\"protocol\":\"TCP\"}]}]}}"
#define ADDRESS(ip, pod)                                                                           \
    "{\"ip\":\"" ip "\",\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"prod\",\"name\":\"" pod    \
    "\"}}"
#define ENDPOINT(name, addresses)                                                                  \
    "{" META(name, "") ",\"subsets\":[{\"addresses\":[" addresses                                  \
                       "],\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}]}]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static void begin(struct world *w)
{
    static int world;
    char text[512];

    lock_take(&site.lock);
    snprintf(site.prefix, sizeof site.prefix, "/w%d/", ++world);
    lock_give(&site.lock);
    snprintf(
        text, sizeof text,
        "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs:\n"
        "  - {role: endpoints, api_server: 'http://127.0.0.1:%d/w%d', namespaces: {names: [prod]}}\n",
        http_server_port(site.server, 0), world);
    lists(PODS, POD("p1", "192.0.2.1", "one"));
    lists(SERVICES, "{" META("shop", LABEL("biz")) "}");
    lists(ENDPOINTS, ENDPOINT("shop", ADDRESS("192.0.2.1", "p1")));
    for (int i = 0; i < RESOURCES; i++)
        tells(i, NULL);
    world_begin(w, text);
}

struct wish {
    const char *label, *value; /* of the first target */
};

static bool has_label(struct world *w, void *wish)
{
    const struct wish *it = wish;
    struct target_list *l = targets_list(w->targets);
    bool is = l->n_targets &&
              str_eq_c(label_set_get(l->targets[0].discovered, str_c(it->label)), it->value);

    target_list_unref(l);
    return is;
}

static void wait_for_label(struct world *w, const char *label, const char *value)
{
    struct wish wish = {label, value};

    if (!world_runs_until(w, has_label, &wish))
        fail_msg("no %s=%s; %s", label, value, w->complaints.len ? w->complaints.p : "");
}

/* ---- tests --------------------------------------------------------------------------------- */

static void endpoints_have_the_labels_of_what_belongs_to_them_and_follow_each_change(void **state)
{
    struct world w;

    begin(&w);
    wait_for_addresses(&w, "192.0.2.1:80 ");
    assert_int_equal(w.lists, 1);
    wait_for_label(&w, "__meta_kubernetes_pod_label_team", "one");
    wait_for_label(&w, "__meta_kubernetes_service_label_team", "biz");
    tells(PODS, EVENT("MODIFIED", POD("p1", "192.0.2.1", "two")));
    wait_for_label(&w, "__meta_kubernetes_pod_label_team", "two");
    tells(SERVICES, EVENT("MODIFIED", "{" META("shop", LABEL("new")) "}"));
    wait_for_label(&w, "__meta_kubernetes_service_label_team", "new");
    tells(ENDPOINTS,
          EVENT("MODIFIED",
                ENDPOINT("shop", ADDRESS("192.0.2.2", "p2") "," ADDRESS("192.0.2.1", "p1"))));
    wait_for_addresses(&w, "192.0.2.2:80 192.0.2.1:80 ");
    tells(ENDPOINTS, EVENT("DELETED", ENDPOINT("shop", "")));
    wait_for_addresses(&w, "");
    assert_int_equal(w.complaints.len, 0);
    world_end(&w);
}

static void nothing_is_told_before_all_is_listed(void **state)
{
    struct world w;

    begin(&w);
    lists(PODS, NULL);
    wait_for_complaint(&w, "kubernetes_sd_configs: /api/v1/namespaces/prod/pods: HTTP status 503");
    lists(PODS, POD("p1", "192.0.2.1", "one"));
    wait_for_addresses(&w, "192.0.2.1:80 ");
    assert_int_equal(w.lists, 1);
    assert_true(has_label(&w, &(struct wish){"__meta_kubernetes_pod_label_team", "one"}));
    world_end(&w);
}

static void a_new_list_takes_away_what_it_does_not_have(void **state)
{
    struct world w;

    begin(&w);
    lists(ENDPOINTS, ENDPOINT("shop", ADDRESS("192.0.2.1", "p1")) "," ENDPOINT(
                         "other", ADDRESS("192.0.2.9", "p9")));
    wait_for_addresses(&w, "192.0.2.9:80 192.0.2.1:80 "); /* in order of names */
    lists(ENDPOINTS, ENDPOINT("other", ADDRESS("192.0.2.9", "p9")));
    tells(ENDPOINTS, "410");
    wait_for_addresses(&w, "192.0.2.9:80 ");
    world_end(&w);
}

static void outside_of_a_cluster_that_is_told(void **state)
{
    struct world w;

    unsetenv("KUBERNETES_SERVICE_HOST");
    world_begin(&w, "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: node}]}]");
    wait_for_complaint(&w, "kubernetes_sd_configs: KUBERNETES_SERVICE_HOST and");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_have_the_labels_of_what_belongs_to_them_and_follow_each_change),
        cmocka_unit_test(nothing_is_told_before_all_is_listed),
        cmocka_unit_test(a_new_list_takes_away_what_it_does_not_have),
        cmocka_unit_test(outside_of_a_cluster_that_is_told),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
