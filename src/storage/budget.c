/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/budget_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "model/label_set.h"

#define LABEL_JOB STR("job")

#define LOOK_EVERY_MS 10000 /* to find the label walks lists as long as the metric has series */
#define LOOK_SERIES   512   /* the newest of its metric: enough to see which label changes */

void budget_init(struct budget *b, struct head *h, uint64_t total)
{
    *b = (struct budget){.head = h, .total = total};
    lock_init(&b->lock);
}

static void free_limits(struct budget *b)
{
    for (size_t i = 0; i < b->n_jobs; i++)
        free(b->jobs[i].job);
    free(b->jobs);
}

static void refusal_deinit(struct refusal *r)
{
    free(r->job);
    free(r->instance);
    free(r->metric);
    free(r->label);
}

void budget_deinit(struct budget *b)
{
    free_limits(b);
    for (size_t i = 0; i < b->n_refusals; i++)
        refusal_deinit(&b->refusals[i]);
    lock_deinit(&b->lock);
}

void budget_set(struct budget *b, const struct config *c)
{
    WITH_WRITE(&b->head->index);
    free_limits(b);
    b->total = c->series_budget;
    b->n_jobs = 0;
    b->jobs = mem_array(c->n_scrapes, sizeof *b->jobs);
    for (size_t i = 0; i < c->n_scrapes; i++) {
        const struct config_scrape *s = &c->scrapes[i];

        if (s->series_budget)
            b->jobs[b->n_jobs++] = (struct job_limit){mem_strdup(s->job_name), s->series_budget};
    }
}

/* ---- the limits ---------------------------------------------------------------------------- */

/* Series in the head that carry the label; NULL: none. */
static const struct postings *carriers(const struct head *h, struct str name, struct str value)
{
    pair_no no = symbols_find_pair(&h->symbols, name, value);

    return no == PAIR_NONE ? NULL : &h->symbols.pairs[no]->series;
}

static uint64_t used_by(const struct head *h, struct str job)
{
    const struct postings *p = carriers(h, LABEL_JOB, job);

    return p ? p->n : 0;
}

static const struct job_limit *limit_of(const struct budget *b, struct str job)
{
    for (size_t i = 0; i < b->n_jobs; i++)
        if (str_eq_c(job, b->jobs[i].job))
            return &b->jobs[i];
    return NULL;
}

static bool is_over_job(const struct budget *b, struct str job)
{
    const struct job_limit *l = b->n_jobs > 0 && job.len > 0 ? limit_of(b, job) : NULL;

    return l && used_by(b->head, job) >= l->limit;
}

int budget_check(const struct budget *b, const struct label_set *labels, struct err *err)
{
    struct str job = label_set_get(labels, LABEL_JOB);

    if (is_over_job(b, job))
        return err_set(err, -ENOSPC, "the budget of %llu series of job \"%.*s\" is used up",
                       (unsigned long long)limit_of(b, job)->limit, STR_ARG(job));
    if (b->total > 0 && b->head->n_series >= b->total)
        return err_set(err, -ENOSPC, "the budget of %llu series is used up",
                       (unsigned long long)b->total);
    return 0;
}

/* ---- which label it is --------------------------------------------------------------------- */

static void keep_newest(struct ids *s, size_t n)
{
    if (s->n > n) {
        memmove(s->v, s->v + (s->n - n), n * sizeof *s->v);
        s->n = n;
    }
}

/* The newest series of the metric, or of the job when the metric is new. */
static void find_kin(const struct head *h, const struct label_set *labels, struct ids *ret)
{
    const struct postings *kin = carriers(h, LABEL_NAME, label_set_get(labels, LABEL_NAME));

    if (!kin)
        kin = carriers(h, LABEL_JOB, label_set_get(labels, LABEL_JOB));
    if (kin)
        postings_read(kin, ret);
    keep_newest(ret, LOOK_SERIES);
}

/* Their pairs, each once: how often a name comes is how many values it has. */
static void collect_pairs(const struct head *h, const struct ids *kin, struct ids *ret)
{
    for (size_t i = 0; i < kin->n; i++) {
        const struct series *s = head_series(h, kin->v[i]);

        for (size_t k = 0; s && k < s->n_labels; k++)
            ids_push(ret, head_pairs(h, kin->v[i])[k]);
    }
    ids_settle(ret);
}

static size_t count_values(const struct head *h, const struct ids *pairs, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < pairs->n; i++)
        n += str_eq(symbol_str(h->symbols.pairs[pairs->v[i]]->name), name);
    return n;
}

/* Of the labels whose value nobody had before, or of all when there is none such, the one that has
 * the most values among the kin. */
static struct str find_label(const struct head *h, const struct label_set *labels)
{
    struct ids kin = {0}, pairs = {0};
    struct str best = STR_NONE;
    bool best_is_new = false;
    size_t most = 0;

    find_kin(h, labels, &kin);
    collect_pairs(h, &kin, &pairs);
    for (size_t i = 0; i < label_set_count(labels); i++) {
        struct label l = label_set_at(labels, i);
        bool is_new = !carriers(h, l.name, l.value);
        size_t n = count_values(h, &pairs, l.name);

        if (!best.p || is_new > best_is_new || (is_new == best_is_new && n > most)) {
            best = l.name;
            best_is_new = is_new;
            most = n;
        }
    }
    ids_deinit(&kin);
    ids_deinit(&pairs);
    return best;
}

/* ---- who was refused ----------------------------------------------------------------------- */

static struct refusal *oldest(struct budget *b)
{
    struct refusal *r = &b->refusals[0];

    for (size_t i = 1; i < b->n_refusals; i++)
        if (b->refusals[i].last < r->last)
            r = &b->refusals[i];
    return r;
}

static struct refusal *refusal_of(struct budget *b, struct str job, struct str instance)
{
    struct refusal *r;

    for (size_t i = 0; i < b->n_refusals; i++) {
        r = &b->refusals[i];
        if (str_eq_c(job, r->job) && str_eq_c(instance, r->instance))
            return r;
    }
    if (b->n_refusals < REFUSALS_MAX) {
        r = &b->refusals[b->n_refusals++];
    } else {
        r = oldest(b);
        refusal_deinit(r);
    }
    *r = (struct refusal){.job = str_dup(job), .instance = str_dup(instance)};
    return r;
}

/* index, for reading. */
static void look(struct budget *b, struct refusal *r, const struct label_set *labels, unix_ms now)
{
    const struct head *h = b->head;
    struct str label = find_label(h, labels);
    const struct label_name *name = label.p ? symbols_find_name(&h->symbols, label) : NULL;

    free(r->metric);
    free(r->label);
    r->metric = str_dup(label_set_get(labels, LABEL_NAME));
    r->label = str_dup(label);
    r->values = name ? name->n : 0;
    r->of_job = is_over_job(b, label_set_get(labels, LABEL_JOB));
    r->looked = now;
}

void budget_note(struct budget *b, const struct label_set *labels, unix_ms now)
{
    struct refusal *r;

    atomic_fetch_add(&b->refused, 1);
    atomic_store(&b->last, now);
    WITH_READ(&b->head->index);
    WITH_LOCK(&b->lock);
    r = refusal_of(b, label_set_get(labels, LABEL_JOB), label_set_get(labels, STR("instance")));
    r->refused++;
    r->last = now;
    if (!r->label || now - r->looked >= LOOK_EVERY_MS)
        look(b, r, labels, now);
}

/* ---- for people ---------------------------------------------------------------------------- */

static int by_last(const void *a, const void *b)
{
    const struct storage_refusal *x = a, *y = b;

    if (x->last != y->last)
        return x->last < y->last ? 1 : -1;
    return (x->refused < y->refused) - (x->refused > y->refused);
}

static void view_jobs(const struct budget *b, struct storage_budget *ret)
{
    WITH_READ(&b->head->index);
    ret->limit = b->total;
    ret->used = b->head->n_series;
    ret->n_jobs = b->n_jobs;
    ret->jobs = mem_array(b->n_jobs, sizeof *ret->jobs);
    for (size_t i = 0; i < b->n_jobs; i++)
        ret->jobs[i] = (struct storage_job_use){mem_strdup(b->jobs[i].job), b->jobs[i].limit,
                                                used_by(b->head, str_c(b->jobs[i].job))};
}

void budget_view(struct budget *b, struct storage_budget *ret)
{
    *ret = (struct storage_budget){.refused = atomic_load(&b->refused),
                                   .last_refused = atomic_load(&b->last)};
    view_jobs(b, ret);
    WITH_LOCK(&b->lock);
    ret->n_refusals = b->n_refusals;
    ret->refusals = mem_array(b->n_refusals, sizeof *ret->refusals);
    for (size_t i = 0; i < b->n_refusals; i++) {
        const struct refusal *r = &b->refusals[i];

        ret->refusals[i] = (struct storage_refusal){
            .job = mem_strdup(r->job),
            .instance = mem_strdup(r->instance),
            .metric = mem_strdup(r->metric),
            .label = mem_strdup(r->label),
            .values = r->values,
            .refused = r->refused,
            .last = r->last,
            .of_job = r->of_job,
        };
    }
    qsort(ret->refusals, ret->n_refusals, sizeof *ret->refusals, by_last);
}

void storage_budget_free(struct storage_budget *v)
{
    for (size_t i = 0; i < v->n_jobs; i++)
        free(v->jobs[i].job);
    for (size_t i = 0; i < v->n_refusals; i++) {
        free(v->refusals[i].job);
        free(v->refusals[i].instance);
        free(v->refusals[i].metric);
        free(v->refusals[i].label);
    }
    free(v->jobs);
    free(v->refusals);
    *v = (struct storage_budget){0};
}
