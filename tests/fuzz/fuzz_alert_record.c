/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "alerts/alerts.h"
#include "base/arena.h"
#include "base/must.h"
#include "config/config.h"

#define NOW       (INT64_C(1770192688) * NS_PER_S)
#define WRITE_MAX 8

static const char config_text[] =
    "route: {receiver: d, group_by: ['...'], group_wait: 30s}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";

/* A keeper that begins with one record, the same in every table, and then holds what was written.
 */
struct fake {
    struct arena arena;
    struct str key, value;
    struct keeper_op written[WRITE_MAX];
    size_t n;
    bool second; /* shows what was written instead of the record, where anything was */
};

static int fake_write(void *self, const struct keeper_op *ops, size_t n, struct err *err)
{
    struct fake *f = self;

    for (size_t i = 0; i < n; i++) {
        must(f->n < WRITE_MAX);
        f->written[f->n++] = (struct keeper_op){ops[i].table, arena_str(&f->arena, ops[i].key),
                                                ops[i].value.p ? arena_str(&f->arena, ops[i].value)
                                                               : STR_NONE};
    }
    return 0;
}

static int fake_each(void *self, const char *table,
                     int (*cb)(struct str key, struct str value, void *arg), void *arg,
                     struct err *err)
{
    struct fake *f = self;
    bool written = false;

    for (size_t i = 0; f->second && i < f->n; i++) {
        if (strcmp(f->written[i].table, table) != 0)
            continue;
        written = true;
        if (f->written[i].value.p)
            cb(f->written[i].key, f->written[i].value, arg);
    }
    if (!written)
        cb(f->key, f->value, arg);
    return 0;
}

static int fake_put(void *self, const struct notification *ns, size_t n, struct err *err)
{
    return 0;
}

static void report_again(const struct alert_view *v, void *arg)
{
    *(const struct alert **)arg = alert_ref(v->alert);
}

/* What a record gives is told, reported again with another text, written unless that can
 * wait, and read back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *config;
    struct str value = str_n((const char *)data, size), key = str_cut(&value, '\n');
    struct fake f = {.key = key, .value = value};
    struct keeper keeper = {&f, fake_write, fake_each};
    struct message_sink sink = {&f, fake_put};
    const struct alert *al = NULL, *back = NULL;
    struct alerts *a = NULL;

    if (!config)
        must(config_parse("fuzz", str_c(config_text), &config, NULL) == 0);
    arena_init(&f.arena, 0);
    must(alerts_new(config, &keeper, &sink, NOW, &a, NULL) == 0);
    alerts_each(a, NOW, report_again, &al);
    if (al) {
        struct alert *changed = alert_new(al->labels, al->labels, al->starts_at, INT64_MAX, NOW,
                                          "changed");
        const struct alert *posted = changed;

        must(alerts_post(a, &posted, 1, NOW, NULL) == 0);
        alert_unref(changed);
        must(alerts_tick(a, NOW + 30 * NS_PER_S) > NOW);
    }
    alerts_free(a);
    f.second = true;
    must(alerts_new(config, &keeper, &sink, NOW, &a, NULL) == 0);
    alerts_each(a, NOW, report_again, &back);
    must(!al == !back);
    must(!al || label_set_eq(al->labels, back->labels));
    alert_unref(al);
    alert_unref(back);
    alerts_free(a);
    arena_deinit(&f.arena);
    return 0;
}
