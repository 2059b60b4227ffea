/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical text of an expression, and the pretty one over several lines.
 *
 * Both are a contract with other programs: rule pages, alerts' links and rulers compare the text.
 * The tree keeps parentheses as nodes, so that printing never has to think about precedence.
 */
#include "promql/ast.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/quote.h"
#include "model/label_set.h"
#include "promql/functions_table.h"
#include "promql/lex.h"

/* ---- pieces */

/* Can stand without quotes in a list of labels, where inf and nan are numbers. */
static bool is_bare_label(struct str name)
{
    return label_name_is_legacy(name) && lexer_keyword(name) != TOKEN_NUMBER;
}

static void print_labels(const struct promql_labels *labels, struct buf *out)
{
    buf_add_byte(out, '(');
    for (size_t i = 0; i < labels->n; i++) {
        if (i > 0)
            buf_add_c(out, ", ");
        if (is_bare_label(labels->names[i]))
            buf_add_str(out, labels->names[i]);
        else
            quote_add_go(out, labels->names[i]);
    }
    buf_add_byte(out, ')');
}

static void print_ms(dur_ms ms, struct buf *out)
{
    if (ms < 0)
        buf_add_byte(out, '-');
    duration_print(ms < 0 ? -ms : ms, out);
}

static void print_number(const struct promql_node *node, struct buf *out)
{
    if (node->number.is_duration)
        print_ms(llround(node->number.v * 1000), out);
    else if (node->number.is_short)
        num_add_short(out, node->number.v);
    else
        num_add_f(out, node->number.v);
}

static void print_duration(const struct promql_node *node, struct buf *out)
{
    if (node->kind == NODE_NUMBER) {
        print_number(node, out);
        return;
    }
    if (node->duration.wrapped)
        buf_add_byte(out, '(');
    if (node->duration.lhs) {
        print_duration(node->duration.lhs, out);
        buf_addf(out, " %s ", promql_op_text(node->duration.op));
    } else if (node->duration.op == OP_SUB) {
        buf_add_byte(out, '-');
    }
    print_duration(node->duration.rhs, out);
    if (node->duration.wrapped)
        buf_add_byte(out, ')');
}

/* The computed duration, or how it was computed. */
static void print_range(dur_ms ms, const struct promql_node *expr, struct buf *out)
{
    if (expr)
        print_duration(expr, out);
    else
        print_ms(ms, out);
}

static void print_shift(const struct promql_time_shift *shift, struct buf *out)
{
    long long ms = (long long)shift->at_ms;

    switch (shift->at) {
    case AT_NONE: break;
    case AT_TIME:
        buf_addf(out, " @ %s%lld.%03lld", ms < 0 ? "-" : "", llabs(ms / 1000), llabs(ms % 1000));
        break;
    case AT_START: buf_add_c(out, " @ start()"); break;
    case AT_END: buf_add_c(out, " @ end()"); break;
    }
    if (shift->offset != 0 || shift->offset_expr) {
        buf_add_c(out, " offset ");
        print_range(shift->offset, shift->offset_expr, out);
    }
}

/* ---- selectors */

static int compare_texts(const void *a, const void *b)
{
    const struct buf *x = a, *y = b;

    return str_cmp(buf_str(x), buf_str(y));
}

static void print_matcher(const struct matcher *m, struct buf *out)
{
    if (label_name_is_legacy(m->name))
        buf_add_str(out, m->name);
    else
        quote_add_go(out, m->name);
    buf_add_c(out, matcher_op(m->type));
    quote_add_go(out, m->value);
}

/* The name, then the other matchers in braces, sorted as text. */
static void print_selector(const struct promql_node *node, struct buf *out)
{
    struct buf *texts = mem_array(node->vector.n_matchers + 1, sizeof *texts);
    size_t n = 0;

    for (size_t i = 0; i < node->vector.n_matchers; i++) {
        const struct matcher *m = node->vector.matchers[i];

        if (node->vector.name.len == 0 || m->type != MATCH_EQ || !str_eq(m->name, LABEL_NAME) ||
            !str_eq(m->value, node->vector.name))
            print_matcher(m, &texts[n++]);
    }
    qsort(texts, n, sizeof *texts, compare_texts);
    buf_add_str(out, node->vector.name);
    if (n > 0 || node->vector.name.len == 0) {
        buf_add_byte(out, '{');
        for (size_t i = 0; i < n; i++) {
            if (i > 0)
                buf_add_byte(out, ',');
            buf_add_str(out, buf_str(&texts[i]));
            buf_free(&texts[i]);
        }
        buf_add_byte(out, '}');
    }
    free(texts);
}

static void print_matrix(const struct promql_node *node, struct buf *out)
{
    print_selector(node->matrix.vector, out);
    buf_add_byte(out, '[');
    print_range(node->matrix.range, node->matrix.range_expr, out);
    buf_add_byte(out, ']');
    print_shift(&node->matrix.vector->vector.shift, out);
}

static void print_subquery_suffix(const struct promql_node *node, struct buf *out)
{
    buf_add_byte(out, '[');
    print_range(node->subquery.range, node->subquery.range_expr, out);
    buf_add_byte(out, ':');
    if (node->subquery.step != 0)
        print_range(node->subquery.step, node->subquery.step_expr, out);
    buf_add_byte(out, ']');
    print_shift(&node->subquery.shift, out);
}

/* ---- operations */

/* " bool on (a) group_left (b)", behind the operator */
static void print_matching(const struct promql_node *node, struct buf *out)
{
    const struct promql_matching *m = &node->binary.matching;
    bool grouped = m->card == CARD_MANY_TO_ONE || m->card == CARD_ONE_TO_MANY;

    if (node->binary.return_bool)
        buf_add_c(out, " bool");
    if (!node->binary.has_matching)
        return;
    if (m->labels.n > 0 || m->on || grouped) {
        buf_add_c(out, m->on ? " on " : " ignoring ");
        print_labels(&m->labels, out);
    }
    if (grouped) {
        buf_add_c(out, m->card == CARD_MANY_TO_ONE ? " group_left " : " group_right ");
        print_labels(&m->include, out);
    }
}

/* "sum by (a) ", in front of the arguments */
static void print_aggregate_head(const struct promql_node *node, struct buf *out)
{
    bool shown = node->aggregate.without || node->aggregate.grouping.n > 0;

    buf_add_c(out, promql_aggregate_text(node->aggregate.op));
    if (!shown)
        return;
    buf_add_c(out, node->aggregate.without ? " without " : " by ");
    print_labels(&node->aggregate.grouping, out);
    buf_add_byte(out, ' ');
}

/* +Inf ^ 2 would read back as +(Inf ^ 2). */
static bool has_infinite_base(const struct promql_node *node)
{
    const struct promql_node *lhs = node->binary.lhs;

    return node->binary.op == OP_POW && lhs->kind == NODE_NUMBER && isinf(lhs->number.v);
}

static void print_call(const struct promql_node *node, struct buf *out)
{
    buf_addf(out, "%s(", node->call.fn->name);
    for (size_t i = 0; i < node->call.n_args; i++) {
        if (i > 0)
            buf_add_c(out, ", ");
        promql_print(node->call.args[i], out);
    }
    buf_add_byte(out, ')');
}

void promql_print(const struct promql_node *node, struct buf *out)
{
    if (out->overflow)
        return;
    switch (node->kind) {
    case NODE_NUMBER: print_number(node, out); break;
    case NODE_STRING: quote_add_go(out, node->string); break;
    case NODE_PAREN:
        buf_add_byte(out, '(');
        promql_print(node->paren, out);
        buf_add_byte(out, ')');
        break;
    case NODE_UNARY:
        buf_add_c(out, promql_op_text(node->unary.op));
        promql_print(node->unary.arg, out);
        break;
    case NODE_BINARY:
        if (has_infinite_base(node))
            buf_add_c(out, "Inf");
        else
            promql_print(node->binary.lhs, out);
        buf_addf(out, " %s", promql_op_text(node->binary.op));
        print_matching(node, out);
        buf_add_byte(out, ' ');
        promql_print(node->binary.rhs, out);
        break;
    case NODE_AGGREGATE:
        print_aggregate_head(node, out);
        buf_add_byte(out, '(');
        if (node->aggregate.param) {
            promql_print(node->aggregate.param, out);
            buf_add_c(out, ", ");
        }
        promql_print(node->aggregate.arg, out);
        buf_add_byte(out, ')');
        break;
    case NODE_CALL: print_call(node, out); break;
    case NODE_VECTOR:
        print_selector(node, out);
        print_shift(&node->vector.shift, out);
        break;
    case NODE_MATRIX: print_matrix(node, out); break;
    case NODE_SUBQUERY:
        promql_print(node->subquery.arg, out);
        print_subquery_suffix(node, out);
        break;
    case NODE_DURATION: print_duration(node, out); break;
    }
}

/* ---- pretty: a node that is too long for a line puts its parts on lines of their own */

struct pretty {
    size_t width;
    struct buf *out;
};

static void pretty_node(const struct pretty *p, const struct promql_node *node, unsigned level);

static void indent(const struct pretty *p, unsigned level)
{
    for (unsigned i = 0; i < level; i++)
        buf_add_c(p->out, "  ");
}

/*
 * Does the node fit into a line? Printing stops at the width, so that deep trees, whose nodes are
 * all asked, do not take quadratic time.
 */
static bool fits(const struct pretty *p, const struct promql_node *node)
{
    struct buf line = {.max = p->width};
    bool ok;

    promql_print(node, &line);
    ok = !line.overflow;
    buf_free(&line);
    return ok;
}

static void pretty_args(const struct pretty *p, struct promql_node *const *args, size_t n,
                        unsigned level)
{
    buf_add_c(p->out, "(\n");
    for (size_t i = 0; i < n; i++) {
        pretty_node(p, args[i], level + 1);
        buf_add_c(p->out, i + 1 < n ? ",\n" : "\n");
    }
    indent(p, level);
    buf_add_byte(p->out, ')');
}

static void pretty_aggregate(const struct pretty *p, const struct promql_node *node, unsigned level)
{
    struct promql_node *args[2];
    size_t n = 0;

    if (node->aggregate.param)
        args[n++] = node->aggregate.param;
    args[n++] = node->aggregate.arg;
    print_aggregate_head(node, p->out);
    pretty_args(p, args, n, level);
}

static void pretty_binary(const struct pretty *p, const struct promql_node *node, unsigned level)
{
    if (has_infinite_base(node)) {
        indent(p, level + 1);
        buf_add_c(p->out, "Inf");
    } else {
        pretty_node(p, node->binary.lhs, level + 1);
    }
    buf_add_byte(p->out, '\n');
    indent(p, level);
    buf_add_c(p->out, promql_op_text(node->binary.op));
    print_matching(node, p->out);
    buf_add_byte(p->out, '\n');
    pretty_node(p, node->binary.rhs, level + 1);
}

/* The sign takes the place of the operand's indentation. */
static void pretty_unary(const struct pretty *p, const struct promql_node *node, unsigned level)
{
    struct buf arg = {0};
    struct str text;

    pretty_node(&(struct pretty){p->width, &arg}, node->unary.arg, level);
    text = str_trim(buf_str(&arg));
    buf_add_c(p->out, promql_op_text(node->unary.op));
    buf_add_str(p->out, text);
    buf_free(&arg);
}

static void pretty_split(const struct pretty *p, const struct promql_node *node, unsigned level)
{
    /* These begin with the line of a part, which brings its own indentation. */
    if (node->kind == NODE_BINARY) {
        pretty_binary(p, node, level);
        return;
    }
    if (node->kind == NODE_SUBQUERY) {
        pretty_node(p, node->subquery.arg, level);
        print_subquery_suffix(node, p->out);
        return;
    }
    indent(p, level);
    switch (node->kind) {
    case NODE_AGGREGATE: pretty_aggregate(p, node, level); break;
    case NODE_CALL:
        buf_add_c(p->out, node->call.fn->name);
        pretty_args(p, node->call.args, node->call.n_args, level);
        break;
    case NODE_PAREN: pretty_args(p, (struct promql_node *[]){node->paren}, 1, level); break;
    case NODE_UNARY: pretty_unary(p, node, level); break;
    default: promql_print(node, p->out);
    }
}

static void pretty_node(const struct pretty *p, const struct promql_node *node, unsigned level)
{
    if (node->kind != NODE_UNARY && fits(p, node)) {
        indent(p, level);
        promql_print(node, p->out);
    } else {
        pretty_split(p, node, level);
    }
}

void promql_print_pretty(const struct promql_node *node, size_t width, struct buf *out)
{
    pretty_node(&(struct pretty){width, out}, node, 0);
}
