/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_message_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LABEL_MAX     63
#define WIRE_NAME_MAX 255 /* bytes on the wire */
#define CLASS_IN      1
#define FLAG_ANSWER   0x8000
#define FLAG_CUT      0x0200
#define FLAG_RECURSE  0x0100
#define CODE_MASK     0x000f

/* ---- the question -------------------------------------------------------------------------- */

static void add_16(struct buf *out, unsigned v)
{
    buf_add_byte(out, (char)(v >> 8));
    buf_add_byte(out, (char)v);
}

static int add_name(struct buf *out, const char *name, struct err *err)
{
    struct str rest = str_c(name);
    size_t start = out->len;

    if (str_has_suffix(rest, STR(".")))
        rest.len--;
    if (rest.len == 0)
        return err_set(err, -EINVAL, "an empty name");
    while (rest.p) {
        size_t len = str_find(rest, STR("."));

        if (len == 0 || len > LABEL_MAX)
            return err_set(err, -EINVAL, "\"%s\" is no name: each part has 1 to %d bytes", name,
                           LABEL_MAX);
        buf_add_byte(out, (char)len);
        buf_add(out, rest.p, len);
        rest = len < rest.len ? str_n(rest.p + len + 1, rest.len - len - 1) : STR_NONE;
    }
    buf_add_byte(out, 0);
    if (out->len - start > WIRE_NAME_MAX)
        return err_set(err, -EINVAL, "\"%s\" is longer than a name may be", name);
    return 0;
}

int dns_question(struct buf *out, uint16_t id, const char *name, enum dns_type type,
                 struct err *err)
{
    int r;

    add_16(out, id);
    add_16(out, FLAG_RECURSE);
    add_16(out, 1);
    for (int i = 0; i < 3; i++)
        add_16(out, 0);
    r = add_name(out, name, err);
    add_16(out, type);
    add_16(out, CLASS_IN);
    return r;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* What is left of a message; every read checks, and after the first that fails all do. */
struct reader {
    struct str all;
    size_t at;
    bool failed;
};

static unsigned read_16(struct reader *r)
{
    const uint8_t *p = (const uint8_t *)r->all.p + r->at;

    if (r->failed || r->all.len - r->at < 2) {
        r->failed = true;
        return 0;
    }
    r->at += 2;
    return (unsigned)p[0] << 8 | p[1];
}

static void skip(struct reader *r, size_t n)
{
    if (r->failed || r->all.len - r->at < n)
        r->failed = true;
    else
        r->at += n;
}

static void add_label(struct buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c == '.' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c <= ' ' || c >= 127)
            buf_addf(out, "\\%03u", c);
        else
            buf_add_byte(out, (char)c);
    }
    buf_add_byte(out, '.');
}

/* Appends the name at *at. Moves *at behind it; pointers lead only backwards, so it ends. */
static bool read_name_at(struct str all, size_t *at, struct buf *out)
{
    size_t here = *at, bound = *at, wire = 0;
    bool followed = false;

    for (;;) {
        uint8_t len;

        if (here >= all.len)
            return false;
        len = (uint8_t)all.p[here];
        if (len >= 0xc0) {
            if (here + 2 > all.len)
                return false;
            if (!followed)
                *at = here + 2;
            followed = true;
            here = (size_t)(len & 0x3f) << 8 | (uint8_t)all.p[here + 1];
            if (here >= bound)
                return false;
            bound = here;
            continue;
        }
        wire += (size_t)len + 1;
        if (len > LABEL_MAX || wire > WIRE_NAME_MAX || all.len - here - 1 < len)
            return false;
        here += (size_t)len + 1;
        if (len == 0)
            break;
        add_label(out, all.p + here - len, len);
    }
    if (out->len == 0)
        buf_add_byte(out, '.');
    if (!followed)
        *at = here;
    return true;
}

static void read_name(struct reader *r, struct buf *out)
{
    if (!r->failed && !read_name_at(r->all, &r->at, out))
        r->failed = true;
}

static bool is_echo(struct reader *r, const char *name, enum dns_type type)
{
    CLEANUP(buf_free) struct buf got = {0};
    struct str wanted = str_c(name);
    unsigned got_type;

    if (str_has_suffix(wanted, STR(".")))
        wanted.len--;
    read_name(r, &got);
    got_type = read_16(r);
    skip(r, 2);
    return !r->failed && got_type == type && got.len == wanted.len + 1 &&
           str_eq_nocase(str_n(got.p, wanted.len), wanted);
}

static bool read_address(int family, struct str data, size_t size, char *ret)
{
    return data.len == size && inet_ntop(family, data.p, ret, DNS_NAME_SIZE);
}

/* The name in the data of a record, which may point to anywhere before. */
static bool read_target(struct str all, size_t at, size_t end, char *ret)
{
    CLEANUP(buf_free) struct buf name = {0};

    if (at >= end || !read_name_at(all, &at, &name) || at != end || name.len >= DNS_NAME_SIZE)
        return false;
    memcpy(ret, name.p, name.len);
    ret[name.len] = '\0';
    return true;
}

static bool read_data(struct reader *r, size_t size, struct dns_record *ret)
{
    size_t at = r->at, end = at + size;

    switch (ret->type) {
    case DNS_A: return read_address(AF_INET, str_n(r->all.p + at, size), 4, ret->name);
    case DNS_AAAA: return read_address(AF_INET6, str_n(r->all.p + at, size), 16, ret->name);
    case DNS_NS: return read_target(r->all, at, end, ret->name);
    case DNS_MX: return read_target(r->all, at + 2, end, ret->name);
    case DNS_SRV:
        if (size < 6)
            return false;
        ret->port = (uint16_t)((uint8_t)r->all.p[at + 4] << 8 | (uint8_t)r->all.p[at + 5]);
        return read_target(r->all, at + 6, end, ret->name);
    }
    return false;
}

/* Records of other types, as of an alias on the way, are passed over. */
static void read_record(struct reader *r, enum dns_type type, struct dns_answer *a)
{
    CLEANUP(buf_free) struct buf name = {0};
    unsigned got_type, class, size;

    read_name(r, &name);
    got_type = read_16(r);
    class = read_16(r);
    skip(r, 4);
    size = read_16(r);
    if (r->failed || r->all.len - r->at < size) {
        r->failed = true;
        return;
    }
    if (got_type == type && class == CLASS_IN) {
        struct dns_record *record = VEC_PUSH(a->records, a->n, a->cap);

        record->type = type;
        if (!read_data(r, size, record))
            r->failed = true;
    }
    skip(r, size);
}

int dns_answer_read(struct str message, uint16_t id, const char *name, enum dns_type type,
                    struct dns_answer *ret, struct err *err)
{
    struct reader r = {.all = message};
    struct dns_answer a = {0};
    unsigned got_id = read_16(&r), flags = read_16(&r), questions = read_16(&r), n = read_16(&r);

    skip(&r, 4);
    if (r.failed || got_id != id || !(flags & FLAG_ANSWER) || questions != 1 ||
        !is_echo(&r, name, type))
        return err_set(err, -EBADMSG, "an answer to another question");
    a.code = (int)(flags & CODE_MASK);
    a.is_cut = flags & FLAG_CUT;
    for (unsigned i = 0; i < n && !a.is_cut && !r.failed; i++)
        read_record(&r, type, &a);
    if (r.failed) {
        dns_answer_deinit(&a);
        return err_set(err, -EPROTO, "a broken answer");
    }
    *ret = a;
    return 0;
}

void dns_answer_deinit(struct dns_answer *a)
{
    free(a->records);
    *a = (struct dns_answer){0};
}
