/* SPDX-License-Identifier: Apache-2.0 */
#include "model/matcher.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/regex.h"
#include "model/label_set.h"

static bool is_regex(enum matcher_type type)
{
    return type == MATCH_RE || type == MATCH_NRE;
}

int matcher_new(enum matcher_type type, struct str name, struct str value, struct matcher **ret,
                struct err *err)
{
    CLEANUP(matcher_freep) struct matcher *m = mem_zalloc(sizeof *m);
    int r;

    m->type = type;
    m->name = str_n(str_dup(name), name.len);
    m->value = str_n(str_dup(value), value.len);
    if (is_regex(type)) {
        r = regex_new(value, REGEX_ANCHORED, &m->re, err);
        if (r < 0)
            return r;
    }
    *ret = TAKE(m);
    return 0;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    regex_free(m->re);
    free((void *)(uintptr_t)m->value.p);
    free((void *)(uintptr_t)m->name.p);
    free(m);
}

bool matcher_matches(const struct matcher *m, struct str value)
{
    switch (m->type) {
    case MATCH_EQ: return str_eq(m->value, value);
    case MATCH_NE: return !str_eq(m->value, value);
    case MATCH_RE: return regex_match(m->re, value);
    case MATCH_NRE: return !regex_match(m->re, value);
    }
    return false;
}

bool matcher_matches_set(const struct matcher *m, const struct label_set *ls)
{
    return matcher_matches(m, label_set_get(ls, m->name));
}

bool matchers_match(const struct matcher *const *ms, size_t n, const struct label_set *ls)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches_set(ms[i], ls))
            return false;
    return true;
}

const char *matcher_op(enum matcher_type type)
{
    static const char *const ops[] = {
        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

    return ops[type];
}

int matcher_cmp(const struct matcher *a, const struct matcher *b)
{
    int c = str_cmp(a->name, b->name);

    if (c == 0)
        c = str_cmp(a->value, b->value);
    return c ? c : (int)a->type - (int)b->type;
}
