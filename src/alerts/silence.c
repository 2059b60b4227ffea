/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/quote.h"

#define SILENCE_KEPT (INT64_C(120) * 3600 * NS_PER_S) /* after its end, as Alertmanager keeps it */

enum silence_state silence_state(const struct silence *s, unix_ns now)
{
    if (now < s->starts_at)
        return SILENCE_PENDING;
    return now > s->ends_at ? SILENCE_EXPIRED : SILENCE_ACTIVE;
}

/* ---- life ---------------------------------------------------------------------------------- */

void held_silence_free(struct held_silence *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->s.n_matchers; i++)
        matcher_free(s->s.matchers[i]);
    free(s->s.matchers);
    free(s->s.created_by);
    free(s->s.comment);
    label_set_unref(s->s.annotations);
    free(s);
}

static int in_order(const void *x, const void *y)
{
    return matcher_cmp(*(const struct matcher *const *)x, *(const struct matcher *const *)y);
}

/* Names and patterns are checked one matcher after the other. */
static int compile(const struct silence_matcher *from, size_t i, struct matcher **ret,
                   struct err *err)
{
    CLEANUP(buf_free)
    struct buf quoted = {.max = ERR_MSG_MAX / 4};
    enum matcher_type type = from->regex ? (from->equal ? MATCH_RE : MATCH_NRE)
                                         : (from->equal ? MATCH_EQ : MATCH_NE);
    int r;

    if (!label_name_is_valid(from->name)) {
        quote_add_go(&quoted, from->name);
        return err_set(err, -EINVAL, "invalid label matcher %zu in set 0: invalid label name %s", i,
                       quoted.p ? quoted.p : "\"\"");
    }
    if (!str_is_utf8(from->value))
        return err_set(err, -EINVAL, "invalid label matcher %zu in set 0: value is not valid UTF-8",
                       i);
    r = matcher_new(type, from->name, from->value, ret, err);
    if (r == 0)
        return 0;
    quote_add_go(&quoted, from->value);
    return err_in(err, r,
                  "invalid label matcher %zu in set 0: invalid regular expression %s: error "
                  "parsing regexp",
                  i, quoted.p);
}

int held_silence_new(const struct silence_wanted *w, struct held_silence **ret, struct err *err)
{
    CLEANUP(held_silence_freep)
    struct held_silence *s = mem_zalloc(sizeof *s);

    if (w->n_matchers == 0)
        return err_set(err, -EINVAL, "at least one matcher required");
    if (w->n_matchers > SILENCE_MATCHERS_MAX)
        return err_set(err, -E2BIG, "%zu matchers are more than %d", w->n_matchers,
                       SILENCE_MATCHERS_MAX);
    s->s.matchers = mem_array(w->n_matchers, sizeof(struct matcher *));
    for (size_t i = 0; i < w->n_matchers; i++) {
        int r = compile(&w->matchers[i], i, &s->s.matchers[i], err);

        if (r < 0)
            return r;
        s->s.n_matchers++;
    }
    qsort(s->s.matchers, s->s.n_matchers, sizeof(struct matcher *), in_order);
    s->s.starts_at = w->starts_at;
    s->s.ends_at = w->ends_at;
    s->s.created_by = str_dup(w->created_by);
    s->s.comment = str_dup(w->comment);
    s->s.annotations = w->annotations ? label_set_ref(w->annotations) : label_set_empty();
    *ret = TAKE(s);
    return 0;
}

/* ---- by id --------------------------------------------------------------------------------- */

static bool has_id(const void *key, const void *value)
{
    return str_eq_c(*(const struct str *)key, ((const struct held_silence *)value)->s.id);
}

struct held_silence *silence_get(const struct alerts *a, struct str id)
{
    return map_get(&a->silences, hash_bytes(id.p, id.len), has_id, &id);
}

const struct silence *alerts_silence(const struct alerts *a, struct str id)
{
    const struct held_silence *s = silence_get(a, id);

    return s ? &s->s : NULL;
}

void alerts_each_silence(const struct alerts *a, void (*cb)(const struct silence *s, void *arg),
                         void *arg)
{
    const struct held_silence *s;

    for (size_t i = 0; (s = map_next(&a->silences, &i));)
        cb(&s->s, arg);
}

static void add(struct alerts *a, struct held_silence *take_s)
{
    map_add(&a->silences, hash_bytes(take_s->s.id, SILENCE_ID_LEN), take_s);
    silence_index_add(a, take_s);
}

static void drop(struct alerts *a, struct held_silence *s)
{
    struct str id = str_c(s->s.id);

    silence_index_remove(a, s);
    must(map_remove(&a->silences, hash_bytes(id.p, id.len), has_id, &id) == s);
    held_silence_free(s);
}

void silence_load(struct alerts *a, struct held_silence *take_s)
{
    add(a, take_s);
}

/* A UUID of version 4. */
static void make_id(char ret[SILENCE_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    char *p = ret;

    must(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[bytes[i] >> 4];
        *p++ = digits[bytes[i] & 15];
    }
    *p = '\0';
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Both or none; `other` may be NULL. */
static int save(struct alerts *a, const struct silence *s, const struct silence *other,
                struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0}, other_text = {0};
    struct keeper_op ops[2];
    size_t n = 1;
    int r;

    record_silence(s, &text);
    if (text.len > SILENCE_BYTES_MAX)
        return err_set(err, -E2BIG, "silence exceeded maximum size: %zu bytes (limit: %d bytes)",
                       text.len, SILENCE_BYTES_MAX);
    ops[0] = (struct keeper_op){TABLE_SILENCE, str_c(s->id), buf_str(&text)};
    if (other) {
        record_silence(other, &other_text);
        ops[n++] = (struct keeper_op){TABLE_SILENCE, str_c(other->id), buf_str(&other_text)};
    }
    r = a->keeper.write(a->keeper.self, ops, n, err);
    if (r < 0) {
        metrics_keeper_failed();
        return err_in(err, r, "state");
    }
    a->gauges_stale = true;
    return 0;
}

/* ---- making and changing ------------------------------------------------------------------- */

static bool same_matchers(const struct silence *x, const struct silence *y)
{
    if (x->n_matchers != y->n_matchers)
        return false;
    for (size_t i = 0; i < x->n_matchers; i++)
        if (matcher_cmp(x->matchers[i], y->matchers[i]) != 0)
            return false;
    return true;
}

/* The past cannot be changed: what has begun keeps its start (to the second, as people see it). */
static bool can_change(const struct silence *old, const struct silence *new, unix_ns now)
{
    if (!same_matchers(old, new))
        return false;
    switch (silence_state(old, now)) {
    case SILENCE_ACTIVE:
        return old->starts_at / NS_PER_S == new->starts_at / NS_PER_S &&new->ends_at >= now;
    case SILENCE_PENDING: return new->starts_at >= now;
    default: return false;
    }
}

static int check(const struct silence *s, struct err *err)
{
    size_t i = 0;

    while (i < s->n_matchers && matcher_matches(s->matchers[i], STR("")))
        i++;
    if (i == s->n_matchers)
        return err_set(err, -EINVAL,
                       "matcher set 0: at least one matcher must not match the empty string");
    if (s->ends_at < s->starts_at)
        return err_set(err, -EINVAL, "end time must not be before start time");
    return 0;
}

static struct silence ended(const struct silence *s, unix_ns now)
{
    struct silence e = *s;

    if (silence_state(s, now) == SILENCE_PENDING)
        e.starts_at = now;
    e.ends_at = e.updated_at = now;
    return e;
}

static void change_times(struct silence *s, const struct silence *to)
{
    s->starts_at = to->starts_at;
    s->ends_at = to->ends_at;
    s->updated_at = to->updated_at;
}

static int change(struct alerts *a, struct held_silence *old, struct held_silence *new,
                  struct err *err)
{
    struct silence was = old->s;
    int r;

    memcpy(new->s.id, old->s.id, sizeof new->s.id);
    r = save(a, &new->s, NULL, err);
    if (r < 0)
        return r;
    old->s = new->s; /* its matchers are equal, so it stays where it is found */
    new->s = was;
    return 0;
}

/* `old` (or NULL) ends where the new one begins. */
static int make(struct alerts *a, struct held_silence *old, struct held_silence *take_new,
                unix_ns now, char ret_id[SILENCE_ID_LEN + 1], struct err *err)
{
    CLEANUP(held_silence_freep)
    struct held_silence *new = take_new;
    struct silence end = {0};
    bool ends = old && silence_state(&old->s, now) != SILENCE_EXPIRED;
    int r;

    if (a->silences.n >= SILENCE_COUNT_MAX)
        return err_set(err, -E2BIG, "exceeded maximum number of silences: %zu (limit: %d)",
                       a->silences.n, SILENCE_COUNT_MAX);
    if (ends)
        end = ended(&old->s, now);
    make_id(new->s.id);
    if (new->s.starts_at < now)
        new->s.starts_at = now;
    r = save(a, &new->s, ends ? &end : NULL, err);
    if (r < 0)
        return r;
    if (ends)
        change_times(&old->s, &end);
    memcpy(ret_id, new->s.id, SILENCE_ID_LEN + 1);
    add(a, TAKE(new));
    return 0;
}

int alerts_set_silence(struct alerts *a, const struct silence_wanted *wanted, unix_ns now,
                       char ret_id[SILENCE_ID_LEN + 1], struct err *err)
{
    CLEANUP(held_silence_freep)
    struct held_silence *new = NULL;
    struct held_silence *old = NULL;
    int r = held_silence_new(wanted, &new, err);

    if (r == 0)
        r = check(&new->s, err);
    if (r < 0)
        return err_in(err, r, "invalid silence");
    if (wanted->id.len > 0) {
        old = silence_get(a, wanted->id);
        if (!old)
            return err_set(err, -ENOENT, "silence not found");
    }
    new->s.updated_at = now;
    if (old && can_change(&old->s, &new->s, now)) {
        r = change(a, old, new, err);
        if (r == 0)
            memcpy(ret_id, old->s.id, SILENCE_ID_LEN + 1);
        return r;
    }
    return make(a, old, TAKE(new), now, ret_id, err);
}

int alerts_expire_silence(struct alerts *a, struct str id, unix_ns now, struct err *err)
{
    struct held_silence *s = silence_get(a, id);
    struct silence end;
    int r;

    if (!s)
        return err_set(err, -ENOENT, "silence not found");
    if (silence_state(&s->s, now) == SILENCE_EXPIRED)
        return 0;
    end = ended(&s->s, now);
    r = save(a, &end, NULL, err);
    if (r == 0)
        change_times(&s->s, &end);
    return r;
}

/* ---- the clock ----------------------------------------------------------------------------- */

void silences_pull(struct alerts *a, unix_ns before, unix_ns now)
{
    struct held_silence *s;

    for (size_t i = 0; (s = map_next(&a->silences, &i));) {
        if (silence_state(&s->s, before) != SILENCE_ACTIVE ||
            silence_state(&s->s, now) != SILENCE_PENDING)
            continue;
        s->s.starts_at = now;
        save(a, &s->s, NULL, NULL); /* or it begins at its old start after a restart */
    }
}

/* ---- forgetting ---------------------------------------------------------------------------- */

static bool may_go(const struct silence *s, unix_ns now)
{
    return s->ends_at < earlier(now, SILENCE_KEPT);
}

void silences_sweep(struct alerts *a, unix_ns now)
{
    CLEANUP(mem_freep)
    struct held_silence **old = NULL;
    CLEANUP(mem_freep)
    struct keeper_op *ops = NULL;
    struct err err = {0};
    struct held_silence *s;
    size_t n = 0, cap = 0;

    for (size_t i = 0; (s = map_next(&a->silences, &i));)
        if (may_go(&s->s, now))
            *VEC_PUSH(old, n, cap) = s;
    if (n == 0)
        return;
    ops = mem_array(n, sizeof *ops);
    for (size_t i = 0; i < n; i++)
        ops[i] = (struct keeper_op){TABLE_SILENCE, str_c(old[i]->s.id), STR_NONE};
    if (a->keeper.write(a->keeper.self, ops, n, &err) < 0) {
        metrics_keeper_failed(); /* the next sweep tries again */
        return;
    }
    for (size_t i = 0; i < n; i++)
        drop(a, old[i]);
    a->gauges_stale = true;
}

void silences_deinit(struct alerts *a)
{
    struct held_silence *s;

    for (size_t i = 0; (s = map_next(&a->silences, &i));)
        held_silence_free(s);
    map_deinit(&a->silences);
    silence_index_deinit(a);
}
