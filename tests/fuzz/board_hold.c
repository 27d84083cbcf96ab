/* How long floods hold the bootloader: from reset to the application's first instruction. */
#include "board_kit.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT_MS = 10000, GIVE_UP_MS = 25000, NOISE_BYTES = 256, PIECES = 4 };

struct hold {
    struct kit *kit;
    uint32_t random;
    uint8_t open[FERRY_OPEN_MAX], data[FERRY_MESSAGE_MAX];
    size_t open_size, data_size;
};

static void flood_noise(struct hold *hold)
{
    uint8_t bytes[NOISE_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)kit_random(&hold->random);
    }
    kit_send(hold->kit, bytes, sizeof(bytes));
}

/* As many questions as the wire carries, nobody waits for an answer. */
static void flood_query(struct hold *hold)
{
    uint8_t message[FERRY_REPLY_MAX], frames[NOISE_BYTES];
    size_t size = 0;

    while (size < sizeof(frames) - 16) {
        uint16_t tag = (uint16_t)kit_random(&hold->random);
        size_t length = ferry_message_write_empty(message, FERRY_QUERY, tag);
        size += ferry_frame_encode(message, length, frames + size);
    }
    kit_send(hold->kit, frames, size);
}

/* Questions as a gateway asks them: one, then the answer. */
static void flood_poll(struct hold *hold)
{
    uint8_t message[FERRY_REPLY_MAX];

    kit_send_message(hold->kit, message,
                     ferry_message_write_empty(message, FERRY_QUERY, (uint16_t)hold->random++));
    for (uint32_t i = 0; i < 10; i++) {
        kit_listen(hold->kit);
    }
}

/* OPEN of an image with a damaged signature: each costs a check, none is accepted. */
static void flood_refused(struct hold *hold)
{
    hold->open[hold->open_size - 1] ^= 1;
    kit_send_message(hold->kit, hold->open, hold->open_size);
    hold->open[hold->open_size - 1] ^= 1;
    kit_wait(hold->kit, 20);
}

static void silence(struct hold *hold)
{
    kit_wait(hold->kit, 1);
}

/* DATA that was taken before: answered, no progress. */
static void flood_repeated(struct hold *hold)
{
    kit_send_message(hold->kit, hold->data, hold->data_size);
    kit_wait(hold->kit, 5);
}

static const struct {
    const char *name;
    void (*flood)(struct hold *hold);
    bool half_open; /* an OPEN and the first DATA are accepted before */
} attacks[] = {
    {"noise", flood_noise, false},     {"query", flood_query, false},
    {"poll", flood_poll, false},       {"refused", flood_refused, false},
    {"half", silence, true},           {"half-noise", flood_noise, true},
    {"half-query", flood_query, true}, {"half-repeated", flood_repeated, true},
};

static void make_messages(struct hold *hold)
{
    const struct sweep_image *image = &hold->kit->files->next;
    uint32_t header_size = ferry_get_u16(image->bytes + 8);
    uint32_t tlvs = header_size + ferry_get_u32(image->bytes + 12);
    struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                              .total_size = (uint32_t)image->size,
                              .tlv_size = (uint16_t)(image->size - tlvs),
                              .header = image->bytes,
                              .vectors = image->bytes + header_size,
                              .tlvs = image->bytes + tlvs};

    hold->open_size = ferry_message_write_open(hold->open, 77, &open);
    hold->data_size = ferry_message_write_data(hold->data, 77, 0, image->bytes, 1024);
}

static void listen_for(struct kit *kit, uint32_t ms)
{
    for (uint32_t from_ms = kit_now_ms(kit); kit_now_ms(kit) - from_ms < ms;) {
        kit_listen(kit);
    }
}

/* The window of a start may be missed: SPI's master clocks more than a bootloader that verifies has
 * room for. */
static void enter_bootloader(struct kit *kit)
{
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_info info;

    if (kit_query(kit, &info) && info.running != FERRY_SLOT_NONE) {
        kit_send_message(kit, message,
                         ferry_message_write_reset(message, 76, FERRY_RESTART_UPDATE));
        listen_for(kit, 400);
        (void)kit_query(kit, &info);
    }
    if (info.running != FERRY_SLOT_NONE) {
        kit_fail(kit, "the bootloader does not listen");
    }
}

/* OPEN and one DATA with the same tag; until the DATA is in flash. */
static void half_open(struct hold *hold)
{
    struct kit *kit = hold->kit;

    enter_bootloader(kit);
    uint32_t erases = kit->erases;
    kit_send_message(kit, hold->open, hold->open_size);
    listen_for(kit, 300); /* a signature check */
    kit_send_message(kit, hold->data, hold->data_size);
    listen_for(kit, 2500); /* an erase of a large sector */
    if (kit->erases == erases || kit_is_in_application(kit)) {
        kit_fail(kit, "the bootloader did not take the OPEN");
    }
}

void case_hold(struct kit *kit, const struct kit_options *options)
{
    static struct hold hold;
    size_t i = 0;

    while (strcmp(attacks[i].name, options->attack) != 0) {
        if (++i == sizeof(attacks) / sizeof(attacks[0])) {
            kit_fail(kit, "no attack %s", options->attack);
            return;
        }
    }
    hold.kit = kit;
    hold.random = options->seed;
    make_messages(&hold);
    ferry_sim_power_on(kit->sim);
    uint32_t from_ms = kit_now_ms(kit);
    if (attacks[i].half_open) {
        half_open(&hold);
        from_ms = kit->last_op_ms; /* the last word of the accepted DATA, or its record */
    }
    while (kit_ok(kit) && !kit_is_in_application(kit) && kit_now_ms(kit) - from_ms < GIVE_UP_MS) {
        attacks[i].flood(&hold);
    }
    uint32_t held_ms = kit_now_ms(kit) - from_ms;
    printf("%s: held for %u ms\n", attacks[i].name, (unsigned)held_ms);
    if (held_ms > LIMIT_MS) {
        kit_fail(kit, "%s holds the bootloader for %u ms%s", attacks[i].name, (unsigned)held_ms,
                 held_ms >= GIVE_UP_MS ? " and longer" : "");
    }
}
