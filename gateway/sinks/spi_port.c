#include "spi_port.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOK = 8,
    LOOK_ON = 64,
    LOOK_FAR = 72, /* reaches an answer that was just put out, see spi_port.h */
    FAR_MS = 128,  /* of silence: looks are 8 ms apart, and eight of them late */
    PAUSE_MS = 1,
    PAUSE_SPARING_MS = 250
};

static int port_open(void *ctx)
{
    struct gateway_spi *port = ctx;
    gateway_polling_start(&port->polling, ferry_posix_now_ms());
    port->filler = 0;
    port->filler_max = GATEWAY_SPI_FILLER_MAX;
    port->low = false;
    port->high = false;
    return ferry_spi_open(&port->spi, port->path, port->speed_hz);
}

static void port_close(void *ctx)
{
    struct gateway_spi *port = ctx;
    ferry_spi_close(&port->spi);
}

/* What is on MISO tells, in case of silence, what is wrong with the wires. */
static void note_level(struct gateway_spi *port, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        port->low = port->low || bytes[i] != 0xFF;
        port->high = port->high || bytes[i] == 0xFF;
    }
}

static int transfer(struct gateway_spi *port, const uint8_t *out, size_t size)
{
    uint8_t in[FERRY_SPI_TRANSFER_MAX];
    int status = ferry_spi_transfer(&port->spi, out, in, size);
    if (status != FERRY_OK) {
        return status;
    }
    uint32_t now_ms = ferry_posix_now_ms();
    note_level(port, in, size);
    port->filler += out == NULL ? (uint32_t)size : 0;
    size_t before = port->polling.count;
    gateway_polling_collect(&port->polling, in, size, now_ms);
    if (port->polling.count > before) {
        port->filler = 0;
    }
    return FERRY_OK;
}

/* filler_max is more than GATEWAY_SPI_FILLER_MAX only where the node told its window. */
static size_t look_size(const struct gateway_spi *port, uint32_t now_ms)
{
    if (port->polling.in_answer) {
        return LOOK_ON;
    }
    bool room =
        port->filler_max > GATEWAY_SPI_FILLER_MAX && port->filler + LOOK_FAR <= port->filler_max;
    return room && now_ms - port->polling.base_ms >= FAR_MS ? LOOK_FAR : LOOK;
}

static int port_read(void *ctx, uint8_t *out, size_t max, size_t *got)
{
    struct gateway_spi *port = ctx;
    uint32_t now_ms = ferry_posix_now_ms();
    uint32_t pause_ms = port->filler < port->filler_max ? PAUSE_MS : PAUSE_SPARING_MS;
    *got = 0;
    if (port->polling.count == 0 && gateway_polling_due(&port->polling, pause_ms, now_ms)) {
        int status = transfer(port, NULL, look_size(port, now_ms));
        if (status != FERRY_OK) {
            return status;
        }
    }
    *got = gateway_polling_take(&port->polling, out, max);
    return FERRY_OK;
}

static int port_write(void *ctx, const uint8_t *data, size_t size, size_t *taken)
{
    struct gateway_spi *port = ctx;
    size_t room = gateway_polling_room(&port->polling);
    *taken = 0;
    size = size < room ? size : room;
    size = size < FERRY_SPI_TRANSFER_MAX ? size : FERRY_SPI_TRANSFER_MAX;
    if (size == 0) {
        return FERRY_OK;
    }
    gateway_polling_sent(&port->polling, ferry_posix_now_ms());
    int status = transfer(port, data, size);
    *taken = status == FERRY_OK ? size : 0;
    return status;
}

static void port_discard(void *ctx)
{
    (void)ctx; /* what was taken is on the wire */
}

/* The window is a quarter of the ring, which takes looks for another half of it. */
static void port_window(void *ctx, uint32_t bytes, bool opened)
{
    struct gateway_spi *port = ctx;
    uint32_t half = bytes < UINT32_MAX / 2 ? 2 * bytes : UINT32_MAX;
    uint32_t most = opened ? half : GATEWAY_SPI_FILLER_BUSY;
    half = half < most ? half : most;
    port->filler_max = half > GATEWAY_SPI_FILLER_MAX ? half : GATEWAY_SPI_FILLER_MAX;
}

static const char *port_error(void *ctx)
{
    const struct gateway_spi *port = ctx;
    return port->spi.error;
}

static const char *port_hint(void *ctx)
{
    struct gateway_spi *port = ctx;
    if (port->polling.heard && port->low) {
        return "";
    }
    snprintf(port->hint, sizeof port->hint,
             "MISO stays %s at %u Hz: is the node powered, are NSS, SCK, MISO, MOSI and ground "
             "connected?",
             port->high ? "high" : "low", port->speed_hz);
    return port->hint;
}

struct gateway_port gateway_spi_port(struct gateway_spi *spi, const char *path, uint32_t speed_hz)
{
    memset(spi, 0, sizeof *spi);
    spi->spi = (struct ferry_spi)FERRY_SPI_CLOSED;
    spi->path = path;
    spi->speed_hz = speed_hz;
    return (struct gateway_port){.ctx = spi,
                                 .open = port_open,
                                 .close = port_close,
                                 .read = port_read,
                                 .write = port_write,
                                 .discard = port_discard,
                                 .window = port_window,
                                 .error = port_error,
                                 .hint = port_hint};
}
