/* In the ROM: the way there, the second pass, and the way out. A stage is left by
 * gateway_rom_go_to, _end (the request is over, the chip stays where it is) or _fail (the chip is
 * let go first). */
#include "rom_internal.h"

#include "rom_launch.h"

enum {
    LINE_STEP_MS = 10,
    LAUNCH_MS = 20 /* option bytes are loaded and the chip resets: 0.1 ms (RM0394) */
};

int gateway_rom_end(struct gateway_rom *rom, int status)
{
    rom->stage = IDLE;
    rom->supplying = false;
    rom->wait_ms = 0;
    rom->result = status;
    return status;
}

void gateway_rom_go_to(struct gateway_rom *rom, enum gateway_rom_stage stage)
{
    rom->stage = (uint8_t)stage;
    rom->wait_ms = 0;
}

/* --- out of the ROM -------------------------------------------------------------------------- */

static void close_wire(struct gateway_rom *rom)
{
    rom->wire->close(rom->wire->ctx);
    rom->wire_open = false;
}

/* The lines cannot be set: what is in flash does not run. */
static int stay(struct gateway_rom *rom)
{
    close_wire(rom);
    rom->known = false;
    return gateway_rom_end(rom, rom->result != FERRY_OK ? rom->result : FERRY_IO);
}

/* With rom->result as the end. */
int gateway_rom_leave(struct gateway_rom *rom)
{
    rom->supplying = false;
    gateway_rom_go_to(rom, LEAVE);
    rom->wait_ms = LINE_STEP_MS;
    return rom->wire->reset_begin(rom->wire->ctx, false) == FERRY_OK ? FERRY_MORE : stay(rom);
}

/* An update that is left in the middle leaves nothing that starts. */
void gateway_rom_note_broken(struct gateway_rom *rom)
{
    rom->broken = rom->broken || (rom->stage == UPDATE && rom->update.pages_erased > 0);
}

/*
 * Ends `data`. What may stand behind `text` is static, or the wire's last error, which is kept as
 * leaving rarely adds one.
 */
int gateway_rom_fail(struct gateway_rom *rom, int status, const char *text)
{
    rom->text = text;
    rom->result = status;
    gateway_rom_note_broken(rom);
    return rom->wire_open ? gateway_rom_leave(rom) : gateway_rom_end(rom, status);
}

int gateway_rom_fail_changed(struct gateway_rom *rom)
{
    return gateway_rom_fail(
        rom, FERRY_CRC,
        rom->update.pages_erased > 0
            ? "the source changed between its two passes; what was written does not start"
            : "the source changed between its two passes; nothing was written");
}

static int fail_wire(struct gateway_rom *rom, int status)
{
    return gateway_rom_fail(rom, status, rom->wire->error(rom->wire->ctx));
}

/* --- into the ROM ---------------------------------------------------------------------------- */

int gateway_rom_enter(struct gateway_rom *rom)
{
    if (rom->link != NULL) {
        gateway_link_close(rom->link);
    }
    int status = rom->wire->open(rom->wire->ctx);
    if (status != FERRY_OK) {
        return fail_wire(rom, FERRY_IO);
    }
    rom->wire_open = true;
    rom->known = false;
    status = rom->wire->reset_begin(rom->wire->ctx, true);
    if (status != FERRY_OK) {
        return fail_wire(rom, FERRY_IO);
    }
    gateway_rom_go_to(rom, ENTER);
    rom->wait_ms = LINE_STEP_MS;
    return FERRY_MORE;
}

/* --- in the ROM ----------------------------------------------------------------------------- */

static int start_command(struct gateway_rom *rom, enum gateway_rom_stage stage,
                         const struct ferry_rom_request *request, uint32_t now_ms)
{
    int status = ferry_rom_start(&rom->in.rom, request, now_ms);
    if (status != FERRY_OK) {
        return gateway_rom_fail(rom, status, "");
    }
    gateway_rom_go_to(rom, stage);
    return FERRY_MORE;
}

static int start_connect(struct gateway_rom *rom, uint32_t now_ms)
{
    const struct ferry_rom_request request = {.kind = FERRY_ROM_CONNECT};
    ferry_rom_init(&rom->in.rom, rom->wire->traits);
    return start_command(rom, CONNECT, &request, now_ms);
}

static int step_enter(struct gateway_rom *rom, uint32_t now_ms)
{
    int status = rom->wire->reset_step(rom->wire->ctx);
    if (status == FERRY_OK) {
        return start_connect(rom, now_ms);
    }
    return status == FERRY_MORE ? FERRY_MORE : fail_wire(rom, FERRY_IO);
}

/* Carries out rom->action: one a step, as each wants to know the time. What the step gives. */
static int act(struct gateway_rom *rom)
{
    rom->wait_ms = rom->action.wait_ms;
    int status = rom->wire->act(rom->wire->ctx, &rom->in.rom, &rom->action);
    if (status == FERRY_MORE) {
        return FERRY_MORE;
    }
    if (status != FERRY_OK) {
        return fail_wire(rom, status);
    }
    rom->wait_ms = 0;
    return FERRY_MORE;
}

/* One command. True: it ended, with *status. False: *status is what the step gives. */
static bool has_ended(struct gateway_rom *rom, uint32_t now_ms, int *status)
{
    *status = ferry_rom_step(&rom->in.rom, now_ms, &rom->action);
    if (*status != FERRY_MORE) {
        return true;
    }
    *status = act(rom);
    return false;
}

static int start_update(struct gateway_rom *rom)
{
    int status = ferry_rom_update_start(&rom->update, &rom->in.rom, rom->options.address,
                                        rom->header.payload_size, false, rom->buffer);
    if (status != FERRY_OK) {
        return gateway_rom_fail(rom, status, "");
    }
    rom->approved = false;
    gateway_rom_go_to(rom, UPDATE);
    return FERRY_MORE;
}

/* Image and configuration agree, so it is the chip that is the wrong one. */
static const char *why_not(int status)
{
    return status == FERRY_IMAGE_BOARD
               ? "the chip at this port is not the one of the configured board"
           : status == FERRY_IMAGE_VECTORS
               ? "the image's stack pointer lies outside the RAM of the chip at this port"
               : "";
}

/* How much flash this very chip has: larger chips of its family have the same id. */
static int start_measure(struct gateway_rom *rom, uint32_t now_ms)
{
    const struct ferry_rom_chip *chip = rom->in.rom.chip;
    struct ferry_rom_request request = {.kind = FERRY_ROM_READ_MEMORY, .count = 2};
    if (chip == NULL) {
        return gateway_rom_fail(rom, FERRY_ROM_CHIP, "");
    }
    request.address = ferry_rom_size_register(chip);
    return start_command(rom, MEASURE, &request, now_ms);
}

/*
 * Not every I2C master sends and reads a chunk in one transfer. That is tried in RAM: found out in
 * an update, it would cost the old application, and an erase for each try from then on.
 */
static int start_probe(struct gateway_rom *rom, uint32_t now_ms)
{
    const struct ferry_rom_request request = {.kind = FERRY_ROM_WRITE_MEMORY,
                                              .count = rom->wire->traits->chunk_bytes,
                                              .address = ferry_rom_ram_start(rom->in.rom.chip),
                                              .data = rom->buffer};
    return rom->wire->traits->framed ? start_command(rom, PROBE, &request, now_ms)
                                     : start_update(rom);
}

static int step_probe(struct gateway_rom *rom, uint32_t now_ms)
{
    struct ferry_rom_request request = rom->in.rom.request;
    int status;
    if (!has_ended(rom, now_ms, &status)) {
        return status;
    }
    if (status == FERRY_OK && request.kind == FERRY_ROM_WRITE_MEMORY) {
        request.kind = FERRY_ROM_READ_MEMORY;
        return start_command(rom, PROBE, &request, now_ms);
    }
    if (status == FERRY_OK && memcmp(rom->in.rom.buffer, rom->buffer, request.count) == 0) {
        return start_update(rom);
    }
    return gateway_rom_fail(rom, status == FERRY_OK ? FERRY_ROM_REPLY : status,
                            "transfers of a whole chunk fail; nothing was written. Set a smaller "
                            "chunk, if the I2C adapter's buffer is small");
}

static int step_measure(struct gateway_rom *rom, uint32_t now_ms)
{
    int status;
    if (!has_ended(rom, now_ms, &status)) {
        return status;
    }
    if (status == FERRY_OK) {
        status = gateway_rom_judge_chip(rom, rom->in.rom.buffer);
    }
    return status == FERRY_OK ? start_probe(rom, now_ms)
                              : gateway_rom_fail(rom, status, why_not(status));
}

static int step_connect(struct gateway_rom *rom, uint32_t now_ms)
{
    int status;
    if (!has_ended(rom, now_ms, &status)) {
        return status;
    }
    if (status == FERRY_OK) {
        return start_measure(rom, now_ms);
    }
    const bool nobody = status == FERRY_ROM_BUS || status == FERRY_ROM_NO_ANSWER;
    if (nobody && rom->wire->next_address(rom->wire->ctx)) {
        return start_connect(rom, now_ms);
    }
    return gateway_rom_fail(rom, status, "");
}

/* --- second pass ---------------------------------------------------------------------------- */

/* Bytes that are done, and never fewer than said before: a page is looked at more than once. */
static void note_done(struct gateway_rom *rom)
{
    const uint32_t done = rom->update.at + rom->header.header_size;
    const bool counts = rom->update.phase != FERRY_ROM_UPDATE_VECTORS;
    rom->done = counts && done > rom->done ? done : rom->done;
}

static int approve(struct gateway_rom *rom)
{
    if (!gateway_rom_again_is_right(rom)) {
        return gateway_rom_fail_changed(rom);
    }
    rom->approved = true;
    ferry_rom_update_approve(&rom->update);
    return FERRY_MORE;
}

/* What the update asks for. */
static int go_on(struct gateway_rom *rom)
{
    rom->wait_ms = 0;
    if (rom->action.type == FERRY_ROM_SUPPLY) {
        gateway_rom_again_begin(rom, &rom->action);
        rom->supplying = true;
        rom->filled = 0;
        return FERRY_MORE;
    }
    if (rom->action.type == FERRY_ROM_APPROVE) {
        return approve(rom);
    }
    return act(rom);
}

static int launch(struct gateway_rom *rom, uint32_t now_ms)
{
    const struct gateway_rom_launcher *launcher = gateway_rom_launcher_for(rom->in.rom.pid);
    const uint32_t chunk = rom->wire->traits->chunk_bytes;
    if (launcher == NULL) {
        return gateway_rom_end(rom, FERRY_OK);
    }
    const uint32_t left = launcher->size - rom->launched;
    struct ferry_rom_request request = {.kind = FERRY_ROM_GO, .address = launcher->address};
    if (left == 0) {
        return start_command(rom, GO, &request, now_ms);
    }
    request = (struct ferry_rom_request){.kind = FERRY_ROM_WRITE_MEMORY,
                                         .count = left < chunk ? left : chunk,
                                         .address = launcher->address + rom->launched,
                                         .data = launcher->code + rom->launched};
    rom->launched += request.count;
    return start_command(rom, LAUNCH, &request, now_ms);
}

/* Flash holds what was supplied; was that the image also where nothing had to be written? */
static int end_update(struct gateway_rom *rom, uint32_t now_ms)
{
    if (!rom->approved && !gateway_rom_again_is_right(rom)) {
        return gateway_rom_fail_changed(rom);
    }
    rom->broken = false;
    rom->launched = 0;
    rom->done = rom->total_size;
    return launch(rom, now_ms);
}

static int step_update(struct gateway_rom *rom, uint32_t now_ms)
{
    if (rom->supplying) {
        return FERRY_MORE;
    }
    int status = ferry_rom_update_step(&rom->update, now_ms, &rom->action);
    note_done(rom);
    if (status == FERRY_MORE) {
        return go_on(rom);
    }
    return status == FERRY_OK ? end_update(rom, now_ms) : gateway_rom_fail(rom, status, "");
}

/* The launcher's bytes; then GO. */
static int step_launch(struct gateway_rom *rom, uint32_t now_ms)
{
    int status;
    if (!has_ended(rom, now_ms, &status)) {
        return status;
    }
    return status == FERRY_OK ? launch(rom, now_ms) : gateway_rom_fail(rom, status, "");
}

static int step_go(struct gateway_rom *rom, uint32_t now_ms)
{
    int status;
    if (!has_ended(rom, now_ms, &status)) {
        return status;
    }
    if (status != FERRY_OK && status != FERRY_ROM_UNKNOWN && status != FERRY_ROM_LOST) {
        return gateway_rom_fail(rom, status, ""); /* these two: it went before its answer came */
    }
    rom->started_ms = now_ms;
    rom->wait_ms = LAUNCH_MS;
    rom->stage = LAUNCHED;
    return FERRY_MORE;
}

static int step_launched(struct gateway_rom *rom, uint32_t now_ms)
{
    const uint32_t gone = now_ms - rom->started_ms;
    rom->wait_ms = gone < LAUNCH_MS ? LAUNCH_MS - gone : 0;
    return gone < LAUNCH_MS ? FERRY_MORE : gateway_rom_end(rom, FERRY_OK);
}

static int step_leave(struct gateway_rom *rom, uint32_t now_ms)
{
    int status = rom->wire->reset_step(rom->wire->ctx);
    if (status == FERRY_MORE) {
        return FERRY_MORE;
    }
    if (status != FERRY_OK) {
        return stay(rom);
    }
    close_wire(rom);
    rom->started_ms = now_ms;
    return gateway_rom_end(rom, rom->result);
}

int gateway_rom_session_step(struct gateway_rom *rom, uint32_t now_ms)
{
    switch (rom->stage) {
    case ENTER:
        return step_enter(rom, now_ms);
    case CONNECT:
        return step_connect(rom, now_ms);
    case MEASURE:
        return step_measure(rom, now_ms);
    case PROBE:
        return step_probe(rom, now_ms);
    case UPDATE:
        return step_update(rom, now_ms);
    case LAUNCH:
        return step_launch(rom, now_ms);
    case GO:
        return step_go(rom, now_ms);
    case LAUNCHED:
        return step_launched(rom, now_ms);
    default:
        return step_leave(rom, now_ms);
    }
}
