/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_webhook - Alertmanager's and notification-manager's bodies, to any URL (alertmanager.md
 * 5.1, kubesphere.md 4.5)
 */
#include "base/file.h"
#include "notify/notify_priv.h"

#define WEBHOOK_TIMEOUT_MS 10000 /* of one attempt, when the configuration sets none */

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_webhook *w = r->settings;
    int status = secret_read(w->url, w->url_file, url, err);

    if (status < 0)
        return err_in(err, status, "url_file");
    if (w->format == WEBHOOK_KUBESPHERE)
        webhook_body_kubesphere(r->n, w->cluster, body);
    else
        webhook_body_alertmanager(r->n, r->external_url, w->max_alerts, body);
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

const struct channel channel_webhook = {.name = "webhook", .render = render};
