/*
 * I2C1 as a slave at address 0x42, polled, or by DMA. It answers reads with 0x80 upwards and takes
 * back what the master did not fetch. The test gives a command in RESULTS[8].
 */
#include "fw.h"

#define ADDR  (1u << 1)
#define STOPF (1u << 4)
#define RXNE  (1u << 6)
#define TXE   (1u << 7)
#define AF    (1u << 10)
#define PE    (1u << 0)
#define ACK   (1u << 10)
#define STILL (1u << 7) /* NOSTRETCH */

enum { SERVE, HOLD, REFUSE, SERVE_ONE, NO_STRETCH, BY_DMA };

static uint8_t in[64], out[64];
static uint32_t received, sent;
static bool sending;

static void start_i2c(void)
{
    RCC_AHB1ENR |= 1u << 1;
    RCC_APB1ENR |= 1u << 21;
    GPIOB_OTYPER |= 3u << 6;
    GPIOB_AFRL = (GPIOB_AFRL & 0x00FFFFFFu) | 0x44000000u;
    GPIOB_MODER = (GPIOB_MODER & ~0xF000u) | 0xA000u;
    I2C_CR2 = 50;
    I2C_OAR1 = 1u << 14 | 0x42u << 1;
    I2C_CR1 = PE;
    I2C_CR1 = PE | ACK;
}

static void serve(void)
{
    uint32_t sr1 = I2C_SR1;
    if (sr1 & ADDR) {
        sending = (I2C_SR2 >> 2) & 1u;
        RESULTS[4] = sr1;
    }
    if (sr1 & RXNE)
        in[received++ % sizeof in] = (uint8_t)I2C_DR;
    if (sending && (sr1 & TXE))
        I2C_DR = out[sent++ % sizeof out];
    if (sr1 & AF) {
        I2C_SR1 = ~AF;
        sent--; /* one byte was in DR already */
        sending = false;
        RESULTS[5]++;
    }
    if (sr1 & STOPF) {
        I2C_CR1 = I2C_CR1;
        RESULTS[3]++;
    }
}

static void start_dma(void)
{
    RCC_AHB1ENR |= 1u << 21;
    STREAM_PAR(DMA1_S0) = I2C1 + 0x10u;
    STREAM_M0AR(DMA1_S0) = (uint32_t)in;
    STREAM_NDTR(DMA1_S0) = sizeof in;
    STREAM_CR(DMA1_S0) = 1u << 25 | 1u << 10;
    STREAM_CR(DMA1_S0) |= 1u;
    STREAM_PAR(DMA1_S6) = I2C1 + 0x10u;
    STREAM_M0AR(DMA1_S6) = (uint32_t)out;
    STREAM_NDTR(DMA1_S6) = sizeof out;
    STREAM_CR(DMA1_S6) = 1u << 25 | 1u << 10 | 1u << 6;
    STREAM_CR(DMA1_S6) |= 1u;
    I2C_CR2 |= 1u << 11;
}

/* DMA moves the bytes; the flags are still the program's. */
static void serve_flags(void)
{
    uint32_t sr1 = I2C_SR1;
    if (sr1 & ADDR)
        (void)I2C_SR2;
    if (sr1 & AF)
        I2C_SR1 = ~AF;
    if (sr1 & STOPF)
        I2C_CR1 = I2C_CR1;
    RESULTS[1] = sizeof in - STREAM_NDTR(DMA1_S0);
    RESULTS[2] = sizeof out - STREAM_NDTR(DMA1_S6);
}

static void obey(uint32_t command)
{
    static uint32_t before;
    if (command == before)
        return;
    before = command;
    if (command == SERVE)
        I2C_CR1 = PE | ACK;
    if (command == REFUSE)
        I2C_CR1 = PE;
    if (command == NO_STRETCH)
        I2C_CR1 = PE | ACK | STILL;
    if (command == BY_DMA)
        start_dma();
}

int main(void)
{
    RESULTS[8] = SERVE;
    RESULTS[3] = RESULTS[5] = 0;
    fw_clock_100mhz();
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(0x80u + i);
    start_i2c();
    RESULTS[7] = (uint32_t)in;
    RESULTS[0] = 0x600D;
    for (;;) {
        uint32_t command = RESULTS[8];
        obey(command);
        if (command == BY_DMA) {
            serve_flags();
            continue;
        }
        if (command == SERVE || command == REFUSE)
            serve();
        if (command == SERVE_ONE && received == 0) {
            serve();
            if (received == 1)
                I2C_CR1 = PE;
        }
        RESULTS[1] = received;
        RESULTS[2] = sent;
        RESULTS[6] = I2C_SR1;
    }
}
