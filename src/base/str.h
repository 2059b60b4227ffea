/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - a piece of text: pointer and length, not zero-terminated, not owned
 */
#ifndef TOCSIN_BASE_STR_H
#define TOCSIN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).p /* for the precision and pointer of %.*s */

static inline struct str str_c(const char *zero_terminated)
{
    return (struct str){zero_terminated, zero_terminated ? strlen(zero_terminated) : 0};
}

static inline struct str str_n(const char *p, size_t len)
{
    return (struct str){p, len};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_c(b));
}

/* ASCII letters are the same in either case. */
bool str_eq_nocase(struct str a, struct str b);

int str_cmp(struct str a, struct str b); /* bytewise; a prefix sorts before what it begins */
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
struct str str_trim(struct str s); /* without blanks, tabs, CR, LF at both ends */
char *str_dup(struct str s);       /* zero-terminated heap copy, caller frees */

/* Where needle begins in s, or s.len when it does not occur. */
size_t str_find(struct str s, struct str needle);

/* Cuts s at the first sep: returns what stands before it and leaves the rest in *s (none: all, ""). */
struct str str_cut(struct str *s, char sep);

bool str_is_utf8(struct str s); /* valid UTF-8 as of RFC 3629: no surrogates, no overlong forms */

/* Bytes of the longest prefix of s that is at most max bytes long and cuts no character in two. */
size_t str_utf8_prefix(struct str s, size_t max);

/* Decodes the character at the start of s (len > 0): sets *ret to its code point, or U+FFFD for an
 * invalid byte, and returns how many bytes it took (1 for an invalid one). */
size_t str_utf8_next(struct str s, uint32_t *ret);

#endif
