/* SPDX-License-Identifier: Apache-2.0 */
#include "targets/sd_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/selfmetrics.h"

SELFMETRIC(failures, METRIC_COUNTER, "tocsin_sd_failures_total", NULL,
           "Discoveries that got no answer or a bad one; their targets stay.");

static const struct sd_kind *const kinds[] = {&sd_http,   &sd_dns,    &sd_kube,
                                              &sd_eureka, &sd_consul, &sd_nacos};

/* ---- which there are ----------------------------------------------------------------------- */

/* Calls cb with everything that a job asks for. */
static void each_wanted(const struct config_scrape *job,
                        void (*cb)(const struct sd_kind *kind, const struct config_sd *settings,
                                   void *arg),
                        void *arg)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const char *base = (const char *)job;
        const char *list = *(const char *const *)(base + kinds[k]->list);
        size_t n = *(const size_t *)(base + kinds[k]->count);

        for (size_t i = 0; i < n; i++)
            cb(kinds[k], (const struct config_sd *)(list + i * kinds[k]->size), arg);
    }
}

static struct sd *find(const struct sds *s, const struct sd_kind *kind,
                       const struct config_sd *settings)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i]->kind == kind && s->v[i]->settings->settings == settings->settings)
            return s->v[i];
    return NULL;
}

static void free_sd(struct sd *sd)
{
    sd->kind->close(sd->self);
    config_unref(sd->config);
    free(sd->failure);
    free(sd);
}

struct wanting {
    struct sds *s;
    const struct config *config;
};

static void want(const struct sd_kind *kind, const struct config_sd *settings, void *arg)
{
    struct wanting *w = arg;
    struct sd *sd = find(w->s, kind, settings);

    if (!sd) {
        sd = *VEC_PUSH(w->s->v, w->s->n, w->s->cap) = mem_zalloc(sizeof *sd);
        *sd = (struct sd){.all = w->s, .kind = kind, .settings = settings};
        sd->config = config_ref(w->config);
        sd->self = kind->open(sd);
    }
    sd->is_wanted = true;
}

static void drop_unwanted(struct sds *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->v[i]->is_wanted)
            s->v[kept++] = s->v[i];
        else
            free_sd(s->v[i]);
    s->n = kept;
}

void sds_begin(struct sds *s, struct loop *loop)
{
    s->loop = loop;
    s->http = http_client_new(loop);
}

void sds_apply(struct sds *s, const struct config *config)
{
    struct wanting w = {s, config};

    if (!s->loop)
        return;
    for (size_t i = 0; i < s->n; i++)
        s->v[i]->is_wanted = false;
    for (size_t i = 0; i < config->n_scrapes; i++)
        each_wanted(&config->scrapes[i], want, &w);
    drop_unwanted(s);
}

void sds_deinit(struct sds *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_sd(s->v[i]);
    free(s->v);
    http_client_free(s->http);
}

/* ---- what they found ----------------------------------------------------------------------- */

void sd_worked(struct sd *sd)
{
    free(TAKE(sd->failure));
}

void sd_found_news(struct sd *sd)
{
    sd->all->changed(sd->all->arg);
}

void sd_failed(struct sd *sd, const struct err *err)
{
    CLEANUP(buf_free) struct buf words = {0};

    selfmetric_add(&failures, 1);
    if (sd->failure && strcmp(sd->failure, err->msg) == 0)
        return;
    free(sd->failure);
    sd->failure = mem_strdup(err->msg);
    buf_addf(&words, "%s: %s: %s; the targets that it found stay", sd->settings->place,
             sd->kind->key, err->msg);
    sd->all->complaints.say(words.p, sd->all->complaints.arg);
}

struct telling {
    const struct sds *s;
    void (*cb)(const struct found_group *g, void *arg);
    void *arg;
};

static void tell_groups(const struct sd_kind *kind, const struct config_sd *settings, void *arg)
{
    const struct telling *t = arg;
    const struct sd *sd = find(t->s, kind, settings);

    if (sd)
        kind->each(sd->self, t->cb, t->arg);
}

void sds_each_group(const struct sds *s, const struct config_scrape *job,
                    void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    struct telling t = {s, cb, arg};

    each_wanted(job, tell_groups, &t);
}
