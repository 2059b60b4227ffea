/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_kube - targets from objects of Kubernetes
 *
 * For each resource that the role needs and each namespace there is a watch. Nothing is told before
 * each of them has been listed once, or targets would come without the labels that relabelling
 * chooses by. From then on the groups of an object are made anew when it, or one that tells
 * something of it, has changed; changes are gathered for a moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "kube/kube.h"
#include "targets/sd_kube_priv.h"
#include "targets/sd_priv.h"

#define GATHER_MS 500 /* groups of all endpoints are made anew at most so often */

struct kube_sd;

/* One watch. */
struct source {
    struct kube_sd *k;
    enum kube_role kind;
    struct kube_watch *watch;
    unsigned list; /* number of the list under way, or of the last one */
    bool is_listed, is_failing;
};

struct kube_sd {
    struct sd *sd;
    const struct config_kube_sd *settings;
    struct kube_account account; /* when there is no api_server */
    struct source *sources;
    size_t n;
    struct kube_objects objects;
    struct loop_timer *timer;
    struct err failure;  /* could not begin */
    bool is_due;         /* the timer runs */
    bool others_changed; /* objects that are no targets themselves */
    bool some_gone;
};

static const struct {
    const char *group, *older_group, *plural;
    bool in_namespaces;
} resources[KUBE_ROLES] = {
    [KUBE_NODE] = {"/api/v1", NULL, "nodes", false},
    [KUBE_SERVICE] = {"/api/v1", NULL, "services", true},
    [KUBE_POD] = {"/api/v1", NULL, "pods", true},
    [KUBE_ENDPOINTS] = {"/api/v1", NULL, "endpoints", true},
    [KUBE_ENDPOINTSLICE] = {"/apis/discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1beta1",
                            "endpointslices", true},
    [KUBE_INGRESS] = {"/apis/networking.k8s.io/v1", NULL, "ingresses", true},
};

/* ---- groups -------------------------------------------------------------------------------- */

static bool all_are_listed(const struct kube_sd *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (!k->sources[i].is_listed)
            return false;
    return true;
}

static void make_groups(void *arg)
{
    struct kube_sd *k = arg;
    bool is_news = k->some_gone;
    struct kube_object *o;

    k->is_due = false;
    if (k->failure.code) {
        sd_failed(k->sd, &k->failure);
        return;
    }
    if (!all_are_listed(k))
        return;
    for (size_t i = 0; (o = map_next(&k->objects.kinds[k->settings->role], &i));) {
        struct found_group *groups;
        size_t n;

        if (!o->is_dirty && !k->others_changed)
            continue;
        o->is_dirty = false;
        kube_groups(&k->objects, o, k->settings->attach_node, &groups, &n);
        is_news = found_take(&o->found, groups, n) || is_news;
    }
    k->others_changed = k->some_gone = false;
    if (is_news)
        sd_found_news(k->sd);
}

static void gather(struct kube_sd *k)
{
    if (k->is_due)
        return;
    k->is_due = true;
    loop_timer_after(k->timer, GATHER_MS);
}

/* ---- objects ------------------------------------------------------------------------------- */

static bool has_key(const void *key, const void *object)
{
    return strcmp(key, ((const struct kube_object *)object)->key) == 0;
}

static struct kube_object *take_out(struct kube_sd *k, enum kube_role kind, const char *key)
{
    return map_remove(&k->objects.kinds[kind], hash_bytes(key, strlen(key)), has_key, key);
}

static void note_change(struct kube_sd *k, enum kube_role kind, bool is_gone)
{
    if (kind != k->settings->role)
        k->others_changed = true;
    else if (is_gone)
        k->some_gone = true;
    gather(k);
}

static void note_success(struct source *s)
{
    struct kube_sd *k = s->k;

    if (!s->is_failing)
        return;
    s->is_failing = false;
    for (size_t i = 0; i < k->n; i++)
        if (k->sources[i].is_failing)
            return;
    sd_worked(k->sd);
}

static void on_object(const struct json *object, void *arg)
{
    struct source *s = arg;
    struct kube_object *now = kube_object_read(s->kind, object), *before;

    note_success(s);
    if (!now)
        return;
    before = take_out(s->k, s->kind, now->key);
    now->source = s;
    now->list = s->list;
    now->is_dirty = true;
    map_add(&s->k->objects.kinds[s->kind], hash_bytes(now->key, strlen(now->key)), now);
    if (before) {
        now->found = before->found;
        before->found = (struct found){0};
        now->is_dirty = before->is_dirty || before->hash != now->hash;
    }
    if (!before || before->hash != now->hash)
        note_change(s->k, s->kind, false);
    kube_object_free(before);
}

static void on_deleted(const struct json *object, void *arg)
{
    struct source *s = arg;
    char *key = kube_object_key(object);
    struct kube_object *o = key ? take_out(s->k, s->kind, key) : NULL;

    note_success(s);
    if (o)
        note_change(s->k, s->kind, true);
    kube_object_free(o);
    free(key);
}

static void on_begin(void *arg)
{
    ((struct source *)arg)->list++;
}

/* What the list did not tell is gone. */
static void on_end(void *arg)
{
    struct source *s = arg;
    struct map *known = &s->k->objects.kinds[s->kind];
    struct kube_object **gone = mem_array(known->n, sizeof(struct kube_object *)), *o;
    size_t n = 0;

    for (size_t i = 0; (o = map_next(known, &i));)
        if (o->source == s && o->list != s->list)
            gone[n++] = o;
    for (size_t i = 0; i < n; i++) {
        take_out(s->k, s->kind, gone[i]->key);
        kube_object_free(gone[i]);
    }
    free(gone);
    if (n > 0)
        note_change(s->k, s->kind, true);
    note_success(s);
    s->is_listed = true;
    gather(s->k);
}

static void on_failed(const struct err *err, void *arg)
{
    struct source *s = arg;

    s->is_failing = true;
    sd_failed(s->k->sd, err);
}

/* ---- what is watched ----------------------------------------------------------------------- */

static bool is_needed(const struct config_kube_sd *c, enum kube_role kind)
{
    bool of_endpoints = c->role == KUBE_ENDPOINTS || c->role == KUBE_ENDPOINTSLICE;

    if (kind == c->role)
        return true;
    if (kind == KUBE_NODE)
        return c->attach_node && (of_endpoints || c->role == KUBE_POD);
    return of_endpoints && (kind == KUBE_SERVICE || kind == KUBE_POD);
}

static void add_path(struct buf *path, const char *group, const char *ns, const char *plural)
{
    buf_addf(path, ns ? "%s/namespaces/%s/%s" : "%s%.0s/%s", group, ns ? ns : "", plural);
}

static void start_watch(struct kube_sd *k, enum kube_role kind, const char *ns)
{
    static const struct kube_watch_events events = {
        .begin = on_begin,
        .object = on_object,
        .end = on_end,
        .deleted = on_deleted,
        .failed = on_failed,
    };
    const struct config_kube_sd *c = k->settings;
    struct source *s = &k->sources[k->n++];
    struct kube_question q = {
        .server = c->api_server ? c->api_server : k->account.server,
        .options = c->api_server ? &c->http : &k->account.options,
    };
    CLEANUP(buf_free) struct buf path = {0}, older = {0};

    add_path(&path, resources[kind].group, ns, resources[kind].plural);
    q.path = path.p;
    if (resources[kind].older_group) {
        add_path(&older, resources[kind].older_group, ns, resources[kind].plural);
        q.older_path = older.p;
    }
    for (size_t i = 0; i < c->n_selectors; i++)
        if (c->selectors[i].role == kind) {
            q.labels = c->selectors[i].label;
            q.fields = c->selectors[i].field;
        }
    *s = (struct source){.k = k, .kind = kind};
    s->watch = kube_watch_start(k->sd->all->loop, k->sd->all->http, &q, &events, s);
}

static void start_watches(struct kube_sd *k, const char *own_namespace)
{
    const struct config_kube_sd *c = k->settings;
    size_t n_namespaces = c->n_namespaces + c->own_namespace;

    k->sources = mem_array(KUBE_ROLES * (n_namespaces + 1), sizeof *k->sources);
    for (enum kube_role kind = 0; kind < KUBE_ROLES; kind++) {
        if (!is_needed(c, kind))
            continue;
        if (!resources[kind].in_namespaces || n_namespaces == 0)
            start_watch(k, kind, NULL);
        for (size_t i = 0; resources[kind].in_namespaces && i < n_namespaces; i++)
            start_watch(k, kind, i < c->n_namespaces ? c->namespaces[i] : own_namespace);
    }
}

/* What cannot begin is told by the timer, for nothing is told from within open(). */
static void *open_kube(struct sd *sd)
{
    struct kube_sd *k = mem_zalloc(sizeof *k);
    CLEANUP(buf_free) struct buf own = {0};
    int r = 0;

    k->sd = sd;
    k->settings = (const struct config_kube_sd *)sd->settings;
    k->timer = loop_timer_new(sd->all->loop, make_groups, k);
    if (!k->settings->api_server)
        r = kube_account_read(KUBE_ACCOUNT_FOLDER, &k->account, &k->failure);
    if (r == 0 && k->settings->own_namespace)
        r = kube_own_namespace(KUBE_ACCOUNT_FOLDER, &own, &k->failure);
    if (r == 0)
        start_watches(k, own.p);
    else
        gather(k);
    return k;
}

static void close_kube(void *self)
{
    struct kube_sd *k = self;
    struct kube_object *o;

    for (size_t i = 0; i < k->n; i++)
        kube_watch_stop(k->sources[i].watch);
    for (size_t kind = 0; kind < KUBE_ROLES; kind++) {
        for (size_t i = 0; (o = map_next(&k->objects.kinds[kind], &i));)
            kube_object_free(o);
        map_deinit(&k->objects.kinds[kind]);
    }
    loop_timer_free(k->timer);
    kube_account_deinit(&k->account);
    free(k->sources);
    free(k);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(struct kube_object *const *)a)->key, (*(struct kube_object *const *)b)->key);
}

/* In order of names: a map has none, and people compare lists. */
static void each_of_kube(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct kube_sd *k = self;
    const struct map *known = &k->objects.kinds[k->settings->role];
    struct kube_object **all = mem_array(known->n, sizeof(struct kube_object *)), *o;
    size_t n = 0;

    for (size_t i = 0; (o = map_next(known, &i));)
        all[n++] = o;
    qsort(all, n, sizeof *all, compare_keys);
    for (size_t i = 0; i < n; i++)
        for (size_t g = 0; g < all[i]->found.n; g++)
            cb(&all[i]->found.groups[g], arg);
    free(all);
}

const struct sd_kind sd_kube = {
    .key = "kubernetes_sd_configs",
    .open = open_kube,
    .close = close_kube,
    .each = each_of_kube,
    .list = offsetof(struct config_scrape, kube_sds),
    .count = offsetof(struct config_scrape, n_kube_sds),
    .size = sizeof(struct config_kube_sd),
};
