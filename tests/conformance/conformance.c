#include "conformance.h"

#include <string.h>

/* The line is the report: it needs no text and no stdio. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

/* ---- flash ------------------------------------------------------------------------------------
 */

enum { BLOCK = 64, UNIT_MAX = 8 };

struct place {
    const struct ferry_flash *flash;
    uint32_t sector, start, size, unit;
};

/* A pattern that differs in every byte and clears about half of the bits. */
static void fill(uint8_t *bytes, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

/* All of [offset, offset + size) reads 0xFF. */
static int check_blank(const struct place *place, uint32_t offset, uint32_t size)
{
    uint8_t bytes[BLOCK];

    for (uint32_t at = offset; at < offset + size; at += BLOCK) {
        CHECK(place->flash->read(place->flash->ctx, place->start + at, bytes, BLOCK) == FERRY_OK);
        for (size_t i = 0; i < BLOCK; i++) {
            CHECK(bytes[i] == 0xFF);
        }
    }
    return 0;
}

/* Programs a block and reads it back; a stale cache line would show here. */
static int check_program(const struct place *place, uint32_t offset, const uint8_t *bytes)
{
    uint8_t found[BLOCK];
    const struct ferry_flash *flash = place->flash;

    CHECK(flash->program(flash->ctx, place->start + offset, bytes, BLOCK) == FERRY_OK);
    CHECK(flash->read(flash->ctx, place->start + offset, found, BLOCK) == FERRY_OK);
    CHECK(memcmp(found, bytes, BLOCK) == 0);
    return 0;
}

/* The first and the last block of the sector, and one in between. */
static int check_places(const struct place *place)
{
    const uint32_t offsets[] = {0, place->size / 2, place->size - BLOCK};
    uint8_t bytes[BLOCK];

    for (uint32_t i = 0; i < 3; i++) {
        fill(bytes, BLOCK, i);
        int line = check_program(place, offsets[i], bytes);
        CHECK(line == 0);
    }
    return check_blank(place, BLOCK, BLOCK); /* the neighbour is untouched */
}

/* The same value again, and further bits cleared: the journal and a resume need both. */
static int check_again(const struct place *place)
{
    uint8_t bytes[BLOCK];

    fill(bytes, BLOCK, 0);
    int line = check_program(place, 0, bytes);
    CHECK(line == 0);
    memset(bytes, 0, sizeof(bytes));
    line = check_program(place, 0, bytes);
    CHECK(line == 0);
    return 0;
}

/* Single units, from a source at an odd address; reads of odd size at odd addresses. */
static int check_alignment(const struct place *place)
{
    const struct ferry_flash *flash = place->flash;
    uint8_t bytes[BLOCK + 1], found[BLOCK];
    uint32_t at = place->start + place->size / 4;

    fill(bytes, sizeof(bytes), 7);
    for (uint32_t i = 0; i < BLOCK; i += place->unit) {
        CHECK(flash->program(flash->ctx, at + i, bytes + 1 + i, place->unit) == FERRY_OK);
    }
    for (uint32_t size = 1; size < 9; size++) {
        CHECK(flash->read(flash->ctx, at + 3, found, size) == FERRY_OK);
        CHECK(memcmp(found, bytes + 4, size) == 0);
    }
    return 0;
}

/* What the hardware refuses is told, changes nothing, and does not spoil the next operation. */
static int check_refused(const struct place *place, uint32_t refused)
{
    const struct ferry_flash *flash = place->flash;
    uint8_t before[UNIT_MAX], after[UNIT_MAX], zeros[UNIT_MAX] = {0}, bytes[BLOCK];

    if (refused == 0) {
        return 0;
    }
    CHECK(flash->read(flash->ctx, refused, before, place->unit) == FERRY_OK);
    CHECK(memcmp(before, zeros, place->unit) != 0);
    CHECK(flash->program(flash->ctx, refused, zeros, place->unit) == FERRY_FLASH);
    CHECK(flash->read(flash->ctx, refused, after, place->unit) == FERRY_OK);
    CHECK(memcmp(before, after, place->unit) == 0);
    fill(bytes, BLOCK, 9);
    return check_program(place, 2 * BLOCK, bytes);
}

int ferry_conformance_flash(const struct ferry_flash *flash, const struct ferry_board *board,
                            uint32_t sector, uint32_t refused, uint32_t unit)
{
    CHECK(sector < board->sector_count);
    CHECK(unit == 4 || unit == UNIT_MAX);
    struct ferry_range range = ferry_board_sector(board, sector);
    struct place place = {flash, sector, range.start, range.size, unit};

    for (int round = 0; round < 2; round++) { /* the second erase finds a sector in use */
        CHECK(flash->erase(flash->ctx, sector) == FERRY_OK);
        int line = check_blank(&place, 0, place.size);
        line = line == 0 ? check_places(&place) : line;
        line = line == 0 ? check_again(&place) : line;
        line = line == 0 ? check_alignment(&place) : line;
        line = line == 0 ? check_refused(&place, refused) : line;
        if (line != 0) {
            return line;
        }
    }
    CHECK(flash->erase(flash->ctx, sector) == FERRY_OK);
    return check_blank(&place, 0, place.size);
}

/* ---- clock ------------------------------------------------------------------------------------
 */

enum { CLOCK_STEPS = 40, CLOCK_CALLS = 1 << 27, CLOCK_JUMP_MS = 1000, ERASE_MAX_MS = 10000 };

static uint32_t now_ms(const struct ferry_clock *clock)
{
    return clock->now_ms(clock->ctx);
}

/* It never goes back, goes on by itself, and never jumps. Only differences count: so it may wrap
 * anywhere in between. */
static int check_running(const struct ferry_clock *clock)
{
    uint32_t last_ms = now_ms(clock), passed_ms = 0;

    for (uint32_t calls = 0; passed_ms < CLOCK_STEPS; calls++) {
        uint32_t step_ms = now_ms(clock) - last_ms;
        CHECK(calls < CLOCK_CALLS);
        CHECK(step_ms < CLOCK_JUMP_MS); /* going back by 1 ms is a step of 2^32 - 1 */
        passed_ms += step_ms;
        last_ms += step_ms;
    }
    return 0;
}

/* Ticks that an erase kept from being counted are not lost. */
static int check_erase(const struct ferry_clock *clock, const struct ferry_flash *flash,
                       uint32_t sector, uint32_t erase_min_ms)
{
    uint32_t before_ms = now_ms(clock);
    CHECK(flash->erase(flash->ctx, sector) == FERRY_OK);
    uint32_t passed_ms = now_ms(clock) - before_ms;
    CHECK(passed_ms >= erase_min_ms);
    CHECK(passed_ms < ERASE_MAX_MS);
    return 0;
}

int ferry_conformance_clock(const struct ferry_clock *clock, const struct ferry_flash *flash,
                            uint32_t sector, uint32_t erase_min_ms)
{
    int line = check_running(clock);
    if (line == 0 && erase_min_ms != 0) {
        line = check_erase(clock, flash, sector, erase_min_ms);
        line = line == 0 ? check_running(clock) : line; /* nor counted twice */
    }
    return line;
}

/* ---- stream -----------------------------------------------------------------------------------
 */

enum {
    CALL_MS_MAX = 20,   /* a call that takes longer blocks */
    QUIET_MS = 20,      /* the peer has nothing on its way after this silence */
    PATIENCE_MS = 3000, /* for bytes to come back */
    PORTION = 200,      /* bytes a write */
    LONG = 3000,        /* bytes of the order test */
    FLOOD_MAX = 1 << 20 /* bytes that no queue holds */
};

struct line {
    const struct ferry_stream *stream;
    const struct ferry_clock *clock;
    void (*between)(void);
    uint32_t sent, got; /* bytes of the running pattern */
};

static uint8_t pattern(uint32_t offset)
{
    return (uint8_t)(offset * 31U + (offset >> 8));
}

static void rest(const struct line *line)
{
    if (line->between != NULL) {
        line->between();
    }
}

/* Writes at most `size` pattern bytes; *taken: how many the stream took. */
static int send_some(struct line *line, uint32_t size, uint32_t *taken)
{
    uint8_t bytes[PORTION];
    uint32_t portion = size < PORTION ? size : PORTION, before_ms = now_ms(line->clock);

    for (uint32_t i = 0; i < portion; i++) {
        bytes[i] = pattern(line->sent + i);
    }
    size_t count = line->stream->write(line->stream->ctx, bytes, portion);
    CHECK(now_ms(line->clock) - before_ms <= CALL_MS_MAX);
    CHECK(count <= portion);
    *taken = (uint32_t)count;
    line->sent += *taken;
    return 0;
}

/* Reads at most `max`; what comes must be the pattern, in order. */
static int take_some(struct line *line, uint32_t max, uint32_t *count)
{
    uint8_t bytes[PORTION + 1];
    uint32_t before_ms = now_ms(line->clock), portion = max < PORTION ? max : PORTION;

    bytes[portion] = 0xA5;
    *count = (uint32_t)line->stream->read(line->stream->ctx, bytes, portion);
    CHECK(now_ms(line->clock) - before_ms <= CALL_MS_MAX);
    CHECK(*count <= portion);
    CHECK(bytes[portion] == 0xA5);
    for (uint32_t i = 0; i < *count; i++) {
        CHECK(bytes[i] == pattern(line->got + i));
    }
    line->got += *count;
    return 0;
}

/* Until everything that was sent came back, in portions of at most `portion`. */
static int take_rest(struct line *line, uint32_t portion)
{
    uint32_t count, heard_ms = now_ms(line->clock);

    while (line->got != line->sent) {
        int failed = take_some(line, portion, &count);
        if (failed != 0) {
            return failed;
        }
        heard_ms = count > 0 ? now_ms(line->clock) : heard_ms;
        CHECK(now_ms(line->clock) - heard_ms < PATIENCE_MS);
        rest(line);
    }
    return 0;
}

static int wait_idle(struct line *line)
{
    uint32_t started_ms = now_ms(line->clock);

    while (!line->stream->idle(line->stream->ctx)) {
        CHECK(now_ms(line->clock) - started_ms < PATIENCE_MS);
        rest(line);
    }
    return 0;
}

/* Without bytes a read gives none, at once; nothing is sent by writing nothing. */
static int check_silence(struct line *line)
{
    uint32_t count;
    uint8_t byte = 0;

    CHECK(line->stream->write(line->stream->ctx, &byte, 0) == 0);
    CHECK(line->stream->idle(line->stream->ctx));
    int failed = take_some(line, PORTION, &count);
    CHECK(failed == 0 && count == 0);
    return 0;
}

/* Order and content over many portions, read in small ones. */
static int check_order(struct line *line)
{
    uint32_t taken, count, started_ms = now_ms(line->clock), end = line->sent + LONG;

    while (line->sent != end) {
        int failed = send_some(line, end - line->sent, &taken);
        failed = failed == 0 ? take_some(line, 7, &count) : failed;
        if (failed != 0) {
            return failed;
        }
        CHECK(now_ms(line->clock) - started_ms < PATIENCE_MS);
        rest(line);
    }
    int failed = take_rest(line, 7);
    return failed == 0 ? wait_idle(line) : failed;
}

/* As many bytes as rx_capacity_bytes come while nobody reads; none is lost. */
static int check_capacity(struct line *line)
{
    uint32_t capacity = line->stream->rx_capacity_bytes;
    uint32_t end = line->sent + capacity;
    uint32_t taken, moved_ms = now_ms(line->clock);

    CHECK(capacity > 0);
    while (line->sent != end) {
        int failed = send_some(line, end - line->sent, &taken);
        if (failed != 0) {
            return failed;
        }
        moved_ms = taken > 0 ? now_ms(line->clock) : moved_ms;
        CHECK(now_ms(line->clock) - moved_ms < PATIENCE_MS);
        rest(line);
    }
    int failed = wait_idle(line);
    if (failed != 0) {
        return failed;
    }
    moved_ms = now_ms(line->clock);
    while (now_ms(line->clock) - moved_ms < QUIET_MS) {
        rest(line);
    }
    return take_rest(line, PORTION);
}

/* A queue is finite, and a full one says so instead of waiting. */
static int check_full(struct line *line)
{
    uint32_t taken = 1, count, flood = 0;

    while (taken > 0) {
        int failed = send_some(line, PORTION, &taken);
        failed = failed == 0 ? take_some(line, PORTION, &count) : failed;
        if (failed != 0) {
            return failed;
        }
        flood += taken;
        CHECK(flood < FLOOD_MAX);
    }
    CHECK(!line->stream->idle(line->stream->ctx));
    int failed = take_rest(line, PORTION);
    return failed == 0 ? wait_idle(line) : failed;
}

int ferry_conformance_stream(const struct ferry_stream *stream, const struct ferry_clock *clock,
                             void (*between)(void))
{
    struct line line = {stream, clock, between, 0, 0};

    int failed = check_silence(&line);
    failed = failed == 0 ? check_order(&line) : failed;
    failed = failed == 0 ? check_capacity(&line) : failed;
    failed = failed == 0 ? check_full(&line) : failed;
    return failed == 0 ? check_silence(&line) : failed;
}
