/* rom_internal.h - what rom.c (requests), rom_session.c (in the ROM) and rom_judge.c (which image,
 * and what INFO says) share. */
#ifndef GATEWAY_SINKS_ROM_INTERNAL_H
#define GATEWAY_SINKS_ROM_INTERNAL_H

#include "rom.h"

/* rom->stage; those from ENTER on are the session's. */
enum gateway_rom_stage {
    IDLE,
    ASK,
    CHECK,
    ENTER,
    CONNECT,
    MEASURE,
    PROBE,
    UPDATE,
    LAUNCH,
    GO,
    LAUNCHED,
    LEAVE
};

/* --- stages --------------------------------------------------------------------------------- */

void gateway_rom_go_to(struct gateway_rom *rom, enum gateway_rom_stage stage);

/* The request ends, the chip stays where it is. Returns `status`. */
int gateway_rom_end(struct gateway_rom *rom, int status);

/*
 * The request ends; a chip in its ROM is let go first: MORE.
 *   text: a sentence, "" where the status says it all. Borrowed: static, or of the wire or store.
 */
int gateway_rom_fail(struct gateway_rom *rom, int status, const char *text);

/* The same, as the source showed something else when it was read again. */
int gateway_rom_fail_changed(struct gateway_rom *rom);

/* BOOT0 low, NRST; ends with rom->result. MORE, or at once where the lines fail. */
int gateway_rom_leave(struct gateway_rom *rom);

/* An update that is left in the middle leaves nothing that starts. */
void gateway_rom_note_broken(struct gateway_rom *rom);

/* Opens the wire and goes into the ROM, then through the second pass; each by session_step. */
int gateway_rom_enter(struct gateway_rom *rom);
int gateway_rom_session_step(struct gateway_rom *rom, uint32_t now_ms);

/* --- open ----------------------------------------------------------------------------------- */

/* The verdict on the claims of `open`; fills rom->image and what the first pass compares with. */
int gateway_rom_judge(struct gateway_rom *rom, const struct ferry_open *open);

/*
 * The same for the chip at the wire, as it names itself; nothing was erased yet.
 *   size_register: its two bytes.
 * OK, ROM_CHIP, IMAGE_BOARD, IMAGE_VECTORS (the stack), ROM_RANGE.
 */
int gateway_rom_judge_chip(const struct gateway_rom *rom, const uint8_t size_register[2]);

/* --- first pass: bytes of the image from rom->at on ---------------------------------------- */

void gateway_rom_check_begin(struct gateway_rom *rom);
uint32_t gateway_rom_check_end(const struct gateway_rom *rom); /* offset where the hash ends */
void gateway_rom_check_feed(struct gateway_rom *rom, const uint8_t *bytes, uint32_t size);
/* OK, IMAGE_HASH, or CRC where the source showed `open` other claims. */
int gateway_rom_check_verdict(struct gateway_rom *rom);

/* --- second pass: pieces of the payload, as SUPPLY asks for them ---------------------------- */

void gateway_rom_again_begin(struct gateway_rom *rom, const struct ferry_rom_action *supply);
void gateway_rom_again_feed(struct gateway_rom *rom, const struct ferry_rom_action *supply);
bool gateway_rom_again_is_right(const struct gateway_rom *rom);

/* --- what runs ------------------------------------------------------------------------------ */

/* INFO of a node of which nothing is known but what the configuration says. */
void gateway_rom_info_blank(struct gateway_rom *rom);
/* INFO of a node whose flash holds what `memory` says. */
void gateway_rom_info_known(struct gateway_rom *rom);
/*
 * INFO from the application's own; notes that a written image named itself.
 * OK, IO where that cannot be remembered, PROTOCOL: that is no application in the ROM's place.
 */
int gateway_rom_info_heard(struct gateway_rom *rom, const struct ferry_info *heard);

/* The image that was written last may raise the counter: it runs, or nobody can ask it. */
int gateway_rom_confirm(struct gateway_rom *rom);

#endif
