/* Configuration files line by line: what is a section, a value, a comment, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ini_file.h"

static struct ferry_ini ini;

static void begin(const char *text)
{
    static char copy[2 * FERRY_INI_LINE_MAX];
    size_t size = strlen(text);
    assert_true(size < sizeof copy);
    memcpy(copy, text, size + 1);
    memset(&ini, 0, sizeof ini);
    ini.file = fmemopen(copy, size, "r");
    assert_non_null(ini.file);
}

static void next(enum ferry_ini_kind kind, int line, const char *name, const char *value)
{
    assert_int_equal(ferry_ini_next(&ini), kind);
    assert_int_equal(ini.line, line);
    assert_string_equal(ini.name, name);
    assert_string_equal(ini.value, value);
}

static void end(enum ferry_ini_kind kind)
{
    assert_int_equal(ferry_ini_next(&ini), kind);
    fclose(ini.file);
}

static void lines_of_every_kind(void **state)
{
    (void)state;
    begin("# comment\n\n a = 1 \r\n[ node x ] ; why\n\tb=\nc = d = e # f\ntoken = a#b;c\n;\nlast = "
          "1");
    next(FERRY_INI_VALUE, 3, "a", "1");
    next(FERRY_INI_SECTION, 4, "node x", "");
    next(FERRY_INI_VALUE, 5, "b", "");
    next(FERRY_INI_VALUE, 6, "c", "d = e");
    next(FERRY_INI_VALUE, 7, "token", "a#b;c");
    next(FERRY_INI_VALUE, 9, "last", "1");
    end(FERRY_INI_END);
}

static void malformed_lines(void **state)
{
    static const char *const bad[] = {"word\n", "= value\n", "[open\n", "[a] b\n", "[a]]\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin(bad[i]);
        end(FERRY_INI_BAD);
    }
}

static void a_line_has_a_limit(void **state)
{
    char text[FERRY_INI_LINE_MAX + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    text[1] = '=';
    text[FERRY_INI_LINE_MAX] = '\0';
    begin(text);
    end(FERRY_INI_BAD);
    text[FERRY_INI_LINE_MAX - 2] = '\0'; /* the longest that fits, with its end */
    begin(text);
    assert_int_equal(ferry_ini_next(&ini), FERRY_INI_VALUE);
    assert_int_equal(strlen(ini.value), FERRY_INI_LINE_MAX - 4);
    end(FERRY_INI_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_every_kind),
        cmocka_unit_test(malformed_lines),
        cmocka_unit_test(a_line_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
