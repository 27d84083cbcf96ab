/* What a node says about its chip: unique id, option bytes, reset cause; and the handover. */
#include "board.h"
#include "port.h"
#include "chip.h"

#include <string.h>

/* In `magic`: the handover to an application, or a mark for the next start in the lowest byte. */
enum { HANDOVER_MAGIC = 0x4F444E48 /* "HNDO" */, MARK_MAGIC = 0x4B524D00 /* "MRK" */ };

__attribute__((section(".handover"))) static struct stm32_handover handover;

void stm32_describe(struct ferry_node *node)
{
    memcpy(node->uid, STM32_UID, FERRY_UID_SIZE);
    uint32_t options = FLASH_REGS->OPTCR;
    uint32_t rdp = FLASH_OPTCR_RDP(options);
    node->rdp_level = (uint8_t)((rdp != FLASH_RDP_LEVEL_0) + (rdp == FLASH_RDP_LEVEL_2));
    node->bor_level = (uint8_t)(3 - FLASH_OPTCR_BOR(options));
    node->write_protected = FLASH_OPTCR_NWRP(~options) & (BIT(node->board->sector_count) - 1);
    node->options_known = true;
    node->no_crystal = stm32_clock_source() != STM32_CLOCK_HSE;
}

_Static_assert(RCC_CSR_SFTRSTF >> 26 == FERRY_RESET_SOFTWARE &&
                   RCC_CSR_IWDGRSTF >> 26 == FERRY_RESET_WATCHDOG &&
                   RCC_CSR_WWDGRSTF >> 27 == FERRY_RESET_WATCHDOG &&
                   RCC_CSR_BORRSTF >> 21 == FERRY_RESET_BROWNOUT,
               "stm32_reset_cause moves flags to where they belong");

/* Every reset pulls the pin low as well (section 6.1): it is the cause where no other is. A
 * power-on sets the brown-out flag too (section 6.3.21). */
uint8_t stm32_reset_cause(void)
{
    uint32_t flags = RCC_REGS->CSR;
    uint32_t cause = (flags >> 26 & (FERRY_RESET_SOFTWARE | FERRY_RESET_WATCHDOG)) |
                     (flags >> 27 & FERRY_RESET_WATCHDOG) | (flags >> 21 & FERRY_RESET_BROWNOUT);

    RCC_REGS->CSR = flags | RCC_CSR_RMVF;
    if ((flags & RCC_CSR_PORRSTF) != 0) {
        return FERRY_RESET_POWER; /* RAM is noise, the mark too */
    }
    if (handover.magic >> 8 == MARK_MAGIC >> 8) {
        cause |= (uint8_t)handover.magic;
    }
    handover.magic = 0;
    return cause == 0 ? FERRY_RESET_PIN : (uint8_t)cause;
}

_Noreturn void stm32_reset_marked(uint8_t mark)
{
    handover.magic = MARK_MAGIC | (uint32_t)mark;
    stm32_reset();
}

_Noreturn void stm32_fault(void)
{
    stm32_reset_marked(FERRY_RESET_FAULT);
}

static uint32_t handover_crc(void)
{
    return ferry_crc32(0, &handover, offsetof(struct stm32_handover, crc32));
}

void stm32_handover_write(const struct ferry_node *node)
{
    handover.magic = HANDOVER_MAGIC;
    handover.reset_cause = node->reset_cause;
    memcpy(handover.content, node->content, sizeof handover.content);
    handover.journal_lost = node->journal->found_nothing;
    handover.crc32 = handover_crc();
}

bool stm32_handover_read(struct ferry_node *node)
{
    if (handover.magic != HANDOVER_MAGIC || handover.crc32 != handover_crc()) {
        return false;
    }
    node->reset_cause = handover.reset_cause;
    memcpy(node->content, handover.content, sizeof node->content);
    node->journal->found_nothing = handover.journal_lost != 0;
    handover.magic = 0; /* valid for one start */
    return true;
}
