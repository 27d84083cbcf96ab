/* One ferry-sim for each file that it keeps: a lock beside it, gone with its process. */
#define _GNU_SOURCE
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its last owner may have removed the file between our open() and our flock(). */
static bool is_still_there(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* @return the locked file, or -1 with errno: EWOULDBLOCK if another process has it */
static int take(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        if (is_still_there(fd, path))
            return fd;
        close(fd);
    }
}

bool app_lock(struct app_lock *lock, const char *path)
{
    lock->fd = -1;
    if (asprintf(&lock->path, "%s.lock", path) < 0) {
        lock->path = NULL;
        fprintf(stderr, "ferry-sim: out of memory\n");
        return false;
    }
    lock->fd = take(lock->path);
    if (lock->fd >= 0)
        return true;
    if (errno == EWOULDBLOCK)
        fprintf(stderr, "ferry-sim: %s: in use by another ferry-sim\n", path);
    else
        fprintf(stderr, "ferry-sim: %s: %s\n", lock->path, strerror(errno));
    return false;
}

void app_unlock(struct app_lock *lock)
{
    if (lock->fd >= 0) {
        unlink(lock->path); /* first: whoever waits for it finds another file, or none */
        close(lock->fd);
    }
    free(lock->path);
    lock->path = NULL;
    lock->fd = -1;
}
