/* GPIO chips: both versions of the interface in <linux/gpio.h>. */
#include "shim.h"

#include <errno.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { RELEASED = 0xFF };

/* Lines change seldom: a connection for each request. */
static int line_request(uint8_t op, uint32_t line, uint8_t out, uint8_t *in)
{
    int fd = shim_connect();
    if (fd < 0) {
        errno = ENODEV;
        return -1;
    }
    int status = shim_request(fd, op, (uint8_t)line, &out, op == SHIM_OP_SET ? 1 : 0, in, 1);
    close(fd);
    if (status != SHIM_OK) {
        errno = status < 0 ? ENODEV : EIO;
        return -1;
    }
    return 0;
}

static int set_line(const struct shim_file *file, uint32_t index, bool high)
{
    uint8_t level = high ? (file->open_drain ? RELEASED : 1) : 0;
    uint8_t none;
    return line_request(SHIM_OP_SET, file->offsets[index], level, &none);
}

static int get_line(const struct shim_file *file, uint32_t index, uint8_t *level)
{
    *level = 0;
    return line_request(SHIM_OP_GET, file->offsets[index], 0, level);
}

static bool exists(const uint32_t *offsets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (offsets[i] >= SHIM_CHIP_LINES) {
            return false;
        }
    }
    return count > 0 && count <= SHIM_LINES_MAX;
}

/* --- the chip --------------------------------------------------------------------------------- */

static int chip_info(struct gpiochip_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->name, sizeof info->name, "gpiochip0");
    snprintf(info->label, sizeof info->label, "virtual-board");
    info->lines = SHIM_CHIP_LINES;
    return 0;
}

static int line_info(struct gpioline_info *info)
{
    uint32_t offset = info->line_offset;
    memset(info, 0, sizeof *info);
    info->line_offset = offset;
    errno = EINVAL;
    return offset < SHIM_CHIP_LINES ? 0 : -1;
}

static int line_info_v2(struct gpio_v2_line_info *info)
{
    uint32_t offset = info->offset;
    memset(info, 0, sizeof *info);
    info->offset = offset;
    info->flags = GPIO_V2_LINE_FLAG_INPUT;
    errno = EINVAL;
    return offset < SHIM_CHIP_LINES ? 0 : -1;
}

/* Takes the lines and sets the levels that outputs have from their first moment. */
static int start_lines(struct shim_file *file, const uint8_t *levels)
{
    int fd = shim_add_lines(file);
    for (uint32_t i = 0; fd >= 0 && file->output && i < file->count; i++) {
        if (set_line(file, i, levels[i] != 0) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
    }
    return fd;
}

static int request_lines(struct gpiohandle_request *request)
{
    struct shim_file file = {.kind = SHIM_LINES,
                             .count = request->lines,
                             .output = (request->flags & GPIOHANDLE_REQUEST_OUTPUT) != 0,
                             .open_drain = (request->flags & GPIOHANDLE_REQUEST_OPEN_DRAIN) != 0};
    if (!exists(request->lineoffsets, request->lines)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(file.offsets, request->lineoffsets, sizeof file.offsets);
    request->fd = start_lines(&file, request->default_values);
    return request->fd < 0 ? -1 : 0;
}

/* Bits of the attribute that gives outputs their values; 0 where there is none. */
static uint64_t output_values(const struct gpio_v2_line_config *config)
{
    for (uint32_t i = 0; i < config->num_attrs && i < GPIO_V2_LINE_NUM_ATTRS_MAX; i++) {
        if (config->attrs[i].attr.id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES) {
            return config->attrs[i].attr.values & config->attrs[i].mask;
        }
    }
    return 0;
}

static int request_lines_v2(struct gpio_v2_line_request *request)
{
    uint64_t flags = request->config.flags;
    uint64_t values = output_values(&request->config);
    uint8_t levels[SHIM_LINES_MAX];
    struct shim_file file = {.kind = SHIM_LINES,
                             .count = request->num_lines,
                             .output = (flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0,
                             .open_drain = (flags & GPIO_V2_LINE_FLAG_OPEN_DRAIN) != 0};
    if (!exists(request->offsets, request->num_lines)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(file.offsets, request->offsets, sizeof file.offsets);
    for (uint32_t i = 0; i < SHIM_LINES_MAX; i++) {
        levels[i] = (values >> i) & 1;
    }
    request->fd = start_lines(&file, levels);
    return request->fd < 0 ? -1 : 0;
}

int shim_chip_ioctl(unsigned long request, void *argument)
{
    switch (request) {
    case GPIO_GET_CHIPINFO_IOCTL:
        return chip_info(argument);
    case GPIO_GET_LINEINFO_IOCTL:
        return line_info(argument);
    case GPIO_V2_GET_LINEINFO_IOCTL:
        return line_info_v2(argument);
    case GPIO_GET_LINEHANDLE_IOCTL:
        return request_lines(argument);
    case GPIO_V2_GET_LINE_IOCTL:
        return request_lines_v2(argument);
    default:
        errno = ENOTTY;
        return -1;
    }
}

/* --- requested lines -------------------------------------------------------------------------- */

static int set_values(const struct shim_file *file, const uint8_t *levels, uint64_t mask)
{
    if (!file->output) {
        errno = EPERM;
        return -1;
    }
    for (uint32_t i = 0; i < file->count; i++) {
        if (((mask >> i) & 1) != 0 && set_line(file, i, levels[i] != 0) != 0) {
            return -1;
        }
    }
    return 0;
}

static int get_values(const struct shim_file *file, uint8_t *levels)
{
    for (uint32_t i = 0; i < file->count; i++) {
        if (get_line(file, i, &levels[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int values_v2(const struct shim_file *file, struct gpio_v2_line_values *values, bool set)
{
    uint8_t levels[SHIM_LINES_MAX] = {0};
    for (uint32_t i = 0; i < SHIM_LINES_MAX; i++) {
        levels[i] = (values->bits >> i) & 1;
    }
    if (set) {
        return set_values(file, levels, values->mask);
    }
    if (get_values(file, levels) != 0) {
        return -1;
    }
    values->bits = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        values->bits |= (uint64_t)(levels[i] != 0) << i;
    }
    values->bits &= values->mask;
    return 0;
}

int shim_lines_ioctl(const struct shim_file *file, unsigned long request, void *argument)
{
    struct gpiohandle_data *data = argument;
    switch (request) {
    case GPIOHANDLE_SET_LINE_VALUES_IOCTL:
        return set_values(file, data->values, UINT64_MAX);
    case GPIOHANDLE_GET_LINE_VALUES_IOCTL:
        return get_values(file, data->values);
    case GPIO_V2_LINE_SET_VALUES_IOCTL:
        return values_v2(file, argument, true);
    case GPIO_V2_LINE_GET_VALUES_IOCTL:
        return values_v2(file, argument, false);
    default:
        errno = ENOTTY;
        return -1;
    }
}
