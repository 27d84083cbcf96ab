#include "board_kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    CHUNK = 256,       /* bytes of an SPI transfer or an I2C write */
    POLL = 64,         /* bytes of a transfer that only listens */
    QUEUE_BYTES = 512, /* UART: bytes ahead of the wire */
    SPI_HZ = 10000000,
    I2C_HZ = 400000,
    I2C_ADDRESS = 0x42,
    I2C_PAUSE_MS = 2, /* an application looks once a millisecond, and not while a read runs */
    I2C_STRETCH_MS = 3000,
    I2C_RETRIES = 2000,
    UPDATE_MS = 120000,
    QUERY_MS = 12000
};

void kit_fail(struct kit *kit, const char *format, ...)
{
    va_list arguments;

    if (kit_ok(kit)) {
        va_start(arguments, format);
        vsnprintf(kit->failure, sizeof(kit->failure), format, arguments);
        va_end(arguments);
    }
}

uint32_t kit_now_ms(const struct kit *kit)
{
    return (uint32_t)(ferry_sim_time_ns(kit->sim) / KIT_MS);
}

uint32_t kit_random(uint32_t *state)
{
    uint32_t x = *state += 0x9E3779B9U; /* splitmix32: any seed will do */
    x = (x ^ x >> 16) * 0x21F0AAADU;
    x = (x ^ x >> 15) * 0x735A2D97U;
    return x ^ x >> 15;
}

const uint8_t *kit_cells(const struct kit *kit, uint32_t address)
{
    return ferry_sim_flash(kit->sim, NULL) + (address - ferry_sim_flash_base(kit->sim));
}

/* ---- what is watched --------------------------------------------------------------------------
 */

static bool covers(const struct ferry_range *range, uint32_t address)
{
    return address >= range->start && address - range->start < range->size;
}

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct kit *kit = ctx;

    if (event->kind == FERRY_SIM_EV_LOCKUP || event->kind == FERRY_SIM_EV_MISUSE) {
        kit_fail(kit, "%s at 0x%08x: %s", ferry_sim_event_name(event->kind), (unsigned)event->b,
                 event->text);
    }
    if (event->kind == FERRY_SIM_EV_FAULT) {
        kit->faults++;
        if (covers(&kit->board->bootloader, event->b)) {
            kit_fail(kit, "the bootloader faults at 0x%08x", (unsigned)event->b);
        }
    }
    if (event->kind == FERRY_SIM_EV_RESET && strstr(event->text, "watchdog") != NULL) {
        kit->watchdogs++;
    }
}

static void on_flash_op(void *ctx, const struct ferry_sim_flash_op *op)
{
    struct kit *kit = ctx;
    const struct ferry_board *board = kit->board;

    kit->erases += op->erase;
    kit->last_op_ms = (uint32_t)(op->time_ns / KIT_MS);
    if (covers(&board->bootloader, op->address)) {
        kit_fail(kit, "the bootloader is written to at 0x%08x", (unsigned)op->address);
    }
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        if (board->slots[slot].start == kit->guarded_slot &&
            covers(&board->slots[slot], op->address)) {
            kit_fail(kit, "the confirmed slot is written to at 0x%08x", (unsigned)op->address);
        }
    }
}

static void hear(struct kit *kit, const uint8_t *bytes, size_t size)
{
    if (kit->listener != NULL) {
        ferry_sender_input(kit->listener, bytes, size, kit_now_ms(kit));
    }
}

static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    (void)sim;
    (void)port;
    hear(ctx, &byte, 1);
}

/* ---- life -------------------------------------------------------------------------------------
 */

bool kit_start(struct kit *kit, const struct ferry_board *board, const struct kit_files *files)
{
    kit->board = board;
    kit->files = files;
    if (ferry_sim_create(&kit->sim, board->name, NULL) != FERRY_SIM_OK ||
        ferry_sim_load_hex(kit->sim, files->factory_hex, files->factory_size) != FERRY_SIM_OK) {
        kit_fail(kit, "the board cannot be made");
        return false;
    }
    for (size_t i = 0; i < KIT_VERIFY_MAX && files->verify[i].address != 0; i++) {
        ferry_sim_replay(kit->sim, files->verify[i].address, files->verify[i].sizes);
    }
    ferry_sender_init(&kit->sender, 1000);
    ferry_frame_decoder_init(&kit->decoder, kit->decoded, sizeof(kit->decoded));
    ferry_sim_on_uart(kit->sim, 0, on_uart, kit);
    ferry_sim_on_event(kit->sim, on_event, kit);
    ferry_sim_on_flash_op(kit->sim, on_flash_op, kit);
    return true;
}

void kit_stop(struct kit *kit)
{
    ferry_sim_destroy(kit->sim);
    kit->sim = NULL;
}

void kit_wait(struct kit *kit, uint32_t duration_ms)
{
    ferry_sim_run_for(kit->sim, (uint64_t)duration_ms * KIT_MS);
}

void kit_power_cycle(struct kit *kit)
{
    ferry_sim_power_off(kit->sim);
    ferry_sim_uart_flush(kit->sim, 0);
    kit_wait(kit, 50);
    ferry_sim_power_on(kit->sim);
}

bool kit_is_in_slot(const struct kit *kit, uint8_t slot)
{
    struct ferry_sim_cpu cpu;

    ferry_sim_cpu(kit->sim, &cpu);
    return covers(&kit->board->slots[slot], cpu.r[15]);
}

bool kit_is_in_application(const struct kit *kit)
{
    return kit_is_in_slot(kit, FERRY_SLOT_A) ||
           (kit->board->slot_count > 1 && kit_is_in_slot(kit, FERRY_SLOT_B));
}

static bool in_application(void *ctx, struct ferry_sim *sim)
{
    (void)sim;
    return kit_is_in_application(ctx);
}

bool kit_wait_application(struct kit *kit, uint32_t limit_ms)
{
    ferry_sim_run_while_not(kit->sim, in_application, kit, (uint64_t)limit_ms * KIT_MS);
    return kit_is_in_application(kit);
}

/* ---- the wire ---------------------------------------------------------------------------------
 */

static void spi(struct kit *kit, const uint8_t *bytes, size_t size)
{
    uint8_t in[CHUNK];

    if (ferry_sim_spi_transfer(kit->sim, bytes, in, size, SPI_HZ) == FERRY_SIM_OK) {
        hear(kit, in, size);
    }
}

static int i2c(struct kit *kit, bool read, uint8_t *bytes, size_t size, size_t *acknowledged)
{
    struct ferry_sim_i2c_message message = {.read = read, .size = (uint16_t)size, .data = bytes};
    struct ferry_sim_i2c transfer = {.messages = &message,
                                     .count = 1,
                                     .hz = I2C_HZ,
                                     .timeout_ms = I2C_STRETCH_MS,
                                     .address = I2C_ADDRESS};
    return ferry_sim_i2c_transfer(kit->sim, &transfer, acknowledged);
}

static void i2c_listen(struct kit *kit)
{
    uint8_t in[POLL];

    if (i2c(kit, true, in, sizeof(in), NULL) == FERRY_SIM_OK) {
        hear(kit, in, sizeof(in));
    }
}

static void i2c_send(struct kit *kit, const uint8_t *bytes, size_t size)
{
    uint8_t out[CHUNK];
    size_t taken;

    for (uint32_t tries = 0; size > 0 && tries < I2C_RETRIES; tries++) {
        memcpy(out, bytes, size);
        taken = 0;
        if (i2c(kit, false, out, size, &taken) != FERRY_SIM_OK) {
            kit_wait(kit, 1);
        }
        bytes += taken;
        size -= taken;
    }
}

static void uart_send(struct kit *kit, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t queued = ferry_sim_uart_queued(kit->sim, 0);
        size_t room = queued < QUEUE_BYTES ? QUEUE_BYTES - queued : 0;
        size_t taken = ferry_sim_uart_send(kit->sim, 0, bytes, size < room ? size : room);
        bytes += taken;
        size -= taken;
        ferry_sim_run_for(kit->sim, KIT_MS / 4);
    }
}

static void record(struct kit *kit, const uint8_t *bytes, size_t size)
{
    size_t used, message_size;

    while (size > 0) {
        int status = ferry_frame_feed(&kit->decoder, bytes, size, &used, &message_size);
        bytes += used;
        size -= used;
        if (status == FERRY_OK && kit->recorded_count < KIT_RECORDED) {
            struct kit_message *message = &kit->recorded[kit->recorded_count];
            bool data = kit->decoded[0] == FERRY_DATA;
            if (data && kit->recorded_count > KIT_RECORDED / 2) {
                continue; /* leave room for what ends the session */
            }
            message->size = (uint16_t)message_size;
            memcpy(message->bytes, kit->decoded, message_size);
            kit->recorded_count++;
        }
    }
}

void kit_send(struct kit *kit, const uint8_t *bytes, size_t size)
{
    if (kit->recording) {
        record(kit, bytes, size);
    }
    while (size > 0) {
        size_t part = size < CHUNK ? size : CHUNK;
        if (kit->wire == KIT_UART) {
            uart_send(kit, bytes, part);
        } else if (kit->wire == KIT_SPI) {
            spi(kit, bytes, part);
        } else {
            i2c_send(kit, bytes, part);
        }
        bytes += part;
        size -= part;
    }
}

void kit_send_message(struct kit *kit, const uint8_t *message, size_t size)
{
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];

    kit_send(kit, frame, ferry_frame_encode(message, size, frame));
}

void kit_listen(struct kit *kit)
{
    static const uint8_t filler[POLL];

    if (kit->wire == KIT_SPI) {
        spi(kit, filler, sizeof(filler));
    } else if (kit->wire == KIT_I2C) {
        i2c_listen(kit);
        kit_wait(kit, I2C_PAUSE_MS);
    }
    ferry_sim_run_for(kit->sim, KIT_MS / 2);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* Moves what waits to be sent, or listens. */
static void move(struct kit *kit, struct ferry_sender *sender)
{
    size_t size;
    const uint8_t *bytes = ferry_sender_output(sender, &size);

    kit->listener = sender;
    if (bytes == NULL) {
        kit_listen(kit);
        return;
    }
    uint8_t part[CHUNK];
    size = size < CHUNK ? size : CHUNK;
    memcpy(part, bytes, size);
    ferry_sender_sent(sender, size,
                      kit_now_ms(kit)); /* before it is on its way: answers overtake */
    kit_send(kit, part, size);
    if (kit->wire == KIT_I2C) {
        i2c_listen(kit);
    }
}

int kit_finish(struct kit *kit, const struct sweep_image *image)
{
    struct ferry_sender *sender = &kit->sender;
    struct ferry_sender_want want;
    int status;

    while ((status = ferry_sender_step(sender, kit_now_ms(kit))) == FERRY_MORE) {
        while (image != NULL && ferry_sender_wants(sender, &want)) {
            memcpy(want.buffer, image->bytes + want.offset, want.size);
            ferry_sender_supply(sender, want.size, kit_now_ms(kit));
        }
        move(kit, sender);
    }
    kit->listener = NULL;
    return status;
}

bool kit_query(struct kit *kit, struct ferry_info *info)
{
    ferry_sender_query(&kit->sender, 20, QUERY_MS, kit_now_ms(kit));
    int status = kit_finish(kit, NULL);
    if (status != FERRY_OK) {
        kit_fail(kit, "QUERY: verdict %d", status);
        return false;
    }
    *info = kit->sender.result.info;
    return true;
}

int kit_open(struct kit *kit, const struct sweep_image *image)
{
    uint32_t header_size = ferry_get_u16(image->bytes + 8);
    uint32_t tlvs = header_size + ferry_get_u32(image->bytes + 12);
    struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                              .total_size = (uint32_t)image->size,
                              .tlv_size = (uint16_t)(image->size - tlvs),
                              .header = image->bytes,
                              .vectors = image->bytes + header_size,
                              .tlvs = image->bytes + tlvs};

    ferry_sender_open(&kit->sender, &open, kit_now_ms(kit));
    return kit_finish(kit, NULL);
}

bool kit_install(struct kit *kit, const struct sweep_image *image)
{
    int status = kit_open(kit, image);

    if (status == FERRY_OK) {
        ferry_sender_data(&kit->sender, kit_now_ms(kit));
        status = kit_finish(kit, image);
    }
    if (status == FERRY_OK) {
        ferry_sender_close(&kit->sender, kit_now_ms(kit));
        status = kit_finish(kit, image);
    }
    if (status == FERRY_OK) {
        ferry_sender_reset(&kit->sender, kit_now_ms(kit));
        status = kit_finish(kit, NULL);
    }
    if (status != FERRY_OK) {
        kit_fail(kit, "the image is not taken: verdict %d", status);
    }
    return status == FERRY_OK;
}

bool kit_update(struct kit *kit, const struct sweep_image *image, bool by_application, bool good)
{
    struct sweep_story story = {
        .name = "update", .by_application = by_application, .good = good, .word_step = 1};
    struct sweep_peer *peer = &kit->peer;
    uint32_t end_ms = kit_now_ms(kit) + UPDATE_MS;

    sweep_peer_init(peer, &story, image, kit->board->slot_count);
    while (peer->stage != SWEEP_END && peer->violation[0] == '\0' && kit_now_ms(kit) < end_ms) {
        sweep_peer_step(peer, kit_now_ms(kit));
        if (peer->stage == SWEEP_PAUSE) {
            kit_wait(kit, 1);
        } else {
            move(kit, &peer->sender);
        }
    }
    kit->listener = NULL;
    if (peer->stage != SWEEP_END || peer->violation[0] != '\0') {
        kit_fail(kit, "update: %s (stage %u)",
                 peer->violation[0] != '\0' ? peer->violation : "no end", peer->stage);
    }
    return kit_ok(kit);
}
