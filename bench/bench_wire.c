#include "bench_wire.h"

#include <stdlib.h>
#include <string.h>

enum { BAUD = 921600, UART_QUEUE = 512 };
enum { SPI_HZ = 10000000, SPI_BYTES = 2048, SPI_POLL = 32, SPI_POLL_NS = 1000000 };
enum { I2C_HZ = 400000, I2C_ADDRESS = 0x42, I2C_BYTES = 2048, I2C_POLL = 24 };
enum {
    I2C_POLL_NS = 50000000, /* while it writes: as the gateway looks at most */
    I2C_IDLE_NS = 1000000,
    I2C_RETRY_NS = 1000000,
    I2C_TIMEOUT_MS = 3000
};

static uint32_t now_ms(struct ferry_sim *sim)
{
    return (uint32_t)(ferry_sim_time_ns(sim) / 1000000);
}

/* ---- UART: the node's bytes come by a callback of the board ---------------------------------- */

static void uart_pump(struct ferry_sim *sim, struct ferry_sender *sender)
{
    const uint8_t *bytes;
    size_t size;

    while (ferry_sim_uart_queued(sim, 0) < UART_QUEUE &&
           (bytes = ferry_sender_output(sender, &size)) != NULL) {
        ferry_sender_sent(sender, ferry_sim_uart_send(sim, 0, bytes, size), now_ms(sim));
    }
}

static bool uart_sent(struct ferry_sim *sim)
{
    return ferry_sim_uart_queued(sim, 0) == 0;
}

/* ---- SPI: every transfer carries both directions ----------------------------------------------
 */

static void spi_pump(struct ferry_sim *sim, struct ferry_sender *sender)
{
    static uint64_t next_poll_ns;
    uint8_t out[SPI_BYTES], in[SPI_BYTES];
    size_t size = 0;
    const uint8_t *bytes = ferry_sender_output(sender, &size);

    if (bytes == NULL && ferry_sim_time_ns(sim) < next_poll_ns) {
        return;
    }
    size_t count = bytes == NULL ? SPI_POLL : size < SPI_BYTES ? size : SPI_BYTES;
    memset(out, 0, sizeof(out));
    if (bytes != NULL) {
        memcpy(out, bytes, count);
    }
    if (ferry_sim_spi_transfer(sim, out, in, count, SPI_HZ) != FERRY_SIM_OK) {
        return;
    }
    if (bytes != NULL) {
        ferry_sender_sent(sender, count, now_ms(sim));
    }
    ferry_sender_input(sender, in, count, now_ms(sim));
    next_poll_ns = ferry_sim_time_ns(sim) + SPI_POLL_NS;
}

static bool always_sent(struct ferry_sim *sim)
{
    (void)sim;
    return true; /* a transfer is waited for */
}

/* ---- I2C: writes carry the stream, reads bring it; who does not acknowledge is asked again ----
 */

static int i2c_message(struct ferry_sim *sim, bool read, uint8_t *data, size_t size, size_t *taken)
{
    struct ferry_sim_i2c_message message = {.read = read, .size = (uint16_t)size, .data = data};
    struct ferry_sim_i2c transfer = {.messages = &message,
                                     .count = 1,
                                     .hz = I2C_HZ,
                                     .timeout_ms = I2C_TIMEOUT_MS,
                                     .address = I2C_ADDRESS};
    return ferry_sim_i2c_transfer(sim, &transfer, taken);
}

static bool i2c_write(struct ferry_sim *sim, struct ferry_sender *sender)
{
    uint8_t out[I2C_BYTES];
    size_t size = 0, taken = 0;
    const uint8_t *bytes = ferry_sender_output(sender, &size);

    if (bytes == NULL) {
        return false;
    }
    size = size < sizeof(out) ? size : sizeof(out);
    memcpy(out, bytes, size);
    int status = i2c_message(sim, false, out, size, &taken);
    if (status == FERRY_SIM_E_NACK_ADDRESS) {
        ferry_sim_run_for(sim, I2C_RETRY_NS);
    }
    ferry_sender_sent(sender, status == FERRY_SIM_OK ? size : taken, now_ms(sim));
    return true;
}

static void i2c_pump(struct ferry_sim *sim, struct ferry_sender *sender)
{
    static uint64_t looked_ns;
    uint8_t in[I2C_POLL];
    bool busy = i2c_write(sim, sender);

    if (ferry_sim_time_ns(sim) - looked_ns < (busy ? I2C_POLL_NS : I2C_IDLE_NS)) {
        return;
    }
    if (i2c_message(sim, true, in, sizeof(in), NULL) == FERRY_SIM_OK) {
        ferry_sender_input(sender, in, sizeof(in), now_ms(sim));
    }
    looked_ns = ferry_sim_time_ns(sim);
}

static const struct bench_wire wires[] = {
    {"uart", "wire: DATA at 921,600 baud", BAUD / 10.0, 1.1, 97.0, uart_pump, uart_sent},
    {"spi", "wire: DATA at 10 MHz", SPI_HZ / 8.0, 1.1, 0.0, spi_pump, always_sent},
    /* 1.1 is the aim: the wire alone takes 4.4 s, and signature and hash come before and after it.
     */
    {"i2c", "wire: DATA at 400 kHz", I2C_HZ / 9.0, 1.1, 0.0, i2c_pump, always_sent},
};

const struct bench_wire *bench_wire_find(const char *name)
{
    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        if (strcmp(wires[i].name, name) == 0) {
            return &wires[i];
        }
    }
    return NULL;
}
