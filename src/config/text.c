/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as people may see it. Written anew from the tree instead of masked in place:
 * comments, where old passwords like to stay, are left out, and no secret can hide in a style of
 * quoting.
 */
#include "config/config_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define SIMPLE_KEY_MAX 128 /* bytes; YAML allows 1024 characters, escapes counted as written */

struct writer {
    struct decoder *d; /* its secrets are sorted by address */
    struct buf *out;
};

static int cmp_pointers(const void *a, const void *b)
{
    const struct yaml_node *x = *(const struct yaml_node *const *)a;
    const struct yaml_node *y = *(const struct yaml_node *const *)b;

    return (x > y) - (x < y);
}

static bool is_secret(const struct writer *w, const struct yaml_node *node)
{
    return w->d->n_secrets > 0 &&
           bsearch(&node, w->d->secrets, w->d->n_secrets, sizeof *w->d->secrets, cmp_pointers);
}

/* What YAML takes for the end of a line, or does not let stand as it is. */
static bool must_be_escaped(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

static void write_quoted(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    while (s.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(s, &c);

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", (char)c);
        else if (c == '\n')
            buf_add_c(out, "\\n");
        else if (c == '\t')
            buf_add_c(out, "\\t");
        else if (must_be_escaped(c))
            buf_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
        else
            buf_add(out, s.p, n);
        s = str_n(s.p + n, s.len - n);
    }
    buf_add_byte(out, '"');
}

static bool is_one_line(struct str s)
{
    while (s.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(s, &c);

        if (must_be_escaped(c) && c != '\t')
            return false;
        s = str_n(s.p + n, s.len - n);
    }
    return true;
}

/* A plain scalar is written as it was: quotes would make a text of a number. Over several lines it
 * cannot be anything but a text. */
static void write_scalar(struct writer *w, const struct yaml_node *node)
{
    if (is_secret(w, node))
        buf_add_c(w->out, "<secret>");
    else if (node->quoted || !is_one_line(node->text))
        write_quoted(w->out, node->text);
    else
        buf_add_str(w->out, node->text);
}

static void indent(struct writer *w, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_add_c(w->out, "  ");
}

static void write_key(struct writer *w, const struct yaml_node *key, int depth)
{
    bool simple = key->text.len <= SIMPLE_KEY_MAX;

    if (!simple)
        buf_add_c(w->out, "? ");
    if (key->text.len == 0)
        buf_add_c(w->out, "\"\"");
    else
        write_scalar(w, key);
    if (!simple) {
        buf_add_byte(w->out, '\n');
        indent(w, depth);
    }
    buf_add_byte(w->out, ':');
}

static void write_node(struct writer *w, const struct yaml_node *node, int depth, bool at_dash);

/* Behind "key:" or "-". */
static void write_value(struct writer *w, const struct yaml_node *node, int depth, bool behind_dash)
{
    if (node->kind == YAML_SCALAR) {
        if (node->quoted || node->text.len > 0)
            buf_add_byte(w->out, ' ');
        write_scalar(w, node);
        buf_add_byte(w->out, '\n');
    } else if (node->n == 0) {
        buf_add_c(w->out, node->kind == YAML_SEQUENCE ? " []\n" : " {}\n");
    } else if (behind_dash) {
        buf_add_byte(w->out, ' ');
        write_node(w, node, depth + 1, true);
    } else {
        buf_add_byte(w->out, '\n');
        write_node(w, node, node->kind == YAML_SEQUENCE ? depth : depth + 1, false);
    }
}

/* at_dash: the first line goes on behind "- ". */
static void write_node(struct writer *w, const struct yaml_node *node, int depth, bool at_dash)
{
    for (size_t i = 0; i < node->n && !w->out->overflow; i++) {
        if (i > 0 || !at_dash)
            indent(w, depth);
        if (node->kind == YAML_SEQUENCE) {
            buf_add_byte(w->out, '-');
        } else {
            write_key(w, node->keys[i], depth);
        }
        write_value(w, node->values[i], depth, node->kind == YAML_SEQUENCE);
    }
}

void config_write_text(struct decoder *d, const struct yaml_node *root, struct buf *out)
{
    struct writer w = {d, out};

    if (d->n_secrets > 0)
        qsort(d->secrets, d->n_secrets, sizeof *d->secrets, cmp_pointers);
    if (root && root->kind == YAML_MAPPING)
        write_node(&w, root, 0, false);
}
