/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec - one execution at work
 *
 * walk.c goes through the nodes and writes, eval.c computes pipelines, builtin.c holds the
 * language's own functions. `at` is the node that an error is about, moved along as Go moves it,
 * because its place and text are part of the message.
 */
#ifndef TOCSIN_TEMPLATE_EXEC_PRIV_H
#define TOCSIN_TEMPLATE_EXEC_PRIV_H

#include "template/ast_priv.h"
#include "template/html_priv.h"

struct variable {
    struct str name;
    struct tmpl_value value;
};

enum loop_exit { LOOP_ON, LOOP_BREAK, LOOP_CONTINUE };

struct tmpl_exec {
    const struct template *tmpl;
    const struct tree *tree; /* being executed */
    const struct node *at;
    const struct tmpl_env *env;
    struct arena *arena;
    struct buf *out;
    struct err *err;
    struct variable *vars; /* stack, heap */
    size_t n_vars, cap_vars;
    size_t vars_from;       /* those below belong to callers and are not seen */
    enum loop_exit leaving; /* break or continue on its way out */
    int depth;
    unsigned steps;
    struct html_context html; /* where the output stands, with env->html */
};

/* Sets err to "template: NAME:LINE:COLUMN: executing ... at <...>: WORDS" and returns code. */
int exec_fail(struct tmpl_exec *x, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Counts a step; fails when a limit is passed. Every exec_enter that succeeds needs an exec_leave.
 */
int exec_enter(struct tmpl_exec *x);
void exec_leave(struct tmpl_exec *x);

int exec_walk(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *n);

/* Executes the definition called `name` into x->out. */
int exec_definition(struct tmpl_exec *x, struct str name, const struct tmpl_value *data);

int eval_pipeline(struct tmpl_exec *x, const struct tmpl_value *dot, const struct node *pipe,
                  struct tmpl_value *ret);
void exec_push_var(struct tmpl_exec *x, struct str name, const struct tmpl_value *v);
int exec_set_var(struct tmpl_exec *x, struct str name, const struct tmpl_value *v);

/* Whether a value of type `have` may go where `want` is asked for. */
bool type_fits(const struct tmpl_type *have, const struct tmpl_type *want);
size_t func_params(const struct tmpl_func *f); /* how many it names, the variadic one included */

/* print's form of a function's arguments, as html, js and urlquery want it. */
int builtin_args_text(const struct tmpl_value *args, size_t n, struct buf *out, struct err *err);

#endif
