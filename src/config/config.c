/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "config/config_priv.h"

#define MAX_EXEMPLARS_DEFAULT 100000

struct config_owned {
    struct config_owned *next; /* in the arena, like itself */
    enum owned_kind kind;
    const void *what;
};

void config_own(struct config *c, enum owned_kind kind, const void *what)
{
    struct config_owned *o = arena_alloc(&c->arena, sizeof *o);

    *o = (struct config_owned){c->owned, kind, what};
    c->owned = o;
}

static void release(const struct config_owned *o)
{
    switch (o->kind) {
    case OWNED_REGEX: regex_free((struct regex *)o->what); break;
    case OWNED_MATCHER: matcher_free((struct matcher *)o->what); break;
    case OWNED_LABELS: label_set_unref(o->what); break;
    }
}

struct config *config_ref(const struct config *c)
{
    struct config *own = (struct config *)c; /* only the count changes */

    __atomic_add_fetch(&own->refs, 1, __ATOMIC_RELAXED);
    return own;
}

void config_unref(const struct config *c)
{
    struct config *own = (struct config *)c;

    if (!own || __atomic_sub_fetch(&own->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (const struct config_owned *o = own->owned; o; o = o->next)
        release(o);
    arena_deinit(&own->arena);
    free(own);
}

/* "." for a file without a folder, so that paths stay as they are written. */
static struct str folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return STR(".");
    return slash == path ? STR("/") : str_n(path, (size_t)(slash - path));
}

static struct config *config_new(const char *path, struct str folder)
{
    struct config *c = mem_zalloc(sizeof *c);

    c->refs = 1;
    c->max_exemplars = MAX_EXEMPLARS_DEFAULT;
    arena_init(&c->arena, CONFIG_ARENA_MAX);
    c->path = arena_strdup(&c->arena, str_c(path));
    c->folder = arena_strdup(&c->arena, folder);
    return c;
}

static int decode(struct decoder *d, const struct yaml_node *root)
{
    const struct field global = {.key = "global", .kind = FIELD_BLOCK, .block = &global_block};

    d->global = (struct global){.resolve_timeout = 5 * 60 * 1000,
                                .http = {.follow_redirects = true}};
    decode_under_key(d, &global, yaml_get(root, "global"), &d->global);
    decode_jobs(d, root);
    decode_block(d, &top_block, root, d->config, NULL);
    return decoder_finish(d);
}

static int set_text(struct decoder *d, const struct yaml_node *root)
{
    CLEANUP(buf_free)
    struct buf text = {.max = 2 * CONFIG_EXPANDED_MAX};

    config_write_text(d, root, &text);
    if (text.overflow)
        return err_set(d->err, -E2BIG, "%s: larger than %u bytes when it is written out",
                       yaml_file(d->doc), 2 * CONFIG_EXPANDED_MAX);
    d->config->text = decoder_text(d, buf_str(&text));
    return 0;
}

static int parse(const char *name, const char *path, struct str text, struct config **ret,
                 struct err *err)
{
    CLEANUP(config_unrefp)
    struct config *c = config_new(path, folder_of(name));
    CLEANUP(yaml_doc_freep)
    struct yaml_doc *doc = NULL;
    CLEANUP(decoder_deinit)
    struct decoder d = {0};
    const struct yaml_node *root;
    int r;

    r = yaml_parse(name, text, &doc, err);
    if (r < 0)
        return r;
    root = yaml_root(doc, 0); /* a second document is not read, as in Prometheus and Alertmanager */
    if (root && expanded_bytes(root) > CONFIG_EXPANDED_MAX)
        return err_set(err, -E2BIG, "%s: more than %u bytes after aliases are expanded", name,
                       CONFIG_EXPANDED_MAX);
    decoder_init(&d, c, doc, err);
    r = decode(&d, root);
    if (r == 0)
        r = set_text(&d, root);
    if (r < 0)
        return r;
    *ret = TAKE(c);
    return 0;
}

int config_parse(const char *path_for_messages, struct str text, struct config **ret,
                 struct err *err)
{
    return parse(path_for_messages, "", text, ret, err);
}

int config_load(const char *path, struct config **ret, struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    int r = file_read(path, YAML_BYTES_MAX, &text, err);

    return r < 0 ? r : parse(path, path, buf_str(&text), ret, err);
}
