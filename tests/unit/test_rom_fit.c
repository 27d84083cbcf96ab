/* Is a program for this chip: board names, stack, flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rom_fit.h"

static const struct ferry_rom_chip *chip(uint16_t pid)
{
    const struct ferry_rom_chip *found = ferry_rom_chip_by_pid(pid);
    assert_non_null(found);
    return found;
}

static void a_board_that_names_another_chip(void **state)
{
    static const struct {
        uint16_t pid;
        const char *board;
        bool fits;
    } cases[] = {
        {0x431, "stm32f411_blackpill", true},
        {0x431, "STM32F411RE", true},
        {0x431, "nucleo_l432kc", false},
        {0x431, "stm32f407_discovery", false},
        {0x431, "pump", true},
        {0x431, "", true},
        {0x431, "f4", true},
        {0x413, "stm32f407_discovery", true},
        {0x413, "my_f405", true},
        {0x413, "stm32f401", false},
        {0x423, "stm32f401cc", true},
        {0x433, "stm32f401ce", true},
        {0x435, "nucleo_l432kc", true},
        {0x435, "l443", true},
        {0x435, "stm32f411_single", false},
        {0x435, "f411_to_l432_bridge", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (rom_fit_board(chip(cases[i].pid), cases[i].board) != cases[i].fits) {
            fail_msg("%s on 0x%03x", cases[i].board, cases[i].pid);
        }
    }
}

static void a_stack_lies_in_ram(void **state)
{
    (void)state;
    const struct ferry_rom_chip *l432 = chip(0x435);
    assert_true(rom_fit_stack(l432, 0x2000C000));
    assert_true(rom_fit_stack(l432, 0x20010000)); /* SRAM2 behind SRAM1 */
    assert_false(rom_fit_stack(l432, 0x20010004));
    assert_false(rom_fit_stack(l432, 0x20020000)); /* an F411's */
    assert_true(rom_fit_stack(chip(0x431), 0x20020000));
    assert_true(rom_fit_stack(chip(0x413), 0x10010000)); /* CCM */
    assert_false(rom_fit_stack(l432, 0x20000000));
    assert_false(rom_fit_stack(l432, 0x10000000));
    assert_false(rom_fit_stack(l432, 0x20001002));
    assert_false(rom_fit_stack(l432, 0));
    assert_false(rom_fit_stack(l432, UINT32_MAX));
}

static void flash_ends_where_the_chip_says(void **state)
{
    (void)state;
    const uint8_t kb_128[] = {0x80, 0}, none[] = {0, 0}, all[] = {0xFF, 0xFF}, kb_512[] = {0, 2};
    assert_int_equal(rom_fit_flash_size(chip(0x435), kb_128), 128 * 1024);
    assert_int_equal(rom_fit_flash_size(chip(0x431), kb_512), 512 * 1024);
    assert_int_equal(rom_fit_flash_size(chip(0x435), none), 256 * 1024);
    assert_int_equal(rom_fit_flash_size(chip(0x435), all), 256 * 1024);
    assert_int_equal(rom_fit_flash_size(chip(0x435), kb_512), 256 * 1024);
    assert_true(rom_fit_place(0x20000, 0x08000000, 0x20000));
    assert_false(rom_fit_place(0x20000, 0x08000000, 0x20001));
    assert_false(rom_fit_place(0x20000, 0x0801F800, 0x801));
    assert_false(rom_fit_place(0x20000, 0x07FFFFFF, 1));
    assert_false(rom_fit_place(0x20000, 0x08020001, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_board_that_names_another_chip),
        cmocka_unit_test(a_stack_lies_in_ram),
        cmocka_unit_test(flash_ends_where_the_chip_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
