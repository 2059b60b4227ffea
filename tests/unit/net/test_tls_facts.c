/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include <openssl/pem.h>

#include "net/tls_priv.h"
#include "tests/unit/conformance.h"

#define DIR "exporters/blackbox-0.28/"

static void reads_certificates_as_blackbox_exporter_does(void **state)
{
    static const struct {
        const char *pem, *recorded;
    } cases[] = {
        {DIR "good.pem", DIR "https-good.prom"},
        {DIR "soon.pem", DIR "https-soon.prom"},
        {DIR "expired.pem", DIR "https-expired-insecure.prom"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf pem = {0}, recorded = {0}, line = {0};
        struct tls_facts f = {0};
        const char *expiry;
        BIO *bio;
        X509 *x;

        if (!conformance_read(cases[i].pem, &pem) ||
            !conformance_read(cases[i].recorded, &recorded))
            skip();
        bio = BIO_new_mem_buf(pem.p, (int)pem.len);
        x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        assert_non_null(x);
        tls_facts_read(&f, x, NULL);
        buf_addf(&line,
                 "{fingerprint_sha256=\"%s\",issuer=\"%s\",serialnumber=\"%s\",subject=\"%s\","
                 "subjectalternative=\"%s\"}",
                 f.fingerprint, f.issuer, f.serial, f.subject, f.names);
        if (!strstr(recorded.p, line.p))
            fail_msg("%s: no %s", cases[i].recorded, line.p);
        expiry = strstr(recorded.p, "\nprobe_ssl_earliest_cert_expiry ");
        assert_non_null(expiry);
        assert_true((double)f.earliest_expiry == strtod(expiry + 32, NULL));
        tls_facts_deinit(&f);
        X509_free(x);
        BIO_free(bio);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_certificates_as_blackbox_exporter_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
