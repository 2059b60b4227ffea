/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matcher - a condition on one label: name, operator, value
 *
 * Regular expressions are anchored at both ends. A label that is missing has the value "". Immutable after
 * creation: any thread may match.
 */
#ifndef TOCSIN_MODEL_MATCHER_H
#define TOCSIN_MODEL_MATCHER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct label_set;
struct regex;

enum matcher_type { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE }; /* = != =~ !~ */

struct matcher {
    enum matcher_type type;
    struct str name;
    struct str value;
    struct regex *re; /* of MATCH_RE and MATCH_NRE */
};

/* Copies name and value. -EINVAL when value is no regular expression (with its reason). */
int matcher_new(enum matcher_type type, struct str name, struct str value, struct matcher **ret,
                struct err *err);
void matcher_free(struct matcher *m);
DEFINE_FREEP(matcher, struct matcher)

bool matcher_matches(const struct matcher *m, struct str value);
bool matcher_matches_set(const struct matcher *m, const struct label_set *ls);
bool matchers_match(const struct matcher *const *ms, size_t n,
                    const struct label_set *ls);                   /* all */
int matcher_cmp(const struct matcher *a, const struct matcher *b); /* by name, value, type */
const char *matcher_op(enum matcher_type type);                    /* "=", "!=", "=~", "!~" */

#endif
