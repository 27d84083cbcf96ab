/*
 * Fuzzes the host's side of ST's ROM bootloader with a hostile chip: the input is a script of
 * answers, of raw bytes, of refused transfers and of time that passes. Whatever comes, the machines
 * write frames of 1-258 bytes, ask for bytes of the image only, ask for approval only after all of
 * them were supplied, write no vectors before, and come to an end.
 */
#include "rom_update.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IMAGE_SIZE = 5003, STEPS_MAX = 100000 };

static const struct ferry_rom_traits all_traits[] = {
    {false, 256, 0, 95}, {true, 256, 0, 90}, {true, 16, 0, 90}, {false, 64, 3, 9167}};

static struct ferry_rom rom;
static struct ferry_rom_update update;
static uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
static uint32_t now_ms, supplied;
static bool approved;

struct script {
    const uint8_t *bytes;
    size_t left;
};

static uint8_t take(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->bytes++;
}

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What a chip of the script answers to the read that is asked for. */
static void answer(struct script *script, const struct ferry_rom_action *action)
{
    uint8_t bytes[300];
    const uint8_t choice = take(script);
    uint32_t size = action->size + (choice >> 6 == 3 ? 3 : 0);
    check(action->size > 0 && action->size <= 257);
    switch (choice % 8) {
    case 0:
        now_ms += action->wait_ms; /* nothing */
        return;
    case 1:
        ferry_rom_refused(&rom, now_ms);
        return;
    case 2:
        memset(bytes, 0x1F, sizeof bytes);
        break;
    case 3:
        memset(bytes, take(script), sizeof bytes);
        break;
    case 4: /* what READ should give */
        memcpy(bytes,
               buffer + (update.at < 256 ? update.at + update.probed : 256 + update.probed) % 256,
               256);
        break;
    case 5:
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = take(script);
        }
        break;
    default:
        memset(bytes, 0x79, sizeof bytes);
    }
    now_ms += choice >> 4;
    ferry_rom_input(&rom, bytes, size, now_ms);
}

static void carry_out(struct script *script, const struct ferry_rom_action *action)
{
    if (action->type == FERRY_ROM_WAIT) {
        now_ms += action->wait_ms;
    } else if (action->type == FERRY_ROM_READ) {
        answer(script, action);
    } else {
        check(action->type == FERRY_ROM_WRITE);
        check(action->size > 0 && action->size <= 258);
        check(action->bytes >= rom.buffer &&
              action->bytes + action->size <= rom.buffer + sizeof rom.buffer);
        check(approved || rom.kind != FERRY_ROM_WRITE_MEMORY ||
              rom.request.address >= FERRY_ROM_FLASH_BASE + FERRY_ROM_VECTORS_SIZE);
        ferry_rom_sent(&rom, action->size, now_ms);
    }
}

static void command(struct script *script)
{
    static const uint8_t bytes[256] = {0};
    struct ferry_rom_request request = {take(script), 1, FERRY_ROM_FLASH_BASE, bytes};
    struct ferry_rom_action action;
    if (request.kind == FERRY_ROM_WRITE_MEMORY) {
        request.address += 4096;
    }
    request.kind = request.kind % 18;
    request.count = take(script);
    if (request.kind == FERRY_ROM_ERASE_PAGES || request.kind == FERRY_ROM_WRITE_PROTECT) {
        request.address = take(script);
    } else {
        request.address = FERRY_ROM_FLASH_BASE + 4096;
    }
    int status = ferry_rom_start(&rom, &request, now_ms);
    for (uint32_t steps = 0; status == FERRY_OK || status == FERRY_MORE; steps++) {
        status = ferry_rom_step(&rom, now_ms, &action);
        if (status != FERRY_MORE) {
            break;
        }
        check(steps < STEPS_MAX || script->left > 0);
        carry_out(script, &action);
    }
}

static void supply(const struct ferry_rom_action *action)
{
    check(action->size > 0 && ferry_within(action->offset, action->size, IMAGE_SIZE));
    check(action->bytes >= buffer && action->bytes + action->size <= buffer + sizeof buffer);
    check(action->offset <= supplied || action->offset == 0);
    memset(action->bytes, (int)(action->offset * 7 + 1), action->size);
    supplied = action->offset + action->size;
    approved = false;
    ferry_rom_update_supply(&update);
}

static void run_update(struct script *script)
{
    struct ferry_rom_action action;
    supplied = 0;
    approved = false;
    int status =
        ferry_rom_update_start(&update, &rom, FERRY_ROM_FLASH_BASE, IMAGE_SIZE, false, buffer);
    for (uint32_t steps = 0; status == FERRY_OK || status == FERRY_MORE; steps++) {
        status = ferry_rom_update_step(&update, now_ms, &action);
        check(status != FERRY_OK || supplied == IMAGE_SIZE);
        if (status != FERRY_MORE) {
            break;
        }
        check(steps < STEPS_MAX || script->left > 0);
        if (action.type == FERRY_ROM_SUPPLY) {
            supply(&action);
        } else if (action.type == FERRY_ROM_APPROVE) {
            check(supplied == IMAGE_SIZE);
            approved = true;
            ferry_rom_update_approve(&update);
        } else {
            carry_out(script, &action);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};
    const uint8_t choice = take(&script);
    now_ms = 0xFFFFF000; /* wraps */
    memset(&update, 0, sizeof update);
    ferry_rom_init(&rom, &all_traits[choice % 4]);
    if (choice >> 4 != 0) { /* as after CONNECT */
        rom.chip = ferry_rom_chip_at((choice >> 4) % 5U);
        memcpy(rom.opcode, "\0\x11\x21\x31\x44\0\x63\x73\x82\x92", sizeof rom.opcode);
    }
    approved = true;
    while (script.left > 0) {
        if (take(&script) % 4 == 0) {
            run_update(&script);
            approved = true;
        } else {
            command(&script);
        }
    }
    return 0;
}
