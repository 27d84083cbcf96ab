/* The strict DER reader of signatures. Inputs lie in heap blocks of their exact size, so that the
 * sanitizer sees every byte read behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ferry/crypto.h"
#include "kit_vectors.h"

/* INTEGER of `size` content bytes, each `fill`, the first `first`. */
static size_t put_integer(uint8_t *out, size_t size, uint8_t first, uint8_t fill)
{
    out[0] = 0x02;
    out[1] = (uint8_t)size;
    memset(out + 2, fill, size);
    if (size > 0) {
        out[2] = first;
    }
    return size + 2;
}

static int read_exact(const uint8_t *der, size_t size, uint8_t out[FERRY_SIGNATURE_SIZE])
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, der, size);
    int status = ferry_signature_from_der(copy, size, out);
    free(copy);
    return status;
}

/* A SEQUENCE of INTEGER r (size, first byte) and INTEGER s = 1. */
static int read_r(size_t size, uint8_t first)
{
    uint8_t der[128] = {0x30};
    uint8_t out[FERRY_SIGNATURE_SIZE];
    size_t length = put_integer(der + 2, size, first, 0x11);
    length += put_integer(der + 2 + length, 1, 1, 0);
    der[1] = (uint8_t)length;
    return read_exact(der, length + 2, out);
}

static void reads_known_signatures(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        char name[32];
        uint8_t der[80];
        uint8_t raw[FERRY_SIGNATURE_SIZE];
        uint8_t out[FERRY_SIGNATURE_SIZE];
        snprintf(name, sizeof name, "signature.%d.der", i);
        size_t size = kit_vector_bytes(name, der, sizeof der);
        snprintf(name, sizeof name, "signature.%d.raw", i);
        kit_vector_bytes(name, raw, sizeof raw);
        assert_int_equal(read_exact(der, size, out), FERRY_OK);
        assert_memory_equal(out, raw, sizeof raw);
    }
}

static void short_numbers_are_padded(void **state)
{
    (void)state;
    const uint8_t der[] = {0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x7F};
    uint8_t out[FERRY_SIGNATURE_SIZE];
    uint8_t expected[FERRY_SIGNATURE_SIZE] = {0};
    expected[31] = 0x80;
    expected[63] = 0x7F;
    assert_int_equal(read_exact(der, sizeof der, out), FERRY_OK);
    assert_memory_equal(out, expected, sizeof out);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t der[80];
    uint8_t out[FERRY_SIGNATURE_SIZE];
    size_t size = kit_vector_bytes("signature.0.der", der, sizeof der);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(read_exact(der, cut, out), FERRY_IMAGE_SIGNATURE);
    }
    der[size] = 0;
    assert_int_equal(read_exact(der, size + 1, out), FERRY_IMAGE_SIGNATURE);
}

static void numbers_have_one_encoding(void **state)
{
    (void)state;
    assert_int_equal(read_r(1, 1), FERRY_OK);
    assert_int_equal(read_r(32, 0x7F), FERRY_OK);
    assert_int_equal(read_r(0, 0), FERRY_IMAGE_SIGNATURE);     /* empty */
    assert_int_equal(read_r(1, 0), FERRY_IMAGE_SIGNATURE);     /* zero */
    assert_int_equal(read_r(1, 0x80), FERRY_IMAGE_SIGNATURE);  /* negative */
    assert_int_equal(read_r(32, 0xFF), FERRY_IMAGE_SIGNATURE); /* negative */
    assert_int_equal(read_r(2, 0), FERRY_IMAGE_SIGNATURE);     /* needless leading zero */
    assert_int_equal(read_r(33, 1), FERRY_IMAGE_SIGNATURE);    /* too long */
    assert_int_equal(read_r(34, 0), FERRY_IMAGE_SIGNATURE);
}

static void lengths_have_one_encoding(void **state)
{
    (void)state;
    const uint8_t long_form[] = {0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    const uint8_t indefinite[] = {0x30, 0x80, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00, 0x00};
    const uint8_t third[] = {0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    const uint8_t tag[] = {0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    uint8_t out[FERRY_SIGNATURE_SIZE];
    assert_int_equal(read_exact(long_form, sizeof long_form, out), FERRY_IMAGE_SIGNATURE);
    assert_int_equal(read_exact(indefinite, sizeof indefinite, out), FERRY_IMAGE_SIGNATURE);
    assert_int_equal(read_exact(third, sizeof third, out), FERRY_IMAGE_SIGNATURE);
    assert_int_equal(read_exact(tag, sizeof tag, out), FERRY_IMAGE_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_known_signatures),      cmocka_unit_test(short_numbers_are_padded),
        cmocka_unit_test(every_truncation_is_refused), cmocka_unit_test(numbers_have_one_encoding),
        cmocka_unit_test(lengths_have_one_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
