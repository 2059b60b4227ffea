/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/net/name_server.h"
#include "tests/unit/targets/discovery.h"

static struct name_server server;

/* One job with `more` in its dns_sd_config. */
static const char *job(const char *more)
{
    static char text[512];

    snprintf(text, sizeof text,
             "scrape_configs:\n- job_name: a\n  dns_sd_configs:\n"
             "  - {servers: ['127.0.0.1:%d'], refresh_interval: 50ms, %s}\n",
             server.port, more);
    return text;
}

static void assert_discovered(struct world *w, size_t i, const char *name, const char *value)
{
    struct target_list *l = targets_list(w->targets);
    struct str got = label_set_get(l->targets[i].discovered, str_c(name));

    if (!str_eq_c(got, value))
        fail_msg("%s of target %zu is \"%.*s\", expected \"%s\"", name, i, STR_ARG(got), value);
    target_list_unref(l);
}

static const struct known_name names[] = {
    {"_redis._tcp.test.", DNS_SRV, "r2.test.:6380 r1.test.:6379"},
    {"a.test.", DNS_A, "192.0.2.2 192.0.2.1"},
    {"b.test.", DNS_A, "192.0.2.3"},
    {"a.test.", DNS_AAAA, "2001:db8::1"},
    {"mail.test.", DNS_MX, "mx.test."},
    {"zone.test.", DNS_NS, "ns1.test."},
    {NULL, 0, NULL},
};

static void every_kind_of_record_gives_targets_with_its_labels(void **state)
{
    static const struct {
        const char *config, *addresses, *label, *value; /* of the first target */
    } cases[] = {
        {"names: [_redis._tcp.test]", "r1.test:6379 r2.test:6380 ", "__meta_dns_srv_record_target",
         "r1.test."},
        {"names: [_redis._tcp.test], type: srv, port: 9", "r1.test:6379 r2.test:6380 ",
         "__meta_dns_srv_record_port", "6379"},
        {"names: [a.test, b.test, none.test], type: A, port: 80",
         "192.0.2.1:80 192.0.2.2:80 192.0.2.3:80 ", "__meta_dns_name", "a.test"},
        {"names: [a.test], type: AAAA, port: 80", "[2001:db8::1]:80 ",
         "__meta_dns_srv_record_target", ""},
        {"names: [mail.test], type: MX, port: 25", "mx.test:25 ", "__meta_dns_mx_record_target",
         "mx.test."},
        {"names: [zone.test], type: NS, port: 53", "ns1.test:53 ", "__meta_dns_ns_record_target",
         "ns1.test."},
    };

    name_server_now(&server, names);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        world_begin(&w, job(cases[i].config));
        wait_for_addresses(&w, cases[i].addresses);
        assert_discovered(&w, 0, cases[i].label, cases[i].value);
        assert_int_equal(w.complaints.len, 0);
        world_end(&w);
    }
}

static bool is_asked_so_often(struct world *w, void *times)
{
    return atomic_load(&server.asked) >= *(int *)times;
}

static void a_name_that_fails_keeps_its_targets_and_one_that_is_gone_has_none(void **state)
{
    static const struct known_name fails[] = {
        {"a.test.", DNS_A, "!2"}, {"b.test.", DNS_A, "192.0.2.4"}, {NULL, 0, NULL}};
    static const struct known_name gone[] = {{"b.test.", DNS_A, "192.0.2.4"}, {NULL, 0, NULL}};
    struct world w;

    name_server_now(&server, names);
    world_begin(&w, job("names: [a.test, b.test], type: A, port: 80"));
    wait_for_addresses(&w, "192.0.2.1:80 192.0.2.2:80 192.0.2.3:80 ");
    name_server_now(&server, fails);
    wait_for_addresses(&w, "192.0.2.1:80 192.0.2.2:80 192.0.2.4:80 ");
    assert_has(w.complaints.p, "test.yml:4: dns_sd_configs: resolve a.test: server 127.0.0.1 port");
    name_server_now(&server, gone);
    wait_for_addresses(&w, "192.0.2.4:80 ");
    world_end(&w);
}

static void records_in_another_order_are_no_news(void **state)
{
    static const struct known_name turned[] = {{"a.test.", DNS_A, "192.0.2.1 192.0.2.2"},
                                               {NULL, 0, NULL}};
    struct world w;
    int more;

    name_server_now(&server, names);
    world_begin(&w, job("names: [a.test], type: A, port: 80"));
    wait_for_addresses(&w, "192.0.2.1:80 192.0.2.2:80 ");
    name_server_now(&server, turned);
    more = atomic_load(&server.asked) + 24; /* longer than a new list would take */
    assert_true(world_runs_until(&w, is_asked_so_often, &more));
    assert_int_equal(w.lists, 1);
    world_end(&w);
}

static void a_server_that_hangs_holds_up_nobody_else(void **state)
{
    CLEANUP(buf_free) struct buf two = {0};
    static const struct known_name hangs[] = {
        {"a.test.", DNS_A, "~"}, {"b.test.", DNS_A, "192.0.2.3"}, {NULL, 0, NULL}};
    struct world w;
    int64_t start = clock_mono_ns();

    name_server_now(&server, hangs);
    buf_add_c(&two, job("names: [a.test], type: A, port: 80"));
    buf_addf(&two, "  - {servers: ['127.0.0.1:%d'], names: [b.test], type: A, port: 80}\n",
             server.port);
    world_begin(&w, two.p);
    wait_for_addresses(&w, "192.0.2.3:80 ");
    assert_true(clock_mono_ns() - start < 4 * NS_PER_S); /* one try of the other takes longer */
    world_end(&w);
}

static int start_server(void **state)
{
    name_server_start(&server, names);
    return 0;
}

static int stop_server(void **state)
{
    name_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_record_gives_targets_with_its_labels),
        cmocka_unit_test(a_name_that_fails_keeps_its_targets_and_one_that_is_gone_has_none),
        cmocka_unit_test(records_in_another_order_are_no_news),
        cmocka_unit_test(a_server_that_hangs_holds_up_nobody_else),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
