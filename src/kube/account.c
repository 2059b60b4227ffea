/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kube.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define NAMESPACE_SIZE_MAX 4096 /* bytes; a name has 63 */

static char *path_in(const char *folder, const char *name)
{
    struct buf path = {0};

    buf_addf(&path, "%s/%s", folder, name);
    return buf_take(&path);
}

int kube_account_read(const char *folder, struct kube_account *ret, struct err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    struct kube_account a = {0};
    struct buf server = {0};

    if (!host || !*host || !port || !*port)
        return err_set(err, -ENOENT,
                       "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a "
                       "cluster, name an api_server");
    buf_addf(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    a.server = buf_take(&server);
    a.token_file = path_in(folder, "token");
    a.ca_file = path_in(folder, "ca.crt");
    if (access(a.ca_file, R_OK) < 0)
        free(TAKE(a.ca_file));
    a.options = (struct http_options){
        .authorization_credentials_file = a.token_file,
        .tls = {.enabled = true, .ca_file = a.ca_file},
    };
    *ret = a;
    return 0;
}

void kube_account_deinit(struct kube_account *a)
{
    free(a->server);
    free(a->token_file);
    free(a->ca_file);
    *a = (struct kube_account){0};
}

int kube_own_namespace(const char *folder, struct buf *ret, struct err *err)
{
    CLEANUP(mem_freep) char *path = path_in(folder, "namespace");
    CLEANUP(buf_free) struct buf text = {0};
    int r = file_read(path, NAMESPACE_SIZE_MAX, &text, err);

    if (r < 0)
        return r;
    buf_add_str(ret, str_trim(buf_str(&text)));
    return 0;
}
