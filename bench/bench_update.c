/*
 * bench_update - how fast an update is, and what it costs the flash: the shipped gateway's link and
 * port against the real bootloader on the virtual board, in virtual time. Prints rows of a table;
 * exit code 1 when one is above its limit. tools/bench makes the files.
 *
 *   bench_update FACTORY.hex IMAGE.img uart|spi|i2c SIGNATURE,HASH,COMPARE
 *
 * Addresses of the bootloader's functions between which a start is measured: the check of a
 * signature (ferry_p256_verify or p256_ecdsa_verify), which comes first; the hash
 * (ferry_image_hash_step); the comparison at its end (ferry_hash_equal).
 *
 * The slot is filled with noise before, so every sector has to be erased. Flash times are the
 * typical ones of the data sheet; execution is one halfword a clock: virtual time, not
 * cycle-accurate.
 */
#include "bench_peer.h"

#include "ferry/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOT_A_OFFSET = 0x10000,
    SLOT_B_SECTOR = 6,
    JOURNAL_FIRST = 2,
    JOURNAL_LAST = 3,
    WORD_NS = 16000
};
enum { MOST_ERASES = 1 };
static const double ns_per_s = 1e9, written_limit = 1.02, start_limit_s = 0.5, verify_limit_s = 0.6;

/* What a start passes, in this order. */
enum { SIGNATURE, HASH, COMPARE, APPLICATION, MARKS };

/* One run, and what was seen. */
static struct run {
    struct bench_peer peer;
    struct bench_file image;
    uint64_t erase_started_ns, erase_ns;
    uint32_t marks[MARKS];
    uint64_t mark_ns[MARKS];
    size_t passed; /* of the marks */
} run;

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    (void)ctx;
    if (event->kind == FERRY_SIM_EV_ERASE_START) {
        run.erase_started_ns = event->time_ns;
    } else if (event->kind == FERRY_SIM_EV_ERASE_END && event->a >= SLOT_B_SECTOR) {
        run.erase_ns += event->time_ns - run.erase_started_ns;
    }
}

/* ---- start ----------------------------------------------------------------------------------- */

/* ferry_hash_equal compares keys before the signature too: only the next mark counts. */
static void on_enter(void *ctx, struct ferry_sim *sim, uint32_t address)
{
    (void)ctx;
    if (run.passed < MARKS && address == run.marks[run.passed]) {
        run.mark_ns[run.passed++] = ferry_sim_time_ns(sim);
    }
    if (run.passed == MARKS) {
        ferry_sim_stop(sim);
    }
}

/* The entry that the vectors of slot A's image name. */
static uint32_t entry_of_slot_a(void)
{
    struct ferry_image_header header;
    size_t size;
    const uint8_t *slot = ferry_sim_flash(run.peer.sim, &size) + SLOT_A_OFFSET;

    if (ferry_image_parse_header(slot, &header) != FERRY_OK) {
        bench_die("no image in slot A");
    }
    return ferry_get_u32(slot + header.header_size + 4) & ~1u;
}

/* The addresses of the command line, and the application. */
static void watch(const char *addresses)
{
    char *rest = NULL;

    for (size_t i = 0; i < APPLICATION; i++) {
        run.marks[i] = (uint32_t)strtoul(addresses, &rest, 16) & ~1u;
        if (run.marks[i] == 0 || *rest != (i + 1 < APPLICATION ? ',' : '\0')) {
            bench_die("addresses should be SIGNATURE,HASH,COMPARE in hexadecimal");
        }
        addresses = rest + 1;
    }
    run.marks[APPLICATION] = entry_of_slot_a();
    for (size_t i = 0; i < MARKS; i++) {
        if (ferry_sim_on_enter(run.peer.sim, run.marks[i], on_enter, NULL) != FERRY_SIM_OK) {
            bench_die("no such address");
        }
    }
}

static double between_s(size_t from, size_t to)
{
    return (double)(run.mark_ns[to] - run.mark_ns[from]) / ns_per_s;
}

/* Reset to the application's first instruction. */
static bool start(void)
{
    struct ferry_sim *sim = run.peer.sim;

    ferry_sim_power_on(sim);
    uint64_t started_ns = ferry_sim_time_ns(sim);
    ferry_sim_run_for(sim, 5000000000U);
    if (run.passed != MARKS) {
        bench_die("the start did not pass signature, hash, comparison and application");
    }
    ferry_sim_power_off(sim);
    double before_s = (double)(run.mark_ns[SIGNATURE] - started_ns) / ns_per_s;
    double whole_s = before_s + between_s(SIGNATURE, APPLICATION);
    printf("%-44s %8.4f s  (limit %.1f)\n", "reset to the application's first instruction", whole_s,
           start_limit_s);
    printf("%-44s %8.4f s\n", "  clock, journal, header", before_s);
    printf("%-44s %8.4f s\n", "  signature", between_s(SIGNATURE, HASH));
    printf("%-44s %8.4f s\n", "  hash", between_s(HASH, COMPARE));
    printf("%-44s %8.4f s\n", "  listen (50 ms from the start), jump",
           between_s(COMPARE, APPLICATION));
    return whole_s <= start_limit_s;
}

/* ---- update ---------------------------------------------------------------------------------- */

struct figures {
    double open_s, data_s, whole_s;
    uint64_t wire_bytes;
};

static void update_data(struct figures *figures)
{
    struct bench_peer *peer = &run.peer;
    struct ferry_sender *sender = &peer->link.sender;
    uint64_t data_ns = ferry_sim_time_ns(peer->sim), last_ns = 0;
    uint32_t before = sender->counts.wire_bytes;
    int status;

    /* The wire's share: up to the last byte of DATA; the last ACK comes when flash is done. */
    ferry_sender_data(sender, bench_peer_now_ms(peer));
    while ((status = bench_peer_step(peer)) == FERRY_MORE) {
        if (last_ns == 0 && sender->sent == sender->total &&
            !gateway_link_is_writing(&peer->link)) {
            last_ns = bench_host_sent_ns();
            figures->wire_bytes = sender->counts.wire_bytes - before;
        }
    }
    if (status != FERRY_OK || last_ns == 0) {
        bench_die(ferry_status_name(status));
    }
    figures->data_s = (double)(last_ns - data_ns) / ns_per_s;
}

static struct figures update(void)
{
    struct bench_peer *peer = &run.peer;
    struct ferry_sender *sender = &peer->link.sender;
    struct figures figures = {0};
    struct ferry_open open = bench_open_of(&run.image);
    uint64_t started_ns = ferry_sim_time_ns(peer->sim);

    ferry_sim_counters_reset(peer->sim);
    ferry_sender_open(sender, &open, bench_peer_now_ms(peer));
    figures.open_s = (double)bench_peer_finish(peer, "OPEN") / ns_per_s;
    update_data(&figures);
    ferry_sender_close(sender, bench_peer_now_ms(peer));
    bench_peer_finish(peer, "CLOSE");
    figures.whole_s = (double)(ferry_sim_time_ns(peer->sim) - started_ns) / ns_per_s;
    return figures;
}

/* ---- what was printed ------------------------------------------------------------------------ */

static uint64_t words_in(const struct ferry_sim_counters *counters, size_t first, size_t last)
{
    uint64_t words = 0;
    for (size_t sector = first; sector <= last; sector++) {
        words += counters->words_programmed[sector];
    }
    return words;
}

/* Each sector that the image reaches is erased once, the rest of the slot not at all. */
static bool print_erases(const struct ferry_sim_counters *counters)
{
    size_t sectors = ferry_sim_sector_count(run.peer.sim);
    uint32_t start, address, size, most = 0, used = 0;
    bool good = true;

    ferry_sim_sector(run.peer.sim, SLOT_B_SECTOR, &start, &size);
    for (size_t sector = SLOT_B_SECTOR; sector < sectors; sector++) {
        ferry_sim_sector(run.peer.sim, sector, &address, &size);
        bool reached = address - start < run.image.size;
        used += reached;
        most = counters->erases[sector] > most ? counters->erases[sector] : most;
        good = good && counters->erases[sector] == (reached ? MOST_ERASES : 0);
    }
    printf("%-44s %8u    (limit %d; %u sectors)\n", "erases of a sector of the slot, at most", most,
           MOST_ERASES, used);
    return good;
}

static bool print_flash(const struct ferry_sim_counters *counters)
{
    size_t last = ferry_sim_sector_count(run.peer.sim) - 1;
    double slot = 4.0 * (double)words_in(counters, SLOT_B_SECTOR, last);
    double journal = 4.0 * (double)words_in(counters, JOURNAL_FIRST, JOURNAL_LAST);
    double share = (slot + journal) / (double)run.image.size;

    printf("%-44s %8.0f bytes\n", "written to the slot", slot);
    printf("%-44s %8.0f bytes\n", "written to the journal", journal);
    printf("%-44s %8.4f    (limit %.2f)\n", "  both, the journal included / image", share,
           written_limit);
    bool good = print_erases(counters);
    return good && share <= written_limit && slot >= (double)run.image.size;
}

static bool print_times(const struct ferry_sim_counters *counters, const struct figures *figures)
{
    const struct bench_wire *wire = run.peer.wire;
    size_t last = ferry_sim_sector_count(run.peer.sim) - 1;
    double size = (double)run.image.size, erase_s = (double)run.erase_ns / ns_per_s;
    double wire_s = (double)figures->wire_bytes / wire->bytes_per_s;
    double program_s = (double)(words_in(counters, SLOT_B_SECTOR, last) * WORD_NS) / ns_per_s;
    double verify_s = figures->open_s + between_s(HASH, COMPARE);
    double flash_s = erase_s + program_s + verify_s;
    double longest_s = wire_s > flash_s ? wire_s : flash_s;
    double payload = 100.0 * size / wire->bytes_per_s / figures->data_s;

    printf("%-44s %8.0f bytes\n", "image", size);
    printf("%-44s %8.3f s\n", wire->title, wire_s);
    printf("%-44s %8.3f s\n", "flash: erase", erase_s);
    printf("%-44s %8.3f s\n", "flash: program", program_s);
    printf("%-44s %8.3f s   (limit %.1f)\n", "verify: signature (OPEN), hash", verify_s,
           verify_limit_s);
    printf("%-44s %8.1f %%\n", "first to last DATA byte: wire busy",
           100.0 * wire_s / figures->data_s);
    printf("%-44s %8.1f %%", "first to last DATA byte: image bytes", payload);
    if (wire->payload_percent > 0) {
        printf("   (limit %.0f)", wire->payload_percent);
    }
    putchar('\n');
    printf("%-44s %8.3f s\n", "whole update: OPEN to CLOSED", figures->whole_s);
    printf("%-44s %8.3f     (limit %.2f)\n", "  / max(wire, erase + program + verify)",
           figures->whole_s / longest_s, wire->whole_limit);
    return payload >= wire->payload_percent && verify_s <= verify_limit_s &&
           figures->whole_s <= wire->whole_limit * longest_s;
}

static bool print_gateway(void)
{
    size_t size = sizeof(struct gateway_engine) + sizeof(struct gateway_link);
    printf("%-44s %8zu bytes (limit 8192)\n", "gateway: engine and link state", size);
    return size <= 8192;
}

int main(int argc, char **argv)
{
    struct ferry_sim_counters counters;

    run.peer.wire = argc == 5 ? bench_wire_find(argv[3]) : NULL;
    if (run.peer.wire == NULL) {
        fprintf(stderr, "usage: bench_update FACTORY.hex IMAGE.img uart|spi|i2c "
                        "SIGNATURE,HASH,COMPARE\n");
        return 2;
    }
    struct bench_file factory = bench_read(argv[1]);
    run.image = bench_read(argv[2]);
    run.peer.image = &run.image;
    run.peer.board = "stm32f411_blackpill";
    bench_peer_load(&run.peer, &factory);
    ferry_sim_on_event(run.peer.sim, on_event, NULL);
    watch(argv[4]);
    bool good = start();

    ferry_sim_power_on(run.peer.sim);
    ferry_sender_query(&run.peer.link.sender, 20, 5000, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "QUERY");
    /* While it verified, the QUERY was repeated; behind the answer to the next one come no more. */
    ferry_sender_query(&run.peer.link.sender, 500, 5000, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "second QUERY");
    if (run.peer.link.sender.result.info.running != FERRY_SLOT_NONE) {
        bench_die("the application answered, not the bootloader");
    }
    struct figures figures = update();
    ferry_sim_counters(run.peer.sim, &counters);
    good = print_times(&counters, &figures) && good;
    good = print_flash(&counters) && good;
    good = print_gateway() && good;
    ferry_sim_destroy(run.peer.sim);
    free(factory.bytes);
    free(run.image.bytes);
    return good ? 0 : 1;
}
