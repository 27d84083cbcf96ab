#include "node_port.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_WAIT_MS = 60000, RETRY_WRITE_MS = 3 };

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Decimal or 0x, nothing before or after. */
static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long value = strtoul(text, &end, text[1] == 'x' ? 16 : 10);
    *number = (uint32_t)value;
    return errno == 0 && *end == '\0' && value >= lowest && value <= highest;
}

/* Cuts what stands behind the last `mark` of the path off; NULL if there is none. */
static const char *cut(char *path, char mark)
{
    char *found = strrchr(path, mark);
    if (found == NULL) {
        return NULL;
    }
    *found = '\0';
    return found + 1;
}

/* By prefix, else by the kernel's names for the files. Returns the path. */
static const char *transport_of(const char *text, enum node_transport *transport)
{
    if (starts_with(text, "spidev:")) {
        *transport = NODE_SPI;
        return text + strlen("spidev:");
    }
    if (starts_with(text, "i2c:")) {
        *transport = NODE_I2C;
        return text + strlen("i2c:");
    }
    *transport = starts_with(text, "/dev/spidev") ? NODE_SPI
                 : starts_with(text, "/dev/i2c-") ? NODE_I2C
                                                  : NODE_UART;
    return text;
}

static const char *parse_bus(struct node_port_name *name)
{
    const char *speed = cut(name->path, '@');
    const char *address = name->transport == NODE_I2C ? cut(name->path, ':') : NULL;
    name->speed_given = speed != NULL;
    name->address_given = address != NULL;
    if (speed != NULL && !parse_number(speed, 1000, 100000000, &name->speed_hz)) {
        return "behind @ stands the clock in Hz, 1000 to 100000000";
    }
    if (address != NULL &&
        !parse_number(address, NODE_PORT_I2C_LOWEST, NODE_PORT_I2C_HIGHEST, &name->i2c_address)) {
        return "the node's address is 0x08 to 0x77, as i2c:/dev/i2c-1:0x42";
    }
    return name->path[0] != '\0' ? NULL : "the device file is missing, as spidev:/dev/spidev0.0";
}

const char *node_port_parse(const char *text, struct node_port_name *name)
{
    memset(name, 0, sizeof *name);
    const char *path = transport_of(text, &name->transport);
    size_t length = strlen(path);
    if (length >= sizeof name->path) {
        return "the name is too long";
    }
    memcpy(name->path, path, length + 1);
    name->baud = NODE_PORT_BAUD;
    name->speed_hz = name->transport == NODE_SPI ? NODE_PORT_SPI_HZ : NODE_PORT_I2C_HZ;
    name->i2c_address = NODE_PORT_I2C_ADDRESS;
    return name->transport == NODE_UART ? NULL : parse_bus(name);
}

void node_port_init(struct node_port *node, const struct node_port_name *name)
{
    node->name = *name;
    const char *path = node->name.path;
    switch (name->transport) {
    case NODE_SPI:
        node->port = gateway_spi_port(&node->as.spi, path, name->speed_hz);
        break;
    case NODE_I2C:
        node->port =
            gateway_i2c_port(&node->as.i2c, path, (uint8_t)name->i2c_address, name->speed_hz);
        break;
    default:
        node->port = gateway_serial_port(&node->as.serial, path, name->baud);
        break;
    }
}

static uint32_t look_ms(const struct node_port *node)
{
    const struct gateway_polling *polling =
        node->name.transport == NODE_SPI ? &node->as.spi.polling : &node->as.i2c.polling;
    return gateway_polling_wait_ms(polling, ferry_posix_now_ms());
}

void node_port_wait(const struct node_port *node, bool writing, int stop_fd, uint32_t timeout_ms)
{
    if (node->name.transport == NODE_UART) {
        ferry_serial_wait(&node->as.serial.serial, writing, stop_fd, timeout_ms);
        return;
    }
    uint32_t wait_ms = look_ms(node);
    if (writing && wait_ms > RETRY_WRITE_MS) {
        wait_ms = RETRY_WRITE_MS;
    }
    wait_ms = wait_ms < timeout_ms ? wait_ms : timeout_ms;
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    poll(&stop, 1, (int)(wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS));
}
