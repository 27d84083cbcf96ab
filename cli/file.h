/*
 * file.h - whole files in and out. Blocks; allocates what it reads.
 */
#ifndef FERRY_CLI_FILE_H
#define FERRY_CLI_FILE_H

#include "ferry/image.h"

#include <sys/types.h>

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 }; /* larger than any microcontroller's flash */

struct file_bytes {
    uint8_t *bytes; /* freed by file_free */
    uint32_t size;
};

/* Reads a whole file of at most FILE_MAX_BYTES. Returns false after a message. */
bool file_read(const char *path, struct file_bytes *file);
void file_free(struct file_bytes *file);

/*
 * Writes a file that is either complete or not there: a temporary file beside it, synced, renamed.
 *   mode: permissions, before the umask.
 *   overwrite: false refuses an existing file, also one that appears meanwhile.
 * Returns false after a message.
 */
bool file_write(const char *path, const void *bytes, size_t size, mode_t mode, bool overwrite);

/* The bytes as an image source; they must outlive it. */
struct ferry_image_source file_image_source(struct file_bytes *file);

/*
 * What an image file says of itself without a key: format, length, and that its content matches its
 * hash. Says nothing about who made it.
 *   image: what it claims; complete unless the status is about the format.
 * Returns OK, what ferry_image_read returns, IMAGE_SIZE (bytes follow the image), IMAGE_HASH.
 */
int file_check_image(struct file_bytes *file, struct ferry_image *image);

#endif
