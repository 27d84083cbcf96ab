/*
 * An application that sends back what it receives, but for SPI's filler 0x00, on every transport of
 * its board, for the test of the transports (run_transports.c). It looks at them only now and then:
 * whole transfers of a master happen between two looks.
 */
#include "board.h"
#include "port.h"

enum { PAUSE = 4000 /* turns: about 150 us */ };

__attribute__((section(".ring"),
               aligned(4))) static uint8_t rings[STM32_TRANSPORTS_MAX][2 * BOARD_APP_RING_HALF];

int main(void);

static void echo(const struct ferry_stream *stream)
{
    uint8_t bytes[16];
    size_t size = stream->read(stream->ctx, bytes, sizeof bytes);
    for (size_t sent = 0; sent < size;) {
        sent += bytes[sent] == 0 ? 1 : stream->write(stream->ctx, bytes + sent, 1);
    }
}

int main(void)
{
    stm32_clock_start();
    stm32_transports_start(rings[0], BOARD_APP_RING_HALF, 0);
    for (;;) {
        for (size_t i = 0; i < stm32_transport_count; i++) {
            echo(&stm32_transports[i]->stream);
        }
        for (int i = 0; i < PAUSE; i++) {
            __asm__ volatile("");
        }
    }
}
