/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_message_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/dns_names.h"

#define LABEL_MAX        63
#define WIRE_NAME_MAX    255 /* bytes on the wire */
#define FLAG_ANSWER      0x8000
#define FLAG_CUT         0x0200
#define FLAG_RECURSE     0x0100
#define CODE_MASK        0x000f
#define RECORD_LEAST     11 /* bytes: the root's name, and no data */
#define SOA_NUMBERS_SIZE 20

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

int dns_question_add(struct buf *out, uint16_t id, const struct dns_question *q, struct err *err)
{
    int r = 0;

    add_16(out, id);
    add_16(out, q->recurse ? FLAG_RECURSE : 0);
    add_16(out, 1);
    for (int i = 0; i < DNS_SECTIONS; i++)
        add_16(out, 0);
    if (strcmp(q->name, ".") == 0)
        buf_add_byte(out, 0);
    else
        r = add_name(out, q->name, err);
    add_16(out, q->type);
    add_16(out, q->class);
    return r;
}

/* ---- from front to back -------------------------------------------------------------------- */

struct str dns_read_bytes(struct dns_reader *r, size_t n)
{
    if (r->failed || r->all.len - r->at < n) {
        r->failed = true;
        return STR("");
    }
    r->at += n;
    return str_n(r->all.p + r->at - n, n);
}

unsigned dns_read_16(struct dns_reader *r)
{
    struct str two = dns_read_bytes(r, 2);

    return two.len ? (unsigned)(uint8_t)two.p[0] << 8 | (uint8_t)two.p[1] : 0;
}

uint32_t dns_read_32(struct dns_reader *r)
{
    uint32_t high = dns_read_16(r);

    return high << 16 | dns_read_16(r);
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
    size_t here = *at, bound = *at, wire = 0, start = out->len;
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
    if (out->len == start)
        buf_add_byte(out, '.');
    if (!followed)
        *at = here;
    return true;
}

void dns_read_name(struct dns_reader *r, struct buf *out)
{
    if (!r->failed && !read_name_at(r->all, &r->at, out))
        r->failed = true;
}

static bool is_echo(struct dns_reader *r, const char *name, unsigned type)
{
    CLEANUP(buf_free) struct buf got = {0};
    struct str wanted = str_c(name);
    unsigned got_type;

    if (str_has_suffix(wanted, STR(".")))
        wanted.len--;
    dns_read_name(r, &got);
    got_type = dns_read_16(r);
    dns_read_16(r);
    return !r->failed && got_type == type && got.len == wanted.len + 1 &&
           str_eq_nocase(str_n(got.p, wanted.len), wanted);
}

int dns_read_head(struct dns_reader *r, uint16_t id, const char *name, unsigned type,
                  unsigned *ret_flags, unsigned counts[DNS_SECTIONS], struct err *err)
{
    unsigned got_id = dns_read_16(r), flags = dns_read_16(r), questions = dns_read_16(r);

    for (int i = 0; i < DNS_SECTIONS; i++)
        counts[i] = dns_read_16(r);
    if (r->failed || got_id != id || !(flags & FLAG_ANSWER) || questions != 1 ||
        !is_echo(r, name, type))
        return err_set(err, -EBADMSG, "an answer to another question");
    *ret_flags = flags;
    return 0;
}

void dns_read_record_head(struct dns_reader *r, struct buf *name, struct dns_record_head *ret)
{
    dns_read_name(r, name);
    ret->type = dns_read_16(r);
    ret->class = dns_read_16(r);
    ret->ttl = dns_read_32(r);
    ret->size = dns_read_16(r);
    if (r->all.len - r->at < ret->size)
        r->failed = true;
}

/* ---- the records of a name ----------------------------------------------------------------- */

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

static bool read_data(struct dns_reader *r, size_t size, struct dns_record *ret)
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
static void read_record(struct dns_reader *r, enum dns_type type, struct dns_answer *a)
{
    CLEANUP(buf_free) struct buf name = {0};
    struct dns_record_head head;

    dns_read_record_head(r, &name, &head);
    if (!r->failed && head.type == type && head.class == DNS_IN) {
        struct dns_record *record = VEC_PUSH(a->records, a->n, a->cap);

        record->type = type;
        if (!read_data(r, head.size, record))
            r->failed = true;
    }
    dns_read_bytes(r, head.size);
}

int dns_answer_read(struct str message, uint16_t id, const char *name, enum dns_type type,
                    struct dns_answer *ret, struct err *err)
{
    struct dns_reader r = {.all = message};
    struct dns_answer a = {0};
    unsigned flags, counts[DNS_SECTIONS];

    if (dns_read_head(&r, id, name, type, &flags, counts, err) < 0)
        return -EBADMSG;
    a.code = (int)(flags & CODE_MASK);
    a.is_cut = flags & FLAG_CUT;
    for (unsigned i = 0; i < counts[DNS_ANSWER] && !a.is_cut && !r.failed; i++)
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

/* ---- all that a server said ---------------------------------------------------------------- */

static void add_word(struct buf *out, enum dns_words which, const char *prefix, unsigned number)
{
    const char *word = dns_word(which, number);

    if (word)
        buf_add_c(out, word);
    else
        buf_addf(out, "%s%u", prefix, number);
}

/* Of an SOA that was just read: its data ends with five numbers, of which the serial is the first. */
static void note_serial(const struct dns_reader *r, struct dns_reply *reply)
{
    struct dns_reader numbers = {.all = r->all, .at = r->at - SOA_NUMBERS_SIZE};

    reply->serial = dns_read_32(&numbers);
}

static struct str read_line(struct dns_reader *r, struct arena *arena, enum dns_section section,
                            struct dns_reply *reply)
{
    CLEANUP(buf_free) struct buf line = {0};
    struct dns_record_head head;

    dns_read_record_head(r, &line, &head);
    if (r->failed)
        return STR("");
    buf_addf(&line, "\t%" PRIu32 "\t", head.ttl);
    add_word(&line, DNS_CLASSES, "CLASS", head.class);
    buf_add_byte(&line, '\t');
    add_word(&line, DNS_TYPES, "TYPE", head.type);
    buf_add_byte(&line, '\t');
    dns_data_as_text(r, &head, &line);
    if (!r->failed && section == DNS_ANSWER && head.type == DNS_TYPE_SOA)
        note_serial(r, reply);
    return arena_str(arena, buf_str(&line));
}

int dns_reply_read(struct str message, uint16_t id, const struct dns_question *q,
                   struct arena *arena, struct dns_reply *ret, struct err *err)
{
    struct dns_reader r = {.all = message};
    struct dns_reply reply = {0};
    unsigned flags, counts[DNS_SECTIONS];

    if (dns_read_head(&r, id, q->name, q->type, &flags, counts, err) < 0)
        return -EBADMSG;
    reply.code = (int)(flags & CODE_MASK);
    for (unsigned s = 0; s < DNS_SECTIONS; s++) {
        if (counts[s] > (r.all.len - r.at) / RECORD_LEAST)
            return err_set(err, -EPROTO, "a broken answer");
        reply.records[s] = arena_array(arena, counts[s] + 1, sizeof *reply.records[s]);
        for (; reply.n[s] < counts[s] && !r.failed && !arena->overflow; reply.n[s]++)
            reply.records[s][reply.n[s]] = read_line(&r, arena, (enum dns_section)s, &reply);
    }
    if (r.failed)
        return err_set(err, -EPROTO, "a broken answer");
    if (arena->overflow)
        return err_set(err, -E2BIG, "an answer of more than %zu bytes", arena->max);
    *ret = reply;
    return 0;
}
