/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/quote.h"

#define MORE_ERRORS_ROOM 48 /* bytes for "and N more errors" */

void decoder_init(struct decoder *d, struct config *c, const struct yaml_doc *doc, struct err *err)
{
    *d = (struct decoder){.config = c, .doc = doc, .folder = c->folder, .err = err};
    d->errors.max = ERR_MSG_MAX - MORE_ERRORS_ROOM;
}

void decoder_deinit(struct decoder *d)
{
    for (size_t i = 0; i < d->n_docs; i++)
        yaml_doc_free(d->docs[i]);
    free(d->docs);
    free(d->checks);
    free(d->secrets);
    buf_free(&d->where);
    buf_free(&d->errors);
    map_deinit(&d->job_names);
    map_deinit(&d->receiver_names);
    map_deinit(&d->intervals);
}

/* ---- errors -------------------------------------------------------------------------------- */

/* A line that does not fit hides the later ones too: the list is told from its beginning, in order.
 */
static void note(struct decoder *d, const struct yaml_node *at, const char *words)
{
    struct err line = {0};
    size_t len;

    d->failed = true;
    yaml_error(d->doc, at, &line, "%s", words);
    len = strlen(line.msg) + 1;
    if (d->n_hidden > 0 || (d->errors.len > 0 && d->errors.len + len > d->errors.max)) {
        d->n_hidden++;
        return;
    }
    if (d->errors.len > 0)
        buf_add_byte(&d->errors, '\n');
    buf_add_c(&d->errors, line.msg);
}

void decoder_wrong(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
{
    CLEANUP(buf_free)
    struct buf words = {.max = CONFIG_WORDS_MAX};
    va_list ap;

    if (d->where.len > 0)
        buf_addf(&words, "%s: ", d->where.p);
    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    note(d, at, buf_str(&words).p);
}

void decoder_wrong_bare(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
{
    CLEANUP(buf_free)
    struct buf words = {.max = CONFIG_WORDS_MAX};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    note(d, at, buf_str(&words).p);
}

int decoder_fail(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
{
    CLEANUP(buf_free)
    struct buf words = {.max = CONFIG_WORDS_MAX};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    return yaml_error(d->doc, at, d->err, "%s", buf_str(&words).p);
}

const char *shown(struct decoder *d, struct str s)
{
    CLEANUP(buf_free)
    struct buf out = {0};
    size_t len = str_utf8_prefix(s, CONFIG_QUOTE_MAX);

    quote_add_go(&out, str_n(s.p, len));
    if (len < s.len)
        buf_add_c(&out, "...");
    return decoder_text(d, buf_str(&out));
}

void decoder_expected(struct decoder *d, const struct yaml_node *at, const char *expected)
{
    if (yaml_is_null(at))
        decoder_wrong(d, at, "found nothing, expected %s", expected);
    else if (at->kind == YAML_SEQUENCE)
        decoder_wrong(d, at, "found a list, expected %s", expected);
    else if (at->kind == YAML_MAPPING)
        decoder_wrong(d, at, "found a mapping, expected %s", expected);
    else
        decoder_wrong(d, at, "found %s%s, expected %s", at->quoted ? "the text " : "",
                      shown(d, at->text), expected);
}

static bool is_empty_list(const struct yaml_node *node)
{
    return node->kind == YAML_SEQUENCE && node->n == 0;
}

void decoder_refuse_known(struct decoder *d, const struct yaml_node *key,
                          const struct yaml_node *value, const char *owner)
{
    if (!yaml_is_null(value) && !is_empty_list(value))
        decoder_wrong_bare(d, key, "%s is known to %s but not carried out by this version",
                           shown(d, key->text), owner);
}

/* ---- small questions ----------------------------------------------------------------------- */

bool is_mapping(struct decoder *d, const struct yaml_node *node)
{
    if (node->kind == YAML_MAPPING)
        return true;
    decoder_expected(d, node, "a mapping");
    return false;
}

bool is_list(struct decoder *d, const struct yaml_node *node)
{
    if (node->kind == YAML_SEQUENCE)
        return true;
    decoder_expected(d, node, "a list");
    return false;
}

bool glob_is_in_last_part(struct str path)
{
    size_t star = str_find(path, STR("*"));

    return !memchr(path.p + star, '/', path.len - star);
}

bool is_text(struct decoder *d, const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR)
        decoder_expected(d, node, "a text");
    else if (memchr(node->text.p, '\0', node->text.len))
        decoder_wrong(d, node, "found a zero byte in a text");
    else
        return true;
    return false;
}

const struct yaml_node *place_of(const struct yaml_node *block, const char *key)
{
    const struct yaml_node *value = yaml_get(block, key);

    return value ? value : block;
}

bool has_key(const struct yaml_node *block, const char *key)
{
    return !yaml_is_null(yaml_get(block, key));
}

int at_most_one(struct decoder *d, const struct yaml_node *block, const char *one,
                const char *other)
{
    if (has_key(block, one) && has_key(block, other))
        return decoder_fail(d, place_of(block, other), "at most one of %s & %s must be configured",
                            one, other);
    return 0;
}

static bool name_eq(const void *key, const void *value)
{
    return strcmp(key, value) == 0;
}

bool name_is_in(const struct map *names, const char *name)
{
    return map_get(names, hash_bytes(name, strlen(name)), name_eq, name);
}

bool name_add(struct map *names, const char *name)
{
    if (name_is_in(names, name))
        return false;
    map_add(names, hash_bytes(name, strlen(name)), (void *)name);
    return true;
}

size_t expanded_bytes(const struct yaml_node *node)
{
    size_t sum = node->kind == YAML_SCALAR ? node->text.len : 0;

    for (size_t i = 0; node->kind != YAML_SCALAR && i < node->n && sum <= CONFIG_EXPANDED_MAX;
         i++) {
        if (node->kind == YAML_MAPPING)
            sum += node->keys[i]->text.len;
        sum += expanded_bytes(node->values[i]);
    }
    return sum;
}

/* ---- what decoding yields ------------------------------------------------------------------ */

void decoder_secret(struct decoder *d, const struct yaml_node *node)
{
    *VEC_PUSH(d->secrets, d->n_secrets, d->cap_secrets) = node;
}

const char *decoder_text(struct decoder *d, struct str s)
{
    return arena_strdup(&d->config->arena, s);
}

/* Appends one component of a path; ".." takes the one before it away, if that is no ".." itself. */
static void add_component(struct buf *out, struct str part, bool absolute)
{
    struct str so_far = buf_str(out);
    size_t last = so_far.len;

    if (part.len == 0 || str_eq(part, STR(".")))
        return;
    while (last > 0 && so_far.p[last - 1] != '/')
        last--;
    if (str_eq(part, STR(".."))) {
        if (absolute && so_far.len == 1)
            return;
        if (so_far.len > last && !str_eq(str_n(so_far.p + last, so_far.len - last), STR(".."))) {
            out->len = last > 1 ? last - 1 : last;
            return;
        }
    }
    if (so_far.len > 0 && so_far.p[so_far.len - 1] != '/')
        buf_add_byte(out, '/');
    buf_add_str(out, part);
}

/*
 * The path as it will be opened, without "." and "..": names of rule files become part of a group's
 * identity, so "rules.yml" and "./rules.yml" have to be the same one.
 */
const char *decoder_path(struct decoder *d, struct str s)
{
    CLEANUP(buf_free)
    struct buf out = {0};
    struct str parts[2] = {str_c(d->folder), s};
    bool absolute = s.len > 0 && s.p[0] == '/';

    if (s.len == 0)
        return "";
    if (absolute)
        parts[0] = STR("/");
    absolute = absolute || d->folder[0] == '/';
    if (absolute)
        buf_add_byte(&out, '/');
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        while (parts[i].len > 0)
            add_component(&out, str_cut(&parts[i], '/'), absolute);
    return out.len > 0 ? decoder_text(d, buf_str(&out)) : ".";
}

bool decoder_may_compile(struct decoder *d, const struct yaml_node *at, size_t n)
{
    d->n_regex += n;
    if (d->n_regex <= CONFIG_REGEX_MAX)
        return true;
    if (d->n_regex - n <= CONFIG_REGEX_MAX)
        decoder_wrong_bare(d, at, "more than %d relabel steps and matchers", CONFIG_REGEX_MAX);
    return false;
}

struct regex *decoder_regex(struct decoder *d, const struct yaml_node *at, struct str pattern,
                            enum regex_flags flags)
{
    struct regex *re;
    struct err why = {0};

    if (!decoder_may_compile(d, at, 1))
        return NULL;
    if (regex_new(pattern, flags, &re, &why) < 0) {
        decoder_wrong(d, at, "%s is no regular expression: %s", shown(d, pattern), why.msg);
        return NULL;
    }
    config_own(d->config, OWNED_REGEX, re);
    return re;
}

uint64_t decoder_hash(const struct decoder *d, const struct yaml_node *node)
{
    CLEANUP(buf_free) struct buf text = {0};
    const char *file = yaml_file(d->doc);

    if (node)
        yaml_to_json(node, &text);
    return hash_mix(hash_bytes(file, strlen(file)), hash_bytes(text.p, text.len));
}
