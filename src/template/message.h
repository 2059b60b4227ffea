/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - the data of notification templates: Alertmanager's and notification-manager's
 *
 * The caller fills a struct tmpl_message from its notification and gets the value that is the templates'
 * dot. The same value written by tmpl_add_json() is the body of Alertmanager's webhook without
 * version and groupKey. Everything is borrowed until the execution is over.
 */
#ifndef TOCSIN_TEMPLATE_MESSAGE_H
#define TOCSIN_TEMPLATE_MESSAGE_H

#include "template/value.h"

struct label_set;

struct message_alert {
    bool resolved;
    const struct label_set *labels;
    const struct label_set *annotations;
    struct tmpl_time starts_at; /* tmpl_time_of_ns() */
    struct tmpl_time ends_at;
    struct str generator_url;
    struct str fingerprint; /* Alertmanager's, or notification-manager's id */
    struct str status; /* notification-manager: shown as .Status; Alertmanager goes by `resolved` */
};

struct tmpl_message {
    struct str receiver; /* Alertmanager: with regexp characters escaped already */
    struct str status;   /* firing or resolved; notification-manager: empty when mixed */
    struct str reason;
    const struct message_alert *alerts;
    size_t n_alerts;
    const struct label_set *group_labels;
    const struct label_set *common_labels;
    const struct label_set *common_annotations;
    struct str external_url;

    /* notification-manager shows labels that the group lacks as ""; they are named here. */
    const struct str *empty_group_labels;
    size_t n_empty_group_labels;
};

struct tmpl_value tmpl_alertmanager_data(struct arena *a, const struct tmpl_message *m);
struct tmpl_value tmpl_notification_manager_data(struct arena *a, const struct tmpl_message *m);

#endif
