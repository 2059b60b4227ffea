/* SPDX-License-Identifier: Apache-2.0 */
#include "model/dns_names.h"

#include "base/defs.h"

struct word {
    const char *name;
    unsigned number;
};

/* The registry of IANA; kinds that were never in use are left out. */
static const struct word types[] = {
    {"A", 1},      {"NS", 2},          {"CNAME", 5},   {"SOA", 6},      {"PTR", 12},
    {"HINFO", 13}, {"MX", 15},         {"TXT", 16},    {"RP", 17},      {"AFSDB", 18},
    {"AAAA", 28},  {"LOC", 29},        {"SRV", 33},    {"NAPTR", 35},   {"KX", 36},
    {"CERT", 37},  {"DNAME", 39},      {"OPT", 41},    {"DS", 43},      {"SSHFP", 44},
    {"RRSIG", 46}, {"NSEC", 47},       {"DNSKEY", 48}, {"DHCID", 49},   {"NSEC3", 50},
    {"TLSA", 52},  {"SMIMEA", 53},     {"CDS", 59},    {"CDNSKEY", 60}, {"OPENPGPKEY", 61},
    {"SVCB", 64},  {"HTTPS", 65},      {"SPF", 99},    {"ANY", 255},    {"URI", 256},
    {"CAA", 257},  {"NSEC3PARAM", 51},
};
static const struct word classes[] = {
    {"IN", 1}, {"CS", 2}, {"CH", 3}, {"HS", 4}, {"NONE", 254}, {"ANY", 255},
};
static const struct word codes[] = {
    {"NOERROR", 0}, {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3},
    {"NOTIMP", 4},  {"REFUSED", 5}, {"YXDOMAIN", 6}, {"YXRRSET", 7},
    {"NXRRSET", 8}, {"NOTAUTH", 9}, {"NOTZONE", 10},
};

static const struct {
    const struct word *words;
    size_t n;
} tables[] = {
    [DNS_TYPES] = {types, ARRAY_LEN(types)},
    [DNS_CLASSES] = {classes, ARRAY_LEN(classes)},
    [DNS_CODES] = {codes, ARRAY_LEN(codes)},
};

int dns_number(enum dns_words which, struct str name)
{
    for (size_t i = 0; i < tables[which].n; i++)
        if (str_eq_nocase(name, str_c(tables[which].words[i].name)))
            return (int)tables[which].words[i].number;
    return -1;
}

const char *dns_word(enum dns_words which, unsigned number)
{
    for (size_t i = 0; i < tables[which].n; i++)
        if (tables[which].words[i].number == number)
            return tables[which].words[i].name;
    return NULL;
}
