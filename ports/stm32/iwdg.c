/* Independent watchdog, RM0383 section 15.3. */
#include "port.h"
#include "peripherals.h"

enum {
    PRESCALER_64 = 4,        /* 32 kHz / 64 = 500 Hz */
    RELOAD = 4000 - 1,       /* 8 s */
    UPDATE_POLLS = 0x100000, /* an update takes 5 LSI cycles; it is not worth waiting for ever */
};

void stm32_watchdog_start(void)
{
    IWDG_REGS->KR = IWDG_KEY_START; /* starts LSI too */
    IWDG_REGS->KR = IWDG_KEY_WRITE;
    IWDG_REGS->PR = PRESCALER_64;
    IWDG_REGS->RLR = RELOAD;
    for (uint32_t poll = 0; IWDG_REGS->SR != 0 && poll < UPDATE_POLLS; poll++) {
    }
    IWDG_REGS->KR = IWDG_KEY_FEED;
}

void stm32_watchdog_feed(void)
{
    IWDG_REGS->KR = IWDG_KEY_FEED;
}
