/*
 * I2C slave, reception by DMA, events and sending by polling (RM0383, section 18.3.2).
 *
 * Writes carry the stream; reads return it, padded with 0x00. The peripheral holds SCL low until an
 * address is answered, so the poll must come often: from the main loop, and from RAM while flash is
 * busy. The wire therefore goes on while a sector is erased. Where the receive ring is full, the
 * address is not acknowledged and the master tries again later.
 *
 * A byte is given only when the shift register waits for it (at the address, then at BTF): so every
 * byte given is a byte clocked. With DMA or at TXE one more would wait in DR at the end of a read;
 * the next start flushes it, and nothing tells so to a poll that comes later.
 */
#include "board.h"
#include "ring.h"

#include <string.h>

enum { TX_SIZE = 1024 };

static struct {
    uint8_t tx[TX_SIZE];
    uint32_t size; /* bytes of answers in it */
    uint32_t sent; /* of them, taken by the master */
    bool reading;  /* the master reads */
    struct stm32_ring ring;
} i2c;

static const struct stm32_ring_wiring wiring = {.dma = BOARD_I2C_DMA,
                                                .source = &BOARD_I2C->DR,
                                                .stream = BOARD_I2C_RX_STREAM,
                                                .channel = BOARD_I2C_DMA_CHANNEL};

#define MHZ(apb_hz) ((apb_hz) / 1000000U)

static void i2c_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_I2C_DMA_CLOCK;
    RCC_REGS->APB1ENR |= BOARD_I2C_CLOCK;
    (void)RCC_REGS->APB1ENR;
    stm32_pin_open_drain(BOARD_I2C_PORT, BOARD_I2C_SCL_PIN, BOARD_I2C_AF);
    stm32_pin_open_drain(BOARD_I2C_PORT, BOARD_I2C_SDA_PIN, BOARD_I2C_AF);
    BOARD_I2C->CR2 =
        stm32_by_clock(MHZ(BOARD_CORE_HZ / BOARD_APB1_DIV), MHZ(STM32_HSI_HZ)) | I2C_CR2_DMAEN;
    BOARD_I2C->OAR1 = I2C_OAR1_ALWAYS | BOARD_I2C_ADDRESS << 1;
    stm32_ring_start(&i2c.ring, &wiring);
    BOARD_I2C->CR1 = I2C_CR1_PE;
    BOARD_I2C->CR1 |= I2C_CR1_ACK; /* can be set only while PE is (section 18.6.1) */
}

/* The next byte of the answers, or padding. */
STM32_RAMCODE static void give(void)
{
    uint8_t byte = 0;
    if (i2c.sent < i2c.size) {
        byte = i2c.tx[i2c.sent++];
    } else {
        i2c.size = i2c.sent = 0;
    }
    BOARD_I2C->DR = byte;
}

/* Answers the bus. Also the `while busy` of this transport: in RAM, calls nothing in flash. */
STM32_RAMCODE static void while_busy(void)
{
    uint32_t sr1 = BOARD_I2C->SR1;
    if ((sr1 & (I2C_SR1_AF | I2C_SR1_ERRORS)) !=
        0) { /* the read ended; ADDR may be the next one's */
        BOARD_I2C->SR1 = ~(I2C_SR1_AF | I2C_SR1_ERRORS); /* cleared by 0 */
        i2c.reading = false;
    }
    uint32_t cr1 = I2C_CR1_PE | (stm32_ring_is_full(&i2c.ring) ? 0 : I2C_CR1_ACK);
    if ((sr1 & I2C_SR1_STOPF) != 0 || cr1 != BOARD_I2C->CR1) {
        BOARD_I2C->CR1 = cr1; /* after SR1 was read, clears STOPF */
    }
    if ((sr1 & I2C_SR1_ADDR) != 0) {
        i2c.reading = (BOARD_I2C->SR2 & I2C_SR2_TRA) != 0; /* clears ADDR: the clock goes on */
        sr1 = I2C_SR1_BTF;
    }
    if (i2c.reading && (sr1 & I2C_SR1_BTF) != 0) {
        give();
    }
}

static size_t i2c_read(void *ctx, uint8_t *out, size_t max)
{
    while_busy();
    return stm32_ring_read(ctx, out, max);
}

static size_t i2c_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    while_busy();
    if (size > TX_SIZE - 1 - i2c.size) { /* nobody fetches them; a newer answer says more */
        i2c.tx[0] = 0;                   /* ends what was cut off */
        i2c.size = 1;
        i2c.sent = 0;
    }
    memcpy(i2c.tx + i2c.size, data, size);
    i2c.size += (uint32_t)size;
    return size;
}

static bool i2c_idle(void *ctx)
{
    (void)ctx;
    while_busy();
    return i2c.sent == i2c.size && !i2c.reading;
}

struct stm32_transport stm32_i2c = {.start = i2c_start,
                                    .while_busy = while_busy,
                                    .stream = {.ctx = &i2c.ring,
                                               .read = i2c_read,
                                               .write = i2c_write,
                                               .idle = i2c_idle,
                                               .claim = stm32_ring_claim}};
