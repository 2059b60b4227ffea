/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/select_priv.h"

#include "base/mem.h"
#include "base/regex.h"

/* A list this many times longer than what is left is not read: the labels of what is left are
 * looked at. A look costs about as much as reading so many numbers. */
#define LOOK_COST 32

/* ---- one matcher's list -------------------------------------------------------------------- */

struct gather {
    const struct index_face *x;
    const struct matcher *m;
    bool matching; /* whether lists of values that match, or of those that do not, are wanted */
    struct ids *out;
};

static void gather_value(void *arg, pair_no pair, struct str value)
{
    const struct gather *g = arg;

    if (matcher_matches(g->m, value) == g->matching)
        g->x->pair_ids(g->x->self, pair, g->out);
}

static void gather_one(const struct gather *g, struct str value)
{
    pair_no pair = value.len > 0 ? g->x->find(g->x->self, g->m->name, value) : PAIR_NONE;

    if (pair != PAIR_NONE)
        g->x->pair_ids(g->x->self, pair, g->out);
}

/* Whether the wanted values are known without asking the matcher about each one there is. */
static bool is_literal(const struct gather *g)
{
    switch (g->m->type) {
    case MATCH_EQ: return g->matching;
    case MATCH_NE: return !g->matching;
    case MATCH_RE: return g->matching && regex_literal_count(g->m->re) > 0;
    case MATCH_NRE: return !g->matching && regex_literal_count(g->m->re) > 0;
    }
    return false;
}

static void gather_ids(const struct gather *g)
{
    if (!is_literal(g)) {
        g->x->each_value(g->x->self, g->m->name, gather_value, (void *)g);
    } else if (!g->m->re) {
        gather_one(g, g->m->value);
    } else {
        for (size_t i = 0; i < regex_literal_count(g->m->re); i++)
            gather_one(g, regex_literal(g->m->re, i));
    }
    ids_settle(g->out);
}

/* ---- a plan: matchers in the order in which they are asked --------------------------------- */

struct step {
    const struct matcher *m;
    bool required; /* does not match a missing label */
    bool literal;
    size_t cost; /* about how many numbers its list takes to read */
};

static size_t size_of_value(const struct index_face *x, struct str name, struct str value)
{
    pair_no pair = value.len > 0 ? x->find(x->self, name, value) : PAIR_NONE;

    return pair == PAIR_NONE ? 0 : x->pair_size(x->self, pair);
}

static struct step plan_step(const struct index_face *x, const struct matcher *m)
{
    struct step s = {.m = m, .required = !matcher_matches(m, STR(""))};
    struct gather g = {.x = x, .m = m, .matching = s.required};

    s.literal = is_literal(&g);
    if (!s.literal) {
        /* Every value is asked, and about all series may come of it. */
        s.cost = x->value_count(x->self, m->name) * LOOK_COST + x->all_count(x->self);
    } else if (!m->re) {
        s.cost = size_of_value(x, m->name, m->value);
    } else {
        for (size_t i = 0; i < regex_literal_count(m->re); i++)
            s.cost += size_of_value(x, m->name, regex_literal(m->re, i));
    }
    return s;
}

static bool comes_before(const struct step *a, const struct step *b)
{
    return a->required != b->required ? a->required : a->cost < b->cost;
}

/* ---- carrying it out ----------------------------------------------------------------------- */

/* Asks the labels of every series that is left. Neighbours often share the value: its answer is
 * kept. */
static void filter_by_labels(const struct index_face *x, const struct matcher *m, struct ids *out)
{
    pair_no last = PAIR_NONE;
    bool last_answer = false, absent = matcher_matches(m, STR(""));
    size_t n = 0;

    for (size_t i = 0; i < out->n; i++) {
        struct str value;
        pair_no pair;
        bool answer = absent;

        if (x->label_of(x->self, out->v[i], m->name, &pair, &value)) {
            if (pair != last) {
                last = pair;
                last_answer = matcher_matches(m, value);
            }
            answer = last_answer;
        }
        if (answer)
            out->v[n++] = out->v[i];
    }
    out->n = n;
}

static void carry_out(const struct index_face *x, const struct step *s, bool first, struct ids *out)
{
    struct ids list = {0};
    struct gather g = {.x = x, .m = s->m, .matching = s->required, .out = first ? out : &list};

    if (!first && s->cost / LOOK_COST > out->n) {
        filter_by_labels(x, s->m, out);
        return;
    }
    gather_ids(&g);
    if (first)
        return;
    if (s->required)
        ids_intersect(out, &list);
    else
        ids_subtract(out, &list);
    ids_deinit(&list);
}

void select_ids(const struct index_face *x, const struct matcher *const *ms, size_t n,
                struct ids *out)
{
    struct step small[16], *steps = small;
    CLEANUP(mem_freep) struct step *large = NULL;

    if (n > ARRAY_LEN(small))
        steps = large = mem_array(n, sizeof *large);
    for (size_t i = 0; i < n; i++) {
        struct step s = plan_step(x, ms[i]);
        size_t k = i;

        for (; k > 0 && comes_before(&s, &steps[k - 1]); k--)
            steps[k] = steps[k - 1];
        steps[k] = s;
    }
    if (n == 0 || !steps[0].required)
        x->all_ids(x->self, out);
    for (size_t i = 0; i < n; i++)
        carry_out(x, &steps[i], i == 0 && steps[0].required, out);
}
