/*
 * UART reception by DMA into two buffers (DBM) with IDLE, the answer by DMA: each stretch of bytes
 * that ends in silence comes back as one. A sector is erased meanwhile if the first byte is 'E'.
 */
#include "fw.h"

#define HALF 256u
static uint8_t buffer[2][HALF];
static uint8_t out[HALF * 2u];
static volatile uint32_t idles, half_ends;
static uint32_t taken;

void Usart1_Handler(void)
{
    if (USART_SR & (1u << 4)) {
        (void)USART_DR;
        idles++;
    }
}

void Dma2Stream2_Handler(void)
{
    if (DMA2_LISR & (1u << 21)) {
        DMA2_LIFCR = 1u << 21 | 1u << 20;
        half_ends++;
    }
}

/* Bytes received since the start. */
static uint32_t received(void)
{
    uint32_t ends, left, target;
    do {
        ends = half_ends;
        left = STREAM_NDTR(DMA2_S2);
        target = (STREAM_CR(DMA2_S2) >> 19) & 1u;
    } while (ends != half_ends || (ends & 1u) != target);
    return ends * HALF + (HALF - left);
}

static void send(uint32_t length)
{
    while (STREAM_CR(DMA2_S7) & 1u)
        ;
    DMA2_HIFCR = 0x3Du << 22;
    STREAM_NDTR(DMA2_S7) = length;
    STREAM_CR(DMA2_S7) |= 1u;
}

static void start_dma(void)
{
    RCC_AHB1ENR |= 1u << 22;
    STREAM_PAR(DMA2_S2) = USART1 + 4u;
    STREAM_M0AR(DMA2_S2) = (uint32_t)buffer[0];
    STREAM_M1AR(DMA2_S2) = (uint32_t)buffer[1];
    STREAM_NDTR(DMA2_S2) = HALF;
    STREAM_CR(DMA2_S2) = 4u << 25 | 1u << 18 | 1u << 10 | 1u << 8 | 1u << 4;
    STREAM_CR(DMA2_S2) |= 1u;
    STREAM_PAR(DMA2_S7) = USART1 + 4u;
    STREAM_M0AR(DMA2_S7) = (uint32_t)out;
    STREAM_CR(DMA2_S7) = 4u << 25 | 1u << 10 | 1u << 6;
    USART_CR3 = 3u << 6;
    USART_CR1 |= 1u << 4;
    NVIC_ISER(1) = 1u << (37 - 32) | 1u << (58 - 32);
}

int main(void)
{
    fw_clock_100mhz();
    fw_uart_init();
    start_dma();
    fw_flash_unlock();
    RESULTS[0] = 0x600D;
    for (uint32_t seen = 0;;) {
        __asm volatile("cpsid i"); /* between the look and the sleep nothing may slip by */
        while (seen == idles)
            __asm volatile("wfi\n cpsie i\n isb\n cpsid i" ::: "memory");
        __asm volatile("cpsie i");
        seen = idles;
        uint32_t end = received(), length = 0;
        while (taken != end) {
            out[length++] = buffer[(taken / HALF) & 1u][taken % HALF];
            taken++;
        }
        if (length && out[0] == 'E')
            fw_flash_erase(7);
        if (length)
            send(length);
        RESULTS[1] = idles;
    }
}
