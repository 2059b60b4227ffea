/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "notify/notify_priv.h"

const struct channel *channel_of(int kind)
{
    static const struct channel *const channels[] = {
        [CHANNEL_WEBHOOK] = &channel_webhook,
        [CHANNEL_WECOM_ROBOT] = &channel_wecom_robot,
        [CHANNEL_DINGTALK] = &channel_dingtalk,
        [CHANNEL_FEISHU] = &channel_feishu,
        [CHANNEL_EMAIL] = &channel_email,
        [CHANNEL_SLACK] = &channel_slack,
        [CHANNEL_MATTERMOST] = &channel_mattermost,
        [CHANNEL_ROCKETCHAT] = &channel_rocketchat,
        [CHANNEL_TELEGRAM] = &channel_telegram,
        [CHANNEL_DISCORD] = &channel_discord,
        [CHANNEL_MSTEAMS] = &channel_msteams,
        [CHANNEL_MSTEAMSV2] = &channel_msteamsv2,
        [CHANNEL_PAGERDUTY] = &channel_pagerduty,
        [CHANNEL_OPSGENIE] = &channel_opsgenie,
        [CHANNEL_PUSHOVER] = &channel_pushover,
        [CHANNEL_WEBEX] = &channel_webex,
        [CHANNEL_VICTOROPS] = &channel_victorops,
        [CHANNEL_WECHAT] = &channel_wechat,
        [CHANNEL_JIRA] = &channel_jira,
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
