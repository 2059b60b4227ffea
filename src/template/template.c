/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "template/ast_priv.h"

static const struct tmpl_func *find_in(const struct tmpl_functions *f, struct str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq_c(name, f->funcs[i].name))
            return &f->funcs[i];
    return NULL;
}

const struct tmpl_func *function_find(const struct tmpl_functions *f, struct str name)
{
    for (; f; f = f->next) {
        const struct tmpl_func *found = find_in(f, name);

        if (found)
            return found;
    }
    return find_in(&builtin_functions, name);
}

/* Copies name and text into the source's own arena. */
static void source_init(struct source *src, struct str name, struct str text)
{
    arena_init(&src->arena, 0);
    src->name = arena_str(&src->arena, name);
    src->text = text.len > TMPL_TEXT_MAX ? (struct str){"", text.len}
                                         : arena_str(&src->arena, text);
}

/* ---- sets ---------------------------------------------------------------------------------- */

struct template_set *template_set_new(const struct tmpl_functions *functions)
{
    struct template_set *set = mem_zalloc(sizeof *set);

    atomic_init(&set->refs, 1);
    set->functions = functions;
    return set;
}

struct template_set *template_set_ref(struct template_set *set)
{
    atomic_fetch_add(&set->refs, 1);
    return set;
}

void template_set_unref(struct template_set *set)
{
    if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    while (set->newest) {
        struct source *src = set->newest;

        set->newest = src->next;
        arena_deinit(&src->arena);
        mem_freep(&src);
    }
    mem_freep(&set);
}

int template_set_add(struct template_set *set, struct str name, struct str text, struct err *err)
{
    struct source *src = mem_zalloc(sizeof *src);
    int r;

    source_init(src, name, text);
    r = source_parse(src, set->functions, err);
    if (r < 0) {
        arena_deinit(&src->arena);
        mem_freep(&src);
        return r;
    }
    src->next = set->newest;
    set->newest = src;
    return 0;
}

static const struct tree *tree_in(const struct source *src, struct str name)
{
    for (const struct tree *t = src->trees; t; t = t->next)
        if (str_eq(t->name, name))
            return t;
    return NULL;
}

/* The newest definition that is not blank; the oldest one when all are. */
const struct tree *template_tree(const struct template *t, struct str name)
{
    const struct tree *found = tree_in(&t->source, name), *older;

    if (found && !node_is_blank(found->root))
        return found;
    for (const struct source *src = t->set->newest; src; src = src->next) {
        older = tree_in(src, name);
        if (older)
            found = older;
        if (older && !node_is_blank(older->root))
            break;
    }
    return found;
}

/* ---- templates ----------------------------------------------------------------------------- */

int template_parse(struct template_set *set, struct str name, struct str text,
                   struct template **ret, struct err *err)
{
    struct template *t = mem_zalloc(sizeof *t);
    int r;

    atomic_init(&t->refs, 1);
    t->set = template_set_ref(set);
    source_init(&t->source, name, text);
    r = source_parse(&t->source, set->functions, err);
    if (r < 0)
        template_unref(t);
    else
        *ret = t;
    return r;
}

struct template *template_ref(struct template *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void template_unref(struct template *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    arena_deinit(&t->source.arena);
    template_set_unref(t->set);
    mem_freep(&t);
}
