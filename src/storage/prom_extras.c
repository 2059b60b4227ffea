/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_extras_priv.h"

#include "storage/storage_priv.h"

void prom_extras_init(struct prom_extras *x, struct storage *st)
{
    size_t have = st ? st->exemplars.n : 0;

    exemplars_init(&x->exemplars, have < PROM_EXEMPLARS_MAX ? PROM_EXEMPLARS_MAX - have : 0);
    families_init(&x->families);
}

void prom_extras_deinit(struct prom_extras *x)
{
    exemplars_deinit(&x->exemplars);
    families_deinit(&x->families);
}

void prom_extras_exemplar(struct prom_extras *x, const struct label_set *series,
                          const struct exemplar *e)
{
    const struct exemplar_owner o = {series, label_set_stable_hash(series), 0};

    (void)exemplars_add(
        &x->exemplars, &o,
        &(struct exemplar_row){.labels = e->labels, .t = e->t, .v = e->v, .has_time = true});
}

void prom_extras_metadata(struct prom_extras *x, const struct metric_metadata *m)
{
    families_tell(&x->families, m);
}

int prom_extras_flush(struct prom_extras *x, struct storage *st, struct prom_counts *counts,
                      struct err *err)
{
    size_t exemplars, families, bytes;
    int r = 0;

    if (st) {
        r = extras_take_over(&st->committer, &x->exemplars, &x->families, &exemplars, &families,
                             err);
    } else {
        exemplars = x->exemplars.n;
        families = families_count(&x->families, &bytes);
    }
    if (r == 0) {
        counts->exemplars += exemplars;
        counts->families += families;
    }
    return r;
}
