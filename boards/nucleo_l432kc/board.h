/*
 * nucleo_l432kc - ST's NUCLEO-L432KC (MB1180): STM32L432KC, 256 KB flash, 64 KB RAM. It has no
 * bootloader of Ferry's: the gateway updates it through the one in ST's ROM. So there is one place,
 * the start of flash; an image's header and its TLV areas stay with the gateway.
 *
 * The one description of this board, with wiring.h. Read by C, by the linker scripts (through the
 * preprocessor: plain macros only) and by boards/board_map.c. Pages from RM0394, table 8.
 */
#ifndef FERRY_BOARD_DESCRIPTION_H
#define FERRY_BOARD_DESCRIPTION_H

#include "wiring.h"

#define BOARD_NAME "nucleo_l432kc"

/* Flash map. X(start, size), every erase page in order: 128 of 2 KB. */
#define BOARD_4K(X, at)                                                                            \
    X(at##000, 0x800)                                                                              \
    X(at##800, 0x800)
#define BOARD_64K(X, at)                                                                           \
    BOARD_4K(X, at##0)                                                                             \
    BOARD_4K(X, at##1)                                                                             \
    BOARD_4K(X, at##2)                                                                             \
    BOARD_4K(X, at##3)                                                                             \
    BOARD_4K(X, at##4)                                                                             \
    BOARD_4K(X, at##5)                                                                             \
    BOARD_4K(X, at##6)                                                                             \
    BOARD_4K(X, at##7)                                                                             \
    BOARD_4K(X, at##8)                                                                             \
    BOARD_4K(X, at##9)                                                                             \
    BOARD_4K(X, at##A)                                                                             \
    BOARD_4K(X, at##B)                                                                             \
    BOARD_4K(X, at##C)                                                                             \
    BOARD_4K(X, at##D)                                                                             \
    BOARD_4K(X, at##E)                                                                             \
    BOARD_4K(X, at##F)
#define BOARD_SECTORS(X)                                                                           \
    BOARD_64K(X, 0x0800)                                                                           \
    BOARD_64K(X, 0x0801)                                                                           \
    BOARD_64K(X, 0x0802)                                                                           \
    BOARD_64K(X, 0x0803)

#define BOARD_SLOT_COUNT       1
#define BOARD_BOOTLOADER_START 0x08000000
#define BOARD_BOOTLOADER_SIZE  0    /* none of Ferry's */
#define BOARD_JOURNAL_0        0xFF /* none */
#define BOARD_JOURNAL_1        0xFF
#define BOARD_SLOT_A_START     0x08000000 /* the payload, without its header */
#define BOARD_SLOT_A_SIZE      0x40000
#define BOARD_SLOT_B_START     0
#define BOARD_SLOT_B_SIZE      0

#endif
