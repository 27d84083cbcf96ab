/* Claims of an image: header, vectors and TLV areas as bytes in, struct ferry_image out. */
#include "ferry/image.h"

#include <string.h>

enum { TLV_AREA_HEADER_SIZE = 4, TLV_HEADER_SIZE = 4 };

/* Each required TLV as one bit, to see what is missing and what stands twice. */
enum {
    HAVE_HASH = 1,
    HAVE_KEY_HASH = 2,
    HAVE_SIGNATURE = 4,
    HAVE_COUNTER = 8,
    HAVE_BOARD = 16,
    HAVE_ALL = 31
};

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
    header->load_address = ferry_get_u32(bytes + 4);
    header->header_size = ferry_get_u16(bytes + 8);
    header->protected_tlv_size = ferry_get_u16(bytes + 10);
    header->payload_size = ferry_get_u32(bytes + 12);
    header->flags = ferry_get_u32(bytes + 16);
    header->version.major = bytes[20];
    header->version.minor = bytes[21];
    header->version.revision = ferry_get_u16(bytes + 22);
    header->version.build = ferry_get_u32(bytes + 24);
    int status = check_sizes(header);
    if (status != FERRY_OK) {
        return status;
    }
    /* Every other flag changes how an image is to be read, or is unknown and might. */
    return header->flags == FERRY_IMAGE_F_ROM_FIXED ? FERRY_OK : FERRY_IMAGE_FLAGS;
}

/* Takes a required value of fixed size once; a second or misshapen one is malformed. */
static int take_once(uint32_t *have, uint32_t bit, bool shape_ok)
{
    if ((*have & bit) != 0 || !shape_ok) {
        return FERRY_IMAGE_TLV;
    }
    *have |= bit;
    return FERRY_OK;
}

static int take_board(struct ferry_image *image, const uint8_t *value, uint16_t size)
{
    for (uint16_t i = 0; i < size; i++) {
        if (value[i] <= ' ' || value[i] > '~') {
            return FERRY_IMAGE_TLV; /* it is shown to people */
        }
    }
    image->board_size = (uint8_t)size;
    memcpy(image->board, value, size);
    return FERRY_OK;
}

/* TLVs under the hash. Types that Ferry does not use are skipped. */
static int take_protected(struct ferry_image *image, uint32_t *have, uint16_t type,
                          const uint8_t *value, uint16_t size)
{
    int status = FERRY_OK;
    switch (type) {
    case FERRY_TLV_SEC_CNT:
        status = take_once(have, HAVE_COUNTER, size == 4);
        if (status == FERRY_OK) {
            image->security_counter = ferry_get_u32(value);
        }
        return status;
    case FERRY_TLV_BOARD:
        status = take_once(have, HAVE_BOARD, size > 0 && size <= FERRY_BOARD_NAME_MAX);
        return status == FERRY_OK ? take_board(image, value, size) : status;
    case FERRY_TLV_SHA256:
    case FERRY_TLV_KEYHASH:
    case FERRY_TLV_ECDSA_SIG:
        return FERRY_IMAGE_TLV; /* cannot stand under the hash that they speak of */
    default:
        return FERRY_OK;
    }
}

/* TLVs that are not under the hash: they may only say how to check it. */
static int take_plain(struct ferry_image *image, uint32_t *have, uint16_t type,
                      const uint8_t *value, uint16_t size)
{
    int status = FERRY_OK;
    switch (type) {
    case FERRY_TLV_SHA256:
        status = take_once(have, HAVE_HASH, size == FERRY_HASH_SIZE);
        if (status == FERRY_OK) {
            memcpy(image->hash, value, FERRY_HASH_SIZE);
        }
        return status;
    case FERRY_TLV_KEYHASH:
        status = take_once(have, HAVE_KEY_HASH, size == FERRY_HASH_SIZE);
        if (status == FERRY_OK) {
            memcpy(image->key_hash, value, FERRY_HASH_SIZE);
        }
        return status;
    case FERRY_TLV_ECDSA_SIG:
        status = take_once(have, HAVE_SIGNATURE, true);
        return status == FERRY_OK ? ferry_signature_from_der(value, size, image->signature)
                                  : status;
    case FERRY_TLV_SEC_CNT:
    case FERRY_TLV_BOARD:
        return FERRY_IMAGE_TLV; /* unsigned: anyone could have put it there */
    default:
        return FERRY_OK;
    }
}

/* Walks the TLVs of one area; `size` counts from behind the area's own header. */
static int walk_area(struct ferry_image *image, uint32_t *have, const uint8_t *area, size_t size,
                     bool protected_area)
{
    while (size > 0) {
        if (size < TLV_HEADER_SIZE) {
            return FERRY_IMAGE_TLV;
        }
        uint16_t type = ferry_get_u16(area);
        uint16_t length = ferry_get_u16(area + 2);
        area += TLV_HEADER_SIZE;
        size -= TLV_HEADER_SIZE;
        if (length > size) {
            return FERRY_IMAGE_TLV;
        }
        int status = protected_area ? take_protected(image, have, type, area, length)
                                    : take_plain(image, have, type, area, length);
        if (status != FERRY_OK) {
            return status;
        }
        area += length;
        size -= length;
    }
    return FERRY_OK;
}

/* True when an area with this magic number and total length stands at `area`. */
static bool area_is(const uint8_t *area, size_t size, uint32_t magic, size_t total)
{
    return size >= TLV_AREA_HEADER_SIZE && total >= TLV_AREA_HEADER_SIZE && total <= size &&
           ferry_get_u16(area) == magic && ferry_get_u16(area + 2) == total;
}

static int parse_areas(struct ferry_image *image, const uint8_t *tlvs, size_t size)
{
    uint32_t have = 0;
    size_t first = image->header.protected_tlv_size;
    if (first > 0) {
        if (!area_is(tlvs, size, FERRY_TLV_PROTECTED, first)) {
            return FERRY_IMAGE_TLV;
        }
        int status = walk_area(image, &have, tlvs + TLV_AREA_HEADER_SIZE,
                               first - TLV_AREA_HEADER_SIZE, true);
        if (status != FERRY_OK) {
            return status;
        }
    }
    /* area_is() proved first <= size. The plain area takes all that is left. */
    if (!area_is(tlvs + first, size - first, FERRY_TLV_INFO, size - first)) {
        return FERRY_IMAGE_TLV;
    }
    int status = walk_area(image, &have, tlvs + first + TLV_AREA_HEADER_SIZE,
                           size - first - TLV_AREA_HEADER_SIZE, false);
    if (status != FERRY_OK) {
        return status;
    }
    return have == HAVE_ALL ? FERRY_OK : FERRY_IMAGE_MISSING_TLV;
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
