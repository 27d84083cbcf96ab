/*
 * board_kit.h - a virtual board with the real binaries, and a gateway that speaks to it over one of
 * its transports, in virtual time. Shared by the cases of board_cases.c: hostile bytes, lost
 * journals, trials.
 *
 * The gateway is the real sender (ferry/sender.h), for whole updates with tests/power/sweep_peer.h
 * around it. It moves bytes as a master does: UART at 921,600 baud, SPI at 10 MHz in transfers of
 * CHUNK bytes, I2C at 400 kHz with writes and reads.
 */
#ifndef BOARD_KIT_H
#define BOARD_KIT_H

#include "../power/sweep_peer.h"
#include "ferry_sim.h"

#include "ferry/board.h"

enum kit_wire { KIT_UART, KIT_SPI, KIT_I2C, KIT_WIRES };

enum { KIT_MS = 1000000, KIT_RECORDED = 64, KIT_TEXT = 256 };

/* What a signature check reads: see ferry_sim_replay. 0: executed every time. */
enum { KIT_VERIFY_MAX = 4 };

struct kit_message {
    uint16_t size;
    uint8_t bytes[FERRY_MESSAGE_MAX];
};

/* A check of signatures: its address, 0: none, and the bytes behind r0, r1, r2. */
struct kit_verify {
    uint32_t address;
    uint32_t sizes[4];
};

/* The files of a board. `other`: any further image that the case needs, or size 0. */
struct kit_files {
    char *factory_hex;
    size_t factory_size;
    struct sweep_image first; /* in slot A from the start, confirmed */
    struct sweep_image next;  /* a good one for the free slot, or for the only one */
    struct sweep_image other;
    struct kit_verify verify[KIT_VERIFY_MAX];
};

struct kit {
    const struct ferry_board *board;
    const struct kit_files *files;
    struct ferry_sim *sim;
    enum kit_wire wire;
    struct ferry_sender *listener; /* hears what the node says; NULL: nobody */
    struct ferry_sender sender;    /* for kit_query and kit_finish */
    struct sweep_peer peer;        /* for kit_update */

    struct kit_message recorded[KIT_RECORDED]; /* of the last update, while `recording` */
    uint32_t recorded_count;
    bool recording;
    struct ferry_frame_decoder decoder;
    uint8_t decoded[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];

    uint32_t guarded_slot;      /* start of a slot that nobody may write; 0: none */
    uint32_t watchdogs, faults; /* resets by the watchdog, faults of the application: counted */
    uint32_t erases;
    uint32_t last_op_ms;    /* when the last flash operation began */
    char failure[KIT_TEXT]; /* empty: none; the first one is kept */
};

/* The board, off, with the factory's content. The kit is zero before. Returns false and says why.
 */
bool kit_start(struct kit *kit, const struct ferry_board *board, const struct kit_files *files);
void kit_stop(struct kit *kit);

__attribute__((format(printf, 2, 3))) void kit_fail(struct kit *kit, const char *format, ...);
static inline bool kit_ok(const struct kit *kit)
{
    return kit->failure[0] == '\0';
}

uint32_t kit_now_ms(const struct kit *kit);

/* Sends bytes over kit->wire and lets their time pass; what the node says meanwhile is heard. An
 * I2C address that is not acknowledged is tried again for at most two seconds. */
void kit_send(struct kit *kit, const uint8_t *bytes, size_t size);
/* Half a millisecond of listening: an SPI or I2C master polls. */
void kit_listen(struct kit *kit);
/* Lets time pass without touching the wire. */
void kit_wait(struct kit *kit, uint32_t duration_ms);
/* One frame. */
void kit_send_message(struct kit *kit, const uint8_t *message, size_t size);

/* Runs the request that was started on kit->sender to its end; `image` feeds DATA, may be NULL. */
int kit_finish(struct kit *kit, const struct sweep_image *image);
/* INFO, or a failure when none comes within 12 s. */
bool kit_query(struct kit *kit, struct ferry_info *info);
int kit_open(struct kit *kit, const struct sweep_image *image);
/* A whole update up to its right end: confirmed (good), or given up. */
bool kit_update(struct kit *kit, const struct sweep_image *image, bool by_application, bool good);
/* OPEN, DATA, CLOSE, RESET, no more: what the new image does is the case's business. */
bool kit_install(struct kit *kit, const struct sweep_image *image);

/* The core executes code of this slot. */
bool kit_is_in_slot(const struct kit *kit, uint8_t slot);
bool kit_is_in_application(const struct kit *kit);
/* Lets time pass until an application runs, at most `limit_ms`. */
bool kit_wait_application(struct kit *kit, uint32_t limit_ms);
/* Power off, then on, without a byte on the wire meanwhile. */
void kit_power_cycle(struct kit *kit);

/* Flash cells at an address. */
const uint8_t *kit_cells(const struct kit *kit, uint32_t address);

uint32_t kit_random(uint32_t *state);

/* ---- the cases: each reports by kit_fail ------------------------------------------------------
 */

struct kit_options {
    uint32_t count, seed;
    const char *attack; /* hold: which flood */
};

void case_fuzz(struct kit *kit, const struct kit_options *options);
void case_hold(struct kit *kit, const struct kit_options *options);
void case_journal(struct kit *kit, const struct kit_options *options);
void case_attempts(struct kit *kit, const struct kit_options *options);
void case_timeout(struct kit *kit, const struct kit_options *options);
void case_confirm(struct kit *kit, const struct kit_options *options);
void case_fallback(struct kit *kit, const struct kit_options *options);
void case_intruder(struct kit *kit, const struct kit_options *options);
void case_single(struct kit *kit, const struct kit_options *options);

#endif
