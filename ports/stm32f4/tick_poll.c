/* Milliseconds from the core's cycle counter: no interrupt, no tick lost while an erase stalls. */
#include "board.h"
#include "port.h"
#include "stm32f4.h"

static struct {
    uint32_t cycles_per_ms;
    uint32_t counted; /* cycle counter up to which whole milliseconds are in now_ms */
    uint32_t now_ms;
} tick;

void stm32f4_tick_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    tick.cycles_per_ms = stm32f4_by_clock(BOARD_CORE_HZ / 1000, STM32F4_HSI_HZ / 1000);
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    uint32_t passed_ms = (DWT_CYCCNT - tick.counted) / tick.cycles_per_ms;
    tick.counted += passed_ms * tick.cycles_per_ms;
    tick.now_ms += passed_ms;
    return tick.now_ms;
}

const struct ferry_clock stm32f4_clock = {.now_ms = now_ms};
