/* SPDX-License-Identifier: Apache-2.0 */
#include "app/own_alerts.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/alert.h"
#include "model/label_set.h"
#include "storage/storage.h"

#define RESEND_NS  (60 * NS_PER_S)     /* while it lasts */
#define REFUSED_NS (5 * 60 * NS_PER_S) /* after the last refused series it is over */
#define AHEAD_NS   (180 * NS_PER_S)    /* if we die it ends then: nobody else knows of it */

static const struct own_alert {
    const char *name, *severity, *summary, *description, *summary_zh, *description_zh;
} kinds[] = {
    {"TocsinStorageStopped", "critical", "Samples are not stored any more",
     "tocsin cannot write its data directory: new samples are refused, rules see none. What was "
     "stored before is safe. It goes on by itself when there is room: ",
     "样本已停止写入",
     "tocsin 无法写入数据目录：新样本被拒绝，规则看不到新数据。此前已写入的数据是安全的；腾出空间后会"
     "自动恢复："},
    {"TocsinStorageFailing", "warning", "The storage cannot finish its background work",
     "Samples are still stored, but blocks or the image of the head cannot be written: ",
     "存储的后台任务失败", "样本仍在写入，但数据块或内存映像无法写出："},
    {"TocsinSeriesRefused", "warning", "New series are refused: a budget of series is used up",
     "Series that are there go on, new ones are not stored. A label whose values never repeat is the "
     "usual cause; drop it with metric_relabel_configs, or raise series_budget: ",
     "序列预算已用完，新序列被拒绝",
     "已有的序列照常写入，新的序列不会保存。通常是某个标签的取值不断变化；请用 metric_relabel_configs "
     "去掉该标签，或提高 series_budget："},
};
#define KINDS ARRAY_LEN(kinds)

struct own_alerts {
    struct storage *storage;
    struct alert_sink sink;
    const char *url;
    struct own_state {
        unix_ns since, sent; /* 0: it is not firing */
    } states[KINDS];
};

struct own_alerts *own_alerts_new(struct storage *storage, const struct alert_sink *sink,
                                  const char *url)
{
    struct own_alerts *o = mem_zalloc(sizeof *o);

    o->storage = storage;
    o->sink = *sink;
    o->url = url;
    return o;
}

void own_alerts_free(struct own_alerts *o)
{
    free(o);
}

static struct label_set *labels_of(const struct own_alert *kind, const struct label_set *external)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    label_builder_init(&b, external);
    label_builder_set(&b, STR("alertname"), str_c(kind->name));
    label_builder_set(&b, STR("severity"), str_c(kind->severity));
    return label_builder_build(&b);
}

static struct label_set *annotations_of(const struct own_alert *kind, const char *why)
{
    CLEANUP(buf_free) struct buf en = {0}, zh = {0};
    struct label l[] = {
        {STR("description"), STR_NONE},
        {STR("description_zh"), STR_NONE},
        {STR("summary"), str_c(kind->summary)},
        {STR("summary_zh"), str_c(kind->summary_zh)},
    };

    buf_addf(&en, "%s%s", kind->description, why);
    buf_addf(&zh, "%s%s", kind->description_zh, why);
    l[0].value = buf_str(&en);
    l[1].value = buf_str(&zh);
    return label_set_new(l, ARRAY_LEN(l));
}

/* Firing from `since` on; `why` NULL: it ends now. */
static int post(struct own_alerts *o, const struct own_alert *kind, const char *why, unix_ns since,
                const struct label_set *external, unix_ns now)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of(kind, external);
    CLEANUP(label_set_unrefp)
    const struct label_set *annotations = annotations_of(kind, why ? why : "-");
    const struct alert *a = alert_new(labels, annotations, since, why ? now + AHEAD_NS : now, now,
                                      o->url);
    struct err err = {0};
    int r = o->sink.post(o->sink.self, &a, 1, now, &err);

    if (r < 0)
        log_event(LOG_ERROR, "own_alert_not_posted", "alert", kind->name, "error", err.msg, NULL);
    alert_unref(a);
    return r;
}

static void tick_one(struct own_alerts *o, size_t i, const char *why,
                     const struct label_set *external, unix_ns now)
{
    struct own_state *s = &o->states[i];

    if (why && (s->sent == 0 || now - s->sent >= RESEND_NS)) {
        if (s->since == 0) {
            s->since = now;
            log_event(LOG_WARN, "own_alert", "alert", kinds[i].name, "what", why, NULL);
        }
        if (post(o, &kinds[i], why, s->since, external, now) == 0)
            s->sent = now;
    } else if (!why && s->since != 0 &&
               (s->sent == 0 || post(o, &kinds[i], NULL, s->since, external, now) == 0)) {
        *s = (struct own_state){0};
    }
}

/* What is said of refused series; false: of late there is none. */
static bool add_refused(struct own_alerts *o, struct buf *out, unix_ns now)
{
    struct storage_budget b;
    bool is_late;

    storage_budget(o->storage, &b);
    is_late = b.last_refused > 0 && now - b.last_refused * NS_PER_MS < REFUSED_NS;
    if (is_late && b.n_refusals > 0) {
        const struct storage_refusal *r = &b.refusals[0];

        buf_addf(out, "job \"%s\", instance \"%s\", metric %s, label %s (%llu values), %s", r->job,
                 r->instance, r->metric, r->label, (unsigned long long)r->values,
                 r->of_job ? "scrape_configs.series_budget" : "storage.tsdb.series_budget");
    }
    storage_budget_free(&b);
    return is_late;
}

void own_alerts_tick(struct own_alerts *o, const struct label_set *external_labels, unix_ns now)
{
    CLEANUP(buf_free) struct buf refused = {0};
    struct storage_stats st;
    const char *problem;

    storage_stats(o->storage, &st);
    problem = st.problem[0] ? st.problem : NULL;
    tick_one(o, 0, st.stopped ? problem : NULL, external_labels, now);
    tick_one(o, 1, st.stopped ? NULL : problem, external_labels, now);
    tick_one(o, 2, add_refused(o, &refused, now) ? refused.p : NULL, external_labels, now);
}
