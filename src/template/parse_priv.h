/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - the parser's state and the helpers that its two files share
 *
 * parse.c reads texts, actions and definitions; parse_pipeline.c what stands inside an action. The
 * first error ends it: `failed` is set and every function returns at once with whatever it has.
 */
#ifndef TOCSIN_TEMPLATE_PARSE_PRIV_H
#define TOCSIN_TEMPLATE_PARSE_PRIV_H

#include "template/ast_priv.h"
#include "template/lex_priv.h"

#define LOOKAHEAD 3 /* "$x foo": whether it is a declaration shows at foo */

struct parser {
    struct source *src;
    struct arena *arena;
    const struct tmpl_functions *functions;
    struct lexer lex;
    struct token ahead[LOOKAHEAD]; /* [0] was read last */
    size_t n_ahead;                /* how many of them are to be read again */
    struct str *vars; /* names that are defined at this place; heap, freed by source_parse() */
    size_t n_vars, cap_vars;
    int range_depth; /* loops around this place: break is allowed */
    int depth;       /* nesting */
    int action_line; /* where the action began, 0 outside */
    size_t n_nodes;
    struct tree *last_tree;
    struct err *err;
    bool failed;
};

/* Tokens: the next one, the next that is no white space; peek gives it back. */
struct token tmpl_parser_next(struct parser *p);
struct token tmpl_parser_peek(struct parser *p);
struct token tmpl_parser_next_word(struct parser *p);
struct token tmpl_parser_peek_word(struct parser *p);
void tmpl_parser_back(struct parser *p);
struct token tmpl_parser_expect(struct parser *p, enum token_kind kind, const char *context);

/* Both always return NULL, so that callers can return it. */
void *tmpl_parser_fail(struct parser *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void *tmpl_parser_unexpected(struct parser *p, struct token t, const char *context);

bool tmpl_parser_enter(struct parser *p); /* one level deeper; false when that is too deep */
struct node *tmpl_parser_node(struct parser *p, enum node_kind kind, struct token at);
void tmpl_parser_append(struct parser *p, struct node *list, struct node *item);
void tmpl_parser_add_var(struct parser *p, struct str name);

struct node *parse_string(struct parser *p, struct token t);
struct node *parse_pipeline(struct parser *p, const char *context, enum token_kind end);

#endif
