/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over the tokens of one text: texts, actions, definitions.
 *
 *     text       = { TEXT | action }
 *     action     = "{{" ( pipeline | if | range | with | define | block | template | break |
 * continue ) "}}"
 */
#include "template/parse_priv.h"

#include <errno.h>

#include "base/mem.h"
#include "base/quote.h"

static struct node *parse_list(struct parser *p, struct node **ret_end);

struct token tmpl_parser_next(struct parser *p)
{
    if (p->n_ahead > 0)
        p->n_ahead--;
    else
        p->ahead[0] = tmpl_lexer_next(&p->lex);
    return p->ahead[p->n_ahead];
}

void tmpl_parser_back(struct parser *p)
{
    p->n_ahead++;
}

struct token tmpl_parser_peek(struct parser *p)
{
    struct token t = tmpl_parser_next(p);

    tmpl_parser_back(p);
    return t;
}

struct token tmpl_parser_next_word(struct parser *p)
{
    struct token t;

    do
        t = tmpl_parser_next(p);
    while (t.kind == TOKEN_SPACE);
    return t;
}

struct token tmpl_parser_peek_word(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);

    tmpl_parser_back(p);
    return t;
}

void *tmpl_parser_fail(struct parser *p, const char *fmt, ...)
{
    struct buf b = {.max = ERR_MSG_MAX};
    va_list ap;

    if (p->failed)
        return NULL;
    p->failed = true;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    err_set(p->err, -EINVAL, "template: " STR_FMT ":%d: " STR_FMT, STR_ARG(p->src->name),
            p->ahead[0].line, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return NULL;
}

static void add_token(struct buf *b, struct token t)
{
    if (t.kind == TOKEN_EOF) {
        buf_add_c(b, "EOF");
    } else if (t.kind > TOKEN_KEYWORD) {
        buf_addf(b, "<" STR_FMT ">", STR_ARG(t.val));
    } else {
        size_t n = 0, chars = 0;

        for (uint32_t c; n < t.val.len && chars < 10; chars++)
            n += str_utf8_next(str_n(t.val.p + n, t.val.len - n), &c);
        quote_add_go(b, str_n(t.val.p, n));
        if (t.val.len > 10)
            buf_add_c(b, "...");
    }
}

void *tmpl_parser_unexpected(struct parser *p, struct token t, const char *context)
{
    struct buf b = {.max = ERR_MSG_MAX};

    if (t.kind == TOKEN_ERROR) {
        buf_add_str(&b, t.val);
        if (p->action_line != 0 && p->action_line != t.line)
            buf_addf(&b, "%s started at " STR_FMT ":%d",
                     str_has_suffix(t.val, STR(" action")) ? "" : " in action",
                     STR_ARG(p->src->name), p->action_line);
    } else {
        buf_add_c(&b, "unexpected ");
        add_token(&b, t);
        buf_addf(&b, " in %s", context);
    }
    tmpl_parser_fail(p, STR_FMT, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return NULL;
}

struct node *tmpl_parser_node(struct parser *p, enum node_kind kind, struct token at)
{
    struct node *n = arena_zalloc(p->arena, sizeof *n);

    if (++p->n_nodes > TMPL_NODES_MAX)
        tmpl_parser_fail(p, "more than %d nodes", TMPL_NODES_MAX);
    n->kind = kind;
    n->pos = at.pos;
    n->line = at.line;
    return n;
}

void tmpl_parser_append(struct parser *p, struct node *list, struct node *item)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 4;
        struct node **items = arena_array(p->arena, cap, sizeof *items);

        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = item;
}

bool tmpl_parser_enter(struct parser *p)
{
    if (++p->depth > TMPL_PARSE_DEPTH_MAX)
        tmpl_parser_fail(p, "nested more than %d levels deep", TMPL_PARSE_DEPTH_MAX);
    return !p->failed;
}

struct token tmpl_parser_expect(struct parser *p, enum token_kind kind, const char *context)
{
    struct token t = tmpl_parser_next_word(p);

    if (t.kind != kind)
        tmpl_parser_unexpected(p, t, context);
    return t;
}

/* ---- actions ------------------------------------------------------------------------------- */

/* if, range and with; the keyword is read. */
static struct node *parse_control(struct parser *p, enum node_kind kind, const char *context)
{
    enum token_kind chained = kind == NODE_IF ? TOKEN_IF : TOKEN_WITH;
    size_t vars = p->n_vars;
    struct node *n, *end = NULL;
    bool range = kind == NODE_RANGE;

    if (!tmpl_parser_enter(p))
        return NULL;
    n = tmpl_parser_node(p, kind, tmpl_parser_peek_word(p));
    n->pipe = parse_pipeline(p, context, TOKEN_RIGHT_DELIM);
    if (p->failed)
        return NULL;
    p->range_depth += range;
    n->list = parse_list(p, &end);
    p->range_depth -= range;
    if (p->failed)
        return NULL;
    if (end->kind == NODE_ELSE && !range && tmpl_parser_peek(p).kind == chained) {
        /* {{else if}}: an if inside the else branch whose {{end}} closes both. */
        n->else_list = tmpl_parser_node(p, NODE_LIST, tmpl_parser_next(p));
        tmpl_parser_append(p, n->else_list, parse_control(p, kind, context));
    } else if (end->kind == NODE_ELSE) {
        n->else_list = parse_list(p, &end);
        if (!p->failed && end->kind != NODE_END)
            tmpl_parser_fail(p, "expected end; found {{else}}");
    }
    p->n_vars = vars;
    p->depth--;
    return p->failed ? NULL : n;
}

static struct node *parse_else(struct parser *p)
{
    struct token t = tmpl_parser_peek_word(p);

    if (t.kind != TOKEN_IF && t.kind != TOKEN_WITH)
        t = tmpl_parser_expect(p, TOKEN_RIGHT_DELIM, "else");
    return tmpl_parser_node(p, NODE_ELSE, t);
}

static struct node *parse_loop_exit(struct parser *p, enum node_kind kind, struct token word)
{
    struct token t = tmpl_parser_next_word(p);

    if (t.kind != TOKEN_RIGHT_DELIM)
        return tmpl_parser_unexpected(p, t, kind == NODE_BREAK ? "{{break}}" : "{{continue}}");
    if (p->range_depth == 0)
        return tmpl_parser_fail(p, "{{" STR_FMT "}} outside {{range}}", STR_ARG(word.val));
    return tmpl_parser_node(p, kind, word);
}

static struct str parse_template_name(struct parser *p, struct token t, const char *context)
{
    struct node *n;

    if (t.kind != TOKEN_STRING && t.kind != TOKEN_RAW_STRING) {
        tmpl_parser_unexpected(p, t, context);
        return STR_NONE;
    }
    n = parse_string(p, t);
    return n ? n->value : STR_NONE;
}

/* What is inside a definition knows only $ and no loop around it. */
struct outer {
    struct str *vars;
    size_t n_vars, cap_vars;
    int range_depth;
};

static struct outer begin_definition(struct parser *p)
{
    struct outer o = {p->vars, p->n_vars, p->cap_vars, p->range_depth};

    p->vars = NULL;
    p->n_vars = p->cap_vars = 0;
    p->range_depth = 0;
    tmpl_parser_add_var(p, STR("$"));
    return o;
}

static void end_definition(struct parser *p, const struct outer *o)
{
    mem_freep(&p->vars);
    p->vars = o->vars;
    p->n_vars = o->n_vars;
    p->cap_vars = o->cap_vars;
    p->range_depth = o->range_depth;
}

static struct tree *find_tree(const struct source *src, struct str name)
{
    for (struct tree *t = src->trees; t; t = t->next)
        if (str_eq(t->name, name))
            return t;
    return NULL;
}

static struct tree *add_tree(struct parser *p, struct str name, struct node *root)
{
    struct tree *old = find_tree(p->src, name), *t;

    if (old && !node_is_blank(old->root)) {
        if (!node_is_blank(root))
            return tmpl_parser_fail(p, "template: multiple definition of template \"" STR_FMT "\"",
                                    STR_ARG(name));
        return old;
    }
    if (old) {
        old->root = root;
        return old;
    }
    t = arena_zalloc(p->arena, sizeof *t);
    *t = (struct tree){.name = name, .root = root, .source = p->src};
    if (p->last_tree)
        p->last_tree->next = t;
    else
        p->src->trees = t;
    p->last_tree = t;
    return t;
}

/* The body of a definition up to its {{end}}. */
static void parse_definition(struct parser *p, struct str name, const char *context)
{
    struct outer outer;
    struct node *root, *end = NULL;

    if (!tmpl_parser_enter(p))
        return;
    outer = begin_definition(p);
    root = parse_list(p, &end);
    if (!p->failed && end->kind != NODE_END)
        tmpl_parser_fail(p, "unexpected {{else}} in %s", context);
    end_definition(p, &outer);
    if (!p->failed)
        add_tree(p, name, root);
    p->depth--;
}

static void parse_define(struct parser *p)
{
    struct str name = parse_template_name(p, tmpl_parser_next_word(p), "define clause");

    if (!p->failed)
        tmpl_parser_expect(p, TOKEN_RIGHT_DELIM, "define clause");
    if (!p->failed)
        parse_definition(p, name, "define clause");
}

static struct node *parse_block(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);
    struct node *n = tmpl_parser_node(p, NODE_TEMPLATE, t);

    n->name = parse_template_name(p, t, "block clause");
    if (!p->failed)
        n->pipe = parse_pipeline(p, "block clause", TOKEN_RIGHT_DELIM);
    if (!p->failed)
        parse_definition(p, n->name, "block clause");
    return p->failed ? NULL : n;
}

static struct node *parse_template_call(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);
    struct node *n = tmpl_parser_node(p, NODE_TEMPLATE, t);

    n->name = parse_template_name(p, t, "template clause");
    if (!p->failed && tmpl_parser_next_word(p).kind != TOKEN_RIGHT_DELIM) {
        tmpl_parser_back(p);
        n->pipe = parse_pipeline(p, "template clause", TOKEN_RIGHT_DELIM);
    }
    return p->failed ? NULL : n;
}

static struct node *parse_action(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);
    struct node *n;

    switch (t.kind) {
    case TOKEN_BLOCK: n = parse_block(p); break;
    case TOKEN_BREAK: n = parse_loop_exit(p, NODE_BREAK, t); break;
    case TOKEN_CONTINUE: n = parse_loop_exit(p, NODE_CONTINUE, t); break;
    case TOKEN_ELSE: n = parse_else(p); break;
    case TOKEN_END:
        n = tmpl_parser_node(p, NODE_END, tmpl_parser_expect(p, TOKEN_RIGHT_DELIM, "end"));
        break;
    case TOKEN_IF: n = parse_control(p, NODE_IF, "if"); break;
    case TOKEN_RANGE: n = parse_control(p, NODE_RANGE, "range"); break;
    case TOKEN_TEMPLATE: n = parse_template_call(p); break;
    case TOKEN_WITH: n = parse_control(p, NODE_WITH, "with"); break;
    default:
        tmpl_parser_back(p);
        n = tmpl_parser_node(p, NODE_ACTION, tmpl_parser_peek(p));
        n->pipe = parse_pipeline(p, "command", TOKEN_RIGHT_DELIM);
    }
    p->action_line = 0;
    return p->failed ? NULL : n;
}

static struct node *parse_text_or_action(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);
    struct node *n;

    if (t.kind == TOKEN_LEFT_DELIM) {
        p->action_line = t.line;
        return parse_action(p);
    }
    if (t.kind != TOKEN_TEXT)
        return tmpl_parser_unexpected(p, t, "input");
    n = tmpl_parser_node(p, NODE_TEXT, t);
    n->text = t.val;
    return n;
}

/* Up to {{end}} or {{else}}, which is handed out. */
static struct node *parse_list(struct parser *p, struct node **ret_end)
{
    struct node *list = tmpl_parser_node(p, NODE_LIST, tmpl_parser_peek_word(p));

    while (!p->failed && tmpl_parser_peek_word(p).kind != TOKEN_EOF) {
        struct node *n = parse_text_or_action(p);

        if (p->failed)
            return NULL;
        if (n->kind == NODE_END || n->kind == NODE_ELSE) {
            *ret_end = n;
            return list;
        }
        tmpl_parser_append(p, list, n);
    }
    return tmpl_parser_fail(p, "unexpected EOF");
}

/* The text itself: the only place where {{define}} may stand. */
static void parse_top(struct parser *p)
{
    struct node *root = tmpl_parser_node(p, NODE_LIST, tmpl_parser_peek(p));

    while (!p->failed && tmpl_parser_peek(p).kind != TOKEN_EOF) {
        struct token delim = tmpl_parser_peek(p);
        struct node *n;

        if (delim.kind == TOKEN_LEFT_DELIM) {
            tmpl_parser_next(p);
            if (tmpl_parser_next_word(p).kind == TOKEN_DEFINE) {
                parse_define(p);
                continue;
            }
            p->ahead[1] = delim;
            p->n_ahead = 2;
        }
        n = parse_text_or_action(p);
        if (p->failed)
            return;
        if (n->kind == NODE_END || n->kind == NODE_ELSE)
            tmpl_parser_fail(p, "unexpected {{%s}}", n->kind == NODE_END ? "end" : "else");
        else
            tmpl_parser_append(p, root, n);
    }
    if (!p->failed)
        p->src->main = add_tree(p, p->src->name, root);
}

int source_parse(struct source *src, const struct tmpl_functions *functions, struct err *err)
{
    struct parser p = {.src = src, .arena = &src->arena, .functions = functions, .err = err};

    if (src->text.len > TMPL_TEXT_MAX)
        return err_set(err, -E2BIG, "template: " STR_FMT ": %zu bytes, more than %u",
                       STR_ARG(src->name), src->text.len, TMPL_TEXT_MAX);
    tmpl_lexer_init(&p.lex, src->text, &src->arena);
    tmpl_parser_add_var(&p, STR("$"));
    parse_top(&p);
    mem_freep(&p.vars);
    return p.failed ? -EINVAL : 0;
}
