/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto - digests, signatures, base64, random bytes; over OpenSSL
 */
#ifndef TOCSIN_NET_CRYPTO_H
#define TOCSIN_NET_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

void crypto_md5(struct str in, uint8_t out[16]);
void crypto_sha1(struct str in, uint8_t out[20]);
void crypto_sha256(struct str in, uint8_t out[32]);
void crypto_hmac_sha256(struct str key, struct str message, uint8_t out[32]);
void crypto_random(void *out, size_t n);
void crypto_base64(struct str in, struct buf *out);
/* Of both alphabets, with or without "=" at the end. -EINVAL, and out as it was. */
int crypto_base64_decode(struct str in, struct buf *out);
void crypto_hex(const uint8_t *in, size_t n, struct buf *out);

#endif
