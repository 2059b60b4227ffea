/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <strings.h>

#include "base/mem.h"

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int r = common ? memcmp(a.p, b.p, common) : 0;

    if (r != 0)
        return r;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_eq_nocase(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

bool str_has_prefix(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_n(s.p, prefix.len), prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
    if (suffix.len == 0)
        return true;
    return s.len >= suffix.len && str_eq(str_n(s.p + (s.len - suffix.len), suffix.len), suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

char *str_dup(struct str s)
{
    return mem_strndup(s.p, s.len);
}

size_t str_find(struct str s, struct str needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return s.len;
    at = memmem(s.p, s.len, needle.p, needle.len);
    return at ? (size_t)(at - s.p) : s.len;
}

struct str str_cut(struct str *s, char sep)
{
    const char *at = s->len ? memchr(s->p, sep, s->len) : NULL;
    struct str head = *s;

    if (!at) {
        *s = str_n("", 0);
        return head;
    }
    head.len = (size_t)(at - s->p);
    s->p += head.len + 1;
    s->len -= head.len + 1;
    return head;
}

/*
 * Bytes of the character that starts at p, 1 to 4, or 0 when there is none of RFC 3629 within n
 * bytes. The narrower ranges of the second byte shut out overlong forms, surrogates and what lies
 * above U+10FFFF.
 */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    unsigned char lo = 0x80, hi = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < len)
        return 0;
    if (p[0] == 0xe0)
        lo = 0xa0;
    else if (p[0] == 0xed)
        hi = 0x9f;
    else if (p[0] == 0xf0)
        lo = 0x90;
    else if (p[0] == 0xf4)
        hi = 0x8f;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Bytes at the start of p that are ASCII, counted in whole words: almost all text we see is. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
    size_t i = 0;
    uint64_t word;

    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;

    while (i < s.len) {
        size_t len;

        i += ascii_run(p + i, s.len - i);
        if (i == s.len)
            break;
        len = utf8_len(p + i, s.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

size_t str_utf8_prefix(struct str s, size_t max)
{
    size_t cut = max;

    if (s.len <= max)
        return s.len;
    /* Back to the start of the character that is cut: three bytes at most, or it is none. */
    while (cut > 0 && max - cut < 3 && ((unsigned char)s.p[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

size_t str_utf8_next(struct str s, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t len = utf8_len(p, s.len);

    switch (len) {
    case 1: *ret = p[0]; break;
    case 2: *ret = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu); break;
    case 3: *ret = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu); break;
    case 4:
        *ret = (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
        break;
    default: *ret = 0xfffd; return 1;
    }
    return len;
}
