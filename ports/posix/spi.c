#include "spi.h"

#include <errno.h>
#include <linux/spi/spidev.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int configure(struct ferry_spi *spi, const char *path)
{
    uint8_t mode = SPI_MODE_0;
    uint8_t bits = 8;
    if (flock(spi->fd, LOCK_EX | LOCK_NB) != 0) {
        return ferry_device_fail(spi->error, FERRY_BUSY, "%s: in use by another program", path);
    }
    if (ioctl(spi->fd, SPI_IOC_WR_MODE, &mode) != 0) {
        const char *reason = errno == ENOTTY ? "not a spidev" : strerror(errno);
        return ferry_device_fail(spi->error, FERRY_ARGUMENT, "%s: %s", path, reason);
    }
    if (ioctl(spi->fd, SPI_IOC_WR_BITS_PER_WORD, &bits) != 0 ||
        ioctl(spi->fd, SPI_IOC_WR_MAX_SPEED_HZ, &spi->speed_hz) != 0) {
        return ferry_device_fail(spi->error, FERRY_ARGUMENT, "%s: the driver refuses 8 bits, %u Hz",
                                 path, spi->speed_hz);
    }
    return FERRY_OK;
}

int ferry_spi_open(struct ferry_spi *spi, const char *path, uint32_t speed_hz)
{
    spi->error[0] = '\0';
    spi->speed_hz = speed_hz;
    int status = ferry_device_open(path, &spi->fd, spi->error);
    if (status != FERRY_OK) {
        return status;
    }
    status = configure(spi, path);
    if (status != FERRY_OK) {
        ferry_spi_close(spi);
    }
    return status;
}

void ferry_spi_close(struct ferry_spi *spi)
{
    if (spi->fd >= 0) {
        close(spi->fd); /* releases the flock */
        spi->fd = -1;
    }
}

int ferry_spi_transfer(struct ferry_spi *spi, const uint8_t *out, uint8_t *in, size_t size)
{
    struct spi_ioc_transfer transfer;
    memset(&transfer, 0, sizeof transfer); /* tx_buf 0: the driver sends zeros (spidev.h) */
    transfer.tx_buf = (uintptr_t)out;
    transfer.rx_buf = (uintptr_t)in;
    transfer.len = (uint32_t)size;
    transfer.speed_hz = spi->speed_hz;
    transfer.bits_per_word = 8;
    int done;
    do {
        done = ioctl(spi->fd, SPI_IOC_MESSAGE(1), &transfer);
    } while (done < 0 && errno == EINTR);
    if (done < 0) {
        return ferry_device_fail(spi->error, FERRY_IO, "the SPI transfer failed: %s",
                                 strerror(errno));
    }
    return FERRY_OK;
}
