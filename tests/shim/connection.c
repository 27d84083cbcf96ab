#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEADER = 4 };

int shim_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("FERRY_BUS_SOCKET");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path != NULL ? path : "");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

/* send and recv, not write and read: those are ours. */
static bool send_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = send(fd, bytes, size, MSG_NOSIGNAL);
        if (done <= 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool receive_all(int fd, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = recv(fd, bytes, size, 0);
        if (done == 0 || (done < 0 && errno != EINTR)) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool receive_answer(int fd, uint8_t *status, uint8_t *in, size_t max)
{
    uint8_t header[HEADER];
    if (!receive_all(fd, header, sizeof header)) {
        return false;
    }
    size_t size = header[2] | (size_t)header[3] << 8;
    size_t kept = size < max ? size : max;
    *status = header[0];
    if (!receive_all(fd, in, kept)) {
        return false;
    }
    for (uint8_t rest; size > kept; size--) {
        if (!receive_all(fd, &rest, 1)) {
            return false;
        }
    }
    return true;
}

int shim_request(int fd, uint8_t op, uint8_t arg, const uint8_t *out, size_t size, uint8_t *in,
                 size_t max)
{
    const uint8_t header[HEADER] = {op, arg, (uint8_t)size, (uint8_t)(size >> 8)};
    uint8_t status = SHIM_IMPOSSIBLE;
    if (!send_all(fd, header, sizeof header) || !send_all(fd, out, size) ||
        !receive_answer(fd, &status, in, max)) {
        errno = ENODEV;
        return -1;
    }
    return status;
}
