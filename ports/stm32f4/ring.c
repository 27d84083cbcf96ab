#include "ring.h"

#include <string.h>

static struct {
    uint32_t own_half;
    uint8_t *memory; /* the large ring */
    uint32_t half;
    struct stm32f4_ring *holder;
    void (*serve[STM32F4_TRANSPORTS_MAX])(void); /* `while_busy` of each transport */
} shared;

/* Until a transfer is opened any transport may be spoken to, also while a slot is verified: SPI's
 * ring would lap, and I2C's clock be held. */
STM32F4_RAMCODE static void serve_all(void)
{
    for (int i = 0; i < STM32F4_TRANSPORTS_MAX; i++) {
        if (shared.serve[i] != NULL) {
            shared.serve[i]();
        }
    }
}

void stm32f4_dma_clear(struct stm32f4_dma_regs *dma, unsigned stream)
{
    dma->IFCR[stream / 4] = DMA_STREAM_FLAGS(DMA_FLAGS_ALL, stream);
}

void stm32f4_ring_restart(struct stm32f4_ring *ring)
{
    struct stm32f4_dma_stream *stream = ring->stream;
    stream->CR = 0;
    while ((stream->CR & DMA_CR_EN) != 0) { /* a transfer under way ends first */
    }
    stm32f4_dma_clear(ring->wiring->dma, ring->wiring->stream);
    ring->taken = 0;
    stream->PAR = (uint32_t)ring->wiring->source;
    stream->M0AR = (uint32_t)ring->memory;
    stream->M1AR = (uint32_t)(ring->memory + ring->half);
    stream->NDTR = ring->half;
    stream->CR = DMA_CR_CH(ring->wiring->channel) | DMA_CR_MINC | DMA_CR_CIRC | DMA_CR_DBM;
    stream->CR |= DMA_CR_EN;
}

/* Where DMA writes next. Memory and counter change together, but are read one after the other. */
STM32F4_RAMCODE static uint32_t position(const struct stm32f4_ring *ring)
{
    uint32_t memory, left;
    do {
        memory = ring->stream->CR & DMA_CR_CT;
        left = ring->stream->NDTR;
    } while (memory != (ring->stream->CR & DMA_CR_CT));
    uint32_t at = (memory != 0 ? ring->half : 0) + ring->half - left;
    return at < 2 * ring->half ? at : 0;
}

STM32F4_RAMCODE bool stm32f4_ring_is_full(const struct stm32f4_ring *ring)
{
    uint32_t at = position(ring);
    uint32_t fill = at - ring->taken + (at < ring->taken ? 2 * ring->half : 0);
    return fill > ring->half + ring->half / 2;
}

static void move(struct stm32f4_ring *ring, uint8_t *memory, uint32_t half)
{
    ring->memory = memory;
    ring->half = half;
    stm32f4_ring_restart(ring);
}

void stm32f4_ring_start(struct stm32f4_ring *ring, const struct stm32f4_ring_wiring *wiring)
{
    ring->wiring = wiring;
    ring->stream = &wiring->dma->stream[wiring->stream];
    move(ring, ring->own, shared.own_half);
}

void stm32f4_ring_claim(void *ctx)
{
    struct stm32f4_ring *ring = ctx;
    stm32f4_flash_busy_hook(ring->while_busy);
    if (shared.holder == ring || shared.half == 0) {
        return;
    }
    if (shared.holder != NULL) {
        move(shared.holder, shared.holder->own, shared.own_half);
    }
    shared.holder = ring;
    move(ring, shared.memory, shared.half);
}

size_t stm32f4_ring_read(void *ctx, uint8_t *out, size_t max)
{
    struct stm32f4_ring *ring = ctx;
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

void stm32f4_transports_start(uint8_t *memory, uint32_t own_half, uint32_t shared_half)
{
    shared.own_half = own_half;
    shared.half = shared_half;
    for (size_t i = 0; i < stm32f4_transport_count; i++) {
        struct stm32f4_transport *transport = stm32f4_transports[i];
        struct stm32f4_ring *ring = transport->stream.ctx;
        ring->own = memory;
        ring->while_busy = transport->while_busy;
        memory += 2 * own_half;
        transport->stream.rx_capacity_bytes =
            2 * (shared_half != 0 ? shared_half : own_half) - 1; /* a full ring would look empty */
        transport->start();
        if (transport->while_busy != NULL) {
            shared.serve[i] = transport->while_busy;
            stm32f4_flash_busy_hook(serve_all);
        }
    }
    shared.memory = memory;
}
