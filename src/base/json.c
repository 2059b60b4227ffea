/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/num.h"

/* What is written for a byte below 0x20 that has no short form: \u00XX. */
static void add_unicode_escape(struct buf *out, unsigned c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[c >> 12 & 15], hex[c >> 8 & 15], hex[c >> 4 & 15], hex[c & 15]};

    buf_add(out, text, sizeof text);
}

static void add_escaped(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *at = c ? strchr(from, c) : NULL;
    char text[2] = {'\\', 0};

    if (!at) {
        add_unicode_escape(out, c);
        return;
    }
    text[1] = to[at - from];
    buf_add(out, text, sizeof text);
}

/* Bytes that need a look: 1 always, 2 only when the text must be safe within HTML. */
static const unsigned char special[256] = {
    [0 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1, [0x80 ... 0xff] = 1, ['<'] = 2, ['>'] = 2, ['&'] = 2,
};

/* Without a branch and a table, so that the compiler makes steps of many bytes of it. Text beyond
 * ASCII may have what must be escaped. */
bool json_is_plain(struct str s)
{
    unsigned char found = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        found |= (unsigned char)((c < 0x20) | (c >= 0x80) | (c == '"') | (c == '\\'));
    }
    return !found;
}

void json_add_string(struct buf *out, struct str s, enum json_flags flags)
{
    unsigned char mask = flags & JSON_HTML_SAFE ? 3 : 1;
    size_t from = 0, i = 0; /* [from, i) goes out as it is */

    buf_add_byte(out, '"');
    while (i < s.len) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = 1;
        uint32_t code_point = c;

        if (!(special[c] & mask)) {
            i++;
            continue;
        }
        if (c >= 0x80) {
            len = str_utf8_next(str_n(s.p + i, s.len - i), &code_point);
            if (len > 1 && code_point != 0x2028 && code_point != 0x2029) {
                i += len;
                continue;
            }
        }
        buf_add(out, s.p + from, i - from);
        if (c >= 0x80) /* U+FFFD for an invalid byte, or a line or paragraph separator */
            add_unicode_escape(out, code_point);
        else
            add_escaped(out, c);
        i += len;
        from = i;
    }
    if (i > from) /* s.p may be NULL when it is empty */
        buf_add(out, s.p + from, i - from);
    buf_add_byte(out, '"');
}

void json_writer_init(struct json_writer *w, struct buf *out, enum json_flags flags)
{
    *w = (struct json_writer){.out = out, .flags = flags};
}

static void begin_value(struct json_writer *w)
{
    if (w->comma)
        buf_add_byte(w->out, ',');
    w->comma = true;
}

static void open_with(struct json_writer *w, char bracket)
{
    begin_value(w);
    buf_add_byte(w->out, bracket);
    w->comma = false;
}

static void close_with(struct json_writer *w, char bracket)
{
    buf_add_byte(w->out, bracket);
    w->comma = true;
}

void json_object_begin(struct json_writer *w)
{
    open_with(w, '{');
}

void json_object_end(struct json_writer *w)
{
    close_with(w, '}');
}

void json_array_begin(struct json_writer *w)
{
    open_with(w, '[');
}

void json_array_end(struct json_writer *w)
{
    close_with(w, ']');
}

void json_key(struct json_writer *w, struct str key)
{
    begin_value(w);
    json_add_string(w->out, key, w->flags);
    buf_add_byte(w->out, ':');
    w->comma = false;
}

void json_key_c(struct json_writer *w, const char *key)
{
    json_key(w, str_c(key));
}

void json_str(struct json_writer *w, struct str s)
{
    begin_value(w);
    json_add_string(w->out, s, w->flags);
}

void json_c(struct json_writer *w, const char *s)
{
    json_str(w, str_c(s));
}

void json_i64(struct json_writer *w, int64_t v)
{
    begin_value(w);
    num_add_i64(w->out, v);
}

void json_u64(struct json_writer *w, uint64_t v)
{
    begin_value(w);
    buf_addf(w->out, "%llu", (unsigned long long)v);
}

void json_bool(struct json_writer *w, bool v)
{
    json_raw(w, str_c(v ? "true" : "false"));
}

void json_null_value(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

void json_raw(struct json_writer *w, struct str ready)
{
    begin_value(w);
    buf_add_str(w->out, ready);
}

void json_kv_str(struct json_writer *w, const char *key, struct str s)
{
    json_key_c(w, key);
    json_str(w, s);
}

void json_kv_c(struct json_writer *w, const char *key, const char *s)
{
    json_key_c(w, key);
    json_c(w, s);
}

void json_kv_i64(struct json_writer *w, const char *key, int64_t v)
{
    json_key_c(w, key);
    json_i64(w, v);
}

void json_kv_bool(struct json_writer *w, const char *key, bool v)
{
    json_key_c(w, key);
    json_bool(w, v);
}
