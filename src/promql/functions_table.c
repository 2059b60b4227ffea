/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/functions_table.h"

#define S PROMQL_SCALAR
#define V PROMQL_VECTOR
#define M PROMQL_MATRIX
#define T PROMQL_STRING

#define ARG_TYPES(...)                                                                             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define ARG_COUNT(...)                                                                             \
    (sizeof((enum promql_type[]){PROMQL_NONE, ##__VA_ARGS__}) / sizeof(enum promql_type) - 1)

static const struct promql_function functions[FN_COUNT] = {
#define FUNCTION(id, name, ret, variadic, experimental, ...)                                       \
    [FN_##id] = {FN_##id, name,        ARG_TYPES(__VA_ARGS__), ARG_COUNT(__VA_ARGS__), variadic,   \
                 ret,     experimental},
#include "promql/functions.def"
#undef FUNCTION
};

const struct promql_function *promql_function_find(struct str name)
{
    size_t low = 0, high = FN_COUNT;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_cmp(name, str_c(functions[mid].name));

        if (c == 0)
            return &functions[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const struct promql_function *promql_function_at(enum promql_function_id id)
{
    return &functions[id];
}
