/* An interrupt as often as one can be taken, into long runs of IT blocks over several pages:
 * nothing may change. */
#include "fw.h"

static volatile uint32_t ticks;

void SysTick_Handler(void)
{
    ticks++;
}

/* 1200 times: odd or even decides between +2 and +3; 24 KB of code. */
__attribute__((noinline)) static uint32_t walk(uint32_t x)
{
    __asm volatile(".rept 1200\n"
                   "tst %0, #1\n"
                   "ittee ne\n"
                   "addne %0, %0, #1\n"
                   "addne %0, %0, #1\n"
                   "addeq.w %0, %0, #1\n"
                   "addeq %0, %0, #2\n"
                   "nop\n"
                   ".endr"
                   : "+r"(x)
                   :
                   : "cc");
    return x;
}

int main(void)
{
    uint32_t quiet = walk(7), wrong = 0;
    SYST_RVR = 39;
    SYST_CVR = 0;
    SYST_CSR = 7;
    for (uint32_t i = 0; i < 50u; i++)
        wrong += walk(7) != quiet;
    SYST_CSR = 0;
    RESULTS[1] = wrong;
    RESULTS[2] = ticks;
    RESULTS[3] = quiet;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
