/* serial_port.h - a POSIX serial port as the byte stream of a link. */
#ifndef GATEWAY_SINKS_SERIAL_PORT_H
#define GATEWAY_SINKS_SERIAL_PORT_H

#include "link.h"
#include "serial.h"

struct gateway_serial {
    struct ferry_serial serial;
    const char *path; /* borrowed */
    uint32_t baud;
};

/* Fills `serial`; the result borrows it. The port is opened when the link first needs it. */
struct gateway_port gateway_serial_port(struct gateway_serial *serial, const char *path,
                                        uint32_t baud);

#endif
