/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template - Go's text/template language, for annotations, labels and messages
 *
 * A text is parsed once into an immutable `struct template` and executed any number of times, by
 * any thread. Templates that several texts share (Alertmanager's template files, the stock
 * templates) are gathered in a `struct template_set` first; a text's own definitions go before
 * those of its set.
 *
 * What functions a text may call is a chain of tables given when it is parsed. Ready tables:
 * Prometheus', Alertmanager's and notification-manager's; a room adds its own in front (a name
 * found first wins):
 *
 *     static const struct tmpl_functions mine = {funcs, ARRAY_LEN(funcs),
 * &template_alertmanager_functions};
 *
 * All error texts are Go's: "template: NAME:LINE: ..." when parsing, "template: NAME:LINE:COLUMN:
 * executing
 * \"NAME\" at <NODE>: ..." when executing.
 */
#ifndef TOCSIN_TEMPLATE_TEMPLATE_H
#define TOCSIN_TEMPLATE_TEMPLATE_H

#include "template/message.h"
#include "template/value.h"

struct label_set;
struct template;
struct template_set;

#define TMPL_TEXT_MAX        (4u << 20) /* bytes of one text; stock and site templates are some 50 KB */
#define TMPL_NODES_MAX       200000     /* nodes of one parsed text */
#define TMPL_PARSE_DEPTH_MAX 200        /* parentheses and if/range/with/block inside one another */
#define TMPL_DEPTH_MAX       1000 /* the same when executing, templates that call templates included */
#define TMPL_STEPS_MAX       2000000 /* nodes visited and, dearer, calls made: some seconds at worst */

struct tmpl_functions {
    const struct tmpl_func *funcs;
    size_t n;
    const struct tmpl_functions
        *next; /* looked up after these; NULL: only the language's own are left */
};

extern const struct tmpl_functions template_prometheus_functions;
extern const struct tmpl_functions template_alertmanager_functions;
extern const struct tmpl_functions template_notification_manager_functions;

enum tmpl_missing_key {
    TMPL_MISSING_NONE, /* no value: prints <no value> */
    TMPL_MISSING_ZERO, /* "" of label maps; Prometheus and Alertmanager */
    TMPL_MISSING_ERROR,
};

/* What an execution may know of the world. */
struct tmpl_env {
    unix_ns now; /* for now and since */
    enum tmpl_missing_key missing_key;
    bool html;               /* html/template: every printed value is escaped for where it stands */
    struct str external_url; /* Prometheus: externalURL, pathPrefix */

    /* Prometheus' query: an instant vector, as values made by tmpl_sample(), all in `arena`. */
    int (*query)(void *self, struct str expr, struct arena *arena, struct tmpl_list *ret,
                 struct err *err);
    void *query_self;

    void *self; /* for the functions of the calling room */
    /* notification-manager's language pack: the text for `key`, or STR_NONE; NULL: no translation.
     */
    struct str (*translate)(void *self, struct str key);
    bool chinese; /* notification-manager's `message` prefers summaryCn */
};

/* ---- sets of texts that are shared by name ------------------------------------------------- */

/* One reference. `functions` must outlive the set and all templates parsed with it. */
struct template_set *template_set_new(const struct tmpl_functions *functions);

/*
 * Parses a file; its definitions and the text itself (under `name`, the file's base name) replace
 * earlier ones of the same names, unless they are blank. Only before the set is shared.
 */
int template_set_add(struct template_set *set, struct str name, struct str text, struct err *err);
struct template_set *template_set_ref(struct template_set *set);
void template_set_unref(struct template_set *set); /* NULL is fine */
static inline void template_set_unrefp(struct template_set **p)
{
    template_set_unref(*p);
}

/* The stock templates that Alertmanager's receivers name by default (slack.default.title,
 * email.default.html
 * ...) and those of notification-manager (nm.default.text ...); add them first. */
extern const struct str template_alertmanager_stock, template_notification_manager_stock;

/* ---- one text ------------------------------------------------------------------------------ */

/*
 * Parses `text` (copied). `set` gives its functions and shared definitions; it is referenced.
 * Returns 0 and one reference, or -EINVAL with "template: NAME:LINE: ...".
 */
int template_parse(struct template_set *set, struct str name, struct str text,
                   struct template **ret, struct err *err);
struct template *template_ref(struct template *t);
void template_unref(struct template *t); /* NULL is fine */
static inline void template_unrefp(struct template **p)
{
    template_unref(*p);
}

/*
 * Appends what the text (or the definition called `name`, when it has a length) gives for `data`.
 * Values live in `arena`, which should have a maximum. Stops with -E2BIG when out->max, the arena's
 * maximum or one of the limits above is passed, else with what the template did wrong (-EINVAL);
 * `out` then holds what came before.
 */
int template_execute(const struct template *t, struct str name, const struct tmpl_value *data,
                     const struct tmpl_env *env, struct arena *arena, struct buf *out,
                     struct err *err);

/* ---- Prometheus' rules --------------------------------------------------------------------- */

/* Samples that `query` returns, as first, value, label ... take them. A histogram is given by its
 * text. */
struct tmpl_value tmpl_sample(struct arena *a, const struct label_set *labels, double value);
struct tmpl_value tmpl_sample_histogram(struct arena *a, const struct label_set *labels,
                                        struct str text);
struct tmpl_value tmpl_histogram(struct str text); /* prints as `text`, is no number */

struct template_alert {
    const struct label_set *labels; /* of the query's result, with __name__ */
    const struct label_set *external_labels;
    struct str external_url;
    struct tmpl_value value; /* tmpl_float() or tmpl_histogram() */
    bool resolved;           /* the alert is; else $resolvedValue is "" */
    struct tmpl_value resolved_value;
};

/*
 * A label or annotation text of alert `alert_name`: template "__alert_<name>" with $labels,
 * $externalLabels, $externalURL and $value defined before it. This is also the check at load time;
 * the error text is "error parsing template __alert_<name>: ...".
 */
int template_parse_alert(struct template_set *set, struct str alert_name, struct str text,
                         struct template **ret, struct err *err);
/* The same with $resolvedValue, which Prometheus does not have. */
int template_parse_alert_resolving(struct template_set *set, struct str alert_name, struct str text,
                                   struct template **ret, struct err *err);
bool template_tells_resolved(struct str text); /* it has that name in it */

/*
 * Appends the expansion. When it fails, `out` gets "<error expanding template: ...>" instead, which
 * is what Prometheus puts into the label or annotation; the return value is only for counting.
 * `env` need not set external_url and missing_key.
 */
int template_expand_alert(const struct template *t, const struct template_alert *alert,
                          const struct tmpl_env *env, struct arena *arena, struct buf *out);

#endif
