/* The crypto seam as the node links it: SHA-256, ECDSA P-256, key hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ferry/crypto.h"
#include "kit_vectors.h"

static void hash_of(const void *data, size_t size, uint8_t hash[FERRY_HASH_SIZE])
{
    struct ferry_sha256 sha;
    ferry_sha256_init(&sha);
    ferry_sha256_feed(&sha, data, size);
    ferry_sha256_finish(&sha, hash);
}

/* FIPS 180-4, examples of SHA-256: one block, two blocks. */
static void sha256_known_answers(void **state)
{
    (void)state;
    const uint8_t abc[FERRY_HASH_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                          0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                          0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                          0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    const uint8_t two_blocks[FERRY_HASH_SIZE] = {0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8,
                                                 0xe5, 0xc0, 0x26, 0x93, 0x0c, 0x3e, 0x60, 0x39,
                                                 0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67,
                                                 0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1};
    const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t hash[FERRY_HASH_SIZE];
    hash_of("abc", 3, hash);
    assert_memory_equal(hash, abc, sizeof abc);
    hash_of(text, strlen(text), hash);
    assert_memory_equal(hash, two_blocks, sizeof two_blocks);
}

static void sha256_same_at_every_split(void **state)
{
    (void)state;
    uint8_t bytes[200];
    uint8_t whole[FERRY_HASH_SIZE];
    uint8_t hash[FERRY_HASH_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 11);
    }
    hash_of(bytes, sizeof bytes, whole);
    for (size_t split = 0; split <= sizeof bytes; split++) {
        struct ferry_sha256 sha;
        ferry_sha256_init(&sha);
        ferry_sha256_feed(&sha, bytes, split);
        struct ferry_sha256 copy = sha; /* the state may be copied */
        ferry_sha256_feed(&sha, "x", 1);
        ferry_sha256_feed(&copy, bytes + split, sizeof bytes - split);
        ferry_sha256_finish(&copy, hash);
        assert_memory_equal(hash, whole, sizeof whole);
    }
}

struct signature_case {
    uint8_t point[FERRY_POINT_SIZE];
    uint8_t hash[FERRY_HASH_SIZE];
    uint8_t raw[FERRY_SIGNATURE_SIZE];
};

static struct signature_case load_case(int number)
{
    struct signature_case c;
    char name[32];
    kit_vector_bytes("key.0.point", c.point, sizeof c.point);
    snprintf(name, sizeof name, "signature.%d.hash", number);
    kit_vector_bytes(name, c.hash, sizeof c.hash);
    snprintf(name, sizeof name, "signature.%d.raw", number);
    kit_vector_bytes(name, c.raw, sizeof c.raw);
    return c;
}

static int verdict(const struct signature_case *c)
{
    return ferry_p256_verify(c->point, c->hash, c->raw);
}

static void p256_accepts_known_signatures(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct signature_case c = load_case(i);
        assert_int_equal(verdict(&c), FERRY_OK);
    }
}

static void p256_refuses_any_changed_byte(void **state)
{
    (void)state;
    const struct signature_case good = load_case(1);
    for (size_t i = 0; i < sizeof good; i++) {
        struct signature_case bad = good;
        ((uint8_t *)&bad)[i] ^= 0x10; /* point, hash or signature */
        assert_int_equal(verdict(&bad), FERRY_IMAGE_SIGNATURE);
    }
}

static void p256_refuses_another_key(void **state)
{
    (void)state;
    struct signature_case c = load_case(1);
    kit_vector_bytes("key.1.point", c.point, sizeof c.point);
    assert_int_equal(verdict(&c), FERRY_IMAGE_SIGNATURE);
}

/* r and s must lie in 1..n-1 (FIPS 186-5, 6.4.2): 0 and the group order n are the edges. */
static void p256_refuses_scalars_out_of_range(void **state)
{
    (void)state;
    const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                               0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    for (size_t half = 0; half < 2; half++) {
        struct signature_case c = load_case(1);
        memset(c.raw + half * 32, 0, 32);
        assert_int_equal(verdict(&c), FERRY_IMAGE_SIGNATURE);
        memcpy(c.raw + half * 32, order, 32);
        assert_int_equal(verdict(&c), FERRY_IMAGE_SIGNATURE);
    }
    struct signature_case zero = load_case(1);
    memset(zero.raw, 0, sizeof zero.raw);
    assert_int_equal(verdict(&zero), FERRY_IMAGE_SIGNATURE);
    memset(zero.point, 0, sizeof zero.point);
    assert_int_equal(verdict(&zero), FERRY_IMAGE_SIGNATURE);
}

static void keys_are_found_by_their_hash(void **state)
{
    (void)state;
    struct ferry_pubkey list[2];
    const struct ferry_keys keys = {list, 2};
    const struct ferry_keys none = {list, 0};
    uint8_t hash[FERRY_HASH_SIZE];
    kit_vector_bytes("key.0.point", list[0].point, FERRY_POINT_SIZE);
    kit_vector_bytes("key.1.point", list[1].point, FERRY_POINT_SIZE);
    kit_vector_bytes("key.1.hash", hash, sizeof hash);
    ferry_pubkey_hash(list[0].point, list[0].hash);
    ferry_pubkey_hash(list[1].point, list[1].hash);
    assert_ptr_equal(ferry_keys_find(&keys, hash), &list[1]);
    assert_null(ferry_keys_find(&none, hash));
    hash[31] ^= 1;
    assert_null(ferry_keys_find(&keys, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(sha256_same_at_every_split),
        cmocka_unit_test(p256_accepts_known_signatures),
        cmocka_unit_test(p256_refuses_any_changed_byte),
        cmocka_unit_test(p256_refuses_another_key),
        cmocka_unit_test(p256_refuses_scalars_out_of_range),
        cmocka_unit_test(keys_are_found_by_their_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
