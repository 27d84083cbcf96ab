/*
 * i2c.h - one 7-bit address on an I2C bus through Linux' i2c-dev. Each call is one transaction and
 * takes the time of its bits. One thread at a time may use an object. The address is locked against
 * other Ferry programs; the rest of the bus stays free for others.
 */
#ifndef FERRY_POSIX_I2C_H
#define FERRY_POSIX_I2C_H

#include "device_file.h"

enum { FERRY_I2C_TRANSFER_MAX = 4096 };

struct ferry_i2c {
    int fd; /* -1 when closed */
    uint8_t address;
    char error[FERRY_DEVICE_ERROR_SIZE]; /* why the last call failed: a sentence for people */
};

/* A closed one; so that ferry_i2c_close may always be called. */
#define FERRY_I2C_CLOSED                                                                           \
    {                                                                                              \
        .fd = -1, .address = 0, .error = ""                                                        \
    }

/*
 * Opens and locks `path`, as /dev/i2c-1, for the node at `address` (0x08 .. 0x77).
 *   speed_hz: the bus' clock, > 0. i2c-dev cannot set it (the device tree does); the time-out of a
 *   transaction follows from it: 4 KB of bits, and 1 s in which the node may hold the clock.
 * Returns OK; BUSY (another program holds that address, or a kernel driver does), ARGUMENT (no such
 * file, no I2C bus, or an adapter that can only SMBus), IO (permission denied and the rest).
 */
int ferry_i2c_open(struct ferry_i2c *i2c, const char *path, uint8_t address, uint32_t speed_hz);

void ferry_i2c_close(struct ferry_i2c *i2c);

/* How long a transaction may take, the clock held included, where the driver looks at it. */
void ferry_i2c_set_timeout(struct ferry_i2c *i2c, uint32_t timeout_ms);

/*
 * One write, one read. `size`: 1 .. FERRY_I2C_TRANSFER_MAX.
 * Returns OK: all bytes were acknowledged;
 *   BUSY: the node (or nobody) did not acknowledge its address or a byte, or arbitration was lost:
 *     try again a little later. How many bytes of a write the node took is not known;
 *   TIMEOUT: the clock was held for too long: likewise;
 *   ARGUMENT: the adapter cannot do transactions of that size: use shorter ones;
 *   IO: the device is gone.
 */
int ferry_i2c_write(struct ferry_i2c *i2c, const uint8_t *data, size_t size);
int ferry_i2c_read(struct ferry_i2c *i2c, uint8_t *out, size_t size);

#endif
