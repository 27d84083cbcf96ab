/* Claims of an image: header, vectors and TLV areas as bytes in, struct ferry_image out. */
#include "ferry/image.h"

#include <string.h>

enum { TLV_AREA_HEADER_SIZE = 4, TLV_HEADER_SIZE = 4 };

/* The TLVs that an image must have, each once; types that are not here are skipped. */
static const struct claim {
    uint8_t type;
    uint8_t at; /* offset in struct ferry_image */
    /* The protected ones are under the hash. The others say how to check it, so they cannot be; and
     * what is not under it, anyone could have put there. */
    bool is_protected;
    uint8_t size_min; /* bytes */
    uint16_t size_max;
} claims[] = {
    {FERRY_TLV_SHA256, offsetof(struct ferry_image, hash), false, 32, 32},
    {FERRY_TLV_KEYHASH, offsetof(struct ferry_image, key_hash), false, 32, 32},
    {FERRY_TLV_ECDSA_SIG, offsetof(struct ferry_image, signature), false, 0, FERRY_IMAGE_TLV_MAX},
    {FERRY_TLV_SEC_CNT, offsetof(struct ferry_image, security_counter), true, 4, 4},
    {FERRY_TLV_BOARD, offsetof(struct ferry_image, board), true, 1, FERRY_BOARD_NAME_MAX},
};
enum { CLAIMS = sizeof(claims) / sizeof(claims[0]) };

int ferry_version_compare(const struct ferry_version *a, const struct ferry_version *b)
{
    if (a->major != b->major) {
        return a->major < b->major ? -1 : 1;
    }
    if (a->minor != b->minor) {
        return a->minor < b->minor ? -1 : 1;
    }
    if (a->revision != b->revision) {
        return a->revision < b->revision ? -1 : 1;
    }
    if (a->build != b->build) {
        return a->build < b->build ? -1 : 1;
    }
    return 0;
}

_Static_assert(offsetof(struct ferry_image_header, version) == 16 &&
                   sizeof(struct ferry_image_header) == 24,
               "the struct has the layout of the file, behind the magic number");

static int check_sizes(const struct ferry_image_header *header)
{
    if (header->header_size < FERRY_IMAGE_HEADER_SIZE || header->header_size % 4 != 0 ||
        header->protected_tlv_size > FERRY_IMAGE_TLV_MAX) {
        return FERRY_IMAGE_HEADER;
    }
    /* Header and TLV areas together stay below 2^17: the limit cannot wrap. */
    if (header->payload_size < FERRY_IMAGE_VECTORS_SIZE ||
        header->payload_size > UINT32_MAX - header->header_size - FERRY_IMAGE_TLV_MAX) {
        return FERRY_IMAGE_SIZE;
    }
    return FERRY_OK;
}

int ferry_image_parse_header(const uint8_t bytes[FERRY_IMAGE_HEADER_SIZE],
                             struct ferry_image_header *header)
{
    if (ferry_get_u32(bytes) != FERRY_IMAGE_MAGIC_WORD) {
        return FERRY_IMAGE_MAGIC;
    }
    memcpy(header, bytes + 4, sizeof(*header));
    ferry_order_u32(&header->load_address);
    ferry_order_u16(&header->header_size);
    ferry_order_u16(&header->protected_tlv_size);
    ferry_order_u32(&header->payload_size);
    ferry_order_u32(&header->flags);
    ferry_order_u16(&header->version.revision);
    ferry_order_u32(&header->version.build);
    int status = check_sizes(header);
    if (status != FERRY_OK) {
        return status;
    }
    /* Every other flag changes how an image is to be read, or is unknown and might. */
    return header->flags == FERRY_IMAGE_F_ROM_FIXED ? FERRY_OK : FERRY_IMAGE_FLAGS;
}

static int check_board(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return FERRY_IMAGE_TLV; /* it is shown to people */
        }
    }
    return FERRY_OK;
}

/* Takes the value of a claim; its size is right. */
static int take_claim(struct ferry_image *image, const struct claim *claim, const uint8_t *value,
                      size_t size)
{
    if (claim->type == FERRY_TLV_ECDSA_SIG) {
        return ferry_signature_from_der(value, size, image->signature);
    }
    memcpy((uint8_t *)image + claim->at, value, size);
    if (claim->type == FERRY_TLV_BOARD) {
        image->board_size = (uint8_t)size;
        return check_board(image->board, size);
    }
    return FERRY_OK;
}

/* `have`: a bit for each claim that was taken. */
static int take_tlv(struct ferry_image *image, uint32_t *have, bool is_protected,
                    const uint8_t *tlv, size_t size)
{
    for (unsigned i = 0; i < CLAIMS; i++) {
        const struct claim *claim = &claims[i];
        if (claim->type != ferry_get_u16(tlv)) {
            continue;
        }
        if ((*have >> i & 1U) != 0 || claim->is_protected != is_protected ||
            size < claim->size_min || size > claim->size_max) {
            return FERRY_IMAGE_TLV;
        }
        *have |= 1U << i;
        return take_claim(image, claim, tlv + TLV_HEADER_SIZE, size);
    }
    return FERRY_OK;
}

/* Parses one area, which must fill `size` bytes exactly. */
static int parse_area(struct ferry_image *image, uint32_t *have, uint16_t magic,
                      const uint8_t *area, size_t size)
{
    if (size < TLV_AREA_HEADER_SIZE || ferry_get_u16(area) != magic ||
        ferry_get_u16(area + 2) != size) {
        return FERRY_IMAGE_TLV;
    }
    const uint8_t *end = area + size;
    area += TLV_AREA_HEADER_SIZE;
    while (area < end) {
        size_t left = (size_t)(end - area);
        if (left < TLV_HEADER_SIZE || ferry_get_u16(area + 2) > left - TLV_HEADER_SIZE) {
            return FERRY_IMAGE_TLV;
        }
        size_t length = ferry_get_u16(area + 2);
        int status = take_tlv(image, have, magic == FERRY_TLV_PROTECTED, area, length);
        if (status != FERRY_OK) {
            return status;
        }
        area += TLV_HEADER_SIZE + length;
    }
    return FERRY_OK;
}

static int parse_areas(struct ferry_image *image, const uint8_t *tlvs, size_t size)
{
    uint32_t have = 0;
    size_t first = image->header.protected_tlv_size;
    int status = FERRY_OK;

    if (first > size) {
        return FERRY_IMAGE_TLV;
    }
    if (first > 0) {
        status = parse_area(image, &have, FERRY_TLV_PROTECTED, tlvs, first);
    }
    if (status == FERRY_OK) { /* the plain area takes all that is left */
        status = parse_area(image, &have, FERRY_TLV_INFO, tlvs + first, size - first);
    }
    if (status == FERRY_OK && have != (1U << CLAIMS) - 1) {
        status = FERRY_IMAGE_MISSING_TLV;
    }
    ferry_order_u32(&image->security_counter);
    return status;
}

int ferry_image_parse(const uint8_t header[FERRY_IMAGE_HEADER_SIZE],
                      const uint8_t vectors[FERRY_IMAGE_VECTORS_SIZE], const uint8_t *tlvs,
                      size_t tlv_size, struct ferry_image *image)
{
    memset(image, 0, sizeof *image);
    image->slot = FERRY_SLOT_NONE;
    int status = ferry_image_parse_header(header, &image->header);
    if (status != FERRY_OK) {
        return status;
    }
    if (tlv_size == 0 || tlv_size > FERRY_IMAGE_TLV_MAX) {
        return FERRY_IMAGE_TLV;
    }
    image->stack_pointer = ferry_get_u32(vectors);
    image->reset_vector = ferry_get_u32(vectors + 4);
    image->tlv_size = (uint32_t)tlv_size;
    image->total_size = image->header.header_size + image->header.payload_size + image->tlv_size;
    return parse_areas(image, tlvs, tlv_size);
}
