/*
 * A model of ST's ROM bootloader with a host's end of the wire, in virtual time, for tests of
 * ferry/rom.h. Bytes take their time, can be lost, repeated, flipped or late; what the ROM does to
 * flash is checked by `watch` after each operation.
 */
#ifndef FERRY_KIT_ROM_H
#define FERRY_KIT_ROM_H

#include "rom_update.h"

enum kit_rom_fault {
    KIT_ROM_NONE,
    KIT_ROM_LOST,
    KIT_ROM_REPEATED,
    KIT_ROM_FLIPPED,
    KIT_ROM_LATE,    /* by 2.5 s, and all behind it */
    KIT_ROM_SILENCE, /* nothing more from here on */
    KIT_ROM_FAULTS
};

enum { KIT_ROM_FLASH = 512 * 1024, KIT_ROM_WIRE = 2048 };

struct kit_rom_wire {
    struct {
        uint8_t byte;
        uint64_t due_us;
    } bytes[KIT_ROM_WIRE];
    size_t in, out; /* wrap */
    uint64_t last_us;
};

struct kit_rom {
    /* What it is: set by kit_rom_init, changed by the test. */
    const struct ferry_rom_chip *chip;
    bool framed;
    uint8_t version;
    uint8_t list[24];
    size_t list_size;
    uint32_t byte_us, erase_us, write_us;
    uint16_t size_kb;      /* what the size register says */
    bool no_last_ack;      /* quirk: an erase is never acknowledged */
    bool nack_after_erase; /* quirk: 0x1F to the first thing after an erase */
    bool write_protected;  /* silently */
    bool refuses_writes;   /* says so */
    bool readout_protected;
    bool stray_zero;    /* 0x00 before the first ACK */
    bool mute;          /* not there at all */
    bool deaf_to_large; /* I2C: a write of more than 66 bytes is not acknowledged */

    /* The fault: to byte number fault_at of the whole session, both directions (I2C: transfer). */
    enum kit_rom_fault fault;
    uint32_t fault_at, wire_count;
    uint32_t fault_every; /* bytes until the next one; 0 = only one */
    uint8_t fault_mask;

    /* The chip. */
    bool synced, spoilt, reset_pending, no_stretch;
    uint8_t frame[1200];
    size_t have, need;
    uint8_t stage, command;
    uint32_t address;
    uint64_t parameters_due_us, busy_until_us;
    uint32_t erases, writes, went; /* of flash */
    void (*watch)(struct kit_rom *rom);
    void *watch_context;

    /* The host. */
    uint64_t now_us;
    struct kit_rom_wire up, down;
    uint32_t gets;
    uint32_t max_write, max_read;     /* largest transfers seen */
    uint8_t ram[FERRY_ROM_CHUNK_MAX]; /* from ferry_rom_ram_start on */
    uint8_t flash[KIT_ROM_FLASH];     /* last, so that all else can be copied without it */
};

/* A chip with erased flash; framed: I2C. */
void kit_rom_init(struct kit_rom *model, uint16_t pid, bool framed);

/* What a reset with BOOT0 high does. */
void kit_rom_reset(struct kit_rom *model);

uint32_t kit_rom_now_ms(const struct kit_rom *model);

/* Carries out one action of ferry_rom_step; SUPPLY and APPROVE are the test's. */
void kit_rom_do(struct kit_rom *model, struct ferry_rom *rom,
                const struct ferry_rom_action *action);

/* Runs a command to its end. */
int kit_rom_run(struct kit_rom *model, struct ferry_rom *rom, uint8_t kind, uint32_t address,
                uint16_t count, const uint8_t *data);

/*
 * Runs an update to its end. Checks on the way that offsets are supplied as promised, and before
 * the vectors that each byte was hashed once. approve false: gives up there, FERRY_MORE.
 */
int kit_rom_update(struct kit_rom *model, struct ferry_rom *rom, uint32_t address,
                   const uint8_t *image, uint32_t size, bool compare_only, bool approve);

#endif
