/*
 * The smallest application that a power-cut sweep can bring: on trial it confirms itself at once,
 * and it answers QUERY and RESET over the first transport. It takes no update. The sweep cuts at
 * every word of an image: this one is a third of the demo application.
 */
#include "behaviour.h"
#include "board.h"
#include "ferry/install.h"
#include "ferry/message.h"
#include "port.h"

#include <string.h>

enum { RING_HALF = 0x200 };

__attribute__((section(".ring"), aligned(4))) static uint8_t ring[2 * RING_HALF];

static struct {
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_install install; /* for the confirm */
    struct ferry_frame_decoder decoder;
    uint8_t message[FERRY_OPEN_MAX + FERRY_FRAME_CRC_SIZE];
    uint8_t reply[FERRY_REPLY_MAX];
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)];
} app;

int main(void);

static const struct ferry_stream *stream(void)
{
    return &stm32_transports[0]->stream;
}

static void say(size_t size)
{
    size_t left = ferry_frame_encode(app.reply, size, app.frame);
    const uint8_t *at = app.frame;

    while (left > 0) {
        size_t sent = stream()->write(stream()->ctx, at, left);
        at += sent;
        left -= sent;
    }
    while (!stream()->idle(stream()->ctx)) {
    }
}

static void answer(void)
{
    uint16_t tag = ferry_message_tag(app.message);
    struct ferry_info info;

    if (ferry_message_type(app.message) == FERRY_QUERY) {
        ferry_node_info(&app.node, &info);
        say(ferry_message_write_info(app.reply, tag, &info));
    } else if (ferry_message_type(app.message) == FERRY_RESET) {
        say(ferry_message_write_verdict(app.reply, FERRY_RESULT, tag, FERRY_OK));
        stm32_reset();
    }
}

static void serve(void)
{
    uint8_t byte;
    size_t used, size;

    while (stream()->read(stream()->ctx, &byte, 1) == 1) {
        if (ferry_frame_feed(&app.decoder, &byte, 1, &used, &size) == FERRY_OK) {
            answer();
        }
    }
}

static void start_node(void)
{
    app.node = (struct ferry_node){
        .flash = &stm32_flash,
        .board = &FERRY_BOARD_SYMBOL,
        .block =
            (const struct ferry_boot_block *)(BOARD_BOOTLOADER_START + FERRY_BOOT_BLOCK_OFFSET),
        .journal = &app.journal,
        .running = ferry_board_slot_of(&FERRY_BOARD_SYMBOL, (uint32_t)(uintptr_t)main),
    };
    app.install.node = &app.node;
    stm32_describe(&app.node);
    if (ferry_journal_open(&app.journal, &stm32_flash, &FERRY_BOARD_SYMBOL) != FERRY_OK) {
        stm32_reset();
    }
}

static bool on_trial(void)
{
    const struct ferry_state *state = &app.journal.state;
    return state->phase == FERRY_PHASE_TRIAL && state->candidate == app.node.running;
}

static void confirm(void)
{
    if (ferry_install_confirm(&app.install, app.journal.state.hash) != FERRY_OK) {
        stm32_reset(); /* the bootloader makes room; the next start confirms */
    }
}

int main(void)
{
    bool silent = !demo_behaviour.confirms; /* then the watchdog ends the trial */

    demo_behaviour.start();
    stm32_clock_start();
    stm32_tick_start();
    stm32_transports_start(ring, RING_HALF, 0);
    ferry_frame_decoder_init(&app.decoder, app.message, sizeof app.message);
    start_node();
    if (on_trial() && !silent) {
        confirm();
    }
    for (;;) {
        serve();
        if (!on_trial()) {
            stm32_watchdog_feed();
        }
        __asm__ volatile("wfi"); /* until the next tick, 1 ms at most */
    }
}
