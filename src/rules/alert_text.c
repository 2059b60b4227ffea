/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_text - labels and annotations of an alert, made of those of a sample by the rule's
 * templates
 */
#include <errno.h>

#include "base/arena.h"
#include "config/config.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

#define TEXT_MAX    (1u << 20)  /* bytes of one expanded label or annotation */
#define SCRATCH_MAX (64u << 20) /* bytes that one expansion may use */

SELFMETRIC(failures, METRIC_COUNTER, "tocsin_rule_template_failures_total", NULL,
           "Labels and annotations that could not be expanded; the text says why.");

/* ---- {{ query "expr" }} */

struct asking {
    struct rules *rules;
    const struct group *group;
    unix_ms t;
};

static struct tmpl_value sample_value(struct arena *arena, const struct promql_series *s)
{
    CLEANUP(buf_free) struct buf text = {0};

    if (!s->histograms || !s->histograms[0])
        return tmpl_sample(arena, s->labels, s->values[0]);
    hist_print(s->histograms[0], &text);
    return tmpl_sample_histogram(arena, s->labels, arena_str(arena, buf_str(&text)));
}

static int ask(void *self, struct str text, struct arena *arena, struct tmpl_list *ret,
               struct err *err)
{
    const struct asking *a = self;
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o = rules_asking(a->rules, a->group);
    struct tmpl_value *items;
    int r = promql_parse(text, &a->rules->options.features, &expr, err);

    if (r == 0)
        r = promql_instant(expr, &a->rules->options.reader, &o, a->t, &result, err);
    if (r < 0)
        return r;
    if (result->type != PROMQL_VECTOR && result->type != PROMQL_SCALAR)
        return err_set(err, -EINVAL, "query result is not a vector or scalar");
    items = arena_array(arena, result->n, sizeof *items);
    for (size_t i = 0; i < result->n; i++)
        items[i] = sample_value(arena, &result->series[i]);
    *ret = (struct tmpl_list){items, result->n};
    return 0;
}

/* ---- expanding */

static void expand(struct tmpl_env *env, const struct rule_texts *texts,
                   const struct template_alert *data, struct label_builder *b)
{
    struct arena arena;

    arena_init(&arena, SCRATCH_MAX);
    for (size_t i = 0; i < texts->n; i++) {
        const struct rule_text *t = &texts->items[i];
        struct buf text = {.max = TEXT_MAX};

        if (!t->template) {
            label_builder_set(b, str_c(t->name), str_c(t->text));
            continue;
        }
        if (template_expand_alert(t->template, data, env, &arena, &text) < 0)
            selfmetric_add(&failures, 1);
        label_builder_set(b, str_c(t->name), buf_str(&text));
        buf_free(&text);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

/* `resolved`: the value at which the alert ends; NULL: it does not. */
static void expand_all(struct rules *r, const struct group *g, const struct rule *rule,
                       const struct promql_series *s, const double *resolved, unix_ns ts,
                       struct label_set **ret_labels, struct label_set **ret_annotations)
{
    CLEANUP(label_set_unrefp) const struct label_set *none = label_set_empty();
    CLEANUP(label_builder_deinit) struct label_builder labels = {0}, annotations = {0};
    CLEANUP(buf_free) struct buf histogram = {0};
    struct asking asking = {r, g, unix_ms_of_ns(ts)};
    struct tmpl_env env = {.now = ts, .query = ask, .query_self = &asking};
    struct template_alert data = {.labels = s->labels ? s->labels : none,
                                  .external_labels = r->config->external_labels,
                                  .external_url = str_c(r->external_url),
                                  .value = tmpl_float(s->values[0])};

    if (resolved) {
        data.resolved = true;
        data.resolved_value = tmpl_float(*resolved);
    }
    if (s->histograms && s->histograms[0]) {
        hist_print(s->histograms[0], &histogram);
        data.value = tmpl_histogram(buf_str(&histogram));
    }
    if (ret_labels) {
        label_builder_init(&labels, data.labels);
        label_builder_del(&labels, LABEL_NAME);
        expand(&env, &rule->labels, &data, &labels);
        label_builder_set(&labels, STR("alertname"), str_c(rule->name));
        *ret_labels = label_builder_build(&labels);
    }
    if (!ret_annotations)
        return;
    expand(&env, &rule->annotations, &data, &annotations);
    *ret_annotations = label_builder_build(&annotations);
}

void alert_expand(struct rules *r, const struct group *g, const struct rule *rule,
                  const struct promql_series *s, unix_ns ts, struct label_set **ret_labels,
                  struct label_set **ret_annotations)
{
    expand_all(r, g, rule, s, NULL, ts, ret_labels, ret_annotations);
}

struct label_set *alert_annotate_resolved(struct rules *r, const struct group *g,
                                          const struct rule *rule, const struct label_set *series,
                                          double value, double resolved_value, unix_ns ts)
{
    const struct promql_series s = {.labels = series, .n = 1, .values = &value};
    struct label_set *ret;

    expand_all(r, g, rule, &s, &resolved_value, ts, NULL, &ret);
    return ret;
}
