#include "serial_port.h"

static int port_open(void *ctx)
{
    struct gateway_serial *port = ctx;
    return ferry_serial_open(&port->serial, port->path, port->baud);
}

static void port_close(void *ctx)
{
    struct gateway_serial *port = ctx;
    ferry_serial_close(&port->serial);
}

static int port_read(void *ctx, uint8_t *out, size_t max, size_t *got)
{
    struct gateway_serial *port = ctx;
    return ferry_serial_read(&port->serial, out, max, got);
}

static int port_write(void *ctx, const uint8_t *data, size_t size, size_t *taken)
{
    struct gateway_serial *port = ctx;
    return ferry_serial_write(&port->serial, data, size, taken);
}

static void port_discard(void *ctx)
{
    struct gateway_serial *port = ctx;
    ferry_serial_discard(&port->serial);
}

static const char *port_error(void *ctx)
{
    const struct gateway_serial *port = ctx;
    return port->serial.error;
}

struct gateway_port gateway_serial_port(struct gateway_serial *serial, const char *path,
                                        uint32_t baud)
{
    serial->serial = (struct ferry_serial)FERRY_SERIAL_CLOSED;
    serial->path = path;
    serial->baud = baud;
    return (struct gateway_port){.ctx = serial,
                                 .open = port_open,
                                 .close = port_close,
                                 .read = port_read,
                                 .write = port_write,
                                 .discard = port_discard,
                                 .error = port_error};
}
