#include "image_build.h"

#include "cli.h"
#include "keyfile.h"
#include "pubkey_pem.h"

#include <stdlib.h>
#include <string.h>

enum { AREA_HEADER_SIZE = 4, AREA_SIZE_AT = 2 };

uint32_t image_build_auto_counter(const struct ferry_version *version)
{
    return (uint32_t)version->major << 24 | (uint32_t)version->minor << 16 | version->revision;
}

static void put_bytes(struct file_bytes *image, const void *bytes, size_t size)
{
    memcpy(image->bytes + image->size, bytes, size);
    image->size += (uint32_t)size;
}

static void put_pair(struct file_bytes *image, uint32_t first, size_t second)
{
    uint8_t pair[4];
    ferry_put_u16(pair, (uint16_t)first);
    ferry_put_u16(pair + 2, (uint16_t)second);
    put_bytes(image, pair, sizeof pair);
}

static void put_tlv(struct file_bytes *image, uint32_t type, const void *value, size_t size)
{
    put_pair(image, type, size);
    put_bytes(image, value, size);
}

/* An area's header holds its length, which end_area() fills in. Returns where it starts. */
static uint32_t begin_area(struct file_bytes *image, uint32_t magic)
{
    put_pair(image, magic, 0);
    return image->size - AREA_HEADER_SIZE;
}

static void end_area(struct file_bytes *image, uint32_t start)
{
    ferry_put_u16(image->bytes + start + AREA_SIZE_AT, (uint16_t)(image->size - start));
}

static uint32_t protected_size(const struct ferry_board *board)
{
    return (uint32_t)(3 * AREA_HEADER_SIZE + sizeof(uint32_t) + strlen(board->name));
}

static void put_header(const struct image_build *build, uint32_t payload_size,
                       struct file_bytes *image)
{
    uint8_t header[FERRY_IMAGE_PADDED_SIZE];
    memset(header, 0xFF, sizeof header); /* as imgtool pads, and nothing to program in flash */
    memset(header, 0, FERRY_IMAGE_HEADER_SIZE);
    ferry_put_u32(header, FERRY_IMAGE_MAGIC_WORD);
    ferry_put_u32(header + 4, build->board->slots[build->slot].start);
    ferry_put_u16(header + 8, FERRY_IMAGE_PADDED_SIZE);
    ferry_put_u16(header + 10, (uint16_t)protected_size(build->board));
    ferry_put_u32(header + 12, payload_size);
    ferry_put_u32(header + 16, FERRY_IMAGE_F_ROM_FIXED);
    header[20] = build->version.major;
    header[21] = build->version.minor;
    ferry_put_u16(header + 22, build->version.revision);
    ferry_put_u32(header + 24, build->version.build);
    put_bytes(image, header, sizeof header);
}

static void put_protected(const struct image_build *build, struct file_bytes *image)
{
    uint8_t counter[4];
    ferry_put_u32(counter, build->security_counter);
    uint32_t start = begin_area(image, FERRY_TLV_PROTECTED);
    put_tlv(image, FERRY_TLV_SEC_CNT, counter, sizeof counter);
    put_tlv(image, FERRY_TLV_BOARD, build->board->name, strlen(build->board->name));
    end_area(image, start);
}

/* Hash and signature of all that stands in `image` so far. */
static bool put_signature(EVP_PKEY *pkey, struct file_bytes *image)
{
    struct ferry_pubkey key;
    struct ferry_sha256 sha;
    uint8_t hash[FERRY_HASH_SIZE];
    uint8_t der[KEYFILE_DER_MAX];
    ferry_sha256_init(&sha);
    ferry_sha256_feed(&sha, image->bytes, image->size);
    ferry_sha256_finish(&sha, hash);
    size_t der_size = keyfile_sign(pkey, hash, der);
    if (der_size == 0 || ferry_pubkey_from_evp(pkey, &key) != FERRY_OK) {
        return false;
    }
    uint32_t start = begin_area(image, FERRY_TLV_INFO);
    put_tlv(image, FERRY_TLV_SHA256, hash, sizeof hash);
    put_tlv(image, FERRY_TLV_KEYHASH, key.hash, sizeof key.hash);
    put_tlv(image, FERRY_TLV_ECDSA_SIG, der, der_size);
    end_area(image, start);
    return true;
}

bool image_build(const struct image_build *build, const struct file_bytes *payload,
                 struct file_bytes *image)
{
    /* No wrap: a file is at most FILE_MAX_BYTES. */
    size_t room = FERRY_IMAGE_PADDED_SIZE + payload->size + FERRY_IMAGE_TLV_MAX;
    *image = (struct file_bytes){malloc(room), 0};
    if (image->bytes == NULL) {
        cli_fail("out of memory");
        return false;
    }
    put_header(build, payload->size, image);
    put_bytes(image, payload->bytes, payload->size);
    put_protected(build, image);
    if (!put_signature(build->key, image)) {
        file_free(image);
        return false;
    }
    return true;
}
