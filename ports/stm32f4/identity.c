/* What a node says about its chip: unique id, option bytes, reset cause; and the handover. */
#include "board.h"
#include "port.h"
#include "stm32f4.h"

#include <string.h>

enum { HANDOVER_MAGIC = 0x4F444E48 /* "HNDO" */, FAULT_MAGIC = 0x544C5546 /* "FULT" */ };

__attribute__((section(".handover"))) static struct stm32f4_handover handover;

void stm32f4_describe(struct ferry_node *node)
{
    for (size_t i = 0; i < FERRY_UID_SIZE; i++) {
        node->uid[i] = STM32F4_UID[i];
    }
    uint32_t options = FLASH_REGS->OPTCR;
    uint32_t rdp = FLASH_OPTCR_RDP(options);
    node->rdp_level = rdp == FLASH_RDP_LEVEL_0 ? 0 : rdp == FLASH_RDP_LEVEL_2 ? 2 : 1;
    node->bor_level = (uint8_t)(3 - FLASH_OPTCR_BOR(options));
    node->write_protected = ~FLASH_OPTCR_NWRP(options) & (BIT(node->board->sector_count) - 1);
    node->options_known = true;
    node->no_crystal = stm32f4_clock_source() != STM32F4_CLOCK_HSE;
}

/* Every reset pulls the pin low as well (section 6.1): it is the cause where no other is. A
 * power-on sets the brown-out flag too (section 6.3.21). */
uint8_t stm32f4_reset_cause(void)
{
    uint32_t flags = RCC_REGS->CSR;
    uint8_t cause = 0;

    RCC_REGS->CSR = flags | RCC_CSR_RMVF;
    if ((flags & RCC_CSR_PORRSTF) != 0) {
        return FERRY_RESET_POWER;
    }
    if ((flags & RCC_CSR_BORRSTF) != 0) {
        cause |= FERRY_RESET_BROWNOUT;
    }
    if ((flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) != 0) {
        cause |= FERRY_RESET_WATCHDOG;
    }
    if ((flags & RCC_CSR_SFTRSTF) != 0) {
        cause |= handover.magic == FAULT_MAGIC ? FERRY_RESET_SOFTWARE | FERRY_RESET_FAULT
                                               : FERRY_RESET_SOFTWARE;
    }
    return cause == 0 ? FERRY_RESET_PIN : cause;
}

_Noreturn void stm32f4_fault(void)
{
    handover.magic = FAULT_MAGIC;
    stm32f4_reset();
}

static uint32_t handover_crc(void)
{
    return ferry_crc32(0, &handover, offsetof(struct stm32f4_handover, crc32));
}

void stm32f4_handover_write(const struct ferry_node *node)
{
    memset(&handover, 0, sizeof handover);
    handover.magic = HANDOVER_MAGIC;
    handover.reset_cause = node->reset_cause;
    memcpy(handover.content, node->content, sizeof handover.content);
    handover.crc32 = handover_crc();
}

bool stm32f4_handover_read(struct ferry_node *node)
{
    if (handover.magic != HANDOVER_MAGIC || handover.crc32 != handover_crc()) {
        return false;
    }
    node->reset_cause = handover.reset_cause;
    memcpy(node->content, handover.content, sizeof node->content);
    handover.magic = 0; /* valid for one start */
    return true;
}
