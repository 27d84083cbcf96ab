/*
 * SPI slave, mode 0, MSB first, chip select by hardware, DMA both ways (RM0383, section 20.3.9).
 *
 * The master clocks whenever it likes, so both directions never end: reception into a ring, sending
 * from a ring of zeros into which answers are put ahead of the DMA. What was sent is zeroed behind
 * it, also while flash is busy. Where the core is away for longer than a round (the signature check
 * of an OPEN), the last answer may go out twice: its tag tells.
 */
#include "board.h"
#include "ring.h"

#include <string.h>

enum {
    TX_SIZE = 2048, /* a power of two; at 10 MHz the DMA is round in 1.6 ms */
    TX_AHEAD = 64,  /* bytes left between the DMA and a new answer: 50 us at 10 MHz */
    PINS = 4        /* NSS, SCK, MISO, MOSI */
};

static struct {
    uint8_t tx[TX_SIZE];
    uint32_t at;     /* where the DMA was when last looked at */
    uint32_t queued; /* bytes from there to the end of the last answer */
    struct stm32f4_ring ring;
} spi;

static const struct stm32f4_ring_wiring wiring = {.dma = BOARD_SPI_DMA,
                                                  .source = &BOARD_SPI->DR,
                                                  .stream = BOARD_SPI_RX_STREAM,
                                                  .channel = BOARD_SPI_DMA_CHANNEL};

#define TX_STREAM (&BOARD_SPI_DMA->stream[BOARD_SPI_TX_STREAM])

static void spi_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_SPI_DMA_CLOCK;
    RCC_REGS->BOARD_SPI_ENR |= BOARD_SPI_CLOCK;
    (void)RCC_REGS->BOARD_SPI_ENR;
    for (unsigned pin = 0; pin < PINS; pin++) { /* pulled up: without a master NSS stays high */
        stm32f4_pin(BOARD_SPI_PORT, BOARD_SPI_NSS_PIN + pin, BOARD_SPI_AF);
    }
    BOARD_SPI->CR2 = SPI_CR2_RXDMAEN | SPI_CR2_TXDMAEN;
    stm32f4_ring_start(&spi.ring, &wiring);
    stm32f4_spi.stream.rx_capacity_bytes /= 4; /* the rest takes what the master clocks to listen */
    TX_STREAM->PAR = (uint32_t)&BOARD_SPI->DR;
    TX_STREAM->M0AR = (uint32_t)spi.tx;
    TX_STREAM->NDTR = TX_SIZE;
    TX_STREAM->CR = DMA_CR_CH(BOARD_SPI_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_CIRC | DMA_CR_M2P;
    TX_STREAM->CR |= DMA_CR_EN;
    BOARD_SPI->CR1 = SPI_CR1_SPE; /* the rest zero: slave, mode 0, 8 bits, MSB first */
}

/* Zeroes what the DMA has sent since the last look. */
STM32F4_RAMCODE static void clear_sent(void)
{
    uint32_t at = (TX_SIZE - TX_STREAM->NDTR) % TX_SIZE;
    while (spi.at != at) {
        spi.tx[spi.at] = 0;
        spi.at = (spi.at + 1) % TX_SIZE;
        spi.queued -= spi.queued > 0;
    }
}

/* Keeps the send ring clean, and stops reception before it laps. */
STM32F4_RAMCODE static void while_busy(void)
{
    clear_sent();
    if (stm32f4_ring_is_full(&spi.ring)) {
        spi.ring.stream->CR &= ~DMA_CR_EN;
    }
}

/* Starts again where reception was stopped because the ring was full, once all of it was read. */
static void resume(void)
{
    if ((spi.ring.stream->CR & DMA_CR_EN) == 0) {
        (void)BOARD_SPI->DR; /* DR then SR ends the overrun (section 20.3.10) */
        (void)BOARD_SPI->SR;
        stm32f4_ring_restart(&spi.ring);
    }
}

static size_t spi_read(void *ctx, uint8_t *out, size_t max)
{
    while_busy();
    size_t count = stm32f4_ring_read(ctx, out, max);
    if (count == 0) {
        resume();
    }
    return count;
}

static void drop_queued(void)
{
    memset(spi.tx, 0, TX_SIZE);
    spi.queued = 0;
}

static size_t spi_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    clear_sent();
    if (size > TX_SIZE - 2 * TX_AHEAD - spi.queued) { /* no wrap: queued is what once fitted */
        drop_queued(); /* not fetched by anyone; a newer answer says more */
    }
    uint32_t first = spi.queued > TX_AHEAD ? spi.queued : TX_AHEAD;
    for (uint32_t i = 0; i < size; i++) {
        spi.tx[(spi.at + first + i) % TX_SIZE] = data[i];
    }
    spi.queued = first + (uint32_t)size;
    return size;
}

static bool spi_idle(void *ctx)
{
    (void)ctx;
    clear_sent();
    return spi.queued == 0;
}

struct stm32f4_transport stm32f4_spi = {.start = spi_start,
                                        .while_busy = while_busy,
                                        .stream = {.ctx = &spi.ring,
                                                   .read = spi_read,
                                                   .write = spi_write,
                                                   .idle = spi_idle,
                                                   .claim = stm32f4_ring_claim}};
