/*
 * spi_port.h - a node on Linux' spidev as the byte stream of a link (SPEC.md, "Transports").
 *
 * A write is one full-duplex transfer; what comes back meanwhile is kept for the next read. Every
 * clocked byte fills the node's receive ring, the 0x00 of a look too: image bytes are bounded by
 * the node's window (a quarter of the ring), looks by their pauses (polling.h), and after `filler`
 * unanswered bytes of them, half of the ring as far as it is known, there are only four a second.
 *
 * A node puts an answer behind what is on its way to the wire already: up to 64 bytes on an
 * STM32F4. Looks of 8 bytes reach it at the eighth, which is soon enough while they come each
 * millisecond. Later they are long enough to reach it at once, where the ring is large enough for
 * that.
 */
#ifndef GATEWAY_SINKS_SPI_PORT_H
#define GATEWAY_SINKS_SPI_PORT_H

#include "polling.h"
#include "spi.h"

enum {
    GATEWAY_SPI_FILLER_MAX = 1024, /* the smallest ring of a node holds 1,536 */
    /* Until OPENED: while a node checks a signature it may not clear what it has sent, and repeat
     * it after 2,048 bytes; such an answer would say nothing about the ring. */
    GATEWAY_SPI_FILLER_BUSY = 1536
};

struct gateway_spi {
    struct ferry_spi spi;
    const char *path; /* borrowed */
    uint32_t speed_hz;
    uint32_t filler;     /* bytes of looks since the node last answered */
    uint32_t filler_max; /* of them; the ring was seen to hold more than that */
    bool low, high;      /* seen on MISO since the port was opened: 0x00, 0xFF */
    struct gateway_polling polling;
    char hint[FERRY_DEVICE_ERROR_SIZE + 128];
};

/* Fills `spi`; the result borrows it. The device is opened when the link first needs it. */
struct gateway_port gateway_spi_port(struct gateway_spi *spi, const char *path, uint32_t speed_hz);

#endif
