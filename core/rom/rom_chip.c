#include "ferry/rom.h"

/*
 * One line a chip. RAM and I2C addresses: AN2606 rev. 70, table 226 and the chip's own (75, 77, 79,
 * 83, 164). Geometry and size register: RM0090, RM0368, RM0383 (F4), RM0394 (L43x/L44x).
 * F405/F407 has I2C from ROM V9.x on; V3.x has none.
 */
/* clang-format off */
static const struct ferry_rom_chip chips[] = {
    /* pid   size    I2C  unit  RAM: ROM's, KB  pages */
    {0x413, 0x7A22, 0x3A, 4,    0x30, 128,      {{4, 16}, {1, 64}, {7, 128}}, "F405/407"},
    {0x423, 0x7A22, 0x3A, 4,    0x30, 64,       {{4, 16}, {1, 64}, {1, 128}}, "F401xB/C"},
    {0x431, 0x7A22, 0x39, 4,    0x30, 128,      {{4, 16}, {1, 64}, {3, 128}}, "F411"},
    {0x433, 0x7A22, 0x39, 4,    0x30, 96,       {{4, 16}, {1, 64}, {3, 128}}, "F401xD/E"},
    {0x435, 0x75E0, 0x48, 8,    0x31, 48,       {{128, 2}},                   "L43x/L44x"},
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
