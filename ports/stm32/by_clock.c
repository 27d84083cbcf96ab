/* What depends on the core clock that the start has found. */
#include "board.h"
#include "port.h"

uint32_t stm32_by_clock(uint32_t normal, uint32_t on_hsi)
{
    return stm32_clock_source() == STM32_CLOCK_HSI ? on_hsi : normal;
}

uint32_t stm32_core_hz(void)
{
    return stm32_by_clock(BOARD_CORE_HZ, STM32_HSI_HZ);
}
