/* Whole commands and updates on the model of ST's ROM. */
#include "kit_rom.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 200000 };

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "kit_rom: %s\n", what);
        abort();
    }
}

int kit_rom_run(struct kit_rom *model, struct ferry_rom *rom, uint8_t kind, uint32_t address,
                uint16_t count, const uint8_t *data)
{
    const struct ferry_rom_request request = {kind, count, address, data};
    struct ferry_rom_action action;
    int status = ferry_rom_start(rom, &request, kit_rom_now_ms(model));
    if (status != FERRY_OK) {
        return status;
    }
    for (uint32_t steps = 0;; steps++) {
        check(steps < STEPS_MAX, "a command hangs");
        status = ferry_rom_step(rom, kit_rom_now_ms(model), &action);
        if (status != FERRY_MORE) {
            return status;
        }
        kit_rom_do(model, rom, &action);
    }
}

/* What an owner keeps: the hash of what was supplied, and the hash as of the page's start. */
struct hasher {
    uint32_t offset, crc, page_offset, page_crc;
};

static void supply(struct hasher *hasher, const struct ferry_rom_action *action,
                   const uint8_t *image, uint32_t size)
{
    check(action->size > 0 && ferry_within(action->offset, action->size, size), "supply range");
    if (action->offset == 0) {
        memset(hasher, 0, sizeof *hasher);
    } else if (action->page_start && action->offset == hasher->page_offset) {
        hasher->offset = hasher->page_offset;
        hasher->crc = hasher->page_crc;
    } else if (action->page_start) {
        hasher->page_offset = action->offset;
        hasher->page_crc = hasher->crc;
    }
    check(hasher->offset == action->offset, "supply goes back only as promised");
    memcpy(action->bytes, image + action->offset, action->size);
    hasher->crc = ferry_crc32(hasher->crc, action->bytes, action->size);
    hasher->offset += action->size;
}

int kit_rom_update(struct kit_rom *model, struct ferry_rom *rom, uint32_t address,
                   const uint8_t *image, uint32_t size, bool compare_only, bool approve)
{
    static uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
    struct ferry_rom_update update;
    struct ferry_rom_action action;
    struct hasher hasher = {0, 0, 0, 0};
    int status = ferry_rom_update_start(&update, rom, address, size, compare_only, buffer);
    if (status != FERRY_OK) {
        return status;
    }
    for (uint32_t steps = 0;; steps++) {
        check(steps < STEPS_MAX, "an update hangs");
        status = ferry_rom_update_step(&update, kit_rom_now_ms(model), &action);
        if (status != FERRY_MORE) {
            check(status != FERRY_OK || hasher.crc == ferry_crc32(0, image, size), "hash");
            return status;
        }
        if (action.type == FERRY_ROM_SUPPLY) {
            supply(&hasher, &action, image, size);
            ferry_rom_update_supply(&update);
        } else if (action.type == FERRY_ROM_APPROVE) {
            check(hasher.offset == size && hasher.crc == ferry_crc32(0, image, size), "hash");
            if (!approve) {
                return FERRY_MORE;
            }
            ferry_rom_update_approve(&update);
        } else {
            kit_rom_do(model, rom, &action);
        }
    }
}
