/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - which targets are the same, and when each is asked
 *
 * A setting that is missing in job_settings_hash() takes effect on running targets only when
 * something else changes, too. So every field of the structs below is either mixed in or told here
 * why not: intervals, path, scheme and parameters are in the labels or the URL of each target;
 * target_limit, lists, files and relabel_configs decide which targets there are; files that hold
 * secrets are read when they are used.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/regex.h"
#include "targets/targets_priv.h"

#define HOST_NAME_SIZE 256 /* bytes; Linux' limit is 64 */

static uint64_t mix_text(uint64_t h, const char *s)
{
    return hash_mix(h, s ? hash_bytes(s, strlen(s)) : 0);
}

static uint64_t mix_tls(uint64_t h, const struct tls_options *t)
{
    const char *const texts[] = {t->ca,  t->ca_file,  t->cert,       t->cert_file,
                                 t->key, t->key_file, t->server_name};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        h = mix_text(h, texts[i]);
    return hash_mix(h, (uint64_t)t->enabled << 33 | (uint64_t)t->insecure_skip_verify << 32 |
                           (uint64_t)t->min_version << 8 | (uint64_t)t->max_version);
}

static uint64_t mix_http(uint64_t h, const struct http_options *c)
{
    const char *const texts[] = {c->basic_username,
                                 c->basic_username_file,
                                 c->basic_password,
                                 c->basic_password_file,
                                 c->authorization_type,
                                 c->authorization_credentials,
                                 c->authorization_credentials_file,
                                 c->proxy_url,
                                 c->no_proxy};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        h = mix_text(h, texts[i]);
    h = hash_mix(h, c->n_headers << 1 | c->follow_redirects);
    for (size_t i = 0; i < c->n_headers; i++)
        h = mix_text(mix_text(h, c->headers[i].name), c->headers[i].value);
    return mix_tls(h, &c->tls);
}

static uint64_t mix_relabel(uint64_t h, const struct config_relabel *r)
{
    struct str pattern = regex_pattern(r->regex);

    h = hash_mix(h, r->n_source_labels);
    for (size_t i = 0; i < r->n_source_labels; i++)
        h = mix_text(h, r->source_labels[i]);
    h = mix_text(mix_text(mix_text(h, r->separator), r->target_label), r->replacement);
    h = hash_mix(h, hash_bytes(pattern.p, pattern.len));
    return hash_mix(hash_mix(h, r->modulus), (uint64_t)r->action);
}

static uint64_t mix_texts(uint64_t h, const char *const *texts, size_t n)
{
    h = hash_mix(h, n);
    for (size_t i = 0; i < n; i++)
        h = mix_text(h, texts[i]);
    return h;
}

/* The block of a probe counts as it is written. Not series_budget, which storage minds. */
uint64_t job_settings_hash(const struct config_scrape *j)
{
    const uint64_t numbers[] = {
        (uint64_t)j->kind | (uint64_t)j->always_scrape_classic_histograms << 8,
        (uint64_t)j->honor_labels << 3 | (uint64_t)j->honor_timestamps << 2 |
            (uint64_t)j->track_timestamps_staleness << 1 | j->enable_compression,
        j->body_size_limit,
        j->sample_limit,
        j->label_limit,
        j->label_name_length_limit,
        j->label_value_length_limit,
        j->probe_settings,
        j->n_metric_relabel};
    const char *const texts[] = {j->job_name, j->fallback_scrape_protocol};
    uint64_t h = 0;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        h = hash_mix(h, numbers[i]);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        h = mix_text(h, texts[i]);
    h = mix_http(h, &j->http);
    h = mix_texts(h, j->scrape_protocols, j->n_scrape_protocols);
    for (size_t i = 0; i < j->n_metric_relabel; i++)
        h = mix_relabel(h, &j->metric_relabel[i]);
    return h;
}

uint64_t identity_of_refused(uint64_t identity, const char *why)
{
    return mix_text(identity, why);
}

/* ---- spreading (prometheus.md 4.4) --------------------------------------------------------- */

/* Prometheus looks its name up in DNS. We do not: a site without DNS would wait for it at every
 * start, and all that the seed has to do is to differ between two that watch the same targets. */
uint64_t target_seed(const struct config *c)
{
    char host[HOST_NAME_SIZE] = "localhost";
    CLEANUP(buf_free) struct buf text = {0};

    gethostname(host, sizeof host - 1);
    buf_add_c(&text, host);
    label_set_print(c->external_labels, &text);
    return hash_fnv1a_64(FNV64_INIT, text.p, text.len);
}

uint64_t target_spread(const struct label_set *all, const char *url, uint64_t seed)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%016llu",
                       (unsigned long long)label_set_stable_hash(all));
    uint64_t h = hash_fnv1a_64(FNV64_INIT, digits, (size_t)len);

    return hash_fnv1a_64(h, url, strlen(url)) ^ seed;
}
