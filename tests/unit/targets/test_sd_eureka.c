/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "targets/sd_priv.h"
#include "tests/unit/targets/discovery.h"

/* ---- the answer ---------------------------------------------------------------------------- */

#define FULL                                                                                       \
    "{\"instanceId\":\"h1:shop:8080\",\"hostName\":\"h1\",\"ipAddr\":\"192.0.2.1\","               \
    "\"status\":\"UP\",\"port\":{\"$\":8080,\"@enabled\":\"true\"},"                               \
    "\"securePort\":{\"$\":443,\"@enabled\":\"false\"},\"countryId\":1,"                           \
    "\"dataCenterInfo\":{\"name\":\"MyOwn\",\"metadata\":{\"a-b\":\"c\"}},"                        \
    "\"metadata\":{\"management.port\":\"9\",\"empty\":\"\"},\"homePageUrl\":\"http://h1/\","      \
    "\"statusPageUrl\":\"http://h1/info\",\"healthCheckUrl\":\"http://h1/health\","                \
    "\"vipAddress\":\"shop\",\"secureVipAddress\":\"shops\"}"
#define I "__meta_eureka_app_instance_"

static const struct {
    const char *body, *groups; /* address, labels */
    const char *error;
} bodies[] = {
    {"{\"applications\":{\"application\":[{\"name\":\"SHOP\",\"instance\":[" FULL "]}]}}",
     "h1:8080 {__meta_eureka_app_instance_country_id=\"1\", " I
     "datacenterinfo_metadata_a_b=\"c\", " I "datacenterinfo_name=\"MyOwn\", " I
     "healthcheck_url=\"http://h1/health\", " I "homepage_url=\"http://h1/\", " I
     "hostname=\"h1\", " I "id=\"h1:shop:8080\", " I "ip_addr=\"192.0.2.1\", " I
     "metadata_management_port=\"9\", " I "port=\"8080\", " I "port_enabled=\"true\", " I
     "secure_port=\"443\", " I "secure_port_enabled=\"false\", " I
     "secure_vip_address=\"shops\", " I "status=\"UP\", " I "statuspage_url=\"http://h1/info\", " I
     "vip_address=\"shop\", __meta_eureka_app_name=\"SHOP\"}\n",
     NULL},
    /* one is no list with older servers; without a port; without a host */
    {"{\"applications\":{\"application\":{\"name\":\"A\",\"instance\":{\"hostName\":\"h2\"}}}}",
     "h2 {" I "hostname=\"h2\", __meta_eureka_app_name=\"A\"}\n", NULL},
    {"{\"applications\":{\"application\":[{\"name\":\"A\",\"instance\":[{},{\"hostName\":\"fd00::1\","
     "\"port\":{\"$\":80}}]}]}}",
     "[fd00::1]:80 {" I "hostname=\"fd00::1\", " I "port=\"80\", __meta_eureka_app_name=\"A\"}\n",
     NULL},
    {"{\"applications\":{\"versions__delta\":\"1\",\"application\":[]}}", "", NULL},
    {"{\"applications\":{}}", "", NULL},
    {"{}", NULL, "expected an object with applications"},
    {"[]", NULL, "expected an object with applications"},
    {"<applications/>", NULL, "answer: "},
};

static void instances_become_targets_with_the_labels_of_prometheus(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct found_group *groups = NULL;
        struct err err = {0};
        size_t n = 0;
        int r = sd_eureka_parse(str_c(bodies[i].body), &groups, &n, &err);

        if (bodies[i].error) {
            assert_true(r < 0);
            assert_has(err.msg, bodies[i].error);
            assert_null(groups);
            continue;
        }
        assert_int_equal(r, 0);
        assert_groups(groups, n, bodies[i].groups);
    }
}

/* ---- a server ------------------------------------------------------------------------------ */

static void answer(struct http_exchange *x, void *arg)
{
    struct buf body = {0};

    if (!str_eq(http_path(x), STR("/eureka/apps")) ||
        !str_eq(http_header_in(x, "Accept"), STR("application/json"))) {
        http_reply_text(x, 404, "no");
        return;
    }
    buf_add_c(&body, bodies[0].body);
    http_reply(x, 200, "application/json", &body);
}

static void the_server_is_asked_for_its_applications_as_json(void **state)
{
    struct served_world s;

    served_begin(&s, answer, 1,
                 "scrape_configs: [{job_name: a, eureka_sd_configs: [{server: 'http://127.0.0.1:",
                 "/eureka'}]}]");
    wait_for_addresses(&s.w, "h1:8080 ");
    served_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_become_targets_with_the_labels_of_prometheus),
        cmocka_unit_test(the_server_is_asked_for_its_applications_as_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
