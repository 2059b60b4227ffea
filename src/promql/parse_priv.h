/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse_priv - what the parts of the parser share: one token of look-ahead, and the first error
 *
 * Tokens are read only when somebody looks at them, so that of several faults in a text the
 * leftmost is told. After the first error (`code` is set) all reading yields TOKEN_ERROR, every
 * function of the parser returns at once, and what it returns is not used.
 */
#ifndef TOCSIN_PROMQL_PARSE_PRIV_H
#define TOCSIN_PROMQL_PARSE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/matcher.h"
#include "promql/ast.h"
#include "promql/lex.h"

struct parser {
    struct lexer lex;
    struct token next; /* look-ahead, when has_next */
    bool has_next;
    struct token last; /* that was taken */
    struct arena *arena;
    struct promql_expr *expr; /* NULL when a series description is read */
    struct promql_features features;
    unsigned depth;         /* of recursion */
    unsigned in_aggregates; /* how many are being read: named in messages */
    int code;
    struct err err;
};

enum token_kind parser_peek(struct parser *p);
struct token parser_take(struct parser *p);
bool parser_accept(struct parser *p, enum token_kind kind);

/* Records the first error: "LINE:COL: parse error: TEXT". */
void parser_fail(struct parser *p, size_t byte, const char *fmt, ...) PRINTF_LIKE(3, 4);
void parser_fail_code(struct parser *p, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with a quoted text in the middle: before "quoted" after. */
void parser_fail_quoted(struct parser *p, size_t byte, const char *before, struct str quoted,
                        const char *after);

/* "unexpected X in <context>, expected <expected>" about the next token; both may be NULL. */
void parser_unexpected(struct parser *p, const char *context, const char *expected);

/* About a token that no rule of expressions wants. */
void parser_unexpected_here(struct parser *p);

/* Takes a token of this kind, or fails like parser_unexpected(). */
bool parser_expect(struct parser *p, enum token_kind kind, const char *context,
                   const char *expected);

struct str parser_unquote(struct parser *p, struct token string);
double parser_number(struct parser *p, struct token number_or_duration); /* seconds */

/* Makes room for one more in an array of the arena; returns the array, perhaps moved. */
void *parser_grow(struct parser *p, void *items, size_t n, size_t *cap, size_t size);

struct promql_node *parser_node(struct parser *p, enum node_kind kind, size_t start, size_t end);
void parser_adopt(struct parser *p, struct promql_node *parent, const struct promql_node *child);

/* ---- parse.c */
bool parser_is_metric_name(enum token_kind kind); /* some keywords can be one */
struct promql_node *parse_expr(struct parser *p, int min_precedence);

/* ---- parse_selector.c */
struct promql_node *parse_vector_selector(struct parser *p, const struct token *name);
struct promql_node *parse_suffixes(struct parser *p, struct promql_node *node); /* [..] offset @ */

/* ---- parse_duration.c */
struct promql_node *parse_offset_duration(struct parser *p);
struct promql_node *parse_bracket_duration(struct parser *p, const char *expected);
dur_ms duration_ms(const struct promql_node *node);
struct promql_node *duration_to_print(struct promql_node *node); /* NULL: just a literal */

/* ---- check.c */
void check_types(struct parser *p, struct promql_node *root);

/* ---- twins.c */
void mark_twins(struct promql_expr *e); /* a whole tree, checked */

#endif
