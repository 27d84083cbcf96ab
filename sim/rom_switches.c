/* ST's boot loader: its habits as switches, the plan of disturbance, what a test may ask. */
#include "sim_internal.h"

#include <string.h>

static const struct {
    const char *name;
    bool on;
} quirks[] = {
#define FERRY_SIM_X(id, text, on, what) {text, on},
    FERRY_SIM_ROM_QUIRK_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
};

bool sim_rom_quirk(const struct ferry_sim *b, unsigned quirk)
{
    return ((b->s.rom.quirks >> quirk) & 1u) != 0;
}

bool sim_rom_strikes(struct ferry_sim *b, bool from_rom)
{
    struct sim_rom *r = &b->s.rom;
    uint64_t number = r->bytes[from_rom]++;
    if (r->disturb.fault == FERRY_SIM_ROM_FAULT_NONE || r->disturbed ||
        r->disturb.from_rom != from_rom || number != r->disturb_at)
        return false;
    r->disturbed = true;
    return true;
}

/* ---- public ---- */

int ferry_sim_rom_quirk(struct ferry_sim *sim, const char *name)
{
    bool on = strncmp(name, "no-", 3) != 0 || strcmp(name, "no-erase-ack") == 0;
    const char *plain_name = on ? name : name + 3;
    for (unsigned i = 0; i < FERRY_SIM_ROM_QUIRK_COUNT; i++) {
        if (strcmp(quirks[i].name, plain_name) != 0)
            continue;
        sim->s.rom.quirks &= ~(1u << i);
        sim->s.rom.quirks |= on ? 1u << i : 0;
        return FERRY_SIM_OK;
    }
    return FERRY_SIM_E_ARGUMENT;
}

const char *ferry_sim_rom_quirk_name(unsigned quirk)
{
    return quirk < FERRY_SIM_ROM_QUIRK_COUNT ? quirks[quirk].name : NULL;
}

bool ferry_sim_rom_quirk_on(const struct ferry_sim *sim, unsigned quirk)
{
    return quirk < FERRY_SIM_ROM_QUIRK_COUNT && sim_rom_quirk(sim, quirk);
}

uint32_t sim_rom_quirks_at_start(void)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < FERRY_SIM_ROM_QUIRK_COUNT; i++)
        mask |= quirks[i].on ? 1u << i : 0;
    return mask;
}

void ferry_sim_rom_disturb(struct ferry_sim *sim, const struct ferry_sim_rom_disturb *plan)
{
    struct sim_rom *r = &sim->s.rom;
    r->disturb = *plan;
    r->disturb_at = r->bytes[plan->from_rom] + plan->after;
    r->disturbed = false;
}

void ferry_sim_rom_state(const struct ferry_sim *sim, struct ferry_sim_rom_state *out)
{
    const struct sim_rom *r = &sim->s.rom;
    *out = (struct ferry_sim_rom_state){
        .active = r->active,
        .ready = r->ready,
        .busy = sim_rom_busy(sim),
        .uart = r->transport == SIM_ROM_UART,
        .i2c = r->transport == SIM_ROM_I2C,
        .empty = r->empty,
        .disturbed = r->disturbed,
        .bytes_to = r->bytes[0],
        .bytes_from = r->bytes[1],
    };
}

int ferry_sim_rom_i2c_address(const struct ferry_sim *sim)
{
    return sim->chip->rom ? sim->chip->rom->i2c_address : -1;
}
