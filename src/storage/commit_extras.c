/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a commit has besides samples. A page has the same exemplars and metadata as the last one, mostly:
 * those are not written again. The ring judges once more when they are added, since two of one
 * commit may be about the same series; the start, which adds what the log says, does likewise.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "storage/commit_priv.h"

/* ---- a commit ------------------------------------------------------------------------------ */

/* Whose exemplar it is; false when there is no such series. *hold gets a reference to the labels when
 * they had to be put together. */
static bool owner_of(struct committer *c, series_ref ref, struct exemplar_owner *ret,
                     const struct label_set **hold)
{
    series_id id = ref <= SERIES_ID_MAX ? (series_id)ref : 0;
    const struct series *s = head_series(c->head, id);

    if (!s)
        return false;
    *ret = (struct exemplar_owner){.hash = s->hash, .id = id};
    if (!exemplars_know(c->exemplars, ret)) {
        WITH_READ(&c->head->index);
        *hold = ret->labels = head_label_set(c->head, id);
    }
    return true;
}

static bool is_fresh(struct committer *c, const struct exemplar_row *e)
{
    CLEANUP(label_set_unrefp) const struct label_set *hold = NULL;
    struct exemplar_owner o;
    enum exemplar_verdict v;

    if (!owner_of(c, e->ref, &o, &hold))
        return false;
    v = exemplars_judge(c->exemplars, &o, e);
    if (v == EXEMPLAR_OUT_OF_ORDER)
        c->exemplars->out_of_order++;
    return v == EXEMPLAR_NEW;
}

void extras_judge(struct committer *c, const struct sample_batch *b)
{
    c->n_exemplars = 0;
    c->has_news = false;
    for (size_t i = 0; c->exemplars->max > 0 && i < b->n_exemplars; i++)
        if (is_fresh(c, &b->exemplars[i]))
            *VEC_PUSH(c->fresh_exemplars, c->n_exemplars, c->cap_exemplars) = (struct accepted){
                (uint32_t)i, (series_id)b->exemplars[i].ref};
    for (size_t i = 0; i < b->n_metadata; i++)
        c->has_news |= families_is_news(c->families, &b->metadata[i]);
}

bool extras_have_news(const struct committer *c)
{
    return c->n_exemplars > 0 || c->has_news;
}

/* A series may have got its first sample, and with it a record of its labels, or not: exemplars bring
 * the labels with them. Of metadata all is told when something is news: the last word on a family
 * may be the one that was known already. */
void extras_record(struct committer *c, const struct sample_batch *b)
{
    for (size_t i = 0; i < c->n_exemplars; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *hold = NULL;
        const struct exemplar_row *e = &b->exemplars[c->fresh_exemplars[i].row];
        struct exemplar_owner o;

        if (!owner_of(c, e->ref, &o, &hold))
            continue;
        if (!hold)
            hold = exemplars_series(c->exemplars, &o);
        log_record_exemplar(&c->record, hold, e);
    }
    for (size_t i = 0; c->has_news && i < b->n_metadata; i++)
        log_record_metadata(&c->record, &b->metadata[i]);
}

size_t extras_apply(struct committer *c, const struct sample_batch *b)
{
    size_t taken = 0;

    for (size_t i = 0; i < c->n_exemplars; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *hold = NULL;
        const struct exemplar_row *e = &b->exemplars[c->fresh_exemplars[i].row];
        struct exemplar_owner o;

        if (owner_of(c, e->ref, &o, &hold))
            taken += exemplars_add(c->exemplars, &o, e) == EXEMPLAR_NEW;
    }
    for (size_t i = 0; c->has_news && i < b->n_metadata; i++)
        families_tell(c->families, &b->metadata[i]);
    return taken;
}

/* ---- of an import ------------------------------------------------------------------------------ */

#define TAKEN_AT_ONCE ((size_t)1024) /* exemplars, or families, of one record: some MiB at most */

/* Borrowed from where it is taken over. */
struct foreign {
    struct {
        struct exemplar_owner owner;
        struct exemplar_row row;
    } * exemplars;
    struct metric_metadata *families;
    size_t n_exemplars, cap_exemplars, n_families, cap_families;
};

static void foreign_deinit(struct foreign *f)
{
    free(f->exemplars);
    free(f->families);
}

static void note_exemplar(const struct label_set *series, const struct exemplar_row *e, void *arg)
{
    struct foreign *f = arg;

    VEC_PUSH(f->exemplars, f->n_exemplars, f->cap_exemplars);
    f->exemplars[f->n_exemplars - 1].owner = (struct exemplar_owner){
        series, label_set_stable_hash(series), 0};
    f->exemplars[f->n_exemplars - 1].row = *e;
}

static void note_family(const struct metric_metadata *m, void *arg)
{
    struct foreign *f = arg;

    *VEC_PUSH(f->families, f->n_families, f->cap_families) = *m;
}

static void note_known(const struct metric_metadata *m, void *known)
{
    *(bool *)known = true;
}

/* Those from `from` on, up to a record of them. */
static int take_exemplars(struct committer *c, const struct foreign *f, size_t from, size_t *taken,
                          struct err *err)
{
    size_t end = f->n_exemplars - from < TAKEN_AT_ONCE ? f->n_exemplars : from + TAKEN_AT_ONCE;
    size_t fresh = 0;
    int r;

    log_record_begin(&c->record);
    for (size_t i = from; i < end; i++)
        if (exemplars_judge(c->exemplars, &f->exemplars[i].owner, &f->exemplars[i].row) ==
            EXEMPLAR_NEW) {
            log_record_exemplar(&c->record, f->exemplars[i].owner.labels, &f->exemplars[i].row);
            fresh++;
        }
    if (fresh == 0)
        return 0;
    log_record_end(&c->record);
    r = commit_write_record(c, err);
    for (size_t i = from; i < end && r == 0; i++)
        *taken += exemplars_add(c->exemplars, &f->exemplars[i].owner, &f->exemplars[i].row) ==
                  EXEMPLAR_NEW;
    return r;
}

static int take_families(struct committer *c, const struct foreign *f, size_t from, size_t *taken,
                         struct err *err)
{
    const struct metric_metadata *fresh[TAKEN_AT_ONCE];
    size_t n = 0;
    int r;

    log_record_begin(&c->record);
    for (size_t i = from; i < f->n_families && i < from + TAKEN_AT_ONCE; i++) {
        bool known = false;

        families_each(c->families, f->families[i].family, note_known, &known);
        if (!known) {
            log_record_metadata(&c->record, &f->families[i]);
            fresh[n++] = &f->families[i];
        }
    }
    if (n == 0)
        return 0;
    log_record_end(&c->record);
    r = commit_write_record(c, err);
    for (size_t i = 0; i < n && r == 0; i++)
        families_tell(c->families, fresh[i]);
    *taken += r == 0 ? n : 0;
    return r;
}

int extras_take_over(struct committer *c, struct exemplars *from, struct families *families,
                     size_t *ret_exemplars, size_t *ret_families, struct err *err)
{
    CLEANUP(foreign_deinit) struct foreign f = {0};
    size_t n_exemplars = 0, n_families = 0;
    int r = 0;

    exemplars_walk(from, note_exemplar, &f);
    families_walk(families, note_family, &f);
    WITH_LOCK(&c->head->commit);
    for (size_t i = 0; i < f.n_exemplars && r == 0; i += TAKEN_AT_ONCE)
        r = take_exemplars(c, &f, i, &n_exemplars, err);
    for (size_t i = 0; i < f.n_families && r == 0; i += TAKEN_AT_ONCE)
        r = take_families(c, &f, i, &n_families, err);
    if (r < 0)
        return r;
    *ret_exemplars = n_exemplars;
    *ret_families = n_families;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void put_exemplar(const struct label_set *series, const struct exemplar_row *e, void *record)
{
    log_record_exemplar(record, series, e);
}

static void put_metadata(const struct metric_metadata *m, void *record)
{
    log_record_metadata(record, m);
}

void extras_put(struct committer *c, struct log_record *record)
{
    log_record_begin(record);
    exemplars_walk(c->exemplars, put_exemplar, record);
    families_walk(c->families, put_metadata, record);
}
