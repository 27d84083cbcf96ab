/*
 * Tries to erase and to overwrite the bootloader's first sector, as an application that was taken
 * over would. Goes on as a good one only if the chip refused both (WRPERR); else it is given up on
 * trial.
 */
#include "behaviour.h"
#include "board.h"
#include "chip.h"

enum { SR_WRPERR = BIT(4) };

static bool was_refused(void)
{
    while ((FLASH_REGS->SR & FLASH_SR_BSY) != 0) {
    }
    bool refused = (FLASH_REGS->SR & SR_WRPERR) != 0;
    FLASH_REGS->SR = SR_WRPERR;
    return refused;
}

static void start(void)
{
    FLASH_REGS->KEYR = FLASH_KEY1;
    FLASH_REGS->KEYR = FLASH_KEY2;
    FLASH_REGS->CR = FLASH_CR_PSIZE32 | FLASH_CR_SER; /* sector 0 */
    FLASH_REGS->CR |= FLASH_CR_STRT;
    bool erase_refused = was_refused();
    FLASH_REGS->CR = FLASH_CR_PSIZE32 | FLASH_CR_PG;
    *(stm32_reg *)BOARD_BOOTLOADER_START = 0;
    bool write_refused = was_refused();
    FLASH_REGS->CR = FLASH_CR_LOCK;
    while (!erase_refused || !write_refused) {
    }
}

const struct demo_behaviour demo_behaviour = {.confirms = true, .start = start};
