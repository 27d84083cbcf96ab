/*
 * UART with DMA both ways, without interrupts (RM0383, sections 9.3.10 and 19.3.13).
 *
 * Reception: double-buffer mode over the two halves of a ring, because one DMA counter has only 16
 * bits. It runs on while an erase stalls the core. Nothing stops it from lapping a reader that is
 * too late; the link's credit does, and its CRC notices.
 */
#include "board.h"
#include "port.h"
#include "stm32f4.h"

#include <string.h>

enum { TX_SIZE = FERRY_FRAME_SIZE(FERRY_REPLY_MAX), FAST = 2 };

static struct {
    const uint8_t *ring;
    uint32_t half;
    uint32_t taken; /* read position in the ring */
    uint8_t tx[TX_SIZE];
} uart;

#define RX_STREAM (&BOARD_UART_DMA->stream[BOARD_UART_RX_STREAM])
#define TX_STREAM (&BOARD_UART_DMA->stream[BOARD_UART_TX_STREAM])

/* Flags of stream n stand at 0, 6, 16, 22 of its half's register. */
#define STREAM_SHIFT(n) (((n)&1U) * 6U + (((n) >> 1) & 1U) * 16U)

static void set_pin(struct stm32f4_gpio_regs *port, unsigned pin, uint32_t pull)
{
    port->AFR[pin / 8] |= FIELD(BOARD_UART_AF, pin % 8 * 4);
    port->OSPEEDR |= FIELD(FAST, pin * 2);
    port->PUPDR |= FIELD(pull, pin * 2);
    port->MODER |= FIELD(GPIO_ALTERNATE, pin * 2);
}

static void start_reception(uint8_t *ring, uint32_t half_bytes)
{
    RX_STREAM->PAR = (uint32_t)&BOARD_UART->DR;
    RX_STREAM->M0AR = (uint32_t)ring;
    RX_STREAM->M1AR = (uint32_t)(ring + half_bytes);
    RX_STREAM->NDTR = half_bytes;
    RX_STREAM->CR = DMA_CR_CH(BOARD_UART_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_CIRC | DMA_CR_DBM;
    RX_STREAM->CR |= DMA_CR_EN;
}

void stm32f4_uart_start(uint8_t *ring, uint32_t half_bytes)
{
    RCC_REGS->AHB1ENR |= BOARD_UART_AHB1;
    RCC_REGS->BOARD_UART_ENR |= BOARD_UART_CLOCK;
    (void)RCC_REGS->BOARD_UART_ENR;
    uart.ring = ring;
    uart.half = half_bytes;
    stm32f4_uart.rx_capacity_bytes = 2 * half_bytes - 1; /* a full ring would look empty */

    set_pin(BOARD_UART_PORT, BOARD_UART_TX_PIN, GPIO_PULL_NONE);
    set_pin(BOARD_UART_PORT, BOARD_UART_RX_PIN, GPIO_PULL_UP); /* an open line is silent */
    uint32_t clock = stm32f4_core_hz() / BOARD_UART_APB_DIV;
    BOARD_UART->BRR = (clock + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD;
    BOARD_UART->CR3 = USART_CR3_DMAR | USART_CR3_DMAT;
    start_reception(ring, half_bytes);
    BOARD_UART->CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

/* Where DMA writes next. Memory and counter change together, but are read one after the other. */
static uint32_t received(void)
{
    uint32_t memory, left;
    do {
        memory = RX_STREAM->CR & DMA_CR_CT;
        left = RX_STREAM->NDTR;
    } while (memory != (RX_STREAM->CR & DMA_CR_CT));
    uint32_t position = (memory != 0 ? uart.half : 0) + uart.half - left;
    return position < 2 * uart.half ? position : 0;
}

static size_t uart_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    if ((BOARD_UART->SR & USART_SR_ERRORS) != 0) {
        (void)BOARD_UART->DR; /* SR then DR clears them; the frame's CRC tells what was lost */
    }
    uint32_t end = received();
    size_t count = 0;
    while (count < max && uart.taken != end) {
        /* DMA wrote it behind the compiler's back. */
        out[count++] = *(const volatile uint8_t *)(uart.ring + uart.taken);
        uart.taken = uart.taken + 1 < 2 * uart.half ? uart.taken + 1 : 0;
    }
    return count;
}

static size_t uart_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    if ((TX_STREAM->CR & DMA_CR_EN) != 0) { /* cleared by the DMA after the last byte */
        return 0;
    }
    if (size > TX_SIZE) {
        size = TX_SIZE;
    }
    if (size == 0) { /* zero would never end */
        return 0;
    }
    memcpy(uart.tx, data, size);
    BOARD_UART_DMA->IFCR[BOARD_UART_TX_STREAM / 4] = (uint32_t)DMA_FLAGS_ALL
                                                     << STREAM_SHIFT(BOARD_UART_TX_STREAM);
    BOARD_UART->SR = ~USART_SR_TC; /* cleared by 0; the other flags ignore a 1 */
    TX_STREAM->PAR = (uint32_t)&BOARD_UART->DR;
    TX_STREAM->M0AR = (uint32_t)uart.tx;
    TX_STREAM->NDTR = size;
    stm32f4_barrier(); /* the bytes are in RAM before the DMA looks */
    TX_STREAM->CR = DMA_CR_CH(BOARD_UART_DMA_CHANNEL) | DMA_CR_MINC | DMA_CR_M2P | DMA_CR_EN;
    return size;
}

static bool uart_idle(void *ctx)
{
    (void)ctx;
    return (TX_STREAM->CR & DMA_CR_EN) == 0 && (BOARD_UART->SR & USART_SR_TC) != 0;
}

struct ferry_stream stm32f4_uart = {.read = uart_read, .write = uart_write, .idle = uart_idle};
