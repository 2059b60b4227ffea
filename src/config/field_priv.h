/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_priv - the tables that say what may stand in the file
 *
 * A block is a mapping of the file. Its table says for each key what kind of value stands there and
 * where that goes in the block's struct. A key without a value is as good as not written.
 */
#ifndef TOCSIN_CONFIG_FIELD_PRIV_H
#define TOCSIN_CONFIG_FIELD_PRIV_H

#include "base/yaml.h"
#include "config/config.h"

struct decoder;
struct block;
struct field;

/* Reads one value. `value` is where it goes, `count` where the number of its elements goes. */
typedef void field_reader(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count);

/* Looks at a whole decoded block; 0, or -EINVAL with d->err set by decoder_fail(). */
typedef int block_check(struct decoder *d, void *object, const struct yaml_node *node,
                        void *parent);

enum field_kind {
    FIELD_TEXT,   /* const char *: any scalar */
    FIELD_SECRET, /* the same, shown as <secret> */
    FIELD_PATH,   /* const char *: a file, resolved against the folder of the file that names it */
    FIELD_URL,    /* const char *: http or https, with a host */
    FIELD_SECRET_URL,  /* the same, shown as <secret> */
    FIELD_BOOL,        /* bool: true, false, and YAML 1.1's yes, no, on, off */
    FIELD_DURATION,    /* dur_ms: 1h30m */
    FIELD_GO_DURATION, /* dur_ms: 1m0.5s, rounded up; a bare number counts nanoseconds */
    FIELD_SIZE,        /* uint64_t, bytes: 100MB */
    FIELD_COUNT,       /* uint64_t */
    FIELD_NUMBER,      /* double */
    FIELD_TEXTS,       /* const char **, and their number: a list of scalars */
    FIELD_PATHS,       /* the same, each resolved like FIELD_PATH */
    FIELD_BLOCK,       /* a struct in the struct, or more keys for the same struct (offset 0) */
    FIELD_BLOCK_PTR,   /* a pointer to a new struct */
    FIELD_BLOCKS,      /* a pointer to new structs, and their number: a list of blocks */
    FIELD_READ,        /* whatever read() makes of it */
    FIELD_READ_BEFORE, /* was read before the others of its block */
};

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset, count; /* of the value and of the number of its elements, in the struct */
    const struct block *block;
    field_reader *read;
    const char *when_null; /* FIELD_BLOCKS: the error about an empty element; NULL: allowed */
};

struct block {
    const char *name; /* for the tables in keys.c and for docs/formats/config.md */
    const struct field *fields;
    size_t n_fields;
    const struct block *also; /* a block whose keys stand in this one too */
    size_t also_offset;       /* of its struct in ours */
    size_t size;              /* FIELD_BLOCKS, FIELD_BLOCK_PTR: of the struct */
    const void *defaults;     /* of the same; NULL: zeroes */
    block_check *check;       /* or NULL */
};

/* An offset that compiles only when the member has the type that the kind of field writes. */
#define OFFSET_OF(type, member, want)                                                              \
    (offsetof(type, member) +                                                                      \
     0 * sizeof(                                                                                   \
             char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), want) ? 1 : -1]))
#define ONE(key_, kind_, type, member, want)                                                       \
    {                                                                                              \
        .key = key_, .kind = kind_, .offset = OFFSET_OF(type, member, want)                        \
    }
#define TEXT(key, type, member)        ONE(key, FIELD_TEXT, type, member, const char *)
#define SECRET(key, type, member)      ONE(key, FIELD_SECRET, type, member, const char *)
#define PATH(key, type, member)        ONE(key, FIELD_PATH, type, member, const char *)
#define URL(key, type, member)         ONE(key, FIELD_URL, type, member, const char *)
#define SECRET_URL(key, type, member)  ONE(key, FIELD_SECRET_URL, type, member, const char *)
#define GO_DURATION(key, type, member) ONE(key, FIELD_GO_DURATION, type, member, dur_ms)
#define BOOL(key, type, member)        ONE(key, FIELD_BOOL, type, member, bool)
#define DURATION(key, type, member)    ONE(key, FIELD_DURATION, type, member, dur_ms)
#define SIZE(key, type, member)        ONE(key, FIELD_SIZE, type, member, uint64_t)
#define COUNT(key, type, member)       ONE(key, FIELD_COUNT, type, member, uint64_t)
#define MANY(key_, kind_, type, member, want)                                                      \
    {                                                                                              \
        .key = key_, .kind = kind_, .offset = OFFSET_OF(type, member, want),                       \
        .count = OFFSET_OF(type, n_##member, size_t)                                               \
    }
#define TEXTS(key, type, member) MANY(key, FIELD_TEXTS, type, member, const char **)
#define PATHS(key, type, member) MANY(key, FIELD_PATHS, type, member, const char **)
#define BLOCK(key_, type, member, block_)                                                          \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCK, .offset = offsetof(type, member), .block = block_        \
    }
#define BLOCK_PTR(key_, type, member, block_)                                                      \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCK_PTR, .offset = offsetof(type, member), .block = block_    \
    }
#define MORE_KEYS(key_, block_)                                                                    \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCK, .block = block_                                          \
    }
#define BLOCKS(key_, type, member, want, block_, when_null_)                                       \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCKS, .offset = OFFSET_OF(type, member, want),                \
        .count = OFFSET_OF(type, n_##member, size_t), .block = block_, .when_null = when_null_     \
    }
#define READ(key_, type, member, want, read_)                                                      \
    {                                                                                              \
        .key = key_, .kind = FIELD_READ, .offset = OFFSET_OF(type, member, want), .read = read_    \
    }
#define READ_MANY(key_, type, member, want, read_)                                                 \
    {                                                                                              \
        .key = key_, .kind = FIELD_READ, .offset = OFFSET_OF(type, member, want),                  \
        .count = OFFSET_OF(type, n_##member, size_t), .read = read_                                \
    }
#define FIELDS(table) .fields = (table), .n_fields = ARRAY_LEN(table)

/* ---- keys.c -------------------------------------------------------------------------------- */

enum key_class { KEY_CARRIED_OUT, KEY_IDLE, KEY_KNOWN };

/* A key that is accepted and has no effect here. */
struct idle_key {
    const char *block;
    struct field field;
    const char *only; /* the one value that is accepted, NULL: all; others are not carried out */
    const char *owner;
    const char *reason; /* why accepting it deceives nobody */
};
const struct idle_key *keys_idle(const char *block, struct str key);
/* Who knows a key that is not carried out: "Prometheus", "Alertmanager", "tocsin"; NULL: nobody. */
const char *keys_known(const char *block, struct str key);
/* Every key that may stand in a block. */
void keys_each(const struct block *b, void (*cb)(const char *key, enum key_class class, void *arg),
               void *arg);
/* The key of a block that is spelt most like `key`, NULL when none is near. */
const char *keys_nearest(const struct block *b, struct str key);
/* All keys of a block in order, comma separated, as far as they fit. */
void keys_list(const struct block *b, struct buf *out);

#endif
