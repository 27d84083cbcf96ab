/*
 * rom.h - the sink for a node that has only ST's ROM bootloader: no agent below, nobody there who
 * checks anything. It is driven by the same engine as the sink `link`, so what is a request to the
 * node there is done here:
 *
 *   query    what runs: asked of the application over the link, or known from the last read-back
 *   open     judges the image's claims: structure, board, place, counter, key, signature
 *   data     first pass over the source: the whole image is hashed, nothing is erased. Then into
 *            the ROM by BOOT0 and NRST; is it the board's chip, with flash and RAM for this image?
 *            Then the second pass: rom_update compares, erases, writes and reads back; the vectors
 *            follow when the second hash is right too
 *   close    remembers what flash holds now
 *   reset    BOOT0 low, NRST: the application starts
 *
 * Whatever ends `data` early also lets the chip go: BOOT0 low, NRST. What had been erased by then
 * does not start; what had not, runs again.
 *
 * The claims of `open` are bytes of their own, read before the first pass. That pass therefore
 * compares them with what it reads: a server that shows a harmless header first gains nothing.
 *
 * Portable C like the engine: no heap, no waiting; one thread.
 */
#ifndef GATEWAY_SINKS_ROM_H
#define GATEWAY_SINKS_ROM_H

#include "link.h"
#include "rom_update.h"

/* The wire to the chip and its lines: rom_wire.h on Linux, which says more. */
struct gateway_rom_wire {
    void *ctx;
    const struct ferry_rom_traits *traits; /* borrowed */
    int (*open)(void *ctx);                /* OK or why not */
    void (*close)(void *ctx);
    /* Starts a reset with BOOT0 as `rom`; then reset_step until it is not MORE, every 10 ms. */
    int (*reset_begin)(void *ctx, bool rom);
    int (*reset_step)(void *ctx);
    bool (*next_address)(void *ctx); /* nobody answered: is there another place to look? */
    /* Does one action, and reports it to `rom`. OK: something moved; MORE: nothing yet; else an
     * error of the wire. */
    int (*act)(void *ctx, struct ferry_rom *rom, const struct ferry_rom_action *action);
    const char *(*error)(void *ctx); /* a sentence on the last error */
};

/* What a gateway has to remember of such a node: the chip has no place for it. */
struct gateway_rom_memory {
    uint32_t counter;             /* lowest security counter that may be installed */
    bool unconfirmed;             /* the image below was written and has not been heard of since */
    uint32_t image_counter;       /* of the image that was written last: */
    struct ferry_version version; /* all 0: none */
    uint8_t hash[FERRY_HASH_SIZE];
};

/* Where it does: must survive a power cut whole, old or new. */
struct gateway_rom_store {
    void *ctx;
    int (*load)(void *ctx, struct gateway_rom_memory *memory); /* nothing yet: OK, all 0 */
    int (*save)(void *ctx, const struct gateway_rom_memory *memory);
    const char *(*error)(void *ctx); /* a sentence on the last error */
};

struct gateway_rom_options {
    const char *board; /* images for any other are refused. Borrowed */
    struct ferry_keys keys;
    uint32_t address;    /* where images must be for: their vector table goes there */
    uint32_t confirm_ms; /* with a link: how long the application may take to name its version */
};

struct gateway_rom {
    const struct gateway_rom_wire *wire;
    const struct gateway_rom_store *store;
    struct gateway_link *link; /* to the application; NULL: reading back is all there is */
    struct gateway_rom_options options;
    uint8_t stage;       /* private, as all that follows */
    bool ask_then;       /* after LEAVE: a query waits */
    bool wire_open;      /* and the chip is in its ROM, or held in reset */
    bool broken;         /* the chip has nothing that starts: asking would be in vain */
    bool known;          /* flash holds what `memory` says, seen since our start */
    bool approved;       /* the second hash was right */
    bool supplying;      /* image bytes are wanted */
    bool started;        /* a new image was started and has not named itself, since: */
    uint32_t started_ms; /* of `now_ms` */
    int result;          /* how the request ended */
    const char *text;    /* a sentence on it, or "" */
    uint32_t at;         /* first pass: offset in the image */
    uint32_t filled;     /* second pass: bytes of the action that were supplied */
    uint32_t done;       /* bytes, for people */
    uint32_t page_offset;
    uint32_t wait_ms;
    uint32_t launched; /* bytes of the launcher that were written */
    union {
        struct ferry_sha256 claims; /* first pass: of header, first vectors, protected TLVs */
        struct ferry_rom rom;       /* from CONNECT on */
    } in;
    struct ferry_rom_update update;
    struct ferry_rom_action action;
    struct ferry_image_header header; /* of the image, as `open` claimed it; and: */
    uint32_t total_size, counter, stack_pointer;
    uint8_t hash[FERRY_HASH_SIZE];
    struct gateway_rom_memory memory;
    struct ferry_info info;
    struct ferry_sha256 sha;     /* first pass: of the image; second: of the payload up to now */
    struct ferry_sha256 payload; /* first pass; second: of the payload up to page_offset */
    uint8_t claims_hash[FERRY_HASH_SIZE]; /* of these as `open` had them */
    uint8_t payload_hash[FERRY_HASH_SIZE];
    uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
};

_Static_assert(sizeof(struct gateway_engine) + sizeof(struct gateway_link) +
                       sizeof(struct gateway_rom) <=
                   8192,
               "what a gateway keeps for a node fits a small ESP32");

/*
 * All pointers, also of `options`, are borrowed for the sink's life.
 *   link: NULL: `confirm = readback`. It must not have the wire's port open while the sink does:
 *   the sink closes the one before it opens the other.
 */
void gateway_rom_init(struct gateway_rom *rom, const struct gateway_rom_wire *wire,
                      const struct gateway_rom_store *store, struct gateway_link *link,
                      const struct gateway_rom_options *options);

/* True while the wire is in use: sleep by its action; else by the link, where there is one. */
static inline bool gateway_rom_is_on_wire(const struct gateway_rom *rom)
{
    return rom->wire_open;
}

struct gateway_sink gateway_rom_sink(struct gateway_rom *rom);

#endif
