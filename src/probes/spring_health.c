/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/spring_priv.h"

#include <errno.h>

#include "base/json.h"

#define NAMES_MAX 10 /* components that a failure names */

struct walk {
    struct metric_page *page;
    const char *key; /* of the map of components */
    struct buf path; /* of the component at hand */
    int depth, n, failed;
    struct buf names; /* of those that are not up */
};

static bool is_up(struct str status)
{
    return str_eq(status, STR("UP")) || str_eq(status, STR("UNKNOWN"));
}

/* The page outlives path and document: its labels are copies. */
static struct str copy(struct walk *w, struct str s)
{
    return arena_str(&w->page->arena, s);
}

static void add_status(struct walk *w, struct str component, struct str status)
{
    metric_page_gauge(w->page, "spring_health_status", 1,
                      LABELS({STR("component"), component}, {STR("status"), copy(w, status)}));
}

static void note_failed(struct walk *w)
{
    if (++w->failed <= NAMES_MAX)
        buf_addf(&w->names, "%s" STR_FMT, w->failed > 1 ? ", " : "", STR_ARG(buf_str(&w->path)));
    else if (w->failed == NAMES_MAX + 1)
        buf_add_c(&w->names, " ...");
}

static bool add_component(struct str name, const struct json *v, void *arg)
{
    struct walk *w = arg;
    size_t parent = w->path.len;
    struct str status = json_text(json_get(v, "status"));

    if (w->n == HEALTH_COMPONENTS_MAX)
        return false;
    if (json_type_of(v) != JSON_OBJECT)
        return true;
    buf_addf(&w->path, "%s" STR_FMT, parent ? "/" : "", STR_ARG(name));
    if (status.len) {
        struct str component = copy(w, buf_str(&w->path));

        w->n++;
        metric_page_gauge(w->page, "spring_health_component_up", is_up(status),
                          LABELS({STR("component"), component}));
        add_status(w, component, status);
        if (!is_up(status))
            note_failed(w);
    }
    if (++w->depth < HEALTH_DEPTH_MAX)
        json_each(json_get(v, w->key), add_component, w);
    w->depth--;
    w->path.len = parent;
    return true;
}

static void walk_components(struct walk *w, const struct json *root, struct str status,
                            struct buf *ret_failed)
{
    metric_page_gauge(w->page, "spring_health_up", is_up(status), NO_LABELS);
    add_status(w, STR(""), status);
    /* Before Spring Boot 2.2 the map is called details, which later are a component's own. */
    w->key = json_get(root, "components") ? "components" : "details";
    json_each(json_get(root, w->key), add_component, w);
    if (!is_up(status))
        buf_addf(ret_failed, "health is " STR_FMT "%s%s", STR_ARG(status), w->failed ? ": " : "",
                 w->failed ? w->names.p : "");
    buf_free(&w->path);
    buf_free(&w->names);
}

int spring_health_read(struct str body, struct metric_page *page, struct buf *ret_failed,
                       struct err *err)
{
    CLEANUP(json_doc_freep) struct json *root = NULL;
    struct walk w = {.page = page};
    struct str status;

    if (json_doc_parse(body, &root, err) < 0)
        return err_in(err, -EPROTO, "no JSON");
    status = json_text(json_get(root, "status"));
    if (!status.len)
        return err_set(err, -EPROTO, "JSON without a status: is it the health of an actuator?");
    walk_components(&w, root, status, ret_failed);
    return 0;
}
