/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses functions, HTML mode and what a missing key gives; the rest is a template,
 * executed with the data of a small message.
 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "model/label_set.h"
#include "template/template.h"

#define VALUES_MAX (4u << 20)
#define OUTPUT_MAX (256u << 10)

static int two_samples(void *self, struct str expr, struct arena *a, struct tmpl_list *ret,
                       struct err *err)
{
    struct tmpl_value *items = arena_array(a, 2, sizeof *items);

    items[0] = tmpl_sample(a, self, 1.5);
    items[1] = tmpl_sample_histogram(a, self, STR("{count:3, sum:10}"));
    *ret = (struct tmpl_list){items, 2};
    return 0;
}

static void execute(struct template *t, unsigned choice, const struct label_set *labels)
{
    const struct message_alert alerts[] = {
        {.labels = labels, .annotations = labels, .starts_at = {1770192688, 5, NULL}},
        {.resolved = true, .labels = labels, .annotations = labels},
    };
    const struct tmpl_message m = {
        .receiver = STR("r"),
        .status = STR("firing"),
        .alerts = alerts,
        .n_alerts = 2,
        .group_labels = labels,
        .common_labels = labels,
        .common_annotations = labels,
        .external_url = STR("http://h/x"),
    };
    const struct tmpl_env env = {
        .now = INT64_C(1770192688000000000),
        .html = choice & 4,
        .missing_key = (enum tmpl_missing_key)((choice >> 3) % 3),
        .external_url = STR("http://h/x"),
        .query = two_samples,
        .query_self = (void *)labels,
    };
    struct buf out = {.max = OUTPUT_MAX};
    struct err err = {0};
    struct tmpl_value data;
    struct arena a;
    int r;

    arena_init(&a, VALUES_MAX);
    data = choice & 1 ? tmpl_notification_manager_data(&a, &m) : tmpl_alertmanager_data(&a, &m);
    r = template_execute(t, STR_NONE, &data, &env, &a, &out, &err);
    must(r == 0 || (r < 0 && err.msg[0]));
    must(out.len <= OUTPUT_MAX);
    buf_free(&out);
    arena_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tmpl_functions *const tables[] = {
        &template_alertmanager_functions, &template_notification_manager_functions,
        &template_prometheus_functions, &template_alertmanager_functions};
    const struct label labels[] = {{STR("alertname"), STR("A<b> '1'")}, {STR("job"), STR("redis")}};
    struct template_set *set;
    struct template *t = NULL;
    struct label_set *ls;
    struct err err = {0};
    unsigned choice = size > 0 ? data[0] : 0;

    if (size == 0)
        return 0;
    set = template_set_new(tables[choice & 3]);
    ls = label_set_new(labels, 2);
    if (template_parse(set, STR("t"), str_n((const char *)data + 1, size - 1), &t, &err) == 0)
        execute(t, choice, ls);
    else
        must(err.msg[0]);
    template_unref(t);
    template_set_unref(set);
    label_set_unref(ls);
    return 0;
}
