/* The configuration's keys of SPI, I2C and GPIO: what they mean together, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL             "source = http\nurl = https://example.org/a.img\n"
#define NODE(name, keys) "[node " name "]\n" keys TAIL

static struct config config; /* large */

static bool load(const char *text)
{
    char path[] = "/tmp/ferry-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool loaded = config_load(&config, path);
    unlink(path);
    return loaded;
}

static const struct node_port_name *port_of(const char *text)
{
    if (!load(text)) {
        fail_msg("%s", config.error);
    }
    return &config.nodes[0].port_name;
}

static void assert_port(const char *text, enum node_transport transport, const char *path,
                        uint32_t speed_hz, uint32_t address)
{
    const struct node_port_name *name = port_of(text);
    assert_int_equal(name->transport, transport);
    assert_string_equal(name->path, path);
    assert_int_equal(name->speed_hz, speed_hz);
    assert_int_equal(name->i2c_address, address);
}

static void assert_refused(const char *text, int line, const char *words)
{
    char place[32];
    snprintf(place, sizeof place, ":%d: ", line);
    assert_false(load(text));
    if (strstr(config.error, place) == NULL || strstr(config.error, words) == NULL) {
        fail_msg("'%s' should say '%s' in line %d", config.error, words, line);
    }
}

static void spi_ports(void **state)
{
    (void)state;
    assert_port(NODE("n", "port = spidev:/dev/spidev0.0\n"), NODE_SPI, "/dev/spidev0.0", 10000000,
                0x42);
    assert_port(NODE("n", "port = /dev/spidev1.0\n"), NODE_SPI, "/dev/spidev1.0", 10000000, 0x42);
    assert_port(NODE("n", "port = /dev/spidev0.0\nspeed_hz = 2000000\n"), NODE_SPI,
                "/dev/spidev0.0", 2000000, 0x42);
    assert_port(NODE("n", "port = spidev:/dev/spidev0.0@500000\nspeed_hz = 2000000\n"), NODE_SPI,
                "/dev/spidev0.0", 500000, 0x42); /* the port's own word counts */
}

static void i2c_ports(void **state)
{
    (void)state;
    assert_port(NODE("n", "port = i2c:/dev/i2c-1\n"), NODE_I2C, "/dev/i2c-1", 400000, 0x42);
    assert_port(NODE("n", "port = /dev/i2c-1\ni2c_address = 0x33\nspeed_hz = 100000\n"), NODE_I2C,
                "/dev/i2c-1", 100000, 0x33);
    assert_port(NODE("n", "port = /dev/i2c-1\ni2c_address = 51\n"), NODE_I2C, "/dev/i2c-1", 400000,
                51);
    assert_port(NODE("n", "port = i2c:/dev/i2c-1:0x20@100000\ni2c_address = 0x33\n"), NODE_I2C,
                "/dev/i2c-1", 100000, 0x20);
}

static void defaults_are_for_the_ports_they_fit(void **state)
{
    (void)state;
    assert_port(
        "speed_hz = 1000000\ni2c_address = 0x11\nbaud = 9600\n" NODE("n", "port = /dev/spidev0.0\n")
            NODE("m", "port = /dev/i2c-1\nspeed_hz = 50000\n") NODE("u", "port = /dev/ttyX\n"),
        NODE_SPI, "/dev/spidev0.0", 1000000, 0x11);
    assert_int_equal(config.nodes[1].port_name.speed_hz, 50000);
    assert_int_equal(config.nodes[1].port_name.i2c_address, 0x11);
    assert_int_equal(config.nodes[2].port_name.transport, NODE_UART);
    assert_int_equal(config.nodes[2].port_name.baud, 9600);
}

static void keys_of_another_transport_are_refused(void **state)
{
    (void)state;
    assert_refused(NODE("n", "port = /dev/ttyX\nspeed_hz = 1000000\n"), 3, "speed_hz does not fit");
    assert_refused(NODE("n", "port = /dev/ttyX\ni2c_address = 0x42\n"), 3,
                   "i2c_address does not fit");
    assert_refused(NODE("n", "port = /dev/spidev0.0\ni2c_address = 0x42\n"), 3,
                   "i2c_address does not fit");
    assert_refused(NODE("n", "port = /dev/spidev0.0\nbaud = 9600\n"), 3, "baud does not fit");
    assert_refused(NODE("n", "port = /dev/i2c-1\nbaud = 9600\n"), 3, "baud does not fit");
}

static void values_have_bounds(void **state)
{
    static const char *const wrong[] = {"speed_hz = 999\n",        "speed_hz = 100000001\n",
                                        "speed_hz = 4294968296\n", "speed_hz = 1e6\n",
                                        "i2c_address = 7\n",       "i2c_address = 0x78\n",
                                        "i2c_address = -1\n",      "i2c_address = 0x\n"};
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, "[node n]\nport = /dev/i2c-1\n%s" TAIL, wrong[i]);
        assert_refused(text, 3, "should be");
    }
    assert_true(load(NODE("n", "port = /dev/i2c-1\nspeed_hz = 1000\ni2c_address = 0x08\n")));
    assert_true(load(NODE("n", "port = /dev/i2c-1\nspeed_hz = 100000000\ni2c_address = 0x77\n")));
    assert_refused(NODE("n", "port = /dev/spidev0.0@999\n"), 2, "behind @");
    assert_refused(NODE("n", "port = i2c:/dev/i2c-1:0x78\n"), 2, "0x08 to 0x77");
    assert_refused(NODE("n", "port = spidev:\n"), 2, "device file is missing");
}

static void nodes_share_an_i2c_bus_but_no_address(void **state)
{
    (void)state;
    assert_true(load(NODE("n", "port = /dev/i2c-1\n")
                         NODE("m", "port = i2c:/dev/i2c-1\ni2c_address = 0x43\n")));
    assert_refused(NODE("n", "port = /dev/i2c-1\n") NODE("m", "port = i2c:/dev/i2c-1:0x42\n"), 6,
                   "has the same port");
    assert_refused(NODE("n", "port = /dev/spidev0.0\n")
                       NODE("m", "port = spidev:/dev/spidev0.0@1000000\n"),
                   6, "has the same port");
}

static void lines_are_named_by_chip_and_number(void **state)
{
    static const char *const wrong[] = {"17",           "gpiochip0", "gpiochip0:",      ":17",
                                        "gpiochip0:-1", "a:1x",      "gpiochip0:65536", "a: 1"};
    char text[200];
    (void)state;
    assert_true(
        load(NODE("n", "port = /dev/ttyX\nnrst = gpiochip0:17\nboot0 = /dev/gpiochip1:0\n")));
    assert_string_equal(config.nodes[0].nrst, "gpiochip0:17");
    assert_string_equal(config.nodes[0].boot0, "/dev/gpiochip1:0");
    assert_true(load(NODE("n", "port = /dev/ttyX\n")));
    assert_string_equal(config.nodes[0].nrst, "");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, "[node n]\nport = /dev/ttyX\nnrst = %s\n" TAIL, wrong[i]);
        assert_refused(text, 3, "CHIP:LINE");
    }
    snprintf(text, sizeof text, "[node n]\nport = x\nnrst = %070d:1\n" TAIL, 0);
    assert_refused(text, 3, "CHIP:LINE"); /* longer than its place */
    assert_refused(NODE("n", "port = /dev/ttyX\nboot0 = gpiochip0:27\n"), 3, "nrst");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spi_ports),
        cmocka_unit_test(i2c_ports),
        cmocka_unit_test(defaults_are_for_the_ports_they_fit),
        cmocka_unit_test(keys_of_another_transport_are_refused),
        cmocka_unit_test(values_have_bounds),
        cmocka_unit_test(nodes_share_an_i2c_bus_but_no_address),
        cmocka_unit_test(lines_are_named_by_chip_and_number),
    };
    return cmocka_run_group_tests_name("gateway_config", tests, NULL, NULL);
}
