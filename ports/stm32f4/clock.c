/* Core clock: HSE -> PLL, or HSI -> PLL (RM0383, sections 3.4, 5.1.3 and 6.2). */
#include "board.h"
#include "port.h"
#include "stm32f4.h"

/* One poll takes 6 cycles or more, so these are at least 50 ms and 2 ms at HSI's 16 MHz. A crystal
 * starts in about 2 ms (DS10314, 6.3.8), the PLL locks within 300 us. */
enum { HSE_POLLS = 133000, PLL_POLLS = 5400 };

/* Division by 2, 4, 8, 16 in PPRE1 and PPRE2: 4..7; not divided: 0. */
#define PPRE(div) ((div) == 1 ? 0U : (div) == 2 ? 4U : (div) == 4 ? 5U : (div) == 8 ? 6U : 7U)

static bool wait_for(stm32f4_reg *reg, uint32_t mask, uint32_t value, uint32_t polls)
{
    while ((*reg & mask) != value) {
        if (polls-- == 0) {
            return false;
        }
    }
    return true;
}

static bool start_hse(void)
{
    RCC_REGS->CR |= RCC_CR_HSEON;
    if (wait_for(&RCC_REGS->CR, RCC_CR_HSERDY, RCC_CR_HSERDY, HSE_POLLS)) {
        return true;
    }
    RCC_REGS->CR &= ~RCC_CR_HSEON;
    return false;
}

static bool start_pll(bool from_hse)
{
    uint32_t input = from_hse ? RCC_PLLCFGR_HSE | BOARD_PLL_M_HSE : BOARD_PLL_M_HSI;
    RCC_REGS->PLLCFGR =
        input | FIELD(BOARD_PLL_N, 6) | FIELD(BOARD_PLL_P / 2 - 1, 16) | FIELD(BOARD_PLL_Q, 24);
    RCC_REGS->CR |= RCC_CR_PLLON;
    if (wait_for(&RCC_REGS->CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY, PLL_POLLS)) {
        return true;
    }
    RCC_REGS->CR &= ~RCC_CR_PLLON; /* its source can be changed only while it is off */
    return false;
}

void stm32f4_clock_start(void)
{
    /* The regulator's scale is taken over when the PLL starts (section 5.1.3). */
    RCC_REGS->APB1ENR |= RCC_APB1_PWR;
    (void)RCC_REGS->APB1ENR; /* two cycles until the clock is there (errata 2.1.12) */
    PWR_REGS->CR |= BOARD_PWR_VOS;

    /* Wait states before the faster clock (section 3.4.1). */
    FLASH_REGS->ACR = BOARD_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    RCC_REGS->CFGR = FIELD(PPRE(BOARD_APB1_DIV), 10) | FIELD(PPRE(BOARD_APB2_DIV), 13);
    if (!(start_hse() && start_pll(true)) && !start_pll(false)) {
        return;
    }
    RCC_REGS->CFGR |= RCC_CFGR_SW_PLL;
    (void)wait_for(&RCC_REGS->CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL, PLL_POLLS);
}

enum stm32f4_clock_source stm32f4_clock_source(void)
{
    if ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
        return STM32F4_CLOCK_HSI;
    }
    return (RCC_REGS->PLLCFGR & RCC_PLLCFGR_HSE) != 0 ? STM32F4_CLOCK_HSE : STM32F4_CLOCK_HSI_PLL;
}

uint32_t stm32f4_by_clock(uint32_t normal, uint32_t on_hsi)
{
    return stm32f4_clock_source() == STM32F4_CLOCK_HSI ? on_hsi : normal;
}

uint32_t stm32f4_core_hz(void)
{
    return stm32f4_by_clock(BOARD_CORE_HZ, STM32F4_HSI_HZ);
}
