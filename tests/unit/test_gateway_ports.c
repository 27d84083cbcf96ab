/* What the SPI and I2C ports clock while a node is silent or busy: the test is bus and clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "i2c_port.h"
#include "spi_port.h"

#include <string.h>

enum { LOOKS_MAX = 4096, WINDOW = 20480, SPARING_MS = 250 };

static struct {
    uint32_t now_ms;
    size_t looks;
    size_t size[LOOKS_MAX];
    uint32_t at_ms[LOOKS_MAX];
    uint32_t filler; /* bytes of looks */
    uint8_t next;    /* byte that the node sends first in the next look */
    int i2c_status;
} bus;

static struct gateway_spi spi;
static struct gateway_i2c i2c;
static struct gateway_port port;

uint32_t ferry_posix_now_ms(void)
{
    return bus.now_ms;
}

static void note_look(uint8_t *in, size_t size)
{
    assert_true(bus.looks < LOOKS_MAX);
    bus.size[bus.looks] = size;
    bus.at_ms[bus.looks++] = bus.now_ms;
    bus.filler += (uint32_t)size;
    memset(in, 0, size);
    in[0] = bus.next;
    bus.next = 0;
}

int ferry_spi_open(struct ferry_spi *object, const char *path, uint32_t speed_hz)
{
    (void)object;
    (void)path;
    (void)speed_hz;
    return FERRY_OK;
}

void ferry_spi_close(struct ferry_spi *object)
{
    (void)object;
}

int ferry_spi_transfer(struct ferry_spi *object, const uint8_t *out, uint8_t *in, size_t size)
{
    (void)object;
    if (out == NULL) {
        note_look(in, size);
    } else {
        memset(in, 0, size);
    }
    return FERRY_OK;
}

int ferry_i2c_open(struct ferry_i2c *object, const char *path, uint8_t address, uint32_t speed_hz)
{
    (void)object;
    (void)path;
    (void)address;
    (void)speed_hz;
    return FERRY_OK;
}

void ferry_i2c_close(struct ferry_i2c *object)
{
    (void)object;
}

int ferry_i2c_write(struct ferry_i2c *object, const uint8_t *data, size_t size)
{
    (void)object;
    (void)data;
    (void)size;
    bus.now_ms += 47; /* 2 KB at 400 kHz */
    return bus.i2c_status;
}

int ferry_i2c_read(struct ferry_i2c *object, uint8_t *out, size_t size)
{
    (void)object;
    note_look(out, size);
    return FERRY_OK;
}

static void start(struct gateway_port of)
{
    memset(&bus, 0, sizeof bus);
    bus.now_ms = 0xFFFFFF00; /* the clock wraps on the way */
    port = of;
    assert_int_equal(port.open(port.ctx), FERRY_OK);
}

static int start_spi(void **state)
{
    (void)state;
    start(gateway_spi_port(&spi, "/dev/spidev0.0", 10000000));
    return 0;
}

static int start_i2c(void **state)
{
    (void)state;
    start(gateway_i2c_port(&i2c, "/dev/i2c-1", 0x42, 400000));
    return 0;
}

static size_t read_port(void)
{
    uint8_t out[256];
    size_t got = 0;
    assert_int_equal(port.read(port.ctx, out, sizeof out, &got), FERRY_OK);
    return got;
}

static void write_port(void)
{
    static const uint8_t frame[200];
    size_t taken = 0;
    assert_int_equal(port.write(port.ctx, frame, sizeof frame, &taken), FERRY_OK);
    assert_int_equal(taken, bus.i2c_status == FERRY_OK ? sizeof frame : 0);
}

/* Something was sent, nothing comes; asked each millisecond. */
static void be_silent(uint32_t span_ms)
{
    bus.looks = 0;
    bus.filler = 0;
    write_port();
    for (uint32_t i = 0; i < span_ms; i++, bus.now_ms++) {
        assert_int_equal(read_port(), 0);
    }
}

/* Bytes until there are only four looks a second. */
static uint32_t filler_until_sparing(void)
{
    uint32_t filler = 0;
    for (size_t i = 0; i + 1 < bus.looks; i++) {
        filler += (uint32_t)bus.size[i];
        if (bus.at_ms[i + 1] - bus.at_ms[i] >= SPARING_MS) {
            return filler;
        }
    }
    fail_msg("always as fast");
    return 0;
}

static size_t longest_look(void)
{
    size_t longest = 0;
    for (size_t i = 0; i < bus.looks; i++) {
        longest = bus.size[i] > longest ? bus.size[i] : longest;
    }
    return longest;
}

static void spi_looks_are_short_while_the_ring_is_unknown(void **state)
{
    (void)state;
    be_silent(20000);
    assert_int_equal(longest_look(), 8);
    assert_in_range(filler_until_sparing(), 1000, 1024 + 8);
}

static void spi_looks_reach_an_answer_when_silence_is_long(void **state)
{
    (void)state;
    port.window(port.ctx, WINDOW, true);
    be_silent(1000);
    for (size_t i = 0; i < bus.looks; i++) {
        bool late = bus.at_ms[i] - bus.at_ms[0] >= 128;
        assert_int_equal(bus.size[i], late ? 72 : 8);
    }
    assert_in_range(bus.filler, 1024, 4096);
}

/* The window is a quarter of the ring: looks get half of it. */
static void spi_filler_keeps_to_half_of_the_ring(void **state)
{
    (void)state;
    for (uint32_t window = 400; window <= 6400; window *= 2) {
        uint32_t most = 2 * window > 1024 ? 2 * window : 1024;
        start_spi(NULL);
        port.window(port.ctx, window, true);
        be_silent(60000);
        assert_in_range(filler_until_sparing(), most - 72, most + 8);
    }
}

static void spi_filler_is_less_before_it_was_opened(void **state)
{
    (void)state;
    port.window(port.ctx, WINDOW, false);
    be_silent(20000);
    assert_int_equal(longest_look(), 72);
    assert_in_range(filler_until_sparing(), 1400, 1536 + 8);
}

static void spi_window_that_is_forgotten_counts_no_more(void **state)
{
    (void)state;
    port.window(port.ctx, WINDOW, true);
    port.window(port.ctx, 0, false);
    be_silent(20000);
    assert_int_equal(longest_look(), 8);
    port.window(port.ctx, UINT32_MAX, true); /* a node may say anything */
    port.close(port.ctx);
    start_spi(NULL);
    be_silent(20000);
    assert_int_equal(longest_look(), 8);
}

static void spi_answer_starts_the_count_anew(void **state)
{
    (void)state;
    be_silent(20000);
    bus.next = 'x';
    bus.now_ms += SPARING_MS;
    assert_int_equal(read_port(), 2); /* with the 0x00 behind it */
    be_silent(20000);
    assert_in_range(filler_until_sparing(), 1000, 1024 + 8);
}

static void i2c_writes_in_a_row_have_the_wire(void **state)
{
    uint32_t began_ms = bus.now_ms;
    (void)state;
    while (bus.now_ms - began_ms < 5000) {
        read_port();
        write_port();
    }
    assert_in_range(bus.looks, 5000 / 300, 5000 / 250 + 1);
}

static void i2c_looks_at_once_when_the_writes_end(void **state)
{
    (void)state;
    read_port();
    for (size_t i = 0; i < 3; i++) {
        write_port();
        read_port();
    }
    assert_int_equal(bus.looks, 1);
    read_port();
    assert_int_equal(bus.looks, 2);
}

static void i2c_write_that_was_refused_is_none(void **state)
{
    (void)state;
    read_port();
    bus.i2c_status = FERRY_BUSY;
    write_port();
    bus.now_ms += 3;
    read_port();
    assert_int_equal(bus.looks, 2);
}

#define SPI_TEST(name) cmocka_unit_test_setup(name, start_spi)
#define I2C_TEST(name) cmocka_unit_test_setup(name, start_i2c)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPI_TEST(spi_looks_are_short_while_the_ring_is_unknown),
        SPI_TEST(spi_looks_reach_an_answer_when_silence_is_long),
        SPI_TEST(spi_filler_keeps_to_half_of_the_ring),
        SPI_TEST(spi_filler_is_less_before_it_was_opened),
        SPI_TEST(spi_window_that_is_forgotten_counts_no_more),
        SPI_TEST(spi_answer_starts_the_count_anew),
        I2C_TEST(i2c_writes_in_a_row_have_the_wire),
        I2C_TEST(i2c_looks_at_once_when_the_writes_end),
        I2C_TEST(i2c_write_that_was_refused_is_none),
    };
    return cmocka_run_group_tests_name("gateway_ports", tests, NULL, NULL);
}
