#include "ferry/rom.h"

/*
 * One line a chip. RAM and I2C addresses: AN2606, "device-dependent bootloader parameters" and the
 * chip's chapter. Geometry and size register: RM0090, RM0368, RM0383 (F4), RM0394 (L43x/L44x).
 * F405/F407 has the I2C address 0x3A from ROM V9.x on; V3.x has no I2C.
 */
/* clang-format off */
static const struct ferry_rom_chip chips[] = {
    {0x413, 0x3A, 4, {{4, 16}, {1, 64}, {7, 128}}, 0x20003000, 0x20020000, 0x1FFF7A22, "STM32F405/407"},
    {0x423, 0x39, 4, {{4, 16}, {1, 64}, {1, 128}}, 0x20003000, 0x20010000, 0x1FFF7A22, "STM32F401xB/C"},
    {0x431, 0x39, 4, {{4, 16}, {1, 64}, {3, 128}}, 0x20003000, 0x20020000, 0x1FFF7A22, "STM32F411"},
    {0x433, 0x39, 4, {{4, 16}, {1, 64}, {3, 128}}, 0x20003000, 0x20018000, 0x1FFF7A22, "STM32F401xD/E"},
    {0x435, 0x48, 8, {{128, 2}},                   0x20003100, 0x2000C000, 0x1FFF75E0, "STM32L43x/L44x"},
};
/* clang-format on */

const struct ferry_rom_chip *ferry_rom_chip_at(size_t index)
{
    return index < sizeof chips / sizeof chips[0] ? &chips[index] : NULL;
}

const struct ferry_rom_chip *ferry_rom_chip_by_pid(uint16_t pid)
{
    const struct ferry_rom_chip *chip;
    for (size_t i = 0; (chip = ferry_rom_chip_at(i)) != NULL && chip->pid != pid; i++) {
    }
    return chip;
}

bool ferry_rom_page_at(const struct ferry_rom_chip *chip, uint32_t offset,
                       struct ferry_rom_page *page)
{
    page->number = 0;
    page->start = 0;
    for (size_t region = 0; region < 3; region++) {
        page->size = (uint32_t)chip->pages[region].size_kb * 1024U;
        for (uint32_t left = chip->pages[region].count; left > 0; left--) {
            if (offset - page->start < page->size) { /* start <= offset: earlier pages end there */
                return true;
            }
            page->start += page->size;
            page->number++;
        }
    }
    return false;
}
