/*
 * rom_launch.h - the first start of a chip that was blank at its power-on.
 *
 * An STM32L43x looks once, when it gets power or loads its option bytes, whether the first word of
 * its flash is blank (RM0394, 2.6.1 "empty check"), and remembers it: until it looks again, every
 * reset with BOOT0 low leads into the ROM, whatever was programmed meanwhile. So a program of a few
 * instructions is put into its RAM and started by GO: it sets OBL_LAUNCH, the option bytes are
 * loaded again (not changed), the chip looks, and resets.
 *
 * GO to the application itself would start it too, but with VTOR and clocks as the ROM left them,
 * and not after the next reset. Write unprotect would do it as well, and take a protection away.
 */
#ifndef GATEWAY_SINKS_ROM_LAUNCH_H
#define GATEWAY_SINKS_ROM_LAUNCH_H

#include "ferry/rom.h"

struct gateway_rom_launcher {
    uint32_t address;    /* in RAM, beyond what the ROM uses; its vector table comes first */
    const uint8_t *code; /* static */
    uint32_t size;       /* bytes, a multiple of 16 */
};

/* The launcher that this chip needs, or NULL: NRST starts what is in flash. */
const struct gateway_rom_launcher *gateway_rom_launcher_for(uint16_t pid);

#endif
