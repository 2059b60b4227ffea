/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_replace(), label_join(), absent()
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/regex.h"
#include "promql/functions_priv.h"

/* ---- label_replace(), label_join() */

static int same_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    return vec_fill_row(e, v->self, i, row, err);
}

/* The series of arg under labels that may change; the new ones are put into ret->metrics
 * afterwards. */
static int vec_to_relabel(struct eval *e, const struct promql_node *arg, const struct grid *grid,
                          struct vec **ret, struct err *err)
{
    struct vec *v;
    int r = eval_vector(e, arg, grid, &v, err);

    if (r == 0)
        *ret = vec_over(e, v, same_fill, v);
    return r;
}

/* A name that is put back stays; one that is to go goes also from the new set. */
static void set_label(struct eval *e, struct metric *m, struct str name, struct str value)
{
    struct label_builder b;

    label_builder_init(&b, metric_labels(e, m));
    label_builder_set(&b, name, value);
    m->labels = eval_keep(e, label_builder_build(&b));
    label_builder_deinit(&b);
    if (m->name == NAME_GONE || str_eq(name, LABEL_NAME))
        m->name = NAME_STAYS;
}

static int bad_argument(struct err *err, const char *what, const char *function, struct str text)
{
    return err_set(err, -EINVAL, "invalid %s in %s(): " STR_FMT, what, function, STR_ARG(text));
}

static struct str text_of(const struct promql_node *node)
{
    return promql_unparen((struct promql_node *)node)->string;
}

int call_label_replace(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       struct vec **ret, struct err *err)
{
    struct str dst = text_of(node->call.args[1]), replacement = text_of(node->call.args[2]);
    struct str src = text_of(node->call.args[3]), pattern = text_of(node->call.args[4]);
    CLEANUP(regex_freep) struct regex *re = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct vec *v = NULL;
    int r;

    if (regex_new(pattern, REGEX_ANCHORED, &re, NULL) < 0)
        return bad_argument(err, "regular expression", "label_replace", pattern);
    if (!label_name_is_valid(dst))
        return bad_argument(err, "destination label name", "label_replace", dst);
    r = vec_to_relabel(e, node->call.args[0], grid, &v, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < v->n; i++) {
        buf_reset(&text);
        if (regex_expand(re, metric_get(&v->metrics[i], src), replacement, &text))
            set_label(e, &v->metrics[i], dst, buf_str(&text));
    }
    *ret = v;
    return vec_unclash(e, v, CLASH_REFUSE, err);
}

int call_label_join(struct eval *e, const struct promql_node *node, const struct grid *grid,
                    struct vec **ret, struct err *err)
{
    struct str dst = text_of(node->call.args[1]), separator = text_of(node->call.args[2]);
    CLEANUP(buf_free) struct buf text = {0};
    struct vec *v = NULL;
    int r;

    for (size_t i = 3; i < node->call.n_args; i++)
        if (!label_name_is_valid(text_of(node->call.args[i])))
            return bad_argument(err, "source label name", "label_join",
                                text_of(node->call.args[i]));
    if (!label_name_is_valid(dst))
        return bad_argument(err, "destination label name", "label_join", dst);
    r = vec_to_relabel(e, node->call.args[0], grid, &v, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < v->n; i++) {
        buf_reset(&text);
        for (size_t a = 3; a < node->call.n_args; a++) {
            if (a > 3)
                buf_add_str(&text, separator);
            buf_add_str(&text, metric_get(&v->metrics[i], text_of(node->call.args[a])));
        }
        set_label(e, &v->metrics[i], dst, buf_str(&text));
    }
    *ret = v;
    return vec_unclash(e, v, CLASH_REFUSE, err);
}

/* ---- absent() */

static bool named_before(struct matcher *const *matchers, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (matchers[j]->type == MATCH_EQ && str_eq(matchers[j]->name, matchers[i]->name))
            return true;
    return false;
}

/* What the series would be called that is not there: the equalities of its selector, but none about
 * a label that has another condition too. */
static const struct label_set *labels_asked_for(struct eval *e, const struct promql_node *arg)
{
    struct label_builder b = {0};
    const struct label_set *ls;

    if (arg->kind == NODE_MATRIX)
        arg = arg->matrix.vector;
    for (size_t i = 0; arg->kind == NODE_VECTOR && i < arg->vector.n_matchers; i++) {
        const struct matcher *m = arg->vector.matchers[i];

        if (str_eq(m->name, LABEL_NAME))
            continue;
        if (m->type == MATCH_EQ && !named_before(arg->vector.matchers, i))
            label_builder_set(&b, m->name, m->value);
        else
            label_builder_del(&b, m->name);
    }
    ls = eval_keep(e, label_builder_build(&b));
    label_builder_deinit(&b);
    return ls;
}

int absence(struct eval *e, const struct promql_node *arg, const struct grid *grid,
            const struct row *there, struct vec **ret)
{
    struct vec *v = vec_new(e, grid, 1);

    v->metrics[0].labels = labels_asked_for(e, arg);
    v->rows = arena_zalloc(e->arena, sizeof *v->rows);
    v->rows[0] = row_new(e, grid->n);
    for (size_t k = 0; k < grid->n; k++)
        if (!row_has(there, k))
            row_set(&v->rows[0], k, 1);
    *ret = v;
    return 0;
}

int call_absent(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct vec **ret, struct err *err)
{
    const struct promql_node *arg = promql_unparen(node->call.args[0]);
    struct row there = row_new(e, grid->n), lent = row_new(e, grid->n);
    struct vec *v;
    int r = eval_vector(e, arg, grid, &v, err);

    for (size_t i = 0; r == 0 && i < v->n; i++) {
        const struct row *row;

        r = vec_row(e, v, i, &lent, &row, err);
        for (size_t w = 0; r == 0 && w < ROW_WORDS(grid->n); w++)
            there.present[w] |= row->present[w];
    }
    return r < 0 ? r : absence(e, arg, grid, &there, ret);
}
