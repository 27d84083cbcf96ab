/* Tokens, log texts, names and versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "http.h"
#include "log.h"
#include "token.h"
#include "versions.h"

static void tokens_are_long_random_and_printable(void **state)
{
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];
    (void)state;
    assert_true(token_make("fpub", one) && token_make("fpub", two));
    assert_int_equal(strlen(one), TOKEN_TEXT_SIZE - 1);
    assert_memory_equal(one, "fpub_", 5);
    assert_string_not_equal(one, two);
    assert_int_equal(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_"),
                     TOKEN_TEXT_SIZE - 1);
}

static void tokens_are_compared_by_hash(void **state)
{
    /* SHA-256 of "abc", FIPS 180-2, appendix B.1 */
    static const uint8_t abc[TOKEN_HASH_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                                 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                                 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[TOKEN_HASH_SIZE];
    (void)state;
    token_hash("abc", hash);
    assert_true(token_equal(hash, abc));
    token_hash("abd", hash);
    assert_false(token_equal(hash, abc));
}

static void log_texts_are_valid_json_at_every_size(void **state)
{
    char out[64];
    (void)state;
    assert_int_equal(log_quote(out, sizeof out, "a\"b\\c\n\x7f\xc3\xa4"), 33);
    assert_string_equal(out, "\"a\\\"b\\\\c\\u000a\\u007f\\u00c3\\u00a4\"");
    assert_int_equal(log_quote(out, 2, "a"), 0);
    for (size_t size = 3; size < sizeof out; size++) {
        memset(out, '#', sizeof out);
        size_t used = log_quote(out, size, "x\"\n\"\x01yz\"\"\"\x02");
        assert_true(used < size);
        assert_int_equal(strlen(out), used);
        assert_true(out[0] == '"' && out[used - 1] == '"');
        /* the quote at the end is not one that is escaped */
        assert_true(used < 3 || out[used - 2] != '\\' || out[used - 3] == '\\');
    }
}

static void names_hold_no_path(void **state)
{
    char name[66];
    (void)state;
    memset(name, 'x', sizeof name);
    name[65] = '\0';
    assert_false(http_is_name(name));
    name[64] = '\0';
    assert_true(http_is_name(name));
    assert_true(http_is_name("a") && http_is_name("A-b_c.9") && http_is_name("..."));
    assert_false(http_is_name("") || http_is_name(".") || http_is_name("..") ||
                 http_is_name("a/b") || http_is_name("a b") || http_is_name("\xc3\xa4"));
}

static void versions_are_equal_by_number(void **state)
{
    const struct ferry_version version = {1, 2, 772, 9};
    (void)state;
    assert_true(version_text_equal("1.2.3", "1.2.3+0"));
    assert_true(version_text_equal("custom", "custom"));
    assert_false(version_text_equal("1.2.3", "1.2.3+1"));
    assert_false(version_text_equal("1.2.3", ""));
    assert_int_equal(version_number(&version), 0x01020304);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_long_random_and_printable),
        cmocka_unit_test(tokens_are_compared_by_hash),
        cmocka_unit_test(log_texts_are_valid_json_at_every_size),
        cmocka_unit_test(names_hold_no_path),
        cmocka_unit_test(versions_are_equal_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
