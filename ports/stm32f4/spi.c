/*
 * SPI slave, mode 0, MSB first, chip select by hardware, DMA both ways (RM0383, section 20.3.9).
 *
 * The master clocks whenever it likes, so both directions never end: reception into a ring, sending
 * from a ring of zeros into which answers are put ahead of the DMA. What was sent is zeroed behind
 * it, also while flash is busy. Where the core is away for longer than a round (the signature check
 * of an OPEN), the last answer may go out twice: its tag tells.
 *
 * The chip counts bits from SPE on, and neither NSS nor SPE starts that count again: after a cut
 * byte or a spike on SCK all that follows is shifted, until RCC resets the SPI (realign).
 */
#include "board.h"
#include "ring.h"

#include <string.h>

enum {
    TX_SIZE = 2048,   /* a power of two; at 10 MHz the DMA is round in 1.6 ms */
    TX_AHEAD = 64,    /* bytes left between the DMA and a new answer: 50 us at 10 MHz */
    TX_IN_CHIP = 2,   /* fetched by the DMA, not yet sent: data register and shift register */
    PINS = 4,         /* NSS, SCK, MISO, MOSI */
    NSS_TURNS = 2000, /* of about 10 cycles: 200 us at 100 MHz */
    LOOKED = 16       /* bytes of filler: the master's second look for an answer */
};

static struct {
    uint8_t tx[TX_SIZE];
    uint32_t at;     /* where the DMA was when last looked at */
    uint32_t queued; /* bytes from there until the last answer has left the chip */
    uint8_t doubt;   /* 0: none; else filler bytes to come, and 1, until the SPI is realigned */
    struct stm32_ring ring;
} spi;

static const struct stm32_ring_wiring wiring = {.dma = BOARD_SPI_DMA,
                                                .source = &BOARD_SPI->DR,
                                                .stream = BOARD_SPI_RX_STREAM,
                                                .channel = BOARD_SPI_DMA_CHANNEL};

#define TX_STREAM (&BOARD_SPI_DMA->stream[BOARD_SPI_TX_STREAM])

static uint32_t deselected(void)
{
    return GPIO_REGS(BOARD_SPI_PORT)->IDR >> BOARD_SPI_NSS_PIN & 1;
}

static void switch_on(void)
{
    BOARD_SPI->CR2 = SPI_CR2_RXDMAEN | SPI_CR2_TXDMAEN;
    BOARD_SPI->CR1 = SPI_CR1_SPE; /* the rest zero: slave, mode 0, 8 bits, MSB first */
    spi.doubt = !deselected();    /* perhaps in the middle of a byte */
}

/* A transfer under way may end first; one that does not is in doubt, see switch_on. */
static void await_deselected(void)
{
    for (unsigned turn = 0; turn < NSS_TURNS && !deselected(); turn++) {
    }
}

static void spi_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_SPI_DMA_CLOCK;
    RCC_REGS->BOARD_SPI_ENR |= BOARD_SPI_CLOCK;
    (void)RCC_REGS->BOARD_SPI_ENR;
    for (unsigned pin = 0; pin < PINS; pin++) { /* pulled up: without a master NSS stays high */
        stm32_pin(BOARD_SPI_PORT, BOARD_SPI_NSS_PIN + pin, BOARD_SPI_AF);
    }
    stm32_ring_start(&spi.ring, &wiring);
    stm32_spi.stream.rx_capacity_bytes /= 4; /* the rest takes what the master clocks to listen */
    TX_STREAM->PAR = (uint32_t)&BOARD_SPI->DR;
    TX_STREAM->M0AR = (uint32_t)spi.tx;
    TX_STREAM->NDTR = TX_SIZE;
    TX_STREAM->CR = DMA_CR_CH(BOARD_SPI_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_CIRC | DMA_CR_M2P;
    TX_STREAM->CR |= DMA_CR_EN;
    await_deselected();
    switch_on();
}

/* Zeroes what the DMA has sent since the last look, and what it sends meanwhile: an answer is put
 * ahead of where this ends. */
STM32_RAMCODE static void clear_sent(void)
{
    while (spi.at != (TX_SIZE - TX_STREAM->NDTR) % TX_SIZE) {
        spi.tx[spi.at] = 0;
        spi.at = (spi.at + 1) % TX_SIZE;
        spi.queued -= spi.queued > 0;
    }
}

/* Keeps the send ring clean, and stops reception before it laps. */
STM32_RAMCODE static void while_busy(void)
{
    clear_sent();
    if (stm32_ring_is_full(&spi.ring)) {
        spi.ring.stream->CR &= ~DMA_CR_EN;
    }
}

/* Starts again where reception was stopped because the ring was full, once all of it was read. An
 * overrun comes from that, or from any other start of the ring; nothing is received until it ends.
 */
static void resume(void)
{
    if ((spi.ring.stream->CR & DMA_CR_EN) == 0) {
        stm32_ring_restart(&spi.ring);
    }
    if ((BOARD_SPI->SR & SPI_SR_OVR) != 0) {
        (void)BOARD_SPI->DR; /* DR then SR ends it (section 20.3.10) */
        (void)BOARD_SPI->SR;
    }
}

/* Something came, then filler only, and nobody had an answer (spi_write): what came may have been
 * shifted. Filler looks the same shifted or not. */
static void judge(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (spi.doubt != 1 && bytes[i] != 0) {
            spi.doubt = LOOKED + 1;
        } else if (spi.doubt > 1) {
            spi.doubt--;
        }
    }
}

/* Begins a new byte, by a reset of the SPI: the ring is read, no answer waits, so nothing but
 * filler is lost. A master that begins meanwhile leaves the doubt. */
static void realign(void)
{
    if (spi.doubt == 1 && deselected() && spi.queued <= 1) {
        RCC_REGS->BOARD_SPI_RSTR |= BOARD_SPI_CLOCK;
        RCC_REGS->BOARD_SPI_RSTR &= ~BOARD_SPI_CLOCK;
        switch_on();
    }
}

static size_t spi_read(void *ctx, uint8_t *out, size_t max)
{
    while_busy();
    size_t count = stm32_ring_read(ctx, out, max);
    judge(out, count);
    if (count == 0) {
        resume();
        realign();
    }
    return count;
}

static void drop_queued(void)
{
    memset(spi.tx, 0, TX_SIZE);
    spi.queued = 0;
    clear_sent(); /* that took a while */
}

static size_t spi_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    clear_sent();
    if (spi.queued + size > TX_SIZE - 2 * TX_AHEAD) { /* no wrap: a frame and less than TX_SIZE */
        drop_queued(); /* not fetched by anyone; a newer answer says more */
    }
    uint32_t first = spi.queued > TX_AHEAD ? spi.queued : TX_AHEAD;
    for (uint32_t i = 0; i < size; i++) {
        spi.tx[(spi.at + first + i) % TX_SIZE] = data[i];
    }
    spi.queued = first + (uint32_t)size + TX_IN_CHIP;
    spi.doubt = spi.doubt == 1; /* what came was understood */
    return size;
}

/* A master that stops right behind the answer leaves one byte of the ring in the data register; NSS
 * then tells that the one before it is out. Not BSY: it may stay set (errata, "BSY bit may stay
 * high at the end of a data transfer in slave mode"). */
static bool spi_idle(void *ctx)
{
    (void)ctx;
    uint32_t stopped = deselected();
    clear_sent();
    return spi.queued <= stopped;
}

struct stm32_transport stm32_spi = {.start = spi_start,
                                    .while_busy = while_busy,
                                    .stream = {.ctx = &spi.ring,
                                               .read = spi_read,
                                               .write = spi_write,
                                               .idle = spi_idle,
                                               .claim = stm32_ring_claim}};
