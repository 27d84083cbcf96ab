/*
 * Several transports: one large ring goes from one to the other. All are served while the flash is
 * busy. A binary with the UART alone links uart_alone.c instead.
 */
#include "ring.h"

static struct {
    uint32_t own_half;
    uint8_t *memory; /* the large ring */
    uint32_t half;
    struct stm32_ring *holder;
    void (*serve[STM32_TRANSPORTS_MAX])(void); /* `while_busy` of each transport */
} shared;

static void (*while_busy)(void);

/* Any transport may be spoken to, whichever holds the transfer, also while a slot is verified:
 * SPI's ring would lap and its last answer go out again, and I2C's clock be held. */
STM32_RAMCODE static void serve_all(void)
{
    for (int i = 0; i < STM32_TRANSPORTS_MAX; i++) {
        if (shared.serve[i] != NULL) {
            shared.serve[i]();
        }
    }
}

static void move(struct stm32_ring *ring, uint8_t *memory, uint32_t half)
{
    ring->memory = memory;
    ring->half = half;
    stm32_ring_restart(ring);
}

void stm32_ring_claim(void *ctx)
{
    struct stm32_ring *ring = ctx;
    if (shared.holder == ring || shared.half == 0) {
        return;
    }
    if (shared.holder != NULL) {
        move(shared.holder, shared.holder->own, shared.own_half);
    }
    shared.holder = ring;
    move(ring, shared.memory, shared.half);
}

void stm32_transports_start(uint8_t *memory, uint32_t own_half, uint32_t shared_half)
{
    shared.own_half = own_half;
    shared.half = shared_half;
    for (size_t i = 0; i < stm32_transport_count; i++) {
        struct stm32_transport *transport = stm32_transports[i];
        struct stm32_ring *ring = transport->stream.ctx;
        ring->memory = ring->own = memory;
        ring->half = own_half;
        memory += 2 * own_half;
        transport->stream.rx_capacity_bytes =
            2 * (shared_half != 0 ? shared_half : own_half) - 1; /* a full ring would look empty */
        transport->start();
        if (transport->while_busy != NULL) {
            shared.serve[i] = transport->while_busy;
            while_busy = serve_all;
        }
    }
    shared.memory = memory;
}

/*
 * Starts an erase, and serves the transport until it is over. Interrupts are off: their handlers
 * stand in flash and would stall the core.
 */
STM32_RAMCODE static void erase_and_serve(void)
{
    uint32_t primask;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
    FLASH_REGS->CR |= FLASH_CR_STRT;
    while ((FLASH_REGS->SR & FLASH_SR_BSY) != 0) {
        while_busy();
    }
    __asm__ volatile("msr primask, %0" ::"r"(primask) : "memory");
}

void stm32_flash_start_erase(void)
{
    if (while_busy != NULL) {
        erase_and_serve();
    } else {
        FLASH_REGS->CR |= FLASH_CR_STRT;
    }
}

void stm32_flash_serve(void)
{
    if (while_busy != NULL) {
        while_busy();
    }
}

enum { PAUSE_TURNS = 500 }; /* of 2 to 4 cycles */

void stm32_pause(void)
{
    for (int i = 0; i < PAUSE_TURNS; i++) {
        __asm__ volatile("");
    }
}
