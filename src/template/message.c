/* SPDX-License-Identifier: Apache-2.0 */
#include "template/message.h"

#include "model/label_set.h"
#include "template/common_priv.h"
#include "template/kv_priv.h"
#include "template/template.h"
#include "template/text_priv.h"

/* A getter of one member; `o` is the object. */
#define GETTER(name, type, value)                                                                  \
    static void name(const void *object, struct arena *a, struct tmpl_value *ret)                  \
    {                                                                                              \
        const type *o = object;                                                                    \
                                                                                                   \
        *ret = (value);                                                                            \
    }

static struct tmpl_value string_of(struct str s)
{
    return tmpl_str(s.p ? s : STR(""));
}

/* ---- Alertmanager -------------------------------------------------------------------------- */

GETTER(alert_status, struct message_alert, tmpl_str(o->resolved ? STR("resolved") : STR("firing")))
GETTER(alert_labels, struct message_alert, tmpl_labels(a, &kv_alertmanager, o->labels))
GETTER(alert_annotations, struct message_alert, tmpl_labels(a, &kv_alertmanager, o->annotations))
GETTER(alert_starts_at, struct message_alert, tmpl_time(a, o->starts_at))
GETTER(alert_ends_at, struct message_alert, tmpl_time(a, o->ends_at))
GETTER(alert_generator_url, struct message_alert, string_of(o->generator_url))
GETTER(alert_fingerprint_text, struct message_alert, string_of(o->fingerprint))

static const struct tmpl_field alert_fields[] = {
    {"Status", "status", alert_status},
    {"Labels", "labels", alert_labels},
    {"Annotations", "annotations", alert_annotations},
    {"StartsAt", "startsAt", alert_starts_at},
    {"EndsAt", "endsAt", alert_ends_at},
    {"GeneratorURL", "generatorURL", alert_generator_url},
    {"Fingerprint", "fingerprint", alert_fingerprint_text},
};

static const struct tmpl_type type_alert = {.name = "template.Alert",
                                            .kind = TMPL_OBJECT,
                                            .fields = alert_fields,
                                            .n_fields = ARRAY_LEN(alert_fields)};

static const struct tmpl_type type_alert_list = {
    .name = "[]template.Alert", .kind = TMPL_LIST, .elem = &type_alert};

/* Those of a list that are resolved, or firing. */
static int select_alerts(struct tmpl_call *c, bool resolved, const struct tmpl_type *type,
                         struct tmpl_value *ret)
{
    const struct tmpl_list *l = &c->self.list;
    struct tmpl_value *items = arena_array(c->arena, l->n + 1, sizeof *items);
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        const struct message_alert *alert = l->items[i].object;

        if (alert->resolved == resolved)
            items[n++] = l->items[i];
    }
    *ret = tmpl_list(type, items, n);
    return 0;
}

static int alerts_firing(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return select_alerts(c, false, &type_alert_list, ret);
}

static int alerts_resolved(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return select_alerts(c, true, &type_alert_list, ret);
}

static const struct tmpl_func alerts_methods[] = {
    {.name = "Firing", .fn = alerts_firing},
    {.name = "Resolved", .fn = alerts_resolved},
};

static const struct tmpl_type type_alerts = {.name = "template.Alerts",
                                             .kind = TMPL_LIST,
                                             .elem = &type_alert,
                                             .underlying = &type_alert_list,
                                             .methods = alerts_methods,
                                             .n_methods = ARRAY_LEN(alerts_methods)};

static struct tmpl_value alert_list(struct arena *a, const struct tmpl_message *m,
                                    const struct tmpl_type *list, const struct tmpl_type *alert)
{
    struct tmpl_value *items = arena_array(a, m->n_alerts + 1, sizeof *items);

    for (size_t i = 0; i < m->n_alerts; i++)
        items[i] = tmpl_object(alert, &m->alerts[i]);
    return tmpl_list(list, items, m->n_alerts);
}

GETTER(data_receiver, struct tmpl_message, string_of(o->receiver))
GETTER(data_status, struct tmpl_message, string_of(o->status))
GETTER(data_alerts, struct tmpl_message, alert_list(a, o, &type_alerts, &type_alert))
GETTER(data_reason, struct tmpl_message, string_of(o->reason))
GETTER(data_group_labels, struct tmpl_message, tmpl_labels(a, &kv_alertmanager, o->group_labels))
GETTER(data_common_labels, struct tmpl_message, tmpl_labels(a, &kv_alertmanager, o->common_labels))
GETTER(data_common_annotations, struct tmpl_message,
       tmpl_labels(a, &kv_alertmanager, o->common_annotations))
GETTER(data_external_url, struct tmpl_message, string_of(o->external_url))

static const struct tmpl_field data_fields[] = {
    {"Receiver", "receiver", data_receiver},
    {"Status", "status", data_status},
    {"Alerts", "alerts", data_alerts},
    {"NotificationReason", "notification_reason", data_reason},
    {"GroupLabels", "groupLabels", data_group_labels},
    {"CommonLabels", "commonLabels", data_common_labels},
    {"CommonAnnotations", "commonAnnotations", data_common_annotations},
    {"ExternalURL", "externalURL", data_external_url},
};

static const struct tmpl_type type_data = {.name = "template.Data",
                                           .kind = TMPL_OBJECT,
                                           .pointer = true,
                                           .fields = data_fields,
                                           .n_fields = ARRAY_LEN(data_fields)};

struct tmpl_value tmpl_alertmanager_data(struct arena *a, const struct tmpl_message *m)
{
    return tmpl_object(&type_data, m);
}

/* ---- notification-manager ------------------------------------------------------------------ */

/* The first of the annotations that has text. */
static struct str pick(const struct message_alert *alert, struct str one, struct str two,
                       struct str three)
{
    struct str names[] = {one, two, three};

    for (size_t i = 0; alert->annotations && i < ARRAY_LEN(names); i++) {
        struct str s = label_set_get(alert->annotations, names[i]);

        if (s.len > 0)
            return s;
    }
    return STR("");
}

static struct str message_of(const struct message_alert *alert, bool chinese)
{
    return chinese ? pick(alert, STR("summaryCn"), STR("message"), STR("summary"))
                   : pick(alert, STR("message"), STR("summary"), STR("summaryCn"));
}

static int nm_alert_message(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(message_of(c->self.object, false));
    return 0;
}

static int nm_alert_message_cn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(message_of(c->self.object, true));
    return 0;
}

GETTER(nm_alert_id, struct message_alert, string_of(o->fingerprint))
GETTER(nm_alert_status, struct message_alert, string_of(o->status))
GETTER(nm_alert_labels, struct message_alert, tmpl_labels(a, &kv_notification_manager, o->labels))
GETTER(nm_alert_annotations, struct message_alert,
       tmpl_labels(a, &kv_notification_manager, o->annotations))

static const struct tmpl_field nm_alert_fields[] = {
    {"ID", "id", nm_alert_id},
    {"Status", "status", nm_alert_status},
    {"Labels", "labels", nm_alert_labels},
    {"Annotations", "annotations", nm_alert_annotations},
    {"StartsAt", "startsAt", alert_starts_at},
    {"EndsAt", "endsAt", alert_ends_at},
};

static const struct tmpl_func nm_alert_methods[] = {
    {.name = "Message", .fn = nm_alert_message},
    {.name = "MessageCN", .fn = nm_alert_message_cn},
};

static const struct tmpl_type type_nm_alert = {.name = "template.Alert",
                                               .kind = TMPL_OBJECT,
                                               .pointer = true,
                                               .fields = nm_alert_fields,
                                               .n_fields = ARRAY_LEN(nm_alert_fields),
                                               .methods = nm_alert_methods,
                                               .n_methods = ARRAY_LEN(nm_alert_methods)};

static const struct tmpl_type type_nm_alert_list = {
    .name = "[]*template.Alert", .kind = TMPL_LIST, .elem = &type_nm_alert};

static int nm_alerts_firing(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return select_alerts(c, false, &type_nm_alert_list, ret);
}

static int nm_alerts_resolved(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return select_alerts(c, true, &type_nm_alert_list, ret);
}

static const struct tmpl_func nm_alerts_methods[] = {
    {.name = "Firing", .fn = nm_alerts_firing},
    {.name = "Resolved", .fn = nm_alerts_resolved},
};

static const struct tmpl_type type_nm_alerts = {.name = "template.Alerts",
                                                .kind = TMPL_LIST,
                                                .elem = &type_nm_alert,
                                                .underlying = &type_nm_alert_list,
                                                .methods = nm_alerts_methods,
                                                .n_methods = ARRAY_LEN(nm_alerts_methods)};

/* With the labels that the group lacks, as "". */
static struct tmpl_value nm_group_labels(struct arena *a, const struct tmpl_message *m)
{
    struct tmpl_value kv = tmpl_labels(a, &kv_notification_manager, m->group_labels);
    size_t n = kv.map->n;
    struct tmpl_pair *pairs = arena_array(a, n + m->n_empty_group_labels + 1, sizeof *pairs);

    for (size_t i = 0; i < m->n_empty_group_labels; i++)
        pairs[i] = (struct tmpl_pair){m->empty_group_labels[i], tmpl_str(STR(""))};
    if (n > 0) /* behind them: what the group has counts */
        memcpy(pairs + m->n_empty_group_labels, kv.map->pairs, n * sizeof *pairs);
    return tmpl_map(a, &kv_notification_manager, pairs, n + m->n_empty_group_labels);
}

GETTER(nm_alerts, struct tmpl_message, alert_list(a, o, &type_nm_alerts, &type_nm_alert))
GETTER(nm_group, struct tmpl_message, nm_group_labels(a, o))
GETTER(nm_common_labels, struct tmpl_message,
       tmpl_labels(a, &kv_notification_manager, o->common_labels))
GETTER(nm_common_annotations, struct tmpl_message,
       tmpl_labels(a, &kv_notification_manager, o->common_annotations))

static const struct tmpl_field nm_data_fields[] = {
    {"Alerts", "alerts", nm_alerts},
    {"GroupLabels", "groupLabels", nm_group},
    {"CommonLabels", "commonLabels", nm_common_labels},
    {"CommonAnnotations", "commonAnnotations", nm_common_annotations},
};

static int nm_data_status(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = string_of(((const struct tmpl_message *)c->self.object)->status);
    return 0;
}

static const struct tmpl_func nm_data_methods[] = {{.name = "Status", .fn = nm_data_status}};

static const struct tmpl_type type_nm_data = {.name = "template.Data",
                                              .kind = TMPL_OBJECT,
                                              .pointer = true,
                                              .fields = nm_data_fields,
                                              .n_fields = ARRAY_LEN(nm_data_fields),
                                              .methods = nm_data_methods,
                                              .n_methods = ARRAY_LEN(nm_data_methods)};

struct tmpl_value tmpl_notification_manager_data(struct arena *a, const struct tmpl_message *m)
{
    return tmpl_object(&type_nm_data, m);
}

/* ---- notification-manager's functions ------------------------------------------------------ */

/* Quotes get a backslash before them: the Feishu templates put values into YAML strings. */
static int escape(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str s = c->args[0].s;
    struct buf b = {.max = TMPL_STRING_MAX};

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'' || s.p[i] == '"')
            buf_add_byte(&b, '\\');
        buf_add_byte(&b, s.p[i]);
    }
    return tmpl_take_buf(c->arena, &b, ret, err);
}

/* Keys of a language pack are in lower case. What it does not know stays as it is. */
static int translate(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf key = {.max = TMPL_STRING_MAX};
    struct str found = STR_NONE;

    text_add_lower(&key, c->args[0].s);
    if (c->env->translate)
        found = c->env->translate(c->env->self, buf_str(&key));
    buf_free(&key);
    *ret = found.p ? tmpl_str(arena_str(c->arena, found)) : c->args[0];
    return 0;
}

static int message_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(message_of(c->args[0].object, c->env->chinese));
    return 0;
}

#define STRING &tmpl_type_string

static const struct tmpl_func funcs[] = {
    {.name = "escape", .fn = escape, .params = {STRING}},
    {.name = "join", .fn = common_join, .params = {STRING, &tmpl_type_strings}},
    {.name = "match", .fn = common_match, .params = {STRING, STRING}},
    {.name = "message", .fn = message_fn, .params = {&type_nm_alert}},
    {.name = "reReplaceAll", .fn = common_replace, .params = {STRING, STRING, STRING}},
    {.name = "safeHtml", .fn = common_safe_html, .params = {STRING}},
    {.name = "stringSlice", .fn = common_string_slice, .params = {STRING}, .variadic = true},
    {.name = "title", .fn = common_title_keep, .params = {STRING}},
    {.name = "toLower", .fn = common_to_lower, .params = {STRING}},
    {.name = "toUpper", .fn = common_to_upper, .params = {STRING}},
    {.name = "translate", .fn = translate, .params = {STRING}},
};

const struct tmpl_functions template_notification_manager_functions = {funcs, ARRAY_LEN(funcs),
                                                                       NULL};
