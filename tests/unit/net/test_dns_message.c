/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "net/dns_message.h"
#include "tests/unit/net/name_server.h"

#define ID 0x4142

/* An answer to "a.test" with one record of that type in each of the first sections. */
static void write_reply(struct buf *out, unsigned flags, int sections, unsigned type,
                        const char *data, size_t len)
{
    put_16(out, ID);
    put_16(out, flags);
    put_16(out, 1);
    for (int i = 0; i < DNS_SECTIONS; i++)
        put_16(out, i < sections);
    put_name(out, STR("a.test"));
    put_16(out, type);
    put_16(out, 1);
    for (int i = 0; i < sections; i++) {
        put_16(out, 0xc00c);
        put_16(out, type);
        put_16(out, 1);
        put_16(out, 0);
        put_16(out, 300);
        put_16(out, (unsigned)len);
        buf_add(out, data, len);
    }
}

static int read_reply(struct str message, unsigned type, struct arena *arena, struct dns_reply *ret)
{
    const struct dns_question q = {.name = "a.test.", .type = type, .class = 1};
    struct err err = {0};
    int r = dns_reply_read(message, ID, &q, arena, ret, &err);

    assert_int_equal(r, err.code);
    return r;
}

static void records_are_written_as_in_a_zone_file(void **state)
{
    static const struct {
        unsigned type;
        struct str data;
        const char *line;
    } cases[] = {
        {1, {"\xc0\0\x02\x01", 4}, "A\t192.0.2.1"},
        {28, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16}, "AAAA\t2001:db8::1"},
        {2, {"\2ns\xc0\x0c", 5}, "NS\tns.a.test."},
        {5, {"\0", 1}, "CNAME\t."},
        {12, {"\3a b\0", 5}, "PTR\ta\\032b."},
        {15, {"\0\x0a\2mx\0", 6}, "MX\t10 mx."},
        {6,
         {"\2ns\xc0\x0c\1h\xc0\x0c\x78\xc3\xe8\xdd\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 29},
         "SOA\tns.a.test. h.a.test. 2026105053 2 3 4 5"},
        {16, {"\3a\"b\2\\\1\0", 8}, "TXT\t\"a\\\"b\" \"\\\\\\001\" \"\""},
        {33, {"\0\1\0\2\x18\xeb\1r\0", 9}, "SRV\t1 2 6379 r."},
        {257, {"\0\5issueca.test", 14}, "CAA\t0 issue \"ca.test\""},
        {35, {"\0\1\0\2\1s\0\1r\0", 10}, "NAPTR\t1 2 \"s\" \"\" \"r\" ."},
        {52, {"\3\1\1\xab", 4}, "TLSA\t\\# 4 030101ab"},
        {65280, {"", 0}, "TYPE65280\t\\# 0"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf message = {0}, line = {0};
        struct arena arena = {0};
        struct dns_reply reply;

        write_reply(&message, 0x8583, DNS_SECTIONS, cases[i].type, cases[i].data.p,
                    cases[i].data.len);
        if (read_reply(buf_str(&message), cases[i].type, &arena, &reply) < 0)
            fail_msg("%s: broken", cases[i].line);
        assert_int_equal(reply.code, 3);
        assert_int_equal(reply.serial, cases[i].type == 6 ? 2026105053 : 0);
        buf_addf(&line, "a.test.\t300\tIN\t%s", cases[i].line);
        for (int s = 0; s < DNS_SECTIONS; s++) {
            assert_int_equal(reply.n[s], 1);
            if (!str_eq(reply.records[s][0], buf_str(&line)))
                fail_msg("%.*s is not %s", STR_ARG(reply.records[s][0]), line.p);
        }
        arena_deinit(&arena);
        arena = (struct arena){0};
        for (size_t cut = 1; cut <= message.len - 30; cut++) { /* also in the middle of its data */
            int r = read_reply(str_n(message.p, message.len - cut), cases[i].type, &arena, &reply);

            assert_int_equal(r, -EPROTO);
        }
        arena_deinit(&arena);
    }
}

static void data_longer_or_shorter_than_its_record_is_broken(void **state)
{
    static const struct {
        unsigned type;
        struct str data;
    } cases[] = {
        {1, {"\xc0\0\x02\x01\x05", 5}},
        {1, {"\xc0\0\x02", 3}},
        {15, {"\0", 1}},
        {16, {"\4abc", 4}},
        {2, {"", 0}},
        {257, {"\0\5issue", 6}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf message = {0};
        struct arena arena = {0};
        struct dns_reply reply;

        write_reply(&message, 0x8180, 1, cases[i].type, cases[i].data.p, cases[i].data.len);
        assert_int_equal(read_reply(buf_str(&message), cases[i].type, &arena, &reply), -EPROTO);
        arena_deinit(&arena);
    }
}

static void an_answer_that_is_too_large_or_to_somebody_else_is_refused(void **state)
{
    CLEANUP(buf_free) struct buf message = {0};
    struct arena arena;
    struct dns_reply reply;

    write_reply(&message, 0x8180, 1, 1, "\xc0\0\x02\x01", 4);
    arena_init(&arena, 40);
    assert_int_equal(read_reply(buf_str(&message), 1, &arena, &reply), -E2BIG);
    arena_deinit(&arena);
    arena_init(&arena, 0);
    assert_int_equal(read_reply(buf_str(&message), 28, &arena, &reply), -EBADMSG);
    message.p[2] = 0; /* a question */
    assert_int_equal(read_reply(buf_str(&message), 1, &arena, &reply), -EBADMSG);
    arena_deinit(&arena);
}

static void a_question_has_its_class_and_says_whether_to_recurse(void **state)
{
    const struct dns_question root = {.name = ".", .type = 2, .class = 3},
                              name = {.name = "a.b", .type = 255, .class = 1, .recurse = true},
                              bad = {.name = "a..b", .type = 1, .class = 1};
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    assert_int_equal(dns_question_add(&out, ID, &root, NULL), 0);
    assert_int_equal(out.len, 17);
    assert_memory_equal(out.p, "AB\0\0\0\1\0\0\0\0\0\0\0\0\2\0\3", 17);
    buf_reset(&out);
    assert_int_equal(dns_question_add(&out, ID, &name, NULL), 0);
    assert_int_equal(out.len, 21);
    assert_memory_equal(out.p, "AB\1\0\0\1\0\0\0\0\0\0\1a\1b\0\0\xff\0\1", 21);
    assert_int_equal(dns_question_add(&out, ID, &bad, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_written_as_in_a_zone_file),
        cmocka_unit_test(data_longer_or_shorter_than_its_record_is_broken),
        cmocka_unit_test(an_answer_that_is_too_large_or_to_somebody_else_is_refused),
        cmocka_unit_test(a_question_has_its_class_and_says_whether_to_recurse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
