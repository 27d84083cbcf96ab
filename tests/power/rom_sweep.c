/*
 * rom_sweep - faults at every point of a whole session with ST's ROM bootloader, and power cuts at
 * every flash operation, on the virtual board, in virtual time. core/rom and gateway/sinks/
 * rom_update are linked as they are. tools/torture runs it.
 *
 *   rom_sweep [options]
 *
 *   --stories LIST   names with commas; default all (--list shows them)
 *   --sample N       every N-th trial only (default 1: all that the stories ask for)
 *   --faults LIST    of: lost repeated flipped garbled late too_late nacked denied cut_lost
 * cut_torn cut_done, with commas; default all
 *   --seeds N        random outcomes of a torn flash operation (default 16)
 *   --part I/N       the I-th (from 0) of N shares of the trials, for several processes
 *   --check N        each N-th trial that was cut short is followed to its end too
 *   --results FILE   totals as JSON
 *   --only N         one trial, by the number in a violation report; needs --stories NAME
 *   --most N         the first N trials of these
 *   --stop           at the first violation
 *   --list           names of the stories
 *
 * A fault: each byte, in each direction, lost, repeated, with a bit flipped, garbled, late by 2.5 s
 * or by 12 s; on I2C each transfer not acknowledged, or acknowledged and reported as failed. A cut:
 * each erase and each programmed unit, lost, torn, done, of chip and host or of the chip alone.
 * Checked in each trial, at each flash operation: vectors that start stand before a whole image
 * only; it ends within bounded time; the application that starts is whole; where it ends in an
 * error, a new session succeeds.
 *
 * Not a violation, but counted ("marginal"): success with bits that were torn, are unstable, and
 * read as they should each time that they were looked at. Read-back cannot see that, and a host
 * that was off, too, or goes on over I2C, not even that the chip lost power.
 *
 * Exit status: 0 no violation, 1 violations, 2 usage.
 */
#define _GNU_SOURCE
#include "rom_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KNOWN_IN_A_ROW = 3, DIGESTS_MAX = 4096, SHOWN = 20, WIRES = 2 };

struct options {
    const char *stories, *results, *faults;
    uint32_t sample, seeds, part, parts, check, only, most;
    bool stop, is_only;
};

struct totals {
    uint64_t listed, chosen, planned, trials[ROM_FAULTS], same, checked, retried, failed, marginal;
    uint64_t bytes, transfers, operations;
    uint32_t violations, attempts;
    uint64_t longest_ms;
};

/* The sessions of a story as far as they are known to end well, and the one in hand. */
struct sweep {
    const struct options *options;
    struct totals *totals;
    struct rom_rig rig;
    struct rom_memo memo;
    uint64_t digests[DIGESTS_MAX];
    size_t digest_count;
    uint64_t number;
};

static const char *const fault_names[ROM_FAULTS] = {"lost",     "repeated", "flipped", "garbled",
                                                    "late",     "too_late", "nacked",  "denied",
                                                    "cut_lost", "cut_torn", "cut_done"};

#define L432 "nucleo_l432kc"
#define F411 "stm32f411_blackpill"
#define F407 "stm32f407_discovery"

/* Three pages of an L4; part of a sector of an F4; a sector and a bit more. */
enum { PAGES = 4396, SMALL = 600, BORDER = 16384 + 604 };

static const struct rom_story stories[] = {
    {.name = "l432-usart", .board = L432, .size = PAGES, .step = 1},
    {.name = "l432-i2c", .board = L432, .size = PAGES, .i2c = true, .step = 1},
    {.name = "f411-usart", .board = F411, .size = SMALL, .step = 1},
    {.name = "f411-i2c", .board = F411, .size = SMALL, .i2c = true, .step = 1},
    {.name = "f407-usart", .board = F407, .size = SMALL, .step = 1},
    {.name = "f407-i2c", .board = F407, .size = SMALL, .i2c = true, .step = 1},
    {.name = "l432-usart-blank", .board = L432, .size = SMALL, .blank = true, .step = 1},
    {.name = "l432-i2c-blank", .board = L432, .size = SMALL, .i2c = true, .blank = true, .step = 1},
    {.name = "f411-usart-border", .board = F411, .size = BORDER, .step = 31},
    {.name = "f411-i2c-border", .board = F411, .size = BORDER, .i2c = true, .step = 31},
    {.name = "f407-usart-border", .board = F407, .size = BORDER, .step = 61},
    {.name = "f407-i2c-border", .board = F407, .size = BORDER, .i2c = true, .step = 61},
    {.name = "stray-zero", .board = L432, .size = SMALL, .quirks = "stray-zero", .step = 7},
    {.name = "usart-no-erase-ack",
     .board = L432,
     .size = PAGES,
     .quirks = "no-erase-ack",
     .step = 7},
    {.name = "i2c-no-erase-ack",
     .board = L432,
     .size = PAGES,
     .i2c = true,
     .quirks = "no-erase-ack",
     .step = 7},
    {.name = "usart-late", .board = F411, .size = SMALL, .quirks = "late-parameters", .step = 7},
    {.name = "i2c-late",
     .board = F411,
     .size = SMALL,
     .i2c = true,
     .quirks = "late-parameters",
     .step = 7},
    {.name = "i2c-64",
     .board = L432,
     .size = PAGES,
     .i2c = true,
     .chunk_bytes = 64,
     .quirks = "i2c-max-64",
     .step = 7},
    {.name = "i2c-128",
     .board = F407,
     .size = SMALL,
     .i2c = true,
     .chunk_bytes = 128,
     .quirks = "i2c-max-128",
     .step = 7},
    {.name = "i2c-16", .board = F411, .size = SMALL, .i2c = true, .chunk_bytes = 16, .step = 7},
    {.name = "i2c-stretched",
     .board = L432,
     .size = PAGES,
     .i2c = true,
     .quirks = "i2c-v1.0,erase-7s",
     .step = 7},
    {.name = "usart-slow", .board = L432, .size = PAGES, .quirks = "erase-7s", .step = 7},
    {.name = "i2c-slow",
     .board = F411,
     .size = SMALL,
     .i2c = true,
     .quirks = "erase-7s",
     .step = 7},
    {.name = "lost-sync", .board = F411, .size = SMALL, .quirks = "lost-sync", .step = 7},
    {.name = "erase-43", .board = F411, .size = SMALL, .quirks = "erase-43", .step = 7},
    {.name = "usart-protected", .board = L432, .size = PAGES, .is_protected = true, .step = 7},
    {.name = "i2c-protected",
     .board = F411,
     .size = SMALL,
     .i2c = true,
     .is_protected = true,
     .step = 7},
    {.name = "told-protected",
     .board = F411,
     .size = SMALL,
     .is_protected = true,
     .quirks = "no-silent-wrp",
     .step = 7},
};
enum { STORIES = sizeof stories / sizeof stories[0] };

/* ---- a trial --------------------------------------------------------------------------------- */

struct trial {
    uint8_t fault;
    bool from_rom, host_survives;
    uint64_t at;
    uint32_t seed;
};

static bool came(const struct sweep *sweep, const struct trial *trial)
{
    struct ferry_sim_rom_state state;
    if (trial->fault >= ROM_CUT_LOST) {
        return sweep->rig.host.cut;
    }
    if (trial->fault >= ROM_BYTE_FAULTS) {
        return sweep->rig.host.transfers > sweep->rig.host.fault_at;
    }
    ferry_sim_rom_state(sweep->rig.sim, &state);
    return state.disturbed;
}

/* Follows the session to its end, or to where it is as one was that ended well: what it sent three
 * times in a row, and all that decides what it sends next, is known. true: cut short so. */
static bool follow(struct sweep *sweep, const struct trial *trial, bool whole)
{
    struct rom_rig *rig = &sweep->rig;
    uint32_t known = 0;
    sweep->digest_count = 0;
    while (rom_rig_next(rig)) {
        if (trial == NULL || came(sweep, trial)) {
            const uint64_t digest = rom_digest(rig);
            const bool quiet = ferry_sim_unstable(rig->sim) == 0 &&
                               ferry_sim_uart_queued(rig->sim, rig->port) == 0;
            known = quiet && rom_memo_has(&sweep->memo, digest) ? known + 1 : 0;
            if (known == KNOWN_IN_A_ROW && !whole) {
                return true;
            }
            if (quiet && sweep->digest_count < DIGESTS_MAX) {
                sweep->digests[sweep->digest_count++] = digest;
            }
        }
        rom_rig_do(rig);
    }
    return false;
}

static void learn(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->digest_count; i++) {
        rom_memo_add(&sweep->memo, sweep->digests[i]);
    }
}

static void note_end(struct sweep *sweep)
{
    const struct rom_host *host = &sweep->rig.host;
    struct totals *totals = sweep->totals;
    const uint64_t ms = (ferry_sim_time_ns(sweep->rig.sim) - host->started_ns) / 1000000;
    totals->longest_ms = ms > totals->longest_ms ? ms : totals->longest_ms;
    totals->attempts = host->attempts > totals->attempts ? host->attempts : totals->attempts;
    totals->retried += host->attempts > 1;
    totals->failed += !host->started;
}

static void report(struct sweep *sweep, const struct trial *trial)
{
    if (++sweep->totals->violations > SHOWN) {
        return;
    }
    fprintf(stderr,
            "VIOLATION: %s\n  --stories %s --seeds %u --only %llu: %s, %s %llu, seed %u%s; status "
            "%d\n",
            sweep->rig.host.violation, sweep->rig.story->name, (unsigned)sweep->options->seeds,
            (unsigned long long)sweep->number, fault_names[trial->fault],
            trial->from_rom ? "byte from the ROM" : "number", (unsigned long long)trial->at,
            (unsigned)trial->seed, trial->host_survives ? ", the host goes on" : "",
            sweep->rig.host.status);
}

/* From a mark to the end. true: cut short. */
static bool run(struct sweep *sweep, const struct rom_mark *from, const struct trial *trial,
                bool whole)
{
    struct rom_rig *rig = &sweep->rig;
    rom_rig_return(rig, from);
    rig->host_survives = trial->host_survives;
    rom_rig_plan(rig, trial->fault, trial->from_rom, trial->at, trial->seed);
    rom_rig_do(rig);
    if (follow(sweep, trial, whole)) {
        return true;
    }
    note_end(sweep);
    rom_check_end(rig);
    return false;
}

static void run_trial(struct sweep *sweep, const struct rom_mark *from, const struct trial *trial)
{
    struct totals *totals = sweep->totals;
    totals->trials[trial->fault]++;
    if (run(sweep, from, trial, sweep->options->is_only)) {
        totals->same++;
        if (sweep->options->check == 0 || totals->same % sweep->options->check != 0) {
            learn(sweep);
            return;
        }
        totals->checked++;
        (void)run(sweep, from, trial, true);
    }
    totals->marginal += sweep->rig.host.marginal;
    if (sweep->rig.host.violation != NULL) {
        report(sweep, trial);
    } else if (!sweep->rig.host.marginal) {
        learn(sweep);
    }
}

/* Is the name in the list, between commas? */
static bool is_asked(const char *names, const char *name)
{
    const size_t size = strlen(name);
    if (names == NULL) {
        return true;
    }
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += size) {
        if ((at == names || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Is the next trial of the story to be run, here? */
static bool chosen(struct sweep *sweep, const struct trial *trial)
{
    const struct options *options = sweep->options;
    const uint64_t number = sweep->number++;
    const uint64_t step = (uint64_t)sweep->rig.story->step * options->sample;
    if (options->is_only) {
        return number == options->only;
    }
    if (!is_asked(options->faults, fault_names[trial->fault])) {
        return false;
    }
    sweep->totals->listed++;
    if (number % step != step / 2 || (options->stop && sweep->totals->violations > 0) ||
        (options->most > 0 && sweep->totals->chosen >= options->most)) {
        return false;
    }
    sweep->totals->chosen++;
    const uint64_t turn = number / step; /* not in turns: every other trial may be a cheap one */
    if ((turn + turn / options->parts) % options->parts != options->part) {
        return false;
    }
    sweep->totals->planned++;
    return true;
}

static void offer(struct sweep *sweep, const struct rom_mark *from, const struct trial *trial)
{
    if (chosen(sweep, trial)) {
        sweep->number--; /* for a report */
        run_trial(sweep, from, trial);
        sweep->number++;
    }
}

/* ---- the points of a session ------------------------------------------------------------------
 */

/* How far the session had come at a mark, in what a fault can strike. */
struct place {
    uint64_t bytes[WIRES];
    uint32_t transfers, flash_ops;
};

static struct place place_of(const struct sweep *sweep)
{
    struct ferry_sim_rom_state state;
    ferry_sim_rom_state(sweep->rig.sim, &state);
    return (struct place){.bytes = {state.bytes_to, state.bytes_from},
                          .transfers = sweep->rig.host.transfers,
                          .flash_ops = sweep->rig.host.flash_ops};
}

static void strike_bytes(struct sweep *sweep, const struct rom_mark *from, bool from_rom,
                         uint64_t count)
{
    for (uint64_t at = 0; at < count; at++) {
        for (uint8_t fault = 0; fault < ROM_BYTE_FAULTS; fault++) {
            const struct trial trial = {
                .fault = fault, .from_rom = from_rom, .at = at, .seed = (uint32_t)sweep->number};
            offer(sweep, from, &trial);
        }
    }
    sweep->totals->bytes += count;
}

static void strike_transfers(struct sweep *sweep, const struct rom_mark *from, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        for (uint8_t fault = ROM_NACKED; fault <= ROM_DENIED; fault++) {
            const struct trial trial = {.fault = fault, .at = at};
            offer(sweep, from, &trial);
        }
    }
    sweep->totals->transfers += count;
}

static void cut(struct sweep *sweep, const struct rom_mark *from, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        for (uint8_t fault = ROM_CUT_LOST; fault <= ROM_CUT_DONE; fault++) {
            const uint32_t seeds = fault == ROM_CUT_TORN ? sweep->options->seeds : 1;
            for (uint32_t seed = 0; seed < seeds * 2; seed++) {
                const struct trial trial = {
                    .fault = fault, .at = at, .seed = seed / 2, .host_survives = seed % 2 == 1};
                offer(sweep, from, &trial);
            }
        }
    }
    sweep->totals->operations += count;
}

/* Without a fault: must end well; what it passes through is known from then on. */
static void run_whole(struct sweep *sweep)
{
    const struct trial none = {.fault = 0};
    rom_rig_begin(&sweep->rig);
    (void)follow(sweep, NULL, true);
    note_end(sweep);
    rom_check_end(&sweep->rig);
    if (sweep->rig.host.attempts > 1 && !sweep->rig.story->is_protected) {
        rom_violation(&sweep->rig, "a session without a fault needs a second attempt");
    }
    if (sweep->rig.host.violation != NULL) {
        report(sweep, &none);
    }
    learn(sweep);
}

/* From write to write; between two of them lie points that a fault can strike. */
static void walk(struct sweep *sweep)
{
    struct rom_rig *rig = &sweep->rig;
    struct rom_mark here, next;
    rom_rig_begin(rig);
    bool more = rom_rig_next(rig);
    rom_rig_mark(rig, &here);
    while (more) {
        const struct place before = place_of(sweep);
        rom_rig_do(rig);
        more = rom_rig_next(rig);
        rom_rig_mark(rig, &next);
        const struct place after = place_of(sweep);
        for (size_t wire = 0; wire < WIRES; wire++) {
            strike_bytes(sweep, &here, wire == 1, after.bytes[wire] - before.bytes[wire]);
        }
        strike_transfers(sweep, &here, rig->story->i2c ? after.transfers - before.transfers : 0);
        cut(sweep, &here, after.flash_ops - before.flash_ops);
        rom_rig_forget(&here);
        rom_rig_return(rig, &next);
        here = next;
    }
    rom_rig_forget(&here);
}

static void tell(const struct rom_story *story, const struct totals *before,
                 const struct totals *totals, double seconds)
{
    uint64_t trials = 0, earlier = 0;
    for (size_t i = 0; i < ROM_FAULTS; i++) {
        trials += totals->trials[i];
        earlier += before->trials[i];
    }
    printf("%-20s %8llu of %8llu trials %6.1f s %5llu errors %4u violations\n", story->name,
           (unsigned long long)(trials - earlier),
           (unsigned long long)(totals->listed - before->listed), seconds,
           (unsigned long long)(totals->failed - before->failed), (unsigned)totals->violations);
    fflush(stdout);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void sweep_story(const struct rom_story *story, const struct options *options,
                        struct totals *totals)
{
    static struct sweep sweep;
    const struct totals before = *totals;
    const double started_s = now_s();
    struct rom_mark off;
    memset(&sweep, 0, sizeof sweep);
    sweep.options = options;
    sweep.totals = totals;
    rom_rig_open(&sweep.rig, story);
    rom_rig_mark(&sweep.rig, &off);
    run_whole(&sweep);
    if (sweep.rig.host.violation == NULL) {
        rom_rig_return(&sweep.rig, &off);
        walk(&sweep);
    }
    rom_rig_forget(&off);
    rom_rig_close(&sweep.rig);
    free(sweep.memo.list);
    tell(story, &before, totals, now_s() - started_s);
}

/* ---- options and results -----------------------------------------------------------------------
 */

_Noreturn static void refuse(void)
{
    fprintf(stderr, "rom_sweep: see the head of rom_sweep.c for the options\n");
    exit(2);
}

static void list(void)
{
    for (size_t i = 0; i < STORIES; i++) {
        printf("%s\n", stories[i].name);
    }
    exit(0);
}

static void take_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--stories") == 0) {
        options->stories = value;
    } else if (strcmp(name, "--results") == 0) {
        options->results = value;
    } else if (strcmp(name, "--faults") == 0) {
        options->faults = value;
    } else if (strcmp(name, "--sample") == 0) {
        options->sample = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--seeds") == 0) {
        options->seeds = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--check") == 0) {
        options->check = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--most") == 0) {
        options->most = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--only") == 0) {
        options->only = (uint32_t)strtoul(value, NULL, 10);
        options->is_only = true;
    } else if (strcmp(name, "--part") != 0 ||
               sscanf(value, "%u/%u", &options->part, &options->parts) != 2) {
        refuse();
    }
}

static struct options read_options(int argc, char **argv)
{
    struct options options = {.sample = 1, .seeds = 16, .parts = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            list();
        } else if (strcmp(argv[i], "--stop") == 0) {
            options.stop = true;
        } else if (i + 1 < argc) {
            take_option(&options, argv[i], argv[i + 1]);
            i++;
        } else {
            refuse();
        }
    }
    if (options.sample == 0 || options.seeds == 0 || options.part >= options.parts) {
        refuse();
    }
    return options;
}

static void write_results(const struct options *options, const struct totals *totals,
                          double seconds)
{
    FILE *out = options->results == NULL ? NULL : fopen(options->results, "w");
    if (out == NULL) {
        if (options->results != NULL) {
            refuse();
        }
        return;
    }
    fprintf(out, "{\n");
    for (size_t i = 0; i < ROM_FAULTS; i++) {
        fprintf(out, "  \"%s\": %llu,\n", fault_names[i], (unsigned long long)totals->trials[i]);
    }
    fprintf(out,
            "  \"listed\": %llu,\n  \"chosen\": %llu,\n  \"planned\": %llu,\n  \"same\": %llu,\n  "
            "\"checked\": %llu,\n"
            "  \"retried\": %llu,\n  \"failed\": %llu,\n  \"marginal\": %llu,\n  \"bytes\": %llu,\n"
            "  \"transfers\": %llu,\n  \"operations\": %llu,\n  \"longest_ms\": %llu,\n"
            "  \"seeds\": %u,\n  \"duration_s\": %.0f,\n  \"violations\": %u\n}\n",
            (unsigned long long)totals->listed, (unsigned long long)totals->chosen,
            (unsigned long long)totals->planned, (unsigned long long)totals->same,
            (unsigned long long)totals->checked, (unsigned long long)totals->retried,
            (unsigned long long)totals->failed, (unsigned long long)totals->marginal,
            (unsigned long long)totals->bytes, (unsigned long long)totals->transfers,
            (unsigned long long)totals->operations, (unsigned long long)totals->longest_ms,
            (unsigned)options->seeds, seconds, (unsigned)totals->violations);
    fclose(out);
}

int main(int argc, char **argv)
{
    const struct options options = read_options(argc, argv);
    const double started_s = now_s();
    struct totals totals = {.listed = 0};
    for (size_t i = 0; i < STORIES; i++) {
        if (is_asked(options.stories, stories[i].name)) {
            sweep_story(&stories[i], &options, &totals);
        }
    }
    printf("%llu trials planned, %llu cut short as the same, %llu of these checked; %llu with a "
           "second attempt, %llu ended in an error, %llu marginal; longest %.1f virtual s; %u "
           "violations\n",
           (unsigned long long)totals.planned, (unsigned long long)totals.same,
           (unsigned long long)totals.checked, (unsigned long long)totals.retried,
           (unsigned long long)totals.failed, (unsigned long long)totals.marginal,
           (double)totals.longest_ms / 1000, (unsigned)totals.violations);
    write_results(&options, &totals, now_s() - started_s);
    return totals.violations > 0;
}
