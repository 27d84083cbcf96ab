#include "i2c_port.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOK = 32, /* an ACK with its frame, 0.8 ms at 400 kHz */
    LOOK_ON = 128,
    PAUSE_MS = 1,
    BUSY_PAUSE_MS = 3,     /* after an address that was not acknowledged */
    STREAM_PAUSE_MS = 250, /* while one write follows another */
    SHORT = 128            /* for adapters with a limit: the smallest in the kernel is 255 */
};

static int port_open(void *ctx)
{
    struct gateway_i2c *port = ctx;
    gateway_polling_start(&port->polling, ferry_posix_now_ms());
    port->longest = FERRY_I2C_TRANSFER_MAX;
    port->acknowledged = false;
    port->wrote = false;
    port->looked_ms = ferry_posix_now_ms();
    return ferry_i2c_open(&port->i2c, port->path, port->address, port->speed_hz);
}

static void port_close(void *ctx)
{
    struct gateway_i2c *port = ctx;
    ferry_i2c_close(&port->i2c);
}

/* What a transaction came to. Busy, or held for too long: nothing moved, later again. */
static int judge(struct gateway_i2c *port, int status, uint32_t now_ms)
{
    if (status == FERRY_OK) {
        port->acknowledged = true;
        port->i2c.error[0] = '\0';
    } else if (status == FERRY_BUSY || status == FERRY_TIMEOUT) {
        port->polling.next_ms = now_ms + BUSY_PAUSE_MS;
        status = FERRY_MORE;
    } else if (status == FERRY_ARGUMENT && port->longest > SHORT) {
        port->longest = SHORT;
        status = FERRY_MORE;
    }
    return status;
}

static int look(struct gateway_i2c *port)
{
    uint8_t in[LOOK_ON];
    size_t size = port->polling.in_answer ? LOOK_ON : LOOK;
    port->looked_ms = ferry_posix_now_ms();
    int status = judge(port, ferry_i2c_read(&port->i2c, in, size), ferry_posix_now_ms());
    if (status == FERRY_OK) {
        gateway_polling_collect(&port->polling, in, size, ferry_posix_now_ms());
    } else {
        port->polling.in_answer = false; /* the rest comes with the next look */
    }
    return status;
}

/* Where writes follow each other, the wire is theirs: the window lets them go on without answers.
 * Only after a step without a write the sender waits for one. */
static bool is_streaming(struct gateway_i2c *port)
{
    bool wrote = port->wrote;
    port->wrote = false;
    return wrote && ferry_posix_now_ms() - port->looked_ms < STREAM_PAUSE_MS;
}

static int port_read(void *ctx, uint8_t *out, size_t max, size_t *got)
{
    struct gateway_i2c *port = ctx;
    *got = 0;
    bool streaming = is_streaming(port);
    if (port->polling.count == 0 && !streaming &&
        gateway_polling_due(&port->polling, PAUSE_MS, ferry_posix_now_ms())) {
        int status = look(port);
        if (status > FERRY_OK) {
            return status;
        }
    }
    *got = gateway_polling_take(&port->polling, out, max);
    return FERRY_OK;
}

static int port_write(void *ctx, const uint8_t *data, size_t size, size_t *taken)
{
    struct gateway_i2c *port = ctx;
    *taken = 0;
    size = size < port->longest ? size : port->longest;
    int status = judge(port, ferry_i2c_write(&port->i2c, data, size), ferry_posix_now_ms());
    if (status == FERRY_OK) {
        *taken = size;
        port->wrote = true;
        gateway_polling_sent(&port->polling, ferry_posix_now_ms());
    }
    return status > FERRY_OK ? status : FERRY_OK;
}

static void port_discard(void *ctx)
{
    (void)ctx; /* what was taken is on the wire */
}

static const char *port_error(void *ctx)
{
    const struct gateway_i2c *port = ctx;
    return port->i2c.error;
}

static const char *port_hint(void *ctx)
{
    struct gateway_i2c *port = ctx;
    if (port->acknowledged) {
        return "";
    }
    snprintf(port->hint, sizeof port->hint,
             "%s: is the node powered, are SCL, SDA (with pull-ups) and ground connected?",
             port->i2c.error);
    return port->hint;
}

struct gateway_port gateway_i2c_port(struct gateway_i2c *i2c, const char *path, uint8_t address,
                                     uint32_t speed_hz)
{
    memset(i2c, 0, sizeof *i2c);
    i2c->i2c = (struct ferry_i2c)FERRY_I2C_CLOSED;
    i2c->path = path;
    i2c->address = address;
    i2c->speed_hz = speed_hz;
    return (struct gateway_port){.ctx = i2c,
                                 .open = port_open,
                                 .close = port_close,
                                 .read = port_read,
                                 .write = port_write,
                                 .discard = port_discard,
                                 .error = port_error,
                                 .hint = port_hint};
}
