/*
 * i2c_port.h - a node on Linux' i2c-dev as the byte stream of a link (SPEC.md, "Transports").
 *
 * A write carries stream bytes, whole frames in one transaction; a read returns stream bytes,
 * padded with 0x00. A node that does not acknowledge its address is busy: tried again after a
 * pause, for as long as the sender's own time-outs allow. Where bytes of a write got lost or came
 * twice, the frame's CRC finds it.
 */
#ifndef GATEWAY_SINKS_I2C_PORT_H
#define GATEWAY_SINKS_I2C_PORT_H

#include "i2c.h"
#include "polling.h"

struct gateway_i2c {
    struct ferry_i2c i2c;
    const char *path; /* borrowed */
    uint8_t address;
    uint32_t speed_hz;
    size_t longest; /* bytes of a transaction that the adapter takes */
    bool wrote;     /* since the last read */
    uint32_t looked_ms;
    bool acknowledged; /* once since the port was opened */
    struct gateway_polling polling;
    char hint[FERRY_DEVICE_ERROR_SIZE + 128];
};

/* Fills `i2c`; the result borrows it. The device is opened when the link first needs it. */
struct gateway_port gateway_i2c_port(struct gateway_i2c *i2c, const char *path, uint8_t address,
                                     uint32_t speed_hz);

#endif
