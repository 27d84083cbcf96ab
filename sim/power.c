/* Power, reset and the lines that rule them; RAM as power-on leaves it. */
#include "sim_internal.h"

#include <string.h>

#define L4_NSWBOOT0 (1u << 26)
#define L4_NBOOT0   (1u << 27)

static const char *reset_name(uint32_t flags)
{
    if (flags & SIM_RESET_POR)
        return "power-on";
    if (flags & SIM_RESET_IWDG)
        return "watchdog";
    if (flags & SIM_RESET_OBL)
        return "option bytes";
    return (flags & SIM_RESET_SOFT) ? "software" : "pin";
}

static bool boot0(const struct ferry_sim *b)
{
    uint32_t optr = b->s.flash.optcr_stored;
    if (b->chip->family == SIM_FAMILY_L4 && !(optr & L4_NSWBOOT0))
        return !(optr & L4_NBOOT0); /* RM0394 2.6: an option bit in place of the pin */
    return b->s.boot0_high;
}

/* RM0383 2.4: BOOT0 is latched at a reset. It decides which memory shows at address 0, and that
 * cannot be remapped in the engine: it is made anew. BOOT1 (PB2) is taken to be low. */
static void latch_boot_mode(struct ferry_sim *b)
{
    bool empty = b->s.rom.empty && sim_rom_quirk(b, FERRY_SIM_ROM_EMPTY_CHECK);
    bool system_memory = boot0(b) || empty;
    bool torn = b->s.flash.ecc_bad_count != 0; /* reads of flash must be told, or need not be */
    if (b->s.system_memory == system_memory && b->ecc_hooked == torn)
        return;
    b->s.system_memory = system_memory;
    sim_cpu_reopen(b);
}

/* RM0394 2.6: whether flash is blank is looked at when the option bytes are loaded: at power-on and
 * when a program asks for it, not at other resets. */
static void check_empty(struct ferry_sim *b, uint32_t cause)
{
    uint32_t first;
    memcpy(&first, b->view, sizeof first);
    if (b->chip->empty_check && ((cause & SIM_RESET_POR) || b->s.options_reload))
        b->s.rom.empty = first == 0xFFFFFFFFu;
    b->s.options_reload = false;
}

static void reset_core(struct ferry_sim *b)
{
    const uint8_t *start = b->s.system_memory ? b->rom : b->view;
    uint32_t vectors[2];
    memcpy(vectors, start, sizeof vectors);
    sim_cpu_reset(b, vectors[0], vectors[1]);
    if (b->s.system_memory)
        return;
    if (b->ecc_bad)
        sim_ecc_read(b, 0, sizeof vectors);
    if ((vectors[1] & 1u) == 0) /* the first instruction (B1.5.5) */
        sim_exception_fault(b, SIM_EXC_USAGE, SIM_CFSR_INVSTATE, "reset vector without Thumb bit");
}

/* The chip but for the core, as it is in reset. */
static void reset_logic(struct ferry_sim *b, uint32_t cause)
{
    b->s.reset_pending = 0;
    b->s.sleeping = b->s.sleep_event = b->s.lockup = b->s.held = false;
    b->s.stall_until_ps = 0;
    b->dead = b->bus_fault = b->watch_masks = false;
    b->s.unclocked_told = 0;
    sim_replay_forget(b);
    sim_rom_stop(b);
    sim_flash_abort(b);
    sim_flash_reset(b);
    sim_rcc_reset(b, cause);
    sim_bus_reset(b);
    sim_iwdg_reset(b);
    sim_nvic_reset(b);
}

/* NRST is low: nothing runs until it is let go. */
static void hold_in_reset(struct ferry_sim *b, uint32_t cause)
{
    reset_logic(b, cause);
    sim_timer_set(b, SIM_T_IWDG, SIM_NEVER);
    b->s.held = true;
    b->s.held_cause = cause;
}

void sim_reset_chip(struct ferry_sim *b, uint32_t cause)
{
    if (b->s.nrst_low) {
        hold_in_reset(b, cause);
        return;
    }
    reset_logic(b, cause);
    b->s.counters.resets++;
    sim_event(b, FERRY_SIM_EV_RESET, cause, 0, 0, reset_name(cause));
    check_empty(b, cause);
    latch_boot_mode(b);
    reset_core(b);
    if (b->s.system_memory)
        sim_rom_start(b);
}

static uint32_t ram_noise(uint32_t seed, uint32_t word)
{
    uint32_t x = (seed ^ word) * 0x9E3779B1u;
    x ^= x >> 15;
    x *= 0x85EBCA77u;
    return x ^ (x >> 13);
}

void ferry_sim_power_on(struct ferry_sim *sim)
{
    if (sim->s.powered)
        return;
    sim->s.powered = true;
    sim->s.ram_seed = sim_random(sim);
    for (uint32_t i = 0; i < sim_ram_total(sim) / 4u; i++) {
        uint32_t word = ram_noise(sim->s.ram_seed, i);
        memcpy(sim->ram + 4u * i, &word, 4);
    }
    sim_cpu_flush_ram(sim);
    sim_event(sim, FERRY_SIM_EV_POWER, 1, 0, 0, "");
    sim_reset_chip(sim, SIM_RESET_POR | SIM_RESET_BOR | SIM_RESET_PIN);
    if (sim->s.flash.weak_count)
        sim_flash_jitter(sim);
}

void ferry_sim_power_off(struct ferry_sim *sim)
{
    if (!sim->s.powered)
        return;
    sim_flash_abort(sim);
    sim->s.powered = sim->s.sleeping = sim->s.lockup = sim->s.held = false;
    sim->s.cut_pending = sim->dead = sim->bus_fault = false;
    sim->s.reset_pending = 0;
    sim->s.stall_until_ps = 0;
    for (unsigned t = 0; t < SIM_T_COUNT; t++) {
        bool outside = t == SIM_T_TICK || (t >= SIM_T_UART_IN && t < SIM_T_USART_TX);
        if (!outside)
            sim->s.timer[t] = SIM_NEVER;
    }
    sim_rom_stop(sim);
    sim_gpio_show(sim);
    sim_event(sim, FERRY_SIM_EV_POWER, 0, 0, 0, "");
    sim_spi_abort(sim);
    sim_i2c_abort(sim);
}

bool ferry_sim_powered(const struct ferry_sim *sim)
{
    return sim->s.powered;
}

int ferry_sim_reset(struct ferry_sim *sim)
{
    if (!sim->s.powered || sim->s.held)
        return FERRY_SIM_E_STATE;
    sim_reset_chip(sim, SIM_RESET_PIN);
    return FERRY_SIM_OK;
}

int ferry_sim_watchdog(struct ferry_sim *sim)
{
    if (!sim->s.powered || sim->s.held)
        return FERRY_SIM_E_STATE;
    sim_reset_chip(sim, SIM_RESET_IWDG | SIM_RESET_PIN);
    return FERRY_SIM_OK;
}

static void set_nrst(struct ferry_sim *b, bool low)
{
    if (b->s.nrst_low == low)
        return;
    b->s.nrst_low = low;
    if (b->s.powered && low)
        hold_in_reset(b, SIM_RESET_PIN);
    else if (b->s.held)
        sim_reset_chip(b, b->s.held_cause);
}

int ferry_sim_line_set(struct ferry_sim *sim, unsigned line, int level)
{
    if (line >= FERRY_SIM_LINE_PIN && sim_gpio_exists(line - FERRY_SIM_LINE_PIN)) {
        ferry_sim_pin_set(sim, line - FERRY_SIM_LINE_PIN, level);
        return FERRY_SIM_OK;
    }
    if (line == FERRY_SIM_LINE_NRST)
        set_nrst(sim, level == 0); /* the board pulls it up */
    else if (line == FERRY_SIM_LINE_BOOT0)
        sim->s.boot0_high = level > 0; /* and BOOT0 down */
    else
        return FERRY_SIM_E_ARGUMENT;
    return FERRY_SIM_OK;
}

int ferry_sim_line_get(const struct ferry_sim *sim, unsigned line)
{
    if (line >= FERRY_SIM_LINE_PIN && sim_gpio_exists(line - FERRY_SIM_LINE_PIN))
        return ferry_sim_pin_get(sim, line - FERRY_SIM_LINE_PIN);
    if (line == FERRY_SIM_LINE_NRST)
        return sim->s.powered && !sim->s.nrst_low;
    return line == FERRY_SIM_LINE_BOOT0 ? sim->s.boot0_high : FERRY_SIM_E_ARGUMENT;
}

uint32_t ferry_sim_stack_used(const struct ferry_sim *sim, uint32_t low, uint32_t high)
{
    low &= ~3u;
    const uint8_t *memory = high < low ? NULL : sim_bus_ram(sim, low, high - low);
    if (!memory)
        return 0;
    for (uint32_t at = 0; at < high - low; at += 4u) {
        uint32_t word, number = (uint32_t)(memory + at - sim->ram) / 4u;
        memcpy(&word, memory + at, 4);
        if (word != ram_noise(sim->s.ram_seed, number))
            return high - low - at;
    }
    return 0;
}
