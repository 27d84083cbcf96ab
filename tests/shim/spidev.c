/* spidev: <linux/spi/spidev.h>, Documentation/spi/spidev.rst. */
#include "shim.h"

#include <errno.h>
#include <linux/spi/spidev.h>
#include <string.h>
#include <sys/ioctl.h>

enum { SPEED = 4, BUFSIZ_DEFAULT = 4096 };

/* A board without power drives nothing: the master reads what an open line shows. */
static int transfer(int fd, const struct shim_file *file, const struct spi_ioc_transfer *t)
{
    uint8_t out[SPEED + BUFSIZ_DEFAULT] = {0};
    uint8_t in[BUFSIZ_DEFAULT] = {0};
    uint32_t hz = t->speed_hz != 0 && t->speed_hz < file->speed_hz ? t->speed_hz : file->speed_hz;
    if (t->len > BUFSIZ_DEFAULT) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(out, &hz, SPEED); /* little-endian, as this machine */
    if (t->tx_buf != 0) {
        memcpy(out + SPEED, (const void *)(uintptr_t)t->tx_buf, t->len);
    }
    int status =
        shim_request(fd, SHIM_OP_SPI, file->mode & SPI_MODE_3, out, SPEED + t->len, in, sizeof in);
    if (status < 0) {
        return -1;
    }
    if (t->rx_buf != 0) {
        memcpy((void *)(uintptr_t)t->rx_buf, in, t->len);
    }
    return (int)t->len;
}

/* Transfers of one message are one chip select each here; Ferry sends one at a time. */
static int message(int fd, const struct shim_file *file, const struct spi_ioc_transfer *list,
                   size_t count)
{
    int total = 0;
    for (size_t i = 0; i < count; i++) {
        int done = transfer(fd, file, &list[i]);
        if (done < 0) {
            return -1;
        }
        total += done;
    }
    return total;
}

int shim_spi_ioctl(int fd, struct shim_file *file, unsigned long request, void *argument)
{
    if (_IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0 &&
        _IOC_DIR(request) == _IOC_WRITE) {
        return message(fd, file, argument, _IOC_SIZE(request) / sizeof(struct spi_ioc_transfer));
    }
    switch (request) {
    case SPI_IOC_WR_MODE:
        file->mode = *(const uint8_t *)argument;
        return 0;
    case SPI_IOC_RD_MODE:
        *(uint8_t *)argument = file->mode;
        return 0;
    case SPI_IOC_WR_BITS_PER_WORD:
        errno = EINVAL;
        return *(const uint8_t *)argument == 8 ? 0 : -1;
    case SPI_IOC_RD_BITS_PER_WORD:
        *(uint8_t *)argument = 8;
        return 0;
    case SPI_IOC_WR_MAX_SPEED_HZ:
        file->speed_hz = *(const uint32_t *)argument;
        return 0;
    case SPI_IOC_RD_MAX_SPEED_HZ:
        *(uint32_t *)argument = file->speed_hz;
        return 0;
    default:
        errno = ENOTTY;
        return -1;
    }
}
