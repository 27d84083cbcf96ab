/* Milliseconds from the core's cycle counter: no interrupt, no tick lost while an erase stalls. */
#include "board.h"
#include "port.h"
#include "cortex_m4.h"

static struct {
    uint32_t cycles_per_ms;
    uint32_t counted; /* cycle counter up to which whole milliseconds are in now_ms */
    uint32_t now_ms;
} tick;

void stm32_tick_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA; /* the count begins anywhere: only differences are used */
    tick.cycles_per_ms = stm32_by_clock(BOARD_CORE_HZ / 1000, STM32_HSI_HZ / 1000);
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    uint32_t passed_ms = (DWT_CYCCNT - tick.counted) / tick.cycles_per_ms;
    tick.counted += passed_ms * tick.cycles_per_ms;
    tick.now_ms += passed_ms;
    return tick.now_ms;
}

const struct ferry_clock stm32_clock = {.now_ms = now_ms};
