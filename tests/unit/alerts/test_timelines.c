/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the timelines of the conformance data on the virtual clock. Format:
 * conformance/alertmanager/README.md. What a server does on arrival of an alert (start and end that
 * were not sent) is done here.
 */
#include "tests/unit/alerts/world.h"

#include <dirent.h>
#include <math.h>

#include "base/json.h"
#include "base/must.h"
#include "tests/unit/conformance.h"

#define FOLDER        "alertmanager/timelines"
#define RESTART_TAKES 0.15 /* seconds, about what the server of record needed */
#define DELIVERY_MAX  64
#define TIMELINE_MAX  256

struct delivery {
    double t;
    char sink;
    const char *reason; /* a constant of the room */
    char *group_key;
    const struct alert **alerts;
    size_t n;
    unix_ns now;
    bool matched;
};

struct timeline {
    const struct json *doc;
    struct world w;
    struct delivery got[DELIVERY_MAX];
    size_t n;
    struct buf why;                   /* of the first failure */
    char silence[SILENCE_ID_LEN + 1]; /* the last one that was made */
};

static double seconds(unix_ns t)
{
    return (double)(t - T0) / NS_PER_S;
}

static void miss(struct timeline *tl, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void miss(struct timeline *tl, const char *fmt, ...)
{
    va_list ap;

    if (tl->why.len > 0)
        return;
    va_start(ap, fmt);
    buf_vaddf(&tl->why, fmt, ap);
    va_end(ap);
}

/* ---- deliveries ---------------------------------------------------------------------------- */

static char sink_of(const struct config *c, const struct notification *n)
{
    for (size_t i = 0; i < c->n_receivers; i++)
        if (strcmp(c->receivers[i].name, n->receiver) == 0) {
            const char *url =
                ((const struct config_webhook *)c->receivers[i].channels[n->integration].settings)
                    ->url;

            return url[strlen(url) - 1];
        }
    return '?';
}

static void deliver(struct world *w, const struct notification *n)
{
    struct timeline *tl = w->seen_arg;
    struct delivery *d = &tl->got[tl->n++];

    must(tl->n < DELIVERY_MAX);
    *d = (struct delivery){seconds(w->now),
                           sink_of(w->config, n),
                           n->reason,
                           mem_strdup(n->group_key),
                           mem_array(n->n_alerts + 1, sizeof *d->alerts),
                           n->n_alerts,
                           n->now,
                           false};
    for (size_t i = 0; i < n->n_alerts; i++)
        d->alerts[i] = alert_ref(n->alerts[i]);
}

/* ---- what has to be left out --------------------------------------------------------------- */

static bool sink_misbehaves(struct str key, const struct json *v, void *arg)
{
    (void)key;
    *(bool *)arg |= json_len(v) > 0;
    return true;
}

static const char *left_out(const struct json *doc)
{
    struct str config = json_text(json_get(doc, "config"));
    bool misbehaves = false;

    json_each(json_get(doc, "sinks"), sink_misbehaves, &misbehaves);
    if (misbehaves)
        return "answers of webhooks are notify's";
    if (str_find(config, STR("max_alerts")) < config.len ||
        str_find(config, STR("payload")) < config.len)
        return "bodies are notify's";
    return NULL;
}

/* ---- steps --------------------------------------------------------------------------------- */

static char *config_text(struct str text)
{
    struct buf b = {0};

    while (text.len > 0) {
        size_t at = str_find(text, STR("${"));

        buf_add(&b, text.p, at);
        if (at == text.len)
            break;
        buf_addf(&b, "http://192.0.2.1/%c", text.p[at + 2]); /* names of sinks are one letter */
        text = str_n(text.p + at + 4, text.len - at - 4);
    }
    return buf_take(&b);
}

static bool add_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static const struct label_set *labels_of(const struct json *o)
{
    struct label_builder b = {0};
    const struct label_set *ls;

    json_each(o, add_label, &b);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static const struct alert *arrival(const struct world *w, const struct json *o)
{
    const struct json *starts = json_get(o, "starts"), *ends = json_get(o, "ends");
    const struct label_set *labels = labels_of(json_get(o, "labels"));
    const struct label_set *annotations = labels_of(json_get(o, "annotations"));
    unix_ns end = ends ? world_time(json_double(ends))
                       : w->now + unix_ns_of_ms(w->config->resolve_timeout);
    unix_ns start = starts ? world_time(json_double(starts)) : ends ? end : w->now;
    struct alert *al = alert_new(labels, annotations, start, end, w->now, "");

    al->timed_out = !ends;
    label_set_unref(labels);
    label_set_unref(annotations);
    return al;
}

static void post(struct timeline *tl, const struct json *list)
{
    const struct alert *alerts[32] = {NULL};
    size_t n = json_len(list);
    struct err err = {0};

    must(n <= ARRAY_LEN(alerts));
    for (size_t i = 0; i < n; i++)
        alerts[i] = arrival(&tl->w, json_at(list, i));
    if (alerts_post(tl->w.alerts, alerts, n, tl->w.now, &err) < 0)
        miss(tl, "post: %s", err.msg);
    for (size_t i = 0; i < n; i++)
        alert_unref(alerts[i]);
    tl->w.wake = tl->w.now;
}

static void post_silence(struct timeline *tl, const struct json *o)
{
    const struct json *list = json_get(o, "matchers");
    struct silence_matcher matchers[8];
    struct silence_wanted w = {
        .matchers = matchers,
        .n_matchers = json_len(list),
        .starts_at = world_time(json_double(json_get(o, "starts"))),
        .ends_at = world_time(json_double(json_get(o, "ends"))),
        .created_by = STR("timeline"),
        .comment = STR(""),
    };
    struct err err = {0};

    must(w.n_matchers <= ARRAY_LEN(matchers) && !json_get(o, "id"));
    for (size_t i = 0; i < w.n_matchers; i++) {
        const struct json *m = json_at(list, i);

        matchers[i] = (struct silence_matcher){
            json_text(json_get(m, "name")), json_text(json_get(m, "value")),
            json_is_true(json_get(m, "isRegex")), json_is_true(json_get(m, "isEqual"))};
    }
    if (alerts_set_silence(tl->w.alerts, &w, tl->w.now, tl->silence, &err) < 0)
        miss(tl, "silence: %s", err.msg);
}

/* ---- questions ----------------------------------------------------------------------------- */

/* What an answer of the API would show, as one line each: "PATH JSON". */
struct answers {
    struct timeline *tl;
    struct buf lines;
    size_t n_groups, n_unmuted;
};

static const char *word(enum alert_status s)
{
    return s == ALERT_SUPPRESSED ? "suppressed" : "active";
}

static void see_alert(const struct alert_view *v, void *arg)
{
    struct answers *as = arg;
    struct str name = alert_name(v->alert);

    buf_addf(&as->lines, "alerts[alertname=" STR_FMT "].status.state %s\n", STR_ARG(name),
             word(v->status));
}

static void see_group(const struct alert_group_view *v, void *arg)
{
    struct answers *as = arg;
    struct str name = label_set_get(v->labels, STR("alertname"));

    as->n_groups++;
    as->n_unmuted += v->n_muted_by == 0;
    buf_addf(&as->lines, "groups[alertname=" STR_FMT "].alerts[0].status.state %s\n", STR_ARG(name),
             word(v->alerts[0].status));
    buf_addf(&as->lines, "groups[alertname=" STR_FMT "].alerts[0].status.mutedBy", STR_ARG(name));
    for (size_t i = 0; i < v->n_muted_by; i++)
        buf_addf(&as->lines, " %s", v->muted_by[i]);
    buf_add_byte(&as->lines, '\n');
}

static void see_silence(const struct silence *s, void *arg)
{
    static const char *const words[] = {
        [SILENCE_PENDING] = "pending", [SILENCE_ACTIVE] = "active", [SILENCE_EXPIRED] = "expired"};
    struct answers *as = arg;

    buf_addf(&as->lines, "silences[0].status.state %s\n", words[silence_state(s, as->tl->w.now)]);
}

struct wanted {
    struct answers *answers;
    const char *head;
};

static bool compare(struct str path, const struct json *want, void *arg)
{
    struct wanted *w = arg;
    struct answers *as = w->answers;
    struct buf line = {0};

    buf_addf(&line, "%s" STR_FMT, w->head, STR_ARG(path));
    if (json_type_of(want) == JSON_ARRAY)
        for (size_t i = 0; i < json_len(want); i++) {
            struct str s = json_text(json_at(want, i));

            buf_addf(&line, " " STR_FMT, STR_ARG(s));
        }
    else if (json_type_of(want) == JSON_NUMBER)
        buf_addf(&line, " %g", json_double(want));
    else
        buf_addf(&line, " " STR_FMT, STR_ARG(json_text(want)));
    buf_add_byte(&line, '\n');
    if (str_find(buf_str(&as->lines), buf_str(&line)) == as->lines.len)
        miss(as->tl, "%s is not in\n%s", line.p, as->lines.p);
    buf_free(&line);
    return true;
}

static void ask(struct timeline *tl, struct str path, const struct json *expect)
{
    struct answers as = {.tl = tl};
    struct wanted w = {&as, "alerts"};

    if (str_has_prefix(path, STR("/api/v2/alerts/groups")))
        w.head = "groups";
    else if (str_has_prefix(path, STR("/api/v2/silences")))
        w.head = "silences";
    alerts_each(tl->w.alerts, tl->w.now, see_alert, &as);
    alerts_each_group(tl->w.alerts, tl->w.now, see_group, &as);
    alerts_each_silence(tl->w.alerts, see_silence, &as);
    buf_addf(&as.lines, "groups# %zu\n",
             str_has_suffix(path, STR("muted=false")) ? as.n_unmuted : as.n_groups);
    json_each(expect, compare, &w);
    buf_free(&as.lines);
}

static void step(struct timeline *tl, const struct json *st)
{
    const struct json *reload = json_get(st, "reload");

    if (json_get(st, "post_alerts")) {
        post(tl, json_get(st, "post_alerts"));
    } else if (reload) {
        char *text = config_text(json_text(json_get(tl->doc, "config")));

        if (json_type_of(reload) == JSON_STRING) {
            free(text);
            text = config_text(json_text(reload));
        }
        world_reload(&tl->w, text);
        free(text);
    } else if (json_get(st, "restart")) {
        tl->w.now += (unix_ns)(RESTART_TAKES * NS_PER_S);
        world_start(&tl->w);
    } else if (json_get(st, "get")) {
        ask(tl, json_text(json_get(st, "get")), json_get(st, "expect"));
    } else if (json_get(st, "post_silence")) {
        post_silence(tl, json_get(st, "post_silence"));
    } else if (json_get(st, "delete_silence")) {
        struct err err = {0};

        if (alerts_expire_silence(tl->w.alerts, str_c(tl->silence), tl->w.now, &err) < 0)
            miss(tl, "%s", err.msg);
    } else {
        miss(tl, "unknown step");
    }
}

/* ---- expectations -------------------------------------------------------------------------- */

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance + 1e-9;
}

static bool alert_fits(const struct json *want, const struct alert *al, unix_ns now,
                       double tolerance)
{
    const struct json *starts = json_get(want, "starts"), *ends = json_get(want, "ends");
    const struct label_set *labels = labels_of(json_get(want, "labels"));
    const struct label_set *annotations = labels_of(json_get(want, "annotations"));
    bool fits = label_set_eq(labels, al->labels);

    fits = fits && (!json_get(want, "annotations") || label_set_eq(annotations, al->annotations));
    fits = fits && str_eq_c(json_text(json_get(want, "status")),
                            alert_is_resolved(al, now) ? "resolved" : "firing");
    fits = fits && (!starts || near(json_double(starts), seconds(al->starts_at), tolerance));
    if (ends && json_type_of(ends) == JSON_NULL)
        fits = fits && al->ends_at == UNIX_NS_ZERO;
    else if (ends)
        fits = fits && al->ends_at != UNIX_NS_ZERO &&
               near(json_double(ends), seconds(al->ends_at), tolerance);
    label_set_unref(labels);
    label_set_unref(annotations);
    return fits;
}

static bool fits(const struct json *want, const struct delivery *d, double tolerance)
{
    const struct json *alerts = json_get(want, "alerts"), *between = json_get(want, "between");
    const struct json *key = json_get(want, "groupKey"),
                      *reason = json_get(want, "notification_reason");
    bool firing = false;

    if (json_text(json_get(want, "sink")).p[0] != d->sink ||
        d->t < json_double(json_at(between, 0)) || d->t > json_double(json_at(between, 1)))
        return false;
    if ((key && !str_eq_c(json_text(key), d->group_key)) ||
        (reason && !str_eq_c(json_text(reason), d->reason)) || json_len(alerts) != d->n)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        firing |= !alert_is_resolved(d->alerts[i], d->now);
        if (!alert_fits(json_at(alerts, i), d->alerts[i], d->now, tolerance))
            return false;
    }
    return str_eq_c(json_text(json_get(want, "status")), firing ? "firing" : "resolved");
}

static void judge(struct timeline *tl)
{
    const struct json *expect = json_get(tl->doc, "expect"),
                      *tolerance = json_get(tl->doc, "time_tolerance_s");
    const struct json *nothing_else = json_get(tl->doc, "nothing_else");

    for (size_t i = 0; i < json_len(expect); i++) {
        size_t k = 0;

        while (k < tl->n && (tl->got[k].matched || !fits(json_at(expect, i), &tl->got[k],
                                                         tolerance ? json_double(tolerance) : 0.4)))
            k++;
        if (k == tl->n)
            miss(tl, "expectation %zu did not come", i);
        else
            tl->got[k].matched = true;
    }
    for (size_t k = 0; k < tl->n && (!nothing_else || json_is_true(nothing_else)); k++)
        if (!tl->got[k].matched)
            miss(tl, "unexpected delivery to %c at %g: %s, %s", tl->got[k].sink, tl->got[k].t,
                 tl->got[k].group_key, tl->got[k].reason);
}

/* --dispatch.start-delay=5s is the only thing that a timeline has on its command line. */
static void hold(struct timeline *tl)
{
    const struct str flag = STR("--dispatch.start-delay=");
    struct str arg = json_text(json_at(json_get(tl->doc, "args"), 0));
    dur_ms delay = 0;

    if (!arg.p)
        return;
    must(str_has_prefix(arg, flag));
    must(duration_parse(arg.p + flag.len, arg.len - flag.len, &delay, NULL) == 0);
    alerts_hold(tl->w.alerts, tl->w.now + unix_ns_of_ms(delay));
}

static void play(struct timeline *tl)
{
    const struct json *steps = json_get(tl->doc, "steps");
    char *text = config_text(json_text(json_get(tl->doc, "config")));

    world_init(&tl->w, text);
    tl->w.seen = deliver;
    hold(tl);
    tl->w.seen_arg = tl;
    for (size_t i = 0; i < json_len(steps); i++) {
        world_run(&tl->w, world_time(json_double(json_get(json_at(steps, i), "t"))));
        step(tl, json_at(steps, i));
    }
    world_run(&tl->w, world_time(json_double(json_get(tl->doc, "end"))));
    judge(tl);
    for (size_t i = 0; i < tl->n; i++) {
        for (size_t k = 0; k < tl->got[i].n; k++)
            alert_unref(tl->got[i].alerts[k]);
        free(tl->got[i].alerts);
        free(tl->got[i].group_key);
    }
    world_deinit(&tl->w);
    free(text);
}

/* ---- all of them --------------------------------------------------------------------------- */

static size_t list(char names[TIMELINE_MAX][256])
{
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");
    struct buf path = {0};
    const struct dirent *e;
    size_t n = 0;
    DIR *dir;

    if (shared)
        buf_addf(&path, "%s/conformance/" FOLDER, shared);
    else
        buf_addf(&path, "%s/../shared/conformance/" FOLDER, source ? source : ".");
    dir = opendir(path.p);
    buf_free(&path);
    while (dir && n < TIMELINE_MAX && (e = readdir(dir)))
        if (str_has_suffix(str_c(e->d_name), STR(".json")))
            snprintf(names[n++], sizeof *names, "%s", e->d_name);
    if (dir)
        closedir(dir);
    qsort(names, n, sizeof *names, (int (*)(const void *, const void *))strcmp);
    return n;
}

struct tally {
    size_t ran, failed, left_out, quirks;
};

static void one(const char *name, struct tally *tally)
{
    struct timeline tl = {0};
    struct buf path = {0}, text = {0};
    struct json *doc = NULL;
    struct err err = {0};
    bool quirk;

    buf_addf(&path, FOLDER "/%s", name);
    if (!conformance_read(path.p, &text) || json_doc_parse(buf_str(&text), &doc, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    quirk = json_get(doc, "quirk") != NULL;
    if (left_out(doc)) {
        print_message("# %s left out: %s\n", name, left_out(doc));
        tally->left_out++;
    } else {
        tl.doc = doc;
        play(&tl);
        if (quirk)
            print_message("# %s: a quirk of the server of record, %s\n", name,
                          tl.why.len > 0 ? "not copied" : "copied");
        else if (tl.why.len > 0)
            print_message("# %s FAILED: %s\n", name, tl.why.p);
        tally->quirks += quirk;
        tally->ran += !quirk;
        tally->failed += !quirk && tl.why.len > 0;
    }
    json_doc_free(doc);
    buf_free(&tl.why);
    buf_free(&path);
    buf_free(&text);
}

static void timelines_run_as_on_the_server_of_record(void **state)
{
    static char names[TIMELINE_MAX][256];
    struct tally tally = {0};
    size_t n = list(names);

    if (n == 0) {
        print_message("# no conformance data\n");
        skip();
    }
    for (size_t i = 0; i < n; i++)
        one(names[i], &tally);
    print_message("# %zu timelines: %zu ran, %zu failed, %zu are quirks, %zu left out\n", n,
                  tally.ran, tally.failed, tally.quirks, tally.left_out);
    assert_int_equal(tally.failed, 0);
    assert_true(tally.ran > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timelines_run_as_on_the_server_of_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
