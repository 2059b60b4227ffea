/* SPDX-License-Identifier: Apache-2.0 */
#include "targets/targets.h"

#include <stdlib.h>

#include "base/mem.h"
#include "targets/targets_priv.h"

#define FILES_LOOK_MS                                                                              \
    5000 /* how often discovery files are looked at; Prometheus batches updates as long */

struct targets {
    struct config *config;
    uint64_t seed;
    struct file_sd *file_sds;
    size_t n_file_sds, cap_file_sds;
    struct target_list *list;
    void (*complain)(const char *words, void *arg);
    void *arg;
};

/* ---- lists
 * ------------------------------------------------------------------------------------------- */

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

/* Past its limit a job has no targets at all: half of them would look like a healthy site. */
static void apply_target_limit(struct targets *t, struct target_list *l,
                               const struct config_scrape *job, size_t first)
{
    size_t n = l->n_targets - first;
    struct buf words = {0};

    if (job->target_limit == 0 || n <= job->target_limit)
        return;
    buf_addf(&words, "job %s: target_limit exceeded (number of targets: %zu, limit: %llu)",
             job->job_name, n, (unsigned long long)job->target_limit);
    t->complain(words.p, t->arg);
    for (size_t i = first; i < l->n_targets; i++) {
        *VEC_PUSH(l->dropped, l->n_dropped, l->cap_dropped) = (struct dropped_target){
            job, l->targets[i].discovered, -1, arena_strdup(&l->arena, buf_str(&words))};
        label_set_unref(l->targets[i].labels);
    }
    l->n_targets = first;
    buf_free(&words);
}

static void add_job(struct targets *t, struct target_list *l, const struct config_scrape *job)
{
    size_t first = l->n_targets;

    for (size_t i = 0; i < job->n_static_groups; i++)
        for (size_t k = 0; k < job->static_groups[i].n_targets; k++)
            target_list_add(l, job, str_c(job->static_groups[i].targets[k]),
                            job->static_groups[i].labels, t->seed);
    for (size_t s = 0; s < t->n_file_sds; s++) {
        const struct file_sd *sd = &t->file_sds[s];

        for (size_t f = 0; sd->job == job && f < sd->n; f++)
            for (size_t g = 0; g < sd->files[f].n_groups; g++)
                for (size_t k = 0; k < sd->files[f].groups[g].n; k++)
                    target_list_add(l, job, str_c(sd->files[f].groups[g].addresses[k]),
                                    sd->files[f].groups[g].labels, t->seed);
    }
    apply_target_limit(t, l, job, first);
}

static void rebuild(struct targets *t)
{
    struct target_list *l = mem_zalloc(sizeof *l);

    l->refs = 1;
    l->config = config_ref(t->config);
    arena_init(&l->arena, 0);
    for (size_t i = 0; i < t->config->n_scrapes; i++)
        add_job(t, l, &t->config->scrapes[i]);
    target_list_unref(t->list);
    t->list = l;
}

/* ---- the room
 * ---------------------------------------------------------------------------------------- */

static void keep_quiet(const char *words, void *arg)
{
}

struct targets *targets_new(const struct config *config, unix_ms now,
                            void (*complain)(const char *words, void *arg), void *arg)
{
    struct targets *t = mem_zalloc(sizeof *t);

    t->config = config_ref(config);
    t->seed = target_seed(config);
    t->complain = complain ? complain : keep_quiet;
    t->arg = arg;
    for (size_t i = 0; i < config->n_scrapes; i++)
        for (size_t k = 0; k < config->scrapes[i].n_file_sds; k++)
            *VEC_PUSH(t->file_sds, t->n_file_sds, t->cap_file_sds) = (struct file_sd){
                .config = &config->scrapes[i].file_sds[k], .job = &config->scrapes[i]};
    for (size_t i = 0; i < t->n_file_sds; i++)
        file_sd_refresh(&t->file_sds[i], t->complain, t->arg);
    rebuild(t);
    return t;
}

void targets_free(struct targets *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_file_sds; i++)
        file_sd_deinit(&t->file_sds[i]);
    free(t->file_sds);
    target_list_unref(t->list);
    config_unref(t->config);
    free(t);
}

unix_ms targets_tick(struct targets *t, unix_ms now, bool *changed)
{
    *changed = false;
    if (t->n_file_sds == 0)
        return INT64_MAX;
    for (size_t i = 0; i < t->n_file_sds; i++)
        *changed = file_sd_refresh(&t->file_sds[i], t->complain, t->arg) || *changed;
    if (*changed)
        rebuild(t);
    return now + FILES_LOOK_MS;
}

struct target_list *targets_list(struct targets *t)
{
    return target_list_ref(t->list);
}
