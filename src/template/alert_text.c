/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels and annotations of Prometheus' alerting rules.
 */
#include <errno.h>

#include "model/label_set.h"
#include "template/ast_priv.h"

/* Before every text. Columns in error messages count it, so it has to be this very text. */
#define ALERT_PREFIX                                                                               \
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"                                 \
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"

/* Only before a text that has the name: Prometheus' columns hold for all others. */
#define RESOLVED_NAME   "$resolvedValue"
#define RESOLVED_PREFIX "{{" RESOLVED_NAME " := .ResolvedValue}}"

/* The data of one expansion. */
static void get_labels(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = tmpl_labels(a, &tmpl_type_string_map, ((const struct template_alert *)object)->labels);
}

static void get_external_labels(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = tmpl_labels(a, &tmpl_type_string_map,
                       ((const struct template_alert *)object)->external_labels);
}

static void get_external_url(const void *object, struct arena *a, struct tmpl_value *ret)
{
    struct str url = ((const struct template_alert *)object)->external_url;

    *ret = tmpl_str(url.p ? url : STR(""));
}

static void get_value(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = ((const struct template_alert *)object)->value;
}

static void get_resolved_value(const void *object, struct arena *a, struct tmpl_value *ret)
{
    const struct template_alert *alert = object;

    *ret = alert->resolved ? alert->resolved_value : tmpl_str(STR(""));
}

static const struct tmpl_field fields[] = {
    {"Labels", "Labels", get_labels},
    {"ExternalLabels", "ExternalLabels", get_external_labels},
    {"ExternalURL", "ExternalURL", get_external_url},
    {"Value", "Value", get_value},
};

/* The same with what tocsin has besides. */
static const struct tmpl_field all_fields[] = {
    {"Labels", "Labels", get_labels},
    {"ExternalLabels", "ExternalLabels", get_external_labels},
    {"ExternalURL", "ExternalURL", get_external_url},
    {"Value", "Value", get_value},
    {"ResolvedValue", "ResolvedValue", get_resolved_value},
};

/* Go's type has no name: its fields are listed in messages. */
static const struct tmpl_type type_alert_data = {
    .name =
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
        "Value interface {} }",
    .kind = TMPL_OBJECT,
    .fields = fields,
    .n_fields = ARRAY_LEN(fields),
};

static const struct tmpl_type type_resolved_data = {
    .name =
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
        "Value interface {}; ResolvedValue interface {} }",
    .kind = TMPL_OBJECT,
    .fields = all_fields,
    .n_fields = ARRAY_LEN(all_fields),
};

bool template_tells_resolved(struct str text)
{
    return str_find(text, STR(RESOLVED_NAME)) < text.len;
}

static int parse(struct template_set *set, struct str alert_name, struct str text, bool resolved,
                 struct template **ret, struct err *err)
{
    struct buf name = {0}, all = {0};
    int r;

    buf_addf(&name, "__alert_" STR_FMT, STR_ARG(alert_name));
    buf_add_c(&all, ALERT_PREFIX);
    if (resolved && template_tells_resolved(text))
        buf_add_c(&all, RESOLVED_PREFIX);
    buf_add_str(&all, text);
    r = template_parse(set, buf_str(&name), buf_str(&all), ret, err);
    if (r < 0)
        err_in(err, r, "error parsing template " STR_FMT, STR_ARG(buf_str(&name)));
    buf_free(&name);
    buf_free(&all);
    return r;
}

int template_parse_alert(struct template_set *set, struct str alert_name, struct str text,
                         struct template **ret, struct err *err)
{
    return parse(set, alert_name, text, false, ret, err);
}

int template_parse_alert_resolving(struct template_set *set, struct str alert_name, struct str text,
                                   struct template **ret, struct err *err)
{
    return parse(set, alert_name, text, true, ret, err);
}

int template_expand_alert(const struct template *t, const struct template_alert *alert,
                          const struct tmpl_env *env, struct arena *arena, struct buf *out)
{
    struct tmpl_value data = tmpl_object(
        template_tells_resolved(t->source.text) ? &type_resolved_data : &type_alert_data, alert);
    struct tmpl_env all = *env;
    struct buf text = {.max = out->max > out->len ? out->max - out->len : TMPL_STRING_MAX};
    struct err err = {0};
    int r;

    all.external_url = alert->external_url;
    all.missing_key = TMPL_MISSING_ZERO;
    r = template_execute(t, STR_NONE, &data, &all, arena, &text, &err);
    if (r < 0)
        buf_addf(out, "<error expanding template: error executing template " STR_FMT ": %s>",
                 STR_ARG(t->source.name), err.msg);
    else
        buf_add_str(out, buf_str(&text));
    buf_free(&text);
    return r;
}
