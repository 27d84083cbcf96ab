/*
 * Milliseconds from the SysTick interrupt. An erase stalls the core for up to 2 s and SysTick pends
 * once only, so each tick asks the cycle counter how long it really was. The cycle counter alone
 * would not do: it stands still in WFI.
 */
#include "port.h"
#include "startup.h"
#include "cortex_m4.h"

static struct {
    uint32_t cycles_per_ms;
    uint32_t last_cycles;
    volatile uint32_t now_ms;
} tick;

void stm32_tick_start(void)
{
    tick.cycles_per_ms = stm32_core_hz() / 1000;
    DEMCR |= DEMCR_TRCENA;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    tick.last_cycles = DWT_CYCCNT;
    SYSTICK_REGS->LOAD = tick.cycles_per_ms - 1;
    SYSTICK_REGS->VAL = 0;
    SYSTICK_REGS->CTRL = SYSTICK_CORE_CLOCK | SYSTICK_TICKINT | SYSTICK_ENABLE;
}

void SysTick_Handler(void)
{
    uint32_t cycles = DWT_CYCCNT;
    uint32_t passed_ms = (cycles - tick.last_cycles + tick.cycles_per_ms / 2) / tick.cycles_per_ms;
    tick.last_cycles = cycles;
    tick.now_ms += passed_ms > 1 ? passed_ms : 1;
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return tick.now_ms;
}

const struct ferry_clock stm32_clock = {.now_ms = now_ms};
