/*
 * UART with DMA both ways, without interrupts (RM0394, section 38.5.17). Reception goes round in
 * one ring: a counter of 16 bits is enough for the RAM there is. Nothing stops it from lapping a
 * reader that is too late; the link's CRC notices.
 */
#include "board.h"
#include "chip.h"
#include "port.h"

#include <string.h>

enum { TX_SIZE = FERRY_FRAME_SIZE(FERRY_REPLY_MAX) };

static struct {
    uint8_t *memory;
    uint32_t size;  /* bytes of the ring */
    uint32_t taken; /* read position */
} ring;

static uint8_t tx[TX_SIZE];

#define BRR(hz) (((hz) + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD)
#define RX      DMA_CHANNEL(BOARD_UART_DMA, BOARD_UART_RX_CHANNEL)
#define TX      DMA_CHANNEL(BOARD_UART_DMA, BOARD_UART_TX_CHANNEL)

static void start_reception(void)
{
    BOARD_UART_DMA->CSELR = DMA_REQUEST(BOARD_UART_RX_CHANNEL, BOARD_UART_DMA_REQUEST) |
                            DMA_REQUEST(BOARD_UART_TX_CHANNEL, BOARD_UART_DMA_REQUEST);
    RX->CPAR = (uint32_t)&BOARD_UART->RDR;
    RX->CMAR = (uint32_t)ring.memory;
    RX->CNDTR = ring.size;
    RX->CCR = DMA_CCR_MINC | DMA_CCR_CIRC | DMA_CCR_EN;
}

static void uart_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_UART_DMA_CLOCK;
    RCC_REGS->BOARD_UART_ENR |= BOARD_UART_CLOCK;
    (void)RCC_REGS->BOARD_UART_ENR;
    /* Pulled up: an open line is silent. */
    stm32_pin(BOARD_UART_PORT, BOARD_UART_TX_PIN, BOARD_UART_AF);
    stm32_pin(BOARD_UART_PORT, BOARD_UART_RX_PIN, BOARD_UART_AF);
    BOARD_UART->BRR = stm32_by_clock(BRR(BOARD_CORE_HZ), BRR(STM32_HSI_HZ));
    BOARD_UART->CR3 = USART_CR3_DMAR | USART_CR3_DMAT;
    start_reception();
    BOARD_UART->CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

static size_t uart_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    BOARD_UART->ICR = USART_ERRORS; /* the frame's CRC tells what was lost */
    uint32_t end = ring.size - RX->CNDTR;
    uint32_t count = (end < ring.taken ? ring.size : end) - ring.taken; /* up to the wrap */
    count = count < max ? count : (uint32_t)max;
    __asm__ volatile("" ::: "memory"); /* DMA wrote it behind the compiler's back */
    memcpy(out, ring.memory + ring.taken, count);
    ring.taken += count;
    if (ring.taken == ring.size) {
        ring.taken = 0;
    }
    return count;
}

/* EN stays set when the DMA is done; the counter tells. */
static bool is_sending(void)
{
    return (TX->CCR & DMA_CCR_EN) != 0 && TX->CNDTR != 0;
}

static size_t uart_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    if (is_sending() || size == 0) {
        return 0;
    }
    if (size > TX_SIZE) {
        size = TX_SIZE;
    }
    memcpy(tx, data, size);
    TX->CCR = 0; /* the counter can be written only now */
    BOARD_UART->ICR = USART_TC;
    TX->CPAR = (uint32_t)&BOARD_UART->TDR;
    TX->CMAR = (uint32_t)tx;
    TX->CNDTR = size;
    stm32_barrier(); /* the bytes are in RAM before the DMA looks */
    TX->CCR = DMA_CCR_MINC | DMA_CCR_M2P | DMA_CCR_EN;
    return size;
}

static bool uart_idle(void *ctx)
{
    (void)ctx;
    return !is_sending() && (BOARD_UART->ISR & USART_TC) != 0;
}

struct stm32_transport stm32_uart = {
    .start = uart_start, .stream = {.read = uart_read, .write = uart_write, .idle = uart_idle}};

_Static_assert(BOARD_APB2_DIV == 1, "the USART's clock is the core's");

void stm32_transports_start(uint8_t *memory, uint32_t own_half, uint32_t shared_half)
{
    ring.memory = memory;
    ring.size = 2 * (own_half + shared_half);
    stm32_uart.stream.rx_capacity_bytes = ring.size - 1; /* a full ring would look empty */
    uart_start();
}
