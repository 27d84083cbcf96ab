/* ST's boot loader: what it does not take. Every bit of every field, addresses, counts, bytes that
 * come while it is at work, answers that nobody fetched. */
#include "test_sim_rom_host.h"

#include <string.h>

static struct host h;
static const char f411[] = "stm32f411_blackpill", nucleo[] = "nucleo_l432kc";
#define RAM_END 0x20020000u

/* One command: its code, then fields as they go over the wire. */
struct script {
    const char *quirk;
    uint8_t code, fields;
    struct {
        uint8_t size, bytes[12];
    } field[2];
};

#define TO_FLASH                                                                                   \
    {                                                                                              \
        5,                                                                                         \
        {                                                                                          \
            0x08, 0x00, 0x40, 0x00, 0x48                                                           \
        }                                                                                          \
    }
#define WORDS                                                                                      \
    {                                                                                              \
        10,                                                                                        \
        {                                                                                          \
            7, 0x11, 0x22, 0x44, 0x88, 0x10, 0x20, 0x40, 0x0F, 0xF7                                \
        }                                                                                          \
    }

static const struct script usart[] = {
    {NULL, 0x11, 2, {TO_FLASH, {2, {0x0F, 0xF0}}}},
    {NULL, 0x21, 1, {TO_FLASH}},
    {NULL, 0x31, 2, {TO_FLASH, WORDS}},
    {NULL, 0x44, 1, {{7, {0, 1, 0, 1, 0, 2, 2}}}},
    {NULL, 0x44, 1, {{3, {0xFF, 0xFF, 0}}}},
    {NULL, 0x63, 1, {{4, {1, 4, 6, 3}}}},
    {"erase-43", 0x43, 1, {{4, {1, 4, 6, 3}}}},
    {"erase-43", 0x43, 1, {{2, {0xFF, 0}}}},
};

static const struct script i2c[] = {
    {NULL, 0x11, 2, {TO_FLASH, {2, {0x0F, 0xF0}}}},
    {NULL, 0x21, 1, {TO_FLASH}},
    {NULL, 0x32, 2, {TO_FLASH, WORDS}},
    {NULL, 0x45, 2, {{3, {0, 1, 1}}, {5, {0, 1, 0, 2, 3}}}},
    {NULL, 0x44, 1, {{3, {0xFF, 0xFF, 0}}}},
    {NULL, 0x64, 1, {{4, {1, 4, 6, 3}}}},
};

static int answer_to(bool by_i2c, const void *bytes, size_t size)
{
    if (by_i2c)
        return host_i2c(&h, bytes, size) == FERRY_SIM_OK ? host_i2c_ack(&h, 10) : -1;
    host_send(&h, bytes, size);
    return host_byte(&h, 20 * MS);
}

/* @return the answer to the last field that was sent, `spoiled` (2 * fields: its code, complement)
 * with one bit inverted. */
static int play(bool by_i2c, const struct script *s, unsigned spoiled, unsigned at, unsigned bit)
{
    uint8_t code[2] = {s->code, (uint8_t)~s->code};
    if (spoiled == s->fields)
        code[at] ^= (uint8_t)(1u << bit);
    int answer = answer_to(by_i2c, code, 2);
    for (unsigned i = 0; i < s->fields && i <= spoiled && answer == ACK; i++) {
        uint8_t bytes[12];
        memcpy(bytes, s->field[i].bytes, sizeof bytes);
        if (spoiled == i)
            bytes[at] ^= (uint8_t)(1u << bit);
        answer = answer_to(by_i2c, bytes, s->field[i].size);
    }
    return answer;
}

static void assert_untouched(void)
{
    struct ferry_sim_rom_state rom;
    struct ferry_sim_counters c;
    while (host_byte(&h, 300 * MS) >= 0)
        ;
    ferry_sim_rom_state(h.kit.sim, &rom);
    ferry_sim_counters(h.kit.sim, &c);
    assert_true(rom.active && !rom.busy);
    assert_int_equal(c.flash_ops, 0);
    for (unsigned i = 0; i < 8; i++)
        assert_false(ferry_sim_sector_protected(h.kit.sim, i));
}

/* An inverted bit is refused, or it is a longer field, for the rest of which it waits. */
static void try_every_bit(bool by_i2c, const struct script *s)
{
    host_open(&h, f411, "writer");
    if (s->quirk)
        ferry_sim_rom_quirk(h.kit.sim, s->quirk);
    if (!by_i2c)
        assert_int_equal(host_sync(&h), ACK);
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(h.kit.sim);
    for (unsigned field = 0; field <= s->fields; field++) {
        unsigned size = field == s->fields ? 2 : s->field[field].size;
        for (unsigned i = 0; i < 8 * size; i++) {
            assert_int_equal(ferry_sim_restore(h.kit.sim, shot), FERRY_SIM_OK);
            h.kit.rx_count = 0;
            int answer = play(by_i2c, s, field, i / 8, i % 8);
            if (answer != -1)
                assert_int_equal(answer, NACK);
            assert_untouched();
        }
    }
    ferry_sim_snapshot_free(shot);
    host_close(&h);
}

static void every_bit_of_every_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof usart / sizeof usart[0]; i++)
        try_every_bit(false, &usart[i]);
    for (size_t i = 0; i < sizeof i2c / sizeof i2c[0]; i++)
        try_every_bit(true, &i2c[i]);
}

static void addresses_outside(void **state)
{
    (void)state;
    static const uint8_t codes[] = {0x11, 0x21, 0x31};
    static const uint32_t outside[] = {0x00000000u, 0x07FFFFFCu, 0x08080000u, 0x10000000u,
                                       0x1FFEFFFCu, 0x20000000u, 0x20002FFCu, RAM_END,
                                       0x40020000u, 0xFFFFFFFCu};
    static const uint32_t for_reading[] = {0x1FFF0000u, 0x1FFF7A22u, 0x1FFFC000u};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    for (size_t c = 0; c < sizeof codes; c++) {
        for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
            assert_int_equal(host_command(&h, codes[c]), ACK);
            assert_int_equal(host_address(&h, outside[i]), NACK);
        }
        for (size_t i = 0; c > 0 && i < sizeof for_reading / sizeof for_reading[0]; i++) {
            assert_int_equal(host_command(&h, codes[c]), ACK);
            assert_int_equal(host_address(&h, for_reading[i]), NACK);
        }
    }
    assert_untouched();
    host_close(&h);
}

static void blocks_over_the_end(void **state)
{
    (void)state;
    uint8_t bytes[256] = {0};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_write(&h, FLASH + 0x80000 - 4, bytes, 8), NACK);
    assert_int_equal(host_write(&h, FLASH + 0x80000 - 252, bytes, 256), NACK);
    assert_untouched();
    assert_int_equal(host_write(&h, RAM_END - 4, bytes, 8), NACK);
    assert_int_equal(host_read(&h, RAM_END - 4, bytes, 8), 0);
    assert_int_equal(host_read(&h, 0x1FFF7FFCu, bytes, 8), 0);
    assert_int_equal(host_write(&h, RAM_END - 4, bytes, 4), ACK);
    assert_int_equal(host_write(&h, FLASH + 0x80000 - 256, bytes, 256), ACK);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0x7FFFF], 0);
    host_close(&h);
}

/* @return the answer to a count, or a special code, and its checksum */
static int erase_code(bool by_i2c, uint8_t high, uint8_t low)
{
    const uint8_t command[2] = {0x44, 0xBB}, count[3] = {high, low, high ^ low};
    assert_int_equal(answer_to(by_i2c, command, 2), ACK);
    return answer_to(by_i2c, count, 3);
}

/* AN3155 3.8: FFF0 to FFFC are reserved; at most 512 pages in one command. */
static void counts_of_pages(void **state)
{
    (void)state;
    for (unsigned by_i2c = 0; by_i2c < 2; by_i2c++) {
        for (unsigned low = 0xF0; low <= 0xFE; low++) {
            host_open(&h, f411, "writer");
            if (!by_i2c)
                assert_int_equal(host_sync(&h), ACK);
            assert_int_equal(erase_code(by_i2c, 0xFF, (uint8_t)low), NACK);
            assert_untouched();
            host_close(&h);
        }
        host_open(&h, nucleo, "l4_ecc");
        if (!by_i2c)
            assert_int_equal(host_sync(&h), ACK);
        assert_int_equal(erase_code(by_i2c, 0x02, 0x00), NACK); /* 513 */
        assert_untouched();
        host_close(&h);
    }
}

static void unknown_pages_among_known_ones(void **state)
{
    (void)state;
    static const uint16_t pages[] = {0, 1, 128};
    host_open(&h, nucleo, "l4_ecc");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, pages, 3, 100 * MS), NACK);
    assert_untouched();
    assert_int_equal(host_erase(&h, pages, 2, 100 * MS), ACK);
    host_close(&h);
}

static uint64_t lost(void)
{
    struct ferry_sim_counters c;
    ferry_sim_counters(h.kit.sim, &c);
    return c.uart_overrun[h.port];
}

static unsigned all_bytes(void)
{
    unsigned n = 0;
    while (host_byte(&h, 10 * MS) >= 0)
        n++;
    return n;
}

/* One receive register: the first byte waits in it, the next ones are lost. */
static void bytes_during_work(void **state)
{
    (void)state;
    static const uint16_t first[] = {0};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, first, 1, 100 * MS), -1);
    host_send(&h, "\x02\xFD\x02", 3);
    assert_int_equal(host_byte(&h, 1000 * MS), ACK); /* of the erase */
    assert_int_equal(lost(), 2);
    assert_int_equal(host_byte(&h, 10 * MS), -1);
    host_send(&h, "\xFD", 1);
    assert_int_equal(host_byte(&h, 10 * MS), ACK);
    assert_int_equal(all_bytes(), 4);
    host_send(&h, "\x00\xFF\x02\xFD", 4); /* the second command into the answer of the first */
    assert_int_equal(all_bytes(), 15);
    assert_int_equal(lost(), 3);
    host_close(&h);
}

static void answers_nobody_fetched(void **state)
{
    (void)state;
    uint8_t in[3];
    struct ferry_sim_rom_state rom;
    host_open(&h, f411, "writer");
    assert_int_equal(host_i2c(&h, "\x00\xFF", 2), FERRY_SIM_OK); /* GET, and no read */
    assert_int_equal(host_i2c_command(&h, 0x02), ACK);
    assert_int_equal(host_i2c_read(&h, in, 3, 10), FERRY_SIM_OK);
    assert_memory_equal(in, "\x01\x04\x31", 3);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    assert_int_equal(host_i2c_command(&h, 0x21), ACK);
    assert_int_equal(host_i2c(&h, "\x08\x00\x00\x00\x08", 5), FERRY_SIM_OK); /* GO, and no read */
    assert_int_equal(host_i2c_command(&h, 0x01), ACK);
    assert_int_equal(host_i2c_ack(&h, 10), 0x11);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    ferry_sim_rom_state(h.kit.sim, &rom);
    assert_true(rom.active);
    host_close(&h);
}

static void mass_erase_with_a_protected_sector(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    ferry_sim_set_option_bytes(h.kit.sim, ferry_sim_option_bytes(h.kit.sim) & ~(1u << 20));
    ferry_sim_load(h.kit.sim, FLASH, "keep", 4);
    host_boot0(&h, 1);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, NULL, 0, 9000 * MS), ACK);
    assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL), "keep", 4); /* none at all */
    host_close(&h);
}

/* The option bytes change last. */
static void unprotect_that_is_cut(void **state)
{
    (void)state;
    struct ferry_sim_cut_plan plan = {.mode = FERRY_SIM_CUT_DONE, .after_flash_ops = 6};
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH, "secret", 6);
    ferry_sim_load(h.kit.sim, FLASH + 0x60000, "secret", 6);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x82), ACK);
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    ferry_sim_plan_cut(h.kit.sim, &plan);
    assert_int_equal(host_command(&h, 0x92), ACK);
    assert_int_equal(host_byte(&h, 9000 * MS), -1);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL) + 0x60000, "secret", 6);
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(ferry_sim_rdp_level(h.kit.sim), 1);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x11), NACK);
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_every_field),
        cmocka_unit_test(addresses_outside),
        cmocka_unit_test(blocks_over_the_end),
        cmocka_unit_test(counts_of_pages),
        cmocka_unit_test(unknown_pages_among_known_ones),
        cmocka_unit_test(bytes_during_work),
        cmocka_unit_test(answers_nobody_fetched),
        cmocka_unit_test(mass_erase_with_a_protected_sector),
        cmocka_unit_test(unprotect_that_is_cut),
    };
    return cmocka_run_group_tests_name("sim_rom_refusals", tests, NULL, NULL);
}
