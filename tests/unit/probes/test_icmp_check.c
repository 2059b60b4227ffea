/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/probes/checking.h"

#define PATIENCE 5000

static void check(const char *address, const struct config_icmp_check *c, dur_ms timeout)
{
    const struct config_scrape job = {.kind = JOB_ICMP_CHECK, .icmp_check = c};

    check_target(&probe_icmp_check_source, &job, address, timeout);
}

static struct config_icmp_check plain(int version)
{
    struct config_icmp_check c = config_icmp_check_defaults;

    c.ip.preferred = version;
    return c;
}

/* Some machines allow no ICMP to some users, some have no IPv6. */
static void need_icmp(int version)
{
    int family = version == 4 ? AF_INET : AF_INET6;
    int protocol = version == 4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_DGRAM, protocol);

    if (fd < 0)
        fd = socket(family, SOCK_RAW, protocol);
    if (fd >= 0 && version == 6 && bind(fd, (struct sockaddr *)&six, sizeof six) < 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        print_message("no ICMP of IPv%d here: %s\n", version, strerrordesc_np(errno));
        skip();
    }
    close(fd);
}

static void this_machine_answers(void **state)
{
    struct config_icmp_check c = plain(4);
    double rtt, all;

    need_icmp(4);
    check("127.0.0.1", &c, PATIENCE);
    assert_as_recorded("icmp-loopback");
    assert_value("probe_success", 1);
    assert_true(page_value(buf_str(&page), "probe_icmp_duration_seconds{phase=\"rtt\"}", &rtt));
    assert_true(page_value(buf_str(&page), "probe_duration_seconds", &all));
    assert_true(rtt > 0 && rtt < all);
}

static void payload_and_lifetime_are_those_of_the_configuration(void **state)
{
    struct config_icmp_check c = plain(4);

    need_icmp(4);
    c.ttl = 7;
    c.source_ip_address = "127.0.0.1";
    for (c.payload_size = 1; c.payload_size < 65507; c.payload_size = c.payload_size * 9 + 7) {
        check("127.0.0.1", &c, PATIENCE);
        assert_value("probe_success", 1);
        assert_value("probe_icmp_reply_hop_limit", 64); /* that of the reply is its sender's */
    }
    c.payload_size = 65507;
    check("127.0.0.1", &c, PATIENCE);
    assert_value("probe_success", 1);
}

static void ipv6_answers_too(void **state)
{
    struct config_icmp_check c = plain(6);

    need_icmp(6);
    check("::1", &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_ip_protocol", 6);
    assert_value("probe_icmp_reply_hop_limit", 64);
    c.payload_size = 1400;
    c.dont_fragment = true;
    check("::1", &c, PATIENCE);
    assert_value("probe_success", 1);
}

static void names_that_are_none_fail_and_so_does_a_source_that_is_not_ours(void **state)
{
    struct config_icmp_check c = plain(4);

    check("no-such-host.invalid", &c, PATIENCE);
    assert_as_recorded("icmp-noname");
    assert_null(strstr(page.p, "probe_icmp_reply_hop_limit"));
    assert_failed_at("resolve", "no-such-host.invalid");
    check("", &c, PATIENCE);
    assert_failed_at("address", "empty");
    need_icmp(4);
    c.source_ip_address = "192.0.2.1";
    check("127.0.0.1", &c, PATIENCE);
    assert_failed_at("socket", "source 192.0.2.1: Cannot assign requested address");
}

static int drop_page(void **state)
{
    buf_free(&page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_answers),
        cmocka_unit_test(payload_and_lifetime_are_those_of_the_configuration),
        cmocka_unit_test(ipv6_answers_too),
        cmocka_unit_test(names_that_are_none_fail_and_so_does_a_source_that_is_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, drop_page);
}
