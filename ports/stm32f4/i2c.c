/*
 * I2C slave, DMA both ways, events by polling (RM0383, sections 18.3.2 and 18.3.8).
 *
 * Writes carry the stream; reads return it, padded with 0x00. The peripheral holds SCL low until an
 * address is answered, so the poll must come often: from the main loop, and from RAM while flash is
 * busy. The wire therefore goes on while a sector is erased. Where the receive ring is full, the
 * address is not acknowledged and the master tries again later.
 */
#include "board.h"
#include "ring.h"

#include <string.h>

/* The send buffer's rest is always zero: the padding of a read. */
enum { TX_SIZE = 1024 };

static struct {
    uint8_t tx[TX_SIZE];
    uint32_t size;    /* bytes of answers in it */
    uint32_t sent;    /* of them, taken by the master */
    uint32_t offered; /* bytes that the running read was given, 0 = none runs */
    struct stm32f4_ring ring;
} i2c;

static const struct stm32f4_ring_wiring wiring = {.dma = BOARD_I2C_DMA,
                                                  .source = &BOARD_I2C->DR,
                                                  .stream = BOARD_I2C_RX_STREAM,
                                                  .channel = BOARD_I2C_DMA_CHANNEL};

#define MHZ(core_hz) ((core_hz) / BOARD_APB1_DIV / 1000000U)
#define TX_STREAM    (&BOARD_I2C_DMA->stream[BOARD_I2C_TX_STREAM])

static void i2c_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_I2C_DMA_CLOCK;
    RCC_REGS->APB1ENR |= BOARD_I2C_CLOCK;
    (void)RCC_REGS->APB1ENR;
    stm32f4_pin_open_drain(BOARD_I2C_PORT, BOARD_I2C_SCL_PIN, BOARD_I2C_AF);
    stm32f4_pin_open_drain(BOARD_I2C_PORT, BOARD_I2C_SDA_PIN, BOARD_I2C_AF);
    BOARD_I2C->CR2 = stm32f4_by_clock(MHZ(BOARD_CORE_HZ), MHZ(STM32F4_HSI_HZ)) | I2C_CR2_DMAEN;
    BOARD_I2C->OAR1 = I2C_OAR1_ALWAYS | BOARD_I2C_ADDRESS << 1;
    stm32f4_ring_start(&i2c.ring, &wiring);
    BOARD_I2C->CR1 = I2C_CR1_PE;
    BOARD_I2C->CR1 |= I2C_CR1_ACK; /* can be set only while PE is (section 18.6.1) */
}

/* A read begins: gives it all that waits, and zeros. */
STM32F4_RAMCODE static void begin_read(void)
{
    i2c.offered = TX_SIZE - i2c.sent;
    TX_STREAM->CR = 0;
    BOARD_I2C_DMA->IFCR[BOARD_I2C_TX_STREAM / 4] =
        DMA_STREAM_FLAGS(DMA_FLAGS_ALL, BOARD_I2C_TX_STREAM);
    TX_STREAM->PAR = (uint32_t)&BOARD_I2C->DR;
    TX_STREAM->M0AR = (uint32_t)(i2c.tx + i2c.sent);
    TX_STREAM->NDTR = i2c.offered;
    TX_STREAM->CR = DMA_CR_CH(BOARD_I2C_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_M2P | DMA_CR_EN;
}

/* A read ended: counts what the master took. A byte that still waits in DR was not taken. */
STM32F4_RAMCODE static void end_read(uint32_t sr1)
{
    if (i2c.offered == 0) {
        return;
    }
    TX_STREAM->CR = 0;
    uint32_t given = i2c.offered - TX_STREAM->NDTR;
    i2c.offered = 0;
    i2c.sent += given - (given > 0 && (sr1 & I2C_SR1_TXE) == 0);
    if (i2c.sent >= i2c.size) { /* into the padding: all answers are taken */
        while (i2c.size > 0) {
            ((volatile uint8_t *)i2c.tx)[--i2c.size] = 0;
        }
        i2c.sent = 0;
    }
}

/* Answers the bus. Also the `while busy` of this transport: in RAM, calls nothing in flash. */
STM32F4_RAMCODE static void while_busy(void)
{
    uint32_t sr1 = BOARD_I2C->SR1;
    if ((sr1 & (I2C_SR1_AF | I2C_SR1_ERRORS)) != 0) {
        BOARD_I2C->SR1 = ~(I2C_SR1_AF | I2C_SR1_ERRORS); /* cleared by 0 */
        end_read(sr1);
    }
    uint32_t cr1 = I2C_CR1_PE | (stm32f4_ring_is_full(&i2c.ring) ? 0 : I2C_CR1_ACK);
    if ((sr1 & I2C_SR1_STOPF) != 0 || cr1 != BOARD_I2C->CR1) {
        BOARD_I2C->CR1 = cr1; /* after SR1 was read, clears STOPF */
    }
    if ((sr1 & I2C_SR1_ADDR) != 0) {
        end_read(sr1);                             /* a repeated start */
        if ((BOARD_I2C->SR2 & I2C_SR2_TRA) != 0) { /* clears ADDR: the clock goes on */
            begin_read();
        }
    } else if (i2c.offered != 0 && TX_STREAM->NDTR == 0 && (sr1 & I2C_SR1_TXE) != 0) {
        BOARD_I2C->DR = 0; /* a read longer than the buffer */
    }
}

static size_t i2c_read(void *ctx, uint8_t *out, size_t max)
{
    while_busy();
    return stm32f4_ring_read(ctx, out, max);
}

/* While a read runs, its DMA may be just about to take what would be written. */
static size_t i2c_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    while_busy();
    if (i2c.offered != 0) {
        return 0;
    }
    if (size > TX_SIZE - 1 - i2c.size) { /* nobody fetches them; a newer answer says more */
        memset(i2c.tx, 0, TX_SIZE);
        i2c.sent = 0;
        i2c.size = 1; /* a zero ends what was cut off */
    }
    memcpy(i2c.tx + i2c.size, data, size);
    i2c.size += (uint32_t)size;
    return size;
}

static bool i2c_idle(void *ctx)
{
    (void)ctx;
    while_busy();
    return i2c.size == 0;
}

struct stm32f4_transport stm32f4_i2c = {.start = i2c_start,
                                        .while_busy = while_busy,
                                        .stream = {.ctx = &i2c.ring,
                                                   .read = i2c_read,
                                                   .write = i2c_write,
                                                   .idle = i2c_idle,
                                                   .claim = stm32f4_ring_claim}};
