/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value - what a template computes with
 *
 * A value is a type and a payload; both are borrowed and live in the arena of the execution or
 * longer. The type carries the name that Go gives it (error messages and %T show it), its fields
 * and methods. Rooms that hand data to templates describe their structs by constant types: a table
 * of fields and methods, each with a callback. Values never change after they are made: any thread
 * may read them.
 */
#ifndef TOCSIN_TEMPLATE_VALUE_H
#define TOCSIN_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct label_set;
struct tmpl_call;
struct tmpl_value;
struct zone;

#define TMPL_PARAMS_MAX  4          /* parameters that a function names one by one */
#define TMPL_STRING_MAX  (1u << 20) /* bytes of one string made by a function */
#define TMPL_NESTING_MAX 64         /* lists in lists that are printed or compared */

enum tmpl_kind {
    TMPL_ANY, /* of types only: a parameter or element of any type (Go's interface {}) */
    TMPL_RAW, /* of parameters only: any type, "no value" included (Go's reflect.Value) */
    TMPL_BOOL,
    TMPL_INT,
    TMPL_UINT,
    TMPL_FLOAT,
    TMPL_COMPLEX,
    TMPL_STRING,
    TMPL_LIST,
    TMPL_MAP,    /* keys are strings */
    TMPL_OBJECT, /* a struct: reached through the callbacks of its type */
    TMPL_FUNC,
};

/* Sets *ret and returns 0; or fails with words, without "error calling ...": the engine adds that.
 */
typedef int tmpl_fn(struct tmpl_call *call, struct tmpl_value *ret, struct err *err);

struct tmpl_func {
    const char *name;
    tmpl_fn *fn;
    const struct tmpl_type *params[TMPL_PARAMS_MAX]; /* up to the first NULL */
    bool variadic; /* the last parameter may come any number of times */
};

struct tmpl_field {
    const char *name;
    const char *json; /* its key in toJson; NULL: left out */
    void (*get)(const void *object, struct arena *arena, struct tmpl_value *ret);
};

struct tmpl_type {
    const char *name; /* Go's: "template.KV" */
    enum tmpl_kind kind;
    bool pointer;                       /* Go has a pointer to this object: %T shows a star */
    const struct tmpl_type *elem;       /* of lists and maps */
    const struct tmpl_type *underlying; /* the unnamed type that it may stand for, or NULL */
    const struct tmpl_field *fields;    /* of objects, in the order of printing */
    size_t n_fields;
    const struct tmpl_func *methods;
    size_t n_methods;
    void (*print)(const struct tmpl_value *v, struct buf *out); /* its String method, or NULL */
    void (*json)(const struct tmpl_value *v, struct buf *out); /* its own form in toJson, or NULL */
};

struct tmpl_list {
    const struct tmpl_value *items; /* NULL: Go's nil slice (toJson writes null) */
    size_t n;
};

struct tmpl_value {
    const struct tmpl_type *type; /* NULL: no value */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        double complex_parts[2];
        struct str s;
        struct tmpl_list list;
        const struct tmpl_map *map; /* NULL: empty */
        const void *object;
        const struct tmpl_func *func;
    };
};

struct tmpl_pair {
    struct str key;
    struct tmpl_value value;
};

struct tmpl_map {
    size_t n;
    const struct tmpl_pair *pairs; /* ascending by key, keys unique */
};

/* What a function or method gets. */
struct tmpl_call {
    const struct tmpl_env *env;
    struct arena *arena;    /* for what it returns */
    struct tmpl_value self; /* of methods: the receiver */
    size_t n;
    const struct tmpl_value *args; /* as many as params wants, of those types */
    struct tmpl_exec *exec;        /* private to the engine */
};

/* A point in time with the zone it is shown in (NULL: UTC). Years 1 and earlier are possible. */
struct tmpl_time {
    int64_t seconds; /* since 1970 */
    int32_t nanos;   /* 0 ... 999999999 */
    const struct zone *zone;
};

extern const struct tmpl_type tmpl_type_any, tmpl_type_raw, tmpl_type_bool, tmpl_type_int,
    tmpl_type_int64, tmpl_type_uint8, tmpl_type_uint64, tmpl_type_float64, tmpl_type_complex128,
    tmpl_type_string, tmpl_type_strings /* []string */, tmpl_type_anys /* []interface {} */,
    tmpl_type_string_map /* map[string]string */, tmpl_type_any_map /* map[string]interface {} */,
    tmpl_type_func, tmpl_type_time, tmpl_type_duration /* nanoseconds */,
    tmpl_type_html /* a string that passes unescaped as HTML */, tmpl_type_url /* ... as URL */;

static inline struct tmpl_value tmpl_none(void)
{
    return (struct tmpl_value){0};
}

static inline struct tmpl_value tmpl_bool(bool b)
{
    return (struct tmpl_value){.type = &tmpl_type_bool, .b = b};
}

static inline struct tmpl_value tmpl_int(int64_t i)
{
    return (struct tmpl_value){.type = &tmpl_type_int, .i = i};
}

static inline struct tmpl_value tmpl_float(double f)
{
    return (struct tmpl_value){.type = &tmpl_type_float64, .f = f};
}

static inline struct tmpl_value tmpl_str(struct str s) /* borrowed */
{
    return (struct tmpl_value){.type = &tmpl_type_string, .s = s};
}

static inline struct tmpl_value tmpl_duration(int64_t ns)
{
    return (struct tmpl_value){.type = &tmpl_type_duration, .i = ns};
}

static inline struct tmpl_value tmpl_list(const struct tmpl_type *type,
                                          const struct tmpl_value *items, size_t n)
{
    return (struct tmpl_value){.type = type, .list = {items, n}};
}

static inline struct tmpl_value tmpl_object(const struct tmpl_type *type, const void *object)
{
    return (struct tmpl_value){.type = type, .object = object};
}

static inline enum tmpl_kind tmpl_kind(const struct tmpl_value *v) /* TMPL_ANY: no value */
{
    return v->type ? v->type->kind : TMPL_ANY;
}

/* A string that holds what `b` has; b is freed. -E2BIG when b overflowed. */
int tmpl_take_buf(struct arena *a, struct buf *b, struct tmpl_value *ret, struct err *err);

/* A map of n pairs in any order; of equal keys the last counts. The pairs are copied, the keys are
 * not. */
struct tmpl_value tmpl_map(struct arena *a, const struct tmpl_type *type,
                           const struct tmpl_pair *pairs, size_t n);
struct tmpl_value tmpl_labels(struct arena *a, const struct tmpl_type *type,
                              const struct label_set *ls);
const struct tmpl_value *tmpl_map_get(const struct tmpl_map *m, struct str key); /* NULL: absent */

struct tmpl_value tmpl_time(struct arena *a, struct tmpl_time t);
struct tmpl_time tmpl_time_of_ns(unix_ns t); /* in UTC; UNIX_NS_ZERO gives Go's zero time */

/* The zero of a type, what a missing map key yields: "" , 0, false, empty list, no value ... */
struct tmpl_value tmpl_zero(const struct tmpl_type *type);
bool tmpl_is_true(const struct tmpl_value *v);
struct str tmpl_type_name(struct arena *a,
                          const struct tmpl_value *v); /* %T; "<nil>" without a value */

/* Appends v as Go's fmt.Sprint does. -E2BIG when lists are nested too deep. */
int tmpl_print(const struct tmpl_value *v, struct buf *out, struct err *err);

/* Appends v as JSON (Go's encoding/json: sorted keys, < > & escaped). */
int tmpl_add_json(const struct tmpl_value *v, struct arena *a, struct buf *out, struct err *err);

#endif
