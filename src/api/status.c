/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - status/...: what runs, with which configuration, how full it is
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/api_priv.h"
#include "storage/storage.h"

int api_status_config(const struct request *r, struct answer *a)
{
    const struct config *c = r->api->config(r->api->self);
    struct json_writer w;

    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_c(&w, "yaml", c->text);
    json_object_end(&w);
    config_unref(c);
    return 0;
}

int api_status_flags(const struct request *r, struct answer *a)
{
    struct json_writer w;

    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    for (size_t i = 0; i < r->api->n_flags; i++)
        json_kv_c(&w, r->api->flags[i].name, r->api->flags[i].value);
    json_object_end(&w);
    return 0;
}

static const char *flag_value(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->api->n_flags; i++)
        if (str_eq_c(str_c(name), r->api->flags[i].name))
            return r->api->flags[i].value;
    return "";
}

int api_status_runtimeinfo(const struct request *r, struct answer *a)
{
    struct json_writer w;
    char cwd[PATH_MAX] = "", host[256] = "";
    struct storage_stats st;

    storage_stats(r->api->storage, &st);
    if (!getcwd(cwd, sizeof cwd))
        cwd[0] = '\0';
    gethostname(host, sizeof host - 1);
    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "startTime");
    api_add_time(&w, unix_ns_of_ms(r->api->started));
    json_kv_c(&w, "CWD", cwd);
    json_kv_c(&w, "hostname", host);
    json_key_c(&w, "serverTime");
    api_add_time(&w, clock_unix_ns());
    json_kv_i64(&w, "corruptionCount", (int64_t)st.damaged);
    json_kv_c(&w, "storageRetention", flag_value(r, "storage.tsdb.retention.time"));
    json_object_end(&w);
    return 0;
}

static void write_build_info(struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_c(&w, "version", TOCSIN_VERSION);
    json_kv_c(&w, "revision", "");
    json_kv_c(&w, "branch", "");
    json_kv_c(&w, "buildUser", "");
    json_kv_c(&w, "buildDate", "");
    json_kv_c(&w, "goVersion", "none, C " __VERSION__);
    json_object_end(&w);
}

int api_status_buildinfo(const struct request *r, struct answer *a)
{
    write_build_info(&a->data);
    return 0;
}

static void add_top(struct json_writer *w, const char *key, const struct storage_top *top, size_t n)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(w);
        json_kv_c(w, "name", top[i].name);
        json_kv_i64(w, "value", (int64_t)top[i].value);
        json_object_end(w);
    }
    json_array_end(w);
}

int api_status_tsdb(const struct request *r, struct answer *a)
{
    struct storage_cardinality c;
    struct storage_stats st;
    struct json_writer w;
    size_t limit;

    if (api_param_limit(r, "limit", &limit, a) < 0)
        return -1;
    if (api_param(r, "limit").len && limit == 0)
        return api_fail(a, API_BAD_DATA, "limit must be a positive number");
    storage_stats(r->api->storage, &st);
    storage_cardinality(r->api->storage, limit ? limit : 10, &c);
    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "headStats");
    json_object_begin(&w);
    json_kv_i64(&w, "numSeries", (int64_t)st.series);
    json_kv_i64(&w, "numLabelPairs", (int64_t)st.label_pairs);
    json_kv_i64(&w, "chunkCount", (int64_t)st.chunks);
    json_kv_i64(&w, "minTime", st.min_time);
    json_kv_i64(&w, "maxTime", st.max_time);
    json_object_end(&w);
    add_top(&w, "seriesCountByMetricName", c.series_by_metric, c.n_series_by_metric);
    add_top(&w, "labelValueCountByLabelName", c.values_by_name, c.n_values_by_name);
    add_top(&w, "memoryInBytesByLabelName", c.bytes_by_name, c.n_bytes_by_name);
    add_top(&w, "seriesCountByLabelValuePair", c.series_by_pair, c.n_series_by_pair);
    json_object_end(&w);
    storage_cardinality_free(&c);
    return 0;
}
