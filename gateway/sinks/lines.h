/*
 * lines.h - NRST and BOOT0 of a node by GPIO (libgpiod) as the lines of a link.
 *
 * NRST is open drain: the chip pulls it up itself, and low in each of its own resets. BOOT0 is
 * driven both ways. Both are requested at the first use and held until gateway_gpio_close.
 */
#ifndef GATEWAY_SINKS_LINES_H
#define GATEWAY_SINKS_LINES_H

#include "gpio.h"
#include "link.h"

struct gateway_gpio {
    struct ferry_gpio nrst, boot0;
    const char *nrst_name, *boot0_name; /* CHIP:LINE, borrowed; NULL or "": not connected */
    char error[FERRY_DEVICE_ERROR_SIZE];
};

/* Fills `gpio`; the result borrows it. */
struct gateway_lines gateway_gpio_lines(struct gateway_gpio *gpio, const char *nrst,
                                        const char *boot0);

void gateway_gpio_close(struct gateway_gpio *gpio);

#endif
