#include "rom_fit.h"

#include <string.h>

enum {
    RAM_BEHIND = 16 * 1024, /* SRAM2 of an L4, which the ROM's documents do not count */
    CCM_START = 0x10000000, /* F405/407: 64 KB that a stack may use; SRAM2 of an L4 too */
    CCM_SIZE = 0x10000
};

uint32_t rom_fit_flash_size(const struct ferry_rom_chip *chip, const uint8_t size_register[2])
{
    const uint32_t size = ferry_get_u16(size_register) * 1024U;
    struct ferry_rom_page end;
    (void)ferry_rom_page_at(chip, UINT32_MAX, &end);
    return size == 0 || size > end.start ? end.start : size;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Does `board` name this part of a chip's name: "F407" in stm32f407_discovery, "L43" (of L43x) in
 * nucleo_l432kc. */
static bool names(const char *board, const char *part, size_t length)
{
    for (; strlen(board) >= length; board++) {
        size_t i = 0;
        while (i < length && lower(board[i]) == lower(part[i])) {
            i++;
        }
        if (i == length) {
            return true;
        }
    }
    return false;
}

/* A letter and digits, as in "F407" of "F405/407": what stands behind / lacks the letter. */
static bool names_chip(const char *board, const char *name)
{
    char part[16] = {name[0]};
    for (const char *from = name + 1; from != NULL;) {
        const size_t digits = strspn(from, "0123456789");
        if (digits >= 2 && digits < sizeof part - 1) {
            memcpy(part + 1, from, digits);
            if (names(board, part, digits + 1)) {
                return true;
            }
        }
        from = strchr(from, '/');
        if (from != NULL) {
            from += 1 + (from[1] == name[0]);
        }
    }
    return false;
}

bool rom_fit_board(const struct ferry_rom_chip *chip, const char *board)
{
    const struct ferry_rom_chip *other;
    if (names_chip(board, chip->name)) {
        return true;
    }
    for (size_t i = 0; (other = ferry_rom_chip_at(i)) != NULL; i++) {
        if (names_chip(board, other->name)) {
            return false;
        }
    }
    return true;
}

bool rom_fit_stack(const struct ferry_rom_chip *chip, uint32_t stack_pointer)
{
    const uint32_t ram_size = ferry_rom_ram_end(chip) - FERRY_ROM_RAM_BASE + RAM_BEHIND;
    const uint32_t last = stack_pointer - 1; /* differences that wrap are above every size */
    return stack_pointer % 4 == 0 &&
           (last - FERRY_ROM_RAM_BASE < ram_size || last - CCM_START < CCM_SIZE);
}

bool rom_fit_place(uint32_t flash_size, uint32_t address, uint32_t size)
{
    const uint32_t offset = address - FERRY_ROM_FLASH_BASE; /* below it wraps: too large */
    return offset <= flash_size && size <= flash_size - offset;
}
