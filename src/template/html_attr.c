/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attribute's value is to a browser.
 */
#include "template/html_priv.h"
#include "template/text_priv.h"

static const char *const url_attrs[] = {
    "action", "archive",    "background", "cite",   "classid",  "codebase",
    "data",   "formaction", "href",       "icon",   "longdesc", "manifest",
    "poster", "profile",    "src",        "usemap", "xmlns",
};

/* Their names hold "src" but no URL. */
static const char *const plain_attrs[] = {"srcdoc", "srclang"};

static bool is_in(struct str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(s, list[i]))
            return true;
    return false;
}

static bool contains(struct str s, struct str what)
{
    return str_find(s, what) < s.len;
}

static enum html_attr type_of(struct str name)
{
    struct str prefix = name, rest;

    if (str_has_prefix(name, STR("data-"))) {
        name = str_n(name.p + 5, name.len - 5); /* data-href is treated like href */
    } else if (contains(name, STR(":"))) {
        rest = name;
        prefix = str_cut(&rest, ':');
        if (str_eq_c(prefix, "xmlns"))
            return ATTR_URL;
        name = rest;
    }
    if (str_eq_c(name, "style"))
        return ATTR_STYLE;
    if (str_eq_c(name, "srcset"))
        return ATTR_SRCSET;
    if (is_in(name, url_attrs, ARRAY_LEN(url_attrs)))
        return ATTR_URL;
    if (is_in(name, plain_attrs, ARRAY_LEN(plain_attrs)))
        return ATTR_NONE;
    if (str_has_prefix(name, STR("on")))
        return ATTR_SCRIPT;
    if (contains(name, STR("src")) || contains(name, STR("uri")) || contains(name, STR("url")))
        return ATTR_URL; /* a guess: people keep URLs in attributes called like this */
    return ATTR_NONE;
}

enum html_attr html_attr_type(struct str name, enum html_element element)
{
    struct buf lower = {0};
    enum html_attr type;

    text_add_lower(&lower, name);
    if (element == ELEMENT_SCRIPT && str_eq_c(buf_str(&lower), "type"))
        type = ATTR_SCRIPT_TYPE;
    else
        type = type_of(buf_str(&lower));
    buf_free(&lower);
    return type;
}
