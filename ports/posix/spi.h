/*
 * spi.h - an SPI master's chip select through Linux' spidev (spidev.rst): mode 0, 8 bits, MSB
 * first. Full-duplex transfers; each call takes the time of its bits. One thread at a time may use
 * an object. The file is locked by flock against other Ferry programs.
 */
#ifndef FERRY_POSIX_SPI_H
#define FERRY_POSIX_SPI_H

#include "device_file.h"

/* One transfer: spidev's own default limit (module parameter bufsiz). */
enum { FERRY_SPI_TRANSFER_MAX = 4096 };

struct ferry_spi {
    int fd; /* -1 when closed */
    uint32_t speed_hz;
    char error[FERRY_DEVICE_ERROR_SIZE]; /* why the last call failed: a sentence for people */
};

/* A closed one; so that ferry_spi_close may always be called. */
#define FERRY_SPI_CLOSED                                                                           \
    {                                                                                              \
        .fd = -1, .speed_hz = 0, .error = ""                                                       \
    }

/*
 * Opens, locks and sets up `path`, as /dev/spidev0.0.
 *   speed_hz: SCK, > 0; the driver takes what it can do below that.
 * Returns OK; BUSY (another program holds it), ARGUMENT (no such file, no spidev, or settings that
 * the driver refuses), IO (permission denied and the rest). `error` says it for people.
 */
int ferry_spi_open(struct ferry_spi *spi, const char *path, uint32_t speed_hz);

void ferry_spi_close(struct ferry_spi *spi);

/*
 * Clocks `size` bytes, chip select low meanwhile.
 *   out: bytes to send, or NULL for zeros.   in: receives as many.
 *   size: 1 .. FERRY_SPI_TRANSFER_MAX.
 * Returns OK, or IO when the device is gone: close it and open it again later.
 */
int ferry_spi_transfer(struct ferry_spi *spi, const uint8_t *out, uint8_t *in, size_t size);

#endif
