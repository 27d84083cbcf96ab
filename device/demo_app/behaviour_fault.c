/* Runs into a HardFault at once: an undefined instruction (ARMv7-M ARM, A7.7.194). */
#include "behaviour.h"

static void start(void)
{
    __asm__ volatile("udf #0");
}

const struct demo_behaviour demo_behaviour = {.confirms = true, .start = start};
