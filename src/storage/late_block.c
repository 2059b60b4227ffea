/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/late_block_priv.h"

int late_block_write(struct storage *st, const struct label *pairs, size_t n_pairs,
                     late_block_fill *fill, void *self, struct err *err)
{
    const struct block_info info = {.level = 1, .flags = BLOCK_LATE};
    CLEANUP(buf_free) struct buf path = {0};
    struct block_writer w;
    struct block *block;
    int r;

    WITH_LOCK(&st->turn);
    storage_path(st, STORAGE_FOLDER_BLOCKS, st->next_block, &path);
    r = block_writer_open(&w, st->ops, path.p, pairs, n_pairs, err);
    if (r < 0)
        return r;
    r = fill(self, &w, err);
    if (r < 0 || w.info.series == 0) {
        block_writer_abort(&w);
        return r;
    }
    r = block_writer_finish(&w, &info, err);
    if (r == 0)
        r = block_open(path.p, st->next_block, &st->damage, &block, err);
    if (r < 0)
        return r;
    st->next_block++;
    views_change(&st->views, NULL, 0, &block, 1, false, 0);
    return 1;
}
