/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which silences match an alert never changes while both live: labels and matchers are fixed, a
 * change of matchers makes another silence. So every alert remembers what matches it, and looks
 * only at silences that are newer than its last look.
 *
 * A silence with a matcher name="value" is in the list of that pair, and is found by the alert's
 * labels; of several such matchers the one with the shortest list is taken. The rest is in one
 * list that every alert goes through.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

static bool list_is(const void *key, const void *value)
{
    const struct label *l = key;
    const struct silence_list *list = value;

    return str_eq_c(l->name, list->name) && str_eq_c(l->value, list->value);
}

static uint64_t pair_hash(struct label l)
{
    return hash_mix(hash_bytes(l.name.p, l.name.len), hash_bytes(l.value.p, l.value.len));
}

static struct silence_list *list_get(const struct alerts *a, struct label l)
{
    return map_get(&a->silence_lists, pair_hash(l), list_is, &l);
}

static struct silence_list *list_make(struct alerts *a, struct label l)
{
    struct silence_list *list = list_get(a, l);

    if (list)
        return list;
    list = mem_zalloc(sizeof *list);
    list->name = str_dup(l.name);
    list->value = str_dup(l.value);
    map_add(&a->silence_lists, pair_hash(l), list);
    return list;
}

static void list_free(struct silence_list *list)
{
    free(list->name);
    free(list->value);
    free(list->silences);
    free(list);
}

static struct silence_list *choose(struct alerts *a, const struct silence *s)
{
    const struct matcher *best = NULL;
    size_t shortest = SIZE_MAX;

    for (size_t i = 0; i < s->n_matchers; i++) {
        const struct matcher *m = s->matchers[i];
        const struct silence_list *list;
        size_t n;

        if (m->type != MATCH_EQ || m->value.len == 0)
            continue;
        list = list_get(a, (struct label){m->name, m->value});
        n = list ? list->n : 0;
        if (n < shortest) {
            shortest = n;
            best = m;
        }
    }
    return best ? list_make(a, (struct label){best->name, best->value}) : &a->any_labels;
}

void silence_index_add(struct alerts *a, struct held_silence *s)
{
    s->number = ++a->newest_silence;
    s->list = choose(a, &s->s);
    *VEC_PUSH(s->list->silences, s->list->n, s->list->cap) = s;
}

static void forget(struct held_silence **silences, size_t *n, const struct held_silence *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (silences[i] != s)
            silences[kept++] = silences[i];
    *n = kept;
}

void silence_index_remove(struct alerts *a, struct held_silence *s)
{
    struct silence_list *list = s->list;
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        forget(h->silences, &h->n_silences, s);
    forget(list->silences, &list->n, s);
    if (list->n == 0 && list != &a->any_labels) {
        struct label l = {str_c(list->name), str_c(list->value)};

        must(map_remove(&a->silence_lists, pair_hash(l), list_is, &l) == list);
        list_free(list);
    }
}

void silence_index_deinit(struct alerts *a)
{
    struct silence_list *list;

    for (size_t i = 0; (list = map_next(&a->silence_lists, &i));)
        list_free(list);
    map_deinit(&a->silence_lists);
    free(a->any_labels.silences);
}

/* The newest stand at the end. */
static void look_at(const struct silence_list *list, struct held *h)
{
    for (size_t i = list ? list->n : 0; i > 0; i--) {
        struct held_silence *s = list->silences[i - 1];

        if (s->number <= h->silences_seen)
            return;
        if (matchers_match((const struct matcher *const *)s->s.matchers, s->s.n_matchers,
                           h->labels))
            *VEC_PUSH(h->silences, h->n_silences, h->silences_cap) = s;
    }
}

void silence_index_look(const struct alerts *a, struct held *h)
{
    if (h->silences_seen == a->newest_silence)
        return;
    for (size_t i = 0; a->silence_lists.n > 0 && i < label_set_count(h->labels); i++)
        look_at(list_get(a, label_set_at(h->labels, i)), h);
    look_at(&a->any_labels, h);
    h->silences_seen = a->newest_silence;
}

bool is_silenced(const struct alerts *a, struct held *h, unix_ns now)
{
    silence_index_look(a, h);
    for (size_t i = 0; i < h->n_silences; i++)
        if (silence_state(&h->silences[i]->s, now) == SILENCE_ACTIVE)
            return true;
    return false;
}
