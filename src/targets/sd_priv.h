/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_priv - discovery that asks somebody: HTTP, DNS, Kubernetes, Eureka, Consul, Nacos
 *
 *     sd        which discoveries there are, what they found, when a new list is due
 *     sd_poll   one URL, asked again and again: for sd_http and sd_eureka
 *     sd_http   target groups from a URL
 *     sd_dns    hosts and ports from records of names
 *     sd_kube   objects of Kubernetes (sd_kube_priv.h)
 *     sd_eureka instances of a Eureka server
 *     sd_consul, sd_nacos    instances of services of Consul, of Nacos
 *
 * A discovery lives as long as a job of the configuration asks for the same; jobs whose blocks are
 * written alike share one. What it found last stays until it finds something else: a failure takes
 * no target away. All on the loop's thread.
 */
#ifndef TOCSIN_TARGETS_SD_PRIV_H
#define TOCSIN_TARGETS_SD_PRIV_H

#include "net/http_client.h"
#include "targets/targets_priv.h"

struct sds;
struct sd_kind;

struct sd {
    struct sds *all;
    const struct sd_kind *kind;
    const struct config_sd *settings; /* the kind's own struct begins with it */
    const struct config *config;      /* a reference: settings are in it */
    void *self;                       /* the kind's, from open() to close() */
    char *failure; /* words of the failure that was told last, NULL: there was none since */
    bool is_wanted;
};

/* One way of asking. */
struct sd_kind {
    const char *key; /* of the configuration: http_sd_configs */
    void *(*open)(struct sd *sd);
    void (*close)(void *self); /* what is under way is dropped */
    /* Calls cb with all that it found. */
    void (*each)(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg);
    size_t list, count, size; /* of its structs in struct config_scrape */
};

extern const struct sd_kind sd_http, sd_dns, sd_kube, sd_eureka, sd_consul, sd_nacos;

void sd_worked(struct sd *sd);     /* it went well */
void sd_found_news(struct sd *sd); /* each() tells something else than before */
/* Something went wrong: told once, until it goes well or goes wrong in another way. */
void sd_failed(struct sd *sd, const struct err *err);

/* ---- one URL ------------------------------------------------------------------------------- */

typedef int sd_parse(const struct sd *sd, struct str body, struct found_group **ret, size_t *ret_n,
                     struct err *err);

/* Asks at once and then after each refresh_interval. Borrows options. */
struct sd_poll *sd_poll_start(struct sd *sd, const char *url, const struct http_options *options,
                              sd_parse *parse);
void sd_poll_stop(void *poll);
void sd_poll_each(void *poll, void (*cb)(const struct found_group *g, void *arg), void *arg);

int sd_consul_parse(struct str body, const char *service, const char *separator,
                    struct found_group **ret, size_t *ret_n, struct err *err);
int sd_nacos_parse(struct str body, const struct config_nacos_sd *c, const char *service,
                   struct found_group **ret, size_t *ret_n, struct err *err);
int sd_eureka_parse(struct str body, struct found_group **ret, size_t *ret_n, struct err *err);

/* ---- all of them --------------------------------------------------------------------------- */

/* All discoveries. Zeroed there are none, and none begins before there is a loop. */
struct sds {
    struct sd **v;
    size_t n, cap;
    struct loop *loop;
    struct http_client *http;
    struct complaints complaints;
    void (*changed)(void *arg); /* found something else than before */
    void *arg;
};

void sds_begin(struct sds *s, struct loop *loop);
/* Begins what is new and ends what is not asked for any more. */
void sds_apply(struct sds *s, const struct config *config);
void sds_deinit(struct sds *s);
/* Calls cb with the i-th group that discoveries of the job found. */
void sds_each_group(const struct sds *s, const struct config_scrape *job,
                    void (*cb)(const struct found_group *g, void *arg), void *arg);

#endif
