/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast - a PromQL expression as a tree, and what can be done with it without data
 *
 * promql_parse() reads, checks types and returns a struct promql_expr, which owns the tree, its
 * strings and its matchers; all die with promql_expr_free(). After that the tree is only read
 * (promql_enforce_matcher() is the one exception), so several threads may evaluate one expression
 * at once.
 *
 * Positions are bytes of the text: [start, end). What people see is LINE:COL, see
 * promql_position().
 */
#ifndef TOCSIN_PROMQL_AST_H
#define TOCSIN_PROMQL_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/defs.h"
#include "base/err.h"
#include "base/str.h"
#include "model/duration.h"
#include "model/matcher.h"

#define PROMQL_TEXT_MAX     (256u << 10) /* bytes of one expression; rule files have up to 9 KB */
#define PROMQL_DEPTH_MAX    1000 /* nodes above each other; everybody recurses; a + b + c has 3 */
#define PROMQL_PRETTY_WIDTH 100  /* characters; longer nodes are split by promql_print_pretty() */

struct promql_function; /* promql/functions_table.h */
struct promql_node;

/* What a site switched on; a zeroed struct is what Prometheus 3.5 ships. */
struct promql_features {
    bool experimental_functions; /* promql-experimental-functions */
    bool duration_expressions;   /* promql-duration-expr */
};

enum promql_type { PROMQL_NONE, PROMQL_SCALAR, PROMQL_VECTOR, PROMQL_MATRIX, PROMQL_STRING };

enum node_kind {
    NODE_NUMBER,
    NODE_STRING,
    NODE_PAREN,
    NODE_UNARY,
    NODE_BINARY,
    NODE_AGGREGATE,
    NODE_CALL,
    NODE_VECTOR, /* foo{a="b"} */
    NODE_MATRIX, /* foo{a="b"}[5m] */
    NODE_SUBQUERY,
    NODE_DURATION, /* arithmetic inside of a range, step or offset; never seen by promql_walk() */
};

enum promql_op {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_POW,
    OP_ATAN2,
    OP_EQ,
    OP_NE,
    OP_LE,
    OP_LT,
    OP_GE,
    OP_GT,
    OP_AND,
    OP_OR,
    OP_UNLESS,
};

enum promql_aggregate {
    AGG_SUM,
    AGG_AVG,
    AGG_COUNT,
    AGG_MIN,
    AGG_MAX,
    AGG_GROUP,
    AGG_STDDEV,
    AGG_STDVAR,
    AGG_TOPK,
    AGG_BOTTOMK,
    AGG_COUNT_VALUES,
    AGG_QUANTILE,
    AGG_LIMITK,
    AGG_LIMIT_RATIO,
};

enum promql_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };
/*                                  group_left        group_right       and, or, unless      */

enum promql_at { AT_NONE, AT_TIME, AT_START, AT_END };

struct promql_labels { /* of by, without, on, ignoring, group_left, group_right; in written order */
    struct str *names;
    size_t n;
};

/* How the two sides of a binary operation between vectors find each other. */
struct promql_matching {
    enum promql_card card;
    bool on; /* else: ignoring */
    struct promql_labels labels;
    struct promql_labels include; /* of group_left, group_right */
};

/* `offset` and `@` of a selector or subquery */
struct promql_time_shift {
    dur_ms offset;                   /* may be negative */
    struct promql_node *offset_expr; /* how it was computed, to print it; or NULL */
    enum promql_at at;
    int64_t at_ms; /* unix ms, of AT_TIME */
};

struct promql_node {
    enum node_kind kind;
    enum promql_type type;
    uint32_t start, end; /* bytes of the text */
    uint32_t depth;      /* 1 + that of the deepest child, at most PROMQL_DEPTH_MAX */
    /*
     * The value does not depend on the step: everything below is literal or fixed by @. Evaluate
     * once. Calls of time(), timestamp() and the like never are.
     */
    bool step_invariant;
    /* 0: there is no other; else an instant vector that the expression has several times: nodes of
     * the same number are the same. */
    uint16_t twin;
    union {
        struct {
            double v;         /* seconds, when written as duration */
            bool is_duration; /* written like 5m: printed so again */
            bool is_short;    /* 1e+06 for 1000000, see promql_shorten_numbers() */
        } number;
        struct str string;
        struct promql_node *paren;
        struct {
            enum promql_op op; /* OP_ADD, OP_SUB */
            struct promql_node *arg;
        } unary;
        struct {
            enum promql_op op;
            bool return_bool;
            bool has_matching; /* both sides are vectors: `matching` counts */
            struct promql_matching matching;
            struct promql_node *lhs, *rhs;
        } binary;
        struct {
            enum promql_aggregate op;
            bool without;
            struct promql_labels grouping;
            /* NULL but for topk, bottomk, quantile, count_values, limitk, limit_ratio */
            struct promql_node *param;
            struct promql_node *arg;
        } aggregate;
        struct {
            const struct promql_function *fn;
            struct promql_node **args;
            size_t n_args;
        } call;
        struct {
            struct str name; /* written before the brace; empty: none, or written as {"name"} */
            struct matcher **matchers; /* all, that of the name as __name__ too */
            size_t n_matchers;
            struct promql_time_shift shift;
        } vector;
        struct {
            struct promql_node *vector; /* NODE_VECTOR; carries offset and @ */
            dur_ms range;
            struct promql_node *range_expr; /* how range was computed, to print it; or NULL */
        } matrix;
        struct {
            struct promql_node *arg;
            dur_ms range;
            dur_ms step;                                /* 0: the global evaluation interval */
            struct promql_node *range_expr, *step_expr; /* as above */
            struct promql_time_shift shift;
        } subquery;
        struct {
            enum promql_op op;
            bool wrapped;                  /* stands in parentheses */
            double v;                      /* seconds, computed */
            struct promql_node *lhs, *rhs; /* NODE_NUMBER or NODE_DURATION; lhs NULL: a sign */
        } duration;
    };
};

struct promql_expr {
    struct str text; /* a copy of what was parsed, in the arena */
    struct promql_node *root;
    const char *refusal; /* why it cannot be evaluated though it parses (durations); NULL: it can */
    /* private */
    struct arena arena;
    struct matcher **matchers; /* every one that was made, for the end */
    size_t n_matchers, cap_matchers;
};

/* ---- life */

/*
 * Returns 0; or -EINVAL and "LINE:COL: parse error: TEXT" in Prometheus' words, -E2BIG when the
 * text is too long or nested too deep. features may be NULL: nothing experimental.
 */
int promql_parse(struct str text, const struct promql_features *features, struct promql_expr **ret,
                 struct err *err);
void promql_expr_free(struct promql_expr *e);
DEFINE_FREEP(promql_expr, struct promql_expr)

/*
 * A selector alone, as match[] parameters have it: `foo{a="b"}`. Same results as promql_parse(),
 * but one that selects everything, `{}`, is allowed. The root is a NODE_VECTOR.
 */
int promql_parse_selector(struct str text, struct promql_expr **ret, struct err *err);

/* ---- reading */

/*
 * Visits node and all below it, parents first: operands, aggregation parameter before argument,
 * call arguments, the vector selector of a matrix selector. `parents` are the nodes from the root
 * down to the parent. Stops with the first value other than 0 that visit returns, and returns it.
 */
typedef int promql_visit(struct promql_node *node, struct promql_node *const *parents,
                         size_t n_parents, void *arg);
int promql_walk(struct promql_node *root, promql_visit *visit, void *arg);

/* Line and column (1-based, column in bytes) of a byte of text. */
void promql_position(struct str text, size_t byte, unsigned *ret_line, unsigned *ret_col);

/* node without the parentheses around it */
static inline struct promql_node *promql_unparen(struct promql_node *node)
{
    while (node->kind == NODE_PAREN)
        node = node->paren;
    return node;
}

/* Does an and, or, unless: */
static inline bool promql_op_is_set(enum promql_op op)
{
    return op >= OP_AND;
}

static inline bool promql_op_is_comparison(enum promql_op op)
{
    return op >= OP_EQ && op <= OP_GT;
}

const char *promql_op_text(enum promql_op op);               /* "+", "==", "unless" */
const char *promql_aggregate_text(enum promql_aggregate op); /* "sum" */
const char *promql_type_text(enum promql_type t);            /* "instant vector", of messages */
const char *promql_type_name(enum promql_type t);            /* "vector", of the API */

/* ---- writing */

void promql_print(const struct promql_node *node, struct buf *out); /* canonical, one line */
void promql_print_pretty(const struct promql_node *node, size_t width, struct buf *out);
void promql_print_json(const struct promql_node *node, struct buf *out); /* /api/v1/parse_query */

/* ---- changing */

/*
 * In every selector below root, drops the matchers of this name and appends `name <type> value`;
 * afterwards promql_print() yields the narrowed expression. Aggregation parameters are left alone.
 * -EINVAL: value is no regular expression.
 */
int promql_enforce_matcher(struct promql_expr *e, enum matcher_type type, struct str name,
                           struct str value, struct err *err);

/* Has promql_print() write numbers the way of Prometheus 2: with an exponent below 1e-4 and from
 * 1e+06 on. The values stay the same. */
void promql_shorten_numbers(struct promql_expr *e);

#endif
