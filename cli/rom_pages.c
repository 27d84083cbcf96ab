#include "rom_pages.h"

#include "args.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool rom_pages_parse(const char *text, struct rom_pages *pages)
{
    char first[16] = "";
    const char *dash = strchr(text, '-');
    uint32_t last;
    const size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
    if (length >= sizeof first) {
        return false;
    }
    snprintf(first, sizeof first, "%.*s", (int)length, text);
    if (!cli_parse_u32(first, &pages->first) ||
        !cli_parse_u32(dash != NULL ? dash + 1 : first, &last) || last < pages->first ||
        last >= FERRY_ROM_BANK_2) {
        return false;
    }
    pages->count = last - pages->first + 1;
    return true;
}

bool rom_pages_place(struct rom_pages *pages, const struct ferry_rom_chip *chip,
                     uint32_t flash_size)
{
    struct ferry_rom_page page = {0, 0, 0};
    const uint32_t end = pages->first + pages->count; /* < 2^17 */
    uint32_t offset = 0;
    while (offset < flash_size && ferry_rom_page_at(chip, offset, &page) && page.number < end) {
        if (page.number == pages->first) {
            pages->start = page.start;
        }
        offset = page.start + page.size;
    }
    if (page.number + 1 < end) {
        cli_fail("this chip has the pages 0 to %" PRIu32 "; choose among them", page.number);
        return false;
    }
    pages->size = offset - pages->start;
    return true;
}
