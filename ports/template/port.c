#include "port.h"

/*
 * Reads flash as it is now. Where the chip caches flash, drop the lines that an erase or a program
 * left stale: the core reads back what it wrote, and a stale line would hide a bad word. Where a
 * torn word raises an error on read (L4: ECC, NMI), return FERRY_FLASH, or bytes that cannot
 * verify.
 */
static int flash_read(void *ctx, uint32_t address, void *out, size_t size)
{
    (void)ctx;
    (void)address;
    (void)out;
    (void)size;
    return FERRY_FLASH;
}

/*
 * Programs whole words, in ascending order: the journal relies on that order. Unlock, write a word,
 * wait until it is done, next word; lock again. Stop at the first error flag, clear it, and return
 * FERRY_FLASH; the words behind it stay untouched. The same value again must be possible: where the
 * chip forbids it (L4: a double word only once), skip words that already read as wanted.
 * `data` may lie at any address: assemble words from bytes.
 */
static int flash_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    (void)ctx;
    (void)address;
    (void)data;
    (void)size;
    return FERRY_FLASH;
}

/*
 * Erases one sector. It may take seconds: feed the watchdog before it starts, and let reception go
 * on without the core (DMA), as code in the same flash bank stands still. Return only when it
 * ended: the core then records "erased", and believes nothing else.
 */
static int flash_erase(void *ctx, uint32_t sector)
{
    (void)ctx;
    (void)sector;
    return FERRY_FLASH;
}

const struct ferry_flash template_flash = {
    .ctx = NULL, .read = flash_read, .program = flash_program, .erase = flash_erase};

/*
 * Takes bytes out of the receive ring. Never waits. If the ring overran, drop all that it holds: a
 * frame with a hole is found by its CRC, and the sender goes back.
 */
static size_t stream_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    (void)out;
    (void)max;
    return 0;
}

/* Copies as many bytes as fit into the send queue and starts sending. Never waits; 0 when full. */
static size_t stream_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    (void)data;
    (void)size;
    return 0;
}

/* True when the last stop bit (not only the last byte of the queue) has left: a reset follows. */
static bool stream_idle(void *ctx)
{
    (void)ctx;
    return true;
}

/* rx_capacity_bytes: the ring's size if it is known here, else make the struct variable and set it
 * in template_start. It becomes the window: too large a number loses bytes. */
const struct ferry_stream template_stream = {.ctx = NULL,
                                             .read = stream_read,
                                             .write = stream_write,
                                             .idle = stream_idle,
                                             .rx_capacity_bytes = 1024};

/*
 * Milliseconds; may wrap at 2^32, must not wrap anywhere else: a hardware counter of other width
 * has to be extended. Must be right again after an erase that held the core for seconds.
 */
static uint32_t clock_now_ms(void *ctx)
{
    (void)ctx;
    return 0;
}

const struct ferry_clock template_clock = {.ctx = NULL, .now_ms = clock_now_ms};

void template_start(uint8_t *ring, uint32_t ring_bytes)
{
    (void)ring;
    (void)ring_bytes;
}
