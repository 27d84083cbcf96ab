/* The sink `rom`: its requests. What `data` does in the ROM is rom_session.c's. */
#include "rom_internal.h"

/* --- what runs ------------------------------------------------------------------------------ */

static int fail_store(struct gateway_rom *rom, int status)
{
    rom->text = rom->store->error(rom->store->ctx);
    return gateway_rom_end(rom, status);
}

/* Without an answer of the application: what it would say is not known. */
static int nobody_answers(struct gateway_rom *rom, uint32_t now_ms)
{
    gateway_rom_info_blank(rom);
    if (rom->started && now_ms - rom->started_ms >= rom->options.confirm_ms) {
        ferry_hash_copy(rom->info.candidate_hash, rom->hash);
        rom->info.outcome = FERRY_TIMEOUT;
    }
    return gateway_rom_end(rom, FERRY_OK);
}

static int start_asking(struct gateway_rom *rom, uint32_t now_ms)
{
    int status = rom->store->load(rom->store->ctx, &rom->memory);
    rom->ask_then = false;
    if (status != FERRY_OK) {
        return fail_store(rom, status);
    }
    if (rom->known) {
        gateway_rom_info_known(rom);
        return gateway_rom_end(rom, FERRY_OK);
    }
    if (rom->link == NULL || rom->broken) {
        return nobody_answers(rom, now_ms);
    }
    status = gateway_link_open(rom->link);
    if (status != FERRY_OK) {
        rom->text = gateway_link_error(rom->link);
        return gateway_rom_end(rom, FERRY_IO);
    }
    ferry_sender_query(&rom->link->sender, FERRY_SENDER_QUERY_REPEAT_MS, FERRY_SENDER_REQUEST_MS,
                       now_ms);
    gateway_rom_go_to(rom, ASK);
    return FERRY_MORE;
}

/* An application of another version than the one that was started: it has its time too. */
static void note_other_version(struct gateway_rom *rom, uint32_t now_ms)
{
    if (rom->started && now_ms - rom->started_ms >= rom->options.confirm_ms) {
        ferry_hash_copy(rom->info.candidate_hash, rom->hash);
        rom->info.outcome = FERRY_WRONG_IMAGE;
    }
}

static int step_ask(struct gateway_rom *rom, uint32_t now_ms)
{
    int status = gateway_link_step(rom->link, now_ms);
    rom->wait_ms = status == FERRY_MORE ? ferry_sender_wait_ms(&rom->link->sender, now_ms) : 0;
    if (status == FERRY_MORE) {
        return FERRY_MORE;
    }
    if (status == FERRY_IO) {
        rom->text = gateway_link_error(rom->link);
        return gateway_rom_end(rom, status);
    }
    if (status != FERRY_OK) {
        return nobody_answers(rom, now_ms);
    }
    status = gateway_rom_info_heard(rom, &rom->link->sender.result.info);
    if (status == FERRY_PROTOCOL) {
        rom->text = "Ferry's own bootloader runs this node: sink = link is for it";
        return gateway_rom_end(rom, status);
    }
    if (status != FERRY_OK) {
        return fail_store(rom, status);
    }
    note_other_version(rom, now_ms);
    return gateway_rom_end(rom, FERRY_OK);
}

/* --- first pass ----------------------------------------------------------------------------- */

static int step_check(struct gateway_rom *rom)
{
    if (rom->at < gateway_rom_check_end(rom)) {
        return FERRY_MORE;
    }
    int status = gateway_rom_check_verdict(rom);
    if (status == FERRY_CRC) {
        return gateway_rom_fail_changed(rom);
    }
    return status == FERRY_OK ? gateway_rom_enter(rom) : gateway_rom_fail(rom, status, "");
}

/* --- as a sink ------------------------------------------------------------------------------ */

static int sink_step(void *ctx, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    int status = rom->result;
    switch (rom->stage) {
    case IDLE:
        break;
    case ASK:
        return step_ask(rom, now_ms);
    case CHECK:
        return step_check(rom);
    default:
        status = gateway_rom_session_step(rom, now_ms);
        break;
    }
    return status != FERRY_MORE && rom->ask_then ? start_asking(rom, now_ms) : status;
}

/* A request begins. */
static void begin(struct gateway_rom *rom)
{
    rom->result = FERRY_OK;
    rom->text = "";
    rom->supplying = false;
}

static void sink_query(void *ctx, bool quick, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    (void)quick;
    begin(rom);
    rom->ask_then = rom->wire_open;
    if (rom->wire_open && gateway_rom_leave(rom) == FERRY_MORE) {
        return;
    }
    (void)start_asking(rom, now_ms);
}

static void sink_open(void *ctx, const struct ferry_open *open, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    (void)now_ms;
    begin(rom);
    rom->done = 0;
    rom->started = false;
    (void)gateway_rom_end(rom, gateway_rom_judge(rom, open));
}

static void sink_data(void *ctx, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    (void)now_ms;
    begin(rom);
    rom->update.pages_erased = 0;
    gateway_rom_check_begin(rom);
    gateway_rom_go_to(rom, CHECK);
}

/* All of it is in flash, read back. */
static void sink_close(void *ctx, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    const uint32_t counter = rom->counter;
    struct gateway_rom_memory memory = {.counter = rom->memory.counter,
                                        .unconfirmed = rom->link != NULL,
                                        .image_counter = counter,
                                        .version = rom->header.version};
    (void)now_ms;
    begin(rom);
    ferry_hash_copy(memory.hash, rom->hash);
    if (rom->link == NULL && counter > memory.counter) {
        memory.counter = counter;
    }
    int status = rom->store->save(rom->store->ctx, &memory);
    if (status != FERRY_OK) {
        (void)gateway_rom_fail(rom, FERRY_IO, rom->store->error(rom->store->ctx));
        return;
    }
    rom->memory = memory;
    rom->known = rom->link == NULL;
    rom->started = rom->link != NULL;
    (void)gateway_rom_end(rom, FERRY_OK);
}

/* Whatever was under way, the chip is let go. */
static void sink_reset(void *ctx, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    (void)now_ms;
    begin(rom);
    (void)(rom->wire_open ? gateway_rom_leave(rom) : gateway_rom_end(rom, FERRY_OK));
}

static void sink_release(void *ctx, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    gateway_rom_note_broken(rom);
    sink_reset(rom, now_ms);
}

static const struct ferry_info *sink_info(void *ctx)
{
    const struct gateway_rom *rom = ctx;
    return &rom->info;
}

static bool sink_wants(void *ctx, struct ferry_sender_want *want)
{
    struct gateway_rom *rom = ctx;
    if (rom->stage == CHECK && rom->at < gateway_rom_check_end(rom)) {
        const uint32_t left = gateway_rom_check_end(rom) - rom->at;
        *want = (struct ferry_sender_want){
            rom->at, left < sizeof rom->buffer ? left : (uint32_t)sizeof rom->buffer, rom->buffer};
        return true;
    }
    if (rom->supplying) {
        *want = (struct ferry_sender_want){
            rom->header.header_size + rom->action.offset + rom->filled,
            rom->action.size - rom->filled, rom->action.bytes + rom->filled};
        return true;
    }
    return false;
}

static void sink_supply(void *ctx, uint32_t size, uint32_t now_ms)
{
    struct gateway_rom *rom = ctx;
    (void)now_ms;
    if (rom->stage == CHECK) {
        gateway_rom_check_feed(rom, rom->buffer, size);
        return;
    }
    rom->filled += size;
    if (rom->filled == rom->action.size) {
        gateway_rom_again_feed(rom, &rom->action);
        ferry_rom_update_supply(&rom->update);
        rom->supplying = false;
        rom->wait_ms = 0;
    }
}

static uint32_t sink_received(void *ctx)
{
    const struct gateway_rom *rom = ctx;
    return rom->done;
}

static uint32_t sink_wait_ms(void *ctx, uint32_t now_ms)
{
    const struct gateway_rom *rom = ctx;
    (void)now_ms;
    return rom->wait_ms;
}

static const char *sink_error(void *ctx)
{
    const struct gateway_rom *rom = ctx;
    return rom->text;
}

void gateway_rom_init(struct gateway_rom *rom, const struct gateway_rom_wire *wire,
                      const struct gateway_rom_store *store, struct gateway_link *link,
                      const struct gateway_rom_options *options)
{
    memset(rom, 0, sizeof *rom);
    rom->wire = wire;
    rom->store = store;
    rom->link = link;
    rom->options = *options;
    rom->text = "";
    gateway_rom_info_blank(rom);
}

struct gateway_sink gateway_rom_sink(struct gateway_rom *rom)
{
    return (struct gateway_sink){.ctx = rom,
                                 .writes_in_place = true,
                                 .reads_back = rom->link == NULL,
                                 .query = sink_query,
                                 .open = sink_open,
                                 .data = sink_data,
                                 .close = sink_close,
                                 .reset = sink_reset,
                                 .update_mode = sink_reset,
                                 .abort = sink_release,
                                 .release = sink_release,
                                 .step = sink_step,
                                 .info = sink_info,
                                 .wants = sink_wants,
                                 .supply = sink_supply,
                                 .received = sink_received,
                                 .wait_ms = sink_wait_ms,
                                 .error = sink_error};
}
