/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics hang in one list that only grows, at its head, by compare and exchange: readers need no
 * lock. The lock below is for those made at run time, so that no two threads make the same one.
 */
#include "model/selfmetrics.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/thread.h"

#define PROC_TEXT_MAX 4096 /* bytes of the files in /proc that we read */

static _Atomic(struct selfmetric *) all;
static struct lock labelled_lock = LOCK_INIT;

static void enlist(struct selfmetric *m)
{
    struct selfmetric *head;

    if (atomic_load_explicit(&m->registered, memory_order_relaxed) ||
        atomic_exchange(&m->registered, true))
        return;
    head = atomic_load(&all);
    do
        m->next = head;
    while (!atomic_compare_exchange_weak(&all, &head, m));
}

void selfmetric_add(struct selfmetric *m, int64_t n)
{
    enlist(m);
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void selfmetric_set(struct selfmetric *m, int64_t v)
{
    enlist(m);
    atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

static struct str label_of(const struct selfmetric *m)
{
    return str_c(m->label ? m->label : "");
}

static struct selfmetric *find(const char *name, const char *label)
{
    for (struct selfmetric *m = atomic_load(&all); m; m = m->next)
        if (str_eq(str_c(m->name), str_c(name)) && str_eq(label_of(m), str_c(label)))
            return m;
    return NULL;
}

struct selfmetric *selfmetric_labelled(const char *name, const char *label, enum metric_type type,
                                       const char *help)
{
    struct selfmetric *m;

    WITH_LOCK(&labelled_lock);
    m = find(name, label);
    if (!m) {
        m = mem_zalloc(sizeof *m);
        m->name = mem_strdup(name);
        m->label = mem_strdup(label);
        m->help = mem_strdup(help);
        m->type = type;
        enlist(m);
    }
    return m;
}

/* ---- the process --------------------------------------------------------------------------- */

/* The number after `skip` words of a file, 0 when there is none. */
static double number_in(const char *path, size_t skip)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str rest;
    int64_t v = 0;

    if (file_read(path, PROC_TEXT_MAX, &text, NULL) < 0)
        return 0;
    rest = str_trim(buf_str(&text));
    /* The second word of stat is the program's name in parentheses and may hold blanks. */
    if (str_find(rest, STR(") ")) < rest.len) {
        size_t at = str_find(rest, STR(") "));

        rest = str_n(rest.p + at + 2, rest.len - at - 2);
        skip -= 2;
    }
    while (skip-- > 0)
        str_cut(&rest, ' ');
    num_parse_i64(str_cut(&rest, ' '), &v);
    return (double)v;
}

static double open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = -3; /* itself, "." and ".." */

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Unix seconds: when the machine started, and ticks from then to the start of the process. */
static double start_time(void)
{
    struct timespec now, up;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
           number_in("/proc/self/stat", 21) / (double)sysconf(_SC_CLK_TCK);
}

static void write_one(struct buf *out, const char *name, enum metric_type type, const char *help,
                      double v)
{
    exposition_family(out, name, type, help);
    exposition_sample(out, name, v, NULL);
}

static void write_process(struct buf *out)
{
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    write_one(out, "process_cpu_seconds_total", METRIC_COUNTER,
              "Total user and system CPU time spent in seconds.",
              (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    write_one(out, "process_open_fds", METRIC_GAUGE, "Number of open file descriptors.",
              open_fds());
    write_one(out, "process_resident_memory_bytes", METRIC_GAUGE, "Resident memory size in bytes.",
              number_in("/proc/self/statm", 1) * (double)sysconf(_SC_PAGESIZE));
    write_one(out, "process_start_time_seconds", METRIC_GAUGE,
              "Start time of the process since unix epoch in seconds.", start_time());
}

/* ---- the page ------------------------------------------------------------------------------ */

static int compare(const void *pa, const void *pb)
{
    const struct selfmetric *a = *(struct selfmetric *const *)pa,
                            *b = *(struct selfmetric *const *)pb;
    int r = str_cmp(str_c(a->name), str_c(b->name));

    return r ? r : str_cmp(label_of(a), label_of(b));
}

static void write_metric(struct buf *out, const struct selfmetric *m)
{
    double scale = m->scale != 0 ? m->scale : 1;

    buf_add_c(out, m->name);
    if (label_of(m).len > 0)
        buf_addf(out, "{%s}", m->label);
    buf_add_byte(out, ' ');
    num_add_short(out, (double)atomic_load_explicit(&m->value, memory_order_relaxed) * scale);
    buf_add_byte(out, '\n');
}

void selfmetrics_write(struct buf *out)
{
    CLEANUP(mem_freep) struct selfmetric **sorted = NULL;
    size_t n = 0, cap = 0;
    bool process_written = false;

    for (struct selfmetric *m = atomic_load(&all); m; m = m->next)
        *VEC_PUSH(sorted, n, cap) = m;
    if (n > 0)
        qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++) {
        const struct selfmetric *m = sorted[i];

        if (!process_written && str_cmp(str_c(m->name), STR("process_")) > 0) {
            write_process(out);
            process_written = true;
        }
        if (i == 0 || !str_eq(str_c(m->name), str_c(sorted[i - 1]->name)))
            exposition_family(out, m->name, m->type, m->help);
        write_metric(out, m);
    }
    if (!process_written)
        write_process(out);
}
