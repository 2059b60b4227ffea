/* SPDX-License-Identifier: Apache-2.0 */
#include "config/decode_priv.h"

#include <errno.h>

#include "base/mem.h"
#include "base/must.h"

#define IDLE_SIZE_MAX 512 /* bytes; no struct of an idle key is larger */

/* ---- fields -------------------------------------------------------------------------------- */

/* The place in the tree that messages show. Returns what to hand to leave(). */
static size_t enter(struct decoder *d, const char *key)
{
    size_t before = d->where.len;

    buf_addf(&d->where, "%s%s", before > 0 ? "." : "", key);
    return before;
}

static size_t enter_element(struct decoder *d, size_t i)
{
    size_t before = d->where.len;

    buf_addf(&d->where, "[%zu]", i);
    return before;
}

static void leave(struct decoder *d, size_t before)
{
    d->where.len = before;
    d->where.p[before] = '\0';
}

static void decode_url(struct decoder *d, const struct yaml_node *node, bool secret,
                       const char **ret)
{
    struct err why = {0};

    if (!is_text(d, node))
        return;
    if (secret)
        decoder_secret(d, node);
    /* A dump shows <secret>, and what was dumped can be read again. */
    if (!url_is_valid(node->text, &why) && !(secret && str_eq(node->text, STR("<secret>"))))
        decoder_wrong(d, node, "%s", why.msg);
    else
        *ret = decoder_text(d, node->text);
}

static void decode_texts(struct decoder *d, const struct field *f, const struct yaml_node *node,
                         const char ***ret, size_t *ret_n)
{
    const char **texts;

    if (!is_list(d, node))
        return;
    texts = arena_array(&d->config->arena, node->n + 1, sizeof *texts);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *v = node->values[i];
        size_t before = enter_element(d, i);

        texts[i] = "";
        if (yaml_is_null(v))
            decoder_expected(d, v, "a text");
        else if (is_text(d, v))
            texts[i] = f->kind == FIELD_PATHS ? decoder_path(d, v->text) : decoder_text(d, v->text);
        leave(d, before);
    }
    *ret = texts;
    *ret_n = node->n;
}

void decode_elements(struct decoder *d, const struct block *b, const char *when_null,
                     const struct yaml_node *list, void *objects, void *parent)
{
    for (size_t i = 0; i < list->n; i++) {
        char *object = (char *)objects + i * b->size;
        size_t before = enter_element(d, i);

        if (b->defaults)
            memcpy(object, b->defaults, b->size);
        if (when_null && yaml_is_null(list->values[i]))
            decoder_wrong_bare(d, list->values[i], "%s", when_null);
        else
            decode_block(d, b, list->values[i], object, parent);
        leave(d, before);
    }
}

static void decode_blocks(struct decoder *d, const struct field *f, const struct yaml_node *node,
                          void **ret, size_t *ret_n, void *parent)
{
    if (!is_list(d, node))
        return;
    *ret = arena_array(&d->config->arena, node->n + 1, f->block->size);
    *ret_n = node->n;
    decode_elements(d, f->block, f->when_null, node, *ret, parent);
}

static void *new_object(struct decoder *d, const struct block *b)
{
    void *object = arena_zalloc(&d->config->arena, b->size);

    if (b->defaults)
        memcpy(object, b->defaults, b->size);
    return object;
}

static void decode_scalar(struct decoder *d, const struct field *f, const struct yaml_node *node,
                          void *value)
{
    struct err why = {0};

    switch (f->kind) {
    case FIELD_BOOL:
        if (!scalar_bool(node, value))
            decoder_expected(d, node, "true or false");
        break;
    case FIELD_COUNT:
        if (!scalar_count(node, value))
            decoder_expected(d, node, "a whole number");
        break;
    case FIELD_NUMBER:
        if (!scalar_number(node, value))
            decoder_expected(d, node, "a number");
        break;
    case FIELD_DURATION:
        if (!is_text(d, node))
            return;
        if (!scalar_duration(node, value, &why))
            decoder_wrong(d, node, "%s", why.msg);
        break;
    case FIELD_GO_DURATION:
        if (!is_text(d, node))
            return;
        if (!scalar_go_duration(node, value, &why))
            decoder_wrong(d, node, "%s", why.msg);
        break;
    default:
        must(f->kind == FIELD_SIZE);
        if (!is_text(d, node))
            return;
        if (!scalar_size(node, value, &why))
            decoder_wrong(d, node, "%s", why.msg);
    }
}

void decode_field(struct decoder *d, const struct field *f, const struct yaml_node *node,
                  void *object)
{
    void *value = (char *)object + f->offset;
    size_t *count = (size_t *)((char *)object + f->count);

    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_SECRET:
        if (f->kind == FIELD_SECRET)
            decoder_secret(d, node);
        if (is_text(d, node))
            *(const char **)value = decoder_text(d, node->text);
        break;
    case FIELD_PATH:
        if (is_text(d, node))
            *(const char **)value = decoder_path(d, node->text);
        break;
    case FIELD_URL:
    case FIELD_SECRET_URL: decode_url(d, node, f->kind == FIELD_SECRET_URL, value); break;
    case FIELD_TEXTS:
    case FIELD_PATHS: decode_texts(d, f, node, value, count); break;
    case FIELD_BLOCK: decode_block(d, f->block, node, value, object); break;
    case FIELD_BLOCK_PTR:
        *(void **)value = new_object(d, f->block);
        decode_block(d, f->block, node, *(void **)value, object);
        break;
    case FIELD_BLOCKS: decode_blocks(d, f, node, value, count, object); break;
    case FIELD_READ: f->read(d, node, value, count); break;
    case FIELD_READ_BEFORE: break;
    default: decode_scalar(d, f, node, value);
    }
}

/* ---- blocks -------------------------------------------------------------------------------- */

static const struct field *find_field(const struct block *b, struct str key)
{
    for (size_t i = 0; i < b->n_fields; i++)
        if (str_eq_c(key, b->fields[i].key))
            return &b->fields[i];
    return NULL;
}

static bool is_value(const struct yaml_node *node, const char *wanted)
{
    bool truth;

    if (scalar_bool(node, &truth) && (strcmp(wanted, "true") == 0 || strcmp(wanted, "false") == 0))
        return truth == (strcmp(wanted, "true") == 0);
    return node->kind == YAML_SCALAR && str_eq_c(node->text, wanted);
}

/* Decoded for its type and its secrets only, into memory that nobody reads. */
static void decode_idle(struct decoder *d, const struct idle_key *idle,
                        const struct yaml_node *value)
{
    bool failed_before = d->failed;
    struct str text;

    d->failed = false;
    decode_field(d, &idle->field, value, arena_zalloc(&d->config->arena, IDLE_SIZE_MAX));
    if (!d->failed && idle->only && !is_value(value, idle->only)) {
        text = str_n(value->text.p, str_utf8_prefix(value->text, CONFIG_QUOTE_MAX));
        decoder_wrong_bare(d, value,
                           "\"%s: " STR_FMT "\" is known to %s but not carried out by this "
                           "version, expected %s",
                           idle->field.key, STR_ARG(text), idle->owner, idle->only);
    }
    d->failed = d->failed || failed_before;
}

static void unknown_key(struct decoder *d, const struct block *b, const struct yaml_node *key)
{
    CLEANUP(buf_free)
    struct buf words = {.max = CONFIG_WORDS_MAX};
    const char *near = keys_nearest(b, key->text);

    buf_addf(&words, "unknown key %s", shown(d, key->text));
    if (d->where.len > 0)
        buf_addf(&words, " in %s", d->where.p);
    if (near) {
        buf_addf(&words, ", did you mean \"%s\"?", near);
    } else {
        buf_add_c(&words, ", expected one of ");
        keys_list(b, &words);
    }
    decoder_wrong_bare(d, key, "%s", words.p);
}

void decode_under_key(struct decoder *d, const struct field *f, const struct yaml_node *node,
                      void *object)
{
    size_t before = enter(d, f->key);

    decode_field(d, f, node, object);
    leave(d, before);
}

static bool decode_carried_out(struct decoder *d, const struct block *b,
                               const struct yaml_node *key, const struct yaml_node *value,
                               void *object)
{
    const struct field *f = find_field(b, key->text);

    if (!f && b->also)
        return decode_carried_out(d, b->also, key, value, (char *)object + b->also_offset);
    if (!f)
        return false;
    if (!yaml_is_null(value))
        decode_under_key(d, f, value, object);
    return true;
}

static void decode_pair(struct decoder *d, const struct block *b, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    if (decode_carried_out(d, b, key, value, object))
        return;
    for (const struct block *in = b; in; in = in->also) {
        const struct idle_key *idle = keys_idle(in->name, key->text);
        const char *owner = keys_known(in->name, key->text);

        if (idle && !yaml_is_null(value)) {
            size_t before = enter(d, idle->field.key);

            decode_idle(d, idle, value);
            leave(d, before);
        }
        if (owner)
            decoder_refuse_known(d, key, value, owner);
        if (idle || owner)
            return;
    }
    unknown_key(d, b, key);
}

static void queue_check(struct decoder *d, block_check *check, void *object,
                        const struct yaml_node *node, void *parent)
{
    if (check)
        *VEC_PUSH(d->checks, d->n_checks,
                  d->cap_checks) = (struct queued_check){check, object, parent, node, d->doc};
}

void decode_block(struct decoder *d, const struct block *b, const struct yaml_node *node,
                  void *object, void *parent)
{
    if (!yaml_is_null(node) && !is_mapping(d, node))
        return;
    queue_check(d, b->check, object, node, parent);
    if (b->also)
        queue_check(d, b->also->check, (char *)object + b->also_offset, node, object);
    if (yaml_is_null(node))
        return;
    for (size_t i = 0; i < node->n && !d->config->arena.overflow; i++)
        decode_pair(d, b, node->keys[i], node->values[i], object);
}

static int too_large(struct decoder *d)
{
    return err_set(d->err, -E2BIG, "%s: needs more than %u bytes of memory", yaml_file(d->doc),
                   CONFIG_ARENA_MAX);
}

int decoder_finish(struct decoder *d)
{
    if (d->config->arena.overflow)
        return too_large(d);
    if (d->n_hidden > 0)
        return err_set(d->err, -EINVAL, "%s\nand %zu more errors", d->errors.p, d->n_hidden);
    if (d->failed)
        return err_set(d->err, -EINVAL, "%s", d->errors.p);
    for (size_t i = 0; i < d->n_checks; i++) {
        const struct queued_check *q = &d->checks[i];
        int r;

        d->doc = q->doc;
        r = q->check(d, q->object, q->node, q->parent);
        if (r < 0)
            return r;
        if (d->config->arena.overflow)
            return too_large(d);
    }
    return 0;
}
