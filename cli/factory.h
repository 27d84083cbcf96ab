/*
 * factory.h - what a new node's flash holds: bootloader with keys, first journal record, first
 * application, option bytes. Bytes in, a list of memory chunks out; no files.
 */
#ifndef FERRY_CLI_FACTORY_H
#define FERRY_CLI_FACTORY_H

#include "file.h"
#include "ihex.h"

#include "ferry/boot_block.h"
#include "ferry/journal.h"

enum { FACTORY_CHUNKS_MAX = 5, FACTORY_OPTION_BYTES_SIZE = 16, FACTORY_TEXT_SIZE = 96 };

struct factory {
    /* Set by the caller. */
    const struct ferry_board *board;
    struct file_bytes bootloader; /* patched in place */
    struct file_bytes image;      /* for slot A; empty: the slot stays blank */
    const char *image_path;       /* for messages; borrowed */
    struct ferry_keys keys;       /* 1..FERRY_BOOT_BLOCK_KEYS */
    bool dev_key;                 /* the keys are throw-away keys: INFO says so */
    bool option_bytes;
    uint8_t read_protection; /* level 0 or 1 */

    /* Filled; the chunks borrow from this object. */
    struct ihex_chunk chunks[FACTORY_CHUNKS_MAX];
    char texts[FACTORY_CHUNKS_MAX][FACTORY_TEXT_SIZE]; /* each chunk for people */
    size_t chunk_count;
    uint8_t record[FERRY_RECORD_SIZE];
    uint8_t blank[FERRY_RECORD_SIZE];
    uint8_t options[FACTORY_OPTION_BYTES_SIZE];
};

/* Fills the chunks. Returns CLI_OK, or CLI_FAILED after a message. */
int factory_fill(struct factory *factory);

#endif
