/*
 * SPI1 as a slave, mode 0, hardware NSS, DMA both ways in rings of 64 bytes: what goes out is 0x40
 * upwards. The test gives a command in RESULTS[8] and finds 0 there when it is done.
 */
#include "fw.h"

#define RING 64u
enum { STOP_RECEIVING = 1, LOOK, STOP_SENDING, SWITCH_OFF, SWITCH_ON, RESET };

static uint8_t in[RING], out[RING];

static void start_dma(void)
{
    RCC_AHB1ENR |= 1u << 22;
    STREAM_PAR(DMA2_S0) = SPI1 + 0x0Cu;
    STREAM_M0AR(DMA2_S0) = (uint32_t)in;
    STREAM_NDTR(DMA2_S0) = RING;
    STREAM_CR(DMA2_S0) = 3u << 25 | 1u << 10 | 1u << 8;
    STREAM_CR(DMA2_S0) |= 1u;
    STREAM_PAR(DMA2_S3) = SPI1 + 0x0Cu;
    STREAM_M0AR(DMA2_S3) = (uint32_t)out;
    STREAM_NDTR(DMA2_S3) = RING;
    STREAM_CR(DMA2_S3) = 3u << 25 | 1u << 10 | 1u << 8 | 1u << 6;
    STREAM_CR(DMA2_S3) |= 1u;
}

static void start_spi(void)
{
    RCC_AHB1ENR |= 1u;
    RCC_APB2ENR |= 1u << 12;
    GPIOA_AFRL = (GPIOA_AFRL & 0xFFFFu) | 0x55550000u;
    GPIOA_MODER = (GPIOA_MODER & ~0xFF00u) | 0xAA00u;
    SPI_CR2 = 3u;
    SPI_CR1 = 1u << 6;
}

static void obey(uint32_t command)
{
    switch (command) {
    case STOP_RECEIVING:
        SPI_CR2 &= ~1u;
        break;
    case LOOK:
        RESULTS[3] = SPI_SR;
        RESULTS[4] = SPI_DR;
        RESULTS[5] = SPI_SR;
        RESULTS[6] = SPI_SR;
        break;
    case STOP_SENDING:
        SPI_CR2 &= ~2u;
        break;
    case SWITCH_OFF:
        SPI_CR1 = 0;
        break;
    case RESET:
        RCC_APB2RSTR |= 1u << 12;
        RCC_APB2RSTR &= ~(1u << 12);
        SPI_CR2 = 3u;
        SPI_CR1 = 1u << 6;
        break;
    case SWITCH_ON:
        SPI_CR1 = 1u << 6;
        break;
    default:
        break;
    }
    RESULTS[8] = 0;
}

int main(void)
{
    RESULTS[8] = 0;
    fw_clock_100mhz();
    for (unsigned i = 0; i < RING; i++)
        out[i] = (uint8_t)(0x40u + i);
    start_dma();
    start_spi();
    RESULTS[7] = (uint32_t)in;
    RESULTS[0] = 0x600D;
    for (;;) {
        RESULTS[1] = STREAM_NDTR(DMA2_S0);
        RESULTS[2] = STREAM_NDTR(DMA2_S3);
        if (RESULTS[8])
            obey(RESULTS[8]);
    }
}
