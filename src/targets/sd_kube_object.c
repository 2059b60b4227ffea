/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "targets/sd_kube_priv.h"

/* ---- labels -------------------------------------------------------------------------------- */

static const char *const role_names[KUBE_ROLES] = {
    [KUBE_NODE] = "node",
    [KUBE_SERVICE] = "service",
    [KUBE_POD] = "pod",
    [KUBE_ENDPOINTS] = "endpoints",
    [KUBE_ENDPOINTSLICE] = "endpointslice",
    [KUBE_INGRESS] = "ingress",
};

static void put(struct label_builder *b, const char *name, struct str value)
{
    CLEANUP(buf_free) struct buf full = {0};

    buf_addf(&full, "__meta_kubernetes_%s", name);
    label_builder_set(b, buf_str(&full), value);
}

static void put_c(struct label_builder *b, const char *name, const char *value)
{
    put(b, name, str_c(value));
}

/* The text at a key of an object; absent: no label. */
static void put_text(struct label_builder *b, const char *name, const struct json *object,
                     const char *key)
{
    put(b, name, json_text(json_get(object, key)));
}

static void put_number(struct label_builder *b, const char *name, const struct json *object,
                       const char *key)
{
    const struct json *n = json_get(object, key);
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)json_int(n));
    if (json_type_of(n) == JSON_NUMBER)
        put_c(b, name, text);
}

static void put_bool(struct label_builder *b, const char *name, const struct json *object,
                     const char *key)
{
    const struct json *v = json_get(object, key);

    if (json_type_of(v) == JSON_BOOL)
        put_c(b, name, json_is_true(v) ? "true" : "false");
}

struct naming {
    struct label_builder *b;
    const char *role, *what;
};

static bool put_pair(struct str key, const struct json *v, void *arg)
{
    const struct naming *n = arg;
    CLEANUP(buf_free) struct buf with_value = {0}, present = {0};

    buf_addf(&with_value, "%s_%s_", n->role, n->what);
    buf_addf(&present, "%s_%spresent_", n->role, n->what);
    found_add_label_part(&with_value, key);
    found_add_label_part(&present, key);
    put(n->b, with_value.p, json_text(v));
    put_c(n->b, present.p, "true");
    return true;
}

static void put_meta(struct label_builder *b, enum kube_role kind, const struct json *meta)
{
    CLEANUP(buf_free) struct buf name = {0};
    struct naming labels = {b, role_names[kind], "label"};
    struct naming annotations = {b, role_names[kind], "annotation"};

    buf_addf(&name, "%s_name", role_names[kind]);
    put_text(b, "namespace", meta, "namespace");
    put_text(b, name.p, meta, "name");
    json_each(json_get(meta, "labels"), put_pair, &labels);
    json_each(json_get(meta, "annotations"), put_pair, &annotations);
}

/* ---- targets ------------------------------------------------------------------------------- */

static char *join_address(struct str host, unsigned port)
{
    struct buf text = {0};

    found_add_host(&text, host);
    buf_addf(&text, ":%u", port);
    return buf_take(&text);
}

static struct kube_target *add_target(struct kube_object *o, char *take_address,
                                      const struct label_builder *b)
{
    struct kube_target *t = VEC_PUSH(o->targets, o->n_targets, o->cap_targets);

    t->address = take_address;
    t->labels = label_builder_build(b);
    return t;
}

static unsigned port_at(const struct json *object, const char *key)
{
    int64_t port = json_int(json_get(object, key));

    return port > 0 && port <= 65535 ? (unsigned)port : 0;
}

static char *text_at(const struct json *object, const char *key)
{
    struct str text = json_text(json_get(object, key));

    return text.len ? str_dup(text) : NULL;
}

static char *key_of(struct str ns, struct str name)
{
    struct buf key = {0};

    if (name.len == 0)
        return NULL;
    buf_addf(&key, ns.len ? "%.*s/" : "%.*s", STR_ARG(ns));
    buf_add_str(&key, name);
    return buf_take(&key);
}

char *kube_object_key(const struct json *object)
{
    const struct json *meta = json_get(object, "metadata");

    return key_of(json_text(json_get(meta, "namespace")), json_text(json_get(meta, "name")));
}

/* ---- node ---------------------------------------------------------------------------------- */

static struct str address_of_type(const struct json *addresses, const char *type)
{
    for (size_t i = 0; i < json_len(addresses); i++)
        if (str_eq_c(json_text(json_get(json_at(addresses, i), "type")), type))
            return json_text(json_get(json_at(addresses, i), "address"));
    return STR_NONE;
}

static void put_addresses(struct label_builder *b, const struct json *addresses)
{
    for (size_t i = json_len(addresses); i-- > 0;) { /* of each type the first counts */
        const struct json *one = json_at(addresses, i);
        CLEANUP(buf_free) struct buf name = {0};

        buf_addf(&name, "node_address_%.*s", STR_ARG(json_text(json_get(one, "type"))));
        put_text(b, name.p, one, "address");
    }
}

static void read_node(struct kube_object *o, const struct json *node)
{
    static const char *const order[] = {"InternalIP",  "InternalDNS",  "ExternalIP",
                                        "ExternalDNS", "LegacyHostIP", "Hostname"};
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct json *status = json_get(node, "status");
    const struct json *addresses = json_get(status, "addresses");
    const struct json *kubelet = json_get(json_get(status, "daemonEndpoints"), "kubeletEndpoint");
    struct str host = STR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(order) && host.len == 0; i++)
        host = address_of_type(addresses, order[i]);
    if (host.len == 0)
        return;
    label_builder_set(&b, STR("instance"), json_text(json_get(json_get(node, "metadata"), "name")));
    put_text(&b, "node_provider_id", json_get(node, "spec"), "providerID");
    put_addresses(&b, addresses);
    add_target(o, join_address(host, port_at(kubelet, "Port")), &b);
}

/* ---- service ------------------------------------------------------------------------------- */

static void read_service(struct kube_object *o, const struct json *service)
{
    const struct json *meta = json_get(service, "metadata"), *spec = json_get(service, "spec");
    const struct json *ports = json_get(spec, "ports");
    struct str type = json_text(json_get(spec, "type"));
    CLEANUP(buf_free) struct buf host = {0};

    buf_addf(&host, "%.*s.%.*s.svc", STR_ARG(json_text(json_get(meta, "name"))),
             STR_ARG(json_text(json_get(meta, "namespace"))));
    for (size_t i = 0; i < json_len(ports); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        const struct json *port = json_at(ports, i);

        put_text(&b, "service_port_name", port, "name");
        put_number(&b, "service_port_number", port, "port");
        put_text(&b, "service_port_protocol", port, "protocol");
        put(&b, "service_type", type);
        if (str_eq(type, STR("ExternalName")))
            put_text(&b, "service_external_name", spec, "externalName");
        else
            put_text(&b, "service_cluster_ip", spec, "clusterIP");
        if (str_eq(type, STR("LoadBalancer")))
            put_text(&b, "service_loadbalancer_ip", spec, "loadBalancerIP");
        add_target(o, join_address(buf_str(&host), port_at(port, "port")), &b);
    }
}

/* ---- pod ----------------------------------------------------------------------------------- */

static const char *readiness(const struct json *status)
{
    const struct json *conditions = json_get(status, "conditions");

    for (size_t i = 0; i < json_len(conditions); i++) {
        const struct json *one = json_at(conditions, i);
        struct str is = json_text(json_get(one, "status"));

        if (str_eq(json_text(json_get(one, "type")), STR("Ready")))
            return str_eq(is, STR("True"))    ? "true"
                   : str_eq(is, STR("False")) ? "false"
                                              : "unknown";
    }
    return "unknown";
}

static void put_controller(struct label_builder *b, const struct json *owners)
{
    for (size_t i = 0; i < json_len(owners); i++) {
        const struct json *owner = json_at(owners, i);

        if (json_is_true(json_get(owner, "controller"))) {
            put_text(b, "pod_controller_kind", owner, "kind");
            put_text(b, "pod_controller_name", owner, "name");
            return;
        }
    }
}

static struct str container_id(const struct json *status, const char *statuses, struct str name)
{
    const struct json *all = json_get(status, statuses);

    for (size_t i = 0; i < json_len(all); i++)
        if (str_eq(json_text(json_get(json_at(all, i), "name")), name))
            return json_text(json_get(json_at(all, i), "containerID"));
    return STR_NONE;
}

/* One target a port, or one without. */
static void read_container(struct kube_object *o, const struct json *container, struct str id,
                           bool is_init)
{
    const struct json *ports = json_get(container, "ports");
    size_t n = json_len(ports);

    for (size_t i = 0; i < (n ? n : 1); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        const struct json *port = json_at(ports, i);
        unsigned number = port_at(port, "containerPort");
        struct kube_target *t;

        put_text(&b, "pod_container_name", container, "name");
        put_text(&b, "pod_container_image", container, "image");
        put(&b, "pod_container_id", id);
        put_c(&b, "pod_container_init", is_init ? "true" : "false");
        if (n) {
            put_text(&b, "pod_container_port_name", port, "name");
            put_number(&b, "pod_container_port_number", port, "containerPort");
            put_text(&b, "pod_container_port_protocol", port, "protocol");
        }
        t = add_target(o, n ? join_address(str_c(o->ip), number) : mem_strdup(o->ip), &b);
        t->port = number;
    }
}

static void read_containers(struct kube_object *o, const struct json *pod, const char *list,
                            const char *statuses, bool is_init)
{
    const struct json *containers = json_get(json_get(pod, "spec"), list);
    const struct json *status = json_get(pod, "status");

    for (size_t i = 0; i < json_len(containers); i++) {
        const struct json *c = json_at(containers, i);

        read_container(o, c, container_id(status, statuses, json_text(json_get(c, "name"))),
                       is_init);
    }
}

static void read_pod(struct kube_object *o, const struct json *pod, struct label_builder *b)
{
    const struct json *status = json_get(pod, "status"), *spec = json_get(pod, "spec");
    const struct json *meta = json_get(pod, "metadata");

    put_text(b, "pod_ip", status, "podIP");
    put_c(b, "pod_ready", readiness(status));
    put_text(b, "pod_phase", status, "phase");
    put_text(b, "pod_node_name", spec, "nodeName");
    put_text(b, "pod_host_ip", status, "hostIP");
    put_text(b, "pod_uid", meta, "uid");
    put_controller(b, json_get(meta, "ownerReferences"));
    o->ip = text_at(status, "podIP");
    o->node = text_at(spec, "nodeName");
    if (!o->ip)
        return;
    read_containers(o, pod, "containers", "containerStatuses", false);
    read_containers(o, pod, "initContainers", "initContainerStatuses", true);
}

/* ---- endpoints ----------------------------------------------------------------------------- */

/* What a target refers to. */
static void refer(struct kube_target *t, const struct json *ref, char *take_node)
{
    struct str kind = json_text(json_get(ref, "kind")), name = json_text(json_get(ref, "name"));

    t->node = take_node;
    if (str_eq(kind, STR("Pod")))
        t->pod = key_of(json_text(json_get(ref, "namespace")), name);
    else if (str_eq(kind, STR("Node")) && !t->node && name.len)
        t->node = str_dup(name);
}

static void add_endpoint(struct kube_object *o, const struct json *address, const struct json *port,
                         bool is_ready)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct json *ref = json_get(address, "targetRef");
    unsigned number = port_at(port, "port");
    struct kube_target *t;

    put_text(&b, "endpoint_port_name", port, "name");
    put_text(&b, "endpoint_port_protocol", port, "protocol");
    put_c(&b, "endpoint_ready", is_ready ? "true" : "false");
    put_text(&b, "endpoint_address_target_kind", ref, "kind");
    put_text(&b, "endpoint_address_target_name", ref, "name");
    put_text(&b, "endpoint_node_name", address, "nodeName");
    put_text(&b, "endpoint_hostname", address, "hostname");
    t = add_target(o, join_address(json_text(json_get(address, "ip")), number), &b);
    t->port = number;
    refer(t, ref, text_at(address, "nodeName"));
}

static void read_addresses(struct kube_object *o, const struct json *addresses,
                           const struct json *port, bool is_ready)
{
    for (size_t i = 0; i < json_len(addresses); i++)
        add_endpoint(o, json_at(addresses, i), port, is_ready);
}

static void read_endpoints(struct kube_object *o, const struct json *endpoints)
{
    const struct json *subsets = json_get(endpoints, "subsets");

    o->service = mem_strdup(o->key); /* of the same name */
    for (size_t i = 0; i < json_len(subsets); i++) {
        const struct json *subset = json_at(subsets, i), *ports = json_get(subset, "ports");

        for (size_t k = 0; k < json_len(ports); k++) {
            const struct json *port = json_at(ports, k);

            read_addresses(o, json_get(subset, "addresses"), port, true);
            read_addresses(o, json_get(subset, "notReadyAddresses"), port, false);
        }
    }
}

/* ---- endpointslice ------------------------------------------------------------------------- */

static bool put_topology(struct str key, const struct json *v, void *arg)
{
    CLEANUP(buf_free) struct buf with_value = {0}, present = {0};

    buf_add_c(&with_value, "endpointslice_endpoint_topology_");
    buf_add_c(&present, "endpointslice_endpoint_topology_present_");
    found_add_label_part(&with_value, key);
    found_add_label_part(&present, key);
    put(arg, with_value.p, json_text(v));
    put_c(arg, present.p, "true");
    return true;
}

static void put_slice_port(struct label_builder *b, const struct json *port)
{
    put_text(b, "endpointslice_port_name", port, "name");
    put_text(b, "endpointslice_port_protocol", port, "protocol");
    put_number(b, "endpointslice_port", port, "port");
    put_text(b, "endpointslice_port_app_protocol", port, "appProtocol");
}

/* In v1beta1 the host stands in the topology. */
static void put_slice_endpoint(struct label_builder *b, const struct json *e)
{
    const struct json *conditions = json_get(e, "conditions"), *ref = json_get(e, "targetRef");
    const struct json *topology = json_get(e, "deprecatedTopology");

    put_bool(b, "endpointslice_endpoint_conditions_ready", conditions, "ready");
    put_bool(b, "endpointslice_endpoint_conditions_serving", conditions, "serving");
    put_bool(b, "endpointslice_endpoint_conditions_terminating", conditions, "terminating");
    put_text(b, "endpointslice_address_target_kind", ref, "kind");
    put_text(b, "endpointslice_address_target_name", ref, "name");
    put_text(b, "endpointslice_endpoint_hostname", e, "hostname");
    put_text(b, "endpointslice_endpoint_node_name", e, "nodeName");
    put_text(b, "endpointslice_endpoint_zone", e, "zone");
    json_each(topology ? topology : json_get(e, "topology"), put_topology, b);
}

static void add_slice_endpoint(struct kube_object *o, const struct json *e, const struct json *port)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct json *addresses = json_get(e, "addresses");
    bool has_port = json_type_of(json_get(port, "port")) == JSON_NUMBER;
    unsigned number = port_at(port, "port");

    put_slice_port(&b, port);
    put_slice_endpoint(&b, e);
    for (size_t i = 0; i < json_len(addresses); i++) {
        struct str host = json_text(json_at(addresses, i));
        struct kube_target *t = add_target(o, has_port ? join_address(host, number) : str_dup(host),
                                           &b);

        t->port = number;
        refer(t, json_get(e, "targetRef"), text_at(e, "nodeName"));
    }
}

static void read_endpointslice(struct kube_object *o, const struct json *slice,
                               struct label_builder *b)
{
    const struct json *endpoints = json_get(slice, "endpoints"), *ports = json_get(slice, "ports");
    const struct json *meta = json_get(slice, "metadata");

    put_text(b, "endpointslice_address_type", slice, "addressType");
    o->service = key_of(
        json_text(json_get(meta, "namespace")),
        json_text(json_get(json_get(meta, "labels"), "kubernetes.io/service-name")));
    for (size_t p = 0; p < json_len(ports); p++)
        for (size_t i = 0; i < json_len(endpoints); i++)
            add_slice_endpoint(o, json_at(endpoints, i), json_at(ports, p));
}

/* ---- ingress ------------------------------------------------------------------------------- */

/* The same host, or *.REST for one part before the REST. */
static bool covers(struct str pattern, struct str host)
{
    struct str rest = host;

    if (str_eq(pattern, host))
        return true;
    if (!str_has_prefix(pattern, STR("*.")))
        return false;
    return str_cut(&rest, '.').len > 0 && rest.len > 0 &&
           str_eq(rest, str_n(pattern.p + 2, pattern.len - 2));
}

static bool has_tls(const struct json *tls, struct str host)
{
    for (size_t i = 0; i < json_len(tls); i++) {
        const struct json *hosts = json_get(json_at(tls, i), "hosts");

        for (size_t k = 0; k < json_len(hosts); k++)
            if (covers(json_text(json_at(hosts, k)), host))
                return true;
    }
    return false;
}

static void read_rule(struct kube_object *o, const struct json *rule, const char *scheme)
{
    const struct json *paths = json_get(json_get(rule, "http"), "paths");
    struct str host = json_text(json_get(rule, "host"));
    size_t n = json_len(paths);

    for (size_t i = 0; i < (n ? n : 1); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        struct str path = json_text(json_get(json_at(paths, i), "path"));

        put_c(&b, "ingress_scheme", scheme);
        put(&b, "ingress_host", host);
        put(&b, "ingress_path", path.len ? path : STR("/"));
        add_target(o, str_dup(host), &b);
    }
}

static void read_ingress(struct kube_object *o, const struct json *ingress, struct label_builder *b)
{
    const struct json *spec = json_get(ingress, "spec"), *rules = json_get(spec, "rules");

    put_text(b, "ingress_class_name", spec, "ingressClassName");
    for (size_t i = 0; i < json_len(rules); i++) {
        const struct json *rule = json_at(rules, i);
        struct str host = json_text(json_get(rule, "host"));

        read_rule(o, rule, has_tls(json_get(spec, "tls"), host) ? "https" : "http");
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t h, const char *s)
{
    return hash_mix(h, s ? hash_bytes(s, strlen(s)) : 0);
}

static uint64_t hash_object(const struct kube_object *o)
{
    uint64_t h = label_set_hash(o->labels);

    h = mix_text(mix_text(mix_text(h, o->ip), o->node), o->service);
    for (size_t i = 0; i < o->n_targets; i++) {
        const struct kube_target *t = &o->targets[i];

        h = mix_text(mix_text(mix_text(h, t->address), t->pod), t->node);
        h = hash_mix(hash_mix(h, label_set_hash(t->labels)), t->port);
    }
    return h;
}

struct kube_object *kube_object_read(enum kube_role kind, const struct json *object)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    char *key = kube_object_key(object);
    struct kube_object *o;

    if (!key)
        return NULL;
    o = mem_zalloc(sizeof *o);
    o->kind = kind;
    o->key = key;
    put_meta(&b, kind, json_get(object, "metadata"));
    switch (kind) {
    case KUBE_NODE: read_node(o, object); break;
    case KUBE_SERVICE: read_service(o, object); break;
    case KUBE_POD: read_pod(o, object, &b); break;
    case KUBE_ENDPOINTS: read_endpoints(o, object); break;
    case KUBE_ENDPOINTSLICE: read_endpointslice(o, object, &b); break;
    default: read_ingress(o, object, &b);
    }
    o->labels = label_builder_build(&b);
    o->hash = hash_object(o);
    return o;
}

void kube_object_free(struct kube_object *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n_targets; i++) {
        free(o->targets[i].address);
        free(o->targets[i].pod);
        free(o->targets[i].node);
        label_set_unref(o->targets[i].labels);
    }
    found_deinit(&o->found);
    free(o->targets);
    free(o->key);
    free(o->ip);
    free(o->node);
    free(o->service);
    label_set_unref(o->labels);
    free(o);
}
