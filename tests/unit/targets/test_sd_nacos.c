/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "targets/sd_priv.h"
#include "tests/unit/targets/discovery.h"

/* ---- the answer ---------------------------------------------------------------------------- */

#define N "__meta_nacos_"
#define FULL                                                                                       \
    "{\"ip\":\"192.0.2.1\",\"port\":8080,\"weight\":1.0,\"healthy\":true,\"enabled\":false,"       \
    "\"ephemeral\":true,\"clusterName\":\"DEFAULT\",\"serviceName\":\"DEFAULT_GROUP@@shop\","      \
    "\"instanceId\":\"192.0.2.1#8080#DEFAULT#DEFAULT_GROUP@@shop\","                               \
    "\"metadata\":{\"preserved.register.source\":\"SPRING_CLOUD\",\"team\":\"支付\"}}"

static const struct {
    const char *body, *groups; /* address, labels */
    const char *error;
} bodies[] = {
    {"{\"hosts\":[" FULL "]}",
     "192.0.2.1:8080 {" N "cluster=\"DEFAULT\", " N "enabled=\"false\", " N "ephemeral=\"true\", " N
     "group=\"g\", " N "healthy=\"true\", " N
     "instance_id=\"192.0.2.1#8080#DEFAULT#DEFAULT_GROUP@@shop\", " N "ip=\"192.0.2.1\", " N
     "metadata_preserved_register_source=\"SPRING_CLOUD\", " N "metadata_team=\"支付\", " N
     "namespace=\"ns\", " N "port=\"8080\", " N "service=\"shop\", " N "weight=\"1\"}\n",
     NULL},
    {"{\"hosts\":[{},{\"ip\":\"fd00::1\",\"port\":80}]}",
     "[fd00::1]:80 {" N "group=\"g\", " N "ip=\"fd00::1\", " N "namespace=\"ns\", " N
     "port=\"80\", " N "service=\"shop\"}\n",
     NULL},
    {"{\"hosts\":[]}", "", NULL},
    {"{}", NULL, "expected an object with hosts"},
    {"caused: user not found!", NULL, "answer: "},
};

static void instances_become_targets(void **state)
{
    const struct config_nacos_sd c = {.namespace = "ns", .group = "g"};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct found_group *groups = NULL;
        struct err err = {0};
        size_t n = 0;
        int r = sd_nacos_parse(str_c(bodies[i].body), &c, "shop", &groups, &n, &err);

        if (bodies[i].error) {
            assert_true(r < 0);
            assert_has(err.msg, bodies[i].error);
            continue;
        }
        assert_int_equal(r, 0);
        assert_groups(groups, n, bodies[i].groups);
    }
}

/* ---- a server ------------------------------------------------------------------------------ */

/* Nacos with the services a and b on two pages, which wants a login when `token` is there. */
static struct {
    struct lock lock;
    const char *token; /* the one that is good, or NULL */
    struct buf seen;   /* methods, paths and queries */
    int port;          /* of the instances */
} nacos = {.lock = LOCK_INIT};

static void add_answer(struct http_exchange *x, struct buf *body)
{
    struct str path = http_path(x), service = http_param(x, "serviceName", 0);

    if (str_eq(path, STR("/nacos/v1/auth/login")))
        buf_addf(body, "{\"accessToken\":\"%s\",\"tokenTtl\":18000}", nacos.token);
    else if (str_eq(path, STR("/nacos/v1/ns/service/list")))
        buf_addf(body, "{\"count\":2,\"doms\":[\"%s\"]}",
                 str_eq(http_param(x, "pageNo", 0), STR("1")) ? "a" : "b");
    else
        buf_addf(body, "{\"hosts\":[{\"ip\":\"" STR_FMT "\",\"port\":%d}]}", STR_ARG(service),
                 nacos.port);
}

static void answer(struct http_exchange *x, void *arg)
{
    struct buf body = {0};
    struct str path = http_path(x);
    WITH_LOCK(&nacos.lock);
    bool is_login = str_eq(path, STR("/nacos/v1/auth/login"));

    buf_addf(&nacos.seen, STR_FMT " " STR_FMT "?" STR_FMT " " STR_FMT "\n", STR_ARG(http_method(x)),
             STR_ARG(path), STR_ARG(http_query(x)), STR_ARG(http_body(x)));
    if (nacos.token && !is_login && !str_eq_c(http_param(x, "accessToken", 0), nacos.token)) {
        http_reply_text(x, 403, "no");
        return;
    }
    add_answer(x, &body);
    http_reply(x, 200, "application/json", &body);
}

static void nacos_set(const char *token, int port)
{
    WITH_LOCK(&nacos.lock);
    nacos.token = token;
    nacos.port = port;
}

static bool was_asked(const char *part)
{
    WITH_LOCK(&nacos.lock);
    return nacos.seen.len > 0 && strstr(nacos.seen.p, part);
}

static void nacos_begin(struct served_world *n, const char *settings)
{
    CLEANUP(buf_free) struct buf rest = {0};

    buf_free(&nacos.seen);
    buf_addf(&rest, "/nacos', refresh_interval: 10ms%s}]}]", settings);
    served_begin(
        n, answer, 1,
        "scrape_configs: [{job_name: a, nacos_sd_configs: [{server: 'http://127.0.0.1:", rest.p);
}

static void nacos_end(struct served_world *n)
{
    served_end(n);
    buf_free(&nacos.seen);
}

static void all_services_of_a_group_are_found_page_by_page(void **state)
{
    struct served_world n;

    nacos_set(NULL, 80);
    nacos_begin(&n, ", namespace: dev, group: G 1");
    wait_for_addresses(&n.w, "a:80 b:80 ");
    assert_true(was_asked("pageNo=2&pageSize=500&groupName=G%201&namespaceId=dev ") ||
                was_asked("pageNo=2&pageSize=500&groupName=G+1&namespaceId=dev "));
    assert_false(was_asked("login"));
    nacos_set(NULL, 81);
    wait_for_addresses(&n.w, "a:81 b:81 ");
    nacos_end(&n);
}

static void named_services_are_not_looked_for(void **state)
{
    struct served_world n;

    nacos_set(NULL, 80);
    nacos_begin(&n, ", services: [shop]");
    wait_for_addresses(&n.w, "shop:80 ");
    assert_false(was_asked("service/list"));
    assert_true(was_asked("serviceName=shop&groupName=DEFAULT_GROUP "));
    nacos_end(&n);
}

static void a_user_logs_in_again_when_the_token_is_not_good_any_more(void **state)
{
    struct served_world n;

    nacos_set("t1", 80);
    nacos_begin(&n, ", username: u, password: 'p&1'");
    wait_for_addresses(&n.w, "a:80 b:80 ");
    assert_true(was_asked("POST /nacos/v1/auth/login? username=u&password=p%261\n"));
    nacos_set("t2", 81);
    wait_for_complaint(&n.w, "server returned HTTP status 403, expected 200");
    wait_for_addresses(&n.w, "a:81 b:81 ");
    nacos_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_become_targets),
        cmocka_unit_test(all_services_of_a_group_are_found_page_by_page),
        cmocka_unit_test(named_services_are_not_looked_for),
        cmocka_unit_test(a_user_logs_in_again_when_the_token_is_not_good_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
