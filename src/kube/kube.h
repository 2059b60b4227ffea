/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube - the Kubernetes API as a client: who we are, and lists of objects that are kept up to date
 *
 * A watch lists the objects of one resource and then hears of each change until it is stopped. It
 * finds its way back by itself: a stream that ends is taken up where it ended, a resource version
 * that is too old leads to a new list, failures to waits that grow. All on the loop's thread.
 */
#ifndef TOCSIN_KUBE_KUBE_H
#define TOCSIN_KUBE_KUBE_H

#include "base/err.h"
#include "base/json.h"
#include "model/peer.h"
#include "net/http_client.h"
#include "net/loop.h"

/* ---- who we are ---------------------------------------------------------------------------- */

#define KUBE_ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

/* The service account of the pod that we run in. */
struct kube_account {
    char *server;                /* https://HOST:PORT */
    char *token_file, *ca_file;  /* ca_file: NULL when there is none; the token is read each time */
    struct http_options options; /* with both */
};

/* KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the folder of the account. -ENOENT: not in a
 * cluster. */
int kube_account_read(const char *folder, struct kube_account *ret, struct err *err);
void kube_account_deinit(struct kube_account *a);

/* The namespace of that account, appended. */
int kube_own_namespace(const char *folder, struct buf *ret, struct err *err);

/* ---- watches ------------------------------------------------------------------------------- */

struct kube_question {
    const char *server; /* URL, may have a path */
    const struct http_options *options;
    const char *path; /* /api/v1/pods, /api/v1/namespaces/shop/pods */
    const char
        *older_path; /* of an older version, asked when the server does not know `path`; NULL */
    const char *labels, *fields; /* selectors, or NULL */
};

/* Objects are borrowed for the call. A watch must not be stopped from within. */
struct kube_watch_events {
    void (*begin)(void *arg); /* a list begins; one that fails midway begins again */
    void (*object)(const struct json *object, void *arg); /* is there, is new or has changed */
    void (*end)(void *arg); /* the list is complete: what was not told since begin is gone */
    void (*deleted)(const struct json *object, void *arg);
    void (*failed)(const struct err *err, void *arg); /* it will be tried again */
};

struct kube_watch;

/* Borrows server and options as long as the watch lives. Nothing is told from within. */
struct kube_watch *kube_watch_start(struct loop *l, struct http_client *http,
                                    const struct kube_question *q,
                                    const struct kube_watch_events *events, void *arg);
void kube_watch_stop(struct kube_watch *w); /* NULL is fine */

#endif
