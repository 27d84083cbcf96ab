/* Core clock: HSE -> PLL, or HSI -> PLL (RM0383, sections 3.4, 5.1.3 and 6.2). */
#include "board.h"
#include "port.h"
#include "chip.h"

/* One poll takes 6 cycles or more, so these are at least 50 ms at HSI's 16 MHz. A crystal starts in
 * about 2 ms (DS10314, 6.3.8), the PLL locks within 300 us. */
enum { POLLS = 0x24000 /* one instruction loads it */ };

/* Division by 2, 4, 8, 16 in PPRE1 and PPRE2: 4..7; not divided: 0. */
#define PPRE(div) ((div) == 1 ? 0U : (div) == 2 ? 4U : (div) == 4 ? 5U : (div) == 8 ? 6U : 7U)

/* Starts the crystal or the PLL by its "on" bit; the bit above it tells that it is ready. */
static bool start_source(uint32_t on)
{
    RCC_REGS->CR |= on;
    for (uint32_t polls = POLLS; polls != 0; polls--) {
        if ((RCC_REGS->CR & on << 1) != 0) {
            return true;
        }
    }
    RCC_REGS->CR &= ~on; /* the PLL's source can be changed only while it is off */
    return false;
}

static bool start_pll(uint32_t input)
{
    RCC_REGS->PLLCFGR =
        input | FIELD(BOARD_PLL_N, 6) | FIELD(BOARD_PLL_P / 2 - 1, 16) | FIELD(BOARD_PLL_Q, 24);
    return start_source(RCC_CR_PLLON);
}

_Static_assert(RCC_CR_HSERDY == RCC_CR_HSEON << 1 && RCC_CR_PLLRDY == RCC_CR_PLLON << 1,
               "as start_source has it");

void stm32_clock_start(void)
{
    /* The regulator's scale is taken over when the PLL starts (section 5.1.3). */
    if (BOARD_PWR_VOS != BOARD_PWR_VOS_RESET) {
        RCC_REGS->APB1ENR |= RCC_APB1_PWR;
        (void)RCC_REGS->APB1ENR; /* two cycles until the clock is there (errata 2.1.12) */
        PWR_REGS->CR |= BOARD_PWR_VOS;
    }

    /* Wait states before the faster clock (section 3.4.1). */
    FLASH_REGS->ACR = BOARD_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    RCC_REGS->CFGR = FIELD(PPRE(BOARD_APB1_DIV), 10) | FIELD(PPRE(BOARD_APB2_DIV), 13);
    if (!(start_source(RCC_CR_HSEON) && start_pll(RCC_PLLCFGR_HSE | BOARD_PLL_M_HSE)) &&
        !start_pll(BOARD_PLL_M_HSI)) {
        RCC_REGS->CFGR = 0; /* buses at HSI's full speed: a divided one is too slow for the UART */
        return;
    }
    RCC_REGS->CFGR |= RCC_CFGR_SW_PLL;
    while ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
    }
}

enum stm32_clock_source stm32_clock_source(void)
{
    if ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
        return STM32_CLOCK_HSI;
    }
    return (RCC_REGS->PLLCFGR & RCC_PLLCFGR_HSE) != 0 ? STM32_CLOCK_HSE : STM32_CLOCK_HSI_PLL;
}
