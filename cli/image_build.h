/*
 * image_build.h - a signed image from an application's bytes (SPEC.md, "Image").
 */
#ifndef FERRY_CLI_IMAGE_BUILD_H
#define FERRY_CLI_IMAGE_BUILD_H

#include "file.h"

#include <openssl/evp.h>

struct image_build {
    const struct ferry_board *board;
    uint8_t slot;
    struct ferry_version version;
    uint32_t security_counter;
    EVP_PKEY *key; /* borrowed */
};

/* The counter that `--security-counter auto` means. */
uint32_t image_build_auto_counter(const struct ferry_version *version);

/*
 * Header padded to 0x200, payload, protected TLVs (counter, board), TLVs (hash, key hash,
 * signature). `payload` is not judged here. Returns false after a message; else `image` is to be
 * freed by file_free.
 */
bool image_build(const struct image_build *build, const struct file_bytes *payload,
                 struct file_bytes *image);

#endif
