/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_kube_groups - what objects tell of each other's targets
 *
 * A target of endpoints has the labels of its service, of the pod behind it, and of the container
 * whose port it is. Ports that containers of such pods declare and that no endpoint covers are
 * targets, too, without labels of an endpoint.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "targets/sd_kube_priv.h"

static bool has_key(const void *key, const void *object)
{
    return strcmp(key, ((const struct kube_object *)object)->key) == 0;
}

struct kube_object *kube_objects_find(const struct kube_objects *all, enum kube_role kind,
                                      const char *key)
{
    return key ? map_get(&all->kinds[kind], hash_bytes(key, strlen(key)), has_key, key) : NULL;
}

struct making {
    const struct kube_objects *all;
    const struct kube_object *o;
    bool attach_node;
    const struct label_set *base; /* of all targets of o */
    struct found_group *groups;
    size_t n, cap;
};

static void put_all(struct label_builder *b, const struct label_set *ls)
{
    for (size_t i = 0; i < label_set_count(ls); i++)
        label_builder_set(b, label_set_at(ls, i).name, label_set_at(ls, i).value);
}

static void put_labels_of(struct label_builder *b, const struct kube_object *o)
{
    if (o)
        put_all(b, o->labels);
}

static void put_node(const struct making *m, struct label_builder *b, const char *node)
{
    if (m->attach_node)
        put_labels_of(b, kube_objects_find(m->all, KUBE_NODE, node));
}

static void add_group(struct making *m, const char *address, const struct label_builder *b)
{
    *VEC_PUSH(m->groups, m->n, m->cap) = found_group_of_one(mem_strdup(address), b);
}

/* ---- containers ---------------------------------------------------------------------------- */

#define CONTAINER_ID STR("__meta_kubernetes_pod_container_id")
#define PORT_NAME    STR("__meta_kubernetes_pod_container_port_name")
#define PROTOCOL     STR("__meta_kubernetes_pod_container_port_protocol")

/* An id is told in the role pod only. */
static void put_container(struct label_builder *b, const struct kube_target *port)
{
    label_builder_del(b, PORT_NAME); /* a port may have no name */
    put_all(b, port->labels);
    label_builder_del(b, CONTAINER_ID);
}

static void put_container_of_port(const struct making *m, struct label_builder *b,
                                  const struct kube_object *pod, unsigned number)
{
    for (size_t i = 0; i < pod->n_targets; i++)
        if (number && pod->targets[i].port == number) {
            put_container(b, &pod->targets[i]);
            if (m->o->kind == KUBE_ENDPOINTS) /* then the endpoint's counts */
                label_builder_set(
                    b, PROTOCOL,
                    label_builder_get(b, STR("__meta_kubernetes_endpoint_port_protocol")));
        }
}

static bool is_covered(const struct kube_object *o, const char *pod, unsigned port)
{
    for (size_t i = 0; i < o->n_targets; i++)
        if (o->targets[i].pod && strcmp(o->targets[i].pod, pod) == 0 && o->targets[i].port == port)
            return true;
    return false;
}

static void add_uncovered(struct making *m, const struct kube_object *pod)
{
    for (size_t i = 0; i < pod->n_targets; i++) {
        const struct kube_target *port = &pod->targets[i];
        struct label_builder b;

        if (port->port == 0 || is_covered(m->o, pod->key, port->port))
            continue;
        label_builder_init(&b, m->base);
        put_labels_of(&b, pod);
        put_container(&b, port);
        add_group(m, port->address, &b);
        label_builder_deinit(&b);
    }
}

/* ---- all of one object --------------------------------------------------------------------- */

static void add_own(struct making *m, const struct kube_target *t)
{
    const struct kube_object *pod = kube_objects_find(m->all, KUBE_POD, t->pod);
    struct label_builder b;

    label_builder_init(&b, m->base);
    put_all(&b, t->labels);
    put_node(m, &b, m->o->kind == KUBE_POD ? m->o->node : t->node);
    if (pod) {
        put_labels_of(&b, pod);
        put_container_of_port(m, &b, pod, t->port);
    }
    add_group(m, t->address, &b);
    label_builder_deinit(&b);
}

static bool is_first_of_its_pod(const struct kube_object *o, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (o->targets[i].pod && strcmp(o->targets[i].pod, o->targets[at].pod) == 0)
            return false;
    return true;
}

void kube_groups(const struct kube_objects *all, const struct kube_object *o, bool attach_node,
                 struct found_group **ret, size_t *ret_n)
{
    struct making m = {.all = all, .o = o, .attach_node = attach_node};
    struct label_builder base;

    label_builder_init(&base, o->labels);
    put_labels_of(&base, kube_objects_find(all, KUBE_SERVICE, o->service));
    m.base = label_builder_build(&base);
    label_builder_deinit(&base);
    for (size_t i = 0; i < o->n_targets; i++)
        add_own(&m, &o->targets[i]);
    for (size_t i = 0; i < o->n_targets; i++) {
        const struct kube_object *pod = kube_objects_find(all, KUBE_POD, o->targets[i].pod);

        if (pod && is_first_of_its_pod(o, i))
            add_uncovered(&m, pod);
    }
    label_set_unref(m.base);
    *ret = m.groups;
    *ret_n = m.n;
}
