/* SPDX-License-Identifier: Apache-2.0 */
#include "net/crypto.h"

#include <errno.h>
#include <limits.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/must.h"

#define BASE64_STEP                                                                                \
    ((size_t)3                                                                                     \
     << 20) /* bytes at a time: OpenSSL counts in ints; a multiple of 3                  \
                       */

static void digest(const EVP_MD *type, struct str in, uint8_t *out)
{
    must(EVP_Digest(in.p, in.len, out, NULL, type, NULL) == 1);
}

void crypto_md5(struct str in, uint8_t out[16])
{
    digest(EVP_md5(), in, out);
}

void crypto_sha1(struct str in, uint8_t out[20])
{
    digest(EVP_sha1(), in, out);
}

void crypto_sha256(struct str in, uint8_t out[32])
{
    digest(EVP_sha256(), in, out);
}

void crypto_hmac_sha256(struct str key, struct str message, uint8_t out[32])
{
    must(key.len <= INT_MAX);
    /* A NULL key means "the one before" to OpenSSL: an empty one must still point somewhere. */
    must(HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.len, (const uint8_t *)message.p,
              message.len, out, NULL));
}

void crypto_random(void *out, size_t n)
{
    uint8_t *p = out;

    while (n > 0) {
        size_t step = n < INT_MAX ? n : INT_MAX;

        must(RAND_bytes(p, (int)step) == 1);
        p += step;
        n -= step;
    }
}

void crypto_base64(struct str in, struct buf *out)
{
    while (in.len > 0) {
        size_t step = in.len < BASE64_STEP ? in.len : BASE64_STEP;
        /* EVP_EncodeBlock() writes a zero behind; buf_room() has a byte for that. */
        char *room = buf_room(out, (step + 2) / 3 * 4);

        out->len += (size_t)EVP_EncodeBlock((uint8_t *)room, (const uint8_t *)in.p, (int)step);
        in.p += step;
        in.len -= step;
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int crypto_base64_decode(struct str in, struct buf *out)
{
    size_t before = out->len;
    uint32_t bits = 0;

    while (in.len > 0 && in.p[in.len - 1] == '=')
        in.len--;
    for (size_t i = 0; i < in.len; i++) {
        int digit = base64_digit(in.p[i]);

        if (digit < 0 || (in.len % 4 == 1 && i + 1 == in.len)) {
            out->len = before;
            return -EINVAL;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0) /* 6 bits more than whole bytes, then 4, then 2, then none */
            buf_add_byte(out, (char)(bits >> (6 - i % 4 * 2)));
    }
    return 0;
}

void crypto_hex(const uint8_t *in, size_t n, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        buf_add_byte(out, digits[in[i] >> 4]);
        buf_add_byte(out, digits[in[i] & 15]);
    }
}
