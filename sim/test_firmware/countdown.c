/* Waits by counting down, and is interrupted: the handler sums up what it finds on the stack. */
#include "fw.h"

static volatile uint32_t sum, ticks;

__attribute__((used)) static void note(const uint32_t *frame)
{
    for (uint32_t i = 0; i < 8u; i++)
        sum = sum * 31u + frame[i];
    ticks++;
}

__attribute__((naked)) void SysTick_Handler(void)
{
    __asm volatile("mov r0, sp\n b note");
}

__attribute__((noinline)) static void count_down(uint32_t from)
{
    __asm volatile("1: subs %0, #1\n bne 1b" : "+l"(from)::"cc");
}

int main(void)
{
    sum = ticks = 0;
    RESULTS[0] = 0;
    SYST_RVR = 4006u; /* out of step with the loops */
    SYST_CVR = 0;
    SYST_CSR = 7u;
    for (uint32_t i = 1; i < 400u; i++)
        count_down(i * i % 2003u + (i % 50u == 0 ? 0x10000u : 1u));
    SYST_CSR = 0;
    RESULTS[1] = sum;
    RESULTS[2] = ticks;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
