/* SPDX-License-Identifier: Apache-2.0 */
#include "template/kv_priv.h"

#include "model/label_set.h"

#define FIRST_NAME  STR("alertname") /* stands before the others, which are sorted */
#define HIDDEN_NAME STR("rule_id")

static void get_name(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = tmpl_str(((const struct label *)object)->name);
}

static void get_value(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = tmpl_str(((const struct label *)object)->value);
}

static const struct tmpl_field pair_fields[] = {
    {"Name", "Name", get_name},
    {"Value", "Value", get_value},
};

static const struct tmpl_type type_pair = {.name = "template.Pair",
                                           .kind = TMPL_OBJECT,
                                           .fields = pair_fields,
                                           .n_fields = ARRAY_LEN(pair_fields)};

static void print_pairs(const struct tmpl_value *v, struct buf *out)
{
    for (size_t i = 0; i < v->list.n; i++) {
        const struct label *l = v->list.items[i].object;

        if (i > 0)
            buf_add_c(out, ", ");
        buf_add_str(out, l->name);
        buf_add_byte(out, '=');
        buf_add_str(out, l->value);
    }
}

/* What of each pair goes into a list of strings. */
static struct tmpl_value strings_of(struct arena *a, const struct tmpl_list *pairs, bool values)
{
    struct tmpl_value *items = arena_array(a, pairs->n + 1, sizeof *items);

    for (size_t i = 0; i < pairs->n; i++) {
        const struct label *l = pairs->items[i].object;

        items[i] = tmpl_str(values ? l->value : l->name);
    }
    return tmpl_list(&tmpl_type_strings, items, pairs->n);
}

static int pairs_names(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = strings_of(c->arena, &c->self.list, false);
    return 0;
}

static int pairs_values(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = strings_of(c->arena, &c->self.list, true);
    return 0;
}

static int call_string(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    c->self.type->print(&c->self, &b);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static const struct tmpl_func pairs_methods[] = {
    {.name = "Names", .fn = pairs_names},
    {.name = "Values", .fn = pairs_values},
    {.name = "String", .fn = call_string},
};

static const struct tmpl_type pairs_alertmanager = {.name = "template.Pairs",
                                                    .kind = TMPL_LIST,
                                                    .elem = &type_pair,
                                                    .methods = pairs_methods,
                                                    .n_methods = ARRAY_LEN(pairs_methods),
                                                    .print = print_pairs};

static const struct tmpl_type pairs_notification_manager = {.name = "template.Pairs",
                                                            .kind = TMPL_LIST,
                                                            .elem = &type_pair,
                                                            .methods = pairs_methods,
                                                            .n_methods = 2};

static bool is_hidden(const struct tmpl_type *type, struct str name)
{
    return type == &kv_notification_manager && str_eq(name, HIDDEN_NAME);
}

static struct tmpl_value sorted_pairs(struct arena *a, const struct tmpl_value *kv)
{
    size_t n = kv->map ? kv->map->n : 0, used = 0;
    struct label *labels = arena_array(a, n + 1, sizeof *labels);
    struct tmpl_value *items = arena_array(a, n + 1, sizeof *items);
    const struct tmpl_value *first = tmpl_map_get(kv->map, FIRST_NAME);

    if (first)
        labels[used++] = (struct label){FIRST_NAME, first->s};
    for (size_t i = 0; i < n; i++) {
        const struct tmpl_pair *p = &kv->map->pairs[i];

        if (!str_eq(p->key, FIRST_NAME) && !is_hidden(kv->type, p->key))
            labels[used++] = (struct label){p->key, p->value.s};
    }
    for (size_t i = 0; i < used; i++)
        items[i] = tmpl_object(&type_pair, &labels[i]);
    return tmpl_list(kv->type == &kv_alertmanager ? &pairs_alertmanager
                                                  : &pairs_notification_manager,
                     items, used);
}

static int kv_sorted_pairs(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = sorted_pairs(c->arena, &c->self);
    return 0;
}

static int kv_names(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_value pairs = sorted_pairs(c->arena, &c->self);

    *ret = strings_of(c->arena, &pairs.list, false);
    return 0;
}

static int kv_values(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_value pairs = sorted_pairs(c->arena, &c->self);

    *ret = strings_of(c->arena, &pairs.list, true);
    return 0;
}

static bool is_listed(const struct tmpl_list *l, struct str s)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->items[i].s, s))
            return true;
    return false;
}

static int kv_remove(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_map *m = c->self.map;
    size_t n = m ? m->n : 0, used = 0;
    struct tmpl_pair *pairs = arena_array(c->arena, n + 1, sizeof *pairs);

    for (size_t i = 0; i < n; i++)
        if (!is_listed(&c->args[0].list, m->pairs[i].key))
            pairs[used++] = m->pairs[i];
    *ret = tmpl_map(c->arena, c->self.type, pairs, used);
    return 0;
}

static void print_kv(const struct tmpl_value *v, struct buf *out)
{
    struct arena a = {0};
    struct tmpl_value pairs = sorted_pairs(&a, v);

    print_pairs(&pairs, out);
    arena_deinit(&a);
}

/* String stands last: notification-manager's maps do not have it. */
static const struct tmpl_func kv_methods[] = {
    {.name = "SortedPairs", .fn = kv_sorted_pairs},
    {.name = "Names", .fn = kv_names},
    {.name = "Values", .fn = kv_values},
    {.name = "Remove", .fn = kv_remove, .params = {&tmpl_type_strings}},
    {.name = "String", .fn = call_string},
};

const struct tmpl_type kv_alertmanager = {.name = "template.KV",
                                          .kind = TMPL_MAP,
                                          .elem = &tmpl_type_string,
                                          .underlying = &tmpl_type_string_map,
                                          .methods = kv_methods,
                                          .n_methods = ARRAY_LEN(kv_methods),
                                          .print = print_kv};

const struct tmpl_type kv_notification_manager = {.name = "template.KV",
                                                  .kind = TMPL_MAP,
                                                  .elem = &tmpl_type_string,
                                                  .underlying = &tmpl_type_string_map,
                                                  .methods = kv_methods,
                                                  .n_methods = ARRAY_LEN(kv_methods) - 1};
