/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_test - runs rule unit tests: the input comes in as time goes by, all groups are evaluated
 * at every multiple of the interval, then expressions and alerts are compared
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/regex.h"
#include "config/config.h"
#include "model/sample.h"
#include "rules/unit_test_priv.h"

struct input {
    const struct series_desc *desc;
    series_ref ref;
    size_t next; /* value */
};

struct run {
    const struct rule_test_options *options;
    const struct rule_test_file *file;
    const struct rule_test *test;
    const char *path;
    struct sample_sink samples;
    struct series_reader reader;
    struct rules *rules;
    struct input *input;
    unsigned failures;
};

/* ---- what was expected and what came, as lines */

/* `series` tells the lines apart that are about one thing; of alerts it is the whole line. */
struct line {
    char *series, *text;
    double value; /* of a float */
    bool is_float;
};

struct lines {
    struct line *items;
    size_t n, cap;
};

static void lines_deinit(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].series);
        free(l->items[i].text);
    }
    free(l->items);
}

/* Whether a counter was reset is for rate() to find out, and no part of what is compared. */
static void add_sample(struct lines *l, const struct label_set *labels, double v,
                       const struct histogram *h)
{
    struct line *line = VEC_PUSH(l->items, l->n, l->cap);
    struct buf text = {0};

    label_set_print(labels, &text);
    line->series = mem_strdup(text.p);
    line->value = v;
    line->is_float = !h;
    buf_add_byte(&text, ' ');
    if (h) {
        buf_addf(&text, "schema:%d zero_threshold:", (int)h->schema);
        num_add_short(&text, h->zero_threshold);
        buf_add_c(&text, h->hint == RESET_GAUGE ? " gauge " : " ");
        hist_print(h, &text);
    } else {
        num_add_short(&text, v);
    }
    line->text = buf_take(&text);
}

static void add_alert(struct lines *l, const struct label_set *labels,
                      const struct label_set *annotations)
{
    struct line *line = VEC_PUSH(l->items, l->n, l->cap);
    struct buf text = {0};

    buf_add_c(&text, "labels ");
    label_set_print(labels, &text);
    buf_add_c(&text, " annotations ");
    label_set_print(annotations, &text);
    line->series = mem_strdup(text.p);
    line->text = buf_take(&text);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static void sort_lines(struct lines *l)
{
    if (l->n > 0)
        qsort(l->items, l->n, sizeof *l->items, compare_lines);
}

static bool is_near(double a, double b)
{
    return nextafter(a, b) == b;
}

/* Values one representable double apart count as equal: what came takes the text of what was
 * expected. */
static void accept_near(const struct lines *want, struct lines *got)
{
    for (size_t i = 0; i < got->n; i++)
        for (size_t k = 0; k < want->n; k++) {
            struct line *g = &got->items[i];
            const struct line *w = &want->items[k];

            if (g->is_float && w->is_float && strcmp(g->series, w->series) == 0 &&
                is_near(g->value, w->value)) {
                free(g->text);
                g->text = mem_strdup(w->text);
            }
        }
}

static void fail(struct run *run, struct rule_test_failure *f)
{
    CLEANUP(mem_freep) char *name = str_dup(run->test->name);

    f->test = name;
    run->failures++;
    run->options->failed(run->options->self, f);
}

/* Compares sorted lines and tells of the difference, if there is one. */
static void judge(struct run *run, const struct expectation *e, bool alert, struct lines *want,
                  struct lines *got)
{
    CLEANUP(mem_freep) char *subject = str_dup(e->subject);
    CLEANUP(mem_freep) struct rule_test_line *out = mem_array(want->n + got->n, sizeof *out);
    struct rule_test_failure f = {.line = e->line,
                                  .column = e->column,
                                  .alert = alert,
                                  .subject = subject,
                                  .at = e->at,
                                  .lines = out};
    bool differs = false;

    if (run->file->fuzzy)
        accept_near(want, got);
    sort_lines(want);
    sort_lines(got);
    for (size_t i = 0, k = 0; i < want->n || k < got->n;) {
        int c = i == want->n  ? 1
                : k == got->n ? -1
                              : compare_lines(&want->items[i], &got->items[k]);

        out[f.n_lines].mark = c == 0 ? ' ' : c < 0 ? '-' : '+';
        out[f.n_lines++].text = c <= 0 ? want->items[i].text : got->items[k].text;
        differs |= c != 0;
        i += c <= 0;
        k += c >= 0;
    }
    if (differs)
        fail(run, &f);
}

static void fail_with(struct run *run, const struct expectation *e, bool alert, const char *words)
{
    CLEANUP(mem_freep) char *subject = str_dup(e->subject);
    struct rule_test_failure f = {.line = e->line,
                                  .column = e->column,
                                  .alert = alert,
                                  .subject = subject,
                                  .at = e->at,
                                  .error = words};

    fail(run, &f);
}

/* ---- expressions */

static int evaluate(struct run *run, const struct expectation *e, struct promql_result **ret,
                    struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct promql_options o = {
        .subquery_step = run->file->interval,
        .delayed_name_removal = run->options->delayed_name_removal,
        .type_and_unit_labels = run->options->type_and_unit_labels,
    };
    int status = promql_parse(e->subject, &run->options->features, &expr, err);

    if (status == 0)
        status = promql_instant(expr, &run->reader, &o, e->at, ret, err);
    if (status == 0 && (*ret)->type != PROMQL_VECTOR && (*ret)->type != PROMQL_SCALAR)
        status = err_set(err, -EINVAL, "rule result is not a vector or scalar");
    return status;
}

static void check_expr(struct run *run, const struct expectation *e)
{
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    CLEANUP(lines_deinit) struct lines want = {0};
    CLEANUP(lines_deinit) struct lines got = {0};
    struct err err = {0};

    if (evaluate(run, e, &result, &err) < 0) {
        fail_with(run, e, false, err.msg);
        return;
    }
    for (size_t i = 0; i < e->n; i++) {
        const struct expected_sample *s = &e->samples[i];

        add_sample(&want, s->labels, s->value,
                   s->histogram ? s->histogram->values[0].histogram : NULL);
    }
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];

        add_sample(&got, s->labels, s->values[0], s->histograms ? s->histograms[0] : NULL);
    }
    judge(run, e, false, &want, &got);
}

/* ---- alerts */

static void add_firing(const struct rule *rule, struct lines *got)
{
    const struct active_alert *a;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));)
        if (a->state == RULE_FIRING)
            add_alert(got, a->labels, a->annotations);
}

static void check_alert(struct run *run, const struct expectation *e)
{
    CLEANUP(lines_deinit) struct lines want = {0};
    CLEANUP(lines_deinit) struct lines got = {0};

    for (size_t i = 0; i < e->n; i++)
        add_alert(&want, e->alerts[i].labels, e->alerts[i].annotations);
    for (size_t i = 0; i < run->rules->groups.n; i++) {
        const struct group *g = run->rules->groups.items[i];

        for (size_t k = 0; k < g->n_rules; k++)
            if (g->rules[k].alerting && str_eq_c(e->subject, g->rules[k].name))
                add_firing(&g->rules[k], &got);
    }
    judge(run, e, true, &want, &got);
}

/* ---- time */

/* The samples of one series up to `until`. */
static int feed_series(struct run *run, struct input *in, unix_ms until, struct err *err)
{
    const struct series_desc *d = in->desc;
    int status = 0;

    for (; status == 0 && in->next < d->n; in->next++) {
        const struct series_value *v = &d->values[in->next];
        struct sample_row row = {.ref = in->ref, .v = v->v, .h = v->histogram};

        row.t = (unix_ms)in->next * run->test->interval;
        if (row.t > until)
            break;
        if (!v->omitted)
            status = run->samples.commit(run->samples.self, &row, 1, COMMIT_ALL_OR_NOTHING, NULL,
                                         err);
    }
    return status;
}

static int feed(struct run *run, unix_ms until, struct err *err)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < run->test->n_input; i++)
        status = feed_series(run, &run->input[i], until, err);
    return status;
}

static size_t place_in_order(const struct run *run, const struct group *g)
{
    size_t i = 0;

    while (i < run->file->n_order && !str_eq_c(run->file->order[i], g->name))
        i++;
    return i;
}

/* Groups that the file orders come first, in its order; the others follow in theirs. */
static void order_groups(const struct run *run)
{
    struct group_list *l = &run->rules->groups;

    for (size_t i = 1; i < l->n; i++) {
        struct group *g = l->items[i];
        size_t k = i;

        for (; k > 0 && place_in_order(run, l->items[k - 1]) > place_in_order(run, g); k--)
            l->items[k] = l->items[k - 1];
        l->items[k] = g;
    }
}

/* A rule that is in error fails the test, once. */
static void check_health(struct run *run, const struct group *g, unix_ms t)
{
    for (size_t i = 0; i < g->n_rules; i++) {
        const struct rule *rule = &g->rules[i];
        struct expectation e = {.subject = str_c(rule->name), .at = t};

        if (rule->health == RULE_ERR)
            fail_with(run, &e, rule->alerting, rule->last_error);
    }
}

static void evaluate_groups(struct run *run, unix_ms t)
{
    for (size_t i = 0; i < run->rules->groups.n; i++) {
        struct group *g = run->rules->groups.items[i];

        group_evaluate(run->rules, g, unix_ns_of_ms(t));
        check_health(run, g, t);
    }
}

static dur_ms last_time(const struct rule_test *t)
{
    dur_ms last = 0;

    for (size_t i = 0; i < t->exprs.n; i++)
        if (t->exprs.items[i].at > last)
            last = t->exprs.items[i].at;
    if (t->alerts.n > 0 && t->alerts.items[t->alerts.n - 1].at > last)
        last = t->alerts.items[t->alerts.n - 1].at;
    return last;
}

/* An alert is looked at after the last evaluation that is not behind its time. */
static int pass_time(struct run *run, struct err *err)
{
    dur_ms last = last_time(run->test), step = run->file->interval;
    size_t next_alert = 0;
    int status = 0;

    for (unix_ms t = 0; status == 0 && t <= last && run->failures == 0; t += step) {
        status = feed(run, t, err);
        if (status == 0)
            evaluate_groups(run, t);
        for (; next_alert < run->test->alerts.n; next_alert++) {
            if (run->test->alerts.items[next_alert].at >= t + step)
                break;
            check_alert(run, &run->test->alerts.items[next_alert]);
        }
    }
    return status < 0 ? status : feed(run, last, err);
}

/* ---- one test */

/* The configuration replaces $NAME in external labels; here they stand for themselves. */
static void add_verbatim(struct json_writer *w, struct str text)
{
    CLEANUP(buf_free) struct buf out = {0};

    for (size_t i = 0; i < text.len; i++)
        buf_addf(&out, text.p[i] == '$' ? "%c$" : "%c", text.p[i]);
    json_str(w, buf_str(&out));
}

/* A configuration with nothing but what rules read. The file's own path makes names of rule files
 * relative to it. */
static int make_config(const struct run *run, struct config **ret, struct err *err)
{
    const struct name_texts *labels = &run->test->external_labels;
    CLEANUP(buf_free) struct buf text = {0};
    struct json_writer w;
    int status;

    json_writer_init(&w, &text, JSON_PLAIN);
    json_object_begin(&w);
    json_key_c(&w, "global");
    json_object_begin(&w);
    json_key_c(&w, "external_labels");
    json_object_begin(&w);
    for (size_t i = 0; i < labels->n; i++) {
        json_key(&w, labels->items[i].name);
        add_verbatim(&w, labels->items[i].value);
    }
    json_object_end(&w);
    json_object_end(&w);
    json_key_c(&w, "rule_files");
    json_array_begin(&w);
    for (size_t i = 0; i < run->file->n_rule_files; i++)
        json_str(&w, run->file->rule_files[i]);
    json_array_end(&w);
    json_object_end(&w);
    status = config_parse(run->path, buf_str(&text), ret, err);
    if (status == 0)
        (*ret)->evaluation_interval = run->test->interval;
    return status;
}

/* There was nothing before: ALERTS begin at once. */
static void begin_fresh(struct run *run)
{
    for (size_t i = 0; i < run->rules->groups.n; i++) {
        struct group *g = run->rules->groups.items[i];

        g->subquery_step = run->file->interval;
        g->restore_after = 0;
        for (size_t k = 0; k < g->n_rules; k++)
            g->rules[k].writes = true;
    }
}

static int load_rules(struct run *run, struct err *err)
{
    CLEANUP(config_unrefp) struct config *config = NULL;
    CLEANUP(mem_freep) char *url = str_dup(run->test->external_url);
    struct rules_options o = {.features = run->options->features,
                              .delayed_name_removal = run->options->delayed_name_removal,
                              .type_and_unit_labels = run->options->type_and_unit_labels,
                              .reader = run->reader,
                              .samples = run->samples,
                              .external_url = url,
                              .lookback = PROMQL_LOOKBACK_MS};
    int status = make_config(run, &config, err);

    if (status < 0)
        return status;
    status = rules_new(&o, config, 0, &run->rules, err);
    if (status < 0)
        return status;
    order_groups(run);
    begin_fresh(run);
    return 0;
}

static int make_series(struct run *run, struct err *err)
{
    int status = 0;

    run->input = mem_array(run->test->n_input, sizeof *run->input);
    for (size_t i = 0; status == 0 && i < run->test->n_input; i++) {
        run->input[i].desc = run->test->input[i];
        status = run->samples.series(run->samples.self, run->test->input[i]->metric,
                                     &run->input[i].ref, err);
    }
    return status;
}

static int run_in_store(struct run *run, struct err *err)
{
    int status = load_rules(run, err);

    if (status == 0)
        status = make_series(run, err);
    if (status == 0)
        status = pass_time(run, err);
    for (size_t i = 0; status == 0 && i < run->test->exprs.n; i++)
        check_expr(run, &run->test->exprs.items[i]);
    rules_free(run->rules);
    free(run->input);
    return status;
}

static int run_test(const struct rule_test_options *o, const char *path,
                    const struct rule_test_file *file, const struct rule_test *test,
                    struct rule_test_counts *counts, struct err *err)
{
    struct run run = {.options = o, .file = file, .test = test, .path = path};
    int status = o->open(o->self, &run.samples, &run.reader, err);

    if (status < 0)
        return status;
    status = run_in_store(&run, err);
    o->close(o->self);
    *(run.failures ? &counts->failed : &counts->passed) += 1;
    return status;
}

/* ---- the file */

static int is_wanted(const struct rule_test_options *o, struct str name, bool *ret, struct err *err)
{
    *ret = o->n_run == 0;
    for (size_t i = 0; i < o->n_run && !*ret; i++) {
        struct regex *re;
        int status = regex_new(str_c(o->run[i]), REGEX_SEARCH, &re, err);

        if (status < 0)
            return status;
        *ret = regex_match(re, name);
        regex_free(re);
    }
    return 0;
}

int rules_test_file(const char *path, const struct rule_test_options *o,
                    struct rule_test_counts *ret, struct err *err)
{
    CLEANUP(rule_test_file_deinit) struct rule_test_file file = {0};
    int status = rule_test_file_load(path, o->ignore_unknown_fields, &file, err);
    bool wanted;

    for (size_t i = 0; status == 0 && i < file.n_tests; i++) {
        status = is_wanted(o, file.tests[i].name, &wanted, err);
        if (status == 0 && wanted)
            status = run_test(o, path, &file, &file.tests[i], ret, err);
    }
    return status;
}
