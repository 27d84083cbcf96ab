/*
 * For ports whose flash has ECC: an application whose power fails while it writes a page. At the
 * next start it reads what it finds: a torn double word is FERRY_FLASH, every time, and nothing
 * worse; it cannot be programmed, but erased. run_torn.c cuts the power. As in main_stm32.c: r0  0,
 * or the line that failed r1  the mark below r2  double words that could not be read
 */
#include "board.h"
#include "chip.h"
#include "port.h"

#define TORN_MARK 0x4E524F54U /* "TORN" */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

enum { DOUBLE = STM32_PROGRAM_BYTES };

int main(void);

static const uint8_t pattern[DOUBLE] = {0x5A, 0x01, 0xC3, 0x7E, 0x18, 0xA5, 0x3C, 0x81};
static uint32_t refused;
static bool came_back; /* from a reset by software */

static int read_double(uint32_t address, uint8_t found[DOUBLE])
{
    return stm32_flash.read(NULL, address, found, DOUBLE);
}

static uint32_t check_torn(const struct ferry_range *page, uint32_t address)
{
    uint8_t found[2 * DOUBLE];

    if (!came_back) { /* by a pointer: the NMI has nobody to tell, and resets the chip */
        (void)*(stm32_reg *)address;
        stm32_barrier();
        return __LINE__;
    }
    refused++;
    CHECK(read_double(address, found) == FERRY_FLASH); /* not only the first time */
    CHECK(stm32_flash.program(NULL, address, pattern, DOUBLE) == FERRY_FLASH);
    if (address != page->start) {
        CHECK(stm32_flash.read(NULL, address - DOUBLE, found, 2 * DOUBLE) == FERRY_FLASH);
    }
    CHECK(stm32_flash.program(NULL, address + 4, pattern, 4) == FERRY_ARGUMENT);
    return 0;
}

static uint32_t check_blank_and_good(const struct ferry_range *page)
{
    uint8_t found[DOUBLE];

    for (uint32_t at = page->start; at < page->start + page->size; at += DOUBLE) {
        CHECK(read_double(at, found) == FERRY_OK);
        for (int i = 0; i < DOUBLE; i++) {
            CHECK(found[i] == 0xFF);
        }
        CHECK(stm32_flash.program(NULL, at, pattern, DOUBLE) == FERRY_OK);
        CHECK(read_double(at, found) == FERRY_OK && memcmp(found, pattern, DOUBLE) == 0);
    }
    return 0;
}

/* Whether anything is there, and what it is worth. */
static uint32_t look(const struct ferry_range *page, bool *used)
{
    uint8_t found[DOUBLE];

    for (uint32_t at = page->start; at < page->start + page->size; at += DOUBLE) {
        int status = read_double(at, found);
        CHECK(status == FERRY_OK || status == FERRY_FLASH);
        uint32_t line = status == FERRY_OK ? 0 : check_torn(page, at);
        if (line != 0) {
            return line;
        }
        *used = *used || status != FERRY_OK || found[0] != 0xFF;
    }
    return 0;
}

static uint32_t run(void)
{
    const struct ferry_board *board = &FERRY_BOARD_SYMBOL;
    uint32_t sector = board->sector_count - 1U;
    struct ferry_range page = ferry_board_sector(board, sector);
    bool used = false;

    uint32_t line = look(&page, &used);
    if (line != 0) {
        return line;
    }
    while (!used) { /* until the power goes */
        line = check_blank_and_good(&page);
        CHECK(line == 0 && stm32_flash.erase(NULL, sector) == FERRY_OK);
    }
    CHECK(stm32_flash.erase(NULL, sector) == FERRY_OK);
    CHECK((FLASH_REGS->CR & FLASH_CR_LOCK) != 0);
    return check_blank_and_good(&page);
}

int main(void)
{
    stm32_clock_start();
    came_back = (stm32_reset_cause() & FERRY_RESET_SOFTWARE) != 0;

    register uint32_t verdict __asm__("r0") = run();
    register uint32_t mark __asm__("r1") = TORN_MARK;
    register uint32_t count __asm__("r2") = refused;
    __asm__ volatile("cpsid i\n"
                     "1: wfi\n"
                     "b 1b" ::"r"(verdict),
                     "r"(mark), "r"(count));
    return 0;
}
