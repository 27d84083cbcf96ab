/* I2C slave: write, read, combined, stretching, both kinds of NACK, DMA. */
#include "test_sim_kit.h"

#include <string.h>

enum { SERVE, HOLD, REFUSE, SERVE_ONE, NO_STRETCH, BY_DMA };
#define ADDR     0x42u
#define SR1_ADDR (1u << 1)
#define SR1_BTF  (1u << 2)
#define SR1_RXNE (1u << 6)
#define SR1_TXE  (1u << 7)
#define SR1_OVR  (1u << 11)

static struct kit kit;
static size_t acknowledged;

static void start(void)
{
    kit_open(&kit, "i2c", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
}

static void stop(void)
{
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 0);
    kit_close(&kit);
}

static void mode(uint32_t command)
{
    kit_tell(&kit, 8, command);
    ferry_sim_run_for(kit.sim, MS / 10);
}

static int go(struct ferry_sim_i2c_message *messages, size_t count, uint8_t address)
{
    struct ferry_sim_i2c t = {messages, count, 400000, 20, address};
    int rc = ferry_sim_i2c_transfer(kit.sim, &t, &acknowledged);
    ferry_sim_run_for(kit.sim, MS / 10);
    return rc;
}

static int put(const char *text)
{
    uint8_t data[64];
    memcpy(data, text, strlen(text));
    struct ferry_sim_i2c_message m = {false, (uint16_t)strlen(text), data};
    return go(&m, 1, ADDR);
}

static int get(uint8_t *data, uint16_t size)
{
    struct ferry_sim_i2c_message m = {true, size, data};
    return go(&m, 1, ADDR);
}

static const uint8_t *in(void)
{
    return ferry_sim_ram(kit.sim, kit_result(&kit, 7), 64);
}

static void write_and_read(void **state)
{
    (void)state;
    uint8_t data[5];
    start();
    uint64_t before = ferry_sim_time_ns(kit.sim);
    assert_int_equal(put("0123456789"), FERRY_SIM_OK);
    uint64_t took = ferry_sim_time_ns(kit.sim) - before - MS / 10;
    assert_in_range(took, 101 * 2500, 101 * 2500 + 5000); /* bits, and some stretching */
    assert_int_equal(acknowledged, 10);
    assert_int_equal(kit_result(&kit, 1), 10);
    assert_memory_equal(in(), "0123456789", 10);
    assert_int_equal(kit_result(&kit, 3), 1); /* STOPF */
    assert_int_equal(kit_result(&kit, 4), SR1_ADDR);
    assert_int_equal(get(data, 5), FERRY_SIM_OK);
    assert_memory_equal(data, "\x80\x81\x82\x83\x84", 5);
    assert_int_equal(kit_result(&kit, 4), SR1_ADDR | SR1_TXE);
    assert_int_equal(kit_result(&kit, 3), 1); /* no STOPF after a NACK, */
    assert_int_equal(kit_result(&kit, 5), 1); /* but AF */
    assert_int_equal(kit_result(&kit, 2), 5); /* the prefetched byte was taken back */
    assert_int_equal(get(data, 2), FERRY_SIM_OK);
    assert_memory_equal(data, "\x85\x86", 2);
    stop();
}

static void combined(void **state)
{
    (void)state;
    uint8_t out[2] = "ab", data[3];
    struct ferry_sim_i2c_message m[] = {{false, 2, out}, {true, 3, data}, {false, 1, out}};
    start();
    assert_int_equal(go(m, 3, ADDR), FERRY_SIM_OK);
    assert_memory_equal(data, "\x80\x81\x82", 3);
    assert_memory_equal(in(), "aba", 3);
    assert_int_equal(acknowledged, 3);
    assert_int_equal(kit_result(&kit, 3), 1); /* a repeated start is no stop */
    stop();
}

static void address_not_acknowledged(void **state)
{
    (void)state;
    uint8_t data[1] = {0};
    struct ferry_sim_i2c_message m = {false, 1, data};
    start();
    assert_int_equal(go(&m, 1, ADDR + 1), FERRY_SIM_E_NACK_ADDRESS);
    mode(REFUSE);
    assert_int_equal(put("x"), FERRY_SIM_E_NACK_ADDRESS);
    assert_int_equal(get(data, 1), FERRY_SIM_E_NACK_ADDRESS);
    mode(SERVE);
    assert_int_equal(put("y"), FERRY_SIM_OK);
    assert_int_equal(kit_result(&kit, 1), 1);
    stop();
}

static void data_not_acknowledged(void **state)
{
    (void)state;
    start();
    mode(SERVE_ONE); /* ACK goes off after the first byte */
    assert_int_equal(put("abcd"), FERRY_SIM_E_NACK_DATA);
    assert_in_range(acknowledged, 1, 2);
    stop();
}

static void clock_is_stretched(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    start();
    mode(HOLD);
    uint64_t before = ferry_sim_time_ns(kit.sim);
    assert_int_equal(put("abc"), FERRY_SIM_E_TIMEOUT); /* ADDR is not cleared */
    assert_in_range(ferry_sim_time_ns(kit.sim) - before, 20 * MS, 21 * MS);
    assert_int_equal(kit_result(&kit, 6), SR1_ADDR);
    assert_int_equal(put("abc"), FERRY_SIM_E_TIMEOUT); /* SCL is still low */
    mode(SERVE);
    assert_int_equal(put("def"), FERRY_SIM_OK);
    assert_memory_equal(in(), "def", 3);
    ferry_sim_counters(kit.sim, &c);
    assert_true(c.i2c_stretched_ns > 0);
    stop();
}

static void done(void *ctx, struct ferry_sim *sim, int status, size_t count)
{
    (void)sim;
    (void)count;
    *(int *)ctx = status;
}

static void stretched_byte_by_byte(void **state)
{
    (void)state;
    uint8_t out[3] = "abc";
    int status = 1;
    struct ferry_sim_i2c_message m = {false, 3, out};
    struct ferry_sim_i2c t = {&m, 1, 400000, 20, ADDR};
    start();
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_OK);
    ferry_sim_run_for(kit.sim, 30000); /* address acknowledged, first byte under way */
    kit_tell(&kit, 8, HOLD);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit_result(&kit, 6), SR1_RXNE | SR1_BTF); /* one in DR, one behind it */
    assert_int_equal(status, 1);
    kit_tell(&kit, 8, SERVE);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(status, FERRY_SIM_OK);
    assert_memory_equal(in(), "abc", 3);
    stop();
}

static void without_stretching_bytes_are_lost(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    start();
    mode(NO_STRETCH);
    assert_int_equal(put("abcd"), FERRY_SIM_OK);
    assert_true((kit_result(&kit, 6) & (SR1_RXNE | SR1_OVR)) == (SR1_RXNE | SR1_OVR));
    ferry_sim_counters(kit.sim, &c);
    assert_int_equal(c.i2c_overrun, 3);
    stop();
}

static void dma_moves_the_bytes(void **state)
{
    (void)state;
    uint8_t data[6];
    start();
    mode(BY_DMA);
    assert_int_equal(put("by dma"), FERRY_SIM_OK);
    assert_int_equal(kit_result(&kit, 1), 6);
    assert_memory_equal(in(), "by dma", 6);
    assert_int_equal(get(data, 6), FERRY_SIM_OK);
    assert_memory_equal(data, "\x80\x81\x82\x83\x84\x85", 6);
    assert_int_equal(kit_result(&kit, 2), 7); /* one more than was fetched, */
    assert_int_equal(get(data, 1), FERRY_SIM_OK);
    assert_int_equal(data[0], 0x87); /* and that one is lost unless the program rewinds */
    stop();
}

static void reset_lets_the_clock_go(void **state)
{
    (void)state;
    uint8_t out[3] = "abc";
    int status = 1;
    struct ferry_sim_i2c_message m = {false, 3, out};
    struct ferry_sim_i2c t = {&m, 1, 400000, 1000, ADDR};
    start();
    mode(HOLD);
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_E_BUSY);
    ferry_sim_run_for(kit.sim, 5 * MS);
    assert_int_equal(status, 1);
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(status, FERRY_SIM_E_NACK_DATA);
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_OK);
    ferry_sim_power_off(kit.sim);
    assert_int_equal(status, FERRY_SIM_E_STATE);
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_E_STATE);
    t.count = 0;
    assert_int_equal(ferry_sim_i2c_begin(kit.sim, &t, done, &status), FERRY_SIM_E_ARGUMENT);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_and_read),
        cmocka_unit_test(combined),
        cmocka_unit_test(address_not_acknowledged),
        cmocka_unit_test(data_not_acknowledged),
        cmocka_unit_test(clock_is_stretched),
        cmocka_unit_test(stretched_byte_by_byte),
        cmocka_unit_test(without_stretching_bytes_are_lost),
        cmocka_unit_test(dma_moves_the_bytes),
        cmocka_unit_test(reset_lets_the_clock_go),
    };
    return cmocka_run_group_tests_name("sim_i2c", tests, NULL, NULL);
}
