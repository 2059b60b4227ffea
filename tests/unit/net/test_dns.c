/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/file.h"
#include "base/mem.h"
#include "net/dns_message_priv.h"
#include "tests/unit/net/name_server.h"

static struct name_server server;
static char address[32], conf[64];

static const struct known_name names[] = {
    {"a.test.", DNS_A, "192.0.2.1 192.0.2.2"},
    {"a.test.", DNS_AAAA, "2001:db8::1"},
    {"_redis._tcp.test.", DNS_SRV, "r1.test.:6379 r2.test.:6380"},
    {"mail.test.", DNS_MX, "mx.test."},
    {"zone.test.", DNS_NS, "ns1.test."},
    {"empty.test.", DNS_A, ""},
    {"broken.test.", DNS_A, "#192.0.2.1"},
    {"refused.test.", DNS_A, "!5"},
    {"silent.test.", DNS_A, "~"},
    {"long.test.", DNS_A, "|192.0.2.3"},
    {"spoofed.test.", DNS_A, "?192.0.2.4"},
    {"short.one.test.", DNS_A, "192.0.2.5"},
    {"short.two.test.", DNS_A, "192.0.2.6"},
    {"a.b.test.one.test.", DNS_A, "192.0.2.7"},
    {"a.b.", DNS_A, "192.0.2.8"},
    {"a.b.one.test.", DNS_A, "192.0.2.9"},
    {"half.one.test.", DNS_A, "!2"},
    {NULL, 0, NULL},
};

/* ---- asking -------------------------------------------------------------------------------- */

struct question {
    struct loop *loop;
    struct buf got; /* records, a blank behind each, or the words of the failure */
    int code;
};

static void hear(const struct dns_record *records, size_t n, const struct err *err, void *arg)
{
    struct question *q = arg;

    q->code = err ? err->code : 0;
    if (err)
        buf_add_c(&q->got, err->msg);
    for (size_t i = 0; i < n; i++)
        buf_addf(&q->got, records[i].port ? "%s%u " : "%s ", records[i].name, records[i].port);
    loop_stop(q->loop);
}

static void ask_of(struct question *q, const char *name, enum dns_type type, const char *const *who,
                   size_t n)
{
    *q = (struct question){.loop = loop_new()};
    dns_ask(q->loop, name, type, who, n, hear, q);
    assert_int_equal(q->got.len, 0);
    loop_run(q->loop);
    loop_free(q->loop);
    if (!q->got.p)
        buf_add_c(&q->got, "");
}

static void records_of_every_kind_are_read_and_failures_have_words(void **state)
{
    static const struct {
        const char *name;
        enum dns_type type;
        const char *got;
        int code;
    } cases[] = {
        {"a.test", DNS_A, "192.0.2.1 192.0.2.2 ", 0},
        {"A.Test.", DNS_A, "192.0.2.1 192.0.2.2 ", 0},
        {"a.test", DNS_AAAA, "2001:db8::1 ", 0},
        {"_redis._tcp.test", DNS_SRV, "r1.test.6379 r2.test.6380 ", 0},
        {"mail.test", DNS_MX, "mx.test. ", 0},
        {"zone.test", DNS_NS, "ns1.test. ", 0},
        {"empty.test", DNS_A, "", 0},
        {"unknown.test", DNS_A, "", 0},
        {"long.test", DNS_A, "192.0.2.3 ", 0},
        {"spoofed.test", DNS_A, "192.0.2.4 ", 0},
        {"refused.test", DNS_A, "failure with code 5", -EPROTO},
        {"broken.test", DNS_A, "a broken answer", -EPROTO},
        {"a..test", DNS_A, "is no name: each part has 1 to 63 bytes", -EINVAL},
        {"", DNS_A, "an empty name", -EINVAL},
    };
    const char *who = address;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct question q;

        ask_of(&q, cases[i].name, cases[i].type, &who, 1);
        assert_int_equal(q.code, cases[i].code);
        if (cases[i].code ? !strstr(q.got.p, cases[i].got)
                          : !str_eq_c(buf_str(&q.got), cases[i].got))
            fail_msg("%s: %s", cases[i].name, q.got.p);
        buf_free(&q.got);
    }
    assert_int_equal(atomic_load(&server.asked_tcp), 1);
}

static void a_server_that_is_none_is_told_and_one_that_refuses_is_passed_over(void **state)
{
    char closed[32];
    const char *who[] = {closed, address};
    struct question q;
    int port, fd = peer_bind(&port);

    close(fd);
    snprintf(closed, sizeof closed, "127.0.0.1:%d", port);
    ask_of(&q, "a.test", DNS_A, who, 2);
    assert_string_equal(q.got.p, "192.0.2.1 192.0.2.2 ");
    buf_free(&q.got);
    ask_of(&q, "a.test", DNS_A, who, 1);
    assert_int_equal(q.code, -ECONNREFUSED);
    buf_free(&q.got);
    who[0] = "ns.example";
    ask_of(&q, "a.test", DNS_A, who, 2);
    assert_int_equal(q.code, -EINVAL);
    buf_free(&q.got);
}

/* ---- the machine's file -------------------------------------------------------------------- */

static void write_conf(const char *more)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_addf(&text, "# ours\nnameserver\t%s\nsearch one.test two.test\n%s", address, more);
    assert_int_equal(file_write_atomic(conf, buf_str(&text), NULL), 0);
}

static void names_are_looked_for_in_the_domains_of_the_machine(void **state)
{
    static const struct {
        const char *name, *got, *options;
    } cases[] = {
        {"short", "192.0.2.5 ", ""},
        {"short.two.test.", "192.0.2.6 ", ""},
        {"a.b", "192.0.2.8 ", ""},
        {"a.b", "192.0.2.9 ", "options ndots:5\n"}, /* then the domains come first */
        {"a.b.test", "192.0.2.7 ", "options ndots:5 timeout:1\n"},
        {"short.", "", ""},
        {"none", "", ""},
        {"half", "resolve half.one.test: server 127.0.0.1", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct question q;

        write_conf(cases[i].options);
        ask_of(&q, cases[i].name, DNS_A, NULL, 0);
        if (!str_has_prefix(buf_str(&q.got), str_c(cases[i].got)) ||
            (!cases[i].got[0] && q.got.len))
            fail_msg("%s: %s", cases[i].name, q.got.p);
        buf_free(&q.got);
    }
}

static void silence_ends_after_the_time_and_the_attempts_of_the_machine(void **state)
{
    struct question q;
    int before = atomic_load(&server.asked);
    int64_t start = clock_mono_ns();

    write_conf("options timeout:1 attempts:2\n");
    ask_of(&q, "silent.test.", DNS_A, NULL, 0);
    assert_int_equal(q.code, -ETIMEDOUT);
    assert_non_null(strstr(q.got.p, "no answer in time"));
    assert_int_equal(atomic_load(&server.asked), before + 2);
    assert_true(clock_mono_ns() - start >= 2 * NS_PER_S - NS_PER_S / 10);
    buf_free(&q.got);
}

static void a_cancelled_question_leaves_nothing(void **state)
{
    struct loop *l = loop_new();
    const char *who = address;

    dns_cancel(dns_ask(l, "silent.test", DNS_A, &who, 1, hear, NULL));
    dns_cancel(dns_ask(l, "", DNS_A, &who, 1, hear, NULL));
    dns_cancel(NULL);
    loop_free(l);
}

static int start_server(void **state)
{
    name_server_start(&server, names);
    snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
    snprintf(conf, sizeof conf, "/tmp/tocsin-test-resolv-%d", (int)getpid());
    dns_resolv_conf = conf;
    return 0;
}

static int stop_server(void **state)
{
    name_server_stop(&server);
    unlink(conf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_kind_are_read_and_failures_have_words),
        cmocka_unit_test(a_server_that_is_none_is_told_and_one_that_refuses_is_passed_over),
        cmocka_unit_test(names_are_looked_for_in_the_domains_of_the_machine),
        cmocka_unit_test(silence_ends_after_the_time_and_the_attempts_of_the_machine),
        cmocka_unit_test(a_cancelled_question_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
