/*
 * shim.h - a preload library that puts the virtual board behind /dev/spidev*, /dev/i2c-* and
 * /dev/gpiochip*: the shipped programs make the system calls that they make on hardware, the shim
 * turns them into requests to the board's bus socket (docs/VIRTUAL_BOARD.md).
 *
 *   FERRY_BUS_SOCKET=/path LD_PRELOAD=libferry_bus_shim.so ferry status --port
 * spidev:/dev/spidev0.0
 *
 * Without FERRY_BUS_SOCKET it changes nothing. Lines of any chip: 0 NRST, 1 BOOT0,
 * 16 + port * 16 + number a pin. Test code: never installed.
 */
#ifndef FERRY_SHIM_H
#define FERRY_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_kind { SHIM_NONE, SHIM_SPI, SHIM_I2C, SHIM_CHIP, SHIM_LINES };

enum { SHIM_LINES_MAX = 64, SHIM_CHIP_LINES = 160, SHIM_GPIO_MAJOR = 254 };

/* What is behind a file descriptor. SPI and I2C: the descriptor is a connection to the board. */
struct shim_file {
    enum shim_kind kind;
    uint32_t speed_hz; /* SPI */
    uint8_t mode;
    uint16_t address; /* I2C */
    uint32_t timeout_ms;
    uint32_t count; /* lines of a request: */
    uint32_t offsets[SHIM_LINES_MAX];
    bool output, open_drain;
};

/* --- the connection ------------------------------------------------------------------------- */

enum shim_status { SHIM_OK, SHIM_NACK_ADDRESS, SHIM_NACK_DATA, SHIM_TIMEOUT, SHIM_IMPOSSIBLE };
enum { SHIM_OP_SPI = 1, SHIM_OP_I2C, SHIM_OP_SET, SHIM_OP_GET, SHIM_PAYLOAD_MAX = 65535 };

/* A connection to the board, or -1 with errno ENOENT: there is none. */
int shim_connect(void);

/*
 * One request and its answer.
 *   out: payload, size bytes; in: receives at most max bytes of the answer's.
 * Returns the board's status, or -1 with errno ENODEV where the board is gone.
 */
int shim_request(int fd, uint8_t op, uint8_t arg, const uint8_t *out, size_t size, uint8_t *in,
                 size_t max);

/* --- the devices: each answers an ioctl as the kernel does, -1 with errno after a failure ----- */

int shim_spi_ioctl(int fd, struct shim_file *file, unsigned long request, void *argument);
int shim_i2c_ioctl(int fd, struct shim_file *file, unsigned long request, void *argument);
long shim_i2c_transfer(int fd, const struct shim_file *file, bool read, void *bytes, size_t size);
int shim_chip_ioctl(unsigned long request, void *argument);
int shim_lines_ioctl(const struct shim_file *file, unsigned long request, void *argument);

/*
 * A new descriptor for requested lines; -1 with errno EBUSY while another one has one of them, in
 * any process on this socket: SOCKET.lines holds a lock for each line.
 */
int shim_add_lines(const struct shim_file *file);

#endif
