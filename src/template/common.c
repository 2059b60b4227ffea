/* SPDX-License-Identifier: Apache-2.0 */
#include "template/common_priv.h"

#include "base/regex.h"
#include "template/text_priv.h"

static int convert(struct tmpl_call *c, void (*add)(struct buf *, struct str),
                   struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    add(&b, c->args[0].s);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

int common_to_upper(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return convert(c, text_add_upper, ret, err);
}

int common_to_lower(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return convert(c, text_add_lower, ret, err);
}

static void add_title(struct buf *b, struct str s)
{
    text_add_title(b, s, true);
}

static void add_title_keep(struct buf *b, struct str s)
{
    text_add_title(b, s, false);
}

int common_title(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return convert(c, add_title, ret, err);
}

int common_title_keep(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return convert(c, add_title_keep, ret, err);
}

int common_match(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    CLEANUP(regex_freep) struct regex *re = NULL;
    int r = regex_new(c->args[0].s, REGEX_SEARCH, &re, err);

    if (r < 0)
        return err_in(err, r, "error parsing regexp");
    *ret = tmpl_bool(regex_match(re, c->args[1].s));
    return 0;
}

int common_replace(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    CLEANUP(regex_freep) struct regex *re = NULL;
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = regex_new(c->args[0].s, REGEX_SEARCH, &re, err);

    if (r < 0)
        return err_in(err, r, "regexp: Compile(`" STR_FMT "`): error parsing regexp",
                      STR_ARG(c->args[0].s));
    regex_replace_all(re, c->args[2].s, c->args[1].s, &b);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

int common_join(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_list *l = &c->args[1].list;
    struct buf b = {.max = TMPL_STRING_MAX};

    for (size_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_add_str(&b, c->args[0].s);
        buf_add_str(&b, l->items[i].s);
    }
    return tmpl_take_buf(c->arena, &b, ret, err);
}

/* Without arguments it gives Go's nil slice. */
int common_string_slice(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_list(&tmpl_type_strings, c->n > 0 ? c->args : NULL, c->n);
    return 0;
}

int common_safe_html(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = (struct tmpl_value){.type = &tmpl_type_html, .s = c->args[0].s};
    return 0;
}
