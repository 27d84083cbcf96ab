/* Range, If-Range and If-None-Match of downloads (RFC 9110, sections 13.1 and 14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "range.h"

static void expect(const char *header, uint64_t size, enum range_kind kind, uint64_t first,
                   uint64_t length)
{
    struct range range = range_parse(header, size);
    assert_int_equal(range.kind, kind);
    assert_int_equal(range.first, first);
    assert_int_equal(range.length, length);
}

static void parts_are_cut_to_the_file(void **state)
{
    (void)state;
    expect("bytes=0-0", 100, RANGE_PART, 0, 1);
    expect("bytes=0-99", 100, RANGE_PART, 0, 100);
    expect("bytes=10-", 100, RANGE_PART, 10, 90);
    expect("bytes=10-1000", 100, RANGE_PART, 10, 90);
    expect("bytes=-1", 100, RANGE_PART, 99, 1);
    expect("bytes=-1000", 100, RANGE_PART, 0, 100);
    expect("Bytes= 5-6 ", 100, RANGE_PART, 5, 2);
    expect("bytes=99-18446744073709551615", 100, RANGE_PART, 99, 1);
}

static void what_is_outside_is_unsatisfiable(void **state)
{
    (void)state;
    expect("bytes=100-", 100, RANGE_UNSATISFIABLE, 0, 0);
    expect("bytes=18446744073709551615-", 100, RANGE_UNSATISFIABLE, 0, 0);
    expect("bytes=-0", 100, RANGE_UNSATISFIABLE, 0, 0);
    expect("bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0);
    expect("bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0);
}

static void what_is_not_understood_is_ignored(void **state)
{
    static const char *const headers[] = {
        NULL,        "",           "bytes",         "bytes=",          "bytes=-",
        "bytes=a-b", "bytes=5-4",  "bytes=1-2,3-4", "lines=1-2",       "bytes=1-2x",
        "bytes 1-2", "bytes=1 -2", "bytes=+1-2",    "bytes=0x1-0x2",   "bytes=--1",
        "bytes=1",   "=1-2",       "bytes=1-2-3",   "bytes=1-\x01\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        expect(headers[i], 100, RANGE_WHOLE, 0, 100);
    }
    /* One more than 64 bits hold. */
    expect("bytes=18446744073709551616-", 100, RANGE_WHOLE, 0, 100);
    expect("bytes=0-18446744073709551616", 100, RANGE_WHOLE, 0, 100);
}

static void entity_tags_are_found_in_lists(void **state)
{
    (void)state;
    assert_true(range_etag_listed("\"x\"", "\"x\""));
    assert_true(range_etag_listed("W/\"x\"", "\"x\""));
    assert_true(range_etag_listed("\"a\", \"b\" ,\"x\"", "\"x\""));
    assert_true(range_etag_listed(" * ", "\"x\""));
    assert_false(range_etag_listed(NULL, "\"x\""));
    assert_false(range_etag_listed("", "\"x\""));
    assert_false(range_etag_listed(",,,", "\"x\""));
    assert_false(range_etag_listed("\"x", "\"x\""));
    assert_false(range_etag_listed("\"x\"y", "\"x\""));
    assert_false(range_etag_listed("x", "\"x\""));
}

static void if_range_takes_the_same_strong_tag_only(void **state)
{
    (void)state;
    assert_true(range_allowed(NULL, "\"x\""));
    assert_true(range_allowed("\"x\"", "\"x\""));
    assert_false(range_allowed("W/\"x\"", "\"x\""));
    assert_false(range_allowed("\"y\"", "\"x\""));
    assert_false(range_allowed("Sat, 29 Oct 1994 19:43:31 GMT", "\"x\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_cut_to_the_file),
        cmocka_unit_test(what_is_outside_is_unsatisfiable),
        cmocka_unit_test(what_is_not_understood_is_ignored),
        cmocka_unit_test(entity_tags_are_found_in_lists),
        cmocka_unit_test(if_range_takes_the_same_strong_tag_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
