/* SPDX-License-Identifier: Apache-2.0 */
#include "targets/targets.h"

#include <stdlib.h>

#include "base/mem.h"
#include "targets/sd_priv.h"

/* How often discovery files are looked at; Prometheus takes over changes as rarely. */
#define FILES_LOOK_MS 5000

/* What discovery finds is gathered, since for every list scrape compares all targets: what is found
 * at a start comes together, and where things change without pause there is one list a second. */
#define GATHER_MS        100
#define REBUILD_EVERY_MS 1000

struct targets {
    struct config *config;
    struct sd_files files;
    struct target_list *list;
    struct complaints complaints;

    /* from targets_discover() on */
    struct sds sds;
    struct loop_timer *rebuild_timer;
    bool rebuild_is_due; /* the timer runs */
    mono_ns rebuilt;
    void (*on_list)(void *arg);
    void *on_list_arg;
};

/* ---- lists --------------------------------------------------------------------------------- */

struct target_list *target_list_ref(struct target_list *l)
{
    __atomic_add_fetch(&l->refs, 1, __ATOMIC_RELAXED);
    return l;
}

void target_list_unref(struct target_list *l)
{
    if (!l || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < l->n_targets; i++) {
        label_set_unref(l->targets[i].labels);
        label_set_unref(l->targets[i].discovered);
    }
    for (size_t i = 0; i < l->n_dropped; i++)
        label_set_unref(l->dropped[i].discovered);
    free(l->targets);
    free(l->dropped);
    arena_deinit(&l->arena);
    config_unref(l->config);
    free(l);
}

/* Past its limit all targets of a job are down: had it half of them, the site would look healthy,
 * and had it none, an alert on `up == 0` would see nothing. The words are part of the identity, so
 * that a running target takes notice of them. */
static void apply_limit(struct list_builder *lb)
{
    const struct config_scrape *job = lb->job;
    struct target_list *l = lb->list;
    size_t n = l->n_targets - lb->first;
    CLEANUP(buf_free) struct buf words = {0};
    char *refused;

    if (job->target_limit == 0 || n <= job->target_limit)
        return;
    refused = arena_printf(&l->arena, "target_limit exceeded (number of targets: %zu, limit: %llu)",
                           n, (unsigned long long)job->target_limit);
    for (size_t i = lb->first; i < l->n_targets; i++) {
        l->targets[i].refused = refused;
        l->targets[i].identity = identity_of_refused(l->targets[i].identity, refused);
    }
    buf_addf(&words, "job %s: %s: all of them count as down", job->job_name, refused);
    lb->complaints.say(words.p, lb->complaints.arg);
}

static void add_static(struct list_builder *lb)
{
    for (size_t i = 0; i < lb->job->n_static_groups; i++) {
        const struct config_static_group *g = &lb->job->static_groups[i];

        for (size_t k = 0; k < g->n_targets; k++)
            list_builder_add(lb, str_c(g->targets[k]), g->labels);
    }
}

static void add_found(const struct found_group *g, void *lb)
{
    for (size_t k = 0; k < g->n; k++)
        list_builder_add(lb, str_c(g->addresses[k]), g->labels);
}

static void add_file(struct list_builder *lb, const struct sd_file *file)
{
    for (size_t i = 0; i < file->n_groups; i++)
        add_found(&file->groups[i], lb);
}

static void add_job(struct list_builder *lb, const struct config_scrape *job,
                    const struct sd_files *files, const struct sds *sds)
{
    lb->job = job;
    lb->settings = job_settings_hash(job);
    lb->first = lb->list->n_targets;
    add_static(lb);
    for (size_t i = 0; i < job->n_file_sds; i++)
        for (size_t k = 0; k < files->n; k++)
            if (sd_config_names(&job->file_sds[i], files->files[k].path))
                add_file(lb, &files->files[k]);
    sds_each_group(sds, job, add_found, lb);
    apply_limit(lb);
    map_deinit(&lb->seen);
}

static void rebuild(struct targets *t)
{
    struct target_list *l = mem_zalloc(sizeof *l);
    struct list_builder lb = {
        .list = l, .complaints = t->complaints, .seed = target_seed(t->config)};

    l->refs = 1;
    l->config = config_ref(t->config);
    arena_init(&l->arena, 0); /* as large as configuration and files make it */
    for (size_t i = 0; i < t->config->n_scrapes; i++)
        add_job(&lb, &t->config->scrapes[i], &t->files, &t->sds);
    target_list_unref(t->list);
    t->list = l;
}

/* ---- the room ------------------------------------------------------------------------------ */

static void keep_quiet(const char *words, void *arg)
{
}

struct targets *targets_new(const struct config *config, unix_ms now,
                            void (*complain)(const char *words, void *arg), void *arg)
{
    struct targets *t = mem_zalloc(sizeof *t);

    t->complaints = (struct complaints){complain ? complain : keep_quiet, arg};
    targets_reconfigure(t, config, now);
    return t;
}

void targets_free(struct targets *t)
{
    if (!t)
        return;
    sds_deinit(&t->sds);
    loop_timer_free(t->rebuild_timer);
    sd_files_deinit(&t->files);
    target_list_unref(t->list);
    config_unref(t->config);
    free(t);
}

void targets_reconfigure(struct targets *t, const struct config *config, unix_ms now)
{
    struct config *old = t->config;

    t->config = config_ref(config);
    config_unref(old);
    sd_files_refresh(&t->files, t->config, t->complaints);
    sds_apply(&t->sds, t->config);
    rebuild(t);
}

/* ---- discovery that asks somebody ---------------------------------------------------------- */

static void rebuild_now(void *arg)
{
    struct targets *t = arg;

    t->rebuild_is_due = false;
    t->rebuilt = clock_mono_ns();
    rebuild(t);
    t->on_list(t->on_list_arg);
}

static void on_found(void *arg)
{
    struct targets *t = arg;
    dur_ms since = (clock_mono_ns() - t->rebuilt) / NS_PER_MS;
    dur_ms rest = t->rebuilt ? REBUILD_EVERY_MS - since : 0;

    if (t->rebuild_is_due)
        return;
    t->rebuild_is_due = true;
    loop_timer_after(t->rebuild_timer, rest > GATHER_MS ? rest : GATHER_MS);
}

void targets_discover(struct targets *t, struct loop *loop, void (*on_list)(void *arg), void *arg)
{
    must(!t->sds.loop);
    t->on_list = on_list;
    t->on_list_arg = arg;
    t->rebuild_timer = loop_timer_new(loop, rebuild_now, t);
    t->sds.complaints = t->complaints;
    t->sds.changed = on_found;
    t->sds.arg = t;
    sds_begin(&t->sds, loop);
    sds_apply(&t->sds, t->config);
}

static bool has_files(const struct config *c)
{
    for (size_t i = 0; i < c->n_scrapes; i++)
        if (c->scrapes[i].n_file_sds)
            return true;
    return false;
}

unix_ms targets_tick(struct targets *t, unix_ms now, bool *changed)
{
    *changed = false;
    if (!has_files(t->config))
        return INT64_MAX;
    *changed = sd_files_refresh(&t->files, t->config, t->complaints);
    if (*changed)
        rebuild(t);
    return now + FILES_LOOK_MS;
}

struct target_list *targets_list(struct targets *t)
{
    return target_list_ref(t->list);
}
