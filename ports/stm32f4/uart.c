/*
 * UART with DMA both ways, without interrupts (RM0383, section 19.3.13). Nothing stops the DMA from
 * lapping a reader that is too late; the link's credit does, and its CRC notices.
 */
#include "board.h"
#include "ring.h"

#include <string.h>

enum { TX_SIZE = FERRY_FRAME_SIZE(FERRY_REPLY_MAX) };

static uint8_t tx[TX_SIZE];
static struct stm32_ring ring;

static const struct stm32_ring_wiring wiring = {.dma = BOARD_UART_DMA,
                                                .source = &BOARD_UART->DR,
                                                .stream = BOARD_UART_RX_STREAM,
                                                .channel = BOARD_UART_DMA_CHANNEL};

#define BRR(apb_hz) (((apb_hz) + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD)
#define TX_STREAM   (&BOARD_UART_DMA->stream[BOARD_UART_TX_STREAM])

static void uart_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_UART_DMA_CLOCK;
    RCC_REGS->BOARD_UART_ENR |= BOARD_UART_CLOCK;
    (void)RCC_REGS->BOARD_UART_ENR;
    /* Pulled up: an open line is silent. */
    stm32_pin(BOARD_UART_PORT, BOARD_UART_TX_PIN, BOARD_UART_AF);
    stm32_pin(BOARD_UART_PORT, BOARD_UART_RX_PIN, BOARD_UART_AF);
    BOARD_UART->BRR = stm32_by_clock(BRR(BOARD_CORE_HZ / BOARD_UART_APB_DIV), BRR(STM32_HSI_HZ));
    BOARD_UART->CR3 = USART_CR3_DMAR | USART_CR3_DMAT;
    stm32_ring_start(&ring, &wiring);
    BOARD_UART->CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

static size_t uart_read(void *ctx, uint8_t *out, size_t max)
{
    if ((BOARD_UART->SR & USART_SR_ERRORS) != 0) {
        (void)BOARD_UART->DR; /* SR then DR clears them; the frame's CRC tells what was lost */
    }
    return stm32_ring_read(ctx, out, max);
}

static size_t uart_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    /* EN is cleared by the DMA after the last byte; zero bytes would never end. */
    if ((TX_STREAM->CR & DMA_CR_EN) != 0 || size == 0) {
        return 0;
    }
    if (size > TX_SIZE) {
        size = TX_SIZE;
    }
    memcpy(tx, data, size);
    stm32_dma_clear(BOARD_UART_DMA, BOARD_UART_TX_STREAM);
    BOARD_UART->SR = ~USART_SR_TC; /* cleared by 0; the other flags ignore a 1 */
    TX_STREAM->PAR = (uint32_t)&BOARD_UART->DR;
    TX_STREAM->M0AR = (uint32_t)tx;
    TX_STREAM->NDTR = size;
    stm32_barrier(); /* the bytes are in RAM before the DMA looks */
    TX_STREAM->CR = DMA_CR_CH(BOARD_UART_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_M2P | DMA_CR_EN;
    return size;
}

static bool uart_idle(void *ctx)
{
    (void)ctx;
    return (TX_STREAM->CR & DMA_CR_EN) == 0 && (BOARD_UART->SR & USART_SR_TC) != 0;
}

struct stm32_transport stm32_uart = {.start = uart_start,
                                     .stream = {.ctx = &ring,
                                                .read = uart_read,
                                                .write = uart_write,
                                                .idle = uart_idle,
                                                .claim = stm32_ring_claim}};
