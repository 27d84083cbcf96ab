/*
 * ferry/base.h - what every part of Ferry shares: the status list, byte readers and writers,
 * CRC-32.
 *
 * Nothing here allocates, blocks or keeps state; everything may be called from any context.
 */
#ifndef FERRY_BASE_H
#define FERRY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The one list of results. X(name, number, sentence, what to do about it).
 * Positive numbers are errors. They are the verdicts on the wire, one byte, so they never change
 * (SPEC.md, "Verdicts"). Small positive constants also cost least in Thumb code.
 */
#define FERRY_STATUS_MAP(X)                                                                        \
    X(OK, 0, "done", "nothing to do")                                                              \
    X(MORE, -1, "not finished yet", "call again with more bytes or more time")                     \
    X(ARGUMENT, 1, "a parameter is outside its range", "correct the call")                         \
    X(FLASH, 2, "the flash driver failed or read back something else",                             \
      "try again; if it stays, the flash is write-protected or worn out")                          \
    X(IO, 3, "the transport failed", "check the cable and the port, then try again")               \
    X(TIMEOUT, 4, "no answer in time",                                                             \
      "check power, wiring and baud rate; reset the node and try again")                           \
    X(BUSY, 5, "the node is still working on the last request", "ask again a little later")        \
    X(BUSY_TRIAL, 6, "the node is trying a new image and takes no other until that is decided",    \
      "wait until the trial is confirmed or reverted")                                             \
    X(PROTOCOL, 7, "the peer speaks another protocol version", "update the older of the two")      \
    X(UNKNOWN_MESSAGE, 8, "the node does not know this message", "update the node's bootloader")   \
    X(BAD_FRAME, 9, "a frame is damaged or too long", "send it again")                             \
    X(BAD_SESSION, 10, "this message belongs to another transfer", "start again with OPEN")        \
    X(BAD_OFFSET, 11, "DATA does not continue where the node stands", "go on at the offset named") \
    X(BAD_LENGTH, 12, "a length is zero, too large or not a multiple of four",                     \
      "send blocks of the size that OPENED allows")                                                \
    X(NOT_OPEN, 13, "no transfer is open", "start with OPEN")                                      \
    X(ABORTED, 14, "the transfer was aborted", "start again with OPEN")                            \
    X(CRC, 15, "the CRC-32 over the whole image differs", "send the image again")                  \
    X(IMAGE_MAGIC, 20, "this is not an image (wrong magic number)", "sign it with `ferry sign`")   \
    X(IMAGE_HEADER, 21, "the image header is malformed", "sign the image again")                   \
    X(IMAGE_SIZE, 22, "the image is empty, truncated, or its lengths do not add up",               \
      "build and sign the image again")                                                            \
    X(IMAGE_TLV, 23, "the image's TLV area is malformed", "sign the image again")                  \
    X(IMAGE_FLAGS, 24, "the image is encrypted, compressed, not bootable or lacks ROM_FIXED",      \
      "sign it with `ferry sign`, or `imgtool sign --rom-fixed`")                                  \
    X(IMAGE_SLOT, 25, "the image is linked for an address where it cannot be installed",           \
      "send the image that is built for the free slot")                                            \
    X(IMAGE_BOARD, 26, "the image is for another board", "send the image of this board")           \
    X(IMAGE_VECTORS, 27, "the initial stack pointer or reset vector lies outside RAM or slot",     \
      "link the application for this slot")                                                        \
    X(IMAGE_KEY, 28, "the image is signed with a key that the node does not accept",               \
      "sign it with the key the node was provisioned with")                                        \
    X(IMAGE_SIGNATURE, 29, "the signature is not valid", "sign the image again")                   \
    X(IMAGE_COUNTER, 30, "the image's security counter is lower than the node's",                  \
      "publish an image with a higher security counter")                                           \
    X(IMAGE_HASH, 31, "the content does not match its hash", "send the image again")               \
    X(IMAGE_MISSING_TLV, 32,                                                                       \
      "a required TLV is missing (hash, key hash, signature, board, "                              \
      "security counter)",                                                                         \
      "sign it with `ferry sign`")                                                                 \
    X(IMAGE_CLAIMS, 33, "the content differs from what OPEN claimed", "send the image again")      \
    X(IMAGE_TOO_BIG, 34, "the image does not fit the slot", "make the application smaller")        \
    X(SLOT_RUNNING, 40, "the image is for the slot that is running",                               \
      "send the other slot's image")                                                               \
    X(SLOT_CONFIRMED, 41, "the image is for the slot that holds the confirmed application",        \
      "send the other slot's image")                                                               \
    X(JOURNAL_FULL, 42, "the journal has no room left until the next restart",                     \
      "reset the node, then send again")                                                           \
    X(NOT_TRIAL, 43, "no trial is running", "nothing to confirm or revert")                        \
    X(WRONG_IMAGE, 44, "the message names another image than the one on trial", "read INFO again") \
    X(NOTHING_BOOTABLE, 45, "no slot holds an image that verifies", "send an image")               \
    X(TRIAL_EXHAUSTED, 50, "the new image used up its trial starts without confirming itself",     \
      "mend the application; the node is back on the old one")                                     \
    X(REVERTED, 51, "the trial was reverted on request", "nothing, the old image runs")

/* Result of almost every function: 0 done, > 0 an error, < 0 done in part (FERRY_MORE). */
enum ferry_status {
#define FERRY_STATUS_ENUM(name, number, text, remedy) FERRY_##name = (number),
    FERRY_STATUS_MAP(FERRY_STATUS_ENUM)
#undef FERRY_STATUS_ENUM
};

/*
 * Names and sentences of a status for people. Only host programs link them (status_text.c).
 * An unknown number gives "UNKNOWN". The strings are static.
 */
const char *ferry_status_name(int status);
const char *ferry_status_text(int status);
const char *ferry_status_remedy(int status);

/*
 * Little-endian readers and writers; the caller has checked the bounds. By memcpy, which a compiler
 * turns into one load or store: gcc -Os does not do so with single bytes, and they are everywhere.
 */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FERRY_LITTLE_U16(value) __builtin_bswap16(value)
#define FERRY_LITTLE_U32(value) __builtin_bswap32(value)
#else
#define FERRY_LITTLE_U16(value) (value)
#define FERRY_LITTLE_U32(value) (value)
#endif

static inline uint16_t ferry_get_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return FERRY_LITTLE_U16(value);
}

static inline uint32_t ferry_get_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return FERRY_LITTLE_U32(value);
}

static inline void ferry_put_u16(uint8_t *bytes, uint16_t value)
{
    const uint16_t little = FERRY_LITTLE_U16(value);
    memcpy(bytes, &little, sizeof(little));
}

static inline void ferry_put_u32(uint8_t *bytes, uint32_t value)
{
    const uint32_t little = FERRY_LITTLE_U32(value);
    memcpy(bytes, &little, sizeof(little));
}

/* Turns a number in memory from the byte order of the machine into little-endian, or back. Nothing
 * to do on most machines: structs laid out as on the wire are copied whole. */
static inline void ferry_order_u16(void *bytes)
{
    uint16_t value = ferry_get_u16(bytes);
    memcpy(bytes, &value, sizeof(value));
}

static inline void ferry_order_u32(void *bytes)
{
    uint32_t value = ferry_get_u32(bytes);
    memcpy(bytes, &value, sizeof(value));
}

/*
 * CRC-32 of IEEE 802.3 (reflected 0xEDB88320, as in zlib). Chain calls by passing the last result.
 *   crc: 0 for the first block, else the result so far.
 */
uint32_t ferry_crc32(uint32_t crc, const void *data, size_t size_bytes);

/* True when `size` bytes from `offset` lie within `limit`; cannot wrap. */
static inline bool ferry_within(uint32_t offset, uint32_t size, uint32_t limit)
{
    return offset <= limit && size <= limit - offset;
}

/* Compares in a time that depends on `size_bytes` only. */
bool ferry_equal(const void *a, const void *b, size_t size_bytes);

#endif
