/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - parse a text, execute it with some data, compare: what most tests of templates do
 */
#ifndef TOCSIN_TESTS_UNIT_TEMPLATE_RUN_H
#define TOCSIN_TESTS_UNIT_TEMPLATE_RUN_H

#include <stdio.h>

#include "template/template.h"

#define RUN_VALUES_MAX (16u << 20)
#define RUN_OUTPUT_MAX (1u << 20)

struct run_case {
    const char *text;
    const char *out; /* or NULL: it must fail */
    const char *err; /* what the message must contain */
};

/*
 * The data of the language's tests: .s "text", .n 3, .f 1.5, .yes true, .list [a b c], .nums [1 2
 * 3], .m {k: v}, .deep {in: {x: 5}, nil: no value}, .zero 0, .empty ""
 */
static inline struct tmpl_value run_data(struct arena *a)
{
    struct tmpl_value *strings = arena_array(a, 3, sizeof *strings);
    struct tmpl_value *nums = arena_array(a, 3, sizeof *nums);
    struct tmpl_pair kv[] = {{STR("k"), tmpl_str(STR("v"))}};
    struct tmpl_pair in[] = {{STR("x"), tmpl_int(5)}};
    struct tmpl_pair deep[] = {{STR("in"), tmpl_map(a, &tmpl_type_any_map, in, 1)},
                               {STR("nil"), tmpl_none()}};

    for (int i = 0; i < 3; i++) {
        strings[i] = tmpl_str(str_n(&"abc"[i], 1));
        nums[i] = tmpl_int(i + 1);
    }

    struct tmpl_pair all[] = {
        {STR("s"), tmpl_str(STR("text"))},
        {STR("n"), tmpl_int(3)},
        {STR("f"), tmpl_float(1.5)},
        {STR("yes"), tmpl_bool(true)},
        {STR("list"), tmpl_list(&tmpl_type_strings, strings, 3)},
        {STR("nums"), tmpl_list(&tmpl_type_anys, nums, 3)},
        {STR("m"), tmpl_map(a, &tmpl_type_string_map, kv, 1)},
        {STR("deep"), tmpl_map(a, &tmpl_type_any_map, deep, 2)},
        {STR("zero"), tmpl_int(0)},
        {STR("empty"), tmpl_str(STR(""))},
    };

    return tmpl_map(a, &tmpl_type_any_map, all, ARRAY_LEN(all));
}

static inline int run_text(const struct tmpl_functions *functions, const char *text,
                           const struct tmpl_env *env, struct buf *out, struct err *err)
{
    struct template_set *set = template_set_new(functions);
    struct template *t = NULL;
    struct arena a;
    int r = template_parse(set, STR("t"), str_c(text), &t, err);

    arena_init(&a, RUN_VALUES_MAX);
    if (r == 0) {
        struct tmpl_value data = run_data(&a);

        r = template_execute(t, STR_NONE, &data, env, &a, out, err);
    }
    template_unref(t);
    template_set_unref(set);
    arena_deinit(&a);
    return r;
}

static inline void run_cases(const struct tmpl_functions *functions, const struct tmpl_env *env,
                             const struct run_case *cases, size_t n)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++) {
        struct buf out = {.max = RUN_OUTPUT_MAX};
        struct err err = {0};
        int r = run_text(functions, cases[i].text, env, &out, &err);
        bool good = cases[i].out ? r == 0 && str_eq_c(buf_str(&out), cases[i].out)
                                 : r < 0 && strstr(err.msg, cases[i].err) != NULL;

        if (!good) {
            print_error("%s\n  want: %s\n  got:  %.*s\n        %s\n", cases[i].text,
                        cases[i].out ? cases[i].out : cases[i].err, STR_ARG(buf_str(&out)),
                        err.msg);
            bad++;
        }
        buf_free(&out);
    }
    assert_int_equal(bad, 0);
}

#endif
