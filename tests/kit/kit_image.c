#include "kit_image.h"

#include "kit_flash.h"

#include <openssl/evp.h>
#include <openssl/ec.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *private_key(int key)
{
    static EVP_PKEY *keys[2];
    if (keys[key] == NULL) {
        keys[key] = EVP_EC_gen("P-256");
    }
    return keys[key];
}

const struct ferry_pubkey *kit_pubkey(int key)
{
    static struct ferry_pubkey pubkeys[2];
    static bool known[2]; /* every start of a node asks */
    uint8_t point[1 + FERRY_POINT_SIZE];
    size_t size;

    if (known[key]) {
        return &pubkeys[key];
    }
    if (EVP_PKEY_get_octet_string_param(private_key(key), "pub", point, sizeof(point), &size) !=
            1 ||
        size != sizeof(point)) {
        abort();
    }
    memcpy(pubkeys[key].point, point + 1, FERRY_POINT_SIZE);
    ferry_pubkey_hash(pubkeys[key].point, pubkeys[key].hash);
    known[key] = true;
    return &pubkeys[key];
}

const struct ferry_boot_block *kit_boot_block(const struct ferry_board *board)
{
    static struct ferry_boot_block block;

    memset(&block, 0, sizeof(block));
    block.magic = FERRY_BOOT_BLOCK_MAGIC;
    block.size = sizeof(block);
    block.key_count = 1;
    block.version = 0x00010000;
    strncpy(block.board, board->name, sizeof(block.board) - 1);
    block.keys[0] = *kit_pubkey(0);
    return &block;
}

struct kit_image kit_image_defaults(const struct ferry_board *board, uint8_t slot, uint8_t major,
                                    uint32_t payload_size)
{
    return (struct kit_image){.board = board,
                              .slot = slot,
                              .version = {.major = major},
                              .security_counter = major,
                              .payload_size = payload_size,
                              .seed = (uint32_t)major * 2U + slot + 1U,
                              .flags = FERRY_IMAGE_F_ROM_FIXED,
                              .board_name = board->name};
}

static void put_header(uint8_t *out, const struct kit_image *image, size_t protected_size)
{
    ferry_put_u32(out, FERRY_IMAGE_MAGIC_WORD);
    ferry_put_u32(out + 4, image->board->slots[image->slot].start);
    ferry_put_u16(out + 8, FERRY_IMAGE_PADDED_SIZE);
    ferry_put_u16(out + 10, (uint16_t)protected_size);
    ferry_put_u32(out + 12, image->payload_size);
    ferry_put_u32(out + 16, image->flags);
    out[20] = image->version.major;
    out[21] = image->version.minor;
    ferry_put_u16(out + 22, image->version.revision);
    ferry_put_u32(out + 24, image->version.build);
}

static void put_payload(uint8_t *out, const struct kit_image *image)
{
    uint32_t seed = image->seed;
    uint32_t start = image->board->slots[image->slot].start + FERRY_IMAGE_PADDED_SIZE;

    for (uint32_t i = 0; i < image->payload_size; i++) {
        out[i] = (uint8_t)kit_random(&seed);
    }
    ferry_put_u32(out, image->board->ram[0].start + image->board->ram[0].size);
    ferry_put_u32(out + 4, start + 8 + 1);
}

static uint8_t *put_tlv(uint8_t *out, uint16_t type, const void *value, size_t size)
{
    ferry_put_u16(out, type);
    ferry_put_u16(out + 2, (uint16_t)size);
    memcpy(out + 4, value, size);
    return out + 4 + size;
}

static uint8_t *put_info(uint8_t *out, uint16_t magic, size_t size)
{
    ferry_put_u16(out, magic);
    ferry_put_u16(out + 2, (uint16_t)size);
    return out + 4;
}

/*
 * DER signature over a SHA-256 digest. Signatures are 70 to 72 bytes, as chance has it; only one of
 * 71 is taken, so that a file of given content always has the same size and every run of a power
 * sweep the same number of flash operations.
 */
static size_t sign_digest(int key, const uint8_t hash[FERRY_HASH_SIZE], uint8_t *der, size_t max)
{
    size_t size;

    do {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private_key(key), NULL);
        size = max;
        if (EVP_PKEY_sign_init(ctx) != 1 ||
            EVP_PKEY_sign(ctx, der, &size, hash, FERRY_HASH_SIZE) != 1) {
            abort();
        }
        EVP_PKEY_CTX_free(ctx);
    } while (size != 71);
    return size;
}

uint8_t *kit_image_build(const struct kit_image *image, size_t *size)
{
    size_t name_size = strlen(image->board_name);
    size_t protected_size = 4 + (4 + 4) + (4 + name_size);
    size_t signed_size = FERRY_IMAGE_PADDED_SIZE + image->payload_size + protected_size;
    uint8_t *file = calloc(1, signed_size + FERRY_IMAGE_TLV_MAX), *end, counter[4];
    uint8_t hash[FERRY_HASH_SIZE], der[80];

    put_header(file, image, protected_size);
    put_payload(file + FERRY_IMAGE_PADDED_SIZE, image);
    end = put_info(file + FERRY_IMAGE_PADDED_SIZE + image->payload_size, FERRY_TLV_PROTECTED,
                   protected_size);
    ferry_put_u32(counter, image->security_counter);
    end = put_tlv(end, FERRY_TLV_SEC_CNT, counter, sizeof(counter));
    end = put_tlv(end, FERRY_TLV_BOARD, image->board_name, name_size);

    EVP_Digest(file, signed_size, hash, NULL, EVP_sha256(), NULL);
    size_t der_size = sign_digest(image->key, hash, der, sizeof(der));
    end = put_info(end, FERRY_TLV_INFO, 4 + 2 * (4 + FERRY_HASH_SIZE) + 4 + der_size);
    end = put_tlv(end, FERRY_TLV_SHA256, hash, sizeof(hash));
    end = put_tlv(end, FERRY_TLV_KEYHASH, kit_pubkey(image->key)->hash, FERRY_HASH_SIZE);
    end = put_tlv(end, FERRY_TLV_ECDSA_SIG, der, der_size);
    *size = (size_t)(end - file);
    return file;
}
