/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "base/quote.h"
#include "template/exec_priv.h"
#include "template/text_priv.h"

/* Bytes, when the caller's buf or arena has no limit of its own. */
#define TMPL_OUTPUT_MAX (16u << 20)
#define TMPL_VALUES_MAX (64u << 20)

/* Line from 1 and column from 0, in bytes: Go's way. */
static void place_of(const struct source *src, size_t pos, size_t *ret_line, size_t *ret_column)
{
    size_t line = 1, begin = 0;

    for (size_t i = 0; i < pos && i < src->text.len; i++) {
        if (src->text.p[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    *ret_line = line;
    *ret_column = pos - begin;
}

int exec_fail(struct tmpl_exec *x, int code, const char *fmt, ...)
{
    const struct source *src = x->tree->source;
    struct buf words = {.max = ERR_MSG_MAX}, at = {.max = ERR_MSG_MAX}, name = {.max = ERR_MSG_MAX};
    size_t line, column;
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    quote_add_go(&name, x->tree->name);
    node_print(x->at, &at);
    place_of(src, x->at->pos, &line, &column);
    err_set(x->err, code,
            "template: " STR_FMT ":%zu:%zu: executing " STR_FMT " at <" STR_FMT ">: " STR_FMT,
            STR_ARG(src->name), line, column, STR_ARG(buf_str(&name)), STR_ARG(buf_str(&at)),
            STR_ARG(buf_str(&words)));
    buf_free(&words);
    buf_free(&at);
    buf_free(&name);
    return code;
}

int exec_enter(struct tmpl_exec *x)
{
    x->depth++;
    if (x->depth > TMPL_DEPTH_MAX)
        return exec_fail(x, -E2BIG, "exceeded maximum template depth (%d)", TMPL_DEPTH_MAX);
    if (++x->steps > TMPL_STEPS_MAX)
        return exec_fail(x, -E2BIG, "more than %d steps", TMPL_STEPS_MAX);
    if (x->arena->overflow || (x->arena->max == 0 && x->arena->used > TMPL_VALUES_MAX))
        return exec_fail(x, -E2BIG, "values need too much memory, more than %zu bytes",
                         x->arena->used);
    if (x->out->overflow)
        return exec_fail(x, -E2BIG, "output is larger than %zu bytes", x->out->max);
    return 0;
}

void exec_leave(struct tmpl_exec *x)
{
    x->depth--;
}

static int print_value(struct tmpl_exec *x, const struct node *n, const struct tmpl_value *v)
{
    struct tmpl_value shown = v->type ? *v : tmpl_str(STR("<no value>"));
    struct err err = {0};
    int r;

    x->at = n;
    if (tmpl_kind(v) == TMPL_FUNC) {
        struct buf b = {.max = ERR_MSG_MAX};

        node_print(n, &b);
        exec_fail(x, -EINVAL, "can't print " STR_FMT " of type %s", STR_ARG(buf_str(&b)),
                  v->type->name);
        buf_free(&b);
        return -EINVAL;
    }
    if (x->env->html) {
        struct html_context before = html_nudge(x->html);

        x->html = before;
        r = html_check_action(&x->html, n->pipe, &err);
        if (r == 0)
            r = html_add_value(&before, n->pipe, v, x->out, &err);
    } else {
        r = tmpl_print(&shown, x->out, &err);
    }
    return r < 0 ? exec_fail(x, r, "%s", err.msg) : 0;
}

static int walk_text(struct tmpl_exec *x, const struct node *n)
{
    struct err err = {0};
    int r;

    if (!x->env->html) {
        buf_add_str(x->out, n->text);
        return 0;
    }
    r = html_text(&x->html, n->text, x->out, &err);
    return r < 0 ? exec_fail(x, r, "%s", err.msg) : 0;
}

static int walk_action(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    struct tmpl_value v;
    int r = eval_pipeline(x, dot, n->pipe, &v);

    /* Its variables live on until the surrounding {{end}}. */
    if (r < 0 || n->pipe->n_decls > 0)
        return r;
    return print_value(x, n, &v);
}

static int walk_if_or_with(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    size_t mark = x->n_vars;
    struct tmpl_value v;
    int r = eval_pipeline(x, dot, n->pipe, &v);

    if (r == 0 && tmpl_is_true(&v))
        r = exec_walk(x, n->kind == NODE_WITH ? &v : dot, n->list);
    else if (r == 0 && n->else_list)
        r = exec_walk(x, dot, n->else_list);
    x->n_vars = mark;
    return r;
}

/* ---- range --------------------------------------------------------------------------------- */

static int set_loop_vars(struct tmpl_exec *x, const struct node *pipe,
                         const struct tmpl_value *index, const struct tmpl_value *elem)
{
    size_t n = pipe->n_decls;
    int r = 0;

    if (n == 0)
        return 0;
    if (!pipe->is_assign) {
        x->vars[x->n_vars - 1].value = *elem;
        if (n > 1)
            x->vars[x->n_vars - 2].value = *index;
        return 0;
    }
    if (n > 1)
        r = exec_set_var(x, pipe->decls[0]->idents[0], index);
    return r < 0 ? r : exec_set_var(x, pipe->decls[n - 1]->idents[0], elem);
}

/* One turn. Returns 1 when the loop is to end. */
static int turn(struct tmpl_exec *x, const struct node *n, const struct tmpl_value *index,
                const struct tmpl_value *elem)
{
    size_t mark = x->n_vars;
    int r = set_loop_vars(x, n->pipe, index, elem);

    if (r == 0)
        r = exec_walk(x, elem, n->list);
    x->n_vars = mark;
    if (r == 0 && x->leaving == LOOP_BREAK)
        r = 1;
    x->leaving = LOOP_ON;
    return r;
}

static int range_over_list(struct tmpl_exec *x, const struct node *n, const struct tmpl_list *l)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < l->n; i++) {
        struct tmpl_value index = tmpl_int((int64_t)i);

        r = turn(x, n, &index, &l->items[i]);
    }
    return r;
}

static int range_over_map(struct tmpl_exec *x, const struct node *n, const struct tmpl_map *m)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->n; i++) {
        struct tmpl_value key = tmpl_str(m->pairs[i].key);

        r = turn(x, n, &key, &m->pairs[i].value);
    }
    return r;
}

static int range_over_int(struct tmpl_exec *x, const struct node *n, struct tmpl_value v)
{
    uint64_t end = v.u;
    int r = 0;

    if (v.type->kind == TMPL_INT)
        end = v.i > 0 ? (uint64_t)v.i : 0;
    for (v.u = 0; r == 0 && v.u < end; v.u++)
        r = turn(x, n, &v, &v);
    return r;
}

static int cannot_range(struct tmpl_exec *x, const struct tmpl_value *v, const char *before,
                        const char *behind)
{
    struct buf b = {.max = ERR_MSG_MAX};

    tmpl_print(v, &b, NULL);
    exec_fail(x, -EINVAL, "%s" STR_FMT "%s", before, STR_ARG(buf_str(&b)), behind);
    buf_free(&b);
    return -EINVAL;
}

/* Whether there is anything in v to walk through. */
static bool has_elements(const struct tmpl_value *v)
{
    if (tmpl_kind(v) == TMPL_INT)
        return v->i > 0;
    return tmpl_is_true(v);
}

static int walk_range(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    size_t mark = x->n_vars;
    struct tmpl_value v;
    int r = eval_pipeline(x, dot, n->pipe, &v);

    if (r < 0) {
        x->n_vars = mark;
        return r;
    }
    switch (tmpl_kind(&v)) {
    case TMPL_LIST: r = range_over_list(x, n, &v.list); break;
    case TMPL_MAP: r = v.map ? range_over_map(x, n, v.map) : 0; break;
    case TMPL_INT:
    case TMPL_UINT:
        if (n->pipe->n_decls > 1)
            r = cannot_range(x, &v, "can't use ", " to iterate over more than one variable");
        else
            r = range_over_int(x, n, v);
        break;
    case TMPL_ANY: break;
    default: r = cannot_range(x, &v, "range can't iterate over ", "");
    }
    if (r == 0 && !has_elements(&v) && n->else_list)
        r = exec_walk(x, dot, n->else_list);
    x->n_vars = mark;
    return r < 0 ? r : 0;
}

/* ---- templates ----------------------------------------------------------------------------- */

/* Runs a tree with `data` as dot and $; nothing of the caller's variables is seen in it. */
static int run_tree(struct tmpl_exec *x, const struct tree *tree, const struct tmpl_value *data)
{
    const struct tree *outer_tree = x->tree;
    const struct node *outer_at = x->at;
    size_t outer_from = x->vars_from, mark = x->n_vars;
    int r;

    x->tree = tree;
    x->at = tree->root;
    x->vars_from = mark;
    exec_push_var(x, STR("$"), data);
    r = exec_walk(x, data, tree->root);
    x->n_vars = mark;
    x->vars_from = outer_from;
    x->tree = outer_tree;
    x->at = outer_at;
    return r;
}

static int walk_template(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    const struct tree *tree = template_tree(x->tmpl, n->name);
    struct tmpl_value data = tmpl_none();
    int r = 0;

    if (!tree)
        return exec_fail(x, -EINVAL, "template \"" STR_FMT "\" not defined", STR_ARG(n->name));
    if (n->pipe)
        r = eval_pipeline(x, dot, n->pipe, &data);
    return r < 0 ? r : run_tree(x, tree, &data);
}

int exec_definition(struct tmpl_exec *x, struct str name, const struct tmpl_value *data)
{
    const struct tree *tree = template_tree(x->tmpl, name);

    if (!tree)
        return err_set(x->err, -EINVAL,
                       "template: no template \"" STR_FMT "\" associated with template \"" STR_FMT
                       "\"",
                       STR_ARG(name), STR_ARG(x->tmpl->source.name));
    return run_tree(x, tree, data);
}

static int walk_list(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n->n && x->leaving == LOOP_ON; i++)
        r = exec_walk(x, dot, n->items[i]);
    return r;
}

static int walk_node(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    switch (n->kind) {
    case NODE_TEXT: return walk_text(x, n);
    case NODE_LIST: return walk_list(x, dot, n);
    case NODE_ACTION: return walk_action(x, dot, n);
    case NODE_IF:
    case NODE_WITH: return walk_if_or_with(x, dot, n);
    case NODE_RANGE: return walk_range(x, dot, n);
    case NODE_TEMPLATE: return walk_template(x, dot, n);
    case NODE_BREAK: x->leaving = LOOP_BREAK; return 0;
    case NODE_CONTINUE: x->leaving = LOOP_CONTINUE; return 0;
    default: return exec_fail(x, -EINVAL, "unknown node");
    }
}

int exec_walk(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n)
{
    int r;

    x->at = n;
    r = exec_enter(x);
    if (r == 0)
        r = walk_node(x, dot, n);
    exec_leave(x);
    return r;
}

int template_execute(const struct template *t, struct str name, const struct tmpl_value *data,
                     const struct tmpl_env *env, struct arena *arena, struct buf *out,
                     struct err *err)
{
    struct tmpl_exec x = {
        .tmpl = t,
        .tree = t->source.main,
        .at = t->source.main->root,
        .env = env,
        .arena = arena,
        .out = out,
        .err = err,
    };
    size_t max = out->max;
    int r = 0;

    if (name.len == 0)
        name = t->source.main->name;
    if (max == 0)
        out->max = out->len + TMPL_OUTPUT_MAX;
    if (env->html)
        r = html_check_template(t, name, err);
    if (r == 0)
        r = exec_definition(&x, name, data);
    if (r == 0 && out->overflow)
        r = exec_fail(&x, -E2BIG, "output is larger than %zu bytes", out->max);
    if (r == 0 && arena->overflow)
        r = exec_fail(&x, -E2BIG, "values need too much memory, more than %zu bytes", arena->used);
    out->max = max;
    mem_freep(&x.vars);
    return r;
}
