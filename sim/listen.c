/* A Unix stream socket to listen on, for the owner only. */
#define _GNU_SOURCE
#include "app.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

/* A socket left by a dead process goes; a live one or another kind of file stays. */
static bool remove_stale(const char *path, const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return true;
    if (!S_ISSOCK(info.st_mode))
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive =
        probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    if (probe >= 0)
        close(probe);
    return !alive && unlink(path) == 0;
}

int app_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "ferry-sim: %s: socket path too long\n", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1u);
    if (!remove_stale(path, &address)) {
        fprintf(stderr, "ferry-sim: %s: in use\n", path);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177); /* whoever may write here may make us read and write files */
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, BACKLOG) == 0;
    umask(before);
    if (ok)
        return fd;
    fprintf(stderr, "ferry-sim: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int app_accept(int listener)
{
    return listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void app_unlisten(int *listener, const char *path)
{
    if (*listener < 0)
        return;
    close(*listener);
    unlink(path);
    *listener = -1;
}
