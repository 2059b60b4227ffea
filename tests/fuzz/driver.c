/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver - runs a fuzz target without a fuzzer: driver CORPUS_FOLDER [ROUNDS]
 *
 * Every file of the corpus, then ROUNDS mutations of them from a fixed seed: the same inputs at every run, with any
 * compiler and sanitizer. `make fuzz` links the same targets against libFuzzer, which looks further.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

struct inputs {
    struct buf *items;
    size_t n, cap;
};

static void load(struct inputs *in, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;

    while (d && (entry = readdir(d))) {
        char path[4096];
        struct buf content = {0};

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (file_read(path, INPUT_MAX, &content, NULL) == 0)
            *VEC_PUSH(in->items, in->n, in->cap) = content;
    }
    if (d)
        closedir(d);
    if (in->n == 0)
        (void)VEC_PUSH(in->items, in->n, in->cap);
}

/* The input in memory of exactly its size, so that a sanitizer sees the first byte read beyond it. */
static void run(const struct buf *b)
{
    uint8_t *copy = malloc(b->len ? b->len : 1);

    memcpy(copy, b->p ? b->p : "", b->len);
    LLVMFuzzerTestOneInput(copy, b->len);
    free(copy);
}

static void mutate(struct buf *b, const struct inputs *in)
{
    size_t at = b->len ? next_random() % b->len : 0;
    const struct buf *other = &in->items[next_random() % in->n];

    switch (next_random() % 6) {
    case 0: /* a bit */
        if (b->len)
            b->p[at] ^= (char)(1 << next_random() % 8);
        break;
    case 1: /* a byte that tends to matter */
        if (b->len)
            b->p[at] = "\0\xff{}[]\"'\\:,-\n 0e"[next_random() % 16];
        break;
    case 2: /* the end is missing */ b->len = at; break;
    case 3: /* a piece is missing */
        if (b->len) {
            size_t n = next_random() % (b->len - at) + 1;

            memmove(b->p + at, b->p + at + n, b->len - at - n);
            b->len -= n;
        }
        break;
    case 4: /* a piece of another */
        if (other->len && b->len < INPUT_MAX) {
            size_t from = next_random() % other->len;

            buf_add(b, other->p + from, next_random() % (other->len - from) + 1);
        }
        break;
    case 5: /* a piece twice */
        if (b->len && b->len < INPUT_MAX / 2) {
            struct buf tail = {0};

            buf_add(&tail, b->p + at, b->len - at);
            buf_add(b, tail.p, tail.len);
            buf_free(&tail);
        }
        break;
    }
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
    struct inputs in = {0};
    size_t n = 0;

    if (argc < 2)
        return 2;
    load(&in, argv[1]);
    for (size_t i = 0; i < in.n; i++, n++)
        run(&in.items[i]);
    for (unsigned long i = 0; i < rounds; i++, n++) {
        struct buf b = {0};

        buf_add_str(&b, buf_str(&in.items[next_random() % in.n]));
        for (uint64_t k = next_random() % 4 + 1; k > 0; k--)
            mutate(&b, &in);
        run(&b);
        buf_free(&b);
    }
    for (size_t i = 0; i < in.n; i++)
        buf_free(&in.items[i]);
    free(in.items);
    printf("%zu inputs\n1 passed, 0 failed\n", n);
    return 0;
}
