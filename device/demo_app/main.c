/*
 * The demo application: blinks, takes updates while it runs, and confirms itself on trial when its
 * self-test passed.
 */
#include "agent.h"
#include "behaviour.h"
#include "board.h"
#include "port.h"
#include "self_test.h"

enum {
    BLINK_MS = 500,
    RESTART_MS = 1000 /* after an accepted update: time for a RESET, or for CLOSE once more */
};

__attribute__((section(".ring"),
               aligned(4))) static uint8_t rings[STM32_TRANSPORTS_MAX][2 * BOARD_APP_RING_HALF];

static struct {
    struct ferry_agent agent;
    struct demo_self_test self_test;
    struct ferry_line lines[STM32_TRANSPORTS_MAX]; /* the first is in the agent */
    uint8_t messages[STM32_TRANSPORTS_MAX][FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    bool link_seen; /* a valid frame arrived */
    bool updated;   /* an update was accepted, at updated_ms */
    uint32_t updated_ms;
} app;

int main(void);

static uint32_t now_ms(void)
{
    return stm32_clock.now_ms(NULL);
}

static void describe(struct ferry_node *node)
{
    stm32_describe(node);
    (void)stm32_handover_read(node);
}

static int start_agent(void)
{
    struct ferry_agent_config config = {
        .flash = &stm32_flash,
        .stream = &stm32_transports[0]->stream,
        .clock = &stm32_clock,
        .board = &FERRY_BOARD_SYMBOL,
        .buffer = app.messages[0],
        .buffer_size = sizeof app.messages[0],
        .here = (const void *)(uintptr_t)main,
        .feed = stm32_watchdog_feed,
        .describe = describe,
        .confirm_timeout_ms = demo_behaviour.confirm_timeout_ms,
    };
    int status = ferry_agent_init(&app.agent, &config);
    for (size_t i = 1; status == FERRY_OK && i < stm32_transport_count; i++) {
        ferry_endpoint_add(&app.agent.endpoint, &app.lines[i], &stm32_transports[i]->stream,
                           app.messages[i], sizeof app.messages[i]);
    }
    return status;
}

static void show(void)
{
    const struct ferry_agent *agent = &app.agent;
    bool in_a = agent->node.running == FERRY_SLOT_A;
    stm32_led_set(in_a ? STM32_LED_APP_A : STM32_LED_APP_B, now_ms() / BLINK_MS % 2 == 0);
    stm32_led_set(STM32_LED_DATA, agent->endpoint.receiver.install.next / 1024 % 2 != 0);
}

static void handle(uint32_t events)
{
    if ((events & FERRY_EVENT_MESSAGE) != 0) {
        app.link_seen = true;
    }
    if ((events & FERRY_EVENT_CLOSED) != 0) {
        app.updated = true;
        app.updated_ms = now_ms();
    }
    if ((events & FERRY_EVENT_RESET) != 0 ||
        (app.updated && now_ms() - app.updated_ms >= RESTART_MS)) {
        stm32_reset_marked((events & FERRY_EVENT_UPDATE) != 0 ? FERRY_RESET_UPDATE : 0);
    }
}

/* On trial: tests a slice further, confirms in the end. Returns true while it could go on at once.
 */
static bool confirm_when_tested(void)
{
    if (!demo_behaviour.confirms || !ferry_agent_on_trial(&app.agent)) {
        return false;
    }
    int status = demo_self_test_step(&app.self_test, app.link_seen);
    if (status == FERRY_OK && ferry_agent_confirm(&app.agent) == FERRY_JOURNAL_FULL) {
        stm32_reset(); /* the bootloader makes room; the next start confirms */
    }
    return status == FERRY_MORE && app.self_test.stage != DEMO_TEST_LINK;
}

int main(void)
{
    demo_behaviour.start();
    stm32_clock_start();
    stm32_tick_start();
    stm32_led_start();
    stm32_transports_start(rings[0], BOARD_APP_RING_HALF, 0);
    if (start_agent() != FERRY_OK) {
        stm32_reset();
    }
    demo_self_test_begin(&app.self_test, &app.agent.node);
    for (;;) {
        bool idle;
        handle(ferry_agent_step(&app.agent, &idle));
        bool testing = confirm_when_tested();
        show();
        if (idle && !testing) {
            __asm__ volatile("wfi"); /* until the next tick, 1 ms at most */
        }
    }
}
