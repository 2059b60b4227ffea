/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values - numbers, times and label sets as Prometheus' JSON has them
 *
 * The writer of an answer escapes < > & in texts. Label sets are written past it, without that.
 */
#include "api/api_priv.h"
#include "base/must.h"
#include "base/num.h"

/* Tells the writer of a value that is written by others, into its buffer. */
static struct buf *begin_raw(struct json_writer *w)
{
    json_raw(w, STR(""));
    return w->out;
}

void api_add_labels(struct json_writer *w, const struct label_set *ls)
{
    label_set_add_json(ls, begin_raw(w));
}

void api_kv_labels(struct json_writer *w, const char *key, const struct label_set *ls)
{
    json_key_c(w, key);
    api_add_labels(w, ls);
}

void api_kv_time(struct json_writer *w, const char *key, unix_ns t)
{
    struct buf *out;

    json_key_c(w, key);
    out = begin_raw(w);
    buf_add_byte(out, '"');
    time_add_rfc3339(out, t);
    buf_add_byte(out, '"');
}

/* Numbers look like those of samples, but for the exponent, which has no leading zero: 1e-7. */
void api_kv_number(struct json_writer *w, const char *key, double v)
{
    char text[NUM_TEXT_MAX];
    size_t len = num_format_sample(v, text);

    must(v - v == 0); /* JSON has neither NaN nor Inf */
    if (len > 4 && text[len - 4] == 'e' && text[len - 2] == '0') {
        text[len - 2] = text[len - 1];
        len--;
    }
    json_key_c(w, key);
    json_raw(w, str_n(text, len));
}

void api_kv_duration(struct json_writer *w, const char *key, dur_ms d)
{
    struct buf *out;

    json_key_c(w, key);
    out = begin_raw(w);
    buf_add_byte(out, '"');
    duration_print(d, out);
    buf_add_byte(out, '"');
}
