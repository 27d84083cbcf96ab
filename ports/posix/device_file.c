#include "device_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int ferry_device_fail(char *error, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, FERRY_DEVICE_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return status;
}

/* Who may open it: the group of the device, and how to become a member. */
static int fail_denied(char *error, const char *path)
{
    struct stat device;
    struct group entry;
    struct group *group = NULL;
    char names[1024];
    bool found = stat(path, &device) == 0 &&
                 getgrgid_r(device.st_gid, &entry, names, sizeof names, &group) == 0 &&
                 group != NULL;
    if (!found || device.st_gid == 0 || (device.st_mode & 0060) != 0060) {
        return ferry_device_fail(error, FERRY_IO,
                                 "%s: permission denied; its owner must allow access", path);
    }
    return ferry_device_fail(error, FERRY_IO,
                             "%s: permission denied; join the group %s with `sudo usermod -aG %s "
                             "$USER`, then log in again",
                             path, group->gr_name, group->gr_name);
}

int ferry_device_open(const char *path, int *fd, char *error)
{
    *fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (*fd >= 0) {
        return FERRY_OK;
    }
    switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return ferry_device_fail(error, FERRY_ARGUMENT, "%s: no such port", path);
    case EACCES:
    case EPERM:
        return fail_denied(error, path);
    case EBUSY:
        return ferry_device_fail(error, FERRY_BUSY, "%s: in use by another program", path);
    default:
        return ferry_device_fail(error, FERRY_IO, "%s: %s", path, strerror(errno));
    }
}
