/* The owner of core/rom and rom_update on the virtual board; what it promises is in rom_rig.h. */
#define _GNU_SOURCE
#include "rom_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define MS 1000000ULL

enum {
    BAUD = 115200,
    I2C_HZ = 400000,
    STRETCH_MS = 10000, /* that the master bears, as rom_wire.h */
    PULSE_MS = 20,
    LISTEN_MS = 150, /* as rom_wire.h */
    START_MS = 1,
    OFF_MS = 200,
    STEPS_MAX = 2000000,
    LATE_MS = 2500,
    TOO_LATE_MS = 12000
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "rom_sweep: %s\n", what);
    exit(2);
}

static void require(int status, const char *what)
{
    if (status < 0) {
        die(what);
    }
}

static uint32_t now_ms(const struct rom_rig *rig)
{
    return (uint32_t)(ferry_sim_time_ns(rig->sim) / MS);
}

static void run_ms(struct rom_rig *rig, uint64_t ms)
{
    rig->want = SIZE_MAX;
    ferry_sim_run_until(rig->sim, (ferry_sim_time_ns(rig->sim) / MS + ms) * MS);
}

/* --- the board -------------------------------------------------------------------------------- */

static void on_byte(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    struct rom_rig *rig = ctx;
    struct rom_host *host = &rig->host;
    (void)port;
    if (host->rx_count < sizeof host->rx) {
        host->rx[host->rx_count++] = byte;
    }
    if (host->rx_count >= rig->want) {
        ferry_sim_stop(sim);
    }
}

/* The last operation is over: what a cut behind it would leave is looked at. */
static void on_flash_op(void *ctx, const struct ferry_sim_flash_op *op)
{
    struct rom_rig *rig = ctx;
    rig->host.flash_ops++;
    rom_check_flash(rig);
    const uint32_t at = op->address - ferry_sim_flash_base(rig->sim);
    rig->host.torn = rig->host.torn && !(op->erase && at == 0);
    if (at >= rig->area) {
        rom_violation(rig, "flash outside of the image was touched");
    }
}

static void set_quirks(struct rom_rig *rig)
{
    char names[128];
    snprintf(names, sizeof names, "%s", rig->story->quirks == NULL ? "" : rig->story->quirks);
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        require(ferry_sim_rom_quirk(rig->sim, name), "no such quirk");
    }
}

static void find_area(struct rom_rig *rig)
{
    const uint32_t base = ferry_sim_flash_base(rig->sim);
    uint32_t address = 0, size = 0;
    for (size_t i = 0; rig->area < rig->story->size; i++) {
        require(ferry_sim_sector(rig->sim, i, &address, &size), "the image does not fit");
        rig->area = address - base + size;
    }
    if (rig->area > ROM_RIG_IMAGE_MAX) {
        die("the image's pages are more than the rig has room for");
    }
}

static void protect(struct rom_rig *rig)
{
    const uint32_t wrp[2] = {0x00000000, 0x000000FF}; /* pages 0-0; none */
    ferry_sim_set_write_protection(rig->sim, wrp);
    ferry_sim_set_option_bytes(rig->sim, ferry_sim_option_bytes(rig->sim) & ~(1U << 16));
    if (!ferry_sim_sector_protected(rig->sim, 0)) {
        die("sector 0 cannot be protected");
    }
}

void rom_rig_open(struct rom_rig *rig, const struct rom_story *story)
{
    const struct ferry_sim_options options = {.seed = 1};
    memset(rig, 0, sizeof *rig);
    rig->story = story;
    require(ferry_sim_create(&rig->sim, story->board, &options), "the board cannot be made");
    find_area(rig);
    rig->traits.framed = story->i2c;
    rig->traits.chunk_bytes = story->chunk_bytes == 0 ? FERRY_ROM_CHUNK_MAX : story->chunk_bytes;
    rig->traits.byte_us = story->i2c ? 9 * 1000000 / I2C_HZ + 1 : 11 * 1000000 / BAUD + 1;
    rig->old_size = story->blank ? 0 : rig->area;
    rom_make_image(rig->old_image, rig->area, false);
    rom_make_image(rig->new_image, story->size, true);
    ferry_sim_load(rig->sim, ferry_sim_flash_base(rig->sim), rig->old_image, rig->old_size);
    const int port = ferry_sim_rom_port(rig->sim);
    require(port, "the ROM has no USART on this board");
    rig->port = (unsigned)port;
    ferry_sim_uart_baud(rig->sim, rig->port, BAUD);
    ferry_sim_on_uart(rig->sim, rig->port, on_byte, rig);
    ferry_sim_on_flash_op(rig->sim, on_flash_op, rig);
    set_quirks(rig);
    if (story->is_protected) {
        protect(rig);
    }
    ferry_sim_power_on(rig->sim);
    run_ms(rig, START_MS);
}

void rom_rig_close(struct rom_rig *rig)
{
    ferry_sim_destroy(rig->sim);
    free(rig->starts.list);
}

static void reset(struct rom_rig *rig, bool rom)
{
    rom_forget_start(rig);
    ferry_sim_line_set(rig->sim, FERRY_SIM_LINE_BOOT0, rom);
    ferry_sim_line_set(rig->sim, FERRY_SIM_LINE_NRST, 0);
    run_ms(rig, PULSE_MS);
    ferry_sim_line_set(rig->sim, FERRY_SIM_LINE_NRST, -1);
    run_ms(rig, rom ? LISTEN_MS : START_MS);
}

/* --- the session ------------------------------------------------------------------------------ */

void rom_rig_begin(struct rom_rig *rig)
{
    struct rom_host *host = &rig->host;
    const char *violation = host->violation;
    const uint32_t flash_ops = host->flash_ops;
    memset(host, 0, sizeof *host);
    host->violation = violation;
    host->flash_ops = flash_ops;
    host->fault = ROM_FAULTS;
    host->started_ns = ferry_sim_time_ns(rig->sim);
}

static void start(struct rom_rig *rig, uint32_t kind, uint8_t stage)
{
    const struct ferry_rom_request request = {.kind = kind,
                                              .address = ferry_sim_flash_base(rig->sim)};
    rig->host.stage = stage;
    rig->host.status = ferry_rom_start(&rig->host.rom, &request, now_ms(rig));
}

static void connect(struct rom_rig *rig, uint8_t stage)
{
    ferry_sim_uart_flush(rig->sim, rig->port);
    rig->host.rx_count = 0;
    ferry_rom_init(&rig->host.rom, &rig->traits);
    start(rig, FERRY_ROM_CONNECT, stage);
}

/* The attempt failed. A host that is not told otherwise lets the application go. */
static void fail(struct rom_rig *rig, int status)
{
    struct rom_host *host = &rig->host;
    host->status = status;
    host->stage = host->attempts < ROM_RIG_ATTEMPTS ? ROM_RESET : ROM_OVER;
    if (host->stage == ROM_OVER) {
        reset(rig, false);
    }
}

static void leave(struct rom_rig *rig)
{
    struct ferry_sim_rom_state state;
    reset(rig, false);
    ferry_sim_rom_state(rig->sim, &state);
    rig->host.started = rom_runs(rig, true);
    rig->host.stage = ROM_OVER;
    if (!rig->host.started && state.active) { /* blank at power-on, so the ROM again: GO */
        run_ms(rig, LISTEN_MS);
        connect(rig, ROM_LEAVING);
    }
}

static void end_update(struct rom_rig *rig, int status)
{
    if (status == FERRY_OK) {
        leave(rig);
    } else {
        fail(rig, status);
    }
}

static void begin_update(struct rom_rig *rig)
{
    struct rom_host *host = &rig->host;
    const int status =
        ferry_rom_update_start(&host->update, &host->rom, ferry_sim_flash_base(rig->sim),
                               rig->story->size, false, host->buffer);
    host->stage = ROM_UPDATING;
    if (status != FERRY_OK) {
        fail(rig, status);
    }
}

/* What GO did shows in the application, not in its answer. */
static void end_go(struct rom_rig *rig, int status)
{
    run_ms(rig, START_MS);
    rig->host.started = rom_runs(rig, true);
    rig->host.stage = ROM_OVER;
    if (!rig->host.started) {
        fail(rig, status == FERRY_OK ? FERRY_ROM_UNKNOWN : status);
    }
}

static void end_command(struct rom_rig *rig, int status)
{
    struct rom_host *host = &rig->host;
    host->commands++;
    if (host->stage == ROM_UPDATING) {
        end_update(rig, status);
    } else if (host->stage == ROM_GOING) {
        end_go(rig, status);
    } else if (status != FERRY_OK) {
        fail(rig, status);
    } else if (host->stage == ROM_CONNECTING) {
        begin_update(rig);
    } else {
        start(rig, FERRY_ROM_GO, ROM_GOING);
        if (host->status != FERRY_OK) {
            fail(rig, host->status);
        }
    }
}

static int step(struct rom_rig *rig)
{
    struct rom_host *host = &rig->host;
    return host->stage == ROM_UPDATING
               ? ferry_rom_update_step(&host->update, now_ms(rig), &host->action)
               : ferry_rom_step(&host->rom, now_ms(rig), &host->action);
}

/* Repairs a cut: power comes back with BOOT0 as the host has it, low if that lost power too. */
static void repair(struct rom_rig *rig)
{
    rig->host.cut = true;
    rig->host.torn = rig->tears;
    run_ms(rig, OFF_MS);
    if (rig->host_survives) {
        ferry_sim_power_on(rig->sim);
        return;
    }
    ferry_sim_line_set(rig->sim, FERRY_SIM_LINE_BOOT0, 0);
    rom_check_start(rig);
    rom_rig_begin(rig);
    rig->host.cut = true;
    rig->host.torn = rig->tears;
}

/* false: it hangs, or did what it never may. */
static bool goes_on(struct rom_rig *rig)
{
    struct rom_host *host = &rig->host;
    if (++host->steps > STEPS_MAX ||
        ferry_sim_time_ns(rig->sim) - host->started_ns > ROM_RIG_HOURS * 3600000ULL * MS) {
        rom_violation(rig, "the session hangs");
    }
    if (host->violation != NULL) {
        host->stage = ROM_OVER;
    }
    return host->stage != ROM_OVER;
}

/* What waits for nobody. true: host.action is for the wire. */
static bool advance(struct rom_rig *rig)
{
    struct rom_host *host = &rig->host;
    if (!ferry_sim_powered(rig->sim)) {
        repair(rig);
    }
    if (host->stage == ROM_RESET) {
        host->attempts++;
        reset(rig, true);
        connect(rig, ROM_CONNECTING);
        return false;
    }
    const int status = step(rig);
    if (status != FERRY_MORE) {
        end_command(rig, status);
    } else if (host->action.type == FERRY_ROM_SUPPLY) {
        memcpy(host->action.bytes, rig->new_image + host->action.offset, host->action.size);
        ferry_rom_update_supply(&host->update);
    } else if (host->action.type == FERRY_ROM_APPROVE) {
        ferry_rom_update_approve(&host->update);
    } else {
        return true;
    }
    return false;
}

bool rom_rig_next(struct rom_rig *rig)
{
    while (goes_on(rig)) {
        if (advance(rig)) {
            if (rig->host.action.type == FERRY_ROM_WRITE) {
                return true;
            }
            rom_rig_do(rig);
        }
    }
    return false;
}

/* --- the wires -------------------------------------------------------------------------------- */

static void usart(struct rom_rig *rig, const struct ferry_rom_action *action)
{
    struct rom_host *host = &rig->host;
    if (action->type == FERRY_ROM_WRITE) {
        host->rx_count = action->flush ? 0 : host->rx_count;
        ferry_sim_uart_send(rig->sim, rig->port, action->bytes, action->size);
        ferry_rom_sent(&host->rom, action->size, now_ms(rig));
        return;
    }
    if (host->rx_count < action->size) {
        rig->want = action->size;
        ferry_sim_run_until(rig->sim, (now_ms(rig) + action->wait_ms) * MS);
    }
    ferry_rom_input(&host->rom, host->rx, host->rx_count, now_ms(rig));
    host->rx_count = 0;
}

static int transfer(struct rom_rig *rig, bool read, uint8_t *bytes, size_t size)
{
    struct rom_host *host = &rig->host;
    struct ferry_sim_i2c_message message = {read, (uint16_t)size, bytes};
    const struct ferry_sim_i2c i2c = {.messages = &message,
                                      .count = 1,
                                      .hz = I2C_HZ,
                                      .timeout_ms = STRETCH_MS,
                                      .address = (uint8_t)ferry_sim_rom_i2c_address(rig->sim)};
    const bool hit = host->fault != ROM_FAULTS && host->transfers == host->fault_at;
    host->transfers++;
    if (hit && host->fault == ROM_NACKED) {
        return FERRY_SIM_E_NACK_ADDRESS;
    }
    const int status = ferry_sim_i2c_transfer(rig->sim, &i2c, NULL);
    return hit ? FERRY_SIM_E_NACK_DATA : status;
}

static void i2c(struct rom_rig *rig, const struct ferry_rom_action *action)
{
    struct rom_host *host = &rig->host;
    const bool read = action->type == FERRY_ROM_READ;
    uint8_t bytes[FERRY_ROM_BUFFER_SIZE];
    if (!read) {
        memcpy(bytes, action->bytes, action->size);
    }
    const size_t size = action->size;
    const int status = transfer(rig, read, bytes, size);
    if (status != FERRY_SIM_OK) {
        ferry_rom_refused(&host->rom, now_ms(rig));
    } else if (read) {
        ferry_rom_input(&host->rom, bytes, size, now_ms(rig));
    } else {
        ferry_rom_sent(&host->rom, size, now_ms(rig));
    }
}

void rom_rig_do(struct rom_rig *rig)
{
    const struct ferry_rom_action action = rig->host.action;
    if (action.type == FERRY_ROM_WAIT) {
        run_ms(rig, action.wait_ms);
    } else if (rig->story->i2c) {
        i2c(rig, &action);
    } else {
        usart(rig, &action);
    }
}

/* --- marks and faults ------------------------------------------------------------------------- */

void rom_rig_mark(struct rom_rig *rig, struct rom_mark *mark)
{
    mark->board = ferry_sim_snapshot(rig->sim);
    mark->host = rig->host;
    if (mark->board == NULL) {
        die("no memory");
    }
}

void rom_rig_return(struct rom_rig *rig, const struct rom_mark *mark)
{
    require(ferry_sim_restore(rig->sim, mark->board), "a mark cannot be restored");
    rig->host = mark->host;
}

void rom_rig_forget(struct rom_mark *mark)
{
    ferry_sim_snapshot_free(mark->board);
    mark->board = NULL;
}

/* The kinds of a torn operation: stable bits and unstable ones, an erase in each of its moments. */
static void plan_cut(struct rom_rig *rig, uint8_t fault, uint64_t number, uint32_t seed)
{
    const struct ferry_sim_cut_plan plan = {
        .mode = (enum ferry_sim_cut)(FERRY_SIM_CUT_LOST + (fault - ROM_CUT_LOST)),
        .after_flash_ops = number,
        .seed = seed,
        .unstable = seed % 2 == 1,
        .tear = (enum ferry_sim_tear)(seed / 2 % FERRY_SIM_TEARS)};
    ferry_sim_plan_cut(rig->sim, &plan);
}

void rom_rig_plan(struct rom_rig *rig, uint8_t fault, bool from_rom, uint64_t number, uint32_t seed)
{
    static const uint8_t kinds[ROM_BYTE_FAULTS] = {
        [ROM_LOST] = FERRY_SIM_ROM_DROP,    [ROM_REPEATED] = FERRY_SIM_ROM_REPEAT,
        [ROM_FLIPPED] = FERRY_SIM_ROM_FLIP, [ROM_GARBLED] = FERRY_SIM_ROM_FLIP,
        [ROM_LATE] = FERRY_SIM_ROM_DELAY,   [ROM_TOO_LATE] = FERRY_SIM_ROM_DELAY,
    };
    rig->tears = fault == ROM_CUT_TORN;
    if (fault >= ROM_CUT_LOST) {
        plan_cut(rig, fault, number, seed);
        return;
    }
    if (fault >= ROM_BYTE_FAULTS) {
        rig->host.fault = fault;
        rig->host.fault_at = rig->host.transfers + (uint32_t)number;
        return;
    }
    const uint8_t mask = (uint8_t)(fault == ROM_FLIPPED ? 1U << seed % 8 : 1U + seed * 37 % 255);
    const struct ferry_sim_rom_disturb plan = {
        .fault = (enum ferry_sim_rom_fault)kinds[fault],
        .from_rom = from_rom,
        .after = number,
        .mask = mask,
        .delay_ns = (fault == ROM_LATE ? LATE_MS : TOO_LATE_MS) * MS};
    ferry_sim_rom_disturb(rig->sim, &plan);
}
