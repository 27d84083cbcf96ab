/*
 * Fuzzes a whole node on emulated flash: bootloader and application by turns, driven by a script of
 * bytes. The genuine images are signed with a key of this process; the script says which parts of
 * which image are sent, how they are spoilt, and what happens in between. After every step: what is
 * confirmed is what it was when it was confirmed, the security counter did not fall, and the flash
 * emulator saw no breach of the port's contract.
 *
 * Script: one byte a step (low 4 bits: what, high 4 bits: how), then what the step takes.
 */
#include "ferry/endpoint.h"
#include "ferry/supervisor.h"

#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <stdlib.h>
#include <string.h>

enum { PAYLOAD = 4000, IMAGES = 4, STEPS_MAX = 200, ROUNDS_MAX = 4000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
    uint8_t *bytes;
    size_t size;
};

struct world {
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_supervisor supervisor;
    struct ferry_endpoint endpoint;
    struct ferry_stream stream;
    uint8_t buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    uint8_t wire[4 * FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)]; /* to the node */
    size_t wire_size, wire_used;
    uint8_t confirmed; /* slot, and its content when it became that */
    uint8_t content[0x4000];
    uint32_t counter;
    uint16_t tag;
};

static struct world world;
static struct kit_flash provisioned;
static struct file images[IMAGES]; /* 0: the first confirmed one, 1: B, 2: A, 3: another B */

/* ---- script ---------------------------------------------------------------------------------- */

struct script {
    const uint8_t *data;
    size_t size;
};

static uint8_t next_byte(struct script *script)
{
    if (script->size == 0) {
        return 0;
    }
    script->size--;
    return *script->data++;
}

static uint32_t next_word(struct script *script)
{
    uint32_t low = next_byte(script);
    return low | (uint32_t)next_byte(script) << 8;
}

/* ---- the wire -------------------------------------------------------------------------------- */

static size_t wire_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    size_t left = world.wire_size - world.wire_used, size = left < max ? left : max;
    memcpy(out, world.wire + world.wire_used, size);
    world.wire_used += size;
    return size;
}

static size_t wire_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    (void)data;
    return size;
}

static bool wire_idle(void *ctx)
{
    (void)ctx;
    return true;
}

/* ---- the node -------------------------------------------------------------------------------- */

static void check(void)
{
    const struct ferry_state *state = &world.journal.state;
    const struct ferry_range *slot;

    if (state->security_counter < world.counter) {
        abort();
    }
    world.counter = state->security_counter;
    if (state->confirmed >= kit_board.slot_count) {
        abort(); /* nothing here can take the confirmed image away */
    }
    slot = &kit_board.slots[state->confirmed];
    const uint8_t *bytes = &world.flash.memory[slot->start - world.flash.base];
    if (state->confirmed != world.confirmed) {
        world.confirmed = state->confirmed;
        memcpy(world.content, bytes, slot->size);
    }
    if (memcmp(world.content, bytes, slot->size) != 0) {
        abort();
    }
}

static void settle(void)
{
    for (int rounds = 0; ferry_endpoint_step(&world.endpoint); rounds++) {
        if (rounds > ROUNDS_MAX) {
            abort();
        }
    }
    (void)ferry_endpoint_events(&world.endpoint);
    check();
}

static void start_endpoint(void)
{
    ferry_endpoint_init(&world.endpoint, &world.node, &world.stream, world.buffer,
                        sizeof(world.buffer));
    world.wire_size = world.wire_used = 0;
}

/* A reset into the bootloader; it listens. */
static void start_bootloader(void)
{
    kit_node_init(&world.node, &world.journal, &world.flash, FERRY_SLOT_NONE);
    ferry_supervisor_begin(&world.supervisor, &world.node);
    (void)ferry_supervisor_decide(&world.supervisor);
    start_endpoint();
    check();
}

/* The bootloader ends listening and starts what is to be started. */
static void start_application(void)
{
    struct ferry_departure departure;

    if (world.node.running != FERRY_SLOT_NONE) {
        start_bootloader();
    }
    for (int tries = 0; tries < 4; tries++) {
        enum ferry_action action = ferry_supervisor_decide(&world.supervisor);
        if (action == FERRY_ACTION_LISTEN) {
            abort(); /* the confirmed image is whole */
        }
        if (ferry_supervisor_depart(&world.supervisor, action, &departure) == FERRY_OK) {
            kit_node_init(&world.node, &world.journal, &world.flash, departure.slot);
            start_endpoint();
            check();
            return;
        }
    }
    abort();
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void send_bytes(const uint8_t *bytes, size_t size)
{
    world.wire_used = 0;
    world.wire_size = size;
    memcpy(world.wire, bytes, size);
    settle();
}

static void send(const uint8_t *message, size_t size)
{
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];
    send_bytes(frame, ferry_frame_encode(message, size, frame));
}

static void raw_message(struct script *script, bool framed)
{
    uint8_t message[256];
    size_t size = next_byte(script);
    for (size_t i = 0; i < size; i++) {
        message[i] = next_byte(script);
    }
    if (framed) {
        send(message, size);
    } else {
        send_bytes(message, size);
    }
}

static void open_image(struct script *script, const struct file *file, unsigned spoilt)
{
    uint8_t message[FERRY_OPEN_MAX];
    struct ferry_open open = kit_link_claims(file->bytes, file->size);
    size_t size = ferry_message_write_open(message, ++world.tag, &open);

    for (; spoilt > 0; spoilt--) {
        message[next_word(script) % size] ^= next_byte(script);
    }
    send(message, size);
}

static void data_at(const struct file *file, uint32_t offset, size_t size, uint8_t change)
{
    uint8_t message[FERRY_MESSAGE_MAX];
    size_t from = offset < file->size ? offset : 0;
    size_t left = file->size - from;

    size = size < left ? size : left;
    size = size < FERRY_DATA_MAX ? size : FERRY_DATA_MAX;
    size_t total = ferry_message_write_data(message, world.tag, offset, file->bytes + from, size);
    message[total - 1] ^= change;
    send(message, total);
}

static void rest_of_image(const struct file *file)
{
    const struct ferry_install *install = &world.endpoint.receiver.install;
    for (int i = 0; i < 16 && install->next < file->size; i++) {
        data_at(file, install->next, 1024, 0);
    }
}

static void close_image(struct script *script, const struct file *file, unsigned spoilt)
{
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_close close = {(uint32_t)file->size, ferry_crc32(0, file->bytes, file->size), 0};
    size_t size = ferry_message_write_close(message, world.tag, &close);

    for (; spoilt > 0; spoilt--) {
        message[next_word(script) % size] ^= next_byte(script);
    }
    send(message, size);
}

static void name_image(const struct file *file, uint8_t type, uint8_t change)
{
    uint8_t message[FERRY_REPLY_MAX];
    size_t size =
        ferry_message_write_hash(message, type, 1, kit_link_file_hash(file->bytes, file->size));
    message[10] ^= change;
    send(message, size);
}

static void step(struct script *script)
{
    uint8_t what = next_byte(script), how = what >> 4;
    const struct file *file = &images[how % IMAGES];
    uint8_t message[FERRY_REPLY_MAX];

    switch (what & 15) {
    case 0:
    case 1:
        raw_message(script, (what & 1) != 0);
        break;
    case 2:
        open_image(script, file, how / IMAGES);
        break;
    case 3:
        rest_of_image(file);
        break;
    case 4:
        data_at(file, world.endpoint.receiver.install.next, next_word(script), 0);
        break;
    case 5:
        data_at(file, next_word(script), next_word(script), next_byte(script));
        break;
    case 6:
        close_image(script, file, how / IMAGES);
        break;
    case 7:
        start_bootloader();
        break;
    case 8:
        start_application();
        break;
    case 9:
        name_image(file, how / IMAGES % 2 ? FERRY_REVERT : FERRY_CONFIRM, 0);
        break;
    case 10:
        name_image(file, how / IMAGES % 2 ? FERRY_REVERT : FERRY_CONFIRM, next_byte(script));
        break;
    default: /* QUERY, ABORT, RESET, LOG and all the others, without a body */
        send(message, ferry_message_write_empty(message, next_byte(script), world.tag));
    }
}

/* ---- start ----------------------------------------------------------------------------------- */

static void build_images(void)
{
    const uint8_t slots[IMAGES] = {FERRY_SLOT_A, FERRY_SLOT_B, FERRY_SLOT_A, FERRY_SLOT_B};

    for (uint8_t i = 0; i < IMAGES; i++) {
        struct kit_image image =
            kit_image_defaults(&kit_board, slots[i], (uint8_t)(1 + i), PAYLOAD + 37U * i);
        images[i].bytes = kit_image_build(&image, &images[i].size);
    }
    kit_flash_init(&provisioned, &kit_board);
    kit_flash_init(&world.flash, &kit_board);
    kit_provision(&provisioned, FERRY_SLOT_A, images[0].bytes, images[0].size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};

    if (images[0].bytes == NULL) {
        build_images();
        world.stream = (struct ferry_stream){NULL, wire_read, wire_write, wire_idle, 16384};
    }
    kit_flash_copy(&world.flash, &provisioned);
    world.confirmed = FERRY_SLOT_NONE;
    world.counter = 0;
    world.tag = 0;
    start_bootloader();
    for (int steps = 0; script.size > 0 && steps < STEPS_MAX; steps++) {
        step(&script);
    }
    return 0;
}
