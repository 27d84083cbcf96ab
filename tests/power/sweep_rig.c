#include "sweep_rig.h"

#include "sweep_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_BYTES = 1024, SNAPSHOTS_AIM = 128, SILENCE_MS = 2000, GOLDEN_MAX = 1 << 17 };
static const uint64_t quantum_ns = 500000, story_ns = 120000000000, power_off_ns = 50000000;

enum stop { STOP_END, STOP_CUT, STOP_NRST, STOP_KNOWN, STOP_VIOLATION };
enum { MILESTONES = 16 }; /* keys below: right after a cut */

static uint32_t now_ms(const struct sweep_rig *rig)
{
    return (uint32_t)(ferry_sim_time_ns(rig->sim) / 1000000);
}

static uint32_t slot_start(const struct sweep_rig *rig)
{
    return ferry_get_u32(rig->files->image.bytes + 4); /* load_addr */
}

static bool covers(const struct ferry_range *range, uint32_t address)
{
    return address >= range->start && address - range->start < range->size;
}

/* ---- what is watched ------------------------------------------------------------------------- */

/* The sector that an address lies in. */
static uint32_t sector_start(const struct sweep_rig *rig, uint32_t address)
{
    return ferry_board_sector(rig->board, ferry_board_sector_at(rig->board, address)).start;
}

static bool is_torn(const struct sweep_rig *rig, uint32_t sector)
{
    for (uint32_t i = 0; i < rig->torn_count; i++) {
        if (rig->torn[i] == sector) {
            return true;
        }
    }
    return false;
}

/* A sector of the slot is erased: its promises are void, which only a torn word in it may cause. */
static void watch_erase(struct sweep_rig *rig, const struct sweep_op *op)
{
    uint32_t offset = op->address - slot_start(rig);

    if (offset < rig->peer.durable) {
        rig->peer.erased_again = true;
        if (!is_torn(rig, op->address)) {
            sweep_violation(&rig->peer, "4: sector at 0x%08x erased again, nothing in it was torn",
                            (unsigned)op->address);
        }
    }
}

static void on_flash_op(void *ctx, const struct ferry_sim_flash_op *op)
{
    struct sweep_rig *rig = ctx;
    const struct ferry_board *board = rig->board;
    bool single = board->slot_count == 1;

    rig->last = (struct sweep_op){op->address, op->size, op->erase};
    if (rig->recording && rig->golden_count < rig->golden_room) {
        rig->golden[rig->golden_count++] = rig->last;
    }
    if (covers(&board->bootloader, op->address)) {
        sweep_violation(&rig->peer, "5: wrote to the bootloader at 0x%08x", (unsigned)op->address);
    }
    if (!single && covers(&board->slots[FERRY_SLOT_A], op->address)) {
        sweep_violation(&rig->peer, "5: wrote to the confirmed slot at 0x%08x",
                        (unsigned)op->address);
    }
    if (op->erase && sweep_rig_class(rig, UINT32_MAX) == SWEEP_WORD) {
        watch_erase(rig, &rig->last);
    }
    if (rig->ops++ == rig->nrst_at) {
        rig->nrst_now = true;
        ferry_sim_stop(rig->sim);
    }
}

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct sweep_rig *rig = ctx;

    if (event->kind == FERRY_SIM_EV_FAULT && event->b >= slot_start(rig) &&
        event->b - slot_start(rig) < rig->files->image.size) {
        rig->peer.tried = true; /* it got as far as its fault */
    }
    if (event->kind == FERRY_SIM_EV_LOCKUP) {
        sweep_violation(&rig->peer, "1: the core locked up at 0x%08x", (unsigned)event->b);
    }
}

static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    struct sweep_rig *rig = ctx;
    (void)sim;
    (void)port;
    if (rig->peer.stage != SWEEP_PAUSE && rig->peer.stage != SWEEP_END) {
        ferry_sender_input(&rig->peer.sender, &byte, 1, now_ms(rig));
    }
}

/* ---- known ends ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 29;
}

/* Flash, what the gateway was promised, and what RAM may know of the start: its cause. */
static uint64_t fingerprint(const struct sweep_rig *rig, uint64_t style)
{
    const struct sweep_peer *peer = &rig->peer;
    size_t size;
    const uint8_t *cells = ferry_sim_flash(rig->sim, &size);
    uint64_t word, hash = mix(mix(1, style), rig->woken_by);

    for (size_t at = 0; at < size; at += sizeof(word)) {
        memcpy(&word, cells + at, sizeof(word));
        hash = mix(hash, word);
    }
    hash = mix(hash, (uint64_t)peer->durable << 32 | peer->counter);
    hash = mix(hash, peer->stage);
    for (uint32_t i = 0; i < rig->torn_count; i++) {
        hash = mix(hash, rig->torn[i]);
    }
    return mix(hash, (uint64_t)peer->erased_again << 3 | (uint64_t)peer->accepted << 2 |
                         (uint64_t)peer->tried << 1 | peer->confirmed);
}

uint64_t sweep_rig_flash(const struct sweep_rig *rig)
{
    return fingerprint(rig, 0);
}

uint64_t sweep_rig_digest(const struct sweep_rig *rig)
{
    struct ferry_sim_counters counters;

    ferry_sim_counters(rig->sim, &counters);
    uint64_t hash = mix(fingerprint(rig, 0), ferry_sim_time_ns(rig->sim));
    return mix(mix(hash, counters.halfwords), counters.stalled_ns);
}

static uint64_t *find_known(const struct sweep_rig *rig, uint64_t hash)
{
    uint32_t at = (uint32_t)hash % SWEEP_KNOWN;
    while (rig->known[at] != 0 && rig->known[at] != hash) {
        at = (at + 1) % SWEEP_KNOWN;
    }
    return &rig->known[at];
}

/* True when this very point was passed before, on the way to a right end. */
static bool is_known(struct sweep_rig *rig, uint64_t style)
{
    if (!rig->memo || rig->recording || rig->pending || ferry_sim_unstable(rig->sim) > 0 ||
        (style >= MILESTONES && rig->unsure)) {
        return false;
    }
    uint64_t hash = fingerprint(rig, style);
    if (*find_known(rig, hash) == hash) {
        return true;
    }
    if (rig->passed_count < sizeof(rig->passed) / sizeof(rig->passed[0])) {
        rig->passed[rig->passed_count++] = hash;
    }
    return false;
}

static void learn(struct sweep_rig *rig)
{
    for (uint32_t i = 0; i < rig->passed_count; i++) {
        uint64_t *place = find_known(rig, rig->passed[i]);
        if (*place == 0 && rig->known_count < SWEEP_KNOWN / 2) {
            *place = rig->passed[i];
            rig->known_count++;
        }
    }
}

/* ---- running --------------------------------------------------------------------------------- */

static void pump(struct sweep_rig *rig)
{
    const uint8_t *bytes;
    size_t size;

    while (rig->peer.stage != SWEEP_PAUSE && ferry_sim_uart_queued(rig->sim, 0) < QUEUE_BYTES &&
           (bytes = ferry_sender_output(&rig->peer.sender, &size)) != NULL) {
        size_t taken = ferry_sim_uart_send(rig->sim, 0, bytes, size);
        ferry_sender_sent(&rig->peer.sender, taken, now_ms(rig));
    }
}

static uint32_t snapshot_distance(const struct sweep_rig *rig)
{
    uint32_t words = (uint32_t)rig->files->image.size / 4;
    return words / SNAPSHOTS_AIM + 8;
}

static void take_snapshot(struct sweep_rig *rig)
{
    uint32_t count = rig->snapshot_count;

    if (count < SWEEP_SNAPSHOTS &&
        (count == 0 || rig->ops - rig->snapshots[count - 1].ops >= snapshot_distance(rig))) {
        rig->snapshots[count].sim = ferry_sim_snapshot(rig->sim);
        rig->snapshots[count].peer = rig->peer;
        rig->snapshots[count].ops = rig->ops;
        rig->snapshot_count += rig->snapshots[count].sim != NULL;
    }
}

/* The node kept a promise or gave one. What it knows then comes from flash and this session. */
static bool is_milestone(const struct sweep_peer *peer, const struct sweep_peer *before)
{
    return (peer->stage == SWEEP_DATA &&
            (before->stage == SWEEP_OPEN || peer->durable > before->durable)) ||
           (peer->accepted && !before->accepted) || (peer->tried && !before->tried);
}

/*
 * While the gateway is silent the node only starts or polls. Such a start may take longer than the
 * silence. The peer must then leave the bootloader alone: when it reset a bootloader that had
 * verified an accepted image and was about to start it, the story never came to its end. The
 * gateway's engine resets in that state once at most; what a slow core did to it is in
 * tests/prop/test_gateway_slow_node.c. An image over several sectors takes too long to hash for
 * this: board_sweep sets its pace to 1.
 */
static uint32_t pace(const struct sweep_rig *rig)
{
    bool idle = rig->peer.stage == SWEEP_PAUSE && rig->pace > 1;
    return idle ? rig->pace * SWEEP_IDLE_FACTOR : rig->pace;
}

/* Until the story ends, or something comes in between. */
static enum stop run(struct sweep_rig *rig)
{
    uint64_t limit_ns = ferry_sim_time_ns(rig->sim) + story_ns;
    struct sweep_peer before = rig->peer;

    while (rig->peer.violation[0] == '\0' && rig->peer.stage != SWEEP_END) {
        if (rig->recording) {
            take_snapshot(rig);
        }
        sweep_peer_step(&rig->peer, now_ms(rig));
        pump(rig);
        rig->unsure = rig->unsure || ferry_sim_unstable(rig->sim) > 0;
        if (rig->peer.stage == SWEEP_DATA && before.stage == SWEEP_OPEN) {
            rig->torn_count = 0; /* what it promises now it has looked at */
        }
        if (is_milestone(&rig->peer, &before) &&
            is_known(rig, MILESTONES + (uint64_t)rig->peer.opened_at)) {
            return STOP_KNOWN;
        }
        if (rig->recording && rig->peer.accepted && !before.accepted) {
            rig->accepted_at = rig->ops;
        }
        before = rig->peer;
        ferry_sim_pace(rig->sim, pace(rig));
        if (ferry_sim_run_for(rig->sim, quantum_ns) == FERRY_SIM_STOP_POWER_CUT) {
            return STOP_CUT;
        }
        if (rig->nrst_now) {
            return STOP_NRST;
        }
        if (ferry_sim_time_ns(rig->sim) > limit_ns) {
            sweep_violation(&rig->peer, "1: no end within %u s (stage %u)",
                            (unsigned)(story_ns / 1000000000), rig->peer.stage);
        }
    }
    return rig->peer.violation[0] != '\0' ? STOP_VIOLATION : STOP_END;
}

/* No power cut. */
static bool is_reset(const struct sweep_cut *cut)
{
    return cut->mode == SWEEP_NRST || cut->mode == SWEEP_WDOG;
}

static void plan(struct sweep_rig *rig, const struct sweep_cut *cut, uint32_t begun)
{
    static const enum ferry_sim_cut modes[SWEEP_MODES] = {FERRY_SIM_CUT_LOST, FERRY_SIM_CUT_TORN,
                                                          FERRY_SIM_CUT_DONE, FERRY_SIM_CUT_NONE,
                                                          FERRY_SIM_CUT_NONE};
    /* Half of them: blank to who looks, but for a moment. With 16 seeds each is stable and unstable
     * twice at least. */
    static const enum ferry_sim_tear tears[] = {FERRY_SIM_TEAR_HALF, FERRY_SIM_TEAR_NEARLY,
                                                FERRY_SIM_TEAR_HARDLY, FERRY_SIM_TEAR_NEARLY};
    struct ferry_sim_cut_plan cut_plan = {.mode =
                                              cut == NULL ? FERRY_SIM_CUT_NONE : modes[cut->mode]};
    rig->ops = begun;
    rig->pending = cut != NULL;
    rig->nrst_now = false;
    rig->nrst_at = cut != NULL && is_reset(cut) ? cut->op : UINT32_MAX;
    if (cut != NULL && !is_reset(cut)) {
        cut_plan.after_flash_ops = cut->op - begun;
        cut_plan.seed = cut->seed * 2654435761U + cut->op;
        cut_plan.unstable = cut->seed % 2 != 0;
        cut_plan.tear = tears[cut->seed / 2 % (sizeof(tears) / sizeof(tears[0]))];
    }
    ferry_sim_plan_cut(rig->sim, &cut_plan);
}

/* ---- after a cut ----------------------------------------------------------------------------- */

/* What kind of gateway meets the node again: the same one that noticed nothing, a new one at once,
 * or a new one after a silence in which an application must have been started. */
static uint32_t style_of(const struct sweep_cut *cut)
{
    return (cut->op + (cut->mode == SWEEP_DONE) + cut->seed / 2) % 3;
}

static void note_torn(struct sweep_rig *rig, const struct sweep_cut *cut)
{
    bool torn = cut->mode == SWEEP_TORN || is_reset(cut);
    uint32_t sector = sector_start(rig, rig->last.address);

    if (torn && sweep_rig_class(rig, UINT32_MAX) != SWEEP_JOURNAL && !is_torn(rig, sector)) {
        rig->torn[rig->torn_count++] = sector;
    }
}

static void recover(struct sweep_rig *rig, const struct sweep_cut *cut)
{
    uint32_t style = style_of(cut);
    bool at_once =
        style == 1 && !rig->story->by_application; /* a QUERY would hold the bootloader */

    rig->woken_by = is_reset(cut) ? cut->mode : 0;
    if (cut->mode == SWEEP_NRST) {
        ferry_sim_reset(rig->sim);
    } else if (cut->mode == SWEEP_WDOG) {
        ferry_sim_watchdog(rig->sim);
    } else {
        ferry_sim_run_for(rig->sim, power_off_ns);
        ferry_sim_uart_flush(rig->sim, 0);
        ferry_sim_power_on(rig->sim);
        rig->unsure = false;
    }
    sweep_peer_after_cut(&rig->peer, style == 0, at_once ? 0 : SILENCE_MS, now_ms(rig));
}

static bool in_application(void *ctx, struct ferry_sim *sim)
{
    const struct sweep_rig *rig = ctx;
    struct ferry_sim_cpu cpu;

    ferry_sim_cpu(sim, &cpu);
    for (uint8_t slot = 0; slot < rig->board->slot_count; slot++) {
        if (covers(&rig->board->slots[slot], cpu.r[15])) {
            return true;
        }
    }
    return false;
}

/* The journal must say what it says after the uncut run. */
static void check_journal(struct sweep_rig *rig)
{
    struct ferry_state state;

    if (!sweep_journal_read(rig->sim, rig->board, &state)) {
        sweep_violation(&rig->peer, "5: no valid record at the end");
    } else if (!rig->has_end) {
        rig->end = state;
        rig->has_end = true;
    } else if (!sweep_journal_equal(&state, &rig->end)) {
        sweep_violation(&rig->peer,
                        "3: the journal ends with confirmed %u, phase %u, candidate %u, outcome "
                        "%u, counter %u: not as without a cut",
                        state.confirmed, state.phase, state.candidate, state.outcome,
                        (unsigned)state.security_counter);
    }
}

/* Power off and on without a gateway: the right image must be there, and start. */
static void check_end(struct sweep_rig *rig)
{
    const struct sweep_image *image = &rig->files->image;
    bool single = rig->board->slot_count == 1;
    struct ferry_sim_cpu cpu;

    if (rig->peer.accepted && !rig->peer.tried) {
        sweep_violation(&rig->peer, "2: accepted and never tried");
    }
    const uint8_t *cells =
        ferry_sim_flash(rig->sim, NULL) + (slot_start(rig) - ferry_sim_flash_base(rig->sim));
    if (memcmp(cells, image->bytes, image->size) != 0) {
        sweep_violation(&rig->peer, "2: the slot does not hold the image");
    }
    uint32_t unstable = ferry_sim_unstable_in(rig->sim, slot_start(rig), (uint32_t)image->size);
    if (unstable > 0) {
        sweep_violation(&rig->peer, "2: %u words of the image are unstable", (unsigned)unstable);
    }
    ferry_sim_pace(rig->sim, rig->pace);
    ferry_sim_power_off(rig->sim);
    ferry_sim_uart_flush(rig->sim, 0);
    ferry_sim_run_for(rig->sim, power_off_ns);
    ferry_sim_power_on(rig->sim);
    ferry_sim_run_while_not(rig->sim, in_application, rig, 3000000000U);
    ferry_sim_cpu(rig->sim, &cpu);
    if (!in_application(rig, rig->sim)) {
        if (rig->story->good || !single) {
            sweep_violation(&rig->peer, "1: nothing was started at the end");
        }
    } else if (rig->story->good != (cpu.r[15] - slot_start(rig) < image->size)) {
        sweep_violation(&rig->peer, "3: the wrong image was started at the end");
    }
    check_journal(rig);
}

/* Back to the last snapshot before the first cut; then up to that cut. */
static bool reach(struct sweep_rig *rig, const struct sweep_cut *first)
{
    uint32_t i = rig->whole ? 0 : rig->snapshot_count - 1;

    while (i > 0 && rig->snapshots[i].ops > first->op) {
        i--;
    }
    ferry_sim_restore(rig->sim, rig->snapshots[i].sim);
    rig->peer = rig->snapshots[i].peer;
    rig->peer.resumes = &rig->resumes;
    rig->passed_count = rig->torn_count = rig->woken_by = 0;
    rig->unsure = false;
    plan(rig, first, rig->snapshots[i].ops);
    enum stop stop = run(rig);
    const struct sweep_op *op = &rig->golden[first->op], *last = &rig->last;
    if (stop != STOP_CUT && stop != STOP_NRST) {
        sweep_violation(&rig->peer, "operation %u did not come", (unsigned)first->op);
        return false;
    }
    if (last->address != op->address || last->size != op->size || last->erase != op->erase) {
        sweep_violation(&rig->peer, "operation %u is another one, at 0x%08x", (unsigned)first->op,
                        (unsigned)last->address);
        return false;
    }
    return true;
}

enum sweep_verdict sweep_rig_trial(struct sweep_rig *rig, const struct sweep_cut *first,
                                   const struct sweep_cut *second, bool *came)
{
    *came = false;
    if (!reach(rig, first)) {
        return SWEEP_VIOLATED;
    }
    note_torn(rig, first);
    rig->pending = false;
    /* A reset tears its operation only in recover(). */
    if (second == NULL && !is_reset(first) && is_known(rig, 2 + (uint64_t)style_of(first))) {
        return SWEEP_SAME;
    }
    recover(rig, first);
    plan(rig, second, 0);
    enum stop stop = run(rig);
    if (stop == STOP_CUT || stop == STOP_NRST) {
        *came = true;
        note_torn(rig, second);
        recover(rig, second);
        plan(rig, NULL, 0);
        stop = run(rig);
    }
    if (stop == STOP_END) {
        plan(rig, NULL, 0);
        check_end(rig);
    }
    if (ferry_sim_unstable_lost(rig->sim) > 0) {
        sweep_violation(&rig->peer, "the board: no room for the unstable bits of this trial");
    }
    rig->shortened += stop == STOP_KNOWN;
    if (rig->peer.violation[0] != '\0') {
        return SWEEP_VIOLATED;
    }
    learn(rig);
    return SWEEP_PASSED;
}

/* ---- golden run ------------------------------------------------------------------------------ */

enum sweep_class sweep_rig_class(const struct sweep_rig *rig, uint32_t op)
{
    const struct ferry_board *board = rig->board;
    const struct sweep_op *what = op == UINT32_MAX ? &rig->last : &rig->golden[op];

    for (size_t i = 0; i < 2; i++) {
        struct ferry_range sector = ferry_board_sector(board, board->journal_sectors[i]);
        if (covers(&sector, what->address)) {
            return what->erase && op != UINT32_MAX ? SWEEP_ERASE : SWEEP_JOURNAL;
        }
    }
    return what->erase && op != UINT32_MAX ? SWEEP_ERASE : SWEEP_WORD;
}

void sweep_rig_replay(struct sweep_rig *rig, bool on)
{
    const struct sweep_pure *pure = rig->files->pure;

    ferry_sim_replay_none(rig->sim);
    for (size_t i = 0; on && i < SWEEP_PURE && pure[i].address != 0; i++) {
        ferry_sim_replay(rig->sim, pure[i].address, pure[i].sizes);
    }
}

static bool make_board(struct sweep_rig *rig)
{
    const struct sweep_files *files = rig->files;

    if (ferry_sim_create(&rig->sim, rig->board->name, NULL) != FERRY_SIM_OK ||
        ferry_sim_load_hex(rig->sim, files->factory_hex, files->factory_size) != FERRY_SIM_OK) {
        return false;
    }
    if (rig->board->slot_count > 1) { /* an older image left its traces */
        uint8_t traces[4096];
        memset(traces, 0x5A, sizeof(traces));
        for (uint32_t at = 0; at < files->image.size; at += sizeof(traces)) {
            ferry_sim_load(rig->sim, slot_start(rig) + at, traces, sizeof(traces));
        }
    }
    if (rig->story->room > 0) {
        sweep_journal_age(rig->sim, rig->board, rig->story->room);
    }
    sweep_rig_replay(rig, rig->memo);
    ferry_sim_shortcuts(rig->sim, rig->memo);
    ferry_sim_on_uart(rig->sim, 0, on_uart, rig);
    ferry_sim_on_event(rig->sim, on_event, rig);
    ferry_sim_on_flash_op(rig->sim, on_flash_op, rig);
    return true;
}

static void drop_board(struct sweep_rig *rig)
{
    while (rig->snapshot_count > 0) {
        ferry_sim_snapshot_free(rig->snapshots[--rig->snapshot_count].sim);
    }
    ferry_sim_destroy(rig->sim);
    rig->sim = NULL;
}

bool sweep_rig_start(struct sweep_rig *rig)
{
    drop_board(rig);
    if (rig->known == NULL) {
        rig->known = calloc(SWEEP_KNOWN, sizeof(*rig->known));
        rig->golden = calloc(GOLDEN_MAX, sizeof(*rig->golden));
        rig->golden_room = GOLDEN_MAX;
    }
    sweep_peer_init(&rig->peer, rig->story, &rig->files->image, rig->board->slot_count);
    if (rig->known == NULL || rig->golden == NULL || !make_board(rig)) {
        sweep_violation(&rig->peer, "the board cannot be made");
        return false;
    }
    rig->golden_count = 0;
    rig->torn_count = rig->woken_by = 0;
    rig->has_end = false;
    ferry_sim_power_on(rig->sim);
    plan(rig, NULL, 0);
    rig->recording = true;
    (void)run(rig);
    rig->recording = false;
    if (rig->golden_count == rig->golden_room) {
        sweep_violation(&rig->peer, "more operations than there is room for");
    }
    if (rig->peer.violation[0] == '\0') {
        check_end(rig);
    }
    return rig->peer.violation[0] == '\0';
}

void sweep_rig_free(struct sweep_rig *rig)
{
    drop_board(rig);
    free(rig->known);
    free(rig->golden);
}
