/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/body.h"

#include "model/alert_json.h"

const struct label_set *body_labels(const struct alert *a)
{
    return a->labels;
}

const struct label_set *body_annotations(const struct alert *a)
{
    return a->annotations;
}

const char *body_status(const struct alert *const *alerts, size_t n, unix_ns now)
{
    for (size_t i = 0; i < n; i++)
        if (!alert_is_resolved(alerts[i], now))
            return "firing";
    return "resolved";
}

struct label_set *body_common(const struct alert *const *alerts, size_t n,
                              const struct label_set *(*get)(const struct alert *a))
{
    struct label_builder b;
    const struct label_set *first;
    struct label_set *common;

    if (n == 0)
        return label_set_empty();
    first = get(alerts[0]);
    label_builder_init(&b, first);
    for (size_t k = 0; k < label_set_count(first); k++) {
        struct label l = label_set_at(first, k);

        for (size_t i = 1; i < n; i++)
            if (!str_eq(label_set_get(get(alerts[i]), l.name), l.value)) {
                label_builder_del(&b, l.name);
                break;
            }
    }
    common = label_builder_build(&b);
    label_builder_deinit(&b);
    return common;
}

void body_add_times(struct json_writer *w, const struct alert *a, unix_ns now)
{
    json_kv_time(w, "startsAt", a->starts_at);
    json_kv_time(w, "endsAt", alert_is_resolved(a, now) ? a->ends_at : UNIX_NS_ZERO);
}
