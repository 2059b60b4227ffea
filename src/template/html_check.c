/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a template without values: every branch has to end where the others end, and the
 * whole in plain text. What a called definition does to the context is remembered per definition
 * and context.
 */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "template/ast_priv.h"
#include "template/html_priv.h"
#include "template/text_priv.h"

#define HTML_CALLS_MAX                                                                             \
    4096 /* (definition, context) pairs of one template; stock ones have some 20 */

struct called {
    const struct tree *tree;
    struct html_context from, to;
};

struct check {
    const struct template *t;
    const struct tree *tree;
    struct called *calls;
    size_t n_calls, cap_calls;
    /* of the loop around this place: what break and continue end in */
    struct html_context exits;
    bool has_exits;
    int depth;
    unsigned steps;
    struct err *err;
};

static const char *const state_names[] = {
    [HTML_TEXT] = "text",
    [HTML_TAG] = "tag",
    [HTML_ATTR_NAME] = "attribute name",
    [HTML_AFTER_NAME] = "behind an attribute name",
    [HTML_BEFORE_VALUE] = "before an attribute value",
    [HTML_COMMENT] = "comment",
    [HTML_RCDATA] = "textarea or title",
    [HTML_ATTR] = "attribute",
    [HTML_URL] = "URL attribute",
    [HTML_SRCSET] = "srcset attribute",
    [HTML_JS] = "script",
    [HTML_JS_DQ_STR] = "script string",
    [HTML_JS_SQ_STR] = "script string",
    [HTML_JS_TEMPLATE] = "script template literal",
    [HTML_JS_REGEXP] = "script regular expression",
    [HTML_JS_BLOCK_COMMENT] = "script comment",
    [HTML_JS_LINE_COMMENT] = "script comment",
    [HTML_CSS] = "style",
    [HTML_CSS_DQ_STR] = "style string",
    [HTML_CSS_SQ_STR] = "style string",
    [HTML_CSS_DQ_URL] = "style URL",
    [HTML_CSS_SQ_URL] = "style URL",
    [HTML_CSS_URL] = "style URL",
    [HTML_CSS_BLOCK_COMMENT] = "style comment",
    [HTML_CSS_LINE_COMMENT] = "style comment",
    [HTML_DEAD] = "nowhere",
};

static int check_node(struct check *k, struct html_context *c, const struct node *n);

static int refuse(struct check *k, const struct node *n, const char *words)
{
    const struct source *src = k->tree->source;

    return err_set(k->err, -EINVAL, "html/template:" STR_FMT ":%d: %s", STR_ARG(src->name), n->line,
                   words);
}

/* What both ends have in common; false when they cannot go on together. */
static bool join(const struct html_context *a, const struct html_context *b,
                 struct html_context *ret)
{
    struct html_context x = *a, y = *b;

    if (x.state == HTML_DEAD || y.state == HTML_DEAD) {
        *ret = x.state == HTML_DEAD ? y : x;
        return true;
    }
    if (html_context_eq(&x, &y)) {
        *ret = x;
        return true;
    }
    y.url_part = x.url_part;
    if (html_context_eq(&x, &y)) {
        *ret = x;
        ret->url_part = URL_UNKNOWN;
        return true;
    }
    y = *b;
    y.slash = x.slash;
    if (html_context_eq(&x, &y)) {
        *ret = x;
        ret->slash = SLASH_UNKNOWN;
        return true;
    }
    /* {{if .C}} title=x{{end}}: one side has begun a value or name that the other is about to. */
    x = html_nudge(*a);
    y = html_nudge(*b);
    if (!html_context_eq(&x, a) || !html_context_eq(&y, b))
        return join(&x, &y, ret);
    return false;
}

static int join_or_refuse(struct check *k, const struct node *n, const char *what,
                          const struct html_context *a, const struct html_context *b,
                          struct html_context *ret)
{
    char words[160];

    if (join(a, b, ret))
        return 0;
    snprintf(words, sizeof words, "{{%s}} %s: %s, %s",
             n->kind == NODE_IF      ? "if"
             : n->kind == NODE_RANGE ? "range"
                                     : "with",
             what, state_names[a->state], state_names[b->state]);
    return refuse(k, n, words);
}

/* A loop's body may run again where it ended, and be left from its middle. */
static int check_loop_body(struct check *k, const struct node *n, struct html_context *c)
{
    struct html_context outer = k->exits, again;
    bool outer_has = k->has_exits;
    int r;

    k->has_exits = false;
    r = check_node(k, c, n->list);
    if (r == 0 && k->has_exits)
        r = join_or_refuse(k, n, "branches end in different contexts", c, &k->exits, c);
    if (r == 0 && c->state != HTML_DEAD) {
        again = *c;
        k->has_exits = false;
        r = check_node(k, &again, n->list);
        if (r == 0 && again.state != HTML_DEAD)
            r = join_or_refuse(k, n, "loop body ends in another context than it began", c, &again,
                               c);
    }
    k->exits = outer;
    k->has_exits = outer_has;
    return r;
}

static int check_branch(struct check *k, struct html_context *c, const struct node *n)
{
    struct html_context body = *c, other = *c;
    int r = n->kind == NODE_RANGE ? check_loop_body(k, n, &body) : check_node(k, &body, n->list);

    if (r == 0 && n->else_list)
        r = check_node(k, &other, n->else_list);
    if (r == 0)
        r = join_or_refuse(k, n, "branches end in different contexts", &body, &other, c);
    return r;
}

static int check_exit(struct check *k, struct html_context *c, const struct node *n)
{
    struct html_context joined = *c;

    if (k->has_exits && !join(&k->exits, c, &joined))
        return refuse(k, n, "at range loop break or continue: exits end in different contexts");
    k->exits = joined;
    k->has_exits = true;
    *c = (struct html_context){.state = HTML_DEAD};
    return 0;
}

static int check_call(struct check *k, struct html_context *c, const struct node *n)
{
    const struct tree *tree = template_tree(k->t, n->name), *outer = k->tree;
    struct html_context from = *c;
    size_t at;
    int r;

    if (!tree)
        return refuse(k, n, "no such template");
    for (size_t i = 0; i < k->n_calls; i++) {
        if (k->calls[i].tree == tree && html_context_eq(&k->calls[i].from, c)) {
            *c = k->calls[i].to;
            return 0;
        }
    }
    if (k->n_calls == HTML_CALLS_MAX)
        return refuse(k, n, "too many template calls in different contexts");
    at = k->n_calls;
    /* A definition that calls itself is taken to end where it begins. */
    *VEC_PUSH(k->calls, k->n_calls, k->cap_calls) = (struct called){tree, from, from};
    k->tree = tree;
    r = check_node(k, c, tree->root);
    k->tree = outer;
    k->calls[at].to = *c;
    return r;
}

static int check_node(struct check *k, struct html_context *c, const struct node *n)
{
    struct err err = {0};
    int r = 0;

    if (++k->depth > TMPL_DEPTH_MAX || ++k->steps > TMPL_STEPS_MAX)
        r = refuse(k, n, "too large, or templates call one another too deep");
    else if (n->kind == NODE_LIST)
        for (size_t i = 0; r == 0 && i < n->n && c->state != HTML_DEAD; i++)
            r = check_node(k, c, n->items[i]);
    else if (n->kind == NODE_TEXT)
        r = html_text(c, n->text, NULL, &err);
    else if (n->kind == NODE_ACTION && n->pipe->n_decls == 0) {
        *c = html_nudge(*c);
        r = html_check_action(c, n->pipe, &err);
    } else if (n->kind == NODE_IF || n->kind == NODE_WITH || n->kind == NODE_RANGE)
        r = check_branch(k, c, n);
    else if (n->kind == NODE_TEMPLATE)
        r = check_call(k, c, n);
    else if (n->kind == NODE_BREAK || n->kind == NODE_CONTINUE)
        r = check_exit(k, c, n);
    if (r < 0 && err.code < 0)
        r = refuse(k, n, err.msg);
    k->depth--;
    return r;
}

int html_check_template(const struct template *t, struct str name, struct err *err)
{
    struct check k = {.t = t, .tree = template_tree(t, name), .err = err};
    struct html_context c = {0};
    int r;

    if (!k.tree)
        return 0; /* the execution will say so */
    r = check_node(&k, &c, k.tree->root);
    mem_freep(&k.calls);
    if (r == 0 && c.state != HTML_TEXT)
        return err_set(err, -EINVAL, "html/template:" STR_FMT ": ends in a non-text context: %s",
                       STR_ARG(k.tree->source->name), state_names[c.state]);
    return r;
}
