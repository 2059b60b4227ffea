/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - status/...: what runs, with which configuration, how full it is
 */
#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include "api/api_priv.h"
#include "base/num.h"
#include "storage/storage.h"

#define TOP_DEFAULT 10 /* lines of each table of status/tsdb */
#define TOP_MAX     10000

int api_status_config(const struct request *r, struct answer *a)
{
    const struct config *c = r->api->config(r->api->self);

    json_object_begin(&a->w);
    json_kv_c(&a->w, "yaml", c->text);
    json_object_end(&a->w);
    config_unref(c);
    return 0;
}

int api_status_flags(const struct request *r, struct answer *a)
{
    json_object_begin(&a->w);
    for (size_t i = 0; i < r->api->n_flags; i++)
        json_kv_c(&a->w, r->api->flags[i].name, r->api->flags[i].value);
    json_object_end(&a->w);
    return 0;
}

/* ---- runtimeinfo --------------------------------------------------------------------------- */

static const char *flag_value(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->api->n_flags; i++)
        if (str_eq_c(str_c(name), r->api->flags[i].name))
            return r->api->flags[i].value;
    return "";
}

static void add_loaded(struct json_writer *w, const struct api_options *o)
{
    bool ok = true;
    unix_ms since = o->started;

    if (o->loaded)
        o->loaded(o->self, &ok, &since);
    json_kv_bool(w, "reloadConfigSuccess", ok);
    api_kv_time(w, "lastConfigTime", unix_ns_of_ms(since));
}

static int64_t count_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int64_t n = 0;

    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Keys that speak of Go are there because clients look for them, with what comes nearest. */
static void add_go(struct json_writer *w)
{
    json_kv_i64(w, "goroutineCount", count_threads());
    json_kv_i64(w, "GOMAXPROCS", sysconf(_SC_NPROCESSORS_ONLN));
    json_kv_i64(w, "GOMEMLIMIT", INT64_MAX); /* Go's way to say: none */
    json_kv_c(w, "GOGC", "");
    json_kv_c(w, "GODEBUG", "");
}

int api_status_runtimeinfo(const struct request *r, struct answer *a)
{
    struct json_writer *w = &a->w;
    char cwd[PATH_MAX] = "", host[256] = "";
    struct storage_stats st;

    storage_stats(r->api->storage, &st);
    if (!getcwd(cwd, sizeof cwd))
        cwd[0] = '\0';
    gethostname(host, sizeof host - 1);
    json_object_begin(w);
    api_kv_time(w, "startTime", unix_ns_of_ms(r->api->started));
    json_kv_c(w, "CWD", cwd);
    json_kv_c(w, "hostname", host);
    api_kv_time(w, "serverTime", clock_unix_ns());
    add_loaded(w, r->api);
    json_kv_i64(w, "corruptionCount", (int64_t)st.damaged);
    add_go(w);
    json_kv_c(w, "storageRetention", flag_value(r, "storage.tsdb.retention.time"));
    json_object_end(w);
    return 0;
}

/* ---- buildinfo ----------------------------------------------------------------------------- */

void status_add_build(struct json_writer *w)
{
    json_object_begin(w);
    json_kv_c(w, "version", TOCSIN_VERSION);
    json_kv_c(w, "revision", "");
    json_kv_c(w, "branch", "");
    json_kv_c(w, "buildUser", "");
    json_kv_c(w, "buildDate", "");
    json_kv_c(w, "goVersion", "none, C " __VERSION__);
    json_object_end(w);
}

int api_status_buildinfo(const struct request *r, struct answer *a)
{
    status_add_build(&a->w);
    return 0;
}

/* ---- tsdb ---------------------------------------------------------------------------------- */

static int read_top(const struct request *r, size_t *ret, struct answer *a)
{
    struct str s = api_param(r, "limit");
    int64_t n = TOP_DEFAULT;

    if (s.len && (!num_parse_i64(s, &n) || n < 1))
        return api_fail(a, API_BAD_DATA, "limit must be a positive number");
    *ret = n < TOP_MAX ? (size_t)n : TOP_MAX;
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

static void add_head(struct json_writer *w, const struct storage_stats *st)
{
    json_key_c(w, "headStats");
    json_object_begin(w);
    json_kv_i64(w, "numSeries", (int64_t)st->series);
    json_kv_i64(w, "numLabelPairs", (int64_t)st->label_pairs);
    json_kv_i64(w, "chunkCount", (int64_t)st->chunks);
    json_kv_i64(w, "minTime", st->min_time);
    json_kv_i64(w, "maxTime", st->max_time);
    json_object_end(w);
}

/* Our own: how near the budgets are, and whose new series were refused. */
static void add_budget(struct json_writer *w, const struct storage_budget *b)
{
    json_key_c(w, "seriesBudget");
    json_object_begin(w);
    json_kv_i64(w, "limit", (int64_t)b->limit);
    json_kv_i64(w, "used", (int64_t)b->used);
    json_kv_i64(w, "refused", (int64_t)b->refused);
    json_key_c(w, "jobs");
    json_array_begin(w);
    for (size_t i = 0; i < b->n_jobs; i++) {
        json_object_begin(w);
        json_kv_c(w, "job", b->jobs[i].job);
        json_kv_i64(w, "limit", (int64_t)b->jobs[i].limit);
        json_kv_i64(w, "used", (int64_t)b->jobs[i].used);
        json_object_end(w);
    }
    json_array_end(w);
    json_key_c(w, "refusals");
    json_array_begin(w);
    for (size_t i = 0; i < b->n_refusals; i++) {
        const struct storage_refusal *r = &b->refusals[i];

        json_object_begin(w);
        json_kv_c(w, "job", r->job);
        json_kv_c(w, "instance", r->instance);
        json_kv_c(w, "metric", r->metric);
        json_kv_c(w, "label", r->label);
        json_kv_i64(w, "labelValues", (int64_t)r->values);
        json_kv_i64(w, "refused", (int64_t)r->refused);
        json_kv_c(w, "budget", r->of_job ? "job" : "all");
        json_kv_i64(w, "lastRefused", r->last);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

int api_status_tsdb(const struct request *r, struct answer *a)
{
    struct storage_cardinality c;
    struct storage_stats st;
    struct storage_budget b;
    size_t n = 0;

    if (read_top(r, &n, a) < 0)
        return -1;
    storage_stats(r->api->storage, &st);
    storage_cardinality(r->api->storage, n, &c);
    storage_budget(r->api->storage, &b);
    json_object_begin(&a->w);
    add_head(&a->w, &st);
    add_top(&a->w, "seriesCountByMetricName", c.series_by_metric, c.n_series_by_metric);
    add_top(&a->w, "labelValueCountByLabelName", c.values_by_name, c.n_values_by_name);
    add_top(&a->w, "memoryInBytesByLabelName", c.bytes_by_name, c.n_bytes_by_name);
    add_top(&a->w, "seriesCountByLabelValuePair", c.series_by_pair, c.n_series_by_pair);
    if (b.limit > 0 || b.n_jobs > 0 || b.refused > 0)
        add_budget(&a->w, &b);
    json_object_end(&a->w);
    storage_budget_free(&b);
    storage_cardinality_free(&c);
    return 0;
}

/* ---- what there is none of ----------------------------------------------------------------- */

/* The log was replayed before we began to listen. */
int api_status_walreplay(const struct request *r, struct answer *a)
{
    json_object_begin(&a->w);
    json_kv_i64(&a->w, "min", 0);
    json_kv_i64(&a->w, "max", 0);
    json_kv_i64(&a->w, "current", 0);
    json_object_end(&a->w);
    return 0;
}

/* Alerts go to our own routing. */
int api_alertmanagers(const struct request *r, struct answer *a)
{
    json_object_begin(&a->w);
    json_key_c(&a->w, "activeAlertmanagers");
    json_array_begin(&a->w);
    json_array_end(&a->w);
    json_key_c(&a->w, "droppedAlertmanagers");
    json_array_begin(&a->w);
    json_array_end(&a->w);
    json_object_end(&a->w);
    return 0;
}
