/*
 * conformance.h - what every port must do, as a program part that runs wherever the port runs: on a
 * host, or on the chip. Freestanding C: no heap, no stdio. Each part tests one struct of
 * ferry/port.h and stops at the first breach.
 *
 * A part returns 0, or the number of the line in conformance.c that failed.
 */
#ifndef FERRY_CONFORMANCE_H
#define FERRY_CONFORMANCE_H

#include "ferry/board.h"
#include "ferry/port.h"

/*
 * Flash.
 *   sector: number of a sector that may be lost; its content is gone afterwards.
 *   refused: an address (multiple of `unit`) where programming has to be refused, for example in a
 *   write-protected sector, or 0 where the port has no such place.
 *   unit: bytes that the chip programs at once, 4 or 8.
 */
int ferry_conformance_flash(const struct ferry_flash *flash, const struct ferry_board *board,
                            uint32_t sector, uint32_t refused, uint32_t unit);

/*
 * Clock: runs for 40 ms by itself, at most 2^27 calls; then it is right after an erase.
 *   erase_min_ms: the least that `flash` needs for `sector`, which may be lost: so much, and less
 *   than 10 s, has to pass. 0: the port has no such flash; it is not asked.
 */
int ferry_conformance_clock(const struct ferry_clock *clock, const struct ferry_flash *flash,
                            uint32_t sector, uint32_t erase_min_ms);

/*
 * Stream. The peer must send back every byte that it receives, in order.
 *   between: called while the part waits for the peer; NULL where the peer needs no help.
 */
int ferry_conformance_stream(const struct ferry_stream *stream, const struct ferry_clock *clock,
                             void (*between)(void));

#endif
