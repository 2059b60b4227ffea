/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/alert_json.h"
#include "notify/body.h"
#include "notify/notify.h"

/* Alertmanager gives the receiver's name as Go's regexp.QuoteMeta writes it. */
static void add_quoted_meta(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\.+*?()|[]{}^$", *text))
            buf_add_byte(out, '\\');
        buf_add_byte(out, *text);
    }
}

static void add_alert(struct json_writer *w, const struct alert *a, unix_ns now)
{
    char fingerprint[17];

    json_object_begin(w);
    json_kv_c(w, "status", alert_is_resolved(a, now) ? "resolved" : "firing");
    json_kv_labels(w, "labels", a->labels);
    json_kv_labels(w, "annotations", a->annotations);
    body_add_times(w, a, now);
    json_kv_c(w, "generatorURL", a->generator_url);
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, alert_fingerprint(a->labels));
    json_kv_c(w, "fingerprint", fingerprint);
    json_object_end(w);
}

static void add_common(struct json_writer *w, const struct notification *n, size_t shown)
{
    struct label_set *labels = body_common(n->alerts, shown, body_labels);
    struct label_set *annotations = body_common(n->alerts, shown, body_annotations);

    json_kv_labels(w, "commonLabels", labels);
    json_kv_labels(w, "commonAnnotations", annotations);
    label_set_unref(labels);
    label_set_unref(annotations);
}

void webhook_body_alertmanager(const struct notification *n, const char *external_url,
                               uint64_t max_alerts, struct buf *out)
{
    size_t shown = max_alerts && max_alerts < n->n_alerts ? (size_t)max_alerts : n->n_alerts;
    struct buf receiver = {0};
    struct json_writer w;

    add_quoted_meta(&receiver, n->receiver);
    json_writer_init(&w, out, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_str(&w, "receiver", buf_str(&receiver));
    json_kv_c(&w, "status", body_status(n->alerts, shown, n->now));
    json_key_c(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < shown; i++)
        add_alert(&w, n->alerts[i], n->now);
    json_array_end(&w);
    json_kv_c(&w, "notification_reason", n->reason ? n->reason : "");
    json_kv_labels(&w, "groupLabels", n->group_labels);
    add_common(&w, n, shown);
    json_kv_c(&w, "externalURL", external_url);
    json_kv_c(&w, "version", "4");
    json_kv_c(&w, "groupKey", n->group_key);
    json_kv_i64(&w, "truncatedAlerts", (int64_t)(n->n_alerts - shown));
    json_object_end(&w);
    buf_add_byte(out, '\n');
    buf_free(&receiver);
}
