/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a block and its chunks, as if all checksums of the sections were right. The first 24
 * bytes say how long each of the six sections is, in the order of enum block_section; they follow;
 * chunks are wherever the index says. Everything that a query does is done.
 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "storage/block_priv.h"
#include "storage/samples_priv.h"

#define HEAD (4 * BLOCK_SECTIONS)

static void hear_nothing(void *self, const char *text)
{
}

static const struct damage_face deaf = {NULL, hear_nothing};

static bool make_block(struct block *b, const uint8_t *data, size_t size)
{
    size_t at = HEAD;

    if (size < HEAD)
        return false;
    b->file.map = (uint8_t *)data;
    b->file.len = size;
    b->file.frame.n_sections = BLOCK_SECTIONS;
    for (size_t i = 0; i < BLOCK_SECTIONS; i++) {
        size_t len = get_u32(data + 4 * i) % (size - at + 1);

        b->file.frame.sections[i] = (struct frame_section){at, len};
        at += len;
    }
    b->info.series = section_len(&b->file, BLOCK_PLACES) / 4;
    b->damage = &deaf;
    b->checked = true;
    return true;
}

static void hear_value(void *arg, pair_no pair, struct str value)
{
    struct label l;

    must(block_pair(arg, pair, &l) && str_eq(l.value, value));
}

static void select_one(const struct block *b, enum matcher_type type, struct str name,
                       struct str value)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct index_face face;
    struct ids ids = {0};

    if (matcher_new(type, name, value, &m, NULL) < 0)
        return;
    block_index_face(b, &face);
    select_ids(&face, (const struct matcher *const *)&m, 1, &ids);
    for (size_t i = 0; i < ids.n; i++)
        must(ids.v[i] < b->info.series);
    ids_deinit(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block b = {0};
    struct columns c = {0};
    struct index_face face;
    struct label l;

    if (!make_block(&b, data, size))
        return 0;
    lock_init(&b.checking);
    block_index_face(&b, &face);
    for (pair_no no = 0; no < 4 && block_pair(&b, no, &l); no++) {
        face.each_value(&b, l.name, hear_value, &b);
        (void)face.value_count(&b, l.name);
        select_one(&b, MATCH_EQ, l.name, l.value);
        select_one(&b, MATCH_NE, l.name, l.value);
    }
    for (uint32_t i = 0; i < b.info.series && i < 8; i++) {
        struct label_set *labels;
        uint64_t hash;

        if (block_label_set(&b, i, &hash, &labels))
            label_set_unref(labels);
        (void)block_has_samples(&b, i, 0, 1);
        samples_begin(&c);
        block_read(&b, i, INT64_MIN, INT64_MAX, &c);
    }
    columns_deinit(&c);
    lock_deinit(&b.checking);
    return 0;
}
