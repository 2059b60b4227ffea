/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "targets/sd_kube_priv.h"
#include "tests/unit/targets/setup.h"

/* ---- the recordings ------------------------------------------------------------------------ */

static struct json *read_recording(const char *name)
{
    CLEANUP(buf_free) struct buf path = {0}, text = {0};
    const char *shared = getenv("TOCSIN_SHARED");
    struct json *doc = NULL;
    struct err err = {0};

    buf_addf(&path, "%s/conformance/kube/sd/%s", shared ? shared : "/work/shared", name);
    if (file_read(path.p, 16 << 20, &text, NULL) < 0)
        return NULL;
    if (json_doc_parse(buf_str(&text), &doc, &err) < 0)
        fail_msg("%s: %s", path.p, err.msg);
    return doc;
}

static void add_object(struct kube_objects *all, struct kube_object *o)
{
    assert_non_null(o);
    map_add(&all->kinds[o->kind], hash_bytes(o->key, strlen(o->key)), o);
}

static void free_objects(struct kube_objects *all)
{
    struct kube_object *o;

    for (size_t kind = 0; kind < KUBE_ROLES; kind++) {
        for (size_t i = 0; (o = map_next(&all->kinds[kind], &i));)
            kube_object_free(o);
        map_deinit(&all->kinds[kind]);
    }
}

static bool is_chosen(const struct json *object, enum kube_role kind, const char *job)
{
    const struct json *meta = json_get(object, "metadata");
    struct str app = json_text(json_get(json_get(meta, "labels"), "app"));
    struct str node = json_text(json_get(json_get(object, "spec"), "nodeName"));

    if (kind != KUBE_NODE && !str_eq_c(json_text(json_get(meta, "namespace")), "prod"))
        return false;
    return strcmp(job, "pod-selector") != 0 ||
           (str_eq_c(app, "orders") && str_eq_c(node, "worker-1"));
}

static void read_kind(struct kube_objects *all, enum kube_role kind, const char *folder,
                      const char *plural, const char *job)
{
    CLEANUP(buf_free) struct buf name = {0};
    CLEANUP(json_doc_freep) struct json *list = NULL;
    const struct json *items;

    buf_addf(&name, "%s/%s.json", folder, plural);
    list = read_recording(name.p);
    assert_non_null(list);
    items = json_get(list, "items");
    for (size_t i = 0; i < json_len(items); i++)
        if (is_chosen(json_at(items, i), kind, job))
            add_object(all, kube_object_read(kind, json_at(items, i)));
}

/* ---- what became of them ------------------------------------------------------------------- */

struct lines {
    char **v;
    size_t n, cap;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_lines(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
}

static void add_discovered(const struct found_group *g, const struct config *c, struct lines *out)
{
    struct target_list l = {0};
    struct list_builder lb = {.list = &l, .job = &c->scrapes[0]};
    struct label_builder b;
    struct label_set *ls;
    static const char *const left_out[] = {"__scheme__", "__metrics_path__", "__scrape_interval__",
                                           "__scrape_timeout__", "job"};

    assert_int_equal(g->n, 1);
    list_builder_add(&lb, str_c(g->addresses[0]), g->labels);
    assert_int_equal(l.n_dropped, 1); /* by the job's only step */
    label_builder_init(&b, l.dropped[0].discovered);
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        label_builder_del(&b, str_c(left_out[i]));
    ls = label_builder_build(&b);
    *VEC_PUSH(out->v, out->n, out->cap) = text_of(ls);
    label_set_unref(ls);
    label_builder_deinit(&b);
    label_set_unref(l.dropped[0].discovered);
    free(l.dropped);
    arena_deinit(&l.arena);
    map_deinit(&lb.seen);
}

static void discover(struct kube_objects *all, enum kube_role role, bool attach_node,
                     const struct config *c, struct lines *out)
{
    struct kube_object *o;

    for (size_t i = 0; (o = map_next(&all->kinds[role], &i));) {
        struct found_group *groups;
        size_t n;

        kube_groups(all, o, attach_node, &groups, &n);
        for (size_t k = 0; k < n; k++)
            add_discovered(&groups[k], c, out);
        found_groups_free(groups, n);
    }
    qsort(out->v, out->n, sizeof *out->v, compare_lines);
}

static bool add_expected_label(struct str key, const struct json *v, void *b)
{
    label_builder_set(b, key, json_text(v));
    return true;
}

static void read_expected(const struct json *targets, struct lines *out)
{
    for (size_t i = 0; i < json_len(targets); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        struct label_set *ls;

        json_each(json_at(targets, i), add_expected_label, &b);
        ls = label_builder_build(&b);
        *VEC_PUSH(out->v, out->n, out->cap) = text_of(ls);
        label_set_unref(ls);
    }
    qsort(out->v, out->n, sizeof *out->v, compare_lines);
}

static void compare(const char *job, const struct lines *got, const struct lines *wanted)
{
    for (size_t i = 0; i < got->n && i < wanted->n; i++)
        if (strcmp(got->v[i], wanted->v[i]) != 0)
            fail_msg("%s: target %zu\n is     %s\n should %s", job, i, got->v[i], wanted->v[i]);
    if (got->n != wanted->n)
        fail_msg("%s: %zu targets, should be %zu", job, got->n, wanted->n);
}

static const struct {
    const char *job;
    enum kube_role role;
    bool attach_node;
} jobs[] = {
    {"node", KUBE_NODE, false},
    {"service", KUBE_SERVICE, false},
    {"pod", KUBE_POD, false},
    {"endpoints", KUBE_ENDPOINTS, false},
    {"endpointslice", KUBE_ENDPOINTSLICE, false},
    {"ingress", KUBE_INGRESS, false},
    {"pod-with-node", KUBE_POD, true},
    {"endpoints-with-node", KUBE_ENDPOINTS, true},
    {"endpointslice-with-node", KUBE_ENDPOINTSLICE, true},
    {"pod-selector", KUBE_POD, false},
};

static void every_role_gives_the_targets_and_labels_that_prometheus_gives(void **state)
{
    static const char *const plurals[KUBE_ROLES] = {
        [KUBE_NODE] = "nodes",        [KUBE_SERVICE] = "services",
        [KUBE_POD] = "pods",          [KUBE_ENDPOINTS] = "endpoints",
        [KUBE_INGRESS] = "ingresses", [KUBE_ENDPOINTSLICE] = "endpointslices",
    };
    CLEANUP(json_doc_freep)
    struct json *expected = read_recording("discovered-prometheus-3.5.3-kubernetes-1.36.json");
    struct config *c = configure("scrape_configs:\n- job_name: a\n"
                                 "  relabel_configs: [{action: drop, source_labels: [job]}]\n");
    size_t n = 0;

    if (!expected) {
        print_message("# conformance/kube/sd is not here\n");
        config_unref(c);
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        struct kube_objects all = {0};
        struct lines got = {0}, wanted = {0};

        for (enum kube_role kind = 0; kind < KUBE_ROLES; kind++)
            read_kind(&all, kind, "kubernetes-1.36", plurals[kind], jobs[i].job);
        discover(&all, jobs[i].role, jobs[i].attach_node, c, &got);
        read_expected(json_get(json_get(expected, "jobs"), jobs[i].job), &wanted);
        compare(jobs[i].job, &got, &wanted);
        n += got.n;
        free_lines(&got);
        free_lines(&wanted);
        free_objects(&all);
    }
    print_message("# %zu targets of %zu jobs agree\n", n, ARRAY_LEN(jobs));
    assert_true(n > 50);
    config_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_gives_the_targets_and_labels_that_prometheus_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
