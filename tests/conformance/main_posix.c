/*
 * The conformance test for the POSIX port: its clock, its serial port over a pty pair (a stream of
 * status-returning calls in the port, so a thin adapter stands here), and, as that port has no
 * flash, the emulated flash of the other tests: they rely on it being a faithful one.
 */
#include "conformance.h"

#include "clock.h"
#include "kit_board.h"
#include "serial.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { PTY_CAPACITY = 2048 /* less than the kernel holds for a reader (n_tty: 4095) */ };

static int master = -1;
static struct ferry_serial port = FERRY_SERIAL_CLOSED;

static size_t port_read(void *ctx, uint8_t *out, size_t max)
{
    size_t got;
    (void)ctx;
    return ferry_serial_read(&port, out, max, &got) == FERRY_OK ? got : 0;
}

static size_t port_write(void *ctx, const uint8_t *data, size_t size)
{
    size_t taken;
    (void)ctx;
    return size > 0 && ferry_serial_write(&port, data, size, &taken) == FERRY_OK ? taken : 0;
}

/* On the wire is what the peer can read. */
static bool port_idle(void *ctx)
{
    struct pollfd peer = {.fd = master, .events = POLLIN};
    (void)ctx;
    return poll(&peer, 1, 0) == 0;
}

/* The peer: sends back what it gets. What the line does not take yet is kept. */
static void echo(void)
{
    static uint8_t kept[256];
    static size_t from, to;

    if (from == to) {
        struct pollfd peer = {.fd = master, .events = POLLIN};
        if (poll(&peer, 1, 1) <= 0) {
            return;
        }
        ssize_t count = read(master, kept, sizeof(kept));
        from = 0;
        to = count > 0 ? (size_t)count : 0;
    }
    ssize_t done = write(master, kept + from, to - from);
    from += done > 0 ? (size_t)done : 0;
}

static int open_pair(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        return FERRY_IO;
    }
    return ferry_serial_open(&port, ptsname(master), 921600);
}

static int report(const char *part, int line)
{
    if (line != 0) {
        fprintf(stderr, "%s: conformance.c:%d\n", part, line);
    }
    return line != 0;
}

/* A clock and a flash in step: an erase takes ERASE_MS, of which the clock counts `counted`. */
enum { ERASE_MS = 1000, ERASE_MIN_MS = 500 };
static uint32_t model_ms, counted_ms;

static uint32_t model_now(void *ctx)
{
    (void)ctx;
    return model_ms++;
}

static int model_erase(void *ctx, uint32_t sector)
{
    (void)ctx;
    (void)sector;
    model_ms += counted_ms;
    return FERRY_OK;
}

static int clock_verdict(uint32_t counted)
{
    static const struct ferry_clock clock = {.now_ms = model_now};
    static const struct ferry_flash flash = {.erase = model_erase};
    counted_ms = counted;
    return ferry_conformance_clock(&clock, &flash, 0, ERASE_MIN_MS);
}

/* The part passes a right clock, and not one that loses its ticks during an erase, or makes some
 * up. */
static int check_the_check(void)
{
    int line = clock_verdict(ERASE_MS);
    return line != 0 || clock_verdict(1) == 0 || clock_verdict(20 * ERASE_MS) == 0;
}

int main(void)
{
    static struct kit_flash flash;
    const struct ferry_stream stream = {.read = port_read,
                                        .write = port_write,
                                        .idle = port_idle,
                                        .rx_capacity_bytes = PTY_CAPACITY};

    if (open_pair() != FERRY_OK) {
        fprintf(stderr, "no pty: %s\n", port.error);
        return 2;
    }
    kit_flash_init(&flash, &kit_board);
    int failed = report("flash", ferry_conformance_flash(&flash.port, &kit_board, 6, 0, 4));
    failed |= report("clock", ferry_conformance_clock(&ferry_posix_clock, NULL, 0, 0));
    failed |= report("clock and erase", check_the_check());
    failed |= report("stream", ferry_conformance_stream(&stream, &ferry_posix_clock, echo));
    kit_flash_free(&flash);
    ferry_serial_close(&port);
    close(master);
    return failed;
}
