/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_check - whether processes of this machine run, and what they take
 *
 *     pool: scan of /proc ─▶ the loop ─▶ page
 *
 * A process that hangs in the kernel can block whoever reads its command line. So /proc is read on the
 * pool; a scan that does not come back holds one thread, and no second one is begun meanwhile. What both
 * sides touch is struct scan, which the last of the two frees. Of the loop's side it knows only a number,
 * under which the check is found or not.
 */
#include "probes/probes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "probes/check_priv.h"
#include "probes/pool_priv.h"
#include "probes/process_scan_priv.h"

struct scan {
    struct pool_work work; /* first: the pool hands it back */
    char *pid_file, *name;
    struct regex *command_line;

    /* the pool's thread while it is under way, else the loop's */
    struct process_facts facts;
    struct err why;
    int result;

    /* both, under lock */
    struct lock lock;
    int refs;
    bool under_way;
    struct loop *loop; /* NULL: the check is closed */
    uint64_t number;
};

struct process_check {
    struct check check; /* first */
    const struct config_process_check *config;
    struct scan *scan;
    bool scanned; /* in the fetch under way: its facts are those of now */
    uint64_t number;
    struct process_check *next;
};

/* Those that are open, under lock: a message that comes late must not find what is gone. */
static struct {
    struct lock lock;
    struct process_check *first;
    uint64_t numbers;
} checks = {.lock = LOCK_INIT};

static struct process_check *of(struct check *c)
{
    return (struct process_check *)c;
}

/* ---- a scan -------------------------------------------------------------------------------- */

static void scan_unref(struct scan *s)
{
    int left;

    lock_take(&s->lock);
    left = --s->refs;
    lock_give(&s->lock);
    if (left > 0)
        return;
    free(s->pid_file);
    free(s->name);
    regex_free(s->command_line);
    lock_deinit(&s->lock);
    free(s);
}

static void on_scanned(void *number);

static void run_scan(struct pool_work *w)
{
    struct scan *s = (struct scan *)w;
    const struct process_filter f = {s->pid_file, s->name, s->command_line};

    s->why = (struct err){0};
    s->facts = (struct process_facts){0};
    s->result = process_scan("/proc", &f, &s->facts, &s->why);
    lock_take(&s->lock);
    s->under_way = false;
    if (s->loop)
        loop_post(s->loop, on_scanned, (void *)(uintptr_t)s->number);
    lock_give(&s->lock);
    scan_unref(s);
}

/* With copies of the settings: a scan may outlive the job. */
static struct scan *scan_new(const struct config_process_check *c, struct loop *l, uint64_t number)
{
    struct scan *s = mem_zalloc(sizeof *s);

    s->pid_file = c->pid_file ? mem_strdup(c->pid_file) : NULL;
    s->name = c->name ? mem_strdup(c->name) : NULL;
    if (c->command_line)
        must(regex_new(regex_pattern(c->command_line), REGEX_SEARCH, &s->command_line, NULL) == 0);
    s->work.run = run_scan;
    lock_init(&s->lock);
    s->refs = 1;
    s->loop = l;
    s->number = number;
    return s;
}

/* False: the last one has not come back. */
static bool scan_start(struct scan *s)
{
    bool free_now;

    lock_take(&s->lock);
    free_now = !s->under_way;
    if (free_now) {
        s->under_way = true;
        s->refs++;
    }
    lock_give(&s->lock);
    if (free_now)
        pool_run(&s->work);
    return free_now;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static struct process_check *find_check(uint64_t number)
{
    WITH_LOCK(&checks.lock);

    for (struct process_check *p = checks.first; p; p = p->next)
        if (p->number == number)
            return p;
    return NULL;
}

/* On the loop of the check: it is not closed meanwhile. */
static void on_scanned(void *number)
{
    struct process_check *p = find_check((uint64_t)(uintptr_t)number);
    bool under_way;

    if (!p || !p->check.done || p->check.ended)
        return;
    lock_take(&p->scan->lock);
    under_way = p->scan->under_way;
    lock_give(&p->scan->lock);
    if (under_way) /* this is the message of an earlier scan, which was late */
        return;
    p->scanned = true;
    if (p->scan->result < 0)
        check_fail(&p->check, "read", &p->scan->why);
    else if (p->scan->facts.count == 0)
        check_fail(&p->check, "process", &p->scan->why);
    else
        check_pass(&p->check);
}

/* What is read is this machine's: another name as target would say something else. */
static bool is_here(struct str address)
{
    struct str host = str_cut(&address, ':');

    return str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1"));
}

static void begin(struct check *c)
{
    struct process_check *p = of(c);

    p->scanned = false;
    if (!is_here(str_c(c->target->address))) {
        check_failf(c, "address", -EINVAL,
                    "\"%.200s\" is not this machine: write localhost, and a label instance",
                    c->target->address);
        return;
    }
    check_await(c, "read", "read /proc");
    if (!scan_start(p->scan))
        check_failf(c, "read", -EBUSY, "/proc: an earlier look has not come back");
}

static void drop(struct check *c)
{
    /* A scan under way goes on: the next fetch finds it, or close leaves it alone. */
}

static void finish(struct check *c)
{
    struct process_check *p = of(c);
    const struct process_facts *f;

    if (!p->scanned || p->scan->result < 0)
        return;
    f = &p->scan->facts;
    check_gauge(c, "process_up", f->count > 0);
    check_gauge(c, "process_count", (double)f->count);
    if (!f->count)
        return;
    check_gauge(c, "process_start_time_seconds", f->start_seconds);
    metric_page_counter(&c->page, "process_cpu_seconds_total", f->cpu_seconds, NO_LABELS);
    check_gauge(c, "process_resident_memory_bytes", f->resident_bytes);
    check_gauge(c, "process_virtual_memory_bytes", f->virtual_bytes);
    check_gauge(c, "process_threads", (double)f->threads);
    if (f->n_fds < f->count)
        return;
    check_gauge(c, "process_open_fds", (double)f->open_fds);
    check_gauge(c, "process_max_fds", f->max_fds);
}

static void leave(struct process_check *p)
{
    struct process_check **at = &checks.first;
    WITH_LOCK(&checks.lock);

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

static void free_check(struct check *c)
{
    struct process_check *p = of(c);

    leave(p);
    lock_take(&p->scan->lock);
    p->scan->loop = NULL;
    lock_give(&p->scan->lock);
    scan_unref(p->scan);
    free(p);
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *target)
{
    struct process_check *p = mem_zalloc(sizeof *p);

    check_init(&p->check, &kind, l, target);
    p->config = target->job->process_check;
    lock_take(&checks.lock);
    p->number = ++checks.numbers;
    p->next = checks.first;
    checks.first = p;
    lock_give(&checks.lock);
    p->scan = scan_new(p->config, l, p->number);
    return p;
}

const struct page_source probe_process_check_source = CHECK_SOURCE(open_check);
