/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_priv.h"
#include "net/resolve_priv.h"

struct resolve {
    char *host;
    char port[12];
    resolve_done *done;
    void *arg;
    struct event *event; /* made active when the answer is there */

    /* under lock */
    enum { WAITS, UNDER_WAY, ANSWERED } state;
    bool abandoned; /* while UNDER_WAY: its thread frees it */
    struct resolve *next;

    /* the thread's while UNDER_WAY, the loop's when ANSWERED */
    int code; /* of getaddrinfo() */
    int os_errno;
    struct addrinfo *addresses;
};

/* All of the process. */
static struct {
    struct lock lock;
    struct resolve *first, **last; /* those that wait */
    int threads;
} queue = {.lock = LOCK_INIT, .last = &queue.first};

static void free_resolve(struct resolve *r)
{
    if (r->addresses)
        freeaddrinfo(r->addresses);
    free(r->host);
    free(r);
}

static void look_up(struct resolve *r, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

    r->code = getaddrinfo(r->host, r->port, &hints, &r->addresses);
    r->os_errno = errno;
    if (r->code != 0)
        r->addresses = NULL;
}

/* ---- threads ------------------------------------------------------------------------------- */

/* NULL: nothing to do, and the thread counts as ended. */
static struct resolve *next_waiting(void)
{
    WITH_LOCK(&queue.lock);
    struct resolve *r = queue.first;

    if (!r) {
        queue.threads--;
        return NULL;
    }
    queue.first = r->next;
    if (!queue.first)
        queue.last = &queue.first;
    r->state = UNDER_WAY;
    return r;
}

/* Under the lock the event cannot be freed by resolve_cancel(). */
static void hand_over(struct resolve *r)
{
    bool abandoned;

    lock_take(&queue.lock);
    r->state = ANSWERED;
    abandoned = r->abandoned;
    if (!abandoned)
        event_active(r->event, EV_READ, 0);
    lock_give(&queue.lock);
    if (abandoned)
        free_resolve(r);
}

static void run_look_ups(void *arg)
{
    struct resolve *r;

    while ((r = next_waiting())) {
        look_up(r, AI_ADDRCONFIG);
        hand_over(r);
    }
}

static void enqueue(struct resolve *r)
{
    bool start;

    lock_take(&queue.lock);
    *queue.last = r;
    queue.last = &r->next;
    start = queue.threads < RESOLVE_THREADS;
    queue.threads += start;
    lock_give(&queue.lock);
    if (start) {
        struct thread t;

        thread_start(&t, "resolve", run_look_ups, NULL);
        must(pthread_detach(t.id) == 0);
    }
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *r = arg;
    struct err err = {0};

    event_free(r->event);
    if (r->code == EAI_SYSTEM)
        err_set(&err, -EHOSTUNREACH, "resolve %s: %s", r->host, strerrordesc_np(r->os_errno));
    else if (r->code != 0)
        err_set(&err, -EHOSTUNREACH, "resolve %s: %s", r->host, gai_strerror(r->code));
    r->done(r->addresses, r->addresses ? NULL : &err, r->arg);
    free_resolve(r);
}

struct resolve *resolve_start(struct loop *l, const char *host, int port, resolve_done *done,
                              void *arg)
{
    struct resolve *r = mem_zalloc(sizeof *r);

    MUST_BE_ON(l);
    r->host = mem_strdup(host);
    snprintf(r->port, sizeof r->port, "%d", port);
    r->done = done;
    r->arg = arg;
    must((r->event = event_new(loop_base(l), -1, 0, on_answer, r)));
    look_up(r, AI_NUMERICHOST);
    if (r->code == 0) {
        r->state = ANSWERED;
        event_active(r->event, EV_READ, 0);
    } else {
        enqueue(r);
    }
    return r;
}

static void take_out_of_queue(struct resolve *r)
{
    struct resolve **at = &queue.first;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (!r->next)
        queue.last = at;
}

void resolve_cancel(struct resolve *r)
{
    bool is_ours;

    if (!r)
        return;
    lock_take(&queue.lock);
    if (r->state == WAITS)
        take_out_of_queue(r);
    is_ours = r->state != UNDER_WAY;
    r->abandoned = true;
    event_free(r->event);
    lock_give(&queue.lock);
    if (is_ours)
        free_resolve(r);
}
