/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "net/crypto.h"
#include "remote/push_priv.h"

#define PUSH_LABELS_MAX 64 /* of a group */

/* A name with @base64 behind it has a value in base64 of URLs, for values with slashes; "=" is the
 * empty one. */
static int add_label(struct label_builder *b, struct str name, struct str value, struct err *err)
{
    const struct str mark = STR("@base64");
    CLEANUP(buf_free) struct buf decoded = {0};

    if (str_has_suffix(name, mark)) {
        name.len -= mark.len;
        if (crypto_base64_decode(value, &decoded) < 0)
            return err_set(err, -EINVAL, "invalid base64 encoding in label %.*s=\"%.*s\"",
                           STR_ARG(name), STR_ARG(value));
        value = buf_str(&decoded);
    }
    if (!label_name_is_legacy(name) || str_has_prefix(name, STR("__")))
        return err_set(err, -EINVAL, "improper label name \"%.*s\"", STR_ARG(name));
    if (!str_is_utf8(value))
        return err_set(err, -EINVAL, "value of label %.*s is no UTF-8", STR_ARG(name));
    label_builder_set(b, name, value);
    return 0;
}

int push_path_read(struct str path, struct label_set **ret, struct err *err)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0}, job = {0};
    size_t n = 0;
    int r = 0;

    while (path.len > 0 && r == 0) {
        bool is_last = str_find(path, STR("/")) == path.len;
        struct str name = str_cut(&path, '/'), value;

        if (name.len == 0 && path.len == 0)
            break; /* a slash at the end */
        if (is_last || ++n > PUSH_LABELS_MAX)
            return err_set(err, -EINVAL, "odd number of components, or more than %d labels",
                           PUSH_LABELS_MAX);
        value = str_cut(&path, '/');
        r = add_label(n == 1 ? &job : &b, name, value, err);
    }
    if (r < 0)
        return r;
    if (label_builder_get(&job, STR("job")).len == 0)
        return err_set(err, -EINVAL, "job name is required");
    label_builder_set(&b, STR("job"), label_builder_get(&job, STR("job")));
    *ret = label_builder_build(&b);
    return 0;
}
