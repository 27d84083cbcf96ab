/* The receiver's manners: DATA out of order, unknown and short messages, INFO, events, RESET. */
#include "ferry/endpoint.h"

#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 6000, SIGNED_COUNTER = 5 };

/* A bootloader with 5.x confirmed in A (security counter 5), and 6.x for B at hand. */
struct bench {
    struct kit_flash flash;
    struct kit_link link;
    uint8_t *old, *file;
    size_t old_size, size;
};

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    kit_flash_init(&bench.flash, &kit_board);
    struct kit_image old = kit_image_defaults(&kit_board, FERRY_SLOT_A, SIGNED_COUNTER, PAYLOAD);
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 6, PAYLOAD);
    bench.old = kit_image_build(&old, &bench.old_size);
    bench.file = kit_image_build(&image, &bench.size);
    kit_provision(&bench.flash, FERRY_SLOT_A, bench.old, bench.old_size);
    kit_link_start(&bench.link, &bench.flash, FERRY_SLOT_NONE);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

/* ---- DATA ------------------------------------------------------------------------------------ */

static void data_in_the_wrong_order(void **test)
{
    struct bench *bench = *test;
    struct kit_link *link = &bench->link;

    assert_int_equal(kit_link_data(link, 0, bench->file, 1024), FERRY_NOT_OPEN);
    assert_int_equal(kit_link_open_file(link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_data(link, 0, bench->file, 1024), FERRY_OK);
    assert_int_equal(link->next, 1024);
    uint32_t before = bench->flash.operations;
    assert_int_equal(kit_link_data(link, 0, bench->file, 1024), FERRY_OK); /* repeated */
    assert_int_equal(link->next, 1024);
    assert_int_equal(kit_link_data(link, 2048, bench->file, 1024), FERRY_BAD_OFFSET);
    assert_int_equal(link->next, 1024);
    assert_int_equal(kit_link_data(link, 3072, bench->file, 1024), KIT_LINK_NO_ANSWER);
    assert_int_equal(kit_link_data(link, 0xFFFFFFFC, bench->file, 1024), KIT_LINK_NO_ANSWER);
    assert_int_equal(bench->flash.operations, before);
    assert_int_equal(kit_link_data(link, 1024, bench->file + 1024, 1024), FERRY_OK);
    assert_int_equal(kit_link_data(link, 4096, bench->file, 1024),
                     FERRY_BAD_OFFSET); /* told anew */
    assert_int_equal(kit_link_send(link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(link, bench->file, bench->size), FERRY_OK);
}

static void data_of_another_transfer(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    bench->link.tag++;
    assert_int_equal(kit_link_data(&bench->link, 0, bench->file, 1024), FERRY_BAD_SESSION);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_BAD_SESSION);
    bench->link.tag--;
    assert_int_equal(kit_link_data(&bench->link, 0, bench->file, 1024), FERRY_OK);
}

static void data_of_a_wrong_length(void **test)
{
    struct bench *bench = *test;
    struct kit_link *link = &bench->link;

    assert_int_equal(kit_link_open_file(link, bench->file, bench->size), FERRY_OK);
    uint32_t before = bench->flash.operations;
    assert_int_equal(kit_link_data(link, 0, bench->file, 0), FERRY_BAD_LENGTH);
    assert_int_equal(kit_link_data(link, 0, bench->file, 1023), FERRY_BAD_LENGTH);
    assert_int_equal(kit_link_data(link, 0, bench->file, 1), FERRY_BAD_LENGTH);
    assert_int_equal(kit_link_data(link, 0, bench->file, KIT_LINK_DATA_MAX + 4), FERRY_BAD_LENGTH);
    assert_int_equal(bench->flash.operations, before);
    while (link->next + 1024 < bench->size) {
        assert_int_equal(kit_link_data(link, link->next, bench->file + link->next, 1024), FERRY_OK);
    }
    size_t left = bench->size - link->next;
    before = bench->flash.operations;
    assert_int_equal(kit_link_data(link, link->next, bench->file, left + 1), FERRY_BAD_LENGTH);
    assert_int_equal(kit_link_data(link, link->next, bench->file, left + 4), FERRY_BAD_LENGTH);
    assert_int_equal(bench->flash.operations, before);
    assert_int_equal(kit_link_close(link, bench->file, bench->size), FERRY_BAD_LENGTH); /* early */
    assert_int_equal(kit_link_send(link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(link, bench->file, bench->size + 4), FERRY_BAD_LENGTH);
    assert_int_equal(kit_link_close(link, bench->file, bench->size), FERRY_OK);
}

/* ---- other messages -------------------------------------------------------------------------- */

static void unknown_messages_get_a_nak(void **test)
{
    struct bench *bench = *test;
    struct ferry_nak nak;

    for (unsigned type = 0; type < 256; type++) {
        uint8_t message[4] = {(uint8_t)type, 0, 0x34, 0x12};
        if (type >= FERRY_QUERY && type <= FERRY_LOG) {
            continue;
        }
        kit_link_ask(&bench->link, message, sizeof(message));
        assert_int_equal(ferry_message_type(bench->link.answer), FERRY_NAK);
        assert_int_equal(ferry_message_tag(bench->link.answer), 0x1234);
        assert_int_equal(ferry_message_read_nak(bench->link.answer, bench->link.answer_size, &nak),
                         FERRY_OK);
        assert_int_equal(nak.status, FERRY_UNKNOWN_MESSAGE);
        assert_int_equal(nak.type, type);
    }
}

/* Every known message, cut at every length, is answered and changes nothing in flash. */
static void short_messages_are_answered(void **test)
{
    struct bench *bench = *test;
    uint8_t message[64] = {0};

    for (uint8_t type = FERRY_QUERY; type <= FERRY_LOG; type++) {
        for (size_t size = 4; size < 48; size++) {
            message[0] = type;
            kit_link_ask(&bench->link, message, size);
            assert_true(bench->link.answer_size > 0);
        }
    }
    assert_int_equal(bench->flash.operations, 0);
}

static void query_tells_about_the_node(void **test)
{
    struct bench *bench = *test;
    struct ferry_info info;
    uint8_t message[4];

    bench->link.node.content[FERRY_SLOT_A] = FERRY_CONTENT_VERIFIED;
    kit_link_ask(&bench->link, message, ferry_message_write_empty(message, FERRY_QUERY, 5));
    assert_int_equal(ferry_message_read_info(bench->link.answer, bench->link.answer_size, &info),
                     FERRY_OK);
    assert_string_equal(info.board, "kit_board");
    assert_int_equal(info.running, FERRY_SLOT_NONE);
    assert_int_equal(info.confirmed, FERRY_SLOT_A);
    assert_int_equal(info.security_counter, SIGNED_COUNTER);
    assert_int_equal(info.slot_count, 2);
    assert_int_equal(info.slots[0].content, FERRY_CONTENT_VERIFIED);
    assert_int_equal(info.slots[0].version.major, SIGNED_COUNTER);
    assert_int_equal(info.slots[1].content, FERRY_CONTENT_EMPTY);
    assert_int_equal(info.key_count, 1);
    assert_memory_equal(info.key_hash[0], kit_pubkey(0)->hash, FERRY_HASH_SIZE);
    assert_int_equal(info.flags & FERRY_INFO_OPEN, 0);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    kit_link_ask(&bench->link, message, ferry_message_write_empty(message, FERRY_QUERY, 6));
    assert_int_equal(ferry_message_read_info(bench->link.answer, bench->link.answer_size, &info),
                     FERRY_OK);
    assert_int_equal(info.flags & FERRY_INFO_OPEN, FERRY_INFO_OPEN);
    assert_int_equal(info.phase, FERRY_PHASE_FILLING);
}

static void a_damaged_frame_is_answered_once_while_a_transfer_is_open(void **test)
{
    struct bench *bench = *test;
    struct ferry_receiver *receiver = &bench->link.receiver;
    size_t size;

    ferry_receiver_damaged(receiver);
    assert_null(ferry_receiver_answer(receiver, &size));
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    ferry_receiver_damaged(receiver);
    assert_int_equal(ferry_receiver_answer(receiver, &size)[0], FERRY_NAK);
    assert_int_equal((int8_t)-ferry_receiver_answer(receiver, &size)[4], FERRY_BAD_FRAME);
    ferry_receiver_answered(receiver);
    ferry_receiver_damaged(receiver);
    assert_null(ferry_receiver_answer(receiver, &size));
    assert_int_equal(kit_link_data(&bench->link, 0, bench->file, 64), FERRY_OK);
    ferry_receiver_damaged(receiver);
    assert_non_null(ferry_receiver_answer(receiver, &size));
}

static void events_tell_what_happened(void **test)
{
    struct bench *bench = *test;
    struct ferry_receiver *receiver = &bench->link.receiver;
    uint8_t query[4];

    (void)ferry_receiver_events(receiver);
    kit_link_ask(&bench->link, query, ferry_message_write_empty(query, FERRY_QUERY, 5));
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE);
    bench->file[0] ^= 1;
    (void)kit_link_open_file(&bench->link, bench->file, bench->size); /* refused */
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE);
    bench->file[0] ^= 1;
    (void)kit_link_open_file(&bench->link, bench->file, bench->size);
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE | FERRY_EVENT_TRANSFER);
    (void)kit_link_data(&bench->link, 4096, bench->file, 64); /* a gap */
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE);
    (void)kit_link_send(&bench->link, bench->file, bench->size);
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE | FERRY_EVENT_TRANSFER);
    (void)kit_link_close(&bench->link, bench->file, bench->size);
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE | FERRY_EVENT_CLOSED);
    assert_int_equal(kit_link_plain(&bench->link, FERRY_RESET), FERRY_OK);
    assert_int_equal(ferry_receiver_events(receiver), FERRY_EVENT_MESSAGE | FERRY_EVENT_RESET);
    assert_int_equal(ferry_receiver_events(receiver), 0);
}

/* ---- RESET through an endpoint --------------------------------------------------------------- */

struct wire {
    uint8_t in[64], out[64];
    size_t in_size, in_used, out_size;
    size_t accepts; /* bytes that write still takes */
    bool busy;      /* the last byte is still on its way */
};

static size_t wire_read(void *ctx, uint8_t *out, size_t max)
{
    struct wire *wire = ctx;
    size_t size = 0;
    while (size < max && wire->in_used < wire->in_size) {
        out[size++] = wire->in[wire->in_used++];
    }
    return size;
}

static size_t wire_write(void *ctx, const uint8_t *data, size_t size)
{
    struct wire *wire = ctx;
    size_t taken = size < wire->accepts ? size : wire->accepts;
    memcpy(wire->out + wire->out_size, data, taken);
    wire->out_size += taken;
    wire->accepts -= taken;
    return taken;
}

static bool wire_idle(void *ctx)
{
    return !((struct wire *)ctx)->busy;
}

static void reset_is_reported_when_its_answer_has_left(void **test)
{
    struct bench *bench = *test;
    struct wire wire = {.busy = true};
    struct ferry_stream stream = {.ctx = &wire,
                                  .read = wire_read,
                                  .write = wire_write,
                                  .idle = wire_idle,
                                  .rx_capacity_bytes = 4096};
    struct ferry_endpoint endpoint;
    static uint8_t buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    uint8_t message[8];
    const uint32_t reset = FERRY_EVENT_RESET | FERRY_EVENT_UPDATE; /* reported together */

    ferry_endpoint_init(&endpoint, &bench->link.node, &stream, buffer, sizeof(buffer));
    wire.in_size = ferry_frame_encode(
        message, ferry_message_write_reset(message, 9, FERRY_RESTART_UPDATE), wire.in);
    uint32_t seen = 0;
    for (int i = 0; i < 40; i++) {
        wire.accepts = i % 4 == 0; /* a byte now and then */
        (void)ferry_endpoint_step(&endpoint);
        uint32_t events = ferry_endpoint_events(&endpoint);
        assert_int_equal(events & reset, 0);
        seen |= events;
        if (wire.out_size > 0 && wire.out[wire.out_size - 1] == 0) {
            break;
        }
    }
    assert_int_equal(seen, FERRY_EVENT_MESSAGE);
    for (int i = 0; i < 50; i++) {
        wire.accepts = 1;
        (void)ferry_endpoint_step(&endpoint);
        assert_int_equal(ferry_endpoint_events(&endpoint) & reset, 0);
    }
    wire.busy = false;
    assert_int_equal(ferry_endpoint_events(&endpoint), reset);
    assert_int_equal(ferry_endpoint_events(&endpoint), 0);
    assert_int_equal(wire.out[wire.out_size - 1], 0);
    assert_false(ferry_endpoint_step(&endpoint)); /* nothing waits: may sleep */
}

static void the_window_leaves_room_in_the_ring(void **test)
{
    struct bench *bench = *test;
    for (uint32_t ring = 0; ring < 120000; ring += 97) {
        struct ferry_receiver receiver;
        ferry_receiver_init(&receiver, &bench->link.node, ring, 2048);
        uint32_t frame = FERRY_FRAME_SIZE(2048 + 8);
        assert_true(receiver.window >= 2048 && receiver.window % 2048 == 0);
        if (ring >= 2 * frame) {
            assert_true(receiver.window / 2048 * frame + frame <= ring);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_in_the_wrong_order),
        TEST(data_of_another_transfer),
        TEST(data_of_a_wrong_length),
        TEST(unknown_messages_get_a_nak),
        TEST(short_messages_are_answered),
        TEST(query_tells_about_the_node),
        TEST(a_damaged_frame_is_answered_once_while_a_transfer_is_open),
        TEST(events_tell_what_happened),
        TEST(reset_is_reported_when_its_answer_has_left),
        TEST(the_window_leaves_room_in_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
