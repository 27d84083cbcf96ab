/*
 * sweep_peer.h - the gateway of a power-cut sweep: brings one image to a node with the real sender,
 * starts again after every cut, and remembers what the node promised. A promise that is broken
 * becomes `violation`.
 *
 * It stands where the gateway stands; the owner moves the bytes and tells the virtual time.
 */
#ifndef SWEEP_PEER_H
#define SWEEP_PEER_H

#include "ferry/sender.h"

/* What the update is like. */
struct sweep_story {
    const char *name;
    bool by_application; /* the running application receives it, else the bootloader */
    bool good;           /* the new image confirms itself, else it must be given up */
    uint32_t room;      /* records that the journal's sector has left at the start; 0: nearly all */
    uint32_t word_step; /* one in so many words of the image is cut */
};

struct sweep_image {
    uint8_t *bytes;
    size_t size;
    uint8_t hash[FERRY_HASH_SIZE];
};

enum sweep_stage {
    SWEEP_PAUSE, /* says nothing until until_ms */
    SWEEP_ASK,   /* QUERY */
    SWEEP_OPEN,
    SWEEP_DATA,
    SWEEP_CLOSE,
    SWEEP_RESET,
    SWEEP_END /* the story has come to its right end */
};

/* How many offsets lie between a promise and the resume: 0, up to 1, 2, 3, 4 KB, more. */
enum { SWEEP_BUCKETS = 6 };
struct sweep_resumes {
    uint32_t behind_durable[SWEEP_BUCKETS];  /* resume before the last durable acknowledgement */
    uint32_t behind_received[SWEEP_BUCKETS]; /* resume before the last byte acknowledged at all */
    uint32_t again;                          /* resumes after a sector had to be erased again */
};

struct sweep_peer {
    const struct sweep_story *story;
    const struct sweep_image *image;
    uint8_t slot_count;
    struct ferry_sender sender;
    uint8_t stage;      /* enum sweep_stage */
    uint32_t opened_at; /* resume offset of this session */
    uint8_t waits;      /* pauses in a row because only the bootloader answered */
    bool left_alone;    /* the last pause was long enough for an application to be started */
    uint32_t until_ms;
    uint32_t after_ms; /* RESET: how long to be silent then */
    /* what the node promised or showed */
    uint32_t durable, received;    /* acknowledged, of the image */
    uint32_t counter;              /* highest seen */
    bool accepted;                 /* CLOSE was answered with OK */
    bool tried;                    /* the new image was started */
    bool confirmed;                /* ... and confirmed itself */
    bool erased_again;             /* a torn word cost a sector: the resume may lie before it */
    uint8_t running;               /* as the last INFO said */
    struct sweep_resumes *resumes; /* borrowed; NULL: nobody counts */
    char violation[160];           /* empty: none */
};

void sweep_peer_init(struct sweep_peer *peer, const struct sweep_story *story,
                     const struct sweep_image *image, uint8_t slot_count);

/*
 * Power came back. `unaware`: the gateway goes on with what it was doing, else it begins anew,
 * first silent for `silence_ms`.
 */
void sweep_peer_after_cut(struct sweep_peer *peer, bool unaware, uint32_t silence_ms,
                          uint32_t now_ms);

/* Lets time pass; supplies image bytes. Bytes to send are in the sender. */
void sweep_peer_step(struct sweep_peer *peer, uint32_t now_ms);

/* A broken promise; the first one is kept. */
__attribute__((format(printf, 2, 3))) void sweep_violation(struct sweep_peer *peer,
                                                           const char *format, ...);

#endif
