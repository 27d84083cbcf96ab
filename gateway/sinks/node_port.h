/*
 * node_port.h - a node's port by its name, whatever the transport: what `ferry --port` and the
 * gateway's configuration take.
 *
 *   /dev/ttyUSB0                     serial port
 *   spidev:/dev/spidev0.0@10000000   SPI, with its clock in Hz   (default 10,000,000)
 *   i2c:/dev/i2c-1:0x42@400000       I2C, node's address (default 0x42), clock (default 400,000)
 *
 * A path /dev/spidev* or /dev/i2c-* means the same without its prefix.
 */
#ifndef GATEWAY_SINKS_NODE_PORT_H
#define GATEWAY_SINKS_NODE_PORT_H

#include "i2c_port.h"
#include "serial_port.h"
#include "spi_port.h"

enum node_transport { NODE_UART, NODE_SPI, NODE_I2C };

enum {
    NODE_PORT_PATH_SIZE = 256,
    NODE_PORT_BAUD = 921600,
    NODE_PORT_SPI_HZ = 10000000,
    NODE_PORT_I2C_HZ = 400000,
    NODE_PORT_I2C_ADDRESS = 0x42,
    NODE_PORT_I2C_LOWEST = 0x08, /* the others are reserved (UM10204, 3.1.12) */
    NODE_PORT_I2C_HIGHEST = 0x77
};

struct node_port_name {
    enum node_transport transport;
    char path[NODE_PORT_PATH_SIZE];
    uint32_t speed_hz; /* SPI, I2C */
    uint32_t i2c_address;
    uint32_t baud; /* UART */
    bool speed_given, address_given;
};

/*
 * Reads a port's name; what it does not say gets its default.
 * Returns NULL, or what is wrong with it: a sentence.
 */
const char *node_port_parse(const char *text, struct node_port_name *name);

struct node_port {
    struct node_port_name name;
    struct gateway_port port;
    union {
        struct gateway_serial serial;
        struct gateway_spi spi;
        struct gateway_i2c i2c;
    } as;
};

/* Prepares the port that `name` says; node->port is the byte stream for a link. `node` refers to
 * itself: do not copy. */
void node_port_init(struct node_port *node, const struct node_port_name *name);

/*
 * Sleeps until the port has to be looked at (input, or room where the link is `writing`), `stop_fd`
 * (-1: none) becomes readable, or `timeout_ms` is over.
 */
void node_port_wait(const struct node_port *node, bool writing, int stop_fd, uint32_t timeout_ms);

#endif
