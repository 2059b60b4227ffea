/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target - from an address with labels to a target (prometheus.md 4.3)
 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "targets/targets_priv.h"

/* ---- before relabelling -------------------------------------------------------------------- */

static void set_if_absent(struct label_builder *b, struct str name, struct str value)
{
    if (label_builder_get(b, name).len == 0)
        label_builder_set(b, name, value);
}

static void set_duration(struct label_builder *b, struct str name, dur_ms d)
{
    CLEANUP(buf_free) struct buf text = {0};

    duration_print(d, &text);
    set_if_absent(b, name, buf_str(&text));
}

static void set_params(struct label_builder *b, const struct config_scrape *job)
{
    for (size_t i = 0; i < job->n_params; i++) {
        CLEANUP(buf_free) struct buf name = {0};

        if (job->params[i].n_values == 0)
            continue;
        buf_addf(&name, "__param_%s", job->params[i].name);
        set_if_absent(b, buf_str(&name), str_c(job->params[i].values[0]));
    }
}

/* The group's labels, then the job's settings where they are absent. */
static void set_discovered(struct label_builder *b, const struct config_scrape *job,
                           struct str address, const struct label_set *group)
{
    label_builder_init(b, group);
    label_builder_set(b, STR("__address__"), address);
    set_if_absent(b, STR("job"), str_c(job->job_name));
    set_duration(b, STR("__scrape_interval__"), job->scrape_interval);
    set_duration(b, STR("__scrape_timeout__"), job->scrape_timeout);
    if (job->kind == JOB_HTTP)
        set_if_absent(b, STR("__metrics_path__"), str_c(job->metrics_path));
    set_if_absent(b, STR("__scheme__"),
                  str_c(job->kind == JOB_HTTP ? job->scheme : job_scheme(job->kind)));
    set_params(b, job);
}

/* ---- after relabelling: NULL, or why it cannot be a target --------------------------------- */

static const char *check_address(struct arena *a, const struct config_scrape *job,
                                 struct str address)
{
    if (address.len == 0)
        return "no address";
    if (job->kind != JOB_HTTP)
        return NULL; /* the probe tells about it, and the target is down */
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.p[i] <= ' ' || strchr("/?#@\\", address.p[i]))
            return arena_printf(a,
                                "\"%.*s\" is not a valid hostname: expected HOST or HOST:PORT, "
                                "scheme and path are settings of the job",
                                STR_ARG(address));
    return NULL;
}

static const char *read_time(struct arena *a, const struct label_builder *b, struct str label,
                             const char *what, dur_ms *ret)
{
    struct str text = label_builder_get(b, label);
    struct err err = {0};

    if (duration_parse(text.p, text.len, ret, &err) < 0)
        return arena_printf(a, "error parsing scrape %s \"%.*s\": %s", what, STR_ARG(text),
                            err.msg);
    if (*ret == 0)
        return arena_printf(a, "scrape %s cannot be 0", what);
    return NULL;
}

static const char *read_times(struct arena *a, const struct label_builder *b, struct target *t)
{
    const char *error = read_time(a, b, STR("__scrape_interval__"), "interval", &t->interval);

    if (!error)
        error = read_time(a, b, STR("__scrape_timeout__"), "timeout", &t->timeout);
    if (!error && t->timeout > t->interval)
        error = arena_printf(a,
                             "scrape timeout cannot be greater than scrape interval (\"%.*s\" > "
                             "\"%.*s\")",
                             STR_ARG(label_builder_get(b, STR("__scrape_timeout__"))),
                             STR_ARG(label_builder_get(b, STR("__scrape_interval__"))));
    return error;
}

/* ---- the target ---------------------------------------------------------------------------- */

static void delete_prefixed(struct label_builder *b, struct str prefix)
{
    struct label_set *all = label_builder_build(b);

    for (size_t i = 0; i < label_set_count(all); i++)
        if (str_has_prefix(label_set_at(all, i).name, prefix))
            label_builder_del(b, label_set_at(all, i).name);
    label_set_unref(all);
}

/* The map compares hashes before it asks, and identities are hashes. */
static bool is_equal(const void *key, const void *value)
{
    return true;
}

/* Takes over t->discovered. Changes b. */
static void add_target(struct list_builder *lb, struct target *t, struct label_builder *b)
{
    struct arena *a = &lb->list->arena;
    struct label_set *all;

    delete_prefixed(b, STR("__meta_"));
    t->address = target_address(a, lb->job, label_builder_get(b, STR("__address__")));
    t->url = target_url(a, lb->job, b, t->address);
    set_if_absent(b, STR("instance"), str_c(t->address));
    all = label_builder_build(b);
    t->hash = target_spread(all, t->url, lb->seed);
    t->identity = hash_mix(hash_mix(label_set_hash(all), hash_bytes(t->url, strlen(t->url))),
                           lb->settings);
    label_set_unref(all);
    if (map_get(&lb->seen, t->identity, is_equal, NULL)) {
        label_set_unref(t->discovered);
        return;
    }
    map_add(&lb->seen, t->identity, lb);
    delete_prefixed(b, STR("__"));
    t->labels = label_builder_build(b);
    *VEC_PUSH(lb->list->targets, lb->list->n_targets, lb->list->cap_targets) = *t;
}

static void complain_about(const struct list_builder *lb, struct str address, const char *error)
{
    CLEANUP(buf_free) struct buf words = {0};

    buf_addf(&words, "job %s: target \"%.*s\": %s", lb->job->job_name, STR_ARG(address), error);
    lb->complaints.say(words.p, lb->complaints.arg);
}

void list_builder_add(struct list_builder *lb, struct str address, const struct label_set *group)
{
    struct arena *a = &lb->list->arena;
    struct target t = {.job = lb->job};
    struct label_builder b;
    const char *error = NULL;
    int step;

    set_discovered(&b, lb->job, address, group);
    t.discovered = label_builder_build(&b);
    step = relabel(&b, lb->job->relabel, lb->job->n_relabel);
    if (step < 0)
        error = check_address(a, lb->job, label_builder_get(&b, STR("__address__")));
    if (step < 0 && !error)
        error = read_times(a, &b, &t);
    if (error)
        complain_about(lb, address, error);
    if (step >= 0 || error)
        *VEC_PUSH(lb->list->dropped, lb->list->n_dropped,
                  lb->list->cap_dropped) = (struct dropped_target){lb->job, t.discovered, step,
                                                                   error};
    else
        add_target(lb, &t, &b);
    label_builder_deinit(&b);
}
