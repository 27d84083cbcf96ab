/*
 * ferry/image.h - read and verify a signed image (MCUboot format; SPEC.md, "Image").
 *
 *   header (32 bytes, padded to header_size) | payload | protected TLVs | TLVs
 *
 * Two users, one set of checks: the receiver judges an image by its *claims* (header, first two
 * vectors, TLV areas) before anything is erased; boot and CLOSE then verify what is in flash.
 * Bytes in, verdict out: no I/O but a read function, no heap, no globals.
 */
#ifndef FERRY_IMAGE_H
#define FERRY_IMAGE_H

#include "ferry/board.h"
#include "ferry/crypto.h"
#include "ferry/port.h"

enum {
    FERRY_IMAGE_HEADER_SIZE = 32,    /* bytes of the header itself */
    FERRY_IMAGE_PADDED_SIZE = 0x200, /* header_size that Ferry's tools write: vectors at +0x200 */
    FERRY_IMAGE_TLV_MAX = 512,       /* both TLV areas together, bytes */
    FERRY_IMAGE_VECTORS_SIZE = 8     /* initial stack pointer, reset vector */
};

#define FERRY_IMAGE_MAGIC_WORD  0x96f3b83dU
#define FERRY_TLV_INFO          0x6907U
#define FERRY_TLV_PROTECTED     0x6908U
#define FERRY_TLV_KEYHASH       0x01U
#define FERRY_TLV_SHA256        0x10U
#define FERRY_TLV_ECDSA_SIG     0x22U
#define FERRY_TLV_SEC_CNT       0x50U
#define FERRY_TLV_BOARD         0xA0U /* vendor range, protected: board name, ASCII, no terminator */
#define FERRY_IMAGE_F_ROM_FIXED 0x100U

struct ferry_version {
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t build;
};

struct ferry_image_header {
    uint32_t
        load_address;     /* absolute start of the slot; the header lies there, if it is in flash */
    uint16_t header_size; /* bytes; the payload (its vector table) starts after it */
    uint16_t protected_tlv_size;
    uint32_t payload_size;
    uint32_t flags;
    struct ferry_version version;
};

/* Everything that decides about an image, gathered from header, vectors and TLV areas. */
struct ferry_image {
    struct ferry_image_header header;
    uint8_t slot; /* by load_address; set by ferry_image_check_place */
    uint8_t board_size;
    uint16_t reserved; /* 0: no padding, whole claims are compared */
    uint32_t stack_pointer;
    uint32_t reset_vector;
    uint32_t total_size; /* bytes from header to the end of the last TLV area */
    uint32_t tlv_size;   /* both TLV areas, bytes */
    uint32_t security_counter;
    uint8_t hash[FERRY_HASH_SIZE];
    uint8_t key_hash[FERRY_HASH_SIZE];
    uint8_t signature[FERRY_SIGNATURE_SIZE]; /* r | s */
    char board[FERRY_BOARD_NAME_MAX];
};

/* < 0, 0, > 0 as a is older, equal, newer. The build number counts last. */
int ferry_version_compare(const struct ferry_version *a, const struct ferry_version *b);

/*
 * Parses the 32 header bytes. Checks magic, sizes (no wrap; header_size 32..0x10000-4, multiple of
 * 4) and flags (exactly ROM_FIXED: encryption, compression, RAM_LOAD, NON_BOOTABLE and every
 * unknown flag are refused). Returns OK, IMAGE_MAGIC, IMAGE_HEADER, IMAGE_SIZE or IMAGE_FLAGS.
 */
int ferry_image_parse_header(const uint8_t bytes[FERRY_IMAGE_HEADER_SIZE],
                             struct ferry_image_header *header);

/*
 * Parses claims: the header bytes, the first 8 payload bytes and the complete TLV areas as they
 * stand in the file (protected area first, if there is one).
 *   tlv_size: 1..FERRY_IMAGE_TLV_MAX bytes.
 *   image: filled; valid only when OK is returned. Nothing is borrowed.
 * Returns OK or an IMAGE_ error; every required TLV (SHA256, KEYHASH, ECDSA_SIG, and in the
 * protected area SEC_CNT and BOARD) must be there exactly once, areas must end exactly at tlv_size.
 */
int ferry_image_parse(const uint8_t header[FERRY_IMAGE_HEADER_SIZE],
                      const uint8_t vectors[FERRY_IMAGE_VECTORS_SIZE], const uint8_t *tlvs,
                      size_t tlv_size, struct ferry_image *image);

/* Where the payload, its vector table first, stands in flash: behind the header, or, on a board
 * without Ferry's bootloader, at the start of the slot. Any header, not only a checked one. */
uint32_t ferry_image_payload_start(const struct ferry_image_header *header,
                                   const struct ferry_board *board);

/*
 * Does this image belong here: board name, load address = start of a slot, size, stack pointer in
 * RAM (its end included, multiple of 8), reset vector odd (Thumb) and inside the payload, and the
 * payload aligned as VTOR needs it (header_size a multiple of 0x200).
 * Sets image->slot (FERRY_SLOT_NONE where it is not OK). Returns OK, IMAGE_BOARD, IMAGE_SLOT,
 * IMAGE_TOO_BIG, IMAGE_HEADER (alignment) or IMAGE_VECTORS.
 */
int ferry_image_check_place(struct ferry_image *image, const struct ferry_board *board);

/*
 * Key hash known, and ECDSA signature valid over the claimed hash. The costly step (about 0.2 s on
 * a Cortex-M4 at 100 MHz). Returns OK, IMAGE_KEY or IMAGE_SIGNATURE.
 */
int ferry_image_check_signature(const struct ferry_image *image, const struct ferry_keys *keys);

/* Where an image is read from. `read` is as in struct ferry_flash. */
struct ferry_image_source {
    void *ctx;
    /* Reads exactly `size` bytes at `address`. Returns OK, or an error that is passed on. */
    int (*read)(void *ctx, uint32_t address, void *out, size_t size);
    uint32_t size;  /* bytes that may be read: slot size, or file size */
    uint32_t start; /* address of the image's header: of the slot, or 0 in a file */
};

/* Reads a part of an image. Returns OK, IMAGE_SIZE (beyond the source), or the source's error. */
int ferry_image_read_at(const struct ferry_image_source *source, uint32_t offset, void *out,
                        uint32_t size);

/* A slot of a node as an image source. */
struct ferry_image_source ferry_image_from_slot(const struct ferry_flash *flash,
                                                const struct ferry_board *board, uint8_t slot);

/*
 * Reads header, vectors and TLV areas from a source and parses them.
 * `scratch` holds the TLV areas meanwhile. Returns as ferry_image_parse, or the source's error.
 */
int ferry_image_read(const struct ferry_image_source *source, uint8_t scratch[FERRY_IMAGE_TLV_MAX],
                     struct ferry_image *image);

/* Hashing in slices, so that a running application is never held for long. */
struct ferry_image_hasher {
    uint32_t offset; /* next byte to hash */
    uint32_t end;    /* header + payload + protected TLVs */
    struct ferry_sha256 sha;
};

void ferry_image_hash_begin(struct ferry_image_hasher *hasher, const struct ferry_image *image);

/*
 * Hashes at most `max_bytes` more, read through `buffer` (buffer_size >= 64).
 * Returns MORE, OK (hash equals the claim), IMAGE_HASH, or the source's error.
 */
int ferry_image_hash_step(struct ferry_image_hasher *hasher, const struct ferry_image *image,
                          const struct ferry_image_source *source, uint32_t max_bytes,
                          uint8_t *buffer, size_t buffer_size);

/*
 * The whole verdict in one call: read, parse, place, counter >= lowest_counter, signature, hash.
 *   board: NULL skips the place check (a server or a tool that has no node before it).
 *   buffer: >= FERRY_IMAGE_TLV_MAX bytes of scratch.
 * Returns OK or the first error in that order.
 */
int ferry_image_verify(const struct ferry_image_source *source, const struct ferry_board *board,
                       const struct ferry_keys *keys, uint32_t lowest_counter,
                       struct ferry_image *image, uint8_t *buffer, size_t buffer_size);

#endif
