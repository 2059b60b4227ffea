/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "base/regex.h"
#include "net/dns_message.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/name_server.h"
#include "tests/unit/probes/checking.h"

#define PATIENCE 5000

static struct name_server server;
static struct cert ours, theirs, host;

/* Serial 2026112301; a name server in the second section and its address in the third. */
static const struct raw_records soa = {
    0x8580,
    {1, 1, 1},
    "\xc0\x0c\0\6\0\1\0\0\x0e\x10\0\x1d\2ns\xc0\x0c\1h\xc0\x0c\x78\xc3\xeb\xcd\0\0\0\2\0\0\0\3\0\0"
    "\0\4\0\0\0\5"
    "\xc0\x0c\0\2\0\1\0\0\x0e\x10\0\5\2ns\xc0\x0c"
    "\2ns\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\x7f\0\0\1",
    41 + 17 + 19,
};
static const struct raw_records empty_soa = {0x8580, {0, 0, 0}, "", 0};

static const struct known_name names[] = {
    {"www.example.test.", DNS_A, "10.0.0.1 10.0.0.2", NULL},
    {"cut.example.test.", DNS_A, "|10.0.0.3", NULL},
    {"guessed.example.test.", DNS_A, "?10.0.0.4", NULL},
    {"silent.example.test.", DNS_A, "~", NULL},
    {"broken.example.test.", DNS_A, "#10.0.0.5", NULL},
    {"refused.example.test.", DNS_A, "!5", NULL},
    {"example.test.", DNS_TYPE_SOA, NULL, &soa},
    {"none.test.", DNS_TYPE_SOA, NULL, &empty_soa},
    {NULL, 0, NULL, NULL},
};

static struct config_dns_check asking(const char *name, int type)
{
    struct config_dns_check c = config_dns_check_defaults;

    c.ip.preferred = 4;
    c.query_name = name;
    c.query_type = type;
    return c;
}

static void check_port(int port, const struct config_dns_check *c, dur_ms timeout)
{
    const struct config_scrape job = {.kind = JOB_DNS_CHECK, .dns_check = c};
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    check_target(&probe_dns_check_source, &job, address, timeout);
}

static void check(const struct config_dns_check *c)
{
    check_port(server.port, c, PATIENCE);
}

/* ---- as blackbox_exporter ------------------------------------------------------------------ */

static void pages_are_those_of_blackbox_exporter(void **state)
{
    struct config_dns_check www = asking("www.example.test", DNS_A),
                            zone = asking("example.test", DNS_TYPE_SOA),
                            none = asking("nx.example.test", DNS_A);
    int port, fd = peer_bind(&port);

    check(&www);
    assert_as_recorded("dns-a");
    check(&none);
    assert_as_recorded("dns-nxdomain");
    assert_failed_at("rcode", "NXDOMAIN (3)");
    check_port(port, &www, PATIENCE);
    assert_as_recorded("dns-closed");
    assert_failed_at("answer", "by UDP: Connection refused");
    close(fd);
    check(&zone);
    assert_value("probe_success", 1);
    assert_value("probe_dns_serial", 2026105805);
    assert_value("probe_dns_answer_rrs", 1);
    assert_value("probe_dns_authority_rrs", 1);
    assert_value("probe_dns_additional_rrs", 1);
    zone.query_name = "none.test";
    check(&zone);
    assert_value("probe_success", 1);
    assert_value("probe_dns_serial", 0);
}

static void codes_that_are_valid_pass(void **state)
{
    uint64_t codes[] = {3, 5};
    struct config_dns_check c = asking("nx.example.test", DNS_A);

    c.valid_rcodes = codes;
    c.n_valid_rcodes = ARRAY_LEN(codes);
    check(&c);
    assert_value("probe_success", 1);
    c.query_name = "refused.example.test";
    check(&c);
    assert_value("probe_success", 1);
    c.query_name = "www.example.test";
    check(&c);
    assert_failed_at("rcode", "NOERROR (0)");
}

/* ---- records ------------------------------------------------------------------------------- */

static struct regex *pattern(const char *text)
{
    struct regex *r;

    assert_int_equal(regex_new(str_c(text), REGEX_SEARCH, &r, NULL), 0);
    return r;
}

static void records_are_judged_by_patterns(void **state)
{
    enum { MATCHES, ALL, NOT, NONE };
    static const struct {
        const char *name;
        int rule;
        const char *pattern, *words; /* NULL: it passes */
    } cases[] = {
        {"www.example.test", MATCHES, "10[.]0[.]0[.]9$", NULL},
        {"www.example.test", MATCHES, "\tA\t10[.]0[.]0[.]2$", " matches fail_if_matches_regexp "},
        {"www.example.test", NOT, "^www[.]example[.]test[.]\t60\tIN\tA\t10[.]", NULL},
        {"www.example.test", NOT, "10[.]0[.]0[.]1$", " does not match fail_if_not_matches_regexp "},
        {"www.example.test", ALL, "10[.]0[.]0[.]", NULL}, /* as blackbox_exporter has it */
        {"www.example.test", ALL, "10[.]0[.]0[.]1$", " does not match fail_if_all_match_regexp "},
        {"www.example.test", NONE, "10[.]0[.]0[.]2$", NULL},
        {"www.example.test", NONE, "10[.]0[.]0[.]3$", "none of 2 records matches"},
        {"none.test", MATCHES, ".", NULL},
        {"none.test", ALL, ".", NULL},
        {"none.test", NOT, ".", "answer: no records"},
        {"none.test", NONE, ".", "none of 0 records"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool zone = strcmp(cases[i].name, "none.test") == 0;
        struct config_dns_check c = asking(cases[i].name, zone ? DNS_TYPE_SOA : DNS_A);
        struct regex *p = pattern(cases[i].pattern);
        struct config_record_rules *r = &c.answer;
        struct regex ***lists[] = {&r->matches, &r->all_match, &r->not_matches, &r->none_matches};
        size_t *counts[] = {&r->n_matches, &r->n_all_match, &r->n_not_matches, &r->n_none_matches};

        *lists[cases[i].rule] = &p;
        *counts[cases[i].rule] = 1;
        check(&c);
        if (cases[i].words)
            assert_failed_at("records", cases[i].words);
        else
            assert_value("probe_success", 1);
        regex_free(p);
    }
}

static void each_section_has_its_own_patterns(void **state)
{
    struct regex *server_name = pattern("\tNS\tns[.]example[.]test[.]$"),
                 *address = pattern("^ns[.]example[.]test[.]\t3600\tIN\tA\t127[.]0[.]0[.]1$");
    struct config_dns_check c = asking("example.test", DNS_TYPE_SOA);

    c.authority.not_matches = &server_name;
    c.additional.not_matches = &address;
    c.authority.n_not_matches = c.additional.n_not_matches = 1;
    check(&c);
    assert_value("probe_success", 1);
    c.authority.not_matches = &address;
    check(&c);
    assert_failed_at("records", "authority: ");
    c.authority.n_not_matches = 0;
    c.additional.not_matches = &server_name;
    check(&c);
    assert_failed_at("records", "additional: ");
    regex_free(server_name);
    regex_free(address);
}

/* ---- on the way ---------------------------------------------------------------------------- */

static void guesses_are_passed_over_and_silence_and_broken_answers_fail(void **state)
{
    struct config_dns_check c = asking("guessed.example.test", DNS_A);
    double connect, request;

    check(&c);
    assert_value("probe_success", 1);
    c.query_name = "broken.example.test";
    check(&c);
    assert_failed_at("answer", "a broken answer");
    assert_value("probe_dns_query_succeeded", 0);
    c.query_name = "silent.example.test";
    check_port(server.port, &c, 200);
    assert_failed_at("answer", "no answer within 200ms");
    assert_true(
        page_value(buf_str(&page), "probe_dns_duration_seconds{phase=\"connect\"}", &connect));
    assert_true(
        page_value(buf_str(&page), "probe_dns_duration_seconds{phase=\"request\"}", &request));
    assert_true(connect < 0.1 && request > 0.1);
    c.query_name = "a..b";
    check(&c);
    assert_failed_at("query_name", "is no name");
}

static void udp_takes_what_was_cut_and_tcp_gets_all(void **state)
{
    struct config_dns_check c = asking("cut.example.test", DNS_A);
    int before = atomic_load(&server.asked_tcp);

    check(&c);
    assert_value("probe_success", 1);
    assert_value("probe_dns_answer_rrs", 0);
    assert_int_equal(atomic_load(&server.asked_tcp), before);
    c.tcp = true;
    check(&c);
    assert_value("probe_dns_answer_rrs", 1);
    assert_int_equal(atomic_load(&server.asked_tcp), before + 1);
    c.query_name = "silent.example.test"; /* over TCP our server hangs up */
    check(&c);
    assert_failed_at("answer", "closed by the server");
}

static void serve_tls(SSL *ssl, void *arg)
{
    CLEANUP(buf_free) struct buf out = {0}, stray = {0}, framed = {0};
    char question[514];
    int n = 0, got;

    while (n < 2 || n - 2 < question[1]) {
        if ((got = SSL_read(ssl, question + n, (int)sizeof question - n)) <= 0)
            return;
        n += got;
    }
    answer_question(&server, question + 2, (size_t)n - 2, true, &out, &stray);
    put_16(&framed, (unsigned)out.len);
    buf_add_str(&framed, buf_str(&out));
    SSL_write(ssl, framed.p, (int)framed.len);
}

static void over_tls_the_server_has_to_be_the_one(void **state)
{
    struct config_dns_check c = asking("www.example.test", DNS_A);
    struct tls_peer p;
    double expiry;

    c.tcp = c.tls.enabled = true;
    c.tls.ca = ours.pem;
    tls_peer_start(&p, &host, NULL, serve_tls, NULL);
    check_port(p.peer.port, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_dns_answer_rrs", 2);
    assert_true(page_value(buf_str(&page), "probe_ssl_earliest_cert_expiry", &expiry));
    c.tls.ca = theirs.pem;
    check_port(p.peer.port, &c, PATIENCE);
    assert_failed_at("tls", "certificate: ");
    assert_value("probe_dns_query_succeeded", 0);
    tls_peer_stop(&p);
}

static void the_source_is_an_address_of_this_machine(void **state)
{
    struct config_dns_check c = asking("www.example.test", DNS_A);

    for (int tcp = 0; tcp < 2; tcp++) {
        c.tcp = tcp;
        c.source_ip_address = "127.0.0.1";
        check(&c);
        assert_value("probe_success", 1);
        c.source_ip_address = "192.0.2.1";
        check(&c);
        assert_failed_at("connect", "Cannot assign requested address");
    }
}

static void an_address_may_lack_its_port(void **state)
{
    static const struct {
        const char *address;
        bool good;
    } cases[] = {
        {"", false},         {"a:0", false},    {":53", false}, {"127.0.0.1:x", false},
        {"[::1", false},     {"[::1]x", false}, {"::1", true},  {"[::1]:1", true},
        {"127.0.0.1", true},
    };
    struct config_dns_check c = asking("www.example.test", DNS_A);
    const struct config_scrape job = {.kind = JOB_DNS_CHECK, .dns_check = &c};

    c.source_ip_address = "192.0.2.1"; /* nobody is asked */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_target(&probe_dns_check_source, &job, cases[i].address, PATIENCE);
        assert_failed_at(cases[i].good ? "connect" : "address",
                         cases[i].good ? "socket with the address" : "expected HOST or HOST:PORT");
    }
}

static int start_server(void **state)
{
    name_server_start(&server, names);
    ours = cert_new("our authority", NULL, NULL);
    theirs = cert_new("their authority", NULL, NULL);
    host = cert_new("server", "IP:127.0.0.1", &ours);
    return 0;
}

static int stop_server(void **state)
{
    name_server_stop(&server);
    cert_deinit(&ours);
    cert_deinit(&theirs);
    cert_deinit(&host);
    buf_free(&page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_those_of_blackbox_exporter),
        cmocka_unit_test(codes_that_are_valid_pass),
        cmocka_unit_test(records_are_judged_by_patterns),
        cmocka_unit_test(each_section_has_its_own_patterns),
        cmocka_unit_test(guesses_are_passed_over_and_silence_and_broken_answers_fail),
        cmocka_unit_test(udp_takes_what_was_cut_and_tcp_gets_all),
        cmocka_unit_test(over_tls_the_server_has_to_be_the_one),
        cmocka_unit_test(the_source_is_an_address_of_this_machine),
        cmocka_unit_test(an_address_may_lack_its_port),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
