/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_kubesphere - notification-manager 2.3's webhook body
 *
 * Key order, HTML escaping, the zero endsAt, "NotifySuccessful" and the id are what KubeSphere's
 * receivers parse. Maps come in random order from notification-manager; ours are sorted.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/alert_json.h"
#include "notify/body.h"
#include "notify/notify.h"

/* ---- id: hashstructure's walk over notification-manager's Alert struct --------------------- */

static uint64_t hash_text(struct str s)
{
    return hash_fnv1_64(FNV64_INIT, s.p, s.len);
}

static uint64_t hash_pair(uint64_t a, uint64_t b)
{
    uint8_t bytes[16];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(a >> 8 * i);
        bytes[8 + i] = (uint8_t)(b >> 8 * i);
    }
    return hash_fnv1_64(FNV64_INIT, bytes, sizeof bytes);
}

static uint64_t hash_field(struct str name, uint64_t value)
{
    return hash_pair(hash_text(name), value);
}

static uint64_t hash_labels(const struct label_set *ls)
{
    uint64_t h = 0;

    for (size_t i = 0; i < label_set_count(ls); i++) {
        struct label l = label_set_at(ls, i);

        h ^= hash_pair(hash_text(l.name), hash_text(l.value));
    }
    return h;
}

/* Go's time.MarshalBinary: version 1, seconds since year 1, nanoseconds, zone offset in minutes
 * (-1: UTC). */
static uint64_t hash_time(unix_ns t, int zone_min)
{
    const int64_t year_one_to_1970 = INT64_C(62135596800);
    int64_t seconds = 0;
    int32_t nanos = 0;
    uint8_t bytes[15] = {1};

    if (t != UNIX_NS_ZERO) {
        nanos = (int32_t)(t % NS_PER_S);
        seconds = t / NS_PER_S + year_one_to_1970;
        if (nanos < 0) {
            nanos += (int32_t)NS_PER_S;
            seconds--;
        }
    }
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (uint8_t)(seconds >> 8 * (7 - i));
    for (int i = 0; i < 4; i++)
        bytes[9 + i] = (uint8_t)(nanos >> 8 * (3 - i));
    bytes[13] = (uint8_t)((unsigned)zone_min >> 8);
    bytes[14] = (uint8_t)zone_min;
    return hash_fnv1_64(FNV64_INIT, bytes, sizeof bytes);
}

uint64_t kubesphere_alert_id(const char *status, const struct label_set *labels,
                             const struct label_set *annotations, unix_ns starts_at,
                             int starts_zone_min, unix_ns ends_at, int ends_zone_min)
{
    static const uint8_t false_byte = 0;

    return hash_text(STR("Alert")) ^ hash_field(STR("ID"), hash_text(STR(""))) ^
           hash_field(STR("Status"), hash_text(str_c(status))) ^
           hash_field(STR("Labels"), hash_labels(labels)) ^
           hash_field(STR("Annotations"), hash_labels(annotations)) ^
           hash_field(STR("StartsAt"), hash_time(starts_at, starts_zone_min)) ^
           hash_field(STR("EndsAt"), hash_time(ends_at, ends_zone_min)) ^
           hash_field(STR("NotifySuccessful"), hash_fnv1_64(FNV64_INIT, &false_byte, 1));
}

/* ---- body ---------------------------------------------------------------------------------- */

/* A copy of the alert with the label `cluster`, which notification-manager adds before it hashes.
 */
static struct alert *with_cluster(const struct alert *a, const char *cluster)
{
    struct label_builder b;
    struct label_set *labels;
    struct alert *copy;

    if (label_set_get(a->labels, STR("cluster")).len)
        return alert_ref(a);
    label_builder_init(&b, a->labels);
    label_builder_set(&b, STR("cluster"), str_c(cluster));
    labels = label_builder_build(&b);
    label_builder_deinit(&b);
    copy = alert_new(labels, a->annotations, a->starts_at, a->ends_at, a->updated_at,
                     a->generator_url);
    label_set_unref(labels);
    return copy;
}

static void add_alert(struct json_writer *w, const struct alert *a, unix_ns now)
{
    bool resolved = alert_is_resolved(a, now);
    const char *status = resolved ? "resolved" : "firing";
    char id[24];

    snprintf(id, sizeof id, "%" PRIu64,
             kubesphere_alert_id(status, a->labels, a->annotations, a->starts_at, -1,
                                 resolved ? a->ends_at : UNIX_NS_ZERO, -1));
    json_object_begin(w);
    json_kv_c(w, "id", id);
    json_kv_c(w, "status", status);
    json_kv_labels(w, "labels", a->labels);
    json_kv_labels(w, "annotations", a->annotations);
    body_add_times(w, a, now);
    json_kv_bool(w, "NotifySuccessful", false);
    json_object_end(w);
}

/* Every label that the route groups by, also those that the group lacks, as "". */
static void add_group_labels(struct json_writer *w, const struct notification *n)
{
    json_object_begin(w);
    for (size_t i = 0; i < n->n_group_by; i++) {
        json_key(w, n->group_by[i]);
        json_str(w, label_set_get(n->group_labels, n->group_by[i]));
    }
    json_object_end(w);
}

void webhook_body_kubesphere(const struct notification *n, const char *cluster, struct buf *out)
{
    const struct alert **alerts = mem_array(n->n_alerts, sizeof *alerts);
    struct label_set *labels, *annotations;
    struct json_writer w;

    for (size_t i = 0; i < n->n_alerts; i++)
        alerts[i] = with_cluster(n->alerts[i], cluster);
    labels = body_common(alerts, n->n_alerts, body_labels);
    annotations = body_common(alerts, n->n_alerts, body_annotations);

    json_writer_init(&w, out, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < n->n_alerts; i++)
        add_alert(&w, alerts[i], n->now);
    json_array_end(&w);
    json_key_c(&w, "groupLabels");
    add_group_labels(&w, n);
    json_kv_labels(&w, "commonLabels", labels);
    json_kv_labels(&w, "commonAnnotations", annotations);
    json_object_end(&w);
    buf_add_byte(out, '\n');

    label_set_unref(labels);
    label_set_unref(annotations);
    for (size_t i = 0; i < n->n_alerts; i++)
        alert_unref(alerts[i]);
    mem_freep(&alerts);
}
