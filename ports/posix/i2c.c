#include "i2c.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { STRETCH_MS = 1000, BITS_PER_BYTE = 9, TIMEOUT_UNIT_MS = 10 };

/* One byte of the file for each address: nodes on one bus do not exclude each other. */
static int lock(struct ferry_i2c *i2c, const char *path)
{
    struct flock range;
    memset(&range, 0, sizeof range);
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = i2c->address;
    range.l_len = 1;
    if (fcntl(i2c->fd, F_OFD_SETLK, &range) != 0 && (errno == EAGAIN || errno == EACCES)) {
        return ferry_device_fail(i2c->error, FERRY_BUSY, "%s: 0x%02x is in use by another program",
                                 path, i2c->address);
    }
    return FERRY_OK;
}

void ferry_i2c_set_timeout(struct ferry_i2c *i2c, uint32_t timeout_ms)
{
    ioctl(i2c->fd, I2C_TIMEOUT, (unsigned long)timeout_ms / TIMEOUT_UNIT_MS); /* not every driver */
}

static int configure(struct ferry_i2c *i2c, const char *path, uint32_t speed_hz)
{
    unsigned long functions = 0;
    if (ioctl(i2c->fd, I2C_FUNCS, &functions) != 0) {
        return ferry_device_fail(i2c->error, FERRY_ARGUMENT, "%s: not an I2C bus", path);
    }
    if ((functions & I2C_FUNC_I2C) == 0) {
        return ferry_device_fail(i2c->error, FERRY_ARGUMENT,
                                 "%s: the adapter knows only SMBus commands", path);
    }
    if (ioctl(i2c->fd, I2C_SLAVE, (unsigned long)i2c->address) != 0) {
        return ferry_device_fail(i2c->error, FERRY_BUSY, "%s: 0x%02x: %s", path, i2c->address,
                                 strerror(errno));
    }
    uint64_t bits = (uint64_t)FERRY_I2C_TRANSFER_MAX * BITS_PER_BYTE;
    unsigned long timeout_ms = STRETCH_MS + (unsigned long)(bits * 1000 / speed_hz);
    ferry_i2c_set_timeout(i2c, (uint32_t)timeout_ms);
    return FERRY_OK;
}

int ferry_i2c_open(struct ferry_i2c *i2c, const char *path, uint8_t address, uint32_t speed_hz)
{
    i2c->error[0] = '\0';
    i2c->address = address;
    int status = ferry_device_open(path, &i2c->fd, i2c->error);
    if (status != FERRY_OK) {
        return status;
    }
    status = lock(i2c, path);
    if (status == FERRY_OK) {
        status = configure(i2c, path, speed_hz);
    }
    if (status != FERRY_OK) {
        ferry_i2c_close(i2c);
    }
    return status;
}

void ferry_i2c_close(struct ferry_i2c *i2c)
{
    if (i2c->fd >= 0) {
        close(i2c->fd); /* releases the lock */
        i2c->fd = -1;
    }
}

/* What drivers say (fault-codes.rst). ENXIO and EREMOTEIO, with some EIO: not acknowledged. */
static int status_of(struct ferry_i2c *i2c, int error)
{
    switch (error) {
    case ENXIO:
    case EREMOTEIO:
    case EIO:
    case EAGAIN:
    case EBUSY:
        return ferry_device_fail(i2c->error, FERRY_BUSY, "nobody acknowledges address 0x%02x",
                                 i2c->address);
    case ETIMEDOUT:
        return ferry_device_fail(i2c->error, FERRY_TIMEOUT, "the I2C clock is held low");
    case EOPNOTSUPP:
    case EINVAL:
        return ferry_device_fail(i2c->error, FERRY_ARGUMENT,
                                 "the I2C adapter refuses a transaction of this length");
    default:
        return ferry_device_fail(i2c->error, FERRY_IO, "the I2C transaction failed: %s",
                                 strerror(error));
    }
}

static int transact(struct ferry_i2c *i2c, uint16_t flags, uint8_t *data, size_t size)
{
    struct i2c_msg message = {
        .addr = i2c->address, .flags = flags, .len = (uint16_t)size, .buf = data};
    struct i2c_rdwr_ioctl_data messages = {.msgs = &message, .nmsgs = 1};
    int done;
    do {
        done = ioctl(i2c->fd, I2C_RDWR, &messages);
    } while (done < 0 && errno == EINTR);
    return done < 0 ? status_of(i2c, errno) : FERRY_OK;
}

int ferry_i2c_write(struct ferry_i2c *i2c, const uint8_t *data, size_t size)
{
    uint8_t copy[FERRY_I2C_TRANSFER_MAX]; /* struct i2c_msg knows no const */
    memcpy(copy, data, size);
    return transact(i2c, 0, copy, size);
}

int ferry_i2c_read(struct ferry_i2c *i2c, uint8_t *out, size_t size)
{
    return transact(i2c, I2C_M_RD, out, size);
}
