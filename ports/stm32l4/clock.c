/* Core clock: HSI16 -> PLL (RM0394, sections 3.3.3 and 6.2). No crystal is looked for. */
#include "board.h"
#include "port.h"
#include "chip.h"

/* One poll takes 6 cycles or more, so these are at least 50 ms at 16 MHz. The PLL locks within 40
 * us (DS11451, table "PLL characteristics"). */
enum { POLLS = 0x24000 };

static bool wait_for_pll(void)
{
    for (uint32_t polls = POLLS; polls != 0; polls--) {
        if ((RCC_REGS->CR & RCC_CR_PLLRDY) != 0) {
            return true;
        }
    }
    RCC_REGS->CR &= ~RCC_CR_PLLON;
    return false;
}

/* The chip runs on HSI: start.c saw to that. The regulator is in range 1 after a reset, which is
 * what 80 MHz need (section 5.1.8). */
void stm32_clock_start(void)
{
    /* Wait states before the faster clock. */
    FLASH_REGS->ACR = BOARD_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    RCC_REGS->PLLCFGR = RCC_PLLCFGR_HSI | RCC_PLLCFGR_M(BOARD_PLL_M) | RCC_PLLCFGR_N(BOARD_PLL_N) |
                        RCC_PLLCFGR_R(BOARD_PLL_R) | RCC_PLLCFGR_REN;
    RCC_REGS->CR |= RCC_CR_PLLON;
    if (!wait_for_pll()) {
        return;
    }
    RCC_REGS->CFGR = RCC_CFGR_SW_PLL;
    while ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
    }
}

enum stm32_clock_source stm32_clock_source(void)
{
    bool pll = (RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) == RCC_CFGR_SWS_PLL;
    return pll ? STM32_CLOCK_HSI_PLL : STM32_CLOCK_HSI;
}
