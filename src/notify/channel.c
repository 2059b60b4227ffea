/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify_priv.h"

#include <string.h>

#include "base/file.h"

#define WEBHOOK_TIMEOUT_MS 10000 /* of one attempt, when the configuration sets none */

const struct config_webhook *channel_find(const struct config *c, const char *receiver,
                                          int integration)
{
    for (size_t i = 0; i < c->n_receivers; i++) {
        const struct config_receiver *r = &c->receivers[i];

        if (strcmp(r->name, receiver) == 0)
            return integration >= 0 && (size_t)integration < r->n_webhooks
                       ? &r->webhooks[integration]
                       : NULL;
    }
    return NULL;
}

int channel_render(const struct config_webhook *w, const struct message *m,
                   const char *external_url, struct buf *url, struct buf *body,
                   struct outgoing *ret, struct err *err)
{
    struct notification n = message_view(m);
    int r = secret_read(w->url, w->url_file, url, err);

    if (r < 0)
        return err_in(err, r, "url_file");
    if (w->format == WEBHOOK_KUBESPHERE)
        webhook_body_kubesphere(&n, w->cluster, body);
    else
        webhook_body_alertmanager(&n, external_url, w->max_alerts, body);
    *ret = (struct outgoing){
        .method = "POST",
        .url = url->p,
        .content_type = "application/json",
        .body = buf_str(body),
        .http = &w->http,
        .timeout = w->timeout ? w->timeout : WEBHOOK_TIMEOUT_MS,
    };
    return 0;
}
