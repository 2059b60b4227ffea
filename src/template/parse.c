/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over the tokens of one text.
 *
 *     text       = { TEXT | action }
 *     action     = "{{" ( pipeline | if | range | with | define | block | template | break | continue ) "}}"
 *     pipeline   = [ $x [ "," $y ] ( ":=" | "=" ) ] command { "|" command }
 *     command    = operand { space operand }
 *     operand    = term { field }
 *     term       = literal | function | "." | "nil" | $x | field | "(" pipeline ")"
 *
 * The first error ends it: `failed` is set and every function returns at once with whatever it has.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/quote.h"
#include "template/ast_priv.h"
#include "template/lex_priv.h"
#include "template/text_priv.h"

#define LOOKAHEAD 3 /* "$x foo": whether it is a declaration shows at foo */

struct parser {
    struct source *src;
    struct arena *arena;
    const struct tmpl_functions *functions;
    struct lexer lex;
    struct token ahead[LOOKAHEAD]; /* [0] was read last */
    size_t n_ahead;                /* how many of them are to be read again */
    struct str *vars; /* names that are defined here, without owner: heap, freed by source_parse() */
    size_t n_vars, cap_vars;
    int range_depth;  /* loops around this place: break is allowed */
    int depth;        /* nesting */
    int action_line;  /* where the action began, 0 outside */
    size_t n_nodes;
    struct tree *last_tree;
    struct err *err;
    bool failed;
};

static struct node *parse_list(struct parser *p, struct node **ret_end);
static struct node *parse_pipeline(struct parser *p, const char *context, enum token_kind end);

static struct token next(struct parser *p)
{
    if (p->n_ahead > 0)
        p->n_ahead--;
    else
        p->ahead[0] = lexer_next(&p->lex);
    return p->ahead[p->n_ahead];
}

static void back(struct parser *p)
{
    p->n_ahead++;
}

static struct token peek(struct parser *p)
{
    struct token t = next(p);

    back(p);
    return t;
}

static struct token next_word(struct parser *p)
{
    struct token t;

    do
        t = next(p);
    while (t.kind == TOKEN_SPACE);
    return t;
}

static struct token peek_word(struct parser *p)
{
    struct token t = next_word(p);

    back(p);
    return t;
}

/* Always returns NULL, so that callers can return it. */
static PRINTF_LIKE(2, 3) void *fail(struct parser *p, const char *fmt, ...)
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

static void *unexpected(struct parser *p, struct token t, const char *context)
{
    struct buf b = {.max = ERR_MSG_MAX};

    if (t.kind == TOKEN_ERROR) {
        buf_add_str(&b, t.val);
        if (p->action_line != 0 && p->action_line != t.line)
            buf_addf(&b, "%s started at " STR_FMT ":%d",
                     str_has_suffix(t.val, STR(" action")) ? "" : " in action", STR_ARG(p->src->name),
                     p->action_line);
    } else {
        buf_add_c(&b, "unexpected ");
        add_token(&b, t);
        buf_addf(&b, " in %s", context);
    }
    fail(p, STR_FMT, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return NULL;
}

static struct node *new_node(struct parser *p, enum node_kind kind, struct token at)
{
    struct node *n = arena_zalloc(p->arena, sizeof *n);

    if (++p->n_nodes > TMPL_NODES_MAX)
        fail(p, "more than %d nodes", TMPL_NODES_MAX);
    n->kind = kind;
    n->pos = at.pos;
    n->line = at.line;
    return n;
}

static void append(struct parser *p, struct node *list, struct node *item)
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

static bool enter(struct parser *p)
{
    if (++p->depth > TMPL_PARSE_DEPTH_MAX)
        fail(p, "nested more than %d levels deep", TMPL_PARSE_DEPTH_MAX);
    return !p->failed;
}

static struct token expect(struct parser *p, enum token_kind kind, const char *context)
{
    struct token t = next_word(p);

    if (t.kind != kind)
        unexpected(p, t, context);
    return t;
}

/* ---- variables -------------------------------------------------------------------------------------- */

static void add_var(struct parser *p, struct str name)
{
    *VEC_PUSH(p->vars, p->n_vars, p->cap_vars) = name;
}

static bool has_var(const struct parser *p, struct str name)
{
    for (size_t i = 0; i < p->n_vars; i++)
        if (str_eq(p->vars[i], name))
            return true;
    return false;
}

/* FIELD or VARIABLE out of "A.B" (without the leading dot of a field). */
static struct node *new_idents(struct parser *p, enum node_kind kind, struct token t, struct str text)
{
    struct node *n = new_node(p, kind, t);
    size_t dots = 0;

    for (size_t i = 0; i < text.len; i++)
        dots += text.p[i] == '.';
    n->idents = arena_array(p->arena, dots + 1, sizeof *n->idents);
    for (size_t i = 0; i <= dots; i++)
        n->idents[n->n_idents++] = str_cut(&text, '.');
    return n;
}

/* ---- operands --------------------------------------------------------------------------------------- */

static struct node *string_term(struct parser *p, struct token t)
{
    struct node *n = new_node(p, NODE_STRING, t);
    struct buf b = {0};
    bool good = text_unquote(t.val, &b);

    n->source = t.val;
    n->value = str_c(arena_strdup(p->arena, buf_str(&b)));
    n->value.len = b.len;
    buf_free(&b);
    return good ? n : fail(p, "invalid syntax");
}

static struct node *number_term(struct parser *p, struct token t)
{
    struct node *n = new_node(p, NODE_NUMBER, t);
    struct err err = {0};

    n->source = t.val;
    n->number = number_parse(t.val, t.kind == TOKEN_CHAR_CONSTANT, t.kind == TOKEN_COMPLEX, p->arena,
                             &err);
    return n->number ? n : fail(p, "%s", err.msg);
}

static struct node *identifier_term(struct parser *p, struct token t)
{
    struct node *n = new_node(p, NODE_IDENTIFIER, t);

    n->text = t.val;
    n->func = function_find(p->functions, t.val);
    if (!n->func)
        return fail(p, "function \"" STR_FMT "\" not defined", STR_ARG(t.val));
    return n;
}

static struct node *variable_term(struct parser *p, struct token t)
{
    if (!has_var(p, t.val))
        return fail(p, "undefined variable \"" STR_FMT "\"", STR_ARG(t.val));
    return new_idents(p, NODE_VARIABLE, t, t.val);
}

/* NULL without failure: the next token begins no operand. */
static struct node *parse_term(struct parser *p)
{
    struct token t = next_word(p);
    struct node *n;

    switch (t.kind) {
    case TOKEN_IDENTIFIER: return identifier_term(p, t);
    case TOKEN_DOT: return new_node(p, NODE_DOT, t);
    case TOKEN_NIL: return new_node(p, NODE_NIL, t);
    case TOKEN_VARIABLE: return variable_term(p, t);
    case TOKEN_FIELD: return new_idents(p, NODE_FIELD, t, str_n(t.val.p + 1, t.val.len - 1));
    case TOKEN_BOOL:
        n = new_node(p, NODE_BOOL, t);
        n->truth = str_eq_c(t.val, "true");
        return n;
    case TOKEN_CHAR_CONSTANT:
    case TOKEN_COMPLEX:
    case TOKEN_NUMBER: return number_term(p, t);
    case TOKEN_STRING:
    case TOKEN_RAW_STRING: return string_term(p, t);
    case TOKEN_LEFT_PAREN:
        return parse_pipeline(p, "parenthesized pipeline", TOKEN_RIGHT_PAREN);
    default: back(p); return NULL;
    }
}

/* Puts the field tokens that follow right behind `term` onto it. */
static struct node *parse_fields(struct parser *p, struct node *term)
{
    struct token first = peek(p);
    struct node *n;
    struct str *idents;
    size_t cap = 0, n_idents = 0, from = 0;
    struct str *fields = NULL;

    if (term->kind == NODE_BOOL || term->kind == NODE_STRING || term->kind == NODE_NUMBER ||
        term->kind == NODE_NIL || term->kind == NODE_DOT) {
        struct buf b = {.max = ERR_MSG_MAX}, quoted = {.max = ERR_MSG_MAX};

        node_print(term, &b);
        quote_add_go(&quoted, buf_str(&b));
        fail(p, "unexpected . after term " STR_FMT, STR_ARG(buf_str(&quoted)));
        buf_free(&b);
        buf_free(&quoted);
        return NULL;
    }
    while (peek(p).kind == TOKEN_FIELD) {
        struct token t = next(p);

        *VEC_PUSH(fields, n_idents, cap) = str_n(t.val.p + 1, t.val.len - 1);
    }
    /* A field or variable becomes a longer one, at the place of its second part, as Go has it. */
    n = new_node(p, term->kind == NODE_FIELD || term->kind == NODE_VARIABLE ? term->kind : NODE_CHAIN,
                 first);
    if (n->kind != NODE_CHAIN)
        from = term->n_idents;
    else
        n->base = term;
    idents = arena_array(p->arena, from + n_idents, sizeof *idents);
    if (from > 0)
        memcpy(idents, term->idents, from * sizeof *idents);
    memcpy(idents + from, fields, n_idents * sizeof *idents);
    mem_freep(&fields);
    n->idents = idents;
    n->n_idents = from + n_idents;
    return n;
}

static struct node *parse_operand(struct parser *p)
{
    struct node *n = parse_term(p);

    if (!n || p->failed)
        return NULL;
    return peek(p).kind == TOKEN_FIELD ? parse_fields(p, n) : n;
}

static struct node *parse_command(struct parser *p)
{
    struct node *cmd = new_node(p, NODE_COMMAND, peek_word(p));

    while (!p->failed) {
        struct node *word;
        struct token t;

        peek_word(p);
        word = parse_operand(p);
        if (word)
            append(p, cmd, word);
        if (p->failed)
            return NULL;
        t = next(p);
        if (t.kind == TOKEN_SPACE)
            continue;
        if (t.kind == TOKEN_RIGHT_DELIM || t.kind == TOKEN_RIGHT_PAREN)
            back(p);
        else if (t.kind != TOKEN_PIPE)
            return unexpected(p, t, "operand");
        break;
    }
    return cmd->n > 0 ? cmd : fail(p, "empty command");
}

/* ---- pipelines -------------------------------------------------------------------------------------- */

static void declare(struct parser *p, struct node *pipe, struct token var)
{
    pipe->decls[pipe->n_decls++] = new_idents(p, NODE_VARIABLE, var, var.val);
    add_var(p, var.val);
}

/* $x :=, $x =, and in range also $i, $x := */
static void parse_declarations(struct parser *p, struct node *pipe, const char *context)
{
    bool range = strcmp(context, "range") == 0;

    pipe->decls = arena_array(p->arena, 2, sizeof *pipe->decls);
    for (;;) {
        struct token var = peek_word(p), after, word;

        if (var.kind != TOKEN_VARIABLE)
            return;
        next_word(p);
        after = peek(p);
        word = peek_word(p);
        if (word.kind == TOKEN_ASSIGN || word.kind == TOKEN_DECLARE) {
            pipe->is_assign = word.kind == TOKEN_ASSIGN;
            next_word(p);
            declare(p, pipe, var);
            return;
        }
        if (word.kind != TOKEN_CHAR || !str_eq_c(word.val, ",")) {
            /* An argument: it goes back, with the blank behind it. */
            if (after.kind == TOKEN_SPACE) {
                p->ahead[1] = after;
                p->ahead[2] = var;
                p->n_ahead = 3;
            } else {
                p->ahead[1] = var;
                p->n_ahead = 2;
            }
            return;
        }
        next_word(p);
        declare(p, pipe, var);
        if (!range || pipe->n_decls == 2) {
            fail(p, "too many declarations in %s", context);
            return;
        }
        word = peek_word(p);
        if (word.kind != TOKEN_VARIABLE && word.kind != TOKEN_RIGHT_DELIM &&
            word.kind != TOKEN_RIGHT_PAREN) {
            fail(p, "range can only initialize variables");
            return;
        }
    }
}

/* Whether t begins a command. */
static bool begins_command(enum token_kind k)
{
    switch (k) {
    case TOKEN_BOOL: case TOKEN_CHAR_CONSTANT: case TOKEN_COMPLEX: case TOKEN_DOT: case TOKEN_FIELD:
    case TOKEN_IDENTIFIER: case TOKEN_NUMBER: case TOKEN_NIL: case TOKEN_RAW_STRING:
    case TOKEN_STRING: case TOKEN_VARIABLE: case TOKEN_LEFT_PAREN:
        return true;
    default:
        return false;
    }
}

/* Only the first stage may be a plain value: the others get one. */
static void check_pipeline(struct parser *p, const struct node *pipe, const char *context)
{
    if (pipe->n == 0)
        fail(p, "missing value for %s", context);
    for (size_t i = 1; i < pipe->n; i++) {
        switch (pipe->items[i]->items[0]->kind) {
        case NODE_BOOL: case NODE_DOT: case NODE_NIL: case NODE_NUMBER: case NODE_STRING:
            fail(p, "non executable command in pipeline stage %zu", i + 1);
            break;
        default:
            break;
        }
    }
}

static struct node *parse_pipeline(struct parser *p, const char *context, enum token_kind end)
{
    struct node *pipe = new_node(p, NODE_PIPE, peek_word(p));

    if (!enter(p))
        return NULL;
    parse_declarations(p, pipe, context);
    while (!p->failed) {
        struct token t = next_word(p);

        if (t.kind == end) {
            check_pipeline(p, pipe, context);
            break;
        }
        if (!begins_command(t.kind))
            return unexpected(p, t, context);
        back(p);
        append(p, pipe, parse_command(p));
    }
    p->depth--;
    return p->failed ? NULL : pipe;
}

/* ---- actions ---------------------------------------------------------------------------------------- */

/* if, range and with; the keyword is read. */
static struct node *parse_control(struct parser *p, enum node_kind kind, const char *context)
{
    enum token_kind chained = kind == NODE_IF ? TOKEN_IF : TOKEN_WITH;
    size_t vars = p->n_vars;
    struct node *n, *end = NULL;
    bool range = kind == NODE_RANGE;

    if (!enter(p))
        return NULL;
    n = new_node(p, kind, peek_word(p));
    n->pipe = parse_pipeline(p, context, TOKEN_RIGHT_DELIM);
    if (p->failed)
        return NULL;
    p->range_depth += range;
    n->list = parse_list(p, &end);
    p->range_depth -= range;
    if (p->failed)
        return NULL;
    if (end->kind == NODE_ELSE && !range && peek(p).kind == chained) {
        /* {{else if}}: an if inside the else branch whose {{end}} closes both. */
        n->else_list = new_node(p, NODE_LIST, next(p));
        append(p, n->else_list, parse_control(p, kind, context));
    } else if (end->kind == NODE_ELSE) {
        n->else_list = parse_list(p, &end);
        if (!p->failed && end->kind != NODE_END)
            fail(p, "expected end; found {{else}}");
    }
    p->n_vars = vars;
    p->depth--;
    return p->failed ? NULL : n;
}

static struct node *parse_else(struct parser *p)
{
    struct token t = peek_word(p);

    if (t.kind != TOKEN_IF && t.kind != TOKEN_WITH)
        t = expect(p, TOKEN_RIGHT_DELIM, "else");
    return new_node(p, NODE_ELSE, t);
}

static struct node *parse_loop_exit(struct parser *p, enum node_kind kind, struct token word)
{
    struct token t = next_word(p);

    if (t.kind != TOKEN_RIGHT_DELIM)
        return unexpected(p, t, kind == NODE_BREAK ? "{{break}}" : "{{continue}}");
    if (p->range_depth == 0)
        return fail(p, "{{" STR_FMT "}} outside {{range}}", STR_ARG(word.val));
    return new_node(p, kind, word);
}

static struct str parse_template_name(struct parser *p, struct token t, const char *context)
{
    struct node *n;

    if (t.kind != TOKEN_STRING && t.kind != TOKEN_RAW_STRING) {
        unexpected(p, t, context);
        return STR_NONE;
    }
    n = string_term(p, t);
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
    add_var(p, STR("$"));
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
            return fail(p, "template: multiple definition of template \"" STR_FMT "\"",
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

    if (!enter(p))
        return;
    outer = begin_definition(p);
    root = parse_list(p, &end);
    if (!p->failed && end->kind != NODE_END)
        fail(p, "unexpected {{else}} in %s", context);
    end_definition(p, &outer);
    if (!p->failed)
        add_tree(p, name, root);
    p->depth--;
}

static void parse_define(struct parser *p)
{
    struct str name = parse_template_name(p, next_word(p), "define clause");

    if (!p->failed)
        expect(p, TOKEN_RIGHT_DELIM, "define clause");
    if (!p->failed)
        parse_definition(p, name, "define clause");
}

static struct node *parse_block(struct parser *p)
{
    struct token t = next_word(p);
    struct node *n = new_node(p, NODE_TEMPLATE, t);

    n->name = parse_template_name(p, t, "block clause");
    if (!p->failed)
        n->pipe = parse_pipeline(p, "block clause", TOKEN_RIGHT_DELIM);
    if (!p->failed)
        parse_definition(p, n->name, "block clause");
    return p->failed ? NULL : n;
}

static struct node *parse_template_call(struct parser *p)
{
    struct token t = next_word(p);
    struct node *n = new_node(p, NODE_TEMPLATE, t);

    n->name = parse_template_name(p, t, "template clause");
    if (!p->failed && next_word(p).kind != TOKEN_RIGHT_DELIM) {
        back(p);
        n->pipe = parse_pipeline(p, "template clause", TOKEN_RIGHT_DELIM);
    }
    return p->failed ? NULL : n;
}

static struct node *parse_action(struct parser *p)
{
    struct token t = next_word(p);
    struct node *n;

    switch (t.kind) {
    case TOKEN_BLOCK: n = parse_block(p); break;
    case TOKEN_BREAK: n = parse_loop_exit(p, NODE_BREAK, t); break;
    case TOKEN_CONTINUE: n = parse_loop_exit(p, NODE_CONTINUE, t); break;
    case TOKEN_ELSE: n = parse_else(p); break;
    case TOKEN_END: n = new_node(p, NODE_END, expect(p, TOKEN_RIGHT_DELIM, "end")); break;
    case TOKEN_IF: n = parse_control(p, NODE_IF, "if"); break;
    case TOKEN_RANGE: n = parse_control(p, NODE_RANGE, "range"); break;
    case TOKEN_TEMPLATE: n = parse_template_call(p); break;
    case TOKEN_WITH: n = parse_control(p, NODE_WITH, "with"); break;
    default:
        back(p);
        n = new_node(p, NODE_ACTION, peek(p));
        n->pipe = parse_pipeline(p, "command", TOKEN_RIGHT_DELIM);
    }
    p->action_line = 0;
    return p->failed ? NULL : n;
}

static struct node *parse_text_or_action(struct parser *p)
{
    struct token t = next_word(p);
    struct node *n;

    if (t.kind == TOKEN_LEFT_DELIM) {
        p->action_line = t.line;
        return parse_action(p);
    }
    if (t.kind != TOKEN_TEXT)
        return unexpected(p, t, "input");
    n = new_node(p, NODE_TEXT, t);
    n->text = t.val;
    return n;
}

/* Up to {{end}} or {{else}}, which is handed out. */
static struct node *parse_list(struct parser *p, struct node **ret_end)
{
    struct node *list = new_node(p, NODE_LIST, peek_word(p));

    while (!p->failed && peek_word(p).kind != TOKEN_EOF) {
        struct node *n = parse_text_or_action(p);

        if (p->failed)
            return NULL;
        if (n->kind == NODE_END || n->kind == NODE_ELSE) {
            *ret_end = n;
            return list;
        }
        append(p, list, n);
    }
    return fail(p, "unexpected EOF");
}

/* The text itself: the only place where {{define}} may stand. */
static void parse_top(struct parser *p)
{
    struct node *root = new_node(p, NODE_LIST, peek(p));

    while (!p->failed && peek(p).kind != TOKEN_EOF) {
        struct token delim = peek(p);
        struct node *n;

        if (delim.kind == TOKEN_LEFT_DELIM) {
            next(p);
            if (next_word(p).kind == TOKEN_DEFINE) {
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
            fail(p, "unexpected {{%s}}", n->kind == NODE_END ? "end" : "else");
        else
            append(p, root, n);
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
    lexer_init(&p.lex, src->text, &src->arena);
    add_var(&p, STR("$"));
    parse_top(&p);
    mem_freep(&p.vars);
    return p.failed ? -EINVAL : 0;
}
