/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_server - a name server for tests, on UDP and TCP of one port of 127.0.0.1
 *
 * It knows a table of names. `says` is a list of records, blanks between: an address, a name, or
 * name:port of SRV; or begins with
 *
 *     !N    failure code N
 *     ~     no answer
 *     |     by UDP the answer is cut, by TCP come the records behind it
 *     ?     first an answer to another question, then the records behind it
 *     #     an answer that ends in the middle of its record
 *
 * Names that are not in the table are not there (code 3).
 */
#ifndef TOCSIN_TESTS_UNIT_NET_NAME_SERVER_H
#define TOCSIN_TESTS_UNIT_NET_NAME_SERVER_H

#include <poll.h>
#include <strings.h>

#include "net/dns.h"
#include "tests/unit/net/peer.h"

/* What stands behind the question, byte by byte. */
struct raw_records {
    unsigned flags, counts[3]; /* of the header */
    const char *bytes;
    size_t len;
};

struct known_name {
    const char *name; /* with a dot behind */
    enum dns_type type;
    const char *says;
    const struct raw_records *raw; /* instead of says, when that is NULL */
};

struct name_server {
    const struct known_name *names; /* under lock; ends with a name of NULL */
    struct lock lock;
    int udp, tcp, port, stop[2];
    struct thread thread;
    atomic_int asked, asked_tcp;
};

static inline void put_16(struct buf *b, unsigned v)
{
    buf_add_byte(b, (char)(v >> 8));
    buf_add_byte(b, (char)v);
}

static inline void put_name(struct buf *b, struct str name)
{
    while (name.len > 0) {
        struct str part = str_cut(&name, '.');

        buf_add_byte(b, (char)part.len);
        buf_add_str(b, part);
    }
    buf_add_byte(b, 0);
}

static inline void put_record(struct buf *b, enum dns_type type, struct str text)
{
    CLEANUP(buf_free) struct buf data = {0};
    char host[64], address[16];
    struct str port = text, name = str_cut(&port, ':');
    int n = 0;

    snprintf(host, sizeof host, "%.*s", STR_ARG(text));
    switch (type) {
    case DNS_A: buf_add(&data, address, inet_pton(AF_INET, host, address) == 1 ? 4 : 0); break;
    case DNS_AAAA: buf_add(&data, address, inet_pton(AF_INET6, host, address) == 1 ? 16 : 0); break;
    case DNS_NS: put_name(&data, text); break;
    case DNS_MX:
        put_16(&data, 10);
        put_name(&data, text);
        break;
    case DNS_SRV:
        for (size_t i = 0; i < port.len; i++)
            n = n * 10 + port.p[i] - '0';
        put_16(&data, 0);
        put_16(&data, 0);
        put_16(&data, (unsigned)n);
        put_name(&data, name);
    }
    put_16(b, 0xc00c); /* the name of the question */
    put_16(b, type);
    put_16(b, 1);
    put_16(b, 0);
    put_16(b, 60);
    put_16(b, (unsigned)data.len);
    buf_add_str(b, buf_str(&data));
}

/* The name in a question, as text. */
static inline size_t get_name(const char *p, char *ret)
{
    size_t at = 12, n = 0;

    while (p[at]) {
        memcpy(ret + n, p + at + 1, (size_t)p[at]);
        n += (size_t)p[at];
        ret[n++] = '.';
        at += (size_t)p[at] + 1;
    }
    ret[n] = '\0';
    return at + 1;
}

static inline struct known_name what_it_knows(struct name_server *s, const char *name,
                                              unsigned type)
{
    WITH_LOCK(&s->lock);

    for (const struct known_name *k = s->names; k->name; k++)
        if (strcasecmp(k->name, name) == 0 && k->type == type)
            return *k;
    return (struct known_name){.says = "!3"};
}

static inline void write_raw(struct buf *out, const char *question, size_t len,
                             const struct raw_records *raw)
{
    buf_add(out, question, 2);
    put_16(out, raw->flags);
    put_16(out, 1);
    for (int i = 0; i < 3; i++)
        put_16(out, raw->counts[i]);
    buf_add(out, question + 12, len - 12);
    buf_add(out, raw->bytes, raw->len);
}

static inline void write_answer(struct buf *out, const char *question, size_t len, const char *says,
                                bool by_tcp)
{
    unsigned code = says[0] == '!' ? (unsigned)(says[1] - '0') : 0, n = 0;
    bool cut = says[0] == '|' && !by_tcp;
    struct str rest = str_c(says + strspn(says, "|?#"));
    enum dns_type type = (enum dns_type)question[len - 3];

    buf_add(out, question, 2);
    put_16(out, 0x8180 | code | (cut ? 0x200 : 0));
    put_16(out, 1);
    for (struct str words = rest; code == 0 && !cut && words.len > 0; str_cut(&words, ' '))
        n++;
    put_16(out, n);
    put_16(out, 0);
    put_16(out, 0);
    buf_add(out, question + 12, len - 12);
    while (n-- > 0)
        put_record(out, type, str_cut(&rest, ' '));
    if (says[0] == '#')
        out->len -= 3;
}

static inline bool answer_question(struct name_server *s, const char *question, size_t len,
                                   bool by_tcp, struct buf *out, struct buf *stray)
{
    char name[256];
    size_t at = get_name(question, name);
    struct known_name known = what_it_knows(s, name, (uint8_t)question[at + 1]);
    const char *says = known.says;

    atomic_fetch_add(by_tcp ? &s->asked_tcp : &s->asked, 1);
    if (!says) {
        write_raw(out, question, len, known.raw);
        return true;
    }
    if (says[0] == '~')
        return false;
    write_answer(out, question, len, says, by_tcp);
    if (says[0] == '?') {
        write_answer(stray, question, len, "192.0.2.66", by_tcp);
        stray->p[0] = (char)~stray->p[0];
    }
    return true;
}

static inline void serve_udp(struct name_server *s)
{
    CLEANUP(buf_free) struct buf out = {0}, stray = {0};
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    char question[512];
    ssize_t n = recvfrom(s->udp, question, sizeof question, 0, (struct sockaddr *)&from, &from_len);

    if (n < 17 || !answer_question(s, question, (size_t)n, false, &out, &stray))
        return;
    if (stray.len)
        sendto(s->udp, stray.p, stray.len, 0, (struct sockaddr *)&from, from_len);
    sendto(s->udp, out.p, out.len, 0, (struct sockaddr *)&from, from_len);
}

static inline void serve_tcp(struct name_server *s)
{
    CLEANUP(buf_free) struct buf out = {0}, stray = {0}, framed = {0};
    int fd = accept4(s->tcp, NULL, NULL, SOCK_CLOEXEC);
    char question[514];
    size_t n = 0;

    peer_patience(fd);
    while (n < 2 || n - 2 < (size_t)(uint8_t)question[1]) {
        ssize_t got = recv(fd, question + n, sizeof question - n, 0);

        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (n > 18 && answer_question(s, question + 2, n - 2, true, &out, &stray)) {
        put_16(&framed, (unsigned)out.len);
        buf_add_str(&framed, buf_str(&out));
        send(fd, framed.p, framed.len, MSG_NOSIGNAL);
    }
    close(fd);
}

static inline void run_name_server(void *arg)
{
    struct name_server *s = arg;
    struct pollfd fds[] = {{s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}, {s->stop[0], POLLIN, 0}};

    for (;;) {
        poll(fds, 3, -1);
        if (fds[2].revents)
            return;
        if (fds[0].revents)
            serve_udp(s);
        if (fds[1].revents)
            serve_tcp(s);
    }
}

static inline void name_server_start(struct name_server *s, const struct known_name *names)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *s = (struct name_server){.names = names};
    lock_init(&s->lock);
    do { /* a port that is free in both */
        s->tcp = peer_bind(&s->port);
        s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sa.sin_port = htons((uint16_t)s->port);
        if (bind(s->udp, (struct sockaddr *)&sa, sizeof sa) == 0)
            break;
        close(s->tcp);
        close(s->udp);
    } while (true);
    must(listen(s->tcp, 16) == 0 && pipe(s->stop) == 0);
    thread_start(&s->thread, "names", run_name_server, s);
}

static inline void name_server_now(struct name_server *s, const struct known_name *names)
{
    WITH_LOCK(&s->lock);
    s->names = names;
}

static inline void name_server_stop(struct name_server *s)
{
    must(write(s->stop[1], "", 1) == 1);
    thread_join(&s->thread);
    close(s->udp);
    close(s->tcp);
    close(s->stop[0]);
    close(s->stop[1]);
    lock_deinit(&s->lock);
}

#endif
