/*
 * image_check.h - the gate before the store: nothing enters that no configured key has signed.
 *
 * The server holds public keys only. The checks are the node's own (core/image).
 */
#ifndef FERRY_SERVER_IMAGE_CHECK_H
#define FERRY_SERVER_IMAGE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/image.h"
#include "versions.h"

enum { IMAGE_CHECK_KEYS_MAX = 16 };

struct image_keys {
    struct ferry_pubkey list[IMAGE_CHECK_KEYS_MAX];
    size_t count;
};

struct image_facts {
    char board[FERRY_BOARD_NAME_MAX + 1];
    char slot[2]; /* "a" or "b"; "a" for the only slot of a board */
    char version[FERRY_VERSION_TEXT_SIZE];
    uint32_t security_counter;
};

/*
 * Adds the P-256 public key of a PEM file. On failure returns false and a reason.
 */
bool image_keys_add(struct image_keys *keys, const char *path, const char **reason);

/*
 * Verifies the image in an open file of `size` bytes: structure, board known, load address is a
 * slot of it, key, signature, hash, and nothing after the image's end.
 * Returns a ferry_status: OK and the facts, or the first error (IMAGE_...; IO when reading failed).
 */
int image_check(int fd, uint64_t size, const struct image_keys *keys, struct image_facts *facts);

#endif
