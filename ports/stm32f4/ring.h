/*
 * ring.h - reception by DMA into a ring, shared by uart.c, spi.c and i2c.c; and the
 * seam to transports.c, which is uart_alone.c in a binary without the other two.
 *
 * A DMA counter has 16 bits, so the ring is two halves in double-buffer mode (RM0383, section
 * 9.3.10). It runs on while an erase stalls the core. Each transport has a small ring of its own;
 * the one that holds the transfer gets the large one (stm32_ring_claim).
 */
#ifndef STM32_RING_H
#define STM32_RING_H

#include "port.h"
#include "chip.h"

/* Where the bytes come from. */
struct stm32_ring_wiring {
    struct stm32_dma_regs *dma;
    stm32_reg *source; /* data register of the peripheral */
    uint8_t stream, channel;
};

struct stm32_ring {
    const struct stm32_ring_wiring *wiring;
    struct stm32_dma_stream *stream; /* of the wiring; here, as it is needed while flash is busy */
    uint8_t *own;                    /* the small ring */
    uint8_t *memory;
    uint32_t half;  /* bytes of each half of `memory` */
    uint32_t taken; /* read position */
};

/* Starts reception into the memory that the ring was given. The clocks of DMA and peripheral run.
 */
void stm32_ring_start(struct stm32_ring *ring, const struct stm32_ring_wiring *wiring);

/* `claim` of a stream whose ctx is a ring: receives into the shared memory from now on, drops what
 * was not read; the transport that had it gets its own small one back. */
void stm32_ring_claim(void *ctx);

/* `read` of a stream whose ctx is a ring. */
size_t stm32_ring_read(void *ctx, uint8_t *out, size_t max);

/* Starts over with an empty ring, after the DMA was stopped. */
void stm32_ring_restart(struct stm32_ring *ring);

/* Clears the flags of a DMA stream: needed before each start (section 9.3.17). Mostly a constant.
 */
__attribute__((always_inline)) static inline void stm32_dma_clear(struct stm32_dma_regs *dma,
                                                                  unsigned stream)
{
    dma->IFCR[stream / 4] = DMA_STREAM_FLAGS(DMA_FLAGS_ALL, stream);
}

/* How the flash driver starts an erase, and what it does now and then while it programs or reads:
 * both may serve a transport, see struct stm32_transport. */
void stm32_flash_start_erase(void);
void stm32_flash_serve(void);

/* Three quarters of the ring are full: the rest is for what arrives before anyone looks again. Runs
 * from RAM. */
bool stm32_ring_is_full(const struct stm32_ring *ring);

#endif
