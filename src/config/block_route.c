/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes and inhibit rules: what is written with matchers. A route's check runs after its parent's,
 * so what it inherits is complete.
 */
#include "config/config_priv.h"

#include <stdlib.h>

#include "base/mem.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define UNSET  ((dur_ms)-1)

#define MUTE_KEY   "mute_time_intervals"
#define ACTIVE_KEY "active_time_intervals"

/* ---- matchers, in their three forms -------------------------------------------------------- */

/* Matchers on their way into a struct; a block may have all three forms, they count together. */
struct matcher_list {
    struct matcher **ms; /* heap; the matchers are owned until they are handed over */
    size_t n;
};

static void matcher_list_deinit(struct matcher_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        matcher_free(l->ms[i]);
    free(l->ms);
}

static void hand_over(struct decoder *d, struct matcher_list *from, void *value, size_t *count)
{
    struct matcher ***to = value;
    struct matcher **all = arena_array(&d->config->arena, *count + from->n + 1, sizeof *all);

    if (*count > 0)
        memcpy(all, *to, *count * sizeof *all);
    for (size_t i = 0; i < from->n; i++) {
        all[*count + i] = from->ms[i];
        config_own(d->config, OWNED_MATCHER, from->ms[i]);
    }
    *to = all;
    *count += from->n;
    from->n = 0;
}

static void read_matchers(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    CLEANUP(matcher_list_deinit)
    struct matcher_list list = {0};

    if (!is_list(d, node))
        return;
    for (size_t i = 0; i < node->n; i++) {
        struct err why = {0};
        size_t before = list.n;

        if (!is_text(d, node->values[i]))
            return;
        if (config_parse_matchers(node->values[i]->text, &list.ms, &list.n, &why) < 0)
            decoder_wrong(d, node->values[i], "%s", why.msg);
        if (!decoder_may_compile(d, node->values[i], list.n - before))
            return;
    }
    hand_over(d, &list, value, count);
}

static void add_pair(struct decoder *d, const struct yaml_node *key, const struct yaml_node *value,
                     enum matcher_type type, struct str text, struct matcher_list *list)
{
    struct err why = {0};
    struct matcher *m;

    if (!label_name_is_legacy(key->text))
        decoder_wrong(d, key, "invalid label name %s", shown(d, key->text));
    else if (decoder_may_compile(d, value, 1) && matcher_new(type, key->text, text, &m, &why) == 0)
        list->ms[list->n++] = m;
    else if (why.code < 0)
        decoder_wrong(d, value, "error parsing regexp: %s", why.msg);
}

static void read_pairs(struct decoder *d, const struct yaml_node *node, enum matcher_type type,
                       void *value, size_t *count)
{
    CLEANUP(matcher_list_deinit)
    struct matcher_list list = {0};

    if (!is_mapping(d, node))
        return;
    list.ms = mem_array(node->n + 1, sizeof(struct matcher *));
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *v = node->values[i];
        bool absent = yaml_is_null(v);
        struct str text = absent ? STR("") : v->text;

        if (!absent && !is_text(d, v))
            continue;
        if (type == MATCH_RE && absent) {
            decoder_wrong(d, node->keys[i], "invalid regexp value for %s",
                          shown(d, node->keys[i]->text));
            continue;
        }
        if (type == MATCH_RE)
            text = str_c(arena_printf(&d->config->arena, "^(?:" STR_FMT ")$", STR_ARG(text)));
        add_pair(d, node->keys[i], v, type, text, &list);
    }
    hand_over(d, &list, value, count);
}

static void read_match(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    read_pairs(d, node, MATCH_EQ, value, count);
}

static void read_match_re(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    read_pairs(d, node, MATCH_RE, value, count);
}

/* ---- routes -------------------------------------------------------------------------------- */

static bool is_repeated(const char *const *names, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(names[j], names[i]) == 0)
            return true;
    return false;
}

static int check_group_by(struct decoder *d, struct config_route *r, const struct yaml_node *node)
{
    const struct yaml_node *list = yaml_get(node, "group_by");

    if (r->n_group_by > LABEL_COUNT_MAX)
        return decoder_fail(d, list, "%zu labels in group_by are more than %d", r->n_group_by,
                            LABEL_COUNT_MAX);
    for (size_t i = 0; i < r->n_group_by; i++) {
        if (strcmp(r->group_by[i], "...") == 0)
            r->group_by_all = true;
        else if (!label_name_is_valid(str_c(r->group_by[i])))
            return decoder_fail(d, list->values[i], "invalid label name \"%s\" in group_by list",
                                r->group_by[i]);
        if (is_repeated(r->group_by, i))
            return decoder_fail(d, list->values[i], "duplicated label \"%s\" in group_by",
                                r->group_by[i]);
    }
    if (r->group_by_all && r->n_group_by > 1)
        return decoder_fail(
            d, list, "cannot have wildcard group_by (`...`) and other labels at the same time");
    if (r->group_by_all)
        r->n_group_by = 0;
    return 0;
}

static void inherit(struct config_route *r, const struct config_route *parent)
{
    if (!r->group_by) {
        r->group_by = parent->group_by;
        r->n_group_by = parent->n_group_by;
        r->group_by_all = parent->group_by_all;
    }
    if (!is_given(r->receiver))
        r->receiver = parent->receiver;
    if (r->group_wait == UNSET)
        r->group_wait = parent->group_wait;
    if (r->group_interval == UNSET)
        r->group_interval = parent->group_interval;
    if (r->repeat_interval == UNSET)
        r->repeat_interval = parent->repeat_interval;
}

/* The matcher lists from the root down, canonical: what a group is called in the notification log.
 */
static void set_key(struct decoder *d, struct config_route *r, const struct config_route *parent)
{
    CLEANUP(buf_free)
    struct buf key = {0};

    if (parent->key)
        buf_addf(&key, "%s/", parent->key);
    matchers_sort(r->matchers, r->n_matchers);
    matchers_print(r->matchers, r->n_matchers, &key);
    r->key = decoder_text(d, buf_str(&key));
    buf_reset(&key);
    if (parent->key)
        buf_addf(&key, "%s/", parent->id);
    matchers_print(r->matchers, r->n_matchers, &key);
    if (parent->key)
        buf_addf(&key, "/%zu", (size_t)(r - parent->routes));
    r->id = decoder_text(d, buf_str(&key));
}

static int check_route(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_route *r = object;
    int ret = check_group_by(d, r, node);

    if (ret < 0)
        return ret;
    r->line = node ? node->line : 0;
    inherit(r, parent);
    if (r->group_interval == 0)
        return decoder_fail(d, place_of(node, "group_interval"), "group_interval cannot be zero");
    if (r->repeat_interval == 0)
        return decoder_fail(d, place_of(node, "repeat_interval"), "repeat_interval cannot be zero");
    if (!name_is_in(&d->receiver_names, r->receiver))
        return decoder_fail(d, place_of(node, "receiver"),
                            "undefined receiver \"%s\" used in route", r->receiver);
    set_key(d, r, parent);
    ret = resolve_intervals(d, node, MUTE_KEY, &r->mute);
    return ret < 0 ? ret : resolve_intervals(d, node, ACTIVE_KEY, &r->active);
}

static int check_root_route(struct decoder *d, void *object, const struct yaml_node *node,
                            void *parent)
{
    static const char *const matchers[] = {"matchers", "match", "match_re"};
    struct config_route *r = object;
    struct config_route above = {
        .group_wait = 30 * SECOND,
        .group_interval = 5 * MINUTE,
        .repeat_interval = 4 * HOUR,
    };

    if (!is_given(r->receiver))
        return decoder_fail(d, place_of(node, "receiver"),
                            "root route must specify a default receiver");
    for (size_t i = 0; r->n_matchers > 0 && i < ARRAY_LEN(matchers); i++)
        if (has_key(node, matchers[i]))
            return decoder_fail(d, yaml_get(node, matchers[i]),
                                "root route must not have any matchers");
    if (r->mute.n_names > 0)
        return decoder_fail(d, place_of(node, MUTE_KEY),
                            "root route must not have any mute time intervals");
    if (r->active.n_names > 0)
        return decoder_fail(d, place_of(node, ACTIVE_KEY),
                            "root route must not have any active time intervals");
    if (r->continues)
        return decoder_fail(d, place_of(node, "continue"), "cannot have continue in root route");
    return check_route(d, r, node, &above);
}

#define MORE_TEXTS(key_, type, member)                                                             \
    {                                                                                              \
        .key = key_, .kind = FIELD_TEXTS, .offset = offsetof(type, member.names),                  \
        .count = offsetof(type, member.n_names)                                                    \
    }
static const struct block route_block;
static const struct field route_fields[] = {
    TEXT("receiver", struct config_route, receiver),
    TEXTS("group_by", struct config_route, group_by),
    READ_MANY("matchers", struct config_route, matchers, struct matcher **, read_matchers),
    READ_MANY("match", struct config_route, matchers, struct matcher **, read_match),
    READ_MANY("match_re", struct config_route, matchers, struct matcher **, read_match_re),
    BOOL("continue", struct config_route, continues),
    DURATION("group_wait", struct config_route, group_wait),
    DURATION("group_interval", struct config_route, group_interval),
    DURATION("repeat_interval", struct config_route, repeat_interval),
    MORE_TEXTS(MUTE_KEY, struct config_route, mute),
    MORE_TEXTS(ACTIVE_KEY, struct config_route, active),
    BLOCKS("routes", struct config_route, routes, struct config_route *, &route_block, NULL),
};
static const struct config_route route_defaults = {
    .group_wait = UNSET,
    .group_interval = UNSET,
    .repeat_interval = UNSET,
};
static const struct block route_block = {
    .name = "route",
    FIELDS(route_fields),
    .size = sizeof(struct config_route),
    .defaults = &route_defaults,
    .check = check_route,
};
const struct block root_route_block = {
    .name = "route",
    FIELDS(route_fields),
    .size = sizeof(struct config_route),
    .defaults = &route_defaults,
    .check = check_root_route,
};

/* ---- inhibit rules ------------------------------------------------------------------------- */

static int check_inhibit(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_inhibit *rule = object;

    matchers_sort(rule->source, rule->n_source);
    matchers_sort(rule->target, rule->n_target);
    for (size_t i = 0; i < rule->n_equal; i++)
        if (!label_name_is_valid(str_c(rule->equal[i])))
            return decoder_fail(d, yaml_get(node, "equal")->values[i],
                                "invalid label name \"%s\" in equal list", rule->equal[i]);
    return 0;
}

static const struct field inhibit_fields[] = {
    TEXT("name", struct config_inhibit, name),
    READ_MANY("source_matchers", struct config_inhibit, source, struct matcher **, read_matchers),
    READ_MANY("source_match", struct config_inhibit, source, struct matcher **, read_match),
    READ_MANY("source_match_re", struct config_inhibit, source, struct matcher **, read_match_re),
    READ_MANY("target_matchers", struct config_inhibit, target, struct matcher **, read_matchers),
    READ_MANY("target_match", struct config_inhibit, target, struct matcher **, read_match),
    READ_MANY("target_match_re", struct config_inhibit, target, struct matcher **, read_match_re),
    TEXTS("equal", struct config_inhibit, equal),
};
const struct block inhibit_block = {
    .name = "inhibit rule",
    FIELDS(inhibit_fields),
    .size = sizeof(struct config_inhibit),
    .check = check_inhibit,
};
