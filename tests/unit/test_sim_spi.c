/* SPI slave: DMA both ways at the master's rate, overrun, underrun, nobody there, bad set-up. */
#include "test_sim_kit.h"

#include <string.h>

enum { STOP_RECEIVING = 1, LOOK, STOP_SENDING, SWITCH_OFF, SWITCH_ON, RESET };
#define RXNE (1u << 0)
#define OVR  (1u << 6)

static struct kit kit;
static struct ferry_sim_counters counters;

static void start(void)
{
    kit_open(&kit, "spi", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
}

static void command(uint32_t what)
{
    kit_tell(&kit, 8, what);
    ferry_sim_run_for(kit.sim, MS / 10);
    assert_int_equal(kit_result(&kit, 8), 0);
}

static int transfer(const void *tx, void *rx, size_t size)
{
    int rc = ferry_sim_spi_transfer(kit.sim, tx, rx, size, 10000000);
    ferry_sim_counters(kit.sim, &counters);
    return rc;
}

static void dma_both_ways(void **state)
{
    (void)state;
    uint8_t tx[48], rx[48];
    start();
    for (uint8_t i = 0; i < sizeof tx; i++)
        tx[i] = (uint8_t)(i * 5u);
    uint64_t before = ferry_sim_time_ns(kit.sim);
    assert_int_equal(transfer(tx, rx, sizeof tx), FERRY_SIM_OK);
    assert_in_range(ferry_sim_time_ns(kit.sim) - before, 48 * 800, 48 * 800 + 200);
    for (uint8_t i = 0; i < sizeof rx; i++)
        assert_int_equal(rx[i], 0x40 + i);
    assert_memory_equal(ferry_sim_ram(kit.sim, kit_result(&kit, 7), 48), tx, 48);
    ferry_sim_run_for(kit.sim, MS / 10);
    assert_int_equal(kit_result(&kit, 1), 64 - 48);
    assert_int_equal(kit_result(&kit, 2), 64 - 49); /* one byte waits in DR for the next clock */
    assert_int_equal(transfer(tx, rx, 20), FERRY_SIM_OK);
    assert_int_equal(rx[15], 0x7F); /* around the ring's end */
    assert_int_equal(rx[16], 0x40);
    assert_int_equal(counters.spi_bytes, 68);
    assert_int_equal(counters.spi_overrun + counters.spi_underrun + counters.spi_unheard, 0);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 0);
    kit_close(&kit);
}

static void overrun_when_not_read(void **state)
{
    (void)state;
    start();
    command(STOP_RECEIVING);
    assert_int_equal(transfer("abc", NULL, 3), FERRY_SIM_OK);
    assert_int_equal(counters.spi_overrun, 2);
    command(LOOK);
    assert_int_equal(kit_result(&kit, 3) & (RXNE | OVR), RXNE | OVR);
    assert_int_equal(kit_result(&kit, 4), 'a');
    assert_int_equal(kit_result(&kit, 5) & (RXNE | OVR), OVR); /* DR, then SR clears it */
    assert_int_equal(kit_result(&kit, 6) & (RXNE | OVR), 0);
    kit_close(&kit);
}

static void underrun_repeats_the_last_byte(void **state)
{
    (void)state;
    uint8_t rx[4];
    start();
    assert_int_equal(transfer(NULL, rx, 2), FERRY_SIM_OK);
    command(STOP_SENDING);
    assert_int_equal(transfer(NULL, rx, 4), FERRY_SIM_OK);
    assert_memory_equal(rx, "\x42\x42\x42\x42", 4); /* 0x42 was in DR already */
    assert_int_equal(counters.spi_underrun, 3);
    kit_close(&kit);
}

static void nobody_there(void **state)
{
    (void)state;
    uint8_t rx[2] = {1, 1};
    start();
    command(SWITCH_OFF);
    assert_int_equal(transfer("xy", rx, 2), FERRY_SIM_OK);
    assert_memory_equal(rx, "\0\0", 2); /* MISO floats */
    assert_int_equal(counters.spi_unheard, 2);
    ferry_sim_power_off(kit.sim);
    assert_int_equal(transfer("xy", rx, 2), FERRY_SIM_E_STATE);
    kit_close(&kit);
}

/* What the node has of `sent`: shifted by `bits`, which were 0, until the SPI is reset. */
static void expect_shifted(const uint8_t *sent, size_t size, unsigned bits, uint32_t at)
{
    const uint8_t *got = ferry_sim_ram(kit.sim, kit_result(&kit, 7) + at, (uint32_t)size);
    for (size_t i = 0; i < size; i++) {
        unsigned two = (i > 0 ? sent[i - 1] * 256u : 0) + sent[i];
        assert_int_equal(got[i], (two >> bits) & 0xFFu);
    }
}

static void spikes_shift_until_a_reset(void **state)
{
    (void)state;
    uint8_t rx[4];
    const uint8_t sent[] = {0x81, 0x42, 0xC3, 0x00};
    start();
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 0), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 8), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 3), FERRY_SIM_OK);
    assert_int_equal(transfer(sent, rx, 4), FERRY_SIM_OK);
    expect_shifted(sent, 4, 3, 0);
    for (unsigned i = 0; i < sizeof rx; i++) /* 0x40, 0x41 ...: the first 3 bits went unseen */
        assert_int_equal(rx[i], ((0x4041u + i * 0x101u) >> 5) & 0xFFu);
    command(SWITCH_OFF);
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 1), FERRY_SIM_E_STATE);
    command(SWITCH_ON);
    assert_int_equal(transfer(sent, NULL, 4), FERRY_SIM_OK);
    expect_shifted(sent, 4, 3, 4);
    command(RESET);
    assert_int_equal(transfer(sent, NULL, 4), FERRY_SIM_OK);
    expect_shifted(sent, 4, 0, 8);
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 7), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_spi_glitch(kit.sim, 1), FERRY_SIM_OK);
    assert_int_equal(transfer(sent, NULL, 4), FERRY_SIM_OK); /* behind one whole byte */
    expect_shifted(sent, 4, 0, 13);
    kit_close(&kit);
}

static void done(void *ctx, struct ferry_sim *sim, int status, size_t count)
{
    (void)sim;
    int *out = ctx;
    out[0] = status;
    out[1] = (int)count;
}

static void power_goes_meanwhile(void **state)
{
    (void)state;
    uint8_t rx[100];
    int out[2] = {1, 1};
    struct ferry_sim_spi spi = {.rx = rx, .size = sizeof rx, .hz = 1000000};
    start();
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_E_BUSY);
    assert_int_equal(ferry_sim_pin_get(kit.sim, 4), 0); /* NSS is low */
    ferry_sim_run_for(kit.sim, MS / 10);
    assert_int_equal(out[0], 1);
    ferry_sim_power_off(kit.sim);
    assert_int_equal(out[0], FERRY_SIM_E_STATE);
    assert_in_range(out[1], 11, 12);
    assert_int_equal(rx[10], 0x4A);
    assert_int_equal(rx[99], 0);
    kit_close(&kit);
}

static void switched_on_within_a_byte(void **state)
{
    (void)state;
    const uint8_t sent[] = {0x00, 0x00, 0x5A, 0x00}, next[] = {0x81, 0x42, 0x00};
    int out[2] = {1, 1};
    struct ferry_sim_spi spi = {.tx = sent, .size = 2, .hz = 10000};
    start();
    command(SWITCH_OFF);
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_OK);
    ferry_sim_run_for(kit.sim, 57 * MS / 100); /* five of eight bits were sampled */
    command(SWITCH_ON);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(out[0], FERRY_SIM_OK);
    ferry_sim_counters(kit.sim, &counters);
    assert_int_equal(counters.spi_unheard, 0);
    assert_int_equal(counters.spi_bytes, 2);
    assert_int_equal(transfer(next, NULL, 3), FERRY_SIM_OK);
    expect_shifted(next, 3, 3, 1);
    kit_close(&kit);
}

static void bad_setup_is_told(void **state)
{
    (void)state;
    uint8_t rx[4];
    int out[2] = {1, 1};
    struct ferry_sim_spi spi = {.rx = rx, .size = 4, .hz = 1000000, .mode = 3};
    start();
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_OK);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(out[0], FERRY_SIM_OK);
    assert_memory_not_equal(rx, "\x40\x41\x42\x43", 4);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 1);
    assert_int_equal(ferry_sim_spi_transfer(kit.sim, NULL, rx, 4, 60000000), FERRY_SIM_OK);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 2); /* PCLK2 is 100 MHz */
    spi.mode = 4;
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_spi_transfer(kit.sim, NULL, rx, 4, 0), FERRY_SIM_E_ARGUMENT);
    kit_close(&kit);
}

static void restore_ends_a_transfer(void **state)
{
    (void)state;
    uint8_t rx[4];
    int out[2] = {1, 1};
    struct ferry_sim_spi spi = {.rx = rx, .size = 4, .hz = 100000};
    start();
    assert_int_equal(ferry_sim_spi_begin(kit.sim, &spi, done, out), FERRY_SIM_OK);
    ferry_sim_run_for(kit.sim, MS / 10);
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(kit.sim);
    assert_int_equal(ferry_sim_restore(kit.sim, shot), FERRY_SIM_OK);
    assert_int_equal(out[0], FERRY_SIM_E_STATE);
    assert_int_equal(transfer(NULL, rx, 2), FERRY_SIM_OK);
    ferry_sim_snapshot_free(shot);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dma_both_ways),
        cmocka_unit_test(overrun_when_not_read),
        cmocka_unit_test(underrun_repeats_the_last_byte),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(spikes_shift_until_a_reset),
        cmocka_unit_test(power_goes_meanwhile),
        cmocka_unit_test(switched_on_within_a_byte),
        cmocka_unit_test(bad_setup_is_told),
        cmocka_unit_test(restore_ends_a_transfer),
    };
    return cmocka_run_group_tests_name("sim_spi", tests, NULL, NULL);
}
