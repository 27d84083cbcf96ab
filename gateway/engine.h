/*
 * engine.h - brings what a source offers to a node, and tells reporters how it went.
 *
 *   source: what is to be installed, and its bytes by offset (HTTP, DDI, file)
 *   sink:   the node: over the link (sinks/link.h), or through ST's ROM bootloader (sinks/rom.h)
 *   reporter: who hears about it (log, DDI feedback, progress bar)
 *
 * A step machine: ask the node, ask the source, read header and TLV areas of the image for the free
 * slot, OPEN, DATA from the node's resume offset, CLOSE, reset, watch until the new version runs
 * confirmed or was given up. No image is stored, at most one DATA payload is held. Portable C
 * without an operating system: Linux and ESP32 run the same file. No heap; one thread an engine.
 */
#ifndef GATEWAY_ENGINE_H
#define GATEWAY_ENGINE_H

#include "ferry/image.h"
#include "ferry/message.h"
#include "ferry/sender.h"

/* What a source says. */
enum gateway_answer {
    GATEWAY_OK,
    GATEWAY_MORE,    /* nothing yet: ask again */
    GATEWAY_NOTHING, /* there is nothing to install */
    GATEWAY_RETRY,   /* failed, may heal: network, a busy server (5xx, 429) */
    GATEWAY_DENIED,  /* certificate, token, plain http: no fault of the release. Tried again with
                        the next poll only */
    GATEWAY_REFUSED  /* failed for good: 404, a malformed answer */
};

/* Something to install: one image of several, each for another slot. */
struct gateway_offer {
    uint8_t count;    /* images, > 0 */
    bool again;       /* install also what the node gave up before */
    bool force;       /* install also what runs already */
    uint32_t poll_ms; /* pause until the next check; 0: as in the options. Also with NOTHING */
};

struct gateway_source {
    void *ctx;

    /*
     * Is there something for this node? May block for at most one network time-out.
     *   offer: filled on OK; its images may be read until the next check.
     */
    enum gateway_answer (*check)(void *ctx, const struct ferry_info *info,
                                 struct gateway_offer *offer);

    /*
     * Reads up to `size` bytes at `offset` of image `index`. Blocks for at most some 20 ms.
     *   got: number of bytes read, > 0 on OK.
     * REFUSED also past the end of the image. All reads since `check` see the same file, or fail.
     */
    enum gateway_answer (*read)(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                uint32_t size, uint32_t *got);

    /* A sentence on the last RETRY, DENIED or REFUSED, borrowed until the next call. */
    const char *(*error)(void *ctx);
};

/*
 * Each function that starts something replaces what is under way; `step` then tells MORE, OK or why
 * it ended. All are free of waiting.
 *
 * Who verifies the image, and where the bytes go, is the sink's business: during `data` it may want
 * any part of the image at any time, also twice. `open` judges before anything is erased.
 */
struct gateway_sink {
    void *ctx;
    bool writes_in_place; /* `data` itself leads a running node to where it can be written */
    bool reads_back;      /* nobody tells what runs: it is what was read back from flash */
    void (*query)(void *ctx, bool quick, uint32_t now_ms); /* quick: to catch a bootloader */
    void (*open)(void *ctx, const struct ferry_open *open, uint32_t now_ms);
    void (*data)(void *ctx, uint32_t now_ms);
    void (*close)(void *ctx, uint32_t now_ms);
    void (*reset)(void *ctx, uint32_t now_ms);
    void (*update_mode)(void *ctx, uint32_t now_ms); /* reset; its bootloader then listens 9.6 s */
    void (*abort)(void *ctx, uint32_t now_ms);
    /* The source failed during `data`: nobody knows for how long. NULL: a node can wait. */
    void (*release)(void *ctx, uint32_t now_ms);
    void (*pulse)(void *ctx, uint32_t now_ms); /* NRST, where can_pulse */
    /* Boot log from the `first` newest on; NULL: the sink has none. */
    void (*log)(void *ctx, uint16_t first, uint32_t now_ms);
    int (*step)(void *ctx, uint32_t now_ms);

    bool (*can_pulse)(void *ctx); /* the gateway can reset the node by its pin */

    const struct ferry_info *(*info)(void *ctx); /* after `query` was OK, until the next start */
    const struct ferry_log_answer *(*logged)(
        void *ctx); /* after `log` was OK, until the next start */
    bool (*wants)(void *ctx, struct ferry_sender_want *want); /* during `data` */
    void (*supply)(void *ctx, uint32_t size, uint32_t now_ms);
    uint32_t (*received)(void *ctx); /* bytes that the node acknowledged */
    uint32_t (*wait_ms)(void *ctx, uint32_t now_ms);
    const char *(*error)(void *ctx); /* a sentence on the last IO error, or "" */
};

enum { GATEWAY_BOOTS_MAX = 16 }; /* starts told at once: of more, the newest */

enum gateway_event {
    GATEWAY_EVENT_NODE,      /* the node answered: info */
    GATEWAY_EVENT_BOOTS,     /* starts of the node that were not told yet: boots */
    GATEWAY_EVENT_CURRENT,   /* what the source offers runs already, confirmed: nothing to do */
    GATEWAY_EVENT_OFFER,     /* an image was chosen: version, total */
    GATEWAY_EVENT_OPENED,    /* the node takes it, from `done` on */
    GATEWAY_EVENT_PROGRESS,  /* done of total; comes often */
    GATEWAY_EVENT_INSTALLED, /* CLOSE was accepted, now or earlier: the next start tries it, or
                                (info: phase) its trial is under way */
    GATEWAY_EVENT_TRIAL,     /* waiting for the new version to confirm itself */
    GATEWAY_EVENT_PULSE,     /* the node does not answer: it is reset by NRST */
    GATEWAY_EVENT_RETRY,     /* a failure that may heal: again in wait_ms */
    GATEWAY_EVENT_SUCCEEDED, /* runs, confirmed */
    GATEWAY_EVENT_FAILED     /* the round ends without success; status, text, final say why */
};

struct gateway_report {
    enum gateway_event event;
    int status;       /* RETRY, FAILED */
    const char *text; /* RETRY, FAILED: a sentence, "" if status says it all */
    bool final; /* FAILED: the node gave its verdict on this image, or the source took the offer
                   back. Else nothing is decided: the next round goes on where this one ended */
    const struct ferry_info *info;       /* the last answer of the node */
    const struct ferry_version *version; /* of the image, from OFFER on */
    uint32_t done, total;                /* bytes */
    uint32_t wait_ms;
    bool read_back; /* CURRENT, SUCCEEDED: it is in flash and was started, nobody says that it runs
                     */
    bool on_trial;  /* FAILED: the new version runs, but it has not confirmed itself */
    const struct ferry_boot_log *boots; /* BOOTS: newest first. Borrowed for the call */
    uint8_t boot_count;                 /* BOOTS: 1 to GATEWAY_BOOTS_MAX */
};

struct gateway_reporter {
    void *ctx;
    void (*report)(void *ctx, const struct gateway_report *report);
};

struct gateway_options {
    uint32_t poll_ms;        /* pause between two checks, +-10 %; default 300,000 */
    uint32_t retry_first_ms; /* pause after the first failure, doubled each time; default 1,000 */
    uint32_t retry_max_ms;   /* default 60,000 */
    uint32_t confirm_ms;     /* how long to wait for confirmation, anew with each start that the
                                trial uses up; default 420,000: longer than the three starts of a
                                node (120 s each until the agent stops feeding the watchdog, 8 s of
                                watchdog, and the boot). 0: not at all */
    uint8_t retries;         /* failures without progress before the round ends; default 8 */
    bool no_reset;           /* leave the reset to somebody else; implies no waiting, also for an
                                image that the node has already */
    bool by_bootloader;      /* reset the node first: its bootloader receives faster */
    bool boot_log;           /* ask for the node's boot log; default false */
    bool check_uid;          /* only this node may be updated: */
    uint8_t uid[FERRY_UID_SIZE];
    const char *board; /* only this kind of board; NULL: any. Borrowed */
};

/* The defaults above. */
struct gateway_options gateway_options_default(void);

/* How the last round ended. */
enum gateway_result {
    GATEWAY_RESULT_NONE, /* a round is under way */
    GATEWAY_RESULT_NOTHING,
    GATEWAY_RESULT_SUCCEEDED,
    GATEWAY_RESULT_FAILED
};

struct gateway_engine {
    const struct gateway_source *source;
    const struct gateway_sink *sink;
    const struct gateway_reporter *const *reporters;
    uint8_t reporter_count;
    uint8_t stage;    /* index of its step function */
    uint8_t result;   /* enum gateway_result */
    uint8_t failures; /* since the last progress */
    uint8_t index;    /* image being read */
    uint8_t slot;     /* that it is for */
    uint8_t starting; /* how often the bootloader answered where the application was expected */
    uint8_t attempts; /* starts that the trial had left, as last heard */
    bool room_made;   /* the node was reset for room in its journal; cleared by progress */
    bool working;     /* an offer was accepted: its end has to be reported */
    bool given_up_known;
    bool source_waits;
    bool watch_heard;    /* the node answered the last question of the trial */
    bool pulsed;         /* reset by its pin, and no answer since */
    bool hung;           /* answered only after that: its application may not be relied on */
    uint8_t after_pulse; /* stage */
    uint8_t pulses;      /* since the last progress */
    uint8_t lost_rounds; /* in a row that a sink which writes in place had begun and did not end */
    uint8_t after_log;   /* stage */
    uint8_t answer;      /* enum gateway_answer of a source that failed during DATA */
    uint8_t boot_count;  /* of boots */
    bool boot_known;     /* last_boot is one */
    bool no_boot_log;    /* the node has none, as it said since its last start that was seen */
    uint32_t random;     /* xorshift state for jitter, never 0 */
    uint32_t rest_since_ms, rest_ms;
    uint32_t watch_since_ms, reset_ms, watch_pause_ms;
    uint32_t catch_since_ms;
    uint32_t done, best_done; /* acknowledged: now, and at most so far */
    uint32_t total;
    uint16_t got;                    /* bytes of header, vectors or TLV areas read so far */
    uint16_t tlv_size;               /* both areas, bytes */
    struct ferry_boot_log last_boot; /* the newest that was told */
    struct ferry_boot_log boots[GATEWAY_BOOTS_MAX];
    struct gateway_offer offer;
    struct gateway_options options;
    struct ferry_image_header image;
    struct ferry_info info;
    uint8_t hash[FERRY_HASH_SIZE];
    uint8_t given_up[FERRY_HASH_SIZE]; /* hash of the last image that failed */
    uint8_t header[FERRY_IMAGE_HEADER_SIZE];
    uint8_t vectors[FERRY_IMAGE_VECTORS_SIZE];
    uint8_t tlvs[FERRY_IMAGE_TLV_MAX];
};

/*
 * All pointers are borrowed for the engine's life.
 *   seed: any number, another one for each node: gateways that lost the same server do not come
 * back in step.
 */
void gateway_engine_init(struct gateway_engine *engine, const struct gateway_source *source,
                         const struct gateway_sink *sink,
                         const struct gateway_reporter *const *reporters, uint8_t reporter_count,
                         const struct gateway_options *options, uint32_t seed);

/*
 * The slot that an image has to be for, by what the node says: that of the candidate under way,
 * else the one that does not run.
 */
uint8_t gateway_wanted_slot(const struct ferry_info *info);

/* The slot that starts at this address, or FERRY_SLOT_NONE. */
uint8_t gateway_slot_at(const struct ferry_info *info, uint32_t address);

/* Starts a round at once, however long the pause was meant to be. */
void gateway_engine_wake(struct gateway_engine *engine);

/* Gives the round up: tells the node with ABORT if a transfer is open; ends as FAILED, ABORTED. */
void gateway_engine_abort(struct gateway_engine *engine, uint32_t now_ms);

/* True while time alone brings the next step: bytes from the node may wait. */
bool gateway_engine_is_resting(const struct gateway_engine *engine);

/* One step. Then sleep at most gateway_engine_wait_ms, less when bytes arrive. */
void gateway_engine_step(struct gateway_engine *engine, uint32_t now_ms);
uint32_t gateway_engine_wait_ms(const struct gateway_engine *engine, uint32_t now_ms);

#endif
