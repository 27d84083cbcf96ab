/*
 * The UART as the only transport, in place of transports.c: it has all the memory as its ring from
 * the start, and its DMA needs no help while the flash is busy, so the core just stalls.
 */
#include "ring.h"

void stm32_ring_claim(void *ctx)
{
    (void)ctx;
}

void stm32_transports_start(uint8_t *memory, uint32_t own_half, uint32_t shared_half)
{
    struct stm32_ring *ring = stm32_uart.stream.ctx;
    ring->memory = memory;
    ring->half = own_half + shared_half;
    stm32_uart.stream.rx_capacity_bytes =
        2 * (own_half + shared_half) - 1; /* a full ring would look empty */
    stm32_uart.start();
}

void stm32_flash_start_erase(void)
{
    FLASH_REGS->CR |= FLASH_CR_STRT;
}

void stm32_flash_serve(void)
{
}

void stm32_pause(void)
{
}
