/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config_priv.h"

static int check_spring(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    const struct config_spring *s = object;

    if (strcmp(s->scheme, "http") != 0 && strcmp(s->scheme, "https") != 0)
        return decoder_fail(d, place_of(node, "scheme"),
                            "scheme: found \"%s\", expected http or https", s->scheme);
    if (s->base_path[0] && (s->base_path[0] != '/' || strpbrk(s->base_path, "?# ")))
        return decoder_fail(d, place_of(node, "base_path"),
                            "base_path: found \"%s\", expected a path such as /actuator",
                            s->base_path);
    if (!s->metrics && !s->health)
        return decoder_fail(d, place_of(node, "metrics"),
                            "metrics and health are both false: nothing would be asked");
    return 0;
}

static const struct field spring_fields[] = {
    TEXT("base_path", struct config_spring, base_path),
    TEXT("scheme", struct config_spring, scheme),
    BOOL("metrics", struct config_spring, metrics),
    BOOL("health", struct config_spring, health),
};
/* A redirect of an actuator leads to a login page: told as such it helps more than the page. */
const struct config_spring config_spring_defaults = {
    .base_path = "/actuator", .scheme = "http", .metrics = true, .health = true};
const struct block spring_block = {
    .name = "spring",
    FIELDS(spring_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_spring, http),
    .size = sizeof(struct config_spring),
    .defaults = &config_spring_defaults,
    .check = check_spring,
};
