/*
 * The smallest application that can be updated while it runs: Ferry's agent in three calls. The
 * board's first transport carries the updates. docs/AGENT.md explains each line; README.md shows
 * main() as it stands here (tests/e2e/test_docs.py compares).
 */
#include "agent.h"

#include "board.h"
#include "port.h"

__attribute__((section(".ring"),
               aligned(4))) static uint8_t rings[STM32_TRANSPORTS_MAX * 2 * BOARD_APP_RING_HALF];
static uint8_t message[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
static struct ferry_agent agent;
static unsigned rounds;

int main(void);

/* What the port and the bootloader know about the chip and this start. */
static void describe(struct ferry_node *node)
{
    stm32_describe(node);
    (void)stm32_handover_read(node);
}

static const struct ferry_agent_config config = {
    .flash = &stm32_flash,
    .stream = &stm32_uart.stream,
    .clock = &stm32_clock,
    .board = &FERRY_BOARD_SYMBOL,
    .buffer = message,
    .buffer_size = sizeof message,
    .here = (const void *)main,
    .feed = stm32_watchdog_feed,
    .describe = describe,
};

static void start_chip(void)
{
    stm32_clock_start();
    stm32_tick_start();
    stm32_transports_start(rings, BOARD_APP_RING_HALF, 0);
}

/* Your sensors answer, your network is up ... here: the main loop turns. */
static bool my_self_test_passed(void)
{
    return rounds > 1000;
}

static void my_work(void)
{
    rounds++;
}

int main(void)
{
    start_chip();
    if (ferry_agent_init(&agent, &config) != FERRY_OK) { /* 1: once */
        stm32_reset();
    }
    for (;;) {
        uint32_t events = ferry_agent_step(&agent, NULL); /* 2: in the main loop */
        if (my_self_test_passed() &&
            ferry_agent_confirm(&agent) == FERRY_JOURNAL_FULL) { /* 3: this version stays */
            stm32_reset(); /* the bootloader makes room, the next start confirms */
        }
        if ((events & FERRY_EVENT_RESET) != 0) {
            stm32_reset_marked((events & FERRY_EVENT_UPDATE) != 0 ? FERRY_RESET_UPDATE : 0);
        }
        my_work();
    }
}
