/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <sched.h>

#include "base/crew.h"
#include "base/must.h"
#include "base/thread.h"

#define MOST   3
#define ROUNDS 2000

struct sum {
    const int *from;
    size_t n;
    int result, core;
};

static void add(void *arg)
{
    struct sum *s = arg;

    s->result = 0;
    s->core = sched_getcpu();
    for (size_t i = 0; i < s->n; i++)
        s->result += s->from[i];
}

/* Takes what it gets, from several threads at once. */
static void use(void *arg)
{
    struct crew *crew = arg;
    int numbers[64];

    for (int i = 0; i < 64; i++)
        numbers[i] = i;
    for (int round = 0; round < ROUNDS; round++) {
        struct crew_job jobs[MOST];
        struct sum sums[MOST];
        unsigned n = crew_take(crew, MOST);

        must(n <= MOST && crew_busy(crew) <= MOST);
        for (unsigned i = 0; i < n; i++) {
            sums[i] = (struct sum){numbers, 60 + i, 0, 0};
            crew_run(crew, &jobs[i], add, &sums[i]);
        }
        for (unsigned i = 0; i < n; i++) {
            crew_join(crew, &jobs[i]);
            must(sums[i].result == (int)((59 + i) * (60 + i) / 2));
        }
    }
}

static void every_job_is_done_and_no_more_are_busy_than_may_be(void **state)
{
    struct crew *crew = crew_new(MOST);
    struct thread threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_start(&threads[i], "user", use, crew);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(&threads[i]);
    assert_int_equal(crew_busy(crew), 0);
    assert_int_equal(crew_take(crew, 1), 1);
    {
        struct crew_job job;
        struct sum sum = {NULL, 0, 7, 0};

        crew_run(crew, &job, add, &sum);
        crew_join(crew, &job);
        assert_int_equal(sum.result, 0);
    }
    crew_free(crew);
}

static void a_job_runs_on_another_core_than_its_owner(void **state)
{
    struct crew *crew = crew_new(1);
    size_t elsewhere = 0;

    if (thread_cores() < 2) {
        crew_free(crew);
        skip();
    }
    for (int i = 0; i < 100; i++) {
        struct crew_job job;
        struct sum sum = {NULL, 0, 0, 0};
        int here = sched_getcpu();

        assert_int_equal(crew_take(crew, 1), 1);
        crew_run(crew, &job, add, &sum);
        crew_join(crew, &job);
        elsewhere += sum.core != here;
    }
    assert_true(elsewhere > 80); /* the owner may move in between */
    crew_free(crew);
}

static void nobody_helps_where_there_is_no_crew(void **state)
{
    struct crew *none = crew_new(0);

    assert_int_equal(crew_take(NULL, 1), 0);
    assert_int_equal(crew_take(none, 1), 0);
    crew_free(none);
    crew_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_done_and_no_more_are_busy_than_may_be),
        cmocka_unit_test(a_job_runs_on_another_core_than_its_owner),
        cmocka_unit_test(nobody_helps_where_there_is_no_crew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
