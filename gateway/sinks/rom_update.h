/*
 * rom_update.h - puts an image into a chip that has only ST's ROM bootloader, so that the
 * chip never starts something half-written. Between a source of image bytes (the owner's) and
 * ferry/rom.h; used by the gateway's sink `rom` and by `ferry rom write` and `verify`.
 *
 *   compare   every byte of the image with flash, up to the first that differs. None: done, only
 *             reads were made.
 *   erase     the page with the vector table. Half an erase could leave stack pointer and
 *             vectors of reset and faults standing, so zeros are written over these 16 bytes
 *             first; after it the page must be blank there. From here on the chip does not start.
 *   program   page by page: those that match already are left alone; the others are erased,
 *             written, and read back chunk by chunk. The first 256 bytes of the image are kept in
 *             the owner's buffer instead.
 *   approve   the owner is asked: all but the vectors is in flash, byte for byte as supplied. It
 *             compares its hash with what it verified before, and approves, or abandons the update
 *             by not calling again.
 *   vectors   bytes 8-255, read back; last of all the first eight, stack pointer and reset vector:
 *             one double word, the smallest piece that an L4 programs.
 *
 * Resume is a new start: after a power cut, a lost link or a reset the same steps find by reading
 * what is there already; only the vector page is written twice. What fails is not repeated blindly:
 * after an erase or write without an answer, or with a refusal, flash is read back; the page that
 * differs is erased again, three times at most.
 *
 * Memory: this struct and struct ferry_rom (together < 600 bytes), and the owner's buffer of
 * FERRY_ROM_UPDATE_BUFFER_SIZE bytes. No heap, no I/O; not for interrupts.
 */
#ifndef GATEWAY_SINKS_ROM_UPDATE_H
#define GATEWAY_SINKS_ROM_UPDATE_H

#include "ferry/rom.h"

enum {
    FERRY_ROM_VECTORS_SIZE = 256, /* bytes of the image that are written last */
    FERRY_ROM_UPDATE_BUFFER_SIZE = FERRY_ROM_VECTORS_SIZE + FERRY_ROM_CHUNK_MAX
};

/* What it is about, for a progress bar. */
enum ferry_rom_update_phase {
    FERRY_ROM_UPDATE_COMPARE,
    FERRY_ROM_UPDATE_PROGRAM,
    FERRY_ROM_UPDATE_APPROVE,
    FERRY_ROM_UPDATE_VECTORS
};

struct ferry_rom_update {
    uint8_t phase;  /* enum ferry_rom_update_phase */
    uint8_t work;   /* private */
    uint8_t tries;  /* erases of this page that are left */
    uint8_t rounds; /* the same for the whole, after the vectors failed */
    bool compare_only, whole_page;
    bool needs, ready; /* bytes of the image; to start the command */
    struct ferry_rom *rom;
    uint8_t *buffer;            /* 256 bytes of vectors, then a chunk */
    uint32_t base;              /* of the image, from the start of flash */
    uint32_t size;              /* of the image, bytes */
    uint32_t at;                /* offset in the image: what lies before is done in this phase */
    uint32_t count;             /* bytes of the chunk in hand, which begins there */
    uint32_t probed;            /* bytes of it that were compared */
    uint32_t held;              /* offset of the chunk that was supplied last */
    struct ferry_rom_page page; /* in hand, its start as an offset in the image */
    uint32_t page_end;          /* where it or the image ends */
    uint32_t pages_erased;      /* or about to be: 0 = the old application is as it was */
    int reason;                 /* what to say if the chunk written last is not there */
};

/*
 * Begins. The chip must be connected (FERRY_ROM_CONNECT), with nothing else under way.
 *   rom, buffer: borrowed until the update ended; buffer of FERRY_ROM_UPDATE_BUFFER_SIZE bytes.
 *   address: where the image stands in flash, on the first byte of a page.
 *   size: bytes, 8 or more. The rest of its last page is erased.
 *   compare_only: true for `verify`: ends with FERRY_ROM_VERIFY at the first difference, writes
 *   nothing.
 * FERRY_OK; FERRY_ROM_CHIP: the chip is unknown; FERRY_ROM_RANGE: it does not fit.
 * Nothing is sent yet.
 */
int ferry_rom_update_start(struct ferry_rom_update *update, struct ferry_rom *rom, uint32_t address,
                           uint32_t size, bool compare_only, uint8_t *buffer);

/*
 * What to do next, as ferry_rom_step (report writes and reads to the same ferry_rom_* calls), and:
 *   FERRY_ROM_SUPPLY   put action.size bytes of the image, from action.offset on, at action.bytes,
 *                      then ferry_rom_update_supply. Offsets ascend, but for this: a page may be
 *                      asked for again from its first byte, and program begins again at 0.
 *                      action.page_start says that this is such a byte, so that an owner that
 *                      hashes keeps the hash as of there, and returns to it when the same offset
 *                      comes again. At FERRY_ROM_APPROVE each byte has then been hashed once, and
 *                      is what flash holds (or, of the first 256, what will be written).
 *   FERRY_ROM_APPROVE  see above, then ferry_rom_update_approve.
 * If power fails here: before the first erase the old application starts. After it nothing starts
 * (on L43x: the ROM itself) until the last eight bytes are written; then the new one does.
 * FERRY_MORE: do the action. FERRY_OK: flash holds the image. Else an error of ferry_rom_step, or
 * FERRY_ROM_ERASE, FERRY_ROM_VERIFY: in vain three times. Start again after a reset of the chip.
 */
int ferry_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action);

/* The bytes of a SUPPLY action are in place. A source that failed: do not call, stop. */
void ferry_rom_update_supply(struct ferry_rom_update *update);

/* The owner agrees to what it supplied: write the vectors. */
void ferry_rom_update_approve(struct ferry_rom_update *update);

#endif
