/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defs - the few macros of the house
 *
 * CLEANUP(fn) runs fn(&variable) when the variable goes out of scope. TAKE(p) hands a pointer over:
 * it yields the value and leaves NULL behind, so that the clean-up of the giver does nothing.
 */
#ifndef TOCSIN_BASE_DEFS_H
#define TOCSIN_BASE_DEFS_H

#include <stddef.h>

#define CLEANUP(fn)                     __attribute__((cleanup(fn)))
#define PRINTF_LIKE(fmt, first)         __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof *(a))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* Defines name_freep() for CLEANUP: static inline, calls name_free() on what the pointer holds. */
#define DEFINE_FREEP(name, type)                                                                   \
    static inline void name##_freep(type **p)                                                      \
    {                                                                                              \
        name##_free(*p);                                                                           \
    }

#endif
