/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_api - what it costs to write a query's result as JSON, as a table
 *
 *     bench_api [series [steps [rounds]]]        100 1400 20
 *
 * A range of `steps` points a series, with values of four kinds; and an instant vector of series x
 * 30, in which the labels are most of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/crew.h"
#include "base/mem.h"

#define T0          INT64_C(1795413615000)
#define STEP_MS     15000
#define VECTOR_EACH 30 /* series of the vector, for each one of the range */

enum kind { WHOLE, DECIMAL, RATIO, MIXED, KINDS };

static const char *const kind_names[] = {"whole", "decimal", "ratio", "mixed"};

static double value_of(enum kind kind, size_t i)
{
    switch (kind) {
    case WHOLE: return (double)(i * 7919 % 268435456);
    case DECIMAL: return (double)(i * 7919 % 10000000) / 1000;
    case RATIO: return (double)(i * 7919 % 1000) / 299.9;
    case MIXED: return value_of((enum kind)(i % 3), i);
    case KINDS: break;
    }
    return 0;
}

static struct label_set *labels_of(size_t i)
{
    char instance[32], path[32], pod[32];
    struct label l[] = {
        {STR("__name__"), STR("http_requests_total")},
        {STR("code"), STR("200")},
        {STR("instance"), {instance, 0}},
        {STR("job"), STR("order-biz")},
        {STR("method"), STR("GET")},
        {STR("namespace"), STR("prod")},
        {STR("path"), {path, 0}},
        {STR("pod"), {pod, 0}},
        {STR("service"), STR("order-biz")},
    };

    l[2].value.len = (size_t)snprintf(instance, sizeof instance, "10.0.%zu.%zu:9100", i / 250 % 250,
                                      i % 250);
    l[6].value.len = (size_t)snprintf(path, sizeof path, "/api/v1/resource-%zu", i % 30);
    l[7].value.len = (size_t)snprintf(pod, sizeof pod, "order-biz-7c9f-%05zu", i / 30);
    return label_set_new(l, ARRAY_LEN(l));
}

static void make(struct promql_result *r, enum promql_type type, size_t n, size_t n_points,
                 enum kind kind)
{
    unix_ms *times = mem_array(n_points, sizeof *times);

    *r = (struct promql_result){.type = type, .n = n, .time = T0};
    r->series = mem_array(n, sizeof *r->series);
    for (size_t k = 0; k < n_points; k++)
        times[k] = T0 + (unix_ms)k * STEP_MS;
    for (size_t i = 0; i < n; i++) {
        double *values = mem_array(n_points, sizeof *values);

        for (size_t k = 0; k < n_points; k++)
            values[k] = value_of(kind, i * n_points + k);
        r->series[i] = (struct promql_series){labels_of(i), n_points, times, values, NULL};
    }
}

static void clean(struct promql_result *r)
{
    free((void *)(uintptr_t)r->series[0].times);
    for (size_t i = 0; i < r->n; i++) {
        free((void *)(uintptr_t)r->series[i].values);
        label_set_unref(r->series[i].labels);
    }
    free(r->series);
}

/* Into a new buffer each time, as for an answer. */
static double best_ms(const struct promql_result *r, size_t rounds, struct crew *crew,
                      size_t *ret_bytes)
{
    mono_ns best = INT64_MAX;

    for (size_t i = 0; i < rounds; i++) {
        CLEANUP(buf_free) struct buf out = {0};
        mono_ns began = clock_mono_ns(), took;

        api_add_result(&out, r, SIZE_MAX, crew);
        took = clock_mono_ns() - began;
        best = took < best ? took : best;
        *ret_bytes = out.len;
    }
    return (double)best / 1e6;
}

static void measure(const char *what, enum promql_type type, size_t n, size_t n_points,
                    enum kind kind, size_t rounds)
{
    struct crew *crew = crew_new(1);
    struct promql_result r;
    double alone, helped;
    size_t bytes = 0;

    make(&r, type, n, n_points, kind);
    alone = best_ms(&r, rounds, NULL, &bytes);
    helped = best_ms(&r, rounds, crew, &bytes);
    printf(
        "%-8s %-8s %8zu series %8zu points %10zu bytes %8.3f ms %6.1f ns/point, by two %8.3f ms\n",
        what, kind_names[kind], n, n * n_points, bytes, alone, alone * 1e6 / (double)(n * n_points),
        helped);
    crew_free(crew);
    clean(&r);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    size_t steps = argc > 2 ? strtoul(argv[2], NULL, 10) : 1400;
    size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 20;

    if (n == 0 || steps == 0 || rounds == 0) {
        fprintf(stderr, "usage: bench_api [series [steps [rounds]]]\n");
        return 2;
    }
    for (int kind = 0; kind < KINDS; kind++)
        measure("matrix", PROMQL_MATRIX, n, steps, (enum kind)kind, rounds);
    measure("vector", PROMQL_VECTOR, n * VECTOR_EACH, 1, MIXED, rounds);
    return 0;
}
