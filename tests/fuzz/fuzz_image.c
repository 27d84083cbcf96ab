/*
 * Fuzzes all that reads an untrusted image: claims as OPEN gets them, a whole file as CLOSE and
 * boot verify it, and the DER signature. No input may pass: the only key signs nothing.
 */
#include "ferry/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    uint32_t size;
};

static int read_input(void *ctx, uint32_t offset, void *out, size_t size)
{
    const struct input *input = ctx;
    if (offset > input->size || size > input->size - offset) {
        abort();
    }
    memcpy(out, input->bytes + offset, size);
    return FERRY_OK;
}

/* Claims: 32 bytes of header, 8 of vectors, the rest is TLV areas. */
static void fuzz_claims(const uint8_t *data, size_t size)
{
    enum { TLVS_AT = FERRY_IMAGE_HEADER_SIZE + FERRY_IMAGE_VECTORS_SIZE };
    struct ferry_image image;
    if (size >= TLVS_AT && ferry_image_parse(data, data + FERRY_IMAGE_HEADER_SIZE, data + TLVS_AT,
                                             size - TLVS_AT, &image) == FERRY_OK) {
        ferry_image_check_place(&image, ferry_board_find("stm32f411_blackpill"));
    }
}

/* The file without the costly signature check, so that the hash is reached. */
static void fuzz_content(const struct ferry_image_source *source)
{
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    struct ferry_image_hasher hasher;
    if (ferry_image_read(source, buffer, &image) != FERRY_OK) {
        return;
    }
    if (image.total_size > source->size || image.tlv_size > FERRY_IMAGE_TLV_MAX ||
        image.board_size > FERRY_BOARD_NAME_MAX) {
        abort();
    }
    ferry_image_hash_begin(&hasher, &image);
    while (ferry_image_hash_step(&hasher, &image, source, 100, buffer, 64) == FERRY_MORE) {
    }
}

static void fuzz_verdict(const struct ferry_image_source *source)
{
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    struct ferry_pubkey nobody;
    memset(&nobody, 0, sizeof nobody); /* accepts the key hash of all zeros, signs nothing */
    const struct ferry_keys keys = {&nobody, 1};
    if (ferry_image_verify(source, NULL, &keys, 0, &image, buffer, sizeof buffer) == FERRY_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t signature[FERRY_SIGNATURE_SIZE];
    struct input input = {data, (uint32_t)size};
    const struct ferry_image_source source = {
        .ctx = &input, .read = read_input, .size = (uint32_t)size};
    fuzz_claims(data, size);
    fuzz_content(&source);
    fuzz_verdict(&source);
    ferry_signature_from_der(data, size, signature);
    return 0;
}
