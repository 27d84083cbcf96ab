/*
 * stm32f411_blackpill - WeAct "Black Pill" V2/V3 and compatible, two slots.
 *
 * The one description of this board, with wiring.h. Read by C, by the linker scripts (through the
 * preprocessor: plain macros only) and by boards/board_map.c. Sectors from RM0383, table 5.
 */
#ifndef FERRY_BOARD_DESCRIPTION_H
#define FERRY_BOARD_DESCRIPTION_H

#include "wiring.h"

#define BOARD_NAME "stm32f411_blackpill"

/* Flash map. X(start, size), every erase sector in order. */
#define BOARD_SECTORS(X)                                                                           \
    X(0x08000000, 0x4000)                                                                          \
    X(0x08004000, 0x4000)                                                                          \
    X(0x08008000, 0x4000)                                                                          \
    X(0x0800C000, 0x4000)                                                                          \
    X(0x08010000, 0x10000)                                                                         \
    X(0x08020000, 0x20000)                                                                         \
    X(0x08040000, 0x20000)                                                                         \
    X(0x08060000, 0x20000)

#define BOARD_SLOT_COUNT       2
#define BOARD_BOOTLOADER_START 0x08000000
#define BOARD_BOOTLOADER_SIZE  0x8000 /* S0-S1 of the 64 KB boot region */
#define BOARD_JOURNAL_0        2      /* sector numbers: S2 and S3 */
#define BOARD_JOURNAL_1        3
#define BOARD_SLOT_A_START     0x08010000
#define BOARD_SLOT_A_SIZE      0x30000 /* S4-S5, 192 KB */
#define BOARD_SLOT_B_START     0x08040000
#define BOARD_SLOT_B_SIZE      0x40000 /* S6-S7, 256 KB */

#endif
