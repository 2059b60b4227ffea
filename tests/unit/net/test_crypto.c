/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/crypto.h"

#define LARGE ((size_t)7 << 20) /* bytes; more than what is encoded at a time */

static void assert_hex(const uint8_t *got, size_t n, const char *expected)
{
    CLEANUP(buf_free)
    struct buf hex = {0};

    crypto_hex(got, n, &hex);
    assert_string_equal(hex.p, expected);
}

/* RFC 1321, FIPS 180-4 and RFC 4231 give these. */
static void digests_are_those_of_the_standards(void **state)
{
    uint8_t out[32];

    crypto_md5(STR("abc"), out);
    assert_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72");
    crypto_md5(STR_NONE, out);
    assert_hex(out, 16, "d41d8cd98f00b204e9800998ecf8427e");
    crypto_sha1(STR("abc"), out);
    assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    crypto_sha256(STR("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void an_empty_key_is_a_key_and_not_the_one_before(void **state)
{
    uint8_t out[32];

    crypto_hmac_sha256(STR("other"), STR("x"), out);
    crypto_hmac_sha256(STR_NONE, STR(""), out);
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void base64_pads_and_appends(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ">"},        {"f", ">Zg=="},          {"fo", ">Zm8="},
        {"foo", ">Zm9v"}, {"foobar", ">Zm9vYmFy"}, {"\xff\xfe\xfd", ">//79"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free)
        struct buf out = {0};

        buf_add_c(&out, ">");
        crypto_base64(str_c(cases[i].in), &out);
        assert_string_equal(out.p, cases[i].out);
    }
}

static void base64_of_a_large_input_has_padding_at_its_end_only(void **state)
{
    CLEANUP(mem_freep)
    char *in = mem_zalloc(LARGE);
    CLEANUP(buf_free)
    struct buf out = {0};

    crypto_base64(str_n(in, LARGE), &out);
    assert_int_equal(out.len, (LARGE + 2) / 3 * 4);
    assert_int_equal(strcspn(out.p, "="), out.len - (3 - LARGE % 3) % 3);
    assert_int_equal(strlen(out.p), out.len);
}

static void random_bytes_differ(void **state)
{
    uint8_t a[16], b[16];

    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(an_empty_key_is_a_key_and_not_the_one_before),
        cmocka_unit_test(base64_pads_and_appends),
        cmocka_unit_test(base64_of_a_large_input_has_padding_at_its_end_only),
        cmocka_unit_test(random_bytes_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
