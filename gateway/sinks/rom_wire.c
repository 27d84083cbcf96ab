#include "rom_wire.h"

#include "clock.h"

#include <poll.h>
#include <string.h>

enum { IDLE, HELD, STARTING }; /* reset_part */

enum {
    UART_BITS = 11, /* start, eight, parity, stop */
    I2C_BITS = 9,
    STEP_MS = 10, /* between two looks at the clock in a reset */
    WAIT_MAX_MS = 60000
};

static const struct ferry_serial closed_serial = FERRY_SERIAL_CLOSED;
static const struct ferry_i2c closed_i2c = FERRY_I2C_CLOSED;

static bool is_i2c(const struct rom_wire *wire)
{
    return wire->name.transport == NODE_I2C;
}

static bool is_named(const char *name)
{
    return name != NULL && name[0] != '\0';
}

/* --- configuration ------------------------------------------------------------------------ */

static const char *check_lines(const struct rom_wire *wire)
{
    const struct rom_wire_config *config = &wire->config;
    if (is_named(config->boot0) && !is_named(config->nrst)) {
        return "BOOT0 is looked at in a reset only: it needs NRST";
    }
    if ((is_named(config->nrst) && !gateway_line_is_valid(config->nrst)) ||
        (is_named(config->boot0) && !gateway_line_is_valid(config->boot0))) {
        return "NRST and BOOT0 are CHIP:LINE, as gpiochip0:17 (`gpioinfo`), dtr, rts, !dtr or !rts";
    }
    if (is_i2c(wire) &&
        (gateway_line_is_modem(config->nrst) || gateway_line_is_modem(config->boot0))) {
        return "dtr and rts are lines of a serial port, not of an I2C bus";
    }
    return NULL;
}

static const char *take_traits(struct rom_wire *wire)
{
    struct ferry_rom_traits *traits = &wire->traits;
    const struct rom_wire_config *config = &wire->config;
    const uint32_t baud = config->baud == 0 ? ROM_WIRE_BAUD : config->baud;
    const uint32_t i2c_hz = wire->name.speed_given ? wire->name.speed_hz : ROM_WIRE_I2C_HZ;
    const uint32_t byte_hz = is_i2c(wire) ? i2c_hz / I2C_BITS : baud / UART_BITS;
    if (baud < ROM_WIRE_BAUD_MIN || baud > ROM_WIRE_BAUD_MAX) {
        return "the ROM bootloader measures 1200 to 115200 baud";
    }
    wire->name.baud = baud;
    wire->name.speed_hz = i2c_hz;
    traits->framed = is_i2c(wire);
    traits->chunk_bytes = config->chunk_bytes == 0 ? FERRY_ROM_CHUNK_MAX : config->chunk_bytes;
    traits->byte_us = (uint16_t)(1000000U / byte_hz + 1U); /* <= 9175: byte_hz >= 109 */
    if (traits->chunk_bytes < FERRY_ROM_CHUNK_MIN || traits->chunk_bytes > FERRY_ROM_CHUNK_MAX ||
        traits->chunk_bytes % FERRY_ROM_CHUNK_MIN != 0) {
        return "a chunk is 16 to 256 bytes, a multiple of 16";
    }
    if (config->gap_ms > ROM_WIRE_GAP_MAX_MS || (config->gap_ms > 0 && is_i2c(wire))) {
        return "a gap is 0 to 100 ms, for serial ports only";
    }
    if (config->gap_ms > 0) { /* counted from when a byte is queued: its own time comes first */
        traits->gap_ms = (uint8_t)(config->gap_ms + traits->byte_us / 1000U + 1U);
    }
    return NULL;
}

const char *rom_wire_init(struct rom_wire *wire, const struct rom_wire_config *config)
{
    memset(wire, 0, sizeof *wire);
    wire->config = *config;
    wire->serial = closed_serial;
    wire->i2c = closed_i2c;
    wire->lines = gateway_gpio_lines(&wire->gpio, config->nrst, config->boot0);
    wire->has_lines = is_named(config->nrst);
    if (!is_named(config->port)) {
        return "a port is needed";
    }
    const char *wrong = node_port_parse(config->port, &wire->name);
    if (wrong == NULL && wire->name.transport == NODE_SPI) {
        wrong = "Ferry speaks to ST's ROM over UART and I2C, not over SPI";
    }
    wrong = wrong == NULL ? take_traits(wire) : wrong;
    return wrong == NULL ? check_lines(wire) : wrong;
}

/* --- open and close ----------------------------------------------------------------------- */

static int keep_error(struct rom_wire *wire, int status, const char *error)
{
    if (status != FERRY_OK) {
        memcpy(wire->error, error, sizeof wire->error);
    }
    return status;
}

static int open_serial(struct rom_wire *wire)
{
    int status = ferry_serial_open(&wire->serial, wire->name.path, wire->name.baud);
    if (status == FERRY_OK) {
        wire->no_parity = !ferry_serial_even_parity(&wire->serial);
        gateway_gpio_set_serial(&wire->gpio, &wire->serial);
    }
    return keep_error(wire, status, wire->serial.error);
}

static int open_i2c(struct rom_wire *wire, uint8_t address)
{
    int status = ferry_i2c_open(&wire->i2c, wire->name.path, address, wire->name.speed_hz);
    if (status == FERRY_OK) {
        wire->address = address;
        ferry_i2c_set_timeout(&wire->i2c, ROM_WIRE_STRETCH_MS);
    }
    return keep_error(wire, status, wire->i2c.error);
}

int rom_wire_open(struct rom_wire *wire)
{
    wire->stuck = false;
    wire->tried = 1;
    return !is_i2c(wire)
               ? open_serial(wire)
               : open_i2c(wire, wire->name.address_given ? (uint8_t)wire->name.i2c_address
                                                         : ferry_rom_chip_at(0)->i2c_address);
}

/* A held chip starts; one in its ROM stays there, and its next reset, by whomever, starts the
 * application. */
static void let_go(struct rom_wire *wire)
{
    if (wire->has_lines && (wire->reset_part == HELD || wire->reset_rom)) {
        (void)wire->lines.reset(wire->lines.ctx, false, false);
    }
    wire->reset_part = IDLE;
    wire->reset_rom = false;
}

void rom_wire_close(struct rom_wire *wire)
{
    let_go(wire);
    gateway_gpio_close(&wire->gpio);
    ferry_serial_close(&wire->serial);
    ferry_i2c_close(&wire->i2c);
}

/* Chips of a family share addresses. */
static bool was_tried(size_t line)
{
    const uint8_t address = ferry_rom_chip_at(line)->i2c_address;
    for (size_t i = 0; i < line; i++) {
        if (ferry_rom_chip_at(i)->i2c_address == address) {
            return true;
        }
    }
    return false;
}

bool rom_wire_next_address(struct rom_wire *wire)
{
    const struct ferry_rom_chip *chip = NULL;
    if (!is_i2c(wire) || wire->name.address_given) {
        return false;
    }
    while ((chip = ferry_rom_chip_at(wire->tried)) != NULL && was_tried(wire->tried)) {
        wire->tried++;
    }
    if (chip == NULL) {
        return false;
    }
    wire->tried++;
    ferry_i2c_close(&wire->i2c);
    return open_i2c(wire, chip->i2c_address) == FERRY_OK;
}

/* --- actions ------------------------------------------------------------------------------ */

/* What a write took. A port whose other end is gone may fill up and stay so. */
static int judge_taken(struct rom_wire *wire, size_t taken, uint32_t now_ms)
{
    if (taken > 0) {
        wire->stuck = false;
        return FERRY_OK;
    }
    if (!wire->stuck) {
        wire->stuck = true;
        wire->stuck_ms = now_ms;
    }
    if (now_ms - wire->stuck_ms < ROM_WIRE_STUCK_MS) {
        return FERRY_MORE;
    }
    return ferry_device_fail(wire->error, FERRY_IO, "%s: the port takes no bytes", wire->name.path);
}

static int serial_write(struct rom_wire *wire, struct ferry_rom *rom,
                        const struct ferry_rom_action *action)
{
    size_t taken = 0;
    if (action->flush) {
        ferry_serial_forget(&wire->serial);
    }
    int status = ferry_serial_write(&wire->serial, action->bytes, action->size, &taken);
    if (status != FERRY_OK) {
        return keep_error(wire, status, wire->serial.error);
    }
    const uint32_t now_ms = ferry_posix_now_ms();
    if (taken > 0) {
        ferry_rom_sent(rom, taken, now_ms);
    }
    return judge_taken(wire, taken, now_ms);
}

static int serial_read(struct rom_wire *wire, struct ferry_rom *rom)
{
    uint8_t bytes[FERRY_ROM_BUFFER_SIZE];
    size_t got = 0;
    int status = ferry_serial_read(&wire->serial, bytes, sizeof bytes, &got);
    if (status != FERRY_OK) {
        return keep_error(wire, status, wire->serial.error);
    }
    if (got == 0) {
        return FERRY_MORE;
    }
    ferry_rom_input(rom, bytes, got, ferry_posix_now_ms());
    return FERRY_OK;
}

/* What was not acknowledged, or held for too long, is the state machine's to judge. */
static int judge_transfer(struct rom_wire *wire, struct ferry_rom *rom, int status)
{
    if (status == FERRY_BUSY || status == FERRY_TIMEOUT) {
        ferry_rom_refused(rom, ferry_posix_now_ms());
        return FERRY_OK;
    }
    if (status == FERRY_ARGUMENT) {
        return ferry_device_fail(
            wire->error, status,
            "the I2C adapter refuses transfers of %u bytes: use a smaller chunk",
            wire->traits.chunk_bytes);
    }
    return keep_error(wire, status, wire->i2c.error);
}

static int i2c_write(struct rom_wire *wire, struct ferry_rom *rom,
                     const struct ferry_rom_action *action)
{
    int status = ferry_i2c_write(&wire->i2c, action->bytes, action->size);
    if (status == FERRY_OK) {
        ferry_rom_sent(rom, action->size, ferry_posix_now_ms());
    }
    return judge_transfer(wire, rom, status);
}

/* Never more than a list: 257 bytes. */
static int i2c_read(struct rom_wire *wire, struct ferry_rom *rom,
                    const struct ferry_rom_action *action)
{
    uint8_t bytes[FERRY_ROM_BUFFER_SIZE];
    const size_t size = action->size < sizeof bytes ? action->size : sizeof bytes;
    int status = ferry_i2c_read(&wire->i2c, bytes, size);
    if (status == FERRY_OK) {
        ferry_rom_input(rom, bytes, size, ferry_posix_now_ms());
    }
    return judge_transfer(wire, rom, status);
}

int rom_wire_do(struct rom_wire *wire, struct ferry_rom *rom, const struct ferry_rom_action *action)
{
    if (action->type == FERRY_ROM_WRITE) {
        return is_i2c(wire) ? i2c_write(wire, rom, action) : serial_write(wire, rom, action);
    }
    if (action->type == FERRY_ROM_READ) {
        return is_i2c(wire) ? i2c_read(wire, rom, action) : serial_read(wire, rom);
    }
    return FERRY_MORE;
}

static void sleep_ms(uint32_t wait_ms, int stop_fd)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    poll(&stop, 1, (int)(wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS));
}

void rom_wire_wait(const struct rom_wire *wire, const struct ferry_rom_action *action, int stop_fd)
{
    if (is_i2c(wire) || action->type == FERRY_ROM_WAIT) {
        sleep_ms(action->wait_ms, stop_fd);
    } else if (action->type == FERRY_ROM_WRITE) {
        sleep_ms(STEP_MS, stop_fd); /* the queue holds 4 KB: it is full of a dead adapter's bytes */
    } else {
        ferry_serial_wait(&wire->serial, false, stop_fd, action->wait_ms);
    }
}

int rom_wire_run(struct rom_wire *wire, struct ferry_rom *rom,
                 const struct ferry_rom_request *request, bool (*stop)(void))
{
    struct ferry_rom_action action = {.type = FERRY_ROM_WAIT};
    int status = ferry_rom_start(rom, request, ferry_posix_now_ms());
    while (status == FERRY_OK || status == FERRY_MORE) {
        if (stop != NULL && stop()) {
            return FERRY_ABORTED;
        }
        if (status == FERRY_MORE) {
            rom_wire_wait(wire, &action, -1);
        }
        status = ferry_rom_step(rom, ferry_posix_now_ms(), &action);
        if (status != FERRY_MORE) {
            break;
        }
        status = rom_wire_do(wire, rom, &action);
    }
    return status;
}

/* --- reset -------------------------------------------------------------------------------- */

static int set_lines(struct rom_wire *wire, bool hold, uint8_t part)
{
    int status = wire->lines.reset(wire->lines.ctx, hold, wire->reset_rom);
    wire->reset_part = status == FERRY_OK ? part : IDLE;
    wire->reset_ms = ferry_posix_now_ms();
    return keep_error(wire, status, wire->gpio.error);
}

int rom_wire_reset_begin(struct rom_wire *wire, bool rom)
{
    wire->reset_rom = rom;
    wire->reset_part = IDLE;
    return wire->has_lines ? set_lines(wire, true, HELD) : FERRY_OK;
}

int rom_wire_reset_step(struct rom_wire *wire)
{
    const uint32_t gone_ms = ferry_posix_now_ms() - wire->reset_ms;
    if (wire->reset_part == IDLE) {
        return FERRY_OK;
    }
    if (wire->reset_part == HELD) {
        int status = gone_ms < ROM_WIRE_PULSE_MS ? FERRY_OK : set_lines(wire, false, STARTING);
        return status == FERRY_OK ? FERRY_MORE : status;
    }
    if (wire->reset_rom && gone_ms < ROM_WIRE_START_MS) {
        return FERRY_MORE;
    }
    wire->reset_part = IDLE;
    return FERRY_OK;
}

int rom_wire_reset(struct rom_wire *wire, bool rom, bool (*stop)(void))
{
    int status = rom_wire_reset_begin(wire, rom);
    while (status == FERRY_OK || status == FERRY_MORE) {
        status = rom_wire_reset_step(wire);
        if (status != FERRY_MORE) {
            break;
        }
        if (stop != NULL && stop()) {
            let_go(wire);
            return FERRY_ABORTED;
        }
        sleep_ms(STEP_MS, -1);
    }
    return status;
}
