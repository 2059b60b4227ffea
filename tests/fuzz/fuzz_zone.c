/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "base/zone.h"

/* A zoneinfo file that was taken answers for every instant. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t instants[] = {INT64_C(-99999999999), -1, 0, 1770192688,
                                       INT64_C(99999999999)};
    struct zone *z = NULL;

    if (zone_parse(STR("x"), str_n((const char *)data, size), &z, NULL) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(instants); i++) {
        struct zone_moment m = zone_at(z, instants[i]);

        must(m.abbreviation.len == 0 || m.abbreviation.p);
    }
    zone_free(z);
    return 0;
}
