/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

static const char default_regex[] = "(.*)", default_separator[] = ";", default_replacement[] = "$1";

static const struct config_relabel relabel_defaults = {
    .separator = default_separator,
    .target_label = "",
    .replacement = default_replacement,
    .action = RELABEL_REPLACE,
};

const char *const relabel_action_names[] = {
    [RELABEL_REPLACE] = "replace",     [RELABEL_LOWERCASE] = "lowercase",
    [RELABEL_UPPERCASE] = "uppercase", [RELABEL_KEEP] = "keep",
    [RELABEL_DROP] = "drop",           [RELABEL_KEEPEQUAL] = "keepequal",
    [RELABEL_DROPEQUAL] = "dropequal", [RELABEL_HASHMOD] = "hashmod",
    [RELABEL_LABELMAP] = "labelmap",   [RELABEL_LABELDROP] = "labeldrop",
    [RELABEL_LABELKEEP] = "labelkeep",
};

static void read_action(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (!is_text(d, node))
        return;
    for (size_t i = 0; i < ARRAY_LEN(relabel_action_names); i++)
        if (str_eq_nocase(node->text, str_c(relabel_action_names[i]))) {
            *(enum relabel_action *)value = (enum relabel_action)i;
            return;
        }
    if (node->text.len == 0)
        decoder_wrong(d, node, "relabel action cannot be empty");
    else
        decoder_wrong(d, node, "unknown relabel action %s", shown(d, node->text));
}

static void read_regex(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (is_text(d, node))
        *(struct regex **)value = decoder_regex(d, node, node->text, REGEX_ANCHORED);
}

static bool is_default(const char *value, const char *standard)
{
    return strcmp(value, standard) == 0;
}

static bool has_default_regex(const struct config_relabel *r)
{
    return str_eq_c(regex_pattern(r->regex), default_regex);
}

static bool is_in(enum relabel_action action, unsigned set)
{
    return set & (1u << action);
}

static int check_labels(struct decoder *d, const struct config_relabel *r,
                        const struct yaml_node *node)
{
    for (size_t i = 0; i < r->n_source_labels; i++)
        if (!label_name_is_valid(str_c(r->source_labels[i])))
            return decoder_fail(d, place_of(node, "source_labels"),
                                "\"%s\" is not a valid label name", r->source_labels[i]);
    return 0;
}

/* Which fields each action needs and which it must not have. */
static int check_fields(struct decoder *d, const struct config_relabel *r,
                        const struct yaml_node *node)
{
    const char *action = relabel_action_names[r->action];
    unsigned targeted = 1u << RELABEL_REPLACE | 1u << RELABEL_KEEPEQUAL | 1u << RELABEL_DROPEQUAL |
                        1u << RELABEL_HASHMOD | 1u << RELABEL_LOWERCASE | 1u << RELABEL_UPPERCASE;
    unsigned cased = 1u << RELABEL_LOWERCASE | 1u << RELABEL_UPPERCASE;
    unsigned equal = 1u << RELABEL_KEEPEQUAL | 1u << RELABEL_DROPEQUAL;
    unsigned name_only = 1u << RELABEL_LABELDROP | 1u << RELABEL_LABELKEEP;
    bool plain = r->modulus == 0 && is_default(r->separator, default_separator) &&
                 is_default(r->replacement, default_replacement);

    if (r->action == RELABEL_HASHMOD && r->modulus == 0)
        return decoder_fail(d, node, "relabel configuration for hashmod requires non-zero modulus");
    if (is_in(r->action, targeted) && !is_given(r->target_label))
        return decoder_fail(
            d, node, "relabel configuration for %s action requires 'target_label' value", action);
    if (is_in(r->action, targeted) && !label_name_is_valid(str_c(r->target_label)))
        return decoder_fail(d, place_of(node, "target_label"),
                            "\"%s\" is invalid 'target_label' for %s action", r->target_label,
                            action);
    if (is_in(r->action, cased | equal) && !is_default(r->replacement, default_replacement))
        return decoder_fail(d, place_of(node, "replacement"),
                            "'replacement' can not be set for %s action", action);
    if (r->action == RELABEL_LABELMAP && !label_name_is_valid(str_c(r->replacement)))
        return decoder_fail(d, place_of(node, "replacement"),
                            "\"%s\" is invalid 'replacement' for labelmap "
                            "action",
                            r->replacement);
    if (is_in(r->action, equal) && !(plain && has_default_regex(r)))
        return decoder_fail(d, node,
                            "%s action requires only 'source_labels' and `target_label`, and no "
                            "other fields",
                            action);
    if (is_in(r->action, name_only) && !(plain && !r->source_labels && !is_given(r->target_label)))
        return decoder_fail(d, node, "%s action requires only 'regex', and no other fields",
                            action);
    return 0;
}

/* Here, and only here, a key without a value is not as good as none: `replacement:` is how people
 * write "remove the label", and Prometheus takes it so. */
static void take_empty(struct config_relabel *r, const struct yaml_node *node)
{
    struct {
        const char *key;
        const char **value;
    } texts[] = {{"separator", &r->separator}, {"replacement", &r->replacement}};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (yaml_get(node, texts[i].key) && !has_key(node, texts[i].key))
            *texts[i].value = "";
}

/* The two patterns that steps without a regex have are compiled once. */
static int take_standard_regex(struct decoder *d, struct config_relabel *r,
                               const struct yaml_node *node)
{
    bool empty = yaml_get(node, "regex");
    struct regex **standard = empty ? &d->empty_regex : &d->any_regex;
    struct err why = {0};

    if (!*standard) {
        if (regex_new(str_c(empty ? "" : default_regex), REGEX_ANCHORED, standard, &why) < 0)
            return decoder_fail(d, node, "%s", why.msg);
        config_own(d->config, OWNED_REGEX, *standard);
    }
    r->regex = *standard;
    return 0;
}

static int check_relabel(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_relabel *r = object;
    int ret = 0;

    r->line = node->line;
    take_empty(r, node);
    if (yaml_get(node, "action") && !has_key(node, "action"))
        return decoder_fail(d, place_of(node, "action"), "relabel action cannot be empty");
    if (!r->regex)
        ret = take_standard_regex(d, r, node);
    if (ret == 0)
        ret = check_labels(d, r, node);
    return ret < 0 ? ret : check_fields(d, r, node);
}

static const struct field relabel_fields[] = {
    TEXTS("source_labels", struct config_relabel, source_labels),
    TEXT("separator", struct config_relabel, separator),
    TEXT("target_label", struct config_relabel, target_label),
    READ("regex", struct config_relabel, regex, struct regex *, read_regex),
    COUNT("modulus", struct config_relabel, modulus),
    TEXT("replacement", struct config_relabel, replacement),
    READ("action", struct config_relabel, action, enum relabel_action, read_action),
};
const struct block relabel_block = {
    .name = "relabel step",
    FIELDS(relabel_fields),
    .size = sizeof(struct config_relabel),
    .defaults = &relabel_defaults,
    .check = check_relabel,
};
