/* Resets and their causes, power cuts in every mode. */
#include "test_sim_kit.h"

#include <string.h>

#define SLOT_OFFSET 0x20000u
#define ERASE_OP    0u /* the writer's first operation */

static struct kit kit;

static void reset_causes(void **state)
{
    (void)state;
    kit_open(&kit, "watchdog", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 300 * MS);
    assert_int_equal(kit_result(&kit, 0), 4);
    assert_int_equal(kit_result(&kit, 1), 0x0E000000); /* power-on: POR, BOR, PIN */
    assert_int_equal(kit_result(&kit, 2), 0x24000000); /* IWDG bit asleep in WFI */
    assert_int_equal(kit_result(&kit, 3), 0x14000000); /* software */
    assert_int_equal(kit_result(&kit, 4), 0x24000000); /* IWDG out of a lockup */
    assert_int_equal(kit.events[FERRY_SIM_EV_LOCKUP], 1);
    assert_int_equal(ferry_sim_reset(kit.sim), FERRY_SIM_OK);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit_result(&kit, 5), 0x04000000); /* NRST */
    kit_close(&kit);
}

/* ARMv7-M B1.5.5: without its last bit the reset vector is a UsageFault, before any instruction. */
static void a_reset_vector_without_its_thumb_bit(void **state)
{
    (void)state;
    kit_open(&kit, "writer", NULL);
    uint32_t entry;
    memcpy(&entry, ferry_sim_flash(kit.sim, NULL) + 4, sizeof entry);
    entry &= ~1u;
    ferry_sim_load(kit.sim, 0x08000004u, &entry, sizeof entry);
    ferry_sim_power_on(kit.sim);
    assert_int_equal(kit.events[FERRY_SIM_EV_FAULT], 1);
    assert_int_equal(kit.last[FERRY_SIM_EV_FAULT].c, 1u << 17); /* CFSR: INVSTATE */
    kit_close(&kit);
}

static void ram_survives_reset_but_not_power(void **state)
{
    (void)state;
    kit_open(&kit, "writer", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 1100 * MS);
    memset(ferry_sim_ram(kit.sim, 0x20000100u, 4), 0x5A, 4);
    ferry_sim_reset(kit.sim);
    assert_int_equal(kit_result(&kit, 64), 0x5A5A5A5A);
    ferry_sim_power_off(kit.sim);
    assert_int_equal(ferry_sim_reset(kit.sim), FERRY_SIM_E_STATE);
    ferry_sim_power_on(kit.sim);
    assert_int_not_equal(kit_result(&kit, 64), 0x5A5A5A5A);
    kit_close(&kit);
}

static const uint8_t *slot(void)
{
    return ferry_sim_flash(kit.sim, NULL) + SLOT_OFFSET;
}

/* Fill the slot with zeros, run the writer into a cut of its operation number op. */
static void run_into(const struct ferry_sim_cut_plan *plan)
{
    static const uint8_t zeros[0x20000];
    kit_open(&kit, "writer", NULL);
    ferry_sim_load(kit.sim, 0x08000000u + SLOT_OFFSET, zeros, sizeof zeros);
    ferry_sim_power_on(kit.sim);
    ferry_sim_plan_cut(kit.sim, plan);
    assert_int_equal(ferry_sim_run_for(kit.sim, 2000 * MS), FERRY_SIM_STOP_POWER_CUT);
    assert_false(ferry_sim_powered(kit.sim));
    assert_int_equal(kit.events[FERRY_SIM_EV_CUT], 1);
}

static void run_into_cut(uint64_t op, enum ferry_sim_cut mode, uint32_t seed, bool unstable)
{
    run_into(&(struct ferry_sim_cut_plan){mode, op, seed, unstable, FERRY_SIM_TEAR_HALF});
}

static unsigned ones(const uint8_t *data, size_t size)
{
    unsigned count = 0;
    for (size_t i = 0; i < size; i++)
        count += (unsigned)__builtin_popcount(data[i]);
    return count;
}

static void cut_erase(void **state)
{
    (void)state;
    const unsigned bits = 0x20000u * 8u;
    run_into_cut(ERASE_OP, FERRY_SIM_CUT_LOST, 0, false);
    assert_int_equal(ones(slot(), 0x20000), 0);
    kit_close(&kit);
    run_into_cut(ERASE_OP, FERRY_SIM_CUT_TORN, 1, false);
    assert_in_range(ones(slot(), 0x20000), bits / 3, bits * 2 / 3);
    kit_close(&kit);
    run_into_cut(ERASE_OP, FERRY_SIM_CUT_DONE, 0, false);
    assert_int_equal(ones(slot(), 0x20000), bits);
    kit_close(&kit);
}

static void tear_erase(uint32_t seed, bool unstable, enum ferry_sim_tear tear)
{
    run_into(&(struct ferry_sim_cut_plan){FERRY_SIM_CUT_TORN, ERASE_OP, seed, unstable, tear});
}

/* Stable: a few bits are unlike the others. Unstable: none in the cells, a few wander. */
static void cut_erase_in_its_first_or_last_moment(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 5; seed++) {
        tear_erase(seed, false, FERRY_SIM_TEAR_NEARLY);
        assert_in_range(0x20000u * 8u - ones(slot(), 0x20000), 1, 8);
        assert_int_equal(ferry_sim_unstable(kit.sim), 0);
        kit_close(&kit);
        tear_erase(seed, false, FERRY_SIM_TEAR_HARDLY);
        assert_in_range(ones(slot(), 0x20000), 1, 8);
        kit_close(&kit);
        tear_erase(seed, true, FERRY_SIM_TEAR_NEARLY);
        assert_int_equal(ones(slot(), 0x20000), 0x20000u * 8u);
        assert_in_range(ferry_sim_unstable(kit.sim), 1, 8);
        kit_close(&kit);
        tear_erase(seed, true, FERRY_SIM_TEAR_HARDLY);
        assert_int_equal(ones(slot(), 0x20000), 0);
        assert_in_range(ferry_sim_unstable(kit.sim), 1, 8);
        kit_close(&kit);
    }
}

static uint32_t unstable_in_slot(uint32_t from, uint32_t size)
{
    return ferry_sim_unstable_in(kit.sim, 0x08000000u + SLOT_OFFSET + from, size);
}

/* Not in its first words only; and the next cut operation finds room. */
static void noise_lies_all_over_a_torn_erase(void **state)
{
    (void)state;
    struct ferry_sim_cut_plan again = {FERRY_SIM_CUT_TORN, 0, 2, true, FERRY_SIM_TEAR_HALF};
    tear_erase(1, true, FERRY_SIM_TEAR_HALF);
    for (uint32_t from = 0; from < 0x20000; from += 0x8000)
        assert_true(unstable_in_slot(from, 0x8000) > 1);
    uint32_t first = ferry_sim_unstable(kit.sim);
    assert_int_equal(unstable_in_slot(0, 0x20000), first);
    ferry_sim_power_on(kit.sim);
    ferry_sim_plan_cut(kit.sim, &again);
    assert_int_equal(ferry_sim_run_for(kit.sim, 2000 * MS), FERRY_SIM_STOP_POWER_CUT);
    assert_true(ferry_sim_unstable(kit.sim) > first + 8);
    assert_true(ferry_sim_unstable_lost(kit.sim) == 0);
    kit_close(&kit);
}

static uint32_t word_at(unsigned i)
{
    uint32_t value;
    memcpy(&value, slot() + 4u * i, 4);
    return value;
}

static void cut_program(void **state)
{
    (void)state;
    uint32_t torn[2];
    run_into_cut(11, FERRY_SIM_CUT_LOST, 0, false);
    assert_int_equal(word_at(9), 0xA5000009);
    assert_int_equal(word_at(10), 0xFFFFFFFF);
    kit_close(&kit);
    run_into_cut(11, FERRY_SIM_CUT_DONE, 0, false);
    assert_int_equal(word_at(10), 0xA500000A);
    assert_int_equal(word_at(11), 0xFFFFFFFF); /* nothing after it, not even in the same block */
    kit_close(&kit);
    for (unsigned i = 0; i < 2; i++) {
        run_into_cut(11, FERRY_SIM_CUT_TORN, i + 1, false);
        torn[i] = word_at(10);
        assert_int_equal(torn[i] & 0xA500000A, 0xA500000A); /* bits that should stay 1 do */
        assert_int_not_equal(torn[i], 0xFFFFFFFF);
        kit_close(&kit);
    }
    assert_int_not_equal(torn[0], torn[1]); /* by seed */
}

static void unstable_bits_wander_until_erased(void **state)
{
    (void)state;
    run_into_cut(11, FERRY_SIM_CUT_TORN, 3, true);
    uint32_t cell = word_at(10);
    ferry_sim_power_on(kit.sim);
    assert_int_equal(word_at(10), cell); /* the cell is one thing, what is read another */
    assert_int_equal(ferry_sim_run_for(kit.sim, 1100 * MS), FERRY_SIM_STOP_LIMIT);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(word_at(10), 0xA500000A);
    kit_close(&kit);
}

/* ---- unstable bits: the test tells the burner program what to do ----------------------------- */

#define PREY 0x08020000u

enum { ERASE = 1, WORD, LOOK };

static void tell(uint32_t what, uint32_t address, uint32_t value)
{
    kit_tell(&kit, 1, address);
    kit_tell(&kit, 2, value);
    kit_tell(&kit, 0, what);
}

/* An operation that comes to its end. */
static void burn(uint32_t what, uint32_t address, uint32_t value)
{
    tell(what, address, value);
    assert_int_equal(ferry_sim_run_for(kit.sim, 2000 * MS), FERRY_SIM_STOP_LIMIT);
    assert_int_equal(kit_result(&kit, 0), 0);
}

/* One that a power cut ends; then power comes back. */
static void burn_into_cut(uint32_t what, uint32_t address, uint32_t value, enum ferry_sim_cut mode,
                          bool unstable)
{
    struct ferry_sim_cut_plan plan = {mode, 0, 7, unstable, FERRY_SIM_TEAR_HALF};
    ferry_sim_plan_cut(kit.sim, &plan);
    tell(what, address, value);
    assert_int_equal(ferry_sim_run_for(kit.sim, 2000 * MS), FERRY_SIM_STOP_POWER_CUT);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
}

/* Bits of the word that do not always read the same. */
static uint32_t wandering(uint32_t address)
{
    burn(LOOK, address, 0);
    return kit_result(&kit, 3);
}

/* A word with bits that wander, in both halves; which ones. */
static uint32_t open_with_unstable_word(void)
{
    kit_open(&kit, "burner", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(ferry_sim_unstable(kit.sim), 0);
    burn_into_cut(WORD, PREY, 0, FERRY_SIM_CUT_TORN, true);
    uint32_t bits = wandering(PREY);
    assert_true((bits & 0xFFFFu) != 0 && (bits & 0xFFFF0000u) != 0);
    assert_true(ferry_sim_unstable(kit.sim) > 0);
    return bits;
}

static void a_cut_operation_leaves_unstable_bits(void **state)
{
    (void)state;
    static const uint32_t what[] = {WORD, ERASE};
    uint32_t bits = open_with_unstable_word();
    for (unsigned i = 0; i < 2; i++) {
        uint32_t address = what[i] == WORD ? PREY : 5;
        uint32_t cell = word_at(0);
        burn_into_cut(what[i], address, 0, FERRY_SIM_CUT_LOST, false);
        assert_int_equal(wandering(PREY), bits);
        assert_int_equal(word_at(0), cell);
        burn_into_cut(what[i], address, 0, FERRY_SIM_CUT_TORN, false);
        assert_int_equal(wandering(PREY), bits);
        tell(what[i], address, 0);
        ferry_sim_run_for(kit.sim, 10000); /* it is under way */
        ferry_sim_reset(kit.sim);
        ferry_sim_run_for(kit.sim, MS);
        assert_int_equal(wandering(PREY), bits);
    }
    burn_into_cut(ERASE, 5, 0, FERRY_SIM_CUT_DONE, false);
    assert_int_equal(wandering(PREY), 0);
    assert_int_equal(ferry_sim_unstable(kit.sim), 0);
    kit_close(&kit);
}

static void a_program_settles_only_bits_that_it_drives(void **state)
{
    (void)state;
    uint32_t bits = open_with_unstable_word();
    burn(WORD, PREY + 4, 0); /* a neighbour */
    assert_int_equal(wandering(PREY), bits);
    burn(WORD, PREY, 0xFFFF0000u);
    assert_int_equal(wandering(PREY), bits & 0xFFFF0000u);
    assert_int_equal(word_at(0) & 0xFFFFu, 0);
    burn(WORD, PREY, 0x0000FFFFu);
    assert_int_equal(wandering(PREY), 0);
    assert_int_equal(ferry_sim_unstable(kit.sim), 0);
    kit_close(&kit);
}

/* Nearly erased: the last bits to rise read as 1 mostly, and now and then as 0. */
static void a_nearly_erased_sector_mostly_reads_blank(void **state)
{
    (void)state;
    static const uint8_t zeros[0x20000];
    struct ferry_sim_cut_plan plan = {FERRY_SIM_CUT_TORN, 0, 7, true, FERRY_SIM_TEAR_NEARLY};
    kit_open(&kit, "burner", NULL);
    ferry_sim_load(kit.sim, PREY, zeros, sizeof zeros);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    ferry_sim_plan_cut(kit.sim, &plan);
    tell(ERASE, 5, 0);
    assert_int_equal(ferry_sim_run_for(kit.sim, 2000 * MS), FERRY_SIM_STOP_POWER_CUT);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    for (uint32_t at = PREY; at < PREY + 0x20000; at += 4) {
        if (ferry_sim_unstable_in(kit.sim, at, 4) > 0)
            assert_int_equal(ones((const uint8_t *)&(uint32_t){wandering(at)}, 4), 1);
    }
    kit_close(&kit);
}

static void plug_pulled_in_an_erase_tears_it(void **state)
{
    (void)state;
    static const uint8_t zeros[0x20000];
    kit_open(&kit, "writer", NULL);
    ferry_sim_load(kit.sim, 0x08000000u + SLOT_OFFSET, zeros, sizeof zeros);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 500 * MS);
    ferry_sim_power_off(kit.sim);
    unsigned count = ones(slot(), 0x20000);
    assert_in_range(count, 1, 0x20000u * 8u - 1u);
    ferry_sim_run_for(kit.sim, 500 * MS); /* off: only time passes */
    assert_int_equal(ones(slot(), 0x20000), count);
    kit_close(&kit);
}

static void every_operation_can_be_cut(void **state)
{
    (void)state;
    static const enum ferry_sim_cut modes[] = {FERRY_SIM_CUT_LOST, FERRY_SIM_CUT_TORN,
                                               FERRY_SIM_CUT_DONE};
    kit_open(&kit, "writer", NULL);
    ferry_sim_power_on(kit.sim);
    struct ferry_sim_snapshot *start = ferry_sim_snapshot(kit.sim);
    assert_non_null(start);
    for (uint64_t op = 0; op < 65; op++) {
        for (unsigned m = 0; m < 3; m++) {
            struct ferry_sim_cut_plan plan = {modes[m], op, (uint32_t)op, false,
                                              FERRY_SIM_TEAR_HALF};
            assert_int_equal(ferry_sim_restore(kit.sim, start), FERRY_SIM_OK);
            ferry_sim_plan_cut(kit.sim, &plan);
            assert_int_equal(ferry_sim_run_for(kit.sim, 1100 * MS), FERRY_SIM_STOP_POWER_CUT);
            ferry_sim_power_on(kit.sim);
            assert_int_equal(ferry_sim_run_for(kit.sim, 1100 * MS), FERRY_SIM_STOP_LIMIT);
            assert_int_equal(kit_result(&kit, 0), GREEN);
            assert_int_equal(word_at(63), 0xA500003F);
        }
    }
    ferry_sim_snapshot_free(start);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_causes),
        cmocka_unit_test(a_reset_vector_without_its_thumb_bit),
        cmocka_unit_test(ram_survives_reset_but_not_power),
        cmocka_unit_test(cut_erase),
        cmocka_unit_test(cut_erase_in_its_first_or_last_moment),
        cmocka_unit_test(noise_lies_all_over_a_torn_erase),
        cmocka_unit_test(cut_program),
        cmocka_unit_test(unstable_bits_wander_until_erased),
        cmocka_unit_test(a_cut_operation_leaves_unstable_bits),
        cmocka_unit_test(a_program_settles_only_bits_that_it_drives),
        cmocka_unit_test(a_nearly_erased_sector_mostly_reads_blank),
        cmocka_unit_test(plug_pulled_in_an_erase_tears_it),
        cmocka_unit_test(every_operation_can_be_cut),
    };
    return cmocka_run_group_tests_name("sim_power", tests, NULL, NULL);
}
