/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relabel - the steps of relabel_configs (prometheus.md 4.2)
 *
 * Texts of the builder stay where they are until it is freed (its memory only grows), so values
 * read from it may be put back into it.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/regex.h"
#include "net/crypto.h"
#include "targets/targets.h"

static void join_sources(const struct label_builder *b, const struct config_relabel *s,
                         struct buf *out)
{
    for (size_t i = 0; i < s->n_source_labels; i++) {
        if (i)
            buf_add_c(out, s->separator);
        buf_add_str(out, label_builder_get(b, str_c(s->source_labels[i])));
    }
}

static void replace(struct label_builder *b, const struct config_relabel *s, struct str value)
{
    CLEANUP(buf_free) struct buf name = {0}, text = {0};

    if (!regex_expand(s->regex, value, str_c(s->target_label), &name) ||
        !label_name_is_valid(buf_str(&name)))
        return;
    regex_expand(s->regex, value, str_c(s->replacement), &text);
    label_builder_set(b, buf_str(&name), buf_str(&text));
}

/* ASCII letters only; others have no case in the languages of our sites. */
static void change_case(struct label_builder *b, const struct config_relabel *s, struct str value)
{
    int (*change)(int c) = s->action == RELABEL_LOWERCASE ? tolower : toupper;
    CLEANUP(buf_free) struct buf text = {0};

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.p[i];

        buf_add_byte(&text, (char)(c < 0x80 ? change(c) : c));
    }
    label_builder_set(b, str_c(s->target_label), buf_str(&text));
}

static void hashmod(struct label_builder *b, const struct config_relabel *s, struct str value)
{
    uint8_t digest[16];
    uint64_t last = 0;
    char text[24];
    int len;

    crypto_md5(value, digest);
    for (int i = 8; i < 16; i++)
        last = last << 8 | digest[i];
    len = snprintf(text, sizeof text, "%llu", (unsigned long long)(last % s->modulus));
    label_builder_set(b, str_c(s->target_label), str_n(text, (size_t)len));
}

static void map_name(struct label_builder *b, const struct config_relabel *s, struct label l)
{
    CLEANUP(buf_free) struct buf name = {0};

    if (regex_expand(s->regex, l.name, str_c(s->replacement), &name) &&
        label_name_is_valid(buf_str(&name)))
        label_builder_set(b, buf_str(&name), l.value);
}

/* The steps that look at names. A copy is walked, since the builder changes on the way. */
static void by_name(struct label_builder *b, const struct config_relabel *s)
{
    struct label_set *before = label_builder_build(b);

    for (size_t i = 0; i < label_set_count(before); i++) {
        struct label l = label_set_at(before, i);

        if (s->action == RELABEL_LABELMAP)
            map_name(b, s, l);
        else if (regex_match(s->regex, l.name) == (s->action == RELABEL_LABELDROP))
            label_builder_del(b, l.name);
    }
    label_set_unref(before);
}

static bool equals_target(const struct label_builder *b, const struct config_relabel *s,
                          struct str value)
{
    return str_eq(value, label_builder_get(b, str_c(s->target_label)));
}

/* Returns false when the label set is dropped. */
static bool relabel_step(struct label_builder *b, const struct config_relabel *s)
{
    CLEANUP(buf_free) struct buf joined = {0};
    struct str value;

    join_sources(b, s, &joined);
    value = buf_str(&joined);
    switch (s->action) {
    case RELABEL_REPLACE: replace(b, s, value); break;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE: change_case(b, s, value); break;
    case RELABEL_KEEP: return regex_match(s->regex, value);
    case RELABEL_DROP: return !regex_match(s->regex, value);
    case RELABEL_KEEPEQUAL: return equals_target(b, s, value);
    case RELABEL_DROPEQUAL: return !equals_target(b, s, value);
    case RELABEL_HASHMOD: hashmod(b, s, value); break;
    case RELABEL_LABELMAP:
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP: by_name(b, s); break;
    }
    return true;
}

int relabel(struct label_builder *b, const struct config_relabel *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!relabel_step(b, &steps[i]))
            return (int)i;
    return -1;
}
