#include "bench_host.h"

#include "clock.h"
#include "gpio.h"
#include "serial.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { BAUD = 921600, TTY_SIZE = 4096 /* of the kernel's buffers, one each way */ };
enum { SPI_HZ = NODE_PORT_SPI_HZ, I2C_HZ = NODE_PORT_I2C_HZ };
enum {
    ROM_BUSY = 0x76,
    STRETCH_MS = 1000,
    BITS_PER_BYTE = 9
}; /* of an I2C transaction, as ports/posix/i2c.c */

static const double byte_ns = 10e9 / BAUD;

static struct host {
    struct ferry_sim *sim;
    uint8_t received[TTY_SIZE]; /* by the serial port */
    size_t first, count;
    uint64_t sent_ns;
    uint32_t stretch_ms; /* I2C: how long the clock may be held */
    uint64_t transfers;  /* I2C */
    uint64_t busies;     /* bytes that said that ST's ROM is busy */
} host;

static const struct bench_wire wires[] = {
    {"uart", "wire: DATA at 921,600 baud", "/dev/ttyS0", BAUD / 10.0, 1.1, 97.0},
    {"spi", "wire: DATA at 10 MHz", "spidev:/dev/spidev0.0", SPI_HZ / 8.0, 1.1, 0.0},
    {"i2c", "wire: DATA at 400 kHz", "i2c:/dev/i2c-1", I2C_HZ / 9.0, 1.1, 0.0},
};

const struct bench_wire *bench_wire_find(const char *name)
{
    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        if (strcmp(wires[i].name, name) == 0) {
            return &wires[i];
        }
    }
    return NULL;
}

/* A byte more than the buffer holds is lost, as in the kernel. */
static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    (void)ctx;
    (void)sim;
    (void)port;
    if (host.count < TTY_SIZE) {
        host.received[(host.first + host.count++) % TTY_SIZE] = byte;
    }
}

void bench_host_use(struct ferry_sim *sim)
{
    memset(&host, 0, sizeof(host));
    host.sim = sim;
    host.stretch_ms = STRETCH_MS;
    ferry_sim_on_uart(sim, 0, on_uart, NULL);
}

uint64_t bench_host_sent_ns(void)
{
    return host.sent_ns;
}

uint64_t bench_host_busies(void)
{
    return host.busies;
}

uint64_t bench_host_transfers(void)
{
    return host.transfers;
}

/* ---- clock and sleep ------------------------------------------------------------------------- */

uint32_t ferry_posix_now_ms(void)
{
    return (uint32_t)(ferry_sim_time_ns(host.sim) / 1000000);
}

/* poll(2), by a definition of the build: nobody stops node_port.c, so it is a sleep. */
int bench_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    (void)fds;
    (void)count;
    uint64_t ns = (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
    ferry_sim_run_for(host.sim, ns > BENCH_CALL_NS ? ns : BENCH_CALL_NS);
    return 0;
}

/* ---- serial port ----------------------------------------------------------------------------- */

int ferry_serial_open(struct ferry_serial *serial, const char *path, uint32_t baud)
{
    (void)serial;
    (void)path;
    return ferry_sim_uart_baud(host.sim, 0, baud) == FERRY_SIM_OK ? FERRY_OK : FERRY_ARGUMENT;
}

void ferry_serial_close(struct ferry_serial *serial)
{
    (void)serial;
}

/* The virtual wire has the parity that the node expects. */
bool ferry_serial_even_parity(struct ferry_serial *serial)
{
    (void)serial;
    return true;
}

void ferry_serial_forget(const struct ferry_serial *serial)
{
    (void)serial;
    host.count = 0;
}

int ferry_serial_set_pin(struct ferry_serial *serial, enum ferry_serial_pin pin, bool high)
{
    (void)serial;
    (void)pin;
    (void)high;
    return FERRY_IO; /* this port has none */
}

int ferry_serial_read(struct ferry_serial *serial, uint8_t *out, size_t max, size_t *got)
{
    (void)serial;
    for (*got = 0; *got < max && host.count > 0; host.count--) {
        out[(*got)++] = host.received[host.first];
        host.first = (host.first + 1) % TTY_SIZE;
    }
    return FERRY_OK;
}

static size_t tty_room(void)
{
    return TTY_SIZE - ferry_sim_uart_queued(host.sim, 0);
}

int ferry_serial_write(struct ferry_serial *serial, const uint8_t *data, size_t size, size_t *taken)
{
    (void)serial;
    size_t room = tty_room();
    uint64_t now_ns = ferry_sim_time_ns(host.sim);
    uint64_t free_ns = host.sent_ns > now_ns ? host.sent_ns : now_ns;

    *taken = ferry_sim_uart_send(host.sim, 0, data, size < room ? size : room);
    host.sent_ns = *taken > 0 ? free_ns + (uint64_t)((double)*taken * byte_ns) : host.sent_ns;
    return FERRY_OK;
}

void ferry_serial_discard(const struct ferry_serial *serial)
{
    (void)serial;
    ferry_sim_uart_flush(host.sim, 0);
}

static bool can_read(void *ctx, struct ferry_sim *sim)
{
    (void)ctx;
    (void)sim;
    return host.count > 0;
}

/* The kernel says so when half of its buffer is free. */
static bool can_read_or_write(void *ctx, struct ferry_sim *sim)
{
    return can_read(ctx, sim) || tty_room() >= TTY_SIZE / 2;
}

void ferry_serial_wait(const struct ferry_serial *serial, bool writing, int stop_fd,
                       uint32_t timeout_ms)
{
    (void)serial;
    (void)stop_fd;
    ferry_sim_run_for(host.sim, BENCH_CALL_NS);
    ferry_sim_run_while_not(host.sim, writing ? can_read_or_write : can_read, NULL,
                            (uint64_t)timeout_ms * 1000000);
}

/* ---- spidev ---------------------------------------------------------------------------------- */

int ferry_spi_open(struct ferry_spi *spi, const char *path, uint32_t speed_hz)
{
    (void)path;
    spi->speed_hz = speed_hz;
    return FERRY_OK;
}

void ferry_spi_close(struct ferry_spi *spi)
{
    (void)spi;
}

int ferry_spi_transfer(struct ferry_spi *spi, const uint8_t *out, uint8_t *in, size_t size)
{
    ferry_sim_run_for(host.sim, BENCH_CALL_NS);
    int status = ferry_sim_spi_transfer(host.sim, out, in, size, spi->speed_hz);
    host.sent_ns = out != NULL ? ferry_sim_time_ns(host.sim) : host.sent_ns;
    return status == FERRY_SIM_OK ? FERRY_OK : FERRY_IO;
}

/* ---- i2c-dev: it does not tell how many bytes of a write were acknowledged ------------------- */

int ferry_i2c_open(struct ferry_i2c *i2c, const char *path, uint8_t address, uint32_t speed_hz)
{
    (void)path;
    (void)speed_hz; /* i2c-dev cannot set it either; the bus has I2C_HZ */
    i2c->address = address;
    return FERRY_OK;
}

void ferry_i2c_close(struct ferry_i2c *i2c)
{
    (void)i2c;
}

void ferry_i2c_set_timeout(struct ferry_i2c *i2c, uint32_t timeout_ms)
{
    (void)i2c;
    host.stretch_ms = timeout_ms;
}

static int transact(struct ferry_i2c *i2c, bool read, uint8_t *data, size_t size)
{
    struct ferry_sim_i2c_message message = {.read = read, .size = (uint16_t)size, .data = data};
    const struct ferry_sim_i2c transfer = {
        .messages = &message,
        .count = 1,
        .hz = I2C_HZ,
        .timeout_ms = host.stretch_ms + FERRY_I2C_TRANSFER_MAX * BITS_PER_BYTE * 1000 / I2C_HZ,
        .address = i2c->address};

    host.transfers++;
    ferry_sim_run_for(host.sim, BENCH_CALL_NS);
    int status = ferry_sim_i2c_transfer(host.sim, &transfer, NULL);
    host.busies += read && size == 1 && data[0] == ROM_BUSY;
    if (status == FERRY_SIM_E_NACK_ADDRESS || status == FERRY_SIM_E_NACK_DATA) {
        return FERRY_BUSY;
    }
    return status == FERRY_SIM_OK          ? FERRY_OK
           : status == FERRY_SIM_E_TIMEOUT ? FERRY_TIMEOUT
                                           : FERRY_IO;
}

int ferry_i2c_write(struct ferry_i2c *i2c, const uint8_t *data, size_t size)
{
    uint8_t copy[FERRY_I2C_TRANSFER_MAX]; /* a message knows no const */
    memcpy(copy, data, size);
    int status = transact(i2c, false, copy, size);
    host.sent_ns = ferry_sim_time_ns(host.sim);
    return status;
}

int ferry_i2c_read(struct ferry_i2c *i2c, uint8_t *out, size_t size)
{
    return transact(i2c, true, out, size);
}

/* ---- GPIO: gpiochip0 has the board's lines, by the numbers of ferry_sim_line_set ------------- */

int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high)
{
    (void)drive; /* NRST and BOOT0: high is as good as let go */
    const char *line = strchr(name, ':');
    gpio->offset = line != NULL ? (unsigned)strtoul(line + 1, NULL, 10) : UINT32_MAX;
    gpio->chip = host.sim;
    return ferry_gpio_set(gpio, high);
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    return ferry_sim_line_set(host.sim, gpio->offset, high) == FERRY_SIM_OK ? FERRY_OK : FERRY_IO;
}

void ferry_gpio_close(struct ferry_gpio *gpio)
{
    gpio->chip = NULL;
}
