/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_text - the data of records as zone files write it (RFC 1035, section 5; RFC 3597)
 *
 * Which type has which parts is a table of letters:
 *
 *     n  a name          1 2 4  a number of as many bytes      a A  an address of IPv4, IPv6
 *     s  texts in quotes, as many as there are     t  one text in quotes
 *     w  one word without quotes                   q  the rest, in quotes
 */
#include <arpa/inet.h>
#include <inttypes.h>

#include "net/dns_message_priv.h"

static const struct {
    unsigned type;
    const char *parts;
} forms[] = {
    {1, "a"},       {2, "n"},   {5, "n"},   {6, "nn44444"}, {12, "n"},    {13, "tt"},
    {15, "2n"},     {16, "s"},  {17, "nn"}, {18, "2n"},     {28, "A"},    {33, "222n"},
    {35, "22tttn"}, {36, "2n"}, {39, "n"},  {99, "s"},      {256, "22q"}, {257, "1wq"},
};

static const char *form_of(unsigned type)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (forms[i].type == type)
            return forms[i].parts;
    return NULL;
}

static void add_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < ' ' || c >= 127)
            buf_addf(out, "\\%03u", c);
        else
            buf_add_byte(out, (char)c);
    }
}

static void add_quoted(struct buf *out, struct str text)
{
    buf_add_byte(out, '"');
    add_escaped(out, text);
    buf_add_byte(out, '"');
}

/* A byte with its length, and as many bytes. */
static struct str read_text(struct dns_reader *r)
{
    struct str length = dns_read_bytes(r, 1);

    return length.len ? dns_read_bytes(r, (uint8_t)length.p[0]) : STR("");
}

static void add_address(struct buf *out, struct dns_reader *r, int family, size_t size)
{
    char digits[INET6_ADDRSTRLEN];
    struct str bytes = dns_read_bytes(r, size);

    if (bytes.len && inet_ntop(family, bytes.p, digits, sizeof digits))
        buf_add_c(out, digits);
}

static void add_part(struct buf *out, struct dns_reader *r, char part, size_t end)
{
    struct str byte;

    switch (part) {
    case 'n': dns_read_name(r, out); break;
    case 'a': add_address(out, r, AF_INET, 4); break;
    case 'A': add_address(out, r, AF_INET6, 16); break;
    case '1':
        byte = dns_read_bytes(r, 1);
        buf_addf(out, "%u", byte.len ? (uint8_t)byte.p[0] : 0);
        break;
    case '2': buf_addf(out, "%u", dns_read_16(r)); break;
    case '4': buf_addf(out, "%" PRIu32, dns_read_32(r)); break;
    case 't': add_quoted(out, read_text(r)); break;
    case 'w': add_escaped(out, read_text(r)); break;
    case 'q': add_quoted(out, dns_read_bytes(r, r->at <= end ? end - r->at : 0)); break;
    case 's':
        for (bool first = true; r->at < end && !r->failed; first = false) {
            buf_add_c(out, first ? "" : " ");
            add_quoted(out, read_text(r));
        }
        break;
    }
}

static void add_unknown(struct buf *out, struct dns_reader *r, size_t size)
{
    struct str bytes = dns_read_bytes(r, size);

    buf_addf(out, "\\# %zu%s", bytes.len, bytes.len ? " " : "");
    for (size_t i = 0; i < bytes.len; i++)
        buf_addf(out, "%02x", (uint8_t)bytes.p[i]);
}

void dns_data_as_text(struct dns_reader *r, const struct dns_record_head *head, struct buf *out)
{
    const char *parts = form_of(head->type);
    size_t end = r->at + head->size;

    if (r->failed)
        return;
    if (!parts) {
        add_unknown(out, r, head->size);
        return;
    }
    for (size_t i = 0; parts[i] && !r->failed; i++) {
        buf_add_c(out, i ? " " : "");
        add_part(out, r, parts[i], end);
    }
    if (r->at != end)
        r->failed = true;
}
