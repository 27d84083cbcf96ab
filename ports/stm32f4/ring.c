#include "ring.h"

#include <string.h>

void stm32_ring_restart(struct stm32_ring *ring)
{
    struct stm32_dma_stream *stream = ring->stream;
    stream->CR = 0;
    while ((stream->CR & DMA_CR_EN) != 0) { /* a transfer under way ends first */
    }
    stm32_dma_clear(ring->wiring->dma, ring->wiring->stream);
    ring->taken = 0;
    stream->PAR = (uint32_t)ring->wiring->source;
    stream->M0AR = (uint32_t)ring->memory;
    stream->M1AR = (uint32_t)(ring->memory + ring->half);
    stream->NDTR = ring->half;
    stream->CR =
        DMA_CR_CH(ring->wiring->channel) | DMA_CR_MINC | DMA_CR_CIRC | DMA_CR_DBM | DMA_CR_EN;
}

/* Where DMA writes next. Memory and counter change together, but are read one after the other. A
 * part of its callers, as one of them runs from RAM. */
__attribute__((always_inline)) static inline uint32_t position(const struct stm32_ring *ring)
{
    uint32_t memory, left;
    do {
        memory = ring->stream->CR & DMA_CR_CT;
        left = ring->stream->NDTR;
    } while (memory != (ring->stream->CR & DMA_CR_CT));
    uint32_t at = (memory != 0 ? ring->half : 0) + ring->half - left;
    return at < 2 * ring->half ? at : 0;
}

STM32_RAMCODE bool stm32_ring_is_full(const struct stm32_ring *ring)
{
    uint32_t at = position(ring);
    uint32_t fill = at - ring->taken + (at < ring->taken ? 2 * ring->half : 0);
    return fill > ring->half + ring->half / 2;
}

void stm32_ring_start(struct stm32_ring *ring, const struct stm32_ring_wiring *wiring)
{
    ring->wiring = wiring;
    ring->stream = &wiring->dma->stream[wiring->stream];
    stm32_ring_restart(ring);
}

size_t stm32_ring_read(void *ctx, uint8_t *out, size_t max)
{
    struct stm32_ring *ring = ctx;
    uint32_t end = position(ring);
    uint32_t count = (end < ring->taken ? 2 * ring->half : end) - ring->taken; /* up to the wrap */
    count = count < max ? count : (uint32_t)max;
    __asm__ volatile("" ::: "memory"); /* DMA wrote it behind the compiler's back */
    memcpy(out, ring->memory + ring->taken, count);
    ring->taken += count;
    if (ring->taken == 2 * ring->half) {
        ring->taken = 0;
    }
    return count;
}
