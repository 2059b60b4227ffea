/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/alert_json.h"

#define RECORD_VERSION 1

void message_key(uint64_t number, char out[KEY_LEN + 1])
{
    snprintf(out, KEY_LEN + 1, "%0*" PRIu64, KEY_LEN, number);
}

struct notification message_view(const struct message *m)
{
    return (struct notification){
        .receiver = m->receiver,
        .integration = m->integration,
        .group_key = m->group_key,
        .group_labels = m->group_labels,
        .group_by = m->group_by,
        .n_group_by = m->n_group_by,
        .alerts = m->alerts,
        .n_alerts = m->n_alerts,
        .now = m->now,
        .reason = m->reason,
    };
}

/* The array and, behind it, the bytes it points to: one allocation. */
static struct str *copy_names(const struct str *names, size_t n)
{
    size_t bytes = n * sizeof *names;
    struct str *copy;
    char *p;

    for (size_t i = 0; i < n; i++)
        bytes += names[i].len;
    copy = mem_zalloc(bytes + 1);
    p = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        memcpy(p, names[i].p, names[i].len);
        copy[i] = str_n(p, names[i].len);
        p += names[i].len;
    }
    return copy;
}

struct message *message_new(const struct notification *n)
{
    struct message *m = mem_zalloc(sizeof *m);

    m->receiver = mem_strdup(n->receiver);
    m->integration = n->integration;
    m->group_key = mem_strdup(n->group_key);
    m->reason = mem_strdup(n->reason ? n->reason : "");
    m->group_labels = label_set_ref(n->group_labels);
    m->group_by = copy_names(n->group_by, n->n_group_by);
    m->n_group_by = n->n_group_by;
    m->alerts = mem_array(n->n_alerts, sizeof *m->alerts);
    for (size_t i = 0; i < n->n_alerts; i++)
        m->alerts[m->n_alerts++] = alert_ref(n->alerts[i]);
    m->now = n->now;
    return m;
}

void message_free(struct message *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_alerts; i++)
        alert_unref(m->alerts[i]);
    free(m->alerts);
    free(m->group_by);
    label_set_unref(m->group_labels);
    free(m->reason);
    free(m->group_key);
    free(m->receiver);
    free(m);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void add_alert(struct json_writer *w, const struct alert *a)
{
    json_object_begin(w);
    json_alert(w, a);
    json_object_end(w);
}

void message_encode(const struct message *m, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_i64(&w, "version", RECORD_VERSION);
    json_kv_c(&w, "receiver", m->receiver);
    json_kv_i64(&w, "integration", m->integration);
    json_kv_c(&w, "group_key", m->group_key);
    json_kv_c(&w, "reason", m->reason);
    json_kv_time(&w, "now", m->now);
    json_kv_labels(&w, "group_labels", m->group_labels);
    json_key_c(&w, "group_by");
    json_array_begin(&w);
    for (size_t i = 0; i < m->n_group_by; i++)
        json_str(&w, m->group_by[i]);
    json_array_end(&w);
    json_key_c(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < m->n_alerts; i++)
        add_alert(&w, m->alerts[i]);
    json_array_end(&w);
    json_object_end(&w);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void read_names(const struct json *names, struct message *m)
{
    struct str *list = mem_array(json_len(names), sizeof *list);

    m->n_group_by = json_len(names);
    for (size_t i = 0; i < m->n_group_by; i++)
        list[i] = json_text(json_at(names, i));
    m->group_by = copy_names(list, m->n_group_by);
    free(list);
}

static int read_alerts(const struct json *alerts, struct message *m, struct err *err)
{
    int r = 0;

    if (json_len(alerts) == 0)
        return err_set(err, -EBADMSG, "\"alerts\": expected some");
    m->alerts = mem_array(json_len(alerts), sizeof *m->alerts);
    for (size_t i = 0; r == 0 && i < json_len(alerts); i++) {
        struct alert *a = NULL;

        r = json_get_alert(json_at(alerts, i), &a, err);
        if (r == 0)
            m->alerts[m->n_alerts++] = a;
    }
    return r;
}

static int read_message(const struct json *j, struct message *m, struct err *err)
{
    int r;

    m->receiver = str_dup(json_text(json_get(j, "receiver")));
    m->integration = (int)json_int(json_get(j, "integration"));
    m->group_key = str_dup(json_text(json_get(j, "group_key")));
    m->reason = str_dup(json_text(json_get(j, "reason")));
    read_names(json_get(j, "group_by"), m);
    if (!*m->receiver)
        return err_set(err, -EBADMSG, "\"receiver\": expected a name");
    if ((r = json_get_time(j, "now", &m->now, err)) < 0 ||
        (r = json_get_labels(j, "group_labels", &m->group_labels, err)) < 0)
        return r;
    return read_alerts(json_get(j, "alerts"), m, err);
}

int message_decode(struct str key, struct str value, struct message **ret, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct message *m;
    uint64_t number;
    int r = json_doc_parse(value, &doc, err);

    if (r < 0)
        return r;
    if (!num_parse_u64(key, &number) || json_int(json_get(doc, "version")) != RECORD_VERSION)
        return err_set(err, -EBADMSG, "not a message of version %d", RECORD_VERSION);
    m = mem_zalloc(sizeof *m);
    r = read_message(doc, m, err);
    if (r < 0) {
        message_free(m);
        return r;
    }
    m->number = number;
    *ret = m;
    return 0;
}
