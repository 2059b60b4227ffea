/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree as JSON, the answer of /api/v1/parse_query: one object a node with its `type`, members
 * sorted by name as Go writes maps.
 */
#include "promql/ast.h"

#include "base/json.h"
#include "base/num.h"
#include "promql/functions_table.h"

static void write_node(struct json_writer *w, const struct promql_node *node);

static void write_labels(struct json_writer *w, const char *key, const struct promql_labels *labels)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < labels->n; i++)
        json_str(w, labels->names[i]);
    json_array_end(w);
}

static void write_child(struct json_writer *w, const char *key, const struct promql_node *node)
{
    json_key_c(w, key);
    if (node)
        write_node(w, node);
    else
        json_null_value(w);
}

static void write_matchers(struct json_writer *w, const struct promql_node *vector)
{
    json_key_c(w, "matchers");
    json_array_begin(w);
    for (size_t i = 0; i < vector->vector.n_matchers; i++) {
        const struct matcher *m = vector->vector.matchers[i];

        json_object_begin(w);
        json_kv_str(w, "name", m->name);
        json_kv_c(w, "type", matcher_op(m->type));
        json_kv_str(w, "value", m->value);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_start_or_end(struct json_writer *w, enum promql_at at)
{
    json_key_c(w, "startOrEnd");
    if (at == AT_START || at == AT_END)
        json_c(w, at == AT_START ? "start" : "end");
    else
        json_null_value(w);
}

static void write_timestamp(struct json_writer *w, const struct promql_time_shift *shift)
{
    json_key_c(w, "timestamp");
    if (shift->at == AT_TIME)
        json_i64(w, shift->at_ms);
    else
        json_null_value(w);
}

static void write_aggregate(struct json_writer *w, const struct promql_node *node)
{
    write_child(w, "expr", node->aggregate.arg);
    write_labels(w, "grouping", &node->aggregate.grouping);
    json_kv_c(w, "op", promql_aggregate_text(node->aggregate.op));
    write_child(w, "param", node->aggregate.param);
    json_kv_c(w, "type", "aggregation");
    json_kv_bool(w, "without", node->aggregate.without);
}

static void write_binary(struct json_writer *w, const struct promql_node *node)
{
    static const char *const cards[] = {
        [CARD_ONE_TO_ONE] = "one-to-one",
        [CARD_MANY_TO_ONE] = "many-to-one",
        [CARD_ONE_TO_MANY] = "one-to-many",
        [CARD_MANY_TO_MANY] = "many-to-many",
    };
    const struct promql_matching *m = &node->binary.matching;

    json_kv_bool(w, "bool", node->binary.return_bool);
    write_child(w, "lhs", node->binary.lhs);
    json_key_c(w, "matching");
    if (node->binary.has_matching) {
        json_object_begin(w);
        json_kv_c(w, "card", cards[m->card]);
        write_labels(w, "include", &m->include);
        write_labels(w, "labels", &m->labels);
        json_kv_bool(w, "on", m->on);
        json_object_end(w);
    } else {
        json_null_value(w);
    }
    json_kv_c(w, "op", promql_op_text(node->binary.op));
    write_child(w, "rhs", node->binary.rhs);
    json_kv_c(w, "type", "binaryExpr");
}

static void write_call(struct json_writer *w, const struct promql_node *node)
{
    const struct promql_function *fn = node->call.fn;

    json_key_c(w, "args");
    json_array_begin(w);
    for (size_t i = 0; i < node->call.n_args; i++)
        write_node(w, node->call.args[i]);
    json_array_end(w);
    json_key_c(w, "func");
    json_object_begin(w);
    json_key_c(w, "argTypes");
    json_array_begin(w);
    for (size_t i = 0; i < fn->n_args; i++)
        json_c(w, promql_type_name(fn->args[i]));
    json_array_end(w);
    json_kv_c(w, "name", fn->name);
    json_kv_c(w, "returnType", promql_type_name(fn->ret));
    json_kv_i64(w, "variadic", fn->variadic);
    json_object_end(w);
    json_kv_c(w, "type", "call");
}

/* A vector selector, or the matrix selector around it. */
static void write_selector(struct json_writer *w, const struct promql_node *vector,
                           const struct promql_node *matrix)
{
    write_matchers(w, vector);
    json_kv_str(w, "name", vector->vector.name);
    json_kv_i64(w, "offset", vector->vector.shift.offset);
    if (matrix)
        json_kv_i64(w, "range", matrix->matrix.range);
    write_start_or_end(w, vector->vector.shift.at);
    write_timestamp(w, &vector->vector.shift);
    json_kv_c(w, "type", matrix ? "matrixSelector" : "vectorSelector");
}

static void write_subquery(struct json_writer *w, const struct promql_node *node)
{
    write_child(w, "expr", node->subquery.arg);
    json_kv_i64(w, "offset", node->subquery.shift.offset);
    json_kv_i64(w, "range", node->subquery.range);
    write_start_or_end(w, node->subquery.shift.at);
    json_kv_i64(w, "step", node->subquery.step);
    write_timestamp(w, &node->subquery.shift);
    json_kv_c(w, "type", "subquery");
}

static void write_number(struct json_writer *w, const struct promql_node *node)
{
    char text[NUM_TEXT_MAX];

    json_kv_c(w, "type", "numberLiteral");
    json_kv_str(w, "val", str_n(text, num_format_f(node->number.v, text)));
}

static void write_members(struct json_writer *w, const struct promql_node *node)
{
    switch (node->kind) {
    case NODE_NUMBER: write_number(w, node); break;
    case NODE_STRING:
        json_kv_c(w, "type", "stringLiteral");
        json_kv_str(w, "val", node->string);
        break;
    case NODE_PAREN:
        write_child(w, "expr", node->paren);
        json_kv_c(w, "type", "parenExpr");
        break;
    case NODE_UNARY:
        write_child(w, "expr", node->unary.arg);
        json_kv_c(w, "op", promql_op_text(node->unary.op));
        json_kv_c(w, "type", "unaryExpr");
        break;
    case NODE_BINARY: write_binary(w, node); break;
    case NODE_AGGREGATE: write_aggregate(w, node); break;
    case NODE_CALL: write_call(w, node); break;
    case NODE_VECTOR: write_selector(w, node, NULL); break;
    case NODE_MATRIX: write_selector(w, node->matrix.vector, node); break;
    case NODE_SUBQUERY: write_subquery(w, node); break;
    case NODE_DURATION: break; /* hangs at ranges and shifts, which show its value */
    }
}

static void write_node(struct json_writer *w, const struct promql_node *node)
{
    json_object_begin(w);
    write_members(w, node);
    json_object_end(w);
}

void promql_print_json(const struct promql_node *node, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_HTML_SAFE);
    write_node(&w, node);
}
