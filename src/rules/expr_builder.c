/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_builder - KubeSphere's exprBuilder as PromQL: <metric>{<filter>} <comparator> <threshold>
 *
 * Source: kubesphere.md 1.3. When several thresholds are set the first of the table counts; when
 * something is missing nothing is built. Names, kind and comparator are pasted in as they are: what
 * comes of it is checked like any expression.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "rules/load_priv.h"

struct metric {
    const char *part, *field; /* metricThreshold.<part>.<field> */
    const char *name;         /* %s: the kind in lower case */
};

struct metrics {
    const char *label;
    const struct metric *items;
    size_t n;
};

static const struct metric node_items[] = {
    {"cpu", "utilization", "node:node_cpu_utilisation:avg1m"},
    {"cpu", "load1m", "node:load1:ratio"},
    {"cpu", "load5m", "node:load5:ratio"},
    {"cpu", "load15m", "node:load15:ratio"},
    {"memory", "utilization", "node:node_memory_utilisation:"},
    {"memory", "available", "node:node_memory_bytes_available:sum"},
    {"network", "transmittedRate", "node:node_net_bytes_transmitted:sum_irate"},
    {"network", "receivedRate", "node:node_net_bytes_received:sum_irate"},
    {"disk", "spaceUtilization", "node:disk_space_utilization:ratio"},
    {"disk", "spaceAvailable", "node:disk_space_available:"},
    {"disk", "inodeUtilization", "node:disk_inode_utilization:ratio"},
    {"disk", "iopsRead", "node:data_volume_iops_reads:sum"},
    {"disk", "iopsWrite", "node:data_volume_iops_writes:sum"},
    {"disk", "throughputRead", "node:data_volume_throughput_bytes_read:sum"},
    {"disk", "throughputWrite", "node:data_volume_throughput_bytes_write:sum"},
    {"pod", "utilization", "node:pod_utilization:ratio"},
    {"pod", "abnormalRatio", "node:pod_abnormal:ratio"},
};
static const struct metrics node_metrics = {"node", node_items, ARRAY_LEN(node_items)};

static const struct metric workload_items[] = {
    {"cpu", "usage", "namespace:workload_cpu_usage:sum"},
    {"memory", "usage", "namespace:workload_memory_usage:sum"},
    {"memory", "usageWoCache", "namespace:workload_memory_usage_wo_cache:sum"},
    {"network", "transmittedRate", "namespace:workload_net_bytes_transmitted:sum_irate"},
    {"network", "receivedRate", "namespace:workload_net_bytes_received:sum_irate"},
    {"replica", "unavailableRatio", "namespace:%s_unavailable_replicas:ratio"},
};
static const struct metrics workload_metrics = {"workload", workload_items,
                                                ARRAY_LEN(workload_items)};

static struct str text(const struct yaml_node *node)
{
    return yaml_is_null(node) || node->kind != YAML_SCALAR ? STR_NONE : node->text;
}

/* ---- names */

void name_list_add(struct name_list *l, struct str name)
{
    *VEC_PUSH(l->items, l->n, l->cap) = name;
}

void name_list_add_new(struct name_list *l, struct str name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->items[i], name))
            return;
    name_list_add(l, name);
}

void name_list_print(const struct name_list *l, struct buf *out)
{
    if (l->n > 1)
        buf_add_byte(out, '(');
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_add_byte(out, '|');
        buf_add_str(out, l->items[i]);
    }
    if (l->n > 1)
        buf_add_byte(out, ')');
}

void name_list_deinit(struct name_list *l)
{
    free(l->items);
}

/* A list of names; or of scopes, whose names are taken together. */
static void collect_names(const struct yaml_node *names, struct name_list *ret)
{
    if (yaml_is_null(names) || names->kind != YAML_SEQUENCE)
        return;
    for (size_t i = 0; i < names->n && ret->n <= BUILDER_NAMES_MAX; i++) {
        const struct yaml_node *of_scope = yaml_get(names->values[i], "names");

        if (text(names->values[i]).len > 0)
            name_list_add(ret, text(names->values[i]));
        for (size_t k = 0; of_scope && k < of_scope->n && ret->n <= BUILDER_NAMES_MAX; k++)
            if (of_scope->kind == YAML_SEQUENCE && text(of_scope->values[k]).len > 0)
                name_list_add_new(ret, text(of_scope->values[k]));
    }
}

/* ---- thresholds */

static bool is_metric(const struct metrics *ms, struct str part, struct str field)
{
    for (size_t i = 0; i < ms->n; i++)
        if (str_eq_c(part, ms->items[i].part) && str_eq_c(field, ms->items[i].field))
            return true;
    return false;
}

static int unknown_metric(const struct metrics *ms, struct str part, struct str field,
                          struct err *err)
{
    CLEANUP(buf_free) struct buf known = {0};

    for (size_t i = 0; i < ms->n; i++)
        buf_addf(&known, "%s%s.%s", i ? ", " : "", ms->items[i].part, ms->items[i].field);
    return err_set(err, -EINVAL, "metricThreshold.%.*s.%.*s is not known, expected one of %s",
                   STR_ARG(part), STR_ARG(field), known.p);
}

/* Every threshold that is set is one of the table, and a number. */
static int check_part(const struct metrics *ms, struct str part, const struct yaml_node *fields,
                      const struct yaml_node **ret_at, struct err *err)
{
    double v;

    *ret_at = fields;
    if (yaml_is_null(fields))
        return 0;
    if (fields->kind != YAML_MAPPING)
        return err_set(err, -EINVAL, "metricThreshold.%.*s: expected a name with a number",
                       STR_ARG(part));
    for (size_t i = 0; i < fields->n; i++) {
        *ret_at = fields->keys[i];
        if (!is_metric(ms, part, fields->keys[i]->text))
            return unknown_metric(ms, part, fields->keys[i]->text, err);
        *ret_at = fields->values[i];
        if (!yaml_is_null(fields->values[i]) && !num_parse_double(text(fields->values[i]), &v))
            return err_set(err, -EINVAL, "metricThreshold.%.*s.%.*s: expected a number",
                           STR_ARG(part), STR_ARG(fields->keys[i]->text));
    }
    return 0;
}

static int check_threshold(const struct metrics *ms, const struct yaml_node *threshold,
                           const struct yaml_node **ret_at, struct err *err)
{
    int r = 0;

    if (yaml_is_null(threshold) || threshold->kind != YAML_MAPPING)
        return 0;
    for (size_t i = 0; r == 0 && i < threshold->n; i++)
        r = check_part(ms, threshold->keys[i]->text, threshold->values[i], ret_at, err);
    return r;
}

/* The first of the table that is set. */
static const struct metric *find_metric(const struct metrics *ms, const struct yaml_node *threshold,
                                        double *ret)
{
    for (size_t i = 0; i < ms->n; i++) {
        const struct metric *m = &ms->items[i];

        if (num_parse_double(text(yaml_get(yaml_get(threshold, m->part), m->field)), ret))
            return m;
    }
    return NULL;
}

/* ---- the expression */

static void add_metric_name(const char *name, struct str kind, struct buf *out)
{
    size_t at = str_find(str_c(name), STR("%s"));

    buf_add(out, name, at);
    if (name[at] == '\0')
        return;
    for (size_t i = 0; i < kind.len; i++)
        buf_add_byte(out, kind.p[i] >= 'A' && kind.p[i] <= 'Z' ? (char)(kind.p[i] - 'A' + 'a')
                                                               : kind.p[i]);
    buf_add_c(out, name + at + 2);
}

static int build(const struct metrics *ms, const struct yaml_node *builder, struct str kind,
                 struct buf *out, const struct yaml_node **ret_at, struct err *err)
{
    CLEANUP(name_list_deinit) struct name_list names = {0};
    const struct yaml_node *threshold = yaml_get(builder, "metricThreshold");
    struct str comparator = text(yaml_get(builder, "comparator"));
    const struct metric *m;
    double limit;
    int r = check_threshold(ms, threshold, ret_at, err);

    if (r < 0)
        return r;
    *ret_at = builder;
    collect_names(yaml_get(builder, "names"), &names);
    if (names.n > BUILDER_NAMES_MAX)
        return err_set(err, -E2BIG, "more than %d names", BUILDER_NAMES_MAX);
    m = find_metric(ms, threshold, &limit);
    if (!m || names.n == 0 || comparator.len == 0)
        return 0;
    add_metric_name(m->name, kind, out);
    buf_addf(out, "{%s%s\"%.*s%s", ms->label, names.n == 1 ? "=" : "=~", STR_ARG(kind),
             kind.len ? ":" : "");
    name_list_print(&names, out);
    buf_addf(out, "\"} %.*s ", STR_ARG(comparator));
    num_add_short(out, limit);
    return 0;
}

int expr_builder_node(const struct yaml_node *node, struct buf *out,
                      const struct yaml_node **ret_at, struct err *err)
{
    return build(&node_metrics, node, STR(""), out, ret_at, err);
}

int expr_builder_workload(const struct yaml_node *workload, struct buf *out,
                          const struct yaml_node **ret_at, struct err *err)
{
    struct str kind = text(yaml_get(workload, "kind"));

    *ret_at = workload;
    return kind.len > 0 ? build(&workload_metrics, workload, kind, out, ret_at, err) : 0;
}
