/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_kube_priv - discovery in Kubernetes
 *
 *     sd_kube           what is watched, which objects there are
 *     sd_kube_object    from an object as JSON to the few things that discovery keeps of it
 *     sd_kube_groups    from objects to targets: what belongs together
 *
 * Labels are named without their prefix __meta_kubernetes_ in comments.
 */
#ifndef TOCSIN_TARGETS_SD_KUBE_PRIV_H
#define TOCSIN_TARGETS_SD_KUBE_PRIV_H

#include "base/json.h"
#include "targets/targets_priv.h"

/* One address of an object; of a pod one port of a container. */
struct kube_target {
    char *address;
    const struct label_set *labels; /* of its own */
    char *pod, *node;               /* namespace/name and name of what it belongs to, or NULL */
    unsigned port;                  /* 0: none */
};

struct kube_object {
    enum kube_role kind;
    char *key;                      /* namespace/name, or name */
    const struct label_set *labels; /* of all its targets: namespace, names, labels, annotations */
    char *ip;                       /* of a pod, or NULL */
    char *node;                     /* of a pod, or NULL */
    char *service; /* namespace/name of an EndpointSlice's or Endpoints', or NULL */
    struct kube_target *targets;
    size_t n_targets, cap_targets;
    uint64_t hash; /* of all the above */

    /* sd_kube's */
    const void *source; /* what told it */
    unsigned list;      /* the list that told it last */
    bool is_dirty;      /* its groups have to be made */
    struct found found;
};

/* NULL when it has no name. */
struct kube_object *kube_object_read(enum kube_role kind, const struct json *object);
void kube_object_free(struct kube_object *o);
char *kube_object_key(const struct json *object); /* NULL when it has no name */

/* All objects that are known, by kind and key. */
struct kube_objects {
    struct map kinds[KUBE_ROLES];
};

struct kube_object *kube_objects_find(const struct kube_objects *all, enum kube_role kind,
                                      const char *key);

/* The targets of o with what other objects tell of them. */
void kube_groups(const struct kube_objects *all, const struct kube_object *o, bool attach_node,
                 struct found_group **ret, size_t *ret_n);

#endif
