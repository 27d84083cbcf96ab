/* Verdicts on an image: does it belong here, is it signed, is the content what was signed. */
#include "ferry/image.h"

#include <string.h>

/* VTOR wants the table aligned to its size, rounded up to a power of two (PM0214, 4.4.4): the 102
 * words of an F411 need 512 bytes. */
enum { VECTOR_TABLE_ALIGN = 0x200, TLV_AREA_HEADER_SIZE = 4 };

static bool board_matches(const struct ferry_image *image, const struct ferry_board *board)
{
    return image->board_size == strlen(board->name) &&
           memcmp(image->board, board->name, image->board_size) == 0;
}

/* Subtractions that wrap give a number above every size. The stack's first word lies below its
 * pointer. */
static bool stack_fits(const struct ferry_image *image, const struct ferry_range *ram)
{
    return image->stack_pointer - 1 - ram->start < ram->size;
}

static bool vectors_fit(const struct ferry_image *image, const struct ferry_board *board)
{
    uint32_t code_start = ferry_image_payload_start(&image->header, board);
    uint32_t entry = image->reset_vector - 1 - code_start; /* the Thumb bit is set: even */
    return ((image->stack_pointer & 7U) | (entry & 1U)) == 0 &&
           (stack_fits(image, &board->ram[0]) || stack_fits(image, &board->ram[1])) &&
           entry < image->header.payload_size;
}

int ferry_image_check_place(struct ferry_image *image, const struct ferry_board *board)
{
    image->slot = FERRY_SLOT_NONE;
    if (!board_matches(image, board)) {
        return FERRY_IMAGE_BOARD;
    }
    uint8_t slot = ferry_board_slot_at(board, image->header.load_address);
    if (slot == FERRY_SLOT_NONE) {
        return FERRY_IMAGE_SLOT;
    }
    if (image->total_size > board->slots[slot].size) {
        return FERRY_IMAGE_TOO_BIG;
    }
    if (image->header.header_size % VECTOR_TABLE_ALIGN != 0) {
        return FERRY_IMAGE_HEADER;
    }
    if (!vectors_fit(image, board)) {
        return FERRY_IMAGE_VECTORS;
    }
    image->slot = slot;
    return FERRY_OK;
}

int ferry_image_check_signature(const struct ferry_image *image, const struct ferry_keys *keys)
{
    const struct ferry_pubkey *key = ferry_keys_find(keys, image->key_hash);
    if (key == NULL) {
        return FERRY_IMAGE_KEY;
    }
    return ferry_p256_verify(key->point, image->hash, image->signature);
}

int ferry_image_read_at(const struct ferry_image_source *source, uint32_t offset, void *out,
                        uint32_t size)
{
    if (!ferry_within(offset, size, source->size)) {
        return FERRY_IMAGE_SIZE;
    }
    return source->read(source->ctx, source->start + offset, out, size);
}

/* Reads the TLV areas, whose total length stands in the plain area's header. */
static int read_tlvs(const struct ferry_image_source *source,
                     const struct ferry_image_header *header, uint8_t scratch[FERRY_IMAGE_TLV_MAX],
                     uint32_t *tlv_size)
{
    /* No wrap: ferry_image_parse_header() left room for FERRY_IMAGE_TLV_MAX. */
    uint32_t start = header->header_size + header->payload_size;
    uint32_t plain = header->protected_tlv_size;
    if (plain > FERRY_IMAGE_TLV_MAX - TLV_AREA_HEADER_SIZE) {
        return FERRY_IMAGE_TLV;
    }
    uint8_t info[TLV_AREA_HEADER_SIZE];
    int status = ferry_image_read_at(source, start + plain, info, sizeof info);
    if (status != FERRY_OK) {
        return status;
    }
    uint32_t length = ferry_get_u16(info + 2);
    if (ferry_get_u16(info) != FERRY_TLV_INFO || length > FERRY_IMAGE_TLV_MAX - plain) {
        return FERRY_IMAGE_TLV;
    }
    *tlv_size = plain + length;
    return ferry_image_read_at(source, start, scratch, *tlv_size);
}

int ferry_image_read(const struct ferry_image_source *source, uint8_t scratch[FERRY_IMAGE_TLV_MAX],
                     struct ferry_image *image)
{
    uint8_t header[FERRY_IMAGE_HEADER_SIZE];
    uint8_t vectors[FERRY_IMAGE_VECTORS_SIZE];
    uint32_t tlv_size = 0;
    int status = ferry_image_read_at(source, 0, header, sizeof header);
    if (status != FERRY_OK) {
        return status;
    }
    /* Fills image->header for the reads below; ferry_image_parse() starts afresh. */
    status = ferry_image_parse_header(header, &image->header);
    if (status != FERRY_OK) {
        return status;
    }
    status = ferry_image_read_at(source, image->header.header_size, vectors, sizeof vectors);
    if (status != FERRY_OK) {
        return status;
    }
    status = read_tlvs(source, &image->header, scratch, &tlv_size);
    if (status != FERRY_OK) {
        return status;
    }
    return ferry_image_parse(header, vectors, scratch, tlv_size, image);
}

void ferry_image_hash_begin(struct ferry_image_hasher *hasher, const struct ferry_image *image)
{
    ferry_sha256_init(&hasher->sha);
    hasher->offset = 0;
    hasher->end =
        image->header.header_size + image->header.payload_size + image->header.protected_tlv_size;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

int ferry_image_hash_step(struct ferry_image_hasher *hasher, const struct ferry_image *image,
                          const struct ferry_image_source *source, uint32_t max_bytes,
                          uint8_t *buffer, size_t buffer_size)
{
    uint32_t left = smaller(max_bytes, hasher->end - hasher->offset);
    while (left > 0) {
        uint32_t size = left < buffer_size ? left : (uint32_t)buffer_size;
        int status = ferry_image_read_at(source, hasher->offset, buffer, size);
        if (status != FERRY_OK) {
            return status;
        }
        ferry_sha256_feed(&hasher->sha, buffer, size);
        hasher->offset += size;
        left -= size;
    }
    if (hasher->offset < hasher->end) {
        return FERRY_MORE;
    }
    uint8_t hash[FERRY_HASH_SIZE];
    ferry_sha256_finish(&hasher->sha, hash);
    return ferry_hash_equal(hash, image->hash) ? FERRY_OK : FERRY_IMAGE_HASH;
}

int ferry_image_verify(const struct ferry_image_source *source, const struct ferry_board *board,
                       const struct ferry_keys *keys, uint32_t lowest_counter,
                       struct ferry_image *image, uint8_t *buffer, size_t buffer_size)
{
    if (buffer_size < FERRY_IMAGE_TLV_MAX) {
        return FERRY_ARGUMENT;
    }
    int status = ferry_image_read(source, buffer, image);
    if (status == FERRY_OK && board != NULL) {
        status = ferry_image_check_place(image, board);
    }
    if (status == FERRY_OK && image->security_counter < lowest_counter) {
        status = FERRY_IMAGE_COUNTER;
    }
    if (status == FERRY_OK) {
        status = ferry_image_check_signature(image, keys);
    }
    if (status != FERRY_OK) {
        return status;
    }
    struct ferry_image_hasher hasher;
    ferry_image_hash_begin(&hasher, image);
    return ferry_image_hash_step(&hasher, image, source, UINT32_MAX, buffer, buffer_size);
}

struct ferry_image_source ferry_image_from_slot(const struct ferry_flash *flash,
                                                const struct ferry_board *board, uint8_t slot)
{
    return (struct ferry_image_source){.ctx = flash->ctx,
                                       .read = flash->read,
                                       .size = board->slots[slot].size,
                                       .start = board->slots[slot].start};
}
