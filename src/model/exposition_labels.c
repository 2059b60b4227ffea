/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels of one series or exemplar. The raw text was cut out by the reader, so its braces and
 * quotes match.
 *
 * Text 0.0.4 takes blanks anywhere and does without commas, because Prometheus does; OpenMetrics
 * does neither. A quoted text without a value is the metric's name, {"my.metric",a="b"}; it may
 * stand at any place.
 */
#include <errno.h>

#include "base/num.h"
#include "model/exposition_priv.h"

struct label_reader {
    const struct exposition_reader *page;
    const char *p, *end;
    bool is_exemplar;
    bool named;              /* the metric's name was seen */
    bool named_before;       /* it stands before the braces */
    struct str name;         /* of the metric, escapes as written */
    struct label_builder *b; /* NULL: only check */
    struct buf scratch;      /* for texts with escapes */
    struct err *err;
};

void exposition_unescape(struct str text, struct buf *out)
{
    while (text.len > 0) {
        const char *back = memchr(text.p, '\\', text.len);
        size_t plain = back ? (size_t)(back - text.p) : text.len;
        char next = plain + 1 < text.len ? text.p[plain + 1] : '\0';

        buf_add(out, text.p, plain);
        if (!back)
            return;
        if (next == 'n' || next == '\\' || next == '"') {
            buf_add_byte(out, next == 'n' ? '\n' : next);
            plain++;
        } else {
            buf_add_byte(out, '\\');
        }
        text = str_n(text.p + plain + 1, text.len - plain - 1);
    }
}

/* The text itself or, when it has escapes, what they stand for: valid until the next call. */
static struct str plain_text(struct label_reader *l, struct str text)
{
    if (text.len == 0 || !memchr(text.p, '\\', text.len))
        return text;
    buf_reset(&l->scratch);
    exposition_unescape(text, &l->scratch);
    return buf_str(&l->scratch);
}

static void skip_blanks(struct label_reader *l)
{
    if (l->page->format == EXPOSITION_TEXT)
        while (l->p < l->end && (*l->p == ' ' || *l->p == '\t'))
            l->p++;
}

static bool take(struct label_reader *l, char c)
{
    skip_blanks(l);
    if (l->p == l->end || *l->p != c)
        return false;
    l->p++;
    return true;
}

/* Text in quotes, without them. */
static bool take_quoted(struct label_reader *l, struct str *ret)
{
    const char *at, *behind;

    skip_blanks(l);
    at = l->p;
    if (at == l->end || *at != '"')
        return false;
    behind = exposition_quoted_end(at, l->end);
    if (!behind)
        return false;
    l->p = behind;
    *ret = str_n(at + 1, (size_t)(behind - at) - 2);
    return true;
}

static bool take_bare(struct label_reader *l, struct str *ret)
{
    const char *at;

    skip_blanks(l);
    at = l->p;
    if (at == l->end || !(exposition_bytes[(unsigned char)*at] & BYTE_LABEL_FIRST))
        return false;
    while (l->p < l->end && exposition_bytes[(unsigned char)*l->p] & BYTE_LABEL)
        l->p++;
    *ret = str_n(at, (size_t)(l->p - at));
    return true;
}

static int fail(struct label_reader *l, const char *expected)
{
    struct str rest = str_n(l->p, (size_t)(l->end - l->p));

    return exposition_error(l->page, l->err, "expected %s at \"%.*s\"", expected,
                            (int)str_utf8_prefix(rest, 32), rest.p);
}

static int add(struct label_reader *l, struct str name, struct str value)
{
    if (label_builder_get(l->b, name).len > 0)
        return exposition_error(l->page, l->err, "label \"%.*s\" occurs twice",
                                (int)str_utf8_prefix(name, 64), name.p);
    label_builder_set(l->b, name, value);
    return 0;
}

/* Whether the series is of the family of the last TYPE line: has its name, maybe with a suffix. */
static bool is_of_family(const struct label_reader *l)
{
    const struct exposition_reader *r = l->page;

    return r->family_name.len > 0 && str_has_prefix(l->name, r->family_name);
}

/*
 * Bounds are numbers that every client writes in its own way: "1" and "1.0" must be one series. The
 * form is that of OpenMetrics, Go's shortest with ".0" where it would look whole.
 */
static struct str normal_bound(struct label_reader *l, struct str name, struct str value,
                               char out[NUM_TEXT_MAX + 2])
{
    enum metric_type type = l->page->family_type;
    bool is_le = type == METRIC_HISTOGRAM && str_eq(name, STR("le"));
    bool is_quantile = type == METRIC_SUMMARY && str_eq(name, STR("quantile"));
    double v;
    size_t n;

    if (l->is_exemplar || (!is_le && !is_quantile) || !is_of_family(l) ||
        !num_parse_double(value, &v))
        return value;
    n = num_format_short(v, out);
    if (v - v == 0 && !memchr(out, '.', n) && !memchr(out, 'e', n)) { /* finite and whole */
        out[n++] = '.';
        out[n++] = '0';
    }
    return str_n(out, n);
}

/* The name comes first: in braces it may stand behind labels whose form depends on it. */
static int add_label(struct label_reader *l, struct str raw_name, struct str raw_value)
{
    char bound[NUM_TEXT_MAX + 2];
    CLEANUP(buf_free) struct buf name_text = {0};
    struct str name = raw_name, value;

    if (!l->b)
        return 0;
    if (raw_name.len > 0 && memchr(raw_name.p, '\\', raw_name.len)) {
        exposition_unescape(raw_name, &name_text);
        name = buf_str(&name_text);
    }
    value = plain_text(l, raw_value);
    return add(l, name, normal_bound(l, name, value, bound));
}

/* `name="value"` or `"metric name"`. */
static int parse_one(struct label_reader *l, bool only_name)
{
    struct str name, value;
    bool quoted = take_quoted(l, &name);

    if (!quoted && !take_bare(l, &name))
        return fail(l, "a label name");
    if (name.len == 0 || !str_is_utf8(name))
        return fail(l, "a label name before this");
    if (!take(l, '=')) {
        bool is_name = quoted && !l->is_exemplar && l->p < l->end && (*l->p == ',' || *l->p == '}');

        if (!is_name)
            return fail(l, "=");
        if (l->named_before || (only_name && l->named))
            return exposition_error(l->page, l->err, "metric has two names");
        if (only_name) {
            l->named = true;
            l->name = name;
        }
        return 0;
    }
    if (!take_quoted(l, &value))
        return fail(l, "a label value in quotes");
    if (!str_is_utf8(value))
        return exposition_error(l->page, l->err, "value of label \"%.*s\" is not valid UTF-8",
                                (int)str_utf8_prefix(name, 64), name.p);
    return only_name ? 0 : add_label(l, name, value);
}

/* Once around the braces, either for the metric's name or for the labels. */
static int parse_braces(struct label_reader *l, bool only_name)
{
    bool first = true, comma = false;
    int e;

    if (!take(l, '{'))
        return 0;
    while (!take(l, '}')) {
        if (!first && !comma && l->page->format == EXPOSITION_OPENMETRICS)
            return fail(l, "a comma or }");
        e = parse_one(l, only_name);
        if (e < 0)
            return e;
        comma = take(l, ',');
        first = false;
    }
    return l->p == l->end ? 0 : fail(l, "the end of the labels");
}

static int take_metric_name(struct label_reader *l)
{
    const char *at = l->p;
    int e;

    while (l->p < l->end && exposition_bytes[(unsigned char)*l->p] & BYTE_NAME)
        l->p++;
    l->name = str_n(at, (size_t)(l->p - at));
    l->named = l->named_before = l->name.len > 0;
    if (!l->named) { /* it may be the last thing in the braces: look there first */
        at = l->p;
        e = parse_braces(l, true);
        if (e < 0)
            return e;
        l->p = at;
    }
    if (!l->named)
        return exposition_error(l->page, l->err, "metric has no name");
    return l->b ? add(l, LABEL_NAME, plain_text(l, l->name)) : 0;
}

static int parse(struct label_reader *l)
{
    int e = l->is_exemplar ? 0 : take_metric_name(l);

    return e < 0 ? e : parse_braces(l, false);
}

int exposition_parse_labels(const struct exposition_reader *r, struct str raw, bool is_exemplar,
                            struct label_builder *b, struct err *err)
{
    struct label_reader l = {.page = r,
                             .p = raw.p,
                             .end = raw.p + raw.len,
                             .is_exemplar = is_exemplar,
                             .b = b,
                             .err = err};
    int e = parse(&l);

    buf_free(&l.scratch);
    return e;
}

int exposition_labels(const struct exposition_reader *r, const struct exposition_entry *e,
                      struct label_builder *b, struct err *err)
{
    return exposition_parse_labels(r, e->raw, false, b, err);
}

int exposition_exemplar_labels(const struct exposition_reader *r, const struct exposition_entry *e,
                               struct label_builder *b, struct err *err)
{
    return exposition_parse_labels(r, e->exemplar_raw, true, b, err);
}
