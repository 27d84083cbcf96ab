/*
 * The bootloader of an STM32F4 board: joins core and port. What it does is in ferry/supervisor.h;
 * here are the chip's clock, watchdog, LED and the jump.
 */
#include "board.h"
#include "ferry/endpoint.h"
#include "ferry/supervisor.h"
#include "port.h"

enum { BLINK_MS = 100 }; /* LED while nothing is bootable; else it is lit until the jump */

/* The wire goes on while a sector is erased: the rings take nearly all RAM there is. */
__attribute__((section(".ring"), aligned(4))) static uint8_t
    rings[2 * (STM32_TRANSPORTS_MAX * BOARD_BOOT_RING_HALF + BOARD_SHARED_RING_HALF)];

/* Objects of their own, not one struct: their fields then lie near their addresses. */
static struct ferry_journal journal;
static struct ferry_node node;
static struct ferry_supervisor supervisor;
static struct ferry_endpoint endpoint;
static struct ferry_line lines[STM32_TRANSPORTS_MAX]; /* the first is in the endpoint */
static uint8_t messages[STM32_TRANSPORTS_MAX][FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];

static uint32_t now_ms(void)
{
    return stm32_clock.now_ms(stm32_clock.ctx);
}

static void start_chip(void)
{
    uint8_t cause = stm32_reset_cause();
    stm32_stack_guard();
    stm32_clock_start();
    stm32_tick_start();
    stm32_led_start();
    stm32_led_set(STM32_LED_BOOT, true);
    stm32_transports_start(rings, BOARD_BOOT_RING_HALF, BOARD_SHARED_RING_HALF);

    node.flash = &stm32_flash;
    node.board = &FERRY_BOARD_SYMBOL;
    node.block =
        (const struct ferry_boot_block *)(BOARD_BOOTLOADER_START + FERRY_BOOT_BLOCK_OFFSET);
    node.journal = &journal;
    node.running = FERRY_SLOT_NONE;
    node.reset_cause = cause;
    stm32_describe(&node);
}

static void start_endpoint(void)
{
    ferry_endpoint_init(&endpoint, &node, &stm32_transports[0]->stream, messages[0],
                        sizeof(messages[0]));
    for (size_t i = 1; i < stm32_transport_count; i++) {
        ferry_endpoint_add(&endpoint, &lines[i], &stm32_transports[i]->stream, messages[i],
                           sizeof(messages[i]));
    }
}

/*
 * Serves the link for the listen window; for ever where nothing is bootable. The transports receive
 * from the start, so the window counts from `start_ms`; what came in while a slot was verified is
 * worked off first.
 */
static void listen(uint32_t start_ms, bool for_ever)
{
    struct ferry_listen window;
    uint32_t events;
    bool more;

    ferry_listen_begin(&window, start_ms, for_ever);
    if ((node.reset_cause & FERRY_RESET_UPDATE) != 0) {
        window.window_ms = FERRY_LISTEN_PATIENCE_MS;
    }
    do {
        more = ferry_endpoint_step(&endpoint);
        events = ferry_endpoint_events(&endpoint);
        if ((events & FERRY_EVENT_RESET) != 0) {
            stm32_reset_marked((events & FERRY_EVENT_UPDATE) != 0 ? FERRY_RESET_UPDATE : 0);
        }
        stm32_led_set(STM32_LED_BOOT, !window.for_ever || now_ms() / BLINK_MS % 2 == 0);
        stm32_led_set(STM32_LED_DATA, endpoint.receiver.install.next / 1024 % 2 != 0);
        if (!more) {
            stm32_pause();
        }
    } while (ferry_listen_step(&window, events, more, now_ms()));
}

static _Noreturn void depart(const struct ferry_departure *departure)
{
    stm32_led_set(departure->slot == FERRY_SLOT_A ? STM32_LED_TO_A : STM32_LED_TO_B, true);
    stm32_handover_write(&node);
    if (departure->trial) {
        stm32_watchdog_start();
    }
    stm32_jump(departure->vectors);
}

int main(void)
{
    struct ferry_departure departure;

    start_chip();
    uint32_t start_ms = now_ms();
    start_endpoint();
    ferry_supervisor_begin(&supervisor, &node);
    ferry_endpoint_announce(&endpoint);
    for (;;) {
        enum ferry_action action = ferry_supervisor_decide(&supervisor);
        bool for_ever = action == FERRY_ACTION_LISTEN;
        if (for_ever) {
            ferry_supervisor_log(&supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
        }
        listen(start_ms, for_ever);
        action = ferry_supervisor_decide(&supervisor);
        if (action != FERRY_ACTION_LISTEN &&
            ferry_supervisor_depart(&supervisor, action, &departure) == FERRY_OK) {
            depart(&departure);
        }
        start_ms = now_ms();
    }
}
