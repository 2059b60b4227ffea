/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "base/num.h"
#include "model/exposition.h"

/* Text 0.0.4 knows five types; each of the others has the lines of one of them. */
static const char *text_type(enum metric_type type)
{
    switch (type) {
    case METRIC_UNKNOWN: return "untyped";
    case METRIC_GAUGEHISTOGRAM: return "histogram";
    case METRIC_INFO:
    case METRIC_STATESET: return "gauge";
    default: return metric_type_name(type);
    }
}

static void add_escaped(struct buf *out, struct str s, bool quotes)
{
    size_t from = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (c != '\\' && c != '\n' && !(quotes && c == '"'))
            continue;
        buf_add(out, s.p + from, i - from);
        buf_add_byte(out, '\\');
        buf_add_byte(out, c == '\n' ? 'n' : c);
        from = i + 1;
    }
    buf_add(out, s.p + from, s.len - from);
}

static void add_quoted(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    add_escaped(out, s, true);
    buf_add_byte(out, '"');
}

static void add_metric_name(struct buf *out, struct str name)
{
    if (metric_name_is_legacy(name))
        buf_add_str(out, name);
    else
        add_quoted(out, name);
}

void exposition_type(struct buf *out, struct str name, enum metric_type type)
{
    buf_add_c(out, "# TYPE ");
    add_metric_name(out, name);
    buf_addf(out, " %s\n", text_type(type));
}

void exposition_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
    if (help && *help) {
        buf_add_c(out, "# HELP ");
        add_metric_name(out, str_c(name));
        buf_add_byte(out, ' ');
        add_escaped(out, str_c(help), false);
        buf_add_byte(out, '\n');
    }
    exposition_type(out, str_c(name), type);
}

void exposition_openmetrics_meta(struct buf *out, const char *word, struct str name,
                                 struct str text)
{
    buf_addf(out, "# %s ", word);
    add_metric_name(out, name);
    buf_add_byte(out, ' ');
    add_escaped(out, text, true);
    buf_add_byte(out, '\n');
}

/* The name, before the braces when it may stand there. Returns what the first label follows. */
static const char *begin_sample(struct buf *out, struct str name)
{
    if (metric_name_is_legacy(name)) {
        buf_add_str(out, name);
        return "{";
    }
    buf_add_byte(out, '{');
    add_quoted(out, name);
    return ",";
}

static void add_label(struct buf *out, const char *before, struct str name, struct str value)
{
    buf_add_c(out, before);
    if (label_name_is_legacy(name))
        buf_add_str(out, name);
    else
        add_quoted(out, name);
    buf_add_byte(out, '=');
    add_quoted(out, value);
}

/* `before` is what a further label would have before it: "{" means that no brace is open. */
static void add_value(struct buf *out, const char *before, double value)
{
    buf_add_c(out, *before == '{' ? " " : "} ");
    num_add_short(out, value);
}

void exposition_sample(struct buf *out, const char *name, double value, ...)
{
    const char *before = begin_sample(out, str_c(name)), *label;
    va_list ap;

    va_start(ap, value);
    while ((label = va_arg(ap, const char *))) {
        add_label(out, before, str_c(label), str_c(va_arg(ap, const char *)));
        before = ",";
    }
    va_end(ap);
    add_value(out, before, value);
    buf_add_byte(out, '\n');
}

static void add_sample(struct buf *out, struct str name, const struct label *labels, size_t n,
                       double value)
{
    const char *before = begin_sample(out, name);

    for (size_t i = 0; i < n; i++) {
        add_label(out, before, labels[i].name, labels[i].value);
        before = ",";
    }
    add_value(out, before, value);
}

void exposition_sample_labels(struct buf *out, struct str name, const struct label *labels,
                              size_t n, double value)
{
    add_sample(out, name, labels, n, value);
    buf_add_byte(out, '\n');
}

void exposition_sample_at(struct buf *out, struct str name, const struct label *labels, size_t n,
                          struct sample s)
{
    add_sample(out, name, labels, n, s.v);
    buf_add_byte(out, ' ');
    num_add_i64(out, s.t);
    buf_add_byte(out, '\n');
}
