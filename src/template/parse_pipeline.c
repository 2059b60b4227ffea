/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands inside an action.
 *
 *     pipeline   = [ $x [ "," $y ] ( ":=" | "=" ) ] command { "|" command }
 *     command    = operand { space operand }
 *     operand    = term { field }
 *     term       = literal | function | "." | "nil" | $x | field | "(" pipeline ")"
 */
#include "template/parse_priv.h"

#include "base/mem.h"
#include "base/quote.h"
#include "template/text_priv.h"

/* ---- variables ----------------------------------------------------------------------------- */

void tmpl_parser_add_var(struct parser *p, struct str name)
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
static struct node *new_idents(struct parser *p, enum node_kind kind, struct token t,
                               struct str text)
{
    struct node *n = tmpl_parser_node(p, kind, t);
    size_t dots = 0;

    for (size_t i = 0; i < text.len; i++)
        dots += text.p[i] == '.';
    n->idents = arena_array(p->arena, dots + 1, sizeof *n->idents);
    for (size_t i = 0; i <= dots; i++)
        n->idents[n->n_idents++] = str_cut(&text, '.');
    return n;
}

/* ---- operands ------------------------------------------------------------------------------ */

struct node *parse_string(struct parser *p, struct token t)
{
    struct node *n = tmpl_parser_node(p, NODE_STRING, t);
    struct buf b = {0};
    bool good = text_unquote(t.val, &b);

    n->source = t.val;
    n->value = str_c(arena_strdup(p->arena, buf_str(&b)));
    n->value.len = b.len;
    buf_free(&b);
    return good ? n : tmpl_parser_fail(p, "invalid syntax");
}

static struct node *number_term(struct parser *p, struct token t)
{
    struct node *n = tmpl_parser_node(p, NODE_NUMBER, t);
    struct err err = {0};

    n->source = t.val;
    n->number = number_parse(t.val, t.kind == TOKEN_CHAR_CONSTANT, t.kind == TOKEN_COMPLEX,
                             p->arena, &err);
    return n->number ? n : tmpl_parser_fail(p, "%s", err.msg);
}

static struct node *identifier_term(struct parser *p, struct token t)
{
    struct node *n = tmpl_parser_node(p, NODE_IDENTIFIER, t);

    n->text = t.val;
    n->func = function_find(p->functions, t.val);
    if (!n->func)
        return tmpl_parser_fail(p, "function \"" STR_FMT "\" not defined", STR_ARG(t.val));
    return n;
}

static struct node *variable_term(struct parser *p, struct token t)
{
    if (!has_var(p, t.val))
        return tmpl_parser_fail(p, "undefined variable \"" STR_FMT "\"", STR_ARG(t.val));
    return new_idents(p, NODE_VARIABLE, t, t.val);
}

/* NULL without failure: the next token begins no operand. */
static struct node *parse_term(struct parser *p)
{
    struct token t = tmpl_parser_next_word(p);
    struct node *n;

    switch (t.kind) {
    case TOKEN_IDENTIFIER: return identifier_term(p, t);
    case TOKEN_DOT: return tmpl_parser_node(p, NODE_DOT, t);
    case TOKEN_NIL: return tmpl_parser_node(p, NODE_NIL, t);
    case TOKEN_VARIABLE: return variable_term(p, t);
    case TOKEN_FIELD: return new_idents(p, NODE_FIELD, t, str_n(t.val.p + 1, t.val.len - 1));
    case TOKEN_BOOL:
        n = tmpl_parser_node(p, NODE_BOOL, t);
        n->truth = str_eq_c(t.val, "true");
        return n;
    case TOKEN_CHAR_CONSTANT:
    case TOKEN_COMPLEX:
    case TOKEN_NUMBER: return number_term(p, t);
    case TOKEN_STRING:
    case TOKEN_RAW_STRING: return parse_string(p, t);
    case TOKEN_LEFT_PAREN: return parse_pipeline(p, "parenthesized pipeline", TOKEN_RIGHT_PAREN);
    default: tmpl_parser_back(p); return NULL;
    }
}

/* Puts the field tokens that follow right behind `term` onto it. */
static struct node *parse_fields(struct parser *p, struct node *term)
{
    struct token first = tmpl_parser_peek(p);
    struct node *n;
    struct str *idents;
    size_t cap = 0, n_idents = 0, from = 0;
    struct str *fields = NULL;

    if (term->kind == NODE_BOOL || term->kind == NODE_STRING || term->kind == NODE_NUMBER ||
        term->kind == NODE_NIL || term->kind == NODE_DOT) {
        struct buf b = {.max = ERR_MSG_MAX}, quoted = {.max = ERR_MSG_MAX};

        node_print(term, &b);
        quote_add_go(&quoted, buf_str(&b));
        tmpl_parser_fail(p, "unexpected . after term " STR_FMT, STR_ARG(buf_str(&quoted)));
        buf_free(&b);
        buf_free(&quoted);
        return NULL;
    }
    while (tmpl_parser_peek(p).kind == TOKEN_FIELD) {
        struct token t = tmpl_parser_next(p);

        *VEC_PUSH(fields, n_idents, cap) = str_n(t.val.p + 1, t.val.len - 1);
    }
    /* A field or variable becomes a longer one, at the place of its second part, as Go has it. */
    n = tmpl_parser_node(
        p, term->kind == NODE_FIELD || term->kind == NODE_VARIABLE ? term->kind : NODE_CHAIN,
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
    return tmpl_parser_peek(p).kind == TOKEN_FIELD ? parse_fields(p, n) : n;
}

static struct node *parse_command(struct parser *p)
{
    struct node *cmd = tmpl_parser_node(p, NODE_COMMAND, tmpl_parser_peek_word(p));

    while (!p->failed) {
        struct node *word;
        struct token t;

        tmpl_parser_peek_word(p);
        word = parse_operand(p);
        if (word)
            tmpl_parser_append(p, cmd, word);
        if (p->failed)
            return NULL;
        t = tmpl_parser_next(p);
        if (t.kind == TOKEN_SPACE)
            continue;
        if (t.kind == TOKEN_RIGHT_DELIM || t.kind == TOKEN_RIGHT_PAREN)
            tmpl_parser_back(p);
        else if (t.kind != TOKEN_PIPE)
            return tmpl_parser_unexpected(p, t, "operand");
        break;
    }
    return cmd->n > 0 ? cmd : tmpl_parser_fail(p, "empty command");
}

/* ---- pipelines ----------------------------------------------------------------------------- */

static void declare(struct parser *p, struct node *pipe, struct token var)
{
    pipe->decls[pipe->n_decls++] = new_idents(p, NODE_VARIABLE, var, var.val);
    tmpl_parser_add_var(p, var.val);
}

/* $x :=, $x =, and in range also $i, $x := */
static void parse_declarations(struct parser *p, struct node *pipe, const char *context)
{
    bool range = strcmp(context, "range") == 0;

    pipe->decls = arena_array(p->arena, 2, sizeof *pipe->decls);
    for (;;) {
        struct token var = tmpl_parser_peek_word(p), after, word;

        if (var.kind != TOKEN_VARIABLE)
            return;
        tmpl_parser_next_word(p);
        after = tmpl_parser_peek(p);
        word = tmpl_parser_peek_word(p);
        if (word.kind == TOKEN_ASSIGN || word.kind == TOKEN_DECLARE) {
            pipe->is_assign = word.kind == TOKEN_ASSIGN;
            tmpl_parser_next_word(p);
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
        tmpl_parser_next_word(p);
        declare(p, pipe, var);
        if (!range || pipe->n_decls == 2) {
            tmpl_parser_fail(p, "too many declarations in %s", context);
            return;
        }
        word = tmpl_parser_peek_word(p);
        if (word.kind != TOKEN_VARIABLE && word.kind != TOKEN_RIGHT_DELIM &&
            word.kind != TOKEN_RIGHT_PAREN) {
            tmpl_parser_fail(p, "range can only initialize variables");
            return;
        }
    }
}

/* Whether t begins a command. */
static bool begins_command(enum token_kind k)
{
    switch (k) {
    case TOKEN_BOOL:
    case TOKEN_CHAR_CONSTANT:
    case TOKEN_COMPLEX:
    case TOKEN_DOT:
    case TOKEN_FIELD:
    case TOKEN_IDENTIFIER:
    case TOKEN_NUMBER:
    case TOKEN_NIL:
    case TOKEN_RAW_STRING:
    case TOKEN_STRING:
    case TOKEN_VARIABLE:
    case TOKEN_LEFT_PAREN: return true;
    default: return false;
    }
}

/* Only the first stage may be a plain value: the others get one. */
static void check_pipeline(struct parser *p, const struct node *pipe, const char *context)
{
    if (pipe->n == 0)
        tmpl_parser_fail(p, "missing value for %s", context);
    for (size_t i = 1; i < pipe->n; i++) {
        switch (pipe->items[i]->items[0]->kind) {
        case NODE_BOOL:
        case NODE_DOT:
        case NODE_NIL:
        case NODE_NUMBER:
        case NODE_STRING:
            tmpl_parser_fail(p, "non executable command in pipeline stage %zu", i + 1);
            break;
        default: break;
        }
    }
}

struct node *parse_pipeline(struct parser *p, const char *context, enum token_kind end)
{
    struct node *pipe = tmpl_parser_node(p, NODE_PIPE, tmpl_parser_peek_word(p));

    if (!tmpl_parser_enter(p))
        return NULL;
    parse_declarations(p, pipe, context);
    while (!p->failed) {
        struct token t = tmpl_parser_next_word(p);

        if (t.kind == end) {
            check_pipeline(p, pipe, context);
            break;
        }
        if (!begins_command(t.kind))
            return tmpl_parser_unexpected(p, t, context);
        tmpl_parser_back(p);
        tmpl_parser_append(p, pipe, parse_command(p));
    }
    p->depth--;
    return p->failed ? NULL : pipe;
}
