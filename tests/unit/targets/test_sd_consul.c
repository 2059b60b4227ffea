/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <unistd.h>

#include "base/num.h"
#include "targets/sd_priv.h"
#include "tests/unit/targets/discovery.h"

/* ---- the answer ---------------------------------------------------------------------------- */

#define C "__meta_consul_"
#define FULL                                                                                       \
    "{\"Node\":{\"Node\":\"n1\",\"Address\":\"192.0.2.1\",\"Datacenter\":\"dc1\","                 \
    "\"TaggedAddresses\":{\"lan\":\"192.0.2.1\",\"wan\":\"203.0.113.1\"},"                         \
    "\"Meta\":{\"rack-no\":\"7\"}},"                                                               \
    "\"Service\":{\"ID\":\"shop-1\",\"Service\":\"shop\",\"Tags\":[\"v1\",\"canary\"],"            \
    "\"Address\":\"192.0.2.9\",\"Port\":8080,\"Meta\":{\"team\":\"a\"},"                           \
    "\"Namespace\":\"default\",\"Partition\":\"p\"},"                                              \
    "\"Checks\":[{\"CheckID\":\"serfHealth\",\"Status\":\"passing\"},"                             \
    "{\"CheckID\":\"c\",\"Status\":\"warning\"}]}"
#define BARE "{\"Node\":{\"Address\":\"fd00::1\"},\"Service\":{\"Port\":0},\"Checks\":%s}"

static const struct {
    const char *body, *groups; /* address, labels */
    const char *error;
} bodies[] = {
    {"[" FULL "]",
     "192.0.2.9:8080 {" C "address=\"192.0.2.1\", " C "dc=\"dc1\", " C "health=\"warning\", " C
     "metadata_rack_no=\"7\", " C "namespace=\"default\", " C "node=\"n1\", " C
     "partition=\"p\", " C "service=\"shop\", " C "service_address=\"192.0.2.9\", " C
     "service_id=\"shop-1\", " C "service_metadata_team=\"a\", " C "service_port=\"8080\", " C
     "tagged_address_lan=\"192.0.2.1\", " C "tagged_address_wan=\"203.0.113.1\", " C
     "tags=\",v1,canary,\"}\n",
     NULL},
    /* without an address of its own, and without tags */
    {"[{\"Node\":{\"Address\":\"fd00::1\"},\"Service\":{\"Port\":0}}]",
     "[fd00::1]:0 {" C "address=\"fd00::1\", " C "health=\"passing\", " C "service=\"shop\", " C
     "service_port=\"0\", " C "tags=\",,\"}\n",
     NULL},
    {"[]", "", NULL},
    {"{}", NULL, "expected a list of instances"},
    {"x", NULL, "answer: "},
};

static void instances_become_targets_with_the_labels_of_prometheus(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct found_group *groups = NULL;
        struct err err = {0};
        size_t n = 0;
        int r = sd_consul_parse(str_c(bodies[i].body), "shop", ",", &groups, &n, &err);

        if (bodies[i].error) {
            assert_true(r < 0);
            assert_has(err.msg, bodies[i].error);
            continue;
        }
        assert_int_equal(r, 0);
        assert_groups(groups, n, bodies[i].groups);
    }
}

static void the_worst_check_is_the_health(void **state)
{
    static const struct {
        const char *checks, *health;
    } cases[] = {
        {"[]", "passing"},
        {"[{\"Status\":\"passing\"}]", "passing"},
        {"[{\"Status\":\"warning\"},{\"Status\":\"passing\"}]", "warning"},
        {"[{\"Status\":\"critical\"},{\"Status\":\"warning\"}]", "critical"},
        {"[{\"Status\":\"critical\"},{\"CheckID\":\"_node_maintenance\"}]", "maintenance"},
        {"[{\"CheckID\":\"_service_maintenance:shop-1\",\"Status\":\"critical\"}]", "maintenance"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf body = {0};
        struct found_group *groups = NULL;
        size_t n = 0;

        buf_addf(&body, "[" BARE "]", cases[i].checks);
        assert_int_equal(sd_consul_parse(buf_str(&body), "s", ",", &groups, &n, NULL), 0);
        assert_true(str_eq_c(label_set_get(groups[0].labels, STR(C "health")), cases[i].health));
        found_groups_free(groups, n);
    }
}

/* ---- a server ------------------------------------------------------------------------------ */

/* Consul: questions with the index in force wait until there is another one. */
static struct {
    struct lock lock;
    int64_t index;       /* of both answers */
    const char *catalog; /* services */
    int port;            /* of the instance of "shop" */
    struct buf seen;     /* paths and queries */
    int status;          /* of all answers; 0: 200 */
} consul = {.lock = LOCK_INIT};

static int64_t current_index(void)
{
    WITH_LOCK(&consul.lock);
    return consul.index;
}

static void answer(struct http_exchange *x, void *arg)
{
    struct buf body = {0};
    char index[24];
    int64_t known = 0;

    {
        WITH_LOCK(&consul.lock);
        buf_addf(&consul.seen, STR_FMT "?" STR_FMT " " STR_FMT "\n", STR_ARG(http_path(x)),
                 STR_ARG(http_query(x)), STR_ARG(http_header_in(x, "X-Consul-Token")));
    }
    num_parse_i64(http_param(x, "index", 0), &known);
    while (known == current_index() && !http_client_gone(x))
        usleep(2000);
    {
        WITH_LOCK(&consul.lock);
        snprintf(index, sizeof index, "%lld", (long long)consul.index);
        if (str_eq(http_path(x), STR("/c/v1/catalog/services")))
            buf_add_c(&body, consul.catalog);
        else
            buf_addf(
                &body,
                "[{\"Node\":{\"Address\":\"h\"},\"Service\":{\"Port\":%d,\"Address\":\"" STR_FMT
                "\"}}]",
                consul.port, STR_ARG(str_n(http_path(x).p + 21, http_path(x).len - 21)));
        if (consul.status) {
            buf_free(&body);
            http_reply_text(x, consul.status, "no");
            return;
        }
    }
    http_header_out(x, "X-Consul-Index", index);
    http_reply(x, 200, "application/json", &body);
}

static void consul_set(int64_t index, const char *catalog, int port)
{
    WITH_LOCK(&consul.lock);
    consul.index = index;
    consul.catalog = catalog;
    consul.port = port;
}

static bool was_asked(const char *part)
{
    WITH_LOCK(&consul.lock);
    return consul.seen.len > 0 && strstr(consul.seen.p, part);
}

static void consul_begin(struct served_world *c, const char *settings)
{
    CLEANUP(buf_free) struct buf rest = {0};

    buf_free(&consul.seen);
    buf_addf(&rest, "', path_prefix: /c, refresh_interval: 10ms, %s}]}]", settings);
    served_begin(c, answer, 8,
                 "scrape_configs: [{job_name: a, consul_sd_configs: [{server: '127.0.0.1:", rest.p);
}

static void consul_end(struct served_world *c)
{
    served_end(c);
    buf_free(&consul.seen);
}

static void services_come_and_go_with_the_catalog(void **state)
{
    struct served_world c;

    consul_set(5, "{\"shop\":[],\"pay\":[]}", 80);
    consul_begin(&c, "token: s3cret, datacenter: dc1, filter: 'a == b', node_meta: {k: v w}");
    wait_for_addresses(&c.w, "shop:80 pay:80 ");
    assert_true(was_asked("/c/v1/catalog/services?filter=a%20%3D%3D%20b&dc=dc1&node-meta=k%3Av%20w&"
                          "stale=true&wait=120000ms s3cret\n") ||
                was_asked("/c/v1/catalog/services?filter=a+%3D%3D+b&dc=dc1&node-meta=k%3Av+w&"
                          "stale=true&wait=120000ms s3cret\n"));
    assert_true(was_asked("/c/v1/health/service/shop?dc=dc1"));
    consul_set(6, "{\"shop\":[],\"pay\":[]}", 81);
    wait_for_addresses(&c.w, "shop:81 pay:81 ");
    assert_true(was_asked("index=5"));
    consul_set(7, "{\"pay\":[],\"new\":[]}", 81);
    wait_for_addresses(&c.w, "pay:81 new:81 ");
    consul_set(2, "{\"new\":[]}", 81); /* Consul began anew */
    wait_for_addresses(&c.w, "new:81 ");
    consul_end(&c);
}

static void named_services_need_no_catalog(void **state)
{
    struct served_world c;

    consul_set(5, "{}", 80);
    consul_begin(&c, "services: [pay, shop], allow_stale: false");
    wait_for_addresses(&c.w, "pay:80 shop:80 ");
    assert_false(was_asked("catalog"));
    assert_false(was_asked("stale"));
    consul_end(&c);
}

static void tags_choose_services_of_the_catalog(void **state)
{
    struct served_world c;

    consul_set(5, "{\"shop\":[\"a\",\"b\"],\"pay\":[\"a\"],\"other\":[\"a\",\"b\"]}", 80);
    consul_begin(&c, "services: [shop, pay], tags: [a, b]");
    wait_for_addresses(&c.w, "shop:80 ");
    assert_true(was_asked("/c/v1/health/service/shop?tag=a&tag=b&"));
    consul_end(&c);
}

static void a_failure_leaves_the_targets(void **state)
{
    struct served_world c;

    consul_set(5, "{\"shop\":[]}", 80);
    consul_begin(&c, "");
    wait_for_addresses(&c.w, "shop:80 ");
    {
        WITH_LOCK(&consul.lock);
        consul.status = 500;
        consul.index = 6;
    }
    wait_for_complaint(&c.w, "consul_sd_configs: server returned HTTP status 500");
    wait_for_addresses(&c.w, "shop:80 ");
    {
        WITH_LOCK(&consul.lock);
        consul.status = 0;
    }
    consul_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_become_targets_with_the_labels_of_prometheus),
        cmocka_unit_test(the_worst_check_is_the_health),
        cmocka_unit_test(services_come_and_go_with_the_catalog),
        cmocka_unit_test(named_services_need_no_catalog),
        cmocka_unit_test(tags_choose_services_of_the_catalog),
        cmocka_unit_test(a_failure_leaves_the_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
