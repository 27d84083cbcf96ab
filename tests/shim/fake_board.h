/*
 * fake_board.h - the board's end of the preload shim in one process with the test: answers SET and
 * GET of lines on a bus socket (docs/VIRTUAL_BOARD.md) and remembers what was set. One at a time.
 */
#ifndef FERRY_FAKE_BOARD_H
#define FERRY_FAKE_BOARD_H

/* Listens, and points FERRY_BUS_SOCKET there. */
void fake_board_start(void);

/* The board goes away: its socket and its folder too. */
void fake_board_stop(void);

/*
 * What was set on a line (0 to 255) since fake_board_start, in order: '0' low, '1' high, 'z' let
 * go. Copied into `wire` (64 bytes), which is returned.
 */
char *fake_board_wire(unsigned line, char *wire);

/* What GET answers: by default what was set last, and 1 for a line that nobody drives. */
void fake_board_pull_low(unsigned line);

#endif
