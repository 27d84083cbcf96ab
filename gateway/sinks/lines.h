/*
 * lines.h - NRST and BOOT0 of a node by GPIO (libgpiod), or by DTR and RTS of a serial adapter, as
 * the lines of a link.
 *
 *   gpiochip0:17   a GPIO line
 *   dtr, rts       the adapter's pin (DTR#, RTS#: low when asserted)
 *   !NAME          the same through an inverter, as the transistor of many adapters
 *
 * NRST by GPIO is open drain: the chip pulls it up itself, and low in each of its own resets; not
 * with an inverter. BOOT0 is driven both ways. Both are requested at the first use and held until
 * gateway_gpio_close.
 */
#ifndef GATEWAY_SINKS_LINES_H
#define GATEWAY_SINKS_LINES_H

#include "gpio.h"
#include "link.h"
#include "serial.h"

struct gateway_gpio {
    struct ferry_gpio nrst, boot0;
    const char *nrst_name, *boot0_name; /* borrowed; NULL or "": not connected */
    struct ferry_serial *serial;        /* whose DTR and RTS are meant; NULL: none */
    char error[FERRY_DEVICE_ERROR_SIZE];
};

/* Is it written as one of the above? "" is not. Whether the line exists, its first use shows. */
bool gateway_line_is_valid(const char *name);

/* Is it dtr or rts of a serial adapter, with or without an inverter? NULL and "" are not. */
bool gateway_line_is_modem(const char *name);

/* Fills `gpio`; the result borrows it. */
struct gateway_lines gateway_gpio_lines(struct gateway_gpio *gpio, const char *nrst,
                                        const char *boot0);

/* Which open serial port `dtr` and `rts` belong to; borrowed. */
void gateway_gpio_set_serial(struct gateway_gpio *gpio, struct ferry_serial *serial);

void gateway_gpio_close(struct gateway_gpio *gpio);

#endif
