/*
 * gpio_internal.h - what gpio_v1.c and gpio_v2.c share: the words and the status of a failure, so
 * that people read the same whatever version of libgpiod the machine has.
 */
#ifndef FERRY_POSIX_GPIO_INTERNAL_H
#define FERRY_POSIX_GPIO_INTERNAL_H

#include "gpio.h"

/* Each closes `gpio`, writes the sentence for errno into gpio->error and returns the status. */

/* The name is malformed (errno does not matter). */
int ferry_gpio_fail_name(struct ferry_gpio *gpio, const char *name);

/* The chip could not be opened. The libraries differ in what errno a file gets that is no chip. */
int ferry_gpio_fail_chip(struct ferry_gpio *gpio, const char *name);

/* The chip has not that line (errno does not matter). */
int ferry_gpio_fail_line(struct ferry_gpio *gpio, const char *name);

/* The line was refused. */
int ferry_gpio_fail_request(struct ferry_gpio *gpio, const char *name);

/* A level could not be set. Leaves `gpio` open. */
int ferry_gpio_fail_set(struct ferry_gpio *gpio);

#endif
