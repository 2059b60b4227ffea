/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "notify/notify_priv.h"

const struct channel *channel_of(int kind)
{
    static const struct channel *const channels[] = {
        [CHANNEL_WEBHOOK] = &channel_webhook,   [CHANNEL_WECOM_ROBOT] = &channel_wecom_robot,
        [CHANNEL_DINGTALK] = &channel_dingtalk, [CHANNEL_FEISHU] = &channel_feishu,
        [CHANNEL_EMAIL] = &channel_email,
    };

    return channels[(size_t)kind < ARRAY_LEN(channels) ? kind : CHANNEL_WEBHOOK];
}

static const struct config_channel *find_in(const struct config_receiver *r, int integration)
{
    for (size_t i = 0; i < r->n_channels; i++)
        if (r->channels[i].id == integration)
            return &r->channels[i];
    return NULL;
}

const struct config_channel *channel_find(const struct config *c, const char *receiver,
                                          int integration)
{
    for (size_t i = 0; i < c->n_receivers; i++)
        if (strcmp(c->receivers[i].name, receiver) == 0)
            return find_in(&c->receivers[i], integration);
    return NULL;
}
