/*
 * bench_agent - how long a call of the agent holds the main loop of the application: an update by
 * UART at the running demo_app on the virtual board, in virtual time.
 *
 *   bench_agent FACTORY.hex IMAGE.img FEED,SHOW FEED,SHOW
 *   bench_agent BOARD FACTORY.hex FEED,SHOW
 *
 * The second: no update, a LOG that has to go through the whole of a journal full of boot logs.
 * Addresses of the running application, then of the one that IMAGE brings. FEED is the first
 * function that ferry_agent_step calls (stm32_watchdog_feed), SHOW the first that the main loop
 * calls after it (stm32_led_set): the link-time optimiser leaves no function of the agent to
 * watch. So a time is that of the call and of the few instructions around it. In a trial FEED is
 * not called in every step; only the record of the confirm is timed there, from its first word on.
 */
#include "bench_peer.h"

#include "ferry/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { REST, LOG, OPEN, DATA, CLOSE, TRIAL, PHASES };
enum { START_MS = 2000, RESTART_MS = 1500, CONFIRM_MS = 20000, WORD_NS = 16000 };

static const double ns_per_ms = 1e6;
static const double longest_limit_ms = 300;
static const double log_limit_ms = 30;

/* The longest of the calls of one phase. */
struct longest {
    uint64_t whole_ns, apart_ns; /* with and without erases */
    uint64_t words;              /* programmed in the call that apart_ns is of */
    uint32_t calls;
};

static struct run {
    struct bench_peer peer;
    struct bench_file image;
    uint32_t feed[2], show[2]; /* addresses: the running one, the next one */
    enum phase phase;
    uint64_t erase_started_ns, erase_ns, longest_erase_ns;
    uint32_t erases;
    uint64_t words;
    /* the call under way */
    bool inside;
    uint64_t entered_ns, erase_before_ns, words_before;
    uint64_t record_ns; /* on trial: its first word; 0: none yet */
    struct longest longest[PHASES];
} run;

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    (void)ctx;
    if (event->kind == FERRY_SIM_EV_ERASE_START) {
        run.erase_started_ns = event->time_ns;
    } else if (event->kind == FERRY_SIM_EV_ERASE_END) {
        uint64_t taken_ns = event->time_ns - run.erase_started_ns;
        run.erase_ns += taken_ns;
        run.erases++;
        run.longest_erase_ns = taken_ns > run.longest_erase_ns ? taken_ns : run.longest_erase_ns;
    }
}

static void on_flash_op(void *ctx, const struct ferry_sim_flash_op *op)
{
    (void)ctx;
    run.words += !op->erase;
    if (run.record_ns == 0) {
        run.record_ns = op->time_ns;
    }
}

static void begin_call(uint64_t now_ns)
{
    run.inside = true;
    run.entered_ns = now_ns;
    run.erase_before_ns = run.erase_ns;
    run.words_before = run.words;
}

static void end_call(uint64_t now_ns)
{
    struct longest *longest = &run.longest[run.phase];
    uint64_t whole_ns = now_ns - run.entered_ns;
    uint64_t apart_ns = whole_ns - (run.erase_ns - run.erase_before_ns);

    run.inside = false;
    longest->calls++;
    longest->whole_ns = whole_ns > longest->whole_ns ? whole_ns : longest->whole_ns;
    if (apart_ns > longest->apart_ns) {
        longest->apart_ns = apart_ns;
        longest->words = run.words - run.words_before;
    }
}

static void end_pass_on_trial(uint64_t now_ns)
{
    struct longest *longest = &run.longest[TRIAL];

    if (run.record_ns != 0 && now_ns - run.record_ns > longest->apart_ns) {
        longest->apart_ns = now_ns - run.record_ns;
    }
    run.record_ns = 0;
}

static void on_enter(void *ctx, struct ferry_sim *sim, uint32_t address)
{
    uint64_t now_ns = ferry_sim_time_ns(sim);
    (void)ctx;

    if (run.phase == TRIAL && address == run.show[1]) {
        end_pass_on_trial(now_ns);
    } else if (run.phase != TRIAL && address == run.feed[0]) {
        begin_call(now_ns);
    } else if (run.phase != TRIAL && address == run.show[0] && run.inside) {
        end_call(now_ns);
    }
}

static const struct ferry_info *query(uint32_t total_ms)
{
    ferry_sender_query(&run.peer.link.sender, 200, total_ms, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "QUERY");
    return &run.peer.link.sender.result.info;
}

static void update(void)
{
    struct ferry_sender *sender = &run.peer.link.sender;
    struct ferry_open open = bench_open_of(&run.image);

    run.phase = OPEN;
    ferry_sender_open(sender, &open, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "OPEN");
    run.phase = DATA;
    ferry_sender_data(sender, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "DATA");
    run.phase = CLOSE;
    ferry_sender_close(sender, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "CLOSE");
}

/* The application resets itself a second after CLOSE; what confirms is the next one. */
static void trial(void)
{
    ferry_sim_run_for(run.peer.sim, (uint64_t)RESTART_MS * 1000000);
    run.phase = TRIAL;
    run.record_ns = 0;
    uint64_t started_ns = ferry_sim_time_ns(run.peer.sim);
    while (query(5000)->phase != FERRY_PHASE_NONE) {
        if (ferry_sim_time_ns(run.peer.sim) - started_ns > (uint64_t)CONFIRM_MS * 1000000) {
            bench_die("the new application did not confirm itself");
        }
    }
    ferry_sim_run_for(run.peer.sim, 10000000);
    if (run.peer.link.sender.result.info.confirmed != FERRY_SLOT_B) {
        bench_die("the new application gave up");
    }
}

static void row(const char *what, uint64_t ns)
{
    printf("%-44s %8.2f ms", what, (double)ns / ns_per_ms);
}

static void row_of(const char *what, enum phase phase)
{
    const struct longest *longest = &run.longest[phase];

    row(what, longest->apart_ns);
    if (longest->words > 0) {
        printf("  (programming: %.2f)", (double)(longest->words * WORD_NS) / ns_per_ms);
    }
    putchar('\n');
}

static bool print_figures(void)
{
    uint64_t apart_ns = 0, whole_ns = 0;
    uint32_t calls = 0;

    for (size_t phase = 0; phase < TRIAL; phase++) {
        const struct longest *longest = &run.longest[phase];
        apart_ns = longest->apart_ns > apart_ns ? longest->apart_ns : apart_ns;
        whole_ns = longest->whole_ns > whole_ns ? longest->whole_ns : whole_ns;
        calls += longest->calls;
    }
    printf("%-44s %8zu bytes\n", "image", run.image.size);
    printf("%-44s %8u\n", "calls of the agent", calls);
    row("longest call, erases apart", apart_ns);
    printf("  (limit %.0f)\n", longest_limit_ms);
    row_of("  OPEN: signature, journal record", OPEN);
    row_of("  DATA: programming, hash", DATA);
    row_of("  CLOSE: hash, journal record", CLOSE);
    row_of("  no update under way, QUERY", REST);
    row_of("  confirm: journal record", TRIAL);
    row("the chip's own erase stall, each at most", run.longest_erase_ns);
    printf("  (%u sectors)\n", run.erases);
    row("longest call, its erases included", whole_ns);
    putchar('\n');
    return (double)apart_ns / ns_per_ms <= longest_limit_ms;
}

/* One place of an old journal (SPEC.md, section 3): sequence and CRC anew. */
static void load_place(const struct ferry_range *sector, uint32_t place, uint8_t *record)
{
    enum { AT_SEQUENCE = 4, AT_CRC = 60, FACTORY_SEQUENCE = 1 };

    ferry_put_u32(record + AT_SEQUENCE, FACTORY_SEQUENCE + 1 + place);
    ferry_put_u32(record + AT_CRC, ferry_crc32(0, record, AT_CRC));
    ferry_sim_load(run.peer.sim, sector->start + place * FERRY_RECORD_SIZE, record,
                   FERRY_RECORD_SIZE);
}

/* Fills the larger journal sector with boot logs, up to the room that is an update's: in 1,900
 * starts that differ. Returns how many. */
static uint32_t age_journal(const struct ferry_board *board)
{
    enum { AT_KIND = 8, KIND_LOG = 2, AT_BOOT = 16, STARTS = 4 };
    static const uint8_t hash[FERRY_HASH_SIZE];
    uint8_t state[FERRY_RECORD_SIZE], log[FERRY_RECORD_SIZE];
    struct ferry_range sector = ferry_board_sector(board, board->journal_sectors[1]);
    uint32_t logs = sector.size / FERRY_RECORD_SIZE - ferry_journal_reserve(board) - STARTS;

    ferry_journal_format(state, FERRY_SLOT_A, 0, hash);
    memcpy(log, state, sizeof(log));
    memset(log + AT_KIND, 0, sizeof(log) - AT_KIND);
    log[AT_KIND] = KIND_LOG;
    for (uint32_t place = 0; place < logs; place++) {
        ferry_put_u32(log + AT_BOOT, place + 1);
        load_place(&sector, place, log);
    }
    load_place(&sector, logs, state);
    return logs;
}

/* The newest but `skip`. Returns the number of the last of them. */
static uint32_t ask_for_log(uint32_t skip, const char *what)
{
    struct ferry_sender *sender = &run.peer.link.sender;

    run.longest[LOG] = (struct longest){0};
    run.phase = LOG;
    ferry_sender_log(sender, (uint16_t)skip, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "LOG");
    run.phase = REST;
    if (sender->result.log.count != FERRY_LOG_ENTRIES_MAX) {
        bench_die("the boot log is not the one that was written");
    }
    row(what, run.longest[LOG].apart_ns);
    return sender->result.log.entries[FERRY_LOG_ENTRIES_MAX - 1].boot;
}

static void watch(const char *addresses, size_t which)
{
    char *rest;

    run.feed[which] = (uint32_t)strtoul(addresses, &rest, 16) & ~1u;
    run.show[which] = *rest == ',' ? (uint32_t)strtoul(rest + 1, &rest, 16) & ~1u : 0;
    if (run.feed[which] == 0 || run.show[which] == 0 || *rest != '\0' ||
        ferry_sim_on_enter(run.peer.sim, run.feed[which], on_enter, NULL) != FERRY_SIM_OK ||
        ferry_sim_on_enter(run.peer.sim, run.show[which], on_enter, NULL) != FERRY_SIM_OK) {
        bench_die("addresses should be FEED,SHOW in hexadecimal");
    }
}

static void start_application(void)
{
    ferry_sim_power_on(run.peer.sim);
    ferry_sim_run_for(run.peer.sim, (uint64_t)START_MS * 1000000);
    if (query(5000)->running != FERRY_SLOT_A) {
        bench_die("the application does not run");
    }
}

static void load(const char *board, const char *path)
{
    struct bench_file factory = bench_read(path);

    run.peer.board = board;
    run.peer.wire = bench_wire_find("uart");
    bench_peer_load(&run.peer, &factory);
    free(factory.bytes);
}

static bool bench_log(char **argv)
{
    load(argv[1], argv[2]);
    watch(argv[3], 0);
    uint32_t logs = age_journal(ferry_board_find(argv[1]));
    start_application();
    (void)ask_for_log(0, "LOG: the newest entries");
    printf("\n");
    /* the start of this run is one more */
    uint32_t last = ask_for_log(logs - FERRY_LOG_ENTRIES_MAX + 1, "LOG: the oldest entries");
    printf("  (of %u; limit %.0f)\n", logs + 1, log_limit_ms);
    if (last != 1) {
        bench_die("these are not the oldest entries");
    }
    return (double)run.longest[LOG].apart_ns / ns_per_ms <= log_limit_ms;
}

static bool bench_transfer(char **argv)
{
    run.image = bench_read(argv[2]);
    run.peer.image = &run.image;
    load("stm32f411_blackpill", argv[1]);
    ferry_sim_on_event(run.peer.sim, on_event, NULL);
    ferry_sim_on_flash_op(run.peer.sim, on_flash_op, NULL);
    watch(argv[3], 0);
    watch(argv[4], 1);
    start_application();
    update();
    trial();
    bool holds = print_figures();
    free(run.image.bytes);
    return holds;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: bench_agent FACTORY.hex IMAGE.img FEED,SHOW FEED,SHOW\n"
                        "       bench_agent BOARD FACTORY.hex FEED,SHOW\n");
        return 2;
    }
    bool holds = argc == 4 ? bench_log(argv) : bench_transfer(argv);
    ferry_sim_destroy(run.peer.sim);
    return holds ? 0 : 1;
}
