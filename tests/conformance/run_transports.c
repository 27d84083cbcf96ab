/*
 * run_transports - the I2C and SPI slaves of the port on the virtual board: what a master writes
 * comes back once and in order, however it cuts its I2C reads, with nothing but 0x00 between, and
 * also when the SPI was switched on in the middle of a byte.
 *
 *   run_transports BOARD echo.bin
 *
 * The application looks at the bus every 150 us only, so the end of a read (NACK), its stop and the
 * next read's address are all there when it looks: the case in which a byte is easily counted twice
 * or never.
 */
#include "ferry/board.h"
#include "ferry/image.h"
#include "ferry_sim.h"

#include <stdio.h>
#include <string.h>

enum { BINARY_MAX = 1 << 16, VECTOR_BYTES = 0x200, ADDRESS = 0x42, HZ = 400000, TOTAL = 600 };
enum { TIMEOUT_MS = 50, MESSAGES = 4, READ_MAX = 40 };
enum { SPI_HZ = 1000000, SPI_CLOCKED = 200, SPI_BYTES = 8, SPI_LOOK = 200 };
static const uint64_t start_ns = 10000000;

static int transfer(struct ferry_sim *sim, struct ferry_sim_i2c_message *messages, size_t count)
{
    struct ferry_sim_i2c transfer = {.messages = messages,
                                     .count = count,
                                     .hz = HZ,
                                     .timeout_ms = TIMEOUT_MS,
                                     .address = ADDRESS};
    return ferry_sim_i2c_transfer(sim, &transfer, NULL);
}

/* The n-th byte of the stream: never 0, and no two neighbours alike. */
static uint8_t pattern(size_t n)
{
    return (uint8_t)(n % 251 + 1);
}

/* What came back so far; bytes beyond TOTAL would be repetitions. */
struct heard {
    uint8_t bytes[2 * TOTAL];
    size_t count;
};

static void hear(struct heard *heard, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0 && heard->count < sizeof heard->bytes) {
            heard->bytes[heard->count++] = bytes[i];
        }
    }
}

/* Writes a few bytes, then reads in MESSAGES pieces of `piece` bytes: joined by repeated starts, or
 * each with its own stop and, right behind it, the next start. */
static int round_trip(struct ferry_sim *sim, struct heard *heard, size_t *written, uint16_t piece,
                      bool joined)
{
    uint8_t out[32], in[MESSAGES][READ_MAX];
    struct ferry_sim_i2c_message write = {.size = 0, .data = out};
    struct ferry_sim_i2c_message reads[MESSAGES];
    int status = FERRY_SIM_OK;

    while (write.size < sizeof out && *written < TOTAL) {
        out[write.size++] = pattern((*written)++);
    }
    if (write.size > 0) {
        status = transfer(sim, &write, 1);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        reads[i] = (struct ferry_sim_i2c_message){.read = true, .size = piece, .data = in[i]};
    }
    for (size_t i = 0; status == FERRY_SIM_OK && i < MESSAGES; i += joined ? MESSAGES : 1) {
        status = transfer(sim, &reads[i], joined ? MESSAGES : 1);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        hear(heard, in[i], piece);
    }
    return status;
}

static int check(const struct heard *heard, uint16_t piece, bool joined)
{
    for (size_t i = 0; i < heard->count || i < TOTAL; i++) {
        if (i >= heard->count || i >= TOTAL || heard->bytes[i] != pattern(i)) {
            fprintf(stderr, "I2C: reads of %u bytes, %s: %zu bytes came back, byte %zu is wrong\n",
                    piece, joined ? "joined" : "apart", heard->count, i);
            return 1;
        }
    }
    return 0;
}

static int run(struct ferry_sim *sim, uint16_t piece, bool joined)
{
    static struct heard heard;
    size_t written = 0;

    memset(&heard, 0, sizeof heard);
    ferry_sim_power_on(sim);
    ferry_sim_run_for(sim, start_ns);
    for (size_t quiet = 0, before = 0; quiet < 20; quiet++) { /* until nothing comes any more */
        int status = round_trip(sim, &heard, &written, piece, joined);
        if (status != FERRY_SIM_OK) {
            fprintf(stderr, "I2C: %s\n", ferry_sim_status_text(status));
            return 1;
        }
        quiet = heard.count != before || written < TOTAL ? 0 : quiet;
        before = heard.count;
    }
    ferry_sim_power_off(sim);
    return check(&heard, piece, joined);
}

/* Bytes over SPI, and what comes back for them: 0 where it is the same. */
static int spi_echo(struct ferry_sim *sim, uint32_t hz)
{
    uint8_t out[SPI_BYTES], in[SPI_LOOK];

    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(0x81 + i * 0x22); /* bits at both ends: a shift would cut them */
    }
    int status = ferry_sim_spi_transfer(sim, out, NULL, sizeof out, SPI_HZ);
    ferry_sim_run_for(sim, start_ns);
    status |= ferry_sim_spi_transfer(sim, NULL, in, sizeof in, SPI_HZ);
    static struct heard heard;
    heard.count = 0;
    hear(&heard, in, sizeof in);
    if (status == FERRY_SIM_OK && heard.count == sizeof out &&
        memcmp(heard.bytes, out, sizeof out) == 0) {
        return 0;
    }
    fprintf(stderr, "SPI: started in the middle of a byte at %u Hz, then deaf\n", (unsigned)hz);
    return 1;
}

static void on_spi(void *ctx, struct ferry_sim *sim, int status, size_t count)
{
    (void)sim;
    (void)count;
    *(int *)ctx = status;
}

/* The node starts while a master clocks. @return 0 as well where it was switched on afterwards */
static int run_spi(struct ferry_sim *sim, uint32_t hz)
{
    static const uint8_t zeros[SPI_CLOCKED];
    struct ferry_sim_counters counters;
    int status = FERRY_SIM_E_BUSY;
    struct ferry_sim_spi spi = {.tx = zeros, .size = sizeof zeros, .hz = hz};

    ferry_sim_power_on(sim);
    ferry_sim_counters_reset(sim);
    int failed = ferry_sim_spi_begin(sim, &spi, on_spi, &status) != FERRY_SIM_OK;
    while (!failed && status == FERRY_SIM_E_BUSY) {
        ferry_sim_run_for(sim, start_ns);
    }
    ferry_sim_counters(sim, &counters);
    if (failed || counters.spi_unheard == 0 || counters.spi_bytes == 0) {
        fprintf(stderr, "SPI: the node did not start within the transfer\n");
        return 1;
    }
    failed = spi_echo(sim, hz);
    ferry_sim_power_off(sim);
    return failed;
}

static int run_all(struct ferry_sim *sim)
{
    static const uint16_t pieces[] = {1, 2, 3, 7, READ_MAX};
    static const uint32_t clocks[] = {9000, 9500, 10000, 10500, 11000};
    int failed = 0;

    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        failed += run_spi(sim, clocks[i]);
    }

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        failed += run(sim, pieces[i], false) + run(sim, pieces[i], true);
    }
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static uint8_t binary[BINARY_MAX];
    struct ferry_sim *sim;
    const struct ferry_board *board = argc == 3 ? ferry_board_find(argv[1]) : NULL;
    FILE *in = argc == 3 ? fopen(argv[2], "rb") : NULL;

    if (board == NULL || in == NULL) {
        fprintf(stderr, "usage: run_transports BOARD echo.bin (`make boards` builds it)\n");
        return 2;
    }
    size_t size = fread(binary, 1, sizeof binary, in);
    fclose(in);
    if (size < VECTOR_BYTES || ferry_sim_create(&sim, argv[1], NULL) != FERRY_SIM_OK ||
        ferry_sim_load(sim, board->slots[FERRY_SLOT_A].start + FERRY_IMAGE_PADDED_SIZE, binary,
                       size) != FERRY_SIM_OK ||
        ferry_sim_load(sim, ferry_sim_flash_base(sim), binary, VECTOR_BYTES) != FERRY_SIM_OK) {
        fprintf(stderr, "run_transports: the board cannot be made\n");
        return 2;
    }
    int verdict = run_all(sim);
    ferry_sim_destroy(sim);
    return verdict;
}
