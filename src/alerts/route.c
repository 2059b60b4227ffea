/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/quote.h"

/* Without an alertmanager part alerts are held and shown, and forgotten when they end: that is what
 * a route to nobody does. */
static const struct config_route to_nobody = {
    .receiver = "",
    .key = "{}",
    .id = "{}",
    .group_interval = 60 * 1000,
    .repeat_interval = 4 * 60 * 60 * 1000,
};

const struct config_route *route_root(const struct config *config)
{
    return config->route ? config->route : &to_nobody;
}

/* ---- matching ------------------------------------------------------------------------------ */

static bool matches(const struct config_route *r, const struct label_set *labels)
{
    return matchers_match((const struct matcher *const *)r->matchers, r->n_matchers, labels);
}

void route_match(const struct config_route *root, const struct label_set *labels,
                 struct seat **seats, size_t *n)
{
    size_t before = *n;

    for (size_t i = 0; i < root->n_routes; i++) {
        const struct config_route *child = &root->routes[i];

        if (!matches(child, labels))
            continue;
        route_match(child, labels, seats, n);
        if (!child->continues)
            break;
    }
    if (*n > before)
        return;
    *seats = mem_resize(*seats, *n + 1, sizeof **seats);
    (*seats)[(*n)++] = (struct seat){.route = root};
}

/* ---- groups -------------------------------------------------------------------------------- */

struct label_set *route_group_labels(const struct config_route *r, const struct label_set *labels)
{
    CLEANUP(mem_freep)
    struct label *found = NULL;
    size_t n = 0;

    if (r->group_by_all)
        return label_set_ref(labels);
    if (r->n_group_by == 0)
        return label_set_empty();
    found = mem_array(r->n_group_by, sizeof *found);
    for (size_t i = 0; i < r->n_group_by; i++) {
        struct str name = str_c(r->group_by[i]), value = label_set_get(labels, name);

        if (value.len > 0)
            found[n++] = (struct label){name, value};
    }
    return label_set_new(found, n);
}

char *route_group_key(const struct config_route *r, const struct label_set *group_labels)
{
    struct buf b = {0};

    buf_addf(&b, "%s:{", r->key);
    for (size_t i = 0; i < label_set_count(group_labels); i++) {
        struct label l = label_set_at(group_labels, i);

        if (i > 0)
            buf_add_c(&b, ", ");
        buf_add_str(&b, l.name);
        buf_add_byte(&b, '=');
        quote_add_go(&b, l.value);
    }
    buf_add_byte(&b, '}');
    return buf_take(&b);
}

const struct config_receiver *route_receiver(const struct config *config,
                                             const struct config_route *r)
{
    if (!config->route)
        return NULL;
    for (size_t i = 0; i < config->n_receivers; i++)
        if (strcmp(config->receivers[i].name, r->receiver) == 0)
            return &config->receivers[i];
    must(!"config has checked that every route names a receiver");
    return NULL;
}
