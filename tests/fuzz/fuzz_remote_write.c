/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole requests of remote write, into a sink whose verdicts come from the samples, so that all of them
 * occur. The first byte chooses the version, and whether the rest is the body or what a block shall hold.
 */
#include <errno.h>
#include <stdlib.h>

#include <snappy-c.h>

#include "base/must.h"
#include "model/histogram.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "remote/remote.h"
#include "tests/fuzz/fuzz.h"

#define REFS 1000 /* that the sink gives; it forgets every eighth commit */

struct sink {
    unsigned commits;
    size_t stored;
};

static int ask(void *self, const struct label_set *labels, series_ref *ret, struct err *err)
{
    must(label_set_get(labels, LABEL_NAME).len > 0);
    if (label_set_hash(labels) % 16 == 1)
        return err_set(err, -E2BIG, "too large");
    if (label_set_hash(labels) % 64 == 2)
        return err_set(err, -ENOSPC, "too many");
    *ret = label_set_hash(labels) % REFS + 1;
    return 0;
}

static int commit(void *self, const struct sample_row *rows, size_t n, enum commit_flags flags,
                  enum sample_verdict *verdicts, struct err *err)
{
    struct sink *s = self;
    bool forgetful = ++s->commits % 8 == 0;
    size_t good = 0;

    for (size_t i = 0; i < n; i++) {
        must(rows[i].ref > 0 && rows[i].ref <= REFS);
        must(!rows[i].h || rows[i].h->n_positive == 0 || rows[i].h->n_positive_spans > 0);
        verdicts[i] = rows[i].t % 4 == 3 ? (enum sample_verdict)((uint64_t)rows[i].t / 4 % 8)
                      : forgetful        ? SAMPLE_UNKNOWN_REF
                                         : SAMPLE_STORED;
        if (verdicts[i] == SAMPLE_STORED)
            good++;
        else if (verdicts[i] != SAMPLE_SAME && flags & COMMIT_ALL_OR_NOTHING)
            return err_set(err, -EINVAL, "bad");
    }
    s->stored += good;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sink sink = {0};
    struct sample_sink port = {&sink, ask, commit};
    CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&port);
    CLEANUP(buf_free) struct buf block = {0};
    struct remote_write_request r = {0};

    if (size == 0)
        return 0;
    r.body = str_n((const char *)data + 1, size - 1);
    if (data[0] & 1)
        r.content_type = STR("application/x-protobuf;proto=io.prometheus.write.v2.Request");
    if (data[0] & 2) {
        size_t n = snappy_max_compressed_length(r.body.len);

        must(snappy_compress(r.body.p, r.body.len, buf_room(&block, n), &n) == SNAPPY_OK);
        block.len = n;
        r.body = buf_str(&block);
    }
    for (int i = 0; i < 9; i++) { /* once among them everything is forgotten */
        struct remote_write_answer a;
        size_t before = sink.stored;

        remote_write_take(w, &r, &a);
        must(a.status == 204 || a.status == 400 || a.status == 500);
        must((a.status == 204) == (a.refused == NULL) && (a.text.len > 0) == (a.status != 204));
        if (a.version == REMOTE_WRITE_1_0 && a.status != 204)
            must(sink.stored == before);
        must((a.n_skipped > 0) == (a.skipped != NULL));
        remote_write_answer_deinit(&a);
    }
    return 0;
}
