/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

/* ---- runtime, storage ---------------------------------------------------------------------- */

/* All its keys are idle. */
static const struct block runtime_block = {.name = "runtime"};

static const struct field exemplars_fields[] = {
    COUNT("max_exemplars", struct config, max_exemplars),
};
static const struct block exemplars_block = {.name = "exemplars", FIELDS(exemplars_fields)};

static const struct field tsdb_fields[] = {
    DURATION("out_of_order_time_window", struct config, out_of_order_time_window),
    COUNT("series_budget", struct config, series_budget),
};
static const struct block tsdb_block = {.name = "tsdb", FIELDS(tsdb_fields)};

static const struct field storage_fields[] = {
    MORE_KEYS("tsdb", &tsdb_block),
    MORE_KEYS("exemplars", &exemplars_block),
};
static const struct block storage_block = {.name = "storage", FIELDS(storage_fields)};

/* ---- alerting ------------------------------------------------------------------------------ */

/* As in the file that Prometheus brings along: static_configs without any target. */
static bool addresses_nobody(const struct yaml_node *alertmanager)
{
    const struct yaml_node *groups = yaml_get(alertmanager, "static_configs");

    if (!groups || alertmanager->n != 1 || groups->kind != YAML_SEQUENCE)
        return false;
    for (size_t i = 0; i < groups->n; i++) {
        const struct yaml_node *targets = yaml_get(groups->values[i], "targets");

        if (groups->values[i]->kind != YAML_MAPPING ||
            !(yaml_is_null(targets) || (targets->kind == YAML_SEQUENCE && targets->n == 0)))
            return false;
    }
    return true;
}

static void read_alertmanagers(struct decoder *d, const struct yaml_node *node, void *value,
                               size_t *count)
{
    if (!is_list(d, node))
        return;
    for (size_t i = 0; i < node->n; i++)
        if (!addresses_nobody(node->values[i])) {
            decoder_wrong_bare(d, node->values[i],
                               "\"alertmanagers\" is known to Prometheus but not carried out "
                               "by this version");
            return;
        }
}

static const struct field alerting_fields[] = {
    {.key = "alertmanagers", .kind = FIELD_READ, .read = read_alertmanagers},
};
static const struct block alerting_block = {.name = "alerting", FIELDS(alerting_fields)};

/* ---- the file ------------------------------------------------------------------------------ */

static int check_rule_files(struct decoder *d, const struct yaml_node *node)
{
    const struct yaml_node *files = yaml_get(node, "rule_files");

    for (size_t i = 0; !yaml_is_null(files) && i < files->n; i++)
        if (!glob_is_in_last_part(files->values[i]->text))
            return decoder_fail(d, files->values[i], "invalid rule file path %s",
                                shown(d, files->values[i]->text));
    return 0;
}

/* Who writes one of these wants alerts to be delivered, and that needs a route. */
static bool has_alertmanager_part(const struct yaml_node *node)
{
    return yaml_get(node, "route") || has_key(node, "receivers") ||
           has_key(node, "inhibit_rules") || has_key(node, "templates");
}

static int check_receiver_names(struct decoder *d, const struct yaml_node *node)
{
    const struct config *c = d->config;

    for (size_t i = 0; i < c->n_receivers; i++) {
        const struct yaml_node *at = yaml_get(node, "receivers")->values[i];

        if (!is_given(c->receivers[i].name))
            return decoder_fail(d, place_of(at, "name"), "missing name in receiver");
        if (!name_add(&d->receiver_names, c->receivers[i].name))
            return decoder_fail(d, place_of(at, "name"),
                                "notification config name \"%s\" is not unique",
                                c->receivers[i].name);
    }
    return 0;
}

static int check_top(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    int r = check_rule_files(d, node);

    if (r == 0)
        r = check_receiver_names(d, node);
    if (r == 0)
        r = check_interval_names(d, node);
    if (r < 0)
        return r;
    if (!d->config->route && has_alertmanager_part(node))
        return decoder_fail(d, place_of(node, "route"), "no routes provided");
    return 0;
}

/* `global` comes first wherever it stands: its values are the defaults of the others. The jobs come
 * from several files (include.c). */
static const struct field top_fields[] = {
    {.key = "global", .kind = FIELD_READ_BEFORE},
    {.key = "scrape_configs", .kind = FIELD_READ_BEFORE},
    {.key = "scrape_config_files", .kind = FIELD_READ_BEFORE},
    PATHS("rule_files", struct config, rule_files),
    MORE_KEYS("storage", &storage_block),
    MORE_KEYS("runtime", &runtime_block),
    MORE_KEYS("alerting", &alerting_block),
    {.key = "route",
     .kind = FIELD_BLOCK_PTR,
     .block = &root_route_block,
     .offset = OFFSET_OF(struct config, route, struct config_route *)},
    BLOCKS("receivers", struct config, receivers, struct config_receiver *, &receiver_block,
           "found nothing, expected a receiver with a name"),
    BLOCKS("inhibit_rules", struct config, inhibits, struct config_inhibit *, &inhibit_block, NULL),
    BLOCKS("time_intervals", struct config, time_intervals, struct config_time_interval *,
           &time_interval_block, "missing name in time interval"),
    BLOCKS("mute_time_intervals", struct config, old_time_intervals, struct config_time_interval *,
           &time_interval_block, "missing name in mute time interval"),
    PATHS("templates", struct config, templates),
};
const struct block top_block = {.name = "top level", FIELDS(top_fields), .check = check_top};
