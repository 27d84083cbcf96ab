/*
 * ferry/port.h - what a port gives to the core: flash, a byte stream, a clock.
 *
 * A port fills const structs of functions with a `ctx` of its own; several may live in one process.
 * None of these functions is called from an interrupt by the core.
 */
#ifndef FERRY_PORT_H
#define FERRY_PORT_H

#include "ferry/base.h"

/*
 * Flash of the node. Addresses are absolute, as the CPU sees them. Sector numbers index
 * `ferry_board.sectors`.
 */
struct ferry_flash {
    void *ctx;

    /* Reads `size` bytes. Returns OK or FLASH. */
    int (*read)(void *ctx, uint32_t address, void *out, size_t size);

    /*
     * Programs `size` bytes: address and size are multiples of 4 (of 8 where the chip programs
     * double words, an L4), the range lies in one sector. May only clear bits, as NOR flash does;
     * programming a word to the value it already has is allowed. If power fails here, words before
     * the current one are complete, the current one is torn (any subset of its bits, possibly
     * unstable), the rest is untouched. Returns OK or FLASH (protected, or an error flag of the
     * controller).
     */
    int (*program)(void *ctx, uint32_t address, const void *data, size_t size);

    /*
     * Erases one sector to 0xFF. May block for seconds (F4: the core stalls, about 1 s for 128 KB).
     * If power fails here, every bit of the sector is undefined, also where it reads 0xFF.
     * Returns OK or FLASH.
     */
    int (*erase)(void *ctx, uint32_t sector);
};

/*
 * A byte stream to the peer. Never blocks.
 */
struct ferry_stream {
    void *ctx;

    /* Takes at most `max` received bytes out. Returns the number taken, 0 if none wait. */
    size_t (*read)(void *ctx, uint8_t *out, size_t max);

    /* Queues at most `size` bytes for sending. Returns how many were taken, 0 if the queue is full.
     */
    size_t (*write)(void *ctx, const uint8_t *data, size_t size);

    /* True when every byte queued has left the wire: the caller may reset or jump. */
    bool (*idle)(void *ctx);

    /* Bytes that may be on their way while nobody reads: the size of the receive ring (after
     * `claim`). */
    uint32_t rx_capacity_bytes;

    /*
     * A transfer was opened on this stream, and the peer is silent until it is answered: what was
     * received and not read may be dropped. For ports whose streams share one large receive ring.
     * NULL where there is nothing to do.
     */
    void (*claim)(void *ctx);
};

/* Milliseconds since an arbitrary start; wraps at 2^32, compare by subtraction only. */
struct ferry_clock {
    void *ctx;
    uint32_t (*now_ms)(void *ctx);
};

#endif
