/* i2c-dev: <linux/i2c-dev.h>, Documentation/i2c/dev-interface.rst. */
#include "shim.h"

#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    HEAD = 8, /* speed, time-out */
    MESSAGE_HEAD = 3,
    MESSAGE_MAX = 8192, /* of i2c-dev */
    DEFAULT_HZ = 400000,
    TIMEOUT_UNIT_MS = 10
};

struct payload {
    uint8_t bytes[SHIM_PAYLOAD_MAX];
    size_t size;
    size_t reading;
};

/* The device tree sets the clock of a real bus; here FERRY_BUS_I2C_HZ does. */
static uint32_t bus_hz(void)
{
    const char *text = getenv("FERRY_BUS_I2C_HZ");
    unsigned long hz = text != NULL ? strtoul(text, NULL, 10) : 0;
    return hz != 0 ? (uint32_t)hz : DEFAULT_HZ;
}

static bool add_message(struct payload *payload, const struct i2c_msg *message)
{
    bool read = (message->flags & I2C_M_RD) != 0;
    size_t size = MESSAGE_HEAD + (read ? 0 : (size_t)message->len);
    if (message->len > MESSAGE_MAX || size > sizeof payload->bytes - payload->size) {
        return false;
    }
    uint8_t *at = payload->bytes + payload->size;
    at[0] = read;
    at[1] = (uint8_t)message->len;
    at[2] = (uint8_t)(message->len >> 8);
    if (!read) {
        memcpy(at + MESSAGE_HEAD, message->buf, message->len);
    }
    payload->size += size;
    payload->reading += read ? message->len : 0;
    return true;
}

/* As the adapters say it (Documentation/i2c/fault-codes.rst). */
static int fail(int status)
{
    errno = status == SHIM_NACK_ADDRESS || status == SHIM_IMPOSSIBLE ? ENXIO
            : status == SHIM_TIMEOUT                                 ? ETIMEDOUT
                                                                     : EREMOTEIO;
    return -1;
}

static int transact(int fd, const struct shim_file *file, const struct i2c_msg *messages,
                    size_t count)
{
    static _Thread_local struct payload payload;
    static _Thread_local uint8_t in[SHIM_PAYLOAD_MAX];
    uint32_t head[2] = {bus_hz(), file->timeout_ms};
    size_t at = 0;
    if (count == 0 || count > I2C_RDWR_IOCTL_MAX_MSGS) {
        errno = EINVAL;
        return -1;
    }
    memcpy(payload.bytes, head, HEAD);
    payload.size = HEAD;
    payload.reading = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].addr != messages[0].addr || !add_message(&payload, &messages[i])) {
            errno = EINVAL;
            return -1;
        }
    }
    int status = shim_request(fd, SHIM_OP_I2C, (uint8_t)messages[0].addr, payload.bytes,
                              payload.size, in, payload.reading);
    if (status != SHIM_OK) {
        return status < 0 ? -1 : fail(status);
    }
    for (size_t i = 0; i < count; i++) {
        if ((messages[i].flags & I2C_M_RD) != 0) {
            memcpy(messages[i].buf, in + at, messages[i].len);
            at += messages[i].len;
        }
    }
    return (int)count;
}

long shim_i2c_transfer(int fd, const struct shim_file *file, bool read, void *bytes, size_t size)
{
    struct i2c_msg message = {.addr = file->address,
                              .flags = read ? I2C_M_RD : 0,
                              .len = (uint16_t)(size < MESSAGE_MAX ? size : MESSAGE_MAX),
                              .buf = bytes};
    return transact(fd, file, &message, 1) < 0 ? -1 : (long)message.len;
}

/* Quick, byte, byte data: what i2cdetect and simple tools use. */
static int smbus(int fd, const struct shim_file *file, const struct i2c_smbus_ioctl_data *call)
{
    bool read = call->read_write == I2C_SMBUS_READ;
    uint8_t bytes[2] = {call->command, 0};
    struct i2c_msg messages[2] = {{.addr = file->address, .flags = 0, .len = 1, .buf = bytes},
                                  {.addr = file->address, .flags = I2C_M_RD, .len = 1}};
    switch (call->size) {
    case I2C_SMBUS_QUICK:
        messages[0].len = 0;
        messages[0].flags = read ? I2C_M_RD : 0;
        return transact(fd, file, messages, 1) < 0 ? -1 : 0;
    case I2C_SMBUS_BYTE:
        messages[0].flags = read ? I2C_M_RD : 0;
        messages[0].buf = read ? &call->data->byte : bytes;
        return transact(fd, file, messages, 1) < 0 ? -1 : 0;
    case I2C_SMBUS_BYTE_DATA:
        bytes[1] = read ? 0 : call->data->byte;
        messages[0].len = read ? 1 : 2;
        messages[1].buf = &call->data->byte;
        return transact(fd, file, messages, read ? 2 : 1) < 0 ? -1 : 0;
    default:
        errno = EOPNOTSUPP;
        return -1;
    }
}

int shim_i2c_ioctl(int fd, struct shim_file *file, unsigned long request, void *argument)
{
    const struct i2c_rdwr_ioctl_data *list = argument;
    uintptr_t number = (uintptr_t)argument;
    switch (request) {
    case I2C_FUNCS:
        *(unsigned long *)argument =
            I2C_FUNC_I2C | I2C_FUNC_SMBUS_QUICK | I2C_FUNC_SMBUS_BYTE | I2C_FUNC_SMBUS_BYTE_DATA;
        return 0;
    case I2C_SLAVE:
    case I2C_SLAVE_FORCE:
        errno = EINVAL;
        file->address = (uint16_t)number;
        return number <= 0x7F ? 0 : -1;
    case I2C_TIMEOUT:
        file->timeout_ms = (uint32_t)number * TIMEOUT_UNIT_MS;
        return 0;
    case I2C_RETRIES:
        return 0;
    case I2C_RDWR:
        return transact(fd, file, list->msgs, list->nmsgs);
    case I2C_SMBUS:
        return smbus(fd, file, argument);
    default:
        errno = ENOTTY;
        return -1;
    }
}
