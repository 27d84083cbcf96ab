/*
 * pty_node - a node as a host process, for tests of programs that talk to one: the core's own
 * supervisor and endpoint on emulated flash, behind a pty. It is no chip: for that there is
 * ferry-sim. Commands on stdin: "reset", "cut" (power cut now), "quit". Prints one JSON line an
 * event on stdout.
 *
 *   pty_node --link PATH --pubkey KEY.pub.pem --image SLOT_A.img [--confirm-ms N (0: never)]
 *            [--trial-ms N] [--erase-ms N] [--baud N]
 */
#include "kit_board.h"
#include "kit_image.h"
#include "clock.h"
#include "pubkey_pem.h"

#include "ferry/endpoint.h"
#include "ferry/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { RING_SIZE = 110 * 1024, TRIAL_MS_DEFAULT = 2000, CONFIRM_MS_DEFAULT = 300 };

static struct {
    const char *link;
    uint32_t confirm_ms, trial_ms, erase_ms, baud;
} options = {.confirm_ms = CONFIRM_MS_DEFAULT, .trial_ms = TRIAL_MS_DEFAULT, .baud = 921600};

static const struct ferry_board *board;
static struct kit_flash flash;
static struct ferry_flash slow_flash; /* kit_flash with erase times */
static struct ferry_boot_block block;
static struct ferry_node node;
static struct ferry_journal journal;
static struct ferry_supervisor supervisor;
static struct ferry_endpoint endpoint;
static struct ferry_listen listen_window;
static uint8_t buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
static bool in_bootloader;
static uint32_t trial_since_ms, erases;
static bool on_trial;
static int pty_fd;

/* The receive ring of the node: filled at the pace of the wire, also during an erase. */
static uint8_t ring[RING_SIZE];
static size_t ring_head, ring_used;
static uint32_t paced_ms, received, lost;

static void event(const char *name, const char *detail)
{
    printf("{\"event\":\"%s\",\"detail\":\"%s\",\"erases\":%u,\"received\":%u,\"lost\":%u}\n", name,
           detail, erases, received, lost);
    fflush(stdout);
}

/* Takes as many bytes from the pty as the wire would have brought since the last call. */
static void pump_wire(void)
{
    uint8_t bytes[4096];
    uint32_t now_ms = ferry_posix_now_ms();
    uint64_t due = (uint64_t)(now_ms - paced_ms) * options.baud / 10000;
    if (due == 0) {
        return;
    }
    paced_ms = now_ms;
    while (due > 0) {
        size_t want = due < sizeof bytes ? (size_t)due : sizeof bytes;
        ssize_t got = read(pty_fd, bytes, want);
        if (got <= 0) {
            return;
        }
        due -= (uint64_t)got;
        received += (uint32_t)got;
        for (ssize_t i = 0; i < got; i++) {
            if (ring_used == RING_SIZE) {
                lost++;
                continue;
            }
            ring[(ring_head + ring_used) % RING_SIZE] = bytes[i];
            ring_used++;
        }
    }
}

static size_t stream_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    size_t count = ring_used < max ? ring_used : max;
    for (size_t i = 0; i < count; i++) {
        out[i] = ring[ring_head];
        ring_head = (ring_head + 1) % RING_SIZE;
    }
    ring_used -= count;
    return count;
}

static size_t stream_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    ssize_t count = write(pty_fd, data, size);
    return count > 0 ? (size_t)count : 0;
}

static bool stream_idle(void *ctx)
{
    (void)ctx;
    return true;
}

static const struct ferry_stream stream = {.read = stream_read,
                                           .write = stream_write,
                                           .idle = stream_idle,
                                           .rx_capacity_bytes = RING_SIZE};

static int slow_erase(void *ctx, uint32_t sector)
{
    uint32_t since_ms = ferry_posix_now_ms();
    (void)ctx;
    erases++;
    while (ferry_posix_now_ms() - since_ms < options.erase_ms) {
        usleep(1000);
        pump_wire(); /* DMA goes on while the core stalls */
    }
    return flash.port.erase(flash.port.ctx, sector);
}

static void start_application(enum ferry_action action)
{
    struct ferry_departure departure;
    if (ferry_supervisor_depart(&supervisor, action, &departure) != FERRY_OK) {
        exit(3);
    }
    in_bootloader = false;
    node.running = departure.slot;
    on_trial = departure.trial;
    trial_since_ms = ferry_posix_now_ms();
    ferry_endpoint_init(&endpoint, &node, &stream, buffer, sizeof buffer);
    event(on_trial ? "trial" : "boot", departure.slot == 0 ? "A" : "B");
}

static void power_on(const char *why)
{
    ring_used = 0; /* RAM is gone */
    memset(&node, 0, sizeof node);
    node.flash = &slow_flash;
    node.board = board;
    node.block = &block;
    node.journal = &journal;
    node.running = FERRY_SLOT_NONE;
    for (size_t i = 0; i < FERRY_UID_SIZE; i++) {
        node.uid[i] = (uint8_t)(0x10 + i);
    }
    event("reset", why);
    in_bootloader = true;
    ferry_supervisor_begin(&supervisor, &node);
    enum ferry_action action = ferry_supervisor_decide(&supervisor);
    if (action == FERRY_ACTION_LISTEN) {
        ferry_supervisor_log(&supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    }
    ferry_listen_begin(&listen_window, ferry_posix_now_ms(), action == FERRY_ACTION_LISTEN);
    ferry_endpoint_init(&endpoint, &node, &stream, buffer, sizeof buffer);
}

static void step_bootloader(uint32_t events)
{
    if (ferry_listen_step(&listen_window, events, false, ferry_posix_now_ms())) {
        return;
    }
    enum ferry_action action = ferry_supervisor_decide(&supervisor);
    if (action != FERRY_ACTION_LISTEN) {
        start_application(action);
    }
}

static void step_application(void)
{
    uint32_t gone_ms = ferry_posix_now_ms() - trial_since_ms;
    if (on_trial && options.confirm_ms > 0 && gone_ms >= options.confirm_ms) {
        on_trial = false;
        ferry_install_confirm(&endpoint.receiver.install, journal.state.hash);
        event("confirmed", node.running == 0 ? "A" : "B");
    }
    if (on_trial && gone_ms >= options.trial_ms) {
        power_on("watchdog");
    }
}

static bool take_command(void)
{
    char line[64] = "";
    if (fgets(line, sizeof line, stdin) == NULL || strncmp(line, "quit", 4) == 0) {
        return false;
    }
    if (strncmp(line, "reset", 5) == 0 || strncmp(line, "cut", 3) == 0) {
        power_on("pin");
    }
    return true;
}

static void open_pty(void)
{
    int slave;
    char name[128];
    struct termios raw;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    if (openpty(&pty_fd, &slave, name, &raw, NULL) != 0) {
        exit(3);
    }
    fcntl(pty_fd, F_SETFL, O_NONBLOCK); /* the slave stays open: the line never hangs up */
    unlink(options.link);
    if (symlink(name, options.link) != 0) {
        exit(3);
    }
}

static void load_image(const char *path)
{
    static uint8_t bytes[512 * 1024];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        exit(2);
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    kit_provision(&flash, FERRY_SLOT_A, bytes, size);
}

static void make_block(const char *path)
{
    memset(&block, 0, sizeof block);
    block.magic = FERRY_BOOT_BLOCK_MAGIC;
    block.size = sizeof block;
    block.key_count = 1;
    block.version = 0x00010000;
    snprintf(block.board, sizeof block.board, "%s", board->name);
    if (ferry_pubkey_load_pem(path, &block.keys[0]) != FERRY_OK) {
        exit(2);
    }
}

int main(int argc, char **argv)
{
    const char *image = NULL;
    const char *pubkey = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        uint32_t number = (uint32_t)strtoul(value, NULL, 0);
        if (strcmp(argv[i], "--link") == 0) {
            options.link = value;
        } else if (strcmp(argv[i], "--image") == 0) {
            image = value;
        } else if (strcmp(argv[i], "--pubkey") == 0) {
            pubkey = value;
        } else if (strcmp(argv[i], "--confirm-ms") == 0) {
            options.confirm_ms = number;
        } else if (strcmp(argv[i], "--trial-ms") == 0) {
            options.trial_ms = number;
        } else if (strcmp(argv[i], "--erase-ms") == 0) {
            options.erase_ms = number;
        } else if (strcmp(argv[i], "--baud") == 0) {
            options.baud = number;
        }
    }
    board = ferry_board_find("stm32f411_blackpill");
    if (options.link == NULL || image == NULL || pubkey == NULL || board == NULL) {
        return 2;
    }
    kit_flash_init(&flash, board);
    slow_flash = flash.port;
    slow_flash.erase = slow_erase;
    make_block(pubkey);
    load_image(image);
    open_pty();
    paced_ms = ferry_posix_now_ms();
    power_on("power");
    for (;;) {
        struct pollfd files[2] = {{.fd = 0, .events = POLLIN}, {.fd = pty_fd, .events = POLLIN}};
        pump_wire();
        bool busy = ferry_endpoint_step(&endpoint);
        uint32_t events = ferry_endpoint_events(&endpoint);
        if ((events & FERRY_EVENT_RESET) != 0) {
            power_on("software");
        } else if (in_bootloader) {
            step_bootloader(events);
        } else {
            step_application();
        }
        if (poll(files, 2, busy ? 0 : 2) > 0 && (files[0].revents & (POLLIN | POLLHUP)) != 0 &&
            !take_command()) {
            break;
        }
    }
    unlink(options.link);
    return 0;
}
