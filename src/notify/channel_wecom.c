/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_wecom - a robot in a WeCom group (alertmanager.md 5.4); the key in its URL is the secret
 */
#include "base/file.h"
#include "base/json.h"
#include "notify/notify_priv.h"

#define TEXT_BYTES_MAX     2048
#define MARKDOWN_BYTES_MAX 4096

/* Markdown mentions members in the text itself. */
static void add_mentions(const struct config_robot *c, struct buf *out)
{
    for (size_t i = 0; i < c->n_at_users; i++)
        buf_addf(out, "<@%s>", c->at_users[i]);
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_robot *c = r->settings;
    CLEANUP(buf_free) struct buf title = {0};
    CLEANUP(buf_free) struct buf message = {0};
    CLEANUP(buf_free) struct buf mentions = {0};
    CLEANUP(buf_free) struct buf content = {0};
    const char *type = c->text ? "text" : "markdown";
    size_t max = c->text ? TEXT_BYTES_MAX : MARKDOWN_BYTES_MAX;
    struct json_writer w;
    int status = secret_read(c->webhook_url, c->webhook_url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    if (!c->text)
        add_mentions(c, &mentions);
    if (mentions.len > max / 2)
        buf_reset(&mentions); /* better nobody mentioned than nothing said */
    robot_texts(r, max - mentions.len - ROBOT_TITLE_MAX - sizeof "## \n", &title, &message);
    buf_addf(&content, "%s%s\n%s", c->text ? "" : "## ", title.p, message.p);
    buf_add_str(&content, buf_str(&mentions));
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_c(&w, "msgtype", type);
    json_key_c(&w, type);
    json_object_begin(&w);
    json_kv_str(&w, "content", buf_str(&content));
    if (c->text) {
        if (c->n_at_users > 0 || c->at_all)
            robot_add_names(&w, "mentioned_list", c->at_users, c->n_at_users, c->at_all);
        if (c->n_at_mobiles > 0)
            robot_add_names(&w, "mentioned_mobile_list", c->at_mobiles, c->n_at_mobiles, false);
    }
    json_object_end(&w);
    json_object_end(&w);
    *ret = robot_post(c, url, body);
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    /* busy; too many a minute; too many at once */
    static const int64_t retriable[] = {-1, 45009, 45033, 0};

    return robot_judge(a, "errcode", "errmsg", retriable, why);
}

const struct channel channel_wecom_robot = {
    .name = "wecom_robot", .render = render, .judge = judge, .per_minute = 20};
