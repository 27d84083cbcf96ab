/* An entry of the boot log as a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot_text.h"

#include "ferry/decide.h"

#include <string.h>

static void a_revert(void **state)
{
    char text[FERRY_BOOT_TEXT_SIZE];
    const struct ferry_boot_log boot = {.boot = 17,
                                        .reset_cause = FERRY_RESET_PIN | FERRY_RESET_WATCHDOG,
                                        .action = FERRY_ACTION_REVERT_EXHAUSTED,
                                        .slot = FERRY_SLOT_A,
                                        .error = FERRY_TRIAL_EXHAUSTED,
                                        .version = {.major = 1}};
    (void)state;
    ferry_boot_print(&boot, text);
    assert_string_equal(text, "17 watchdog revert_exhausted a 1.0.0 0 TRIAL_EXHAUSTED");
}

static void nothing_started(void **state)
{
    char text[FERRY_BOOT_TEXT_SIZE];
    const struct ferry_boot_log boot = {.boot = 1,
                                        .reset_cause = FERRY_RESET_POWER,
                                        .action = FERRY_ACTION_LISTEN,
                                        .slot = FERRY_SLOT_NONE};
    (void)state;
    ferry_boot_print(&boot, text);
    assert_string_equal(text, "1 power listen - - 0 OK");
}

/* Every byte is the node's: seven words without anything odd in them, and room for them. */
static void any_bytes(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        for (unsigned slot = 0; slot < 256; slot++) {
            struct ferry_boot_log boot;
            char text[FERRY_BOOT_TEXT_SIZE];
            memset(&boot, (int)value, sizeof boot);
            boot.slot = (uint8_t)slot;
            boot.boot = UINT32_MAX;
            ferry_boot_print(&boot, text);
            size_t words = 1;
            for (const char *at = text; *at != '\0'; at++) {
                words += *at == ' ';
                assert_true(*at != ' ' || (at > text && at[-1] != ' ' && at[1] != '\0'));
            }
            assert_int_equal(words, 7);
            assert_true(strlen(text) < FERRY_BOOT_TEXT_SIZE - 1); /* it was not cut */
            assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-.+ "),
                             strlen(text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revert),
        cmocka_unit_test(nothing_started),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
