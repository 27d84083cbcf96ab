/*
 * source_file.h - images in files of this machine, for gateways without a server: a release is
 * put there by a package, by rsync or by hand.
 *
 * Each check looks at the files again. A file stays open until the next check, so one that is
 * replaced as a whole (written beside it, then renamed: the way to do it) is read to its end as it
 * was. One that is changed in place is noticed by its time of change and its size: RETRY, and the
 * next check sees the new content.
 */
#ifndef GATEWAY_SOURCES_SOURCE_FILE_H
#define GATEWAY_SOURCES_SOURCE_FILE_H

#include "../engine.h"

enum { SOURCE_FILES_MAX = 8, SOURCE_FILE_ERROR_SIZE = 320 };

/* What tells one content of a file from another. */
struct source_file_stamp {
    int64_t size, mtime_ns;
    uint64_t inode; /* 0: no check saw it yet */
};

struct source_file {
    const char *paths[SOURCE_FILES_MAX]; /* borrowed */
    uint8_t count;
    int fds[SOURCE_FILES_MAX];                         /* -1: not open */
    struct source_file_stamp stamps[SOURCE_FILES_MAX]; /* as the last check saw them */
    char error[SOURCE_FILE_ERROR_SIZE];
};

/* `paths`: 1..SOURCE_FILES_MAX strings, borrowed: one image for each slot. */
void source_file_init(struct source_file *source, const char *const *paths, size_t count);

/* Closes the files. */
void source_file_close(struct source_file *source);

/*
 * The files as a source. A file that is missing, not readable or not a regular one: REFUSED.
 * The offer says `again` when a file is another one than at the last check: what was given up then
 * may have been only half there.
 */
struct gateway_source source_file_source(struct source_file *source);

#endif
