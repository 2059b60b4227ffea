/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of the blocks do not have: keys that are accepted without effect, each with the
 * reason why that deceives nobody, and keys of Prometheus and Alertmanager (or of tocsin's later
 * versions) that are refused by name. A key goes into the first table only when leaving it out
 * changes nothing that was asked for.
 */
#include "config/config_priv.h"

#define PROM "Prometheus"
#define AM   "Alertmanager"
#define KEY(key_, kind_)                                                                           \
    {                                                                                              \
        .key = key_, .kind = kind_                                                                 \
    }
#define KEY_READ(key_, read_)                                                                      \
    {                                                                                              \
        .key = key_, .kind = FIELD_READ, .read = read_                                             \
    }
#define KEY_BLOCK(key_, block_)                                                                    \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCK, .block = block_                                          \
    }

static const char histograms[] = "a native histogram is taken as it is or refused by storage";

static const struct idle_key idle_keys[] = {
    {"runtime", KEY("gogc", FIELD_COUNT), NULL, PROM, "there is no garbage collector to set"},

    {"global", KEY("keep_dropped_targets", FIELD_COUNT), NULL, PROM,
     "only bounds a list for display"},
    {"global", KEY("convert_classic_histograms_to_nhcb", FIELD_BOOL), "false", PROM, "the default"},
    {"global", KEY("scrape_native_histograms", FIELD_BOOL), "false", PROM, "the default"},
    {"global", KEY("extra_scrape_metrics", FIELD_BOOL), "false", PROM, "the default"},
    {"global", KEY("metric_name_validation_scheme", FIELD_TEXT), "utf8", PROM, "the default"},
    {"global", KEY("metric_name_escaping_scheme", FIELD_TEXT), "allow-utf-8", PROM, "the default"},
    {"scrape job", KEY("keep_dropped_targets", FIELD_COUNT), NULL, PROM,
     "only bounds a list for display"},
    {"scrape job", KEY("convert_classic_histograms_to_nhcb", FIELD_BOOL), "false", PROM,
     "the default"},
    {"scrape job", KEY("scrape_native_histograms", FIELD_BOOL), "false", PROM, "the default"},
    {"scrape job", KEY("native_histogram_bucket_limit", FIELD_COUNT), NULL, PROM, histograms},
    {"scrape job", KEY("native_histogram_min_bucket_factor", FIELD_NUMBER), NULL, PROM, histograms},
    {"scrape job", KEY("extra_scrape_metrics", FIELD_BOOL), "false", PROM, "the default"},
    {"scrape job", KEY("metric_name_validation_scheme", FIELD_TEXT), "utf8", PROM, "the default"},
    {"scrape job", KEY("metric_name_escaping_scheme", FIELD_TEXT), "allow-utf-8", PROM,
     "the default"},
    {"slack", KEY("update_message", FIELD_BOOL), "false", AM, "the default"},
    {"rocketchat", KEY("link_names", FIELD_BOOL), NULL, AM, "Rocket.Chat links names by itself"},
    {"http client", KEY("enable_http2", FIELD_BOOL), NULL, PROM, "HTTP/1.1 fetches the same"},
    {"http client", KEY("proxy_from_environment", FIELD_BOOL), "false", PROM, "the default"},
};

static const struct known_keys {
    const char *block, *owner;
    const char *const *keys; /* ends with NULL */
} known_keys[] = {
    {"top level", PROM,
     (const char *const[]){"remote_write", "remote_read", "tracing", "otlp", NULL}},
    {"top level", AM, (const char *const[]){"event_recorder", NULL}},
    {"global", PROM, (const char *const[]){"query_log_file", "scrape_failure_log_file", NULL}},
    {"alerting", PROM, (const char *const[]){"alert_relabel_configs", NULL}},
    {"tsdb", PROM, (const char *const[]){"retention", "stale_series_compaction_threshold", NULL}},
    {"scrape job", PROM,
     (const char *const[]){"azure_sd_configs",
                           "digitalocean_sd_configs",

                           "docker_sd_configs",
                           "dockerswarm_sd_configs",
                           "ec2_sd_configs",

                           "gce_sd_configs",
                           "hetzner_sd_configs",
                           "ionos_sd_configs",

                           "kuma_sd_configs",
                           "lightsail_sd_configs",
                           "linode_sd_configs",
                           "marathon_sd_configs",
                           "nerve_sd_configs",
                           "nomad_sd_configs",
                           "openstack_sd_configs",
                           "ovhcloud_sd_configs",
                           "puppetdb_sd_configs",
                           "scaleway_sd_configs",
                           "serverset_sd_configs",
                           "stackit_sd_configs",
                           "triton_sd_configs",
                           "uyuni_sd_configs",
                           "vultr_sd_configs",
                           "scrape_failure_log_file",
                           NULL}},
    {"http_check", "blackbox_exporter",
     (const char *const[]){"fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel",
                           "enable_http3", NULL}},
    {"kubernetes_sd_config", PROM, (const char *const[]){"kubeconfig_file", NULL}},
    {"http client", PROM, (const char *const[]){"oauth2", "sigv4", "proxy_connect_header", NULL}},
    {"http header", PROM, (const char *const[]){"files", NULL}},
    {"basic_auth", PROM, (const char *const[]){"username_ref", "password_ref", NULL}},
    {"authorization", PROM, (const char *const[]){"credentials_ref", NULL}},
    {"tls_config", PROM, (const char *const[]){"ca_ref", "cert_ref", "key_ref", NULL}},
    {"receiver", AM, (const char *const[]){"sns_configs", "incidentio_configs", NULL}},
};

const struct idle_key *keys_idle(const char *block, struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(idle_keys); i++)
        if (strcmp(idle_keys[i].block, block) == 0 && str_eq_c(key, idle_keys[i].field.key))
            return &idle_keys[i];
    return NULL;
}

const char *keys_known(const char *block, struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(known_keys); i++) {
        if (strcmp(known_keys[i].block, block) != 0)
            continue;
        for (const char *const *k = known_keys[i].keys; *k; k++)
            if (str_eq_c(key, *k))
                return known_keys[i].owner;
    }
    return NULL;
}

void keys_each(const struct block *b, void (*cb)(const char *key, enum key_class class, void *arg),
               void *arg)
{
    for (; b; b = b->also) {
        for (size_t i = 0; i < b->n_fields; i++)
            cb(b->fields[i].key, KEY_CARRIED_OUT, arg);
        for (size_t i = 0; i < ARRAY_LEN(idle_keys); i++)
            if (strcmp(idle_keys[i].block, b->name) == 0)
                cb(idle_keys[i].field.key, KEY_IDLE, arg);
        for (size_t i = 0; i < ARRAY_LEN(known_keys); i++)
            if (strcmp(known_keys[i].block, b->name) == 0)
                for (const char *const *k = known_keys[i].keys; *k; k++)
                    cb(*k, KEY_KNOWN, arg);
    }
}

/* ---- the nearest key ----------------------------------------------------------------------- */

#define KEY_LEN_MAX 48 /* bytes; the longest key has 39 */

/* How many letters must be changed, added or left out to come from a to b. */
static size_t distance(struct str a, struct str b)
{
    size_t row[KEY_LEN_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}

struct nearest {
    struct str key;
    const char *best;
    size_t distance;
};

static void compare(const char *key, enum key_class class, void *arg)
{
    struct nearest *n = arg;
    size_t len = strlen(key),
           far = len < 6 ? 2 : 3; /* of short words nearly all are near each other */
    size_t found;

    if (len > KEY_LEN_MAX)
        return;
    found = distance(n->key, str_n(key, len));
    if (found < far && (!n->best || found < n->distance)) {
        n->best = key;
        n->distance = found;
    }
}

const char *keys_nearest(const struct block *b, struct str key)
{
    struct nearest n = {.key = key};

    if (key.len > 0 && key.len <= KEY_LEN_MAX)
        keys_each(b, compare, &n);
    return n.best;
}

#define LIST_MAX                                                                                   \
    400 /* bytes of keys in a message; who wants them all reads docs/formats/config.md */

static void list(const char *key, enum key_class class, void *arg)
{
    struct buf *out = arg;

    if (class == KEY_CARRIED_OUT && out->len < LIST_MAX)
        buf_addf(out, "%s%s", out->len > 0 ? ", " : "", key);
}

void keys_list(const struct block *b, struct buf *out)
{
    CLEANUP(buf_free)
    struct buf keys = {0};

    keys_each(b, list, &keys);
    buf_add_str(out, buf_str(&keys));
    if (keys.len >= LIST_MAX)
        buf_add_c(out, " ...");
}
