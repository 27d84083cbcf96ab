/*
 * bench_update - how fast an update is: the real sender against the real bootloader (or
 * application) on the virtual board, in virtual time. Prints rows of a table; tools/bench makes the
 * files.
 *
 *   bench_update FACTORY.hex IMAGE.img uart|spi|i2c
 *
 * The slot is filled with noise before, so every sector has to be erased. Flash times are the
 * typical ones of the data sheet; execution is one halfword a clock: virtual time, not
 * cycle-accurate.
 */
#include "bench_peer.h"

#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_B_SECTOR = 6 };
static const double ns_per_s = 1e9;

/* One run, and what was seen. */
struct run {
    struct bench_peer peer;
    struct bench_file image;
    uint64_t erase_started_ns, erase_ns;
};

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct run *run = ctx;

    if (event->kind == FERRY_SIM_EV_ERASE_START) {
        run->erase_started_ns = event->time_ns;
    } else if (event->kind == FERRY_SIM_EV_ERASE_END && event->a >= SLOT_B_SECTOR) {
        run->erase_ns += event->time_ns - run->erase_started_ns;
    }
}

static uint64_t words_in_slot(const struct run *run)
{
    struct ferry_sim_counters counters;
    uint64_t words = 0;

    ferry_sim_counters(run->peer.sim, &counters);
    for (size_t sector = SLOT_B_SECTOR; sector < ferry_sim_sector_count(run->peer.sim); sector++) {
        words += counters.words_programmed[sector];
    }
    return words;
}

static bool runs_application(void *ctx, struct ferry_sim *sim)
{
    struct ferry_sim_cpu cpu;
    (void)ctx;
    ferry_sim_cpu(sim, &cpu);
    return cpu.r[15] - 0x08010000 < 0x70000; /* not: the bootloader in RAM */
}

static void load(struct run *run, const struct bench_file *factory)
{
    bench_peer_load(&run->peer, factory);
    ferry_sim_on_event(run->peer.sim, on_event, run);
}

/* Reset to the application's first instruction. */
static double start_s(struct ferry_sim *sim)
{
    ferry_sim_power_on(sim);
    uint64_t started_ns = ferry_sim_time_ns(sim);
    ferry_sim_run_while_not(sim, runs_application, NULL, 5000000000U);
    double taken_s = (double)(ferry_sim_time_ns(sim) - started_ns) / ns_per_s;
    ferry_sim_power_off(sim);
    return taken_s;
}

/* What hashing the image costs: a start with a small image takes so much less. */
static double hash_s(double large_s, size_t large_size, const char *small_hex,
                     const char *small_img)
{
    static struct run small;
    struct bench_file factory = bench_read(small_hex), image = bench_read(small_img);

    load(&small, &factory);
    double more_s = large_s - start_s(small.peer.sim), more = (double)(large_size - image.size);
    ferry_sim_destroy(small.peer.sim);
    free(factory.bytes);
    free(image.bytes);
    return more_s * (double)large_size / more;
}

static bool print_start(double whole_s, double of_hash_s)
{
    printf("%-44s %8.3f s   (limit 0.5)\n", "reset to the application's first instruction",
           whole_s);
    printf("%-44s %8.3f s\n", "  hash", of_hash_s);
    printf("%-44s %8.3f s\n", "  signature, with clock start and journal", whole_s - of_hash_s);
    printf("%-44s %8.3f s\n", "  listen window of 50 ms: meanwhile", 0.0);
    return whole_s <= 0.5;
}

struct figures {
    double hash_s, open_s, data_s, whole_s;
    uint64_t wire_bytes;
};

static struct figures update(struct run *run)
{
    struct bench_peer *peer = &run->peer;
    struct figures figures = {0};
    struct ferry_open open = bench_open_of(&run->image);

    uint64_t started_ns = ferry_sim_time_ns(peer->sim);
    ferry_sender_open(&peer->sender, &open, bench_peer_now_ms(peer));
    figures.open_s = (double)bench_peer_finish(peer, "OPEN") / ns_per_s;

    /* The wire's share: up to the last byte of DATA; the last ACK comes when flash is done. */
    uint64_t data_ns = ferry_sim_time_ns(peer->sim), last_ns = data_ns;
    uint32_t before = peer->sender.counts.wire_bytes;
    ferry_sender_data(&peer->sender, bench_peer_now_ms(peer));
    int status;
    while ((status = ferry_sender_step(&peer->sender, bench_peer_now_ms(peer))) == FERRY_MORE) {
        bench_peer_pump(peer);
        ferry_sim_run_for(peer->sim, BENCH_QUANTUM_NS);
        bool all = peer->sender.sent == peer->sender.total && peer->wire->sent(peer->sim);
        if (all && last_ns == data_ns) {
            last_ns = ferry_sim_time_ns(peer->sim);
            figures.wire_bytes = peer->sender.counts.wire_bytes - before;
        }
    }
    if (status != FERRY_OK) {
        bench_die(ferry_status_name(status));
    }
    figures.data_s = (double)(last_ns - data_ns) / ns_per_s;
    ferry_sender_close(&peer->sender, bench_peer_now_ms(peer));
    bench_peer_finish(peer, "CLOSE");
    figures.whole_s = (double)(ferry_sim_time_ns(peer->sim) - started_ns) / ns_per_s;
    return figures;
}

static bool print_update(const struct run *run, const struct figures *figures)
{
    double rate = run->peer.wire->bytes_per_s, size = (double)run->image.size;
    double wire_s = (double)figures->wire_bytes / rate;
    double erase_s = (double)run->erase_ns / ns_per_s;
    double program_s = (double)words_in_slot(run) * 16e-6;
    double verify_s = figures->open_s + figures->hash_s;
    double flash_s = erase_s + program_s + verify_s;
    double longest_s = wire_s > flash_s ? wire_s : flash_s;
    double busy = 100.0 * wire_s / figures->data_s, payload = 100.0 * size / rate / figures->data_s;

    printf("%-44s %8.0f bytes\n", "image", size);
    printf("%-44s %8.3f s\n", run->peer.wire->title, wire_s);
    printf("%-44s %8.3f s\n", "flash: erase", erase_s);
    printf("%-44s %8.3f s\n", "flash: program", program_s);
    printf("%-44s %8.3f s   (limit 0.6)\n", "verify: signature (OPEN), hash", verify_s);
    printf("%-44s %8.1f %%\n", "first to last DATA byte: wire busy", busy);
    printf("%-44s %8.1f %%", "first to last DATA byte: image bytes", payload);
    if (run->peer.wire->payload_percent > 0) {
        printf("   (limit %.0f)", run->peer.wire->payload_percent);
    }
    putchar('\n');
    printf("%-44s %8.3f s\n", "whole update: OPEN to CLOSED", figures->whole_s);
    printf("%-44s %8.3f     (limit %.2f)\n", "  / max(wire, erase + program + verify)",
           figures->whole_s / longest_s, run->peer.wire->whole_limit);
    return payload >= run->peer.wire->payload_percent && verify_s <= 0.6 &&
           figures->whole_s <= run->peer.wire->whole_limit * longest_s;
}

static void print_gateway(void)
{
    printf("%-44s %8zu bytes (limit 8192)\n", "gateway: engine and sender state",
           sizeof(struct gateway_engine) + sizeof(struct ferry_sender));
}

int main(int argc, char **argv)
{
    static struct run run;

    run.peer.wire = argc == 6 ? bench_wire_find(argv[3]) : NULL;
    if (run.peer.wire == NULL) {
        fprintf(stderr,
                "usage: bench_update FACTORY.hex IMAGE.img uart|spi|i2c SMALL.hex SMALL.img\n");
        return 2;
    }
    struct bench_file factory = bench_read(argv[1]);
    run.image = bench_read(argv[2]);
    run.peer.image = &run.image;
    load(&run, &factory);
    double whole_start_s = start_s(run.peer.sim);
    double of_hash_s = hash_s(whole_start_s, run.image.size, argv[4], argv[5]);
    bool fast_start = print_start(whole_start_s, of_hash_s);

    ferry_sim_power_on(run.peer.sim);
    ferry_sender_query(&run.peer.sender, 20, 5000, bench_peer_now_ms(&run.peer));
    bench_peer_finish(&run.peer, "QUERY");
    if (run.peer.sender.result.info.running != FERRY_SLOT_NONE) {
        bench_die("the application answered, not the bootloader");
    }
    struct figures figures = update(&run);
    figures.hash_s = of_hash_s;
    bool fast_update = print_update(&run, &figures);
    print_gateway();
    ferry_sim_destroy(run.peer.sim);
    free(factory.bytes);
    free(run.image.bytes);
    return fast_start && fast_update ? 0 : 1;
}
