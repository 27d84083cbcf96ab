/*
 * kit_file.h - an image of vectors.txt in a heap block of exactly its size, as an image source that
 * ends the test program on a read outside. Cut it by making `size` smaller.
 */
#ifndef KIT_FILE_H
#define KIT_FILE_H

#include "ferry/image.h"
#include "kit_vectors.h"

struct kit_file {
    uint8_t *bytes; /* freed by the test */
    uint32_t size;
};

static inline struct kit_file kit_file_copy(const uint8_t *bytes, size_t size)
{
    struct kit_file file = {malloc(size > 0 ? size : 1), (uint32_t)size};
    memcpy(file.bytes, bytes, size);
    return file;
}

/* name: "image.a" or "image.b". */
static inline struct kit_file kit_file_vector(const char *name)
{
    char full[64];
    uint8_t bytes[KIT_VECTOR_MAX];
    snprintf(full, sizeof full, "%s.bytes", name);
    return kit_file_copy(bytes, kit_vector_bytes(full, bytes, sizeof bytes));
}

static inline int kit_file_read(void *ctx, uint32_t offset, void *out, size_t size)
{
    const struct kit_file *file = ctx;
    if (offset > file->size || size > file->size - offset) {
        abort();
    }
    memcpy(out, file->bytes + offset, size);
    return FERRY_OK;
}

static inline struct ferry_image_source kit_file_source(struct kit_file *file)
{
    return (struct ferry_image_source){.ctx = file, .read = kit_file_read, .size = file->size};
}

/* Key `number` of vectors.txt; key 0 signed the images. */
static inline struct ferry_pubkey kit_file_key(int number)
{
    struct ferry_pubkey key;
    char name[32];
    snprintf(name, sizeof name, "key.%d.point", number);
    kit_vector_bytes(name, key.point, sizeof key.point);
    ferry_pubkey_hash(key.point, key.hash);
    return key;
}

#endif
