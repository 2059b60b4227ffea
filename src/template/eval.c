/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "template/builtin_priv.h"
#include "template/exec_priv.h"
#include "template/text_priv.h"

/* What a call costs of TMPL_STEPS_MAX: functions compile regular expressions and read long strings.
 */
#define CALL_STEPS 8
#define STEP_BYTES 256

/* The words of a command: args[0] is the function or field itself. n == 0: a bare operand. */
struct words {
    struct node *const *args;
    size_t n;
    const struct tmpl_value *final; /* what the pipeline hands on, or NULL */
};

static const struct words no_words = {NULL, 0, NULL};

static int eval_arg(struct tmpl_exec *x, const struct tmpl_value *dot, const struct tmpl_type *type,
                    const struct node *n, struct tmpl_value *ret);

/* ---- variables ----------------------------------------------------------------------------- */

void exec_push_var(struct tmpl_exec *x, struct str name, const struct tmpl_value *v)
{
    struct variable *var = VEC_PUSH(x->vars, x->n_vars, x->cap_vars);

    *var = (struct variable){name, *v};
}

static struct variable *find_var(struct tmpl_exec *x, struct str name)
{
    for (size_t i = x->n_vars; i > x->vars_from; i--)
        if (str_eq(x->vars[i - 1].name, name))
            return &x->vars[i - 1];
    return NULL;
}

int exec_set_var(struct tmpl_exec *x, struct str name, const struct tmpl_value *v)
{
    struct variable *var = find_var(x, name);

    if (!var)
        return exec_fail(x, -EINVAL, "undefined variable: " STR_FMT, STR_ARG(name));
    var->value = *v;
    return 0;
}

/* ---- types --------------------------------------------------------------------------------- */

bool type_fits(const struct tmpl_type *have, const struct tmpl_type *want)
{
    if (want->kind == TMPL_ANY || want->kind == TMPL_RAW)
        return true;
    return have && (have == want || have->underlying == want);
}

static bool can_be_nil(const struct tmpl_type *t)
{
    switch (t->kind) {
    case TMPL_ANY:
    case TMPL_RAW:
    case TMPL_LIST:
    case TMPL_MAP:
    case TMPL_FUNC: return true;
    default: return false;
    }
}

static const char *star(const struct tmpl_type *t)
{
    return t->pointer ? "*" : "";
}

/* Makes sure that *v may be passed as `type`. */
static int validate(struct tmpl_exec *x, const struct tmpl_type *type, struct tmpl_value *v)
{
    if (!v->type) {
        if (!can_be_nil(type))
            return exec_fail(x, -EINVAL, "invalid value; expected %s%s", star(type), type->name);
        *v = tmpl_zero(type);
        return 0;
    }
    if (!type_fits(v->type, type))
        return exec_fail(x, -EINVAL, "wrong type for value; expected %s%s; got %s%s", star(type),
                         type->name, star(v->type), v->type->name);
    return 0;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* The value of a number where nothing says which kind is wanted. */
static int ideal_constant(struct tmpl_exec *x, const struct node *n, struct tmpl_value *ret)
{
    const struct number *num = n->number;
    struct str s = n->source;
    bool hex = s.len > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x' && !memchr(s.p, 'p', s.len) &&
               !memchr(s.p, 'P', s.len);
    bool written_as_float = false;

    x->at = n;
    for (size_t i = 0; i < s.len; i++)
        written_as_float |= strchr(".eEpP", s.p[i]) != NULL;
    if (num->is_complex) {
        *ret = (struct tmpl_value){.type = &tmpl_type_complex128};
        memcpy(ret->complex_parts, num->complex_parts, sizeof ret->complex_parts);
    } else if (num->is_float && !hex && s.p[0] != '\'' && written_as_float) {
        *ret = tmpl_float(num->f);
    } else if (num->is_int) {
        *ret = tmpl_int(num->i);
    } else {
        return exec_fail(x, -EINVAL, STR_FMT " overflows int", STR_ARG(s));
    }
    return 0;
}

static int bad_constant(struct tmpl_exec *x, const char *before, const struct node *n,
                        const char *behind)
{
    struct buf b = {.max = ERR_MSG_MAX};

    node_print(n, &b);
    exec_fail(x, -EINVAL, "%s" STR_FMT "%s", before, STR_ARG(buf_str(&b)), behind);
    buf_free(&b);
    return -EINVAL;
}

/* A literal as an argument of a known type. */
static int typed_constant(struct tmpl_exec *x, const struct tmpl_type *type, const struct node *n,
                          struct tmpl_value *ret)
{
    const struct number *num = n->kind == NODE_NUMBER ? n->number : NULL;
    struct tmpl_value v = {.type = type};
    char behind[128];

    switch (type->kind) {
    case TMPL_BOOL:
        if (n->kind != NODE_BOOL)
            return bad_constant(x, "expected bool; found ", n, "");
        v.b = n->truth;
        break;
    case TMPL_STRING:
        if (n->kind != NODE_STRING)
            return bad_constant(x, "expected string; found ", n, "");
        v.s = n->value;
        break;
    case TMPL_INT:
        if (!num || !num->is_int)
            return bad_constant(x, "expected integer; found ", n, "");
        v.i = num->i;
        break;
    case TMPL_UINT:
        if (!num || !num->is_uint)
            return bad_constant(x, "expected unsigned integer; found ", n, "");
        v.u = num->u;
        break;
    case TMPL_FLOAT:
        if (!num || !num->is_float)
            return bad_constant(x, "expected float; found ", n, "");
        v.f = num->f;
        break;
    case TMPL_COMPLEX:
        if (!num || !num->is_complex)
            return bad_constant(x, "expected complex; found ", n, "");
        memcpy(v.complex_parts, num->complex_parts, sizeof v.complex_parts);
        break;
    case TMPL_ANY:
    case TMPL_RAW:
        if (num)
            return ideal_constant(x, n, ret);
        v = n->kind == NODE_BOOL ? tmpl_bool(n->truth) : tmpl_str(n->value);
        break;
    default:
        snprintf(behind, sizeof behind, " for arg of type %s%s", star(type), type->name);
        return bad_constant(x, "can't handle ", n, behind);
    }
    *ret = v;
    return 0;
}

/* ---- calls --------------------------------------------------------------------------------- */

/* The type of argument i. */
static const struct tmpl_type *param_type(const struct tmpl_func *f, size_t i)
{
    size_t n = func_params(f);

    return f->params[i < n ? i : n - 1];
}

/* and, or: arguments after the one that decides are not even evaluated. */
static int short_circuit(struct tmpl_exec *x, const struct tmpl_value *dot, bool is_or,
                         const struct words *w, struct tmpl_value *ret)
{
    struct tmpl_value v = tmpl_none();

    for (size_t i = 1; i < w->n; i++) {
        int r = eval_arg(x, dot, &tmpl_type_raw, w->args[i], &v);

        if (r < 0)
            return r;
        if (tmpl_is_true(&v) == is_or) {
            *ret = v;
            return 0;
        }
    }
    *ret = w->final ? *w->final : v;
    return 0;
}

static int check_count(struct tmpl_exec *x, const struct tmpl_func *f, struct str name,
                       const struct words *w)
{
    size_t n = func_params(f), given = w->n > 0 ? w->n - 1 : 0, all = given + (w->final != NULL);

    if (f->variadic && all < n - 1)
        return exec_fail(x, -EINVAL,
                         "wrong number of args for " STR_FMT ": want at least %zu got %zu",
                         STR_ARG(name), n - 1, given);
    if (!f->variadic && all != n)
        return exec_fail(x, -EINVAL, "wrong number of args for " STR_FMT ": want %zu got %zu",
                         STR_ARG(name), n, all);
    return 0;
}

/* `node` is what a failure of the function itself is blamed on. */
static int eval_call(struct tmpl_exec *x, const struct tmpl_value *dot, const struct tmpl_func *f,
                     const struct tmpl_value *self, const struct node *node, struct str name,
                     const struct words *w, struct tmpl_value *ret)
{
    struct tmpl_call call = {.env = x->env, .arena = x->arena, .exec = x};
    struct tmpl_value *args;
    struct err err = {0};
    int r = check_count(x, f, name, w);

    if (r < 0)
        return r;
    if (f->fn == builtin_and_or)
        return short_circuit(x, dot, str_eq_c(name, "or"), w, ret);
    args = arena_array(x->arena, w->n + 1, sizeof *args);
    for (size_t i = 1; i < w->n; i++) {
        r = eval_arg(x, dot, param_type(f, i - 1), w->args[i], &args[call.n]);
        if (r < 0)
            return r;
        call.n++;
    }
    if (w->final) {
        args[call.n] = *w->final;
        r = validate(x, param_type(f, call.n), &args[call.n]);
        if (r < 0)
            return r;
        call.n++;
    }
    call.args = args;
    x->steps += CALL_STEPS;
    for (size_t i = 0; i < call.n; i++)
        if (tmpl_kind(&args[i]) == TMPL_STRING)
            x->steps += (unsigned)(args[i].s.len / STEP_BYTES);
    if (self)
        call.self = *self;
    *ret = tmpl_none();
    r = f->fn(&call, ret, &err);
    if (r < 0) {
        x->at = node;
        return exec_fail(x, r, "error calling " STR_FMT ": %s", STR_ARG(name), err.msg);
    }
    return 0;
}

/* ---- fields -------------------------------------------------------------------------------- */

static const struct tmpl_func *find_method(const struct tmpl_type *t, struct str name)
{
    for (size_t i = 0; i < t->n_methods; i++)
        if (str_eq_c(name, t->methods[i].name))
            return &t->methods[i];
    return NULL;
}

static int map_field(struct tmpl_exec *x, const struct tmpl_value *map, struct str name,
                     bool has_args, struct tmpl_value *ret)
{
    const struct tmpl_value *v = tmpl_map_get(map->map, name);

    if (has_args)
        return exec_fail(x, -EINVAL, STR_FMT " is not a method but has arguments", STR_ARG(name));
    if (v)
        *ret = *v;
    else if (x->env->missing_key == TMPL_MISSING_ERROR)
        return exec_fail(x, -EINVAL, "map has no entry for key \"" STR_FMT "\"", STR_ARG(name));
    else
        *ret = x->env->missing_key == TMPL_MISSING_ZERO ? tmpl_zero(map->type->elem) : tmpl_none();
    return 0;
}

static int eval_field(struct tmpl_exec *x, const struct tmpl_value *dot, struct str name,
                      const struct node *node, const struct words *w,
                      const struct tmpl_value *receiver, struct tmpl_value *ret)
{
    const struct tmpl_type *type = receiver->type;
    const struct tmpl_func *method;
    bool has_args = w->n > 1 || w->final;

    if (!type) {
        if (x->env->missing_key == TMPL_MISSING_ERROR)
            return exec_fail(x, -EINVAL, "nil data; no entry for key \"" STR_FMT "\"",
                             STR_ARG(name));
        *ret = tmpl_none();
        return 0;
    }
    method = find_method(type, name);
    if (method)
        return eval_call(x, dot, method, receiver, node, name, w, ret);
    if (type->kind == TMPL_MAP)
        return map_field(x, receiver, name, has_args, ret);
    for (size_t i = 0; type->kind == TMPL_OBJECT && i < type->n_fields; i++) {
        if (!str_eq_c(name, type->fields[i].name))
            continue;
        if (has_args)
            return exec_fail(x, -EINVAL, STR_FMT " has arguments but cannot be invoked as function",
                             STR_ARG(name));
        *ret = tmpl_none();
        type->fields[i].get(receiver->object, x->arena, ret);
        return 0;
    }
    return exec_fail(x, -EINVAL, "can't evaluate field " STR_FMT " in type %s%s", STR_ARG(name),
                     star(type), type->name);
}

/* .A.B.C from `receiver` on; only the last one may have arguments. */
static int eval_fields(struct tmpl_exec *x, const struct tmpl_value *dot,
                       struct tmpl_value receiver, const struct node *node, size_t from,
                       const struct words *w, struct tmpl_value *ret)
{
    for (size_t i = from; i < node->n_idents; i++) {
        bool last = i + 1 == node->n_idents;
        bool any = receiver.type && receiver.type->kind == TMPL_MAP &&
                   receiver.type->elem->kind == TMPL_ANY;
        struct tmpl_value v = tmpl_none();
        int r = eval_field(x, dot, node->idents[i], node, last ? w : &no_words, &receiver, &v);

        if (r < 0)
            return r;
        /* A nil inside a map of anything has no fields, unlike data that is missing altogether. */
        if (!last && any && !v.type && x->env->missing_key == TMPL_MISSING_ZERO)
            return exec_fail(x, -EINVAL, "nil pointer evaluating interface {}." STR_FMT,
                             STR_ARG(node->idents[i + 1]));
        receiver = v;
    }
    *ret = receiver;
    return 0;
}

/* ---- operands and commands ----------------------------------------------------------------- */

static int not_a_function(struct tmpl_exec *x, const struct words *w)
{
    if (w->n > 1 || w->final)
        return bad_constant(x, "can't give argument to non-function ", w->args[0], "");
    return 0;
}

static int eval_variable(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n,
                         const struct words *w, struct tmpl_value *ret)
{
    struct variable *var;
    int r;

    x->at = n;
    var = find_var(x, n->idents[0]);
    if (!var)
        return exec_fail(x, -EINVAL, "undefined variable: " STR_FMT, STR_ARG(n->idents[0]));
    if (n->n_idents == 1) {
        r = not_a_function(x, w);
        if (r == 0)
            *ret = var->value;
        return r;
    }
    return eval_fields(x, dot, var->value, n, 1, w, ret);
}

static int eval_chain(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n,
                      const struct words *w, struct tmpl_value *ret)
{
    struct tmpl_value base = tmpl_none();
    int r;

    x->at = n;
    if (n->base->kind == NODE_NIL)
        return bad_constant(x, "indirection through explicit nil in ", n, "");
    r = eval_arg(x, dot, &tmpl_type_raw, n->base, &base);
    if (r < 0)
        return r;
    return eval_fields(x, dot, base, n, 0, w, ret);
}

/* Operands that are no literals. Returns 1 when n is one. */
static int eval_operand(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n,
                        const struct node *blamed, const struct words *w, struct tmpl_value *ret)
{
    switch (n->kind) {
    case NODE_FIELD: x->at = n; return eval_fields(x, dot, *dot, n, 0, w, ret);
    case NODE_VARIABLE: return eval_variable(x, dot, n, w, ret);
    case NODE_CHAIN: return eval_chain(x, dot, n, w, ret);
    case NODE_IDENTIFIER:
        x->at = n;
        return eval_call(x, dot, n->func, NULL, blamed, n->text, w, ret);
    default: return 1;
    }
}

static int eval_arg(struct tmpl_exec *x, const struct tmpl_value *dot, const struct tmpl_type *type,
                    const struct node *n, struct tmpl_value *ret)
{
    struct tmpl_value v = tmpl_none();
    int r;

    x->at = n;
    switch (n->kind) {
    case NODE_NIL:
        if (!can_be_nil(type))
            return exec_fail(x, -EINVAL, "cannot assign nil to %s%s", star(type), type->name);
        *ret = tmpl_zero(type);
        return 0;
    case NODE_BOOL:
    case NODE_NUMBER:
    case NODE_STRING: return typed_constant(x, type, n, ret);
    case NODE_DOT:
        v = *dot;
        r = 0;
        break;
    case NODE_PIPE: r = eval_pipeline(x, dot, n, &v); break;
    default: r = eval_operand(x, dot, n, n, &no_words, &v);
    }
    if (r < 0)
        return r;
    r = validate(x, type, &v);
    if (r == 0)
        *ret = v;
    return r;
}

static int eval_command(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *cmd,
                        const struct tmpl_value *final, struct tmpl_value *ret)
{
    const struct node *first = cmd->items[0];
    struct words w = {cmd->items, cmd->n, final};
    int r = eval_operand(x, dot, first, cmd, &w, ret);

    if (r <= 0)
        return r;
    if (first->kind != NODE_PIPE)
        x->at = first;
    r = not_a_function(x, &w);
    if (r < 0)
        return r;
    switch (first->kind) {
    case NODE_PIPE: return eval_pipeline(x, dot, first, ret);
    case NODE_DOT: *ret = *dot; return 0;
    case NODE_NIL: return exec_fail(x, -EINVAL, "nil is not a command");
    default: return typed_constant(x, &tmpl_type_any, first, ret);
    }
}

int eval_pipeline(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *pipe,
                  struct tmpl_value *ret)
{
    struct tmpl_value v = tmpl_none();
    int r;

    x->at = pipe;
    r = exec_enter(x);
    for (size_t i = 0; r == 0 && i < pipe->n; i++) {
        struct tmpl_value next = tmpl_none();

        r = eval_command(x, dot, pipe->items[i], i > 0 ? &v : NULL, &next);
        v = next;
    }
    for (size_t i = 0; r == 0 && i < pipe->n_decls; i++) {
        if (pipe->is_assign)
            r = exec_set_var(x, pipe->decls[i]->idents[0], &v);
        else
            exec_push_var(x, pipe->decls[i]->idents[0], &v);
    }
    exec_leave(x);
    if (r == 0)
        *ret = v;
    return r;
}
