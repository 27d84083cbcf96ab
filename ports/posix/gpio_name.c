#include "gpio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OFFSET_MAX = 65535 };

bool ferry_gpio_parse(const char *name, char chip[FERRY_GPIO_CHIP_SIZE], unsigned *offset)
{
    const char *colon = strrchr(name, ':');
    if (colon == NULL || colon == name || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (errno != 0 || *end != '\0' || number > OFFSET_MAX) {
        return false;
    }
    const char *folder = name[0] == '/' ? "" : "/dev/";
    int length = snprintf(chip, FERRY_GPIO_CHIP_SIZE, "%s%.*s", folder, (int)(colon - name), name);
    *offset = (unsigned)number;
    return length > 0 && length < FERRY_GPIO_CHIP_SIZE;
}
