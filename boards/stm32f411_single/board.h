/*
 * stm32f411_single - the Black Pill hardware with one slot of 240 KB behind a bootloader of one
 * sector. While the application is replaced there is nothing else to start: the bootloader listens
 * and resumes. Sectors from RM0383, table 5.
 */
#ifndef FERRY_BOARD_DESCRIPTION_H
#define FERRY_BOARD_DESCRIPTION_H

#include "../stm32f411_blackpill/wiring.h"

#define BOARD_NAME "stm32f411_single"

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

#define BOARD_SLOT_COUNT       1
#define BOARD_BOOTLOADER_START 0x08000000
#define BOARD_BOOTLOADER_SIZE  0x4000 /* S0 */
#define BOARD_JOURNAL_0        6      /* sector numbers: S6 and S7 */
#define BOARD_JOURNAL_1        7
#define BOARD_SLOT_A_START     0x08004000
#define BOARD_SLOT_A_SIZE      0x3C000 /* S1-S5, 240 KB */
#define BOARD_SLOT_B_START     0
#define BOARD_SLOT_B_SIZE      0

#endif
