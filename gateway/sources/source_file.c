#include "source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000 };

__attribute__((format(printf, 3, 4))) static enum gateway_answer fail(struct source_file *source,
                                                                      enum gateway_answer answer,
                                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(source->error, sizeof source->error, format, arguments);
    va_end(arguments);
    return answer;
}

void source_file_init(struct source_file *source, const char *const *paths, size_t count)
{
    memset(source, 0, sizeof *source);
    source->count = (uint8_t)count;
    for (size_t i = 0; i < SOURCE_FILES_MAX; i++) {
        source->paths[i] = i < count ? paths[i] : NULL;
        source->fds[i] = -1;
    }
}

void source_file_close(struct source_file *source)
{
    for (size_t i = 0; i < source->count; i++) {
        if (source->fds[i] >= 0) {
            close(source->fds[i]);
            source->fds[i] = -1;
        }
    }
}

static struct source_file_stamp stamp_of(const struct stat *file)
{
    return (struct source_file_stamp){.size = file->st_size,
                                      .mtime_ns = (int64_t)file->st_mtim.tv_sec * NS_PER_S +
                                                  file->st_mtim.tv_nsec,
                                      .inode = file->st_ino};
}

static bool is_same(const struct source_file_stamp *a, const struct source_file_stamp *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->inode == b->inode;
}

/* *changed becomes true if it is not the file of the last check. */
static enum gateway_answer open_file(struct source_file *source, size_t i, bool *changed)
{
    struct stat file;
    /* Not blocked by a pipe that nobody writes to. */
    source->fds[i] = open(source->paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (source->fds[i] < 0 || fstat(source->fds[i], &file) != 0) {
        return fail(source, GATEWAY_REFUSED, "%.256s: %s", source->paths[i], strerror(errno));
    }
    if (!S_ISREG(file.st_mode)) {
        return fail(source, GATEWAY_REFUSED, "%.256s: this is no regular file", source->paths[i]);
    }
    const struct source_file_stamp stamp = stamp_of(&file);
    const bool first = source->stamps[i].inode == 0;
    *changed = *changed || (!first && !is_same(&stamp, &source->stamps[i]));
    source->stamps[i] = stamp;
    return GATEWAY_OK;
}

static enum gateway_answer check(void *ctx, const struct ferry_info *info,
                                 struct gateway_offer *offer)
{
    struct source_file *source = ctx;
    (void)info;
    source_file_close(source);
    for (size_t i = 0; i < source->count; i++) {
        enum gateway_answer answer = open_file(source, i, &offer->again);
        if (answer != GATEWAY_OK) {
            return answer;
        }
    }
    offer->count = source->count;
    return GATEWAY_OK;
}

static enum gateway_answer read_image(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                      uint32_t size, uint32_t *got)
{
    struct source_file *source = ctx;
    struct stat file;
    const char *path = source->paths[index];
    ssize_t count = pread(source->fds[index], out, size, (off_t)offset);
    if (count < 0) {
        return fail(source, GATEWAY_RETRY, "%.256s: %s", path, strerror(errno));
    }
    /* After the bytes: what was read before a change is as the check saw it. */
    const bool known = fstat(source->fds[index], &file) == 0;
    const struct source_file_stamp stamp = known ? stamp_of(&file) : source->stamps[index];
    if (!is_same(&stamp, &source->stamps[index])) {
        return fail(source, GATEWAY_RETRY, "%.256s: the file changed meanwhile", path);
    }
    if (count == 0) {
        return fail(source, GATEWAY_REFUSED, "%.256s: the file ends before byte %u", path, offset);
    }
    *got = (uint32_t)count;
    return GATEWAY_OK;
}

static const char *error(void *ctx)
{
    const struct source_file *source = ctx;
    return source->error;
}

struct gateway_source source_file_source(struct source_file *source)
{
    return (struct gateway_source){
        .ctx = source, .check = check, .read = read_image, .error = error};
}
