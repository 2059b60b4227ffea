/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/lookup.h"
#include "net/ping.h"
#include "net/ping_priv.h"

/* ---- bytes --------------------------------------------------------------------------------- */

static void a_request_has_its_checksum(void **state)
{
    static const struct {
        struct ping_words words;
        struct str packet;
    } cases[] = {
        {{.version = 4, .id = 0x1234, .sequence = 1, .payload = {"abc", 3}},
         {"\x08\0\x21\x68\x12\x34\0\1abc", 11}},
        {{.version = 6, .id = 0xffff, .sequence = 0xffff, .payload = {"", 0}},
         {"\x80\0\x7f\xff\xff\xff\xff\xff", 8}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf out = {0};
        unsigned sum = 0;

        ping_request_add(&out, &cases[i].words);
        assert_int_equal(out.len, cases[i].packet.len);
        assert_memory_equal(out.p, cases[i].packet.p, out.len);
        for (size_t k = 0; k < out.len; k++)
            sum += (unsigned)(uint8_t)out.p[k] << (k % 2 ? 0 : 8);
        assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff); /* as a receiver adds it up */
    }
}

static void only_the_reply_to_our_request_is_taken(void **state)
{
    static const struct {
        int version;
        bool raw;
        struct str packet;
        bool good;
    } cases[] = {
        {4, false, {"\0\0xxAB\0\1abc", 11}, true},
        {4, false, {"\0\0xxCD\0\1abc", 11}, true}, /* the id is the kernel's */
        {4, false, {"\0\0xxAB\0\2abc", 11}, false},
        {4, false, {"\0\0xxAB\0\1abd", 11}, false},
        {4, false, {"\0\0xxAB\0\1ab", 10}, false},
        {4, false, {"\x08\0xxAB\0\1abc", 11}, false},
        {4, false, {"\0\1xxAB\0\1abc", 11}, false},
        {4, false, {"\0\0xxAB\0", 7}, false},
        {4, false, {"", 0}, false},
        {4, true, {"\x45___________________\0\0xxAB\0\1abc", 31}, true},
        {4, true, {"\x45___________________\0\0xxCD\0\1abc", 31}, false},
        {4, true, {"\x46_______________________\0\0xxAB\0\1abc", 35}, true},
        {4, true, {"\x45___________________\0\0xxAB\0", 27}, false},
        {4, true, {"\x4f", 1}, false},
        {4, true, {"", 0}, false},
        {6, true, {"\x81\0xxAB\0\1abc", 11}, true},
        {6, true, {"\x80\0xxAB\0\1abc", 11}, false},
        {6, false, {"\x81\0xxCD\0\1abc", 11}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct ping_words w = {.version = cases[i].version,
                                     .raw = cases[i].raw,
                                     .id = 0x4142,
                                     .sequence = 1,
                                     .payload = {"abc", 3}};

        if (ping_is_reply(cases[i].packet, &w) != cases[i].good)
            fail_msg("case %zu", i);
    }
}

/* ---- sockets ------------------------------------------------------------------------------- */

static int asked_for[4], n_asked;

static int refuse(int family, int type, int protocol)
{
    asked_for[n_asked++] = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    errno = type & SOCK_RAW ? EPERM : EACCES;
    return -1;
}

static int lack(int family, int type, int protocol)
{
    errno = EAFNOSUPPORT;
    return -1;
}

static void on_reply(int hop_limit, const struct err *err, void *arg)
{
    fail_msg("nobody was asked");
}

static void what_is_not_allowed_is_told_with_what_to_do(void **state)
{
    const struct ip_address to = {.version = 4, .text = "127.0.0.1"};
    const struct ping_options o = {.to = &to, .payload = 8};
    struct loop *l = loop_new();
    struct ping *p = NULL;
    struct err err = {0};

    ping_socket = refuse;
    assert_int_equal(ping_start(l, &o, on_reply, NULL, &p, &err), -EPERM);
    assert_non_null(strstr(err.msg, "ICMP is not allowed here: put group"));
    assert_non_null(strstr(err.msg, "net.ipv4.ping_group_range (sysctl), or give it CAP_NET_RAW"));
    assert_non_null(strstr(err.msg, "或授予 CAP_NET_RAW"));
    assert_int_equal(n_asked, 2);
    assert_int_equal(asked_for[0], SOCK_DGRAM);
    assert_int_equal(asked_for[1], SOCK_RAW);
    ping_socket = lack;
    assert_int_equal(ping_start(l, &o, on_reply, NULL, &p, &err), -EAFNOSUPPORT);
    assert_null(p);
    ping_socket = socket;
    loop_free(l);
}

static int opened;

static int remember(int family, int type, int protocol)
{
    return opened = socket(family, type, protocol);
}

static int setting(int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(opened, level, name, &value, &len), 0);
    return value;
}

static void ignore_reply(int hop_limit, const struct err *err, void *arg)
{
}

static void the_socket_is_set_up_as_asked(void **state)
{
    const struct ip_address four = {.version = 4, .text = "127.0.0.1"},
                            six = {.version = 6, .text = "::1"};
    struct loop *l = loop_new();

    ping_socket = remember;
    for (int strict = 0; strict < 2; strict++) {
        struct ping_options o = {
            .to = &four, .payload = 8, .dont_fragment = strict, .ttl = strict ? 9 : 0};
        struct ping *p = NULL;

        if (ping_start(l, &o, ignore_reply, NULL, &p, NULL) == 0) { /* else not allowed here */
            assert_int_equal(setting(IPPROTO_IP, IP_TTL), strict ? 9 : 64);
            assert_int_equal(setting(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DO, strict);
            ping_free(p);
        }
        o.to = &six;
        if (ping_start(l, &o, ignore_reply, NULL, &p, NULL) == 0) {
            assert_int_equal(setting(IPPROTO_IPV6, IPV6_UNICAST_HOPS), strict ? 9 : 64);
            assert_int_equal(setting(IPPROTO_IPV6, IPV6_MTU_DISCOVER) == IPV6_PMTUDISC_DO, strict);
            ping_free(p);
        }
    }
    ping_socket = socket;
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_its_checksum),
        cmocka_unit_test(only_the_reply_to_our_request_is_taken),
        cmocka_unit_test(what_is_not_allowed_is_told_with_what_to_do),
        cmocka_unit_test(the_socket_is_set_up_as_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
