/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex - RE2 patterns behind a C face; the only user of the library
 *
 * Linear time, no look-around, no back-references. A compiled pattern is immutable: any thread may match.
 * Common shapes (a literal, a|b|c, prefix.*, .*suffix, .*, .+) are answered without the engine.
 */
#ifndef TOCSIN_BASE_REGEX_H
#define TOCSIN_BASE_REGEX_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct regex;

#define REGEX_PATTERN_MAX 65536 /* bytes; a list of a few thousand pod names still fits */

enum regex_flags {
    REGEX_SEARCH =
        0, /* anywhere in the text, `.` does not match a newline: Go's regexp.MatchString */
    REGEX_ANCHORED = 1, /* whole text, ^(?s:...)$: matchers, relabelling, label_replace */
};

/* Returns 0, or -EINVAL with RE2's reason in err. */
int regex_new(struct str pattern, enum regex_flags flags, struct regex **ret, struct err *err);
void regex_free(struct regex *re);
DEFINE_FREEP(regex, struct regex)

struct str regex_pattern(const struct regex *re); /* as given to regex_new() */
bool regex_match(const struct regex *re, struct str text);

/*
 * When the pattern is just a set of literals (a, a|b|c, (a|b)): their number, and the i-th of them. 0 when
 * it is not. With them an index answers a matcher by look-ups.
 */
size_t regex_literal_count(const struct regex *re);
struct str regex_literal(const struct regex *re, size_t i);

/* When the pattern matches, appends `replacement` with $1, ${1}, ${name}, $$ replaced (Go's Expand) to
 * out and returns true; otherwise returns false and leaves out as it was. */
bool regex_expand(const struct regex *re, struct str text, struct str replacement, struct buf *out);

/* Go's ReplaceAllString. */
void regex_replace_all(const struct regex *re, struct str text, struct str replacement,
                       struct buf *out);

#endif
