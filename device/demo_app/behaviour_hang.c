/* Hangs at once: the watchdog that the bootloader started must end it. */
#include "behaviour.h"

static void start(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

const struct demo_behaviour demo_behaviour = {.confirms = true, .start = start};
