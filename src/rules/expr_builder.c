/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_builder - KubeSphere's exprBuilder as PromQL: <metric>{<filter>} <comparator> <threshold>
 *
 * Source: kubesphere.md 1.3. When several thresholds are set the first of the table counts; when something is
 * missing nothing is built.
 */
#include "base/mem.h"
#include "base/num.h"
#include "base/yaml.h"
#include "rules/rules_priv.h"

struct metric {
    const char *part, *field; /* metricThreshold.<part>.<field> */
    const char *name;         /* %s: the kind in lower case */
};

static const struct metric node_metrics[] = {
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

static const struct metric workload_metrics[] = {
    {"cpu", "usage", "namespace:workload_cpu_usage:sum"},
    {"memory", "usage", "namespace:workload_memory_usage:sum"},
    {"memory", "usageWoCache", "namespace:workload_memory_usage_wo_cache:sum"},
    {"network", "transmittedRate", "namespace:workload_net_bytes_transmitted:sum_irate"},
    {"network", "receivedRate", "namespace:workload_net_bytes_received:sum_irate"},
    {"replica", "unavailableRatio", "namespace:%s_unavailable_replicas:ratio"},
};

static struct str text(const struct yaml_node *node)
{
    return yaml_is_null(node) || node->kind != YAML_SCALAR ? STR_NONE : node->text;
}

/* A list of names, or of scopes with names each: a|b|c into out; returns how many. */
static size_t add_names(const struct yaml_node *names, size_t n, struct buf *out)
{
    if (yaml_is_null(names) || names->kind != YAML_SEQUENCE)
        return n;
    for (size_t i = 0; i < names->n; i++) {
        if (names->values[i]->kind == YAML_SCALAR)
            buf_addf(out, "%s%.*s", n++ ? "|" : "", STR_ARG(names->values[i]->text));
        else
            n = add_names(yaml_get(names->values[i], "names"), n, out);
    }
    return n;
}

/* Finds the first threshold of the table that is set. */
static const struct metric *find_metric(const struct metric *table, size_t n, const struct yaml_node *threshold,
                                        double *ret)
{
    for (size_t i = 0; i < n; i++)
        if (num_parse_double(text(yaml_get(yaml_get(threshold, table[i].part), table[i].field)), ret))
            return &table[i];
    return NULL;
}

static void lower_case(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++)
        buf_add_byte(out, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i]);
}

static void add_metric_name(const struct metric *m, struct str kind, struct buf *out)
{
    struct str name = str_c(m->name);
    size_t at = str_find(name, STR("%s"));

    buf_add(out, name.p, at);
    if (at < name.len) {
        lower_case(kind, out);
        buf_add_c(out, name.p + at + 2);
    }
}

static void build(const struct yaml_node *builder, const struct metric *table, size_t n_table, const char *label,
                  struct str kind, struct buf *out)
{
    struct str comparator = text(yaml_get(builder, "comparator"));
    struct buf names = {0};
    size_t n = add_names(yaml_get(builder, "names"), 0, &names);
    double threshold;
    const struct metric *m = find_metric(table, n_table, yaml_get(builder, "metricThreshold"), &threshold);

    if (m && n && comparator.len) {
        add_metric_name(m, kind, out);
        buf_addf(out, "{%s%s\"%.*s%s%s%.*s%s\"} %.*s ", label, n == 1 ? "=" : "=~", STR_ARG(kind), kind.len ? ":" : "",
                 n == 1 ? "" : "(", STR_ARG(buf_str(&names)), n == 1 ? "" : ")", STR_ARG(comparator));
        num_add_short(out, threshold);
    }
    buf_free(&names);
}

void expr_builder_node(const struct yaml_node *node, struct buf *out)
{
    build(node, node_metrics, ARRAY_LEN(node_metrics), "node", STR_NONE, out);
}

void expr_builder_workload(const struct yaml_node *workload, struct buf *out)
{
    struct str kind = text(yaml_get(workload, "kind"));

    if (kind.len)
        build(workload, workload_metrics, ARRAY_LEN(workload_metrics), "workload", kind, out);
}
