/*
 * The core: the only file that calls the engine (Unicorn 2.0). It runs blocks of code, counts their
 * time and says why it stopped. Exceptions, sleep and everything at a known time are handled
 * between runs, by board.c and exception.c.
 *
 * Facts about the engine that shape this file:
 *  - A stop asked for in a block hook happens before that block; asked for in an MMIO callback it
 *    would run the block's start twice. So callbacks only move the deadline (sim_kick).
 *  - Memory mapped read-only from the start does not catch stores; mapped whole and protected it
 * does.
 *  - A page of RAM without permissions is asked about only until the first access that was let
 *    through; registers without permissions each time.
 *  - After a data fault the PC is the start of the block. The stacked PC of a fault is that.
 */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

#define PPB_BASE     0xE0000000u
#define PPB_SIZE     0x100000u
#define BITBAND_RAM  0x22000000u
#define BITBAND_PER  0x42000000u
#define UNUSED_PAGE  0xA0000000u /* the F401 to F411 have no memory controller there */
#define OPCODE_WFE   0xBF20u
#define OPCODE_YIELD 0xBF10u

uint32_t sim_cpu_get(struct ferry_sim *b, int reg)
{
    uint32_t value = 0;
    uc_reg_read(b->uc, reg, &value);
    return value;
}

void sim_cpu_set(struct ferry_sim *b, int reg, uint32_t value)
{
    uc_reg_write(b->uc, reg, &value);
}

static void stop(struct ferry_sim *b, enum sim_cpu_stop why)
{
    b->cpu_stop = (int)why;
    uc_emu_stop(b->uc);
}

static void mark_executed(struct ferry_sim *b, uint32_t pc, uint32_t size)
{
    uint32_t offset = pc >= b->chip->flash_base ? pc - b->chip->flash_base : pc;
    if (offset < b->chip->flash_size) {
        uint32_t last = offset + size - 1; /* a block may reach into the next chunk */
        b->exec_map[offset / SIM_CHUNK] = 1;
        if (last < b->chip->flash_size)
            b->exec_map[last / SIM_CHUNK] = 1;
    } else {
        b->ram_executed = true;
    }
}

static bool flash_offset(const struct ferry_sim *b, uint32_t address, uint32_t *offset)
{
    uint32_t base = address >= b->chip->flash_base ? b->chip->flash_base : 0;
    *offset = address - base;
    return *offset < b->chip->flash_size && (base != 0 || !b->s.system_memory);
}

/* Only there while a double word does not fit its ECC: it costs speed. */
static void on_flash_read(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                          int64_t value, void *ctx)
{
    (void)uc;
    (void)type;
    (void)value;
    struct ferry_sim *b = ctx;
    uint32_t offset;
    if (flash_offset(b, (uint32_t)address, &offset))
        sim_ecc_read(b, offset, (uint32_t)size);
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *ctx)
{
    (void)uc;
    struct ferry_sim *b = ctx;
    bool late = b->s.now_ps >= b->deadline_ps && !sim_time_goes_on(b);
    if (late || b->dead || (b->watch_masks && sim_nvic_due(b))) {
        stop(b, SIM_CPU_DEADLINE);
        return;
    }
    /* Code in RAM runs while the flash works, until it enters flash: there it stalls. */
    if (b->s.flash.busy_until_ps > b->s.now_ps) {
        bool in_ram = sim_bus_ram(b, (uint32_t)address, 2) != NULL;
        if (!in_ram || sim_cycle_stops(b, (uint32_t)address)) {
            stop(b, in_ram ? SIM_CPU_CYCLE : SIM_CPU_DEADLINE);
            return;
        }
    }
    if (b->replay.function_count && sim_replay_stops(b, (uint32_t)address)) {
        stop(b, SIM_CPU_REPLAY);
        return;
    }
    if (b->enter.count)
        sim_entered(b, (uint32_t)address);
    if (b->cycle.on && address == b->block_pc && size == 4u && b->block_size == 4u)
        sim_cycle_count_down(b, (uint32_t)address); /* the block just ran, and loops to itself */
    if (b->cycle.noting)
        sim_cycle_note_block(b);
    uint32_t halfwords = size >> 1, offset;
    if (b->ecc_hooked && flash_offset(b, (uint32_t)address, &offset))
        sim_ecc_read(b, offset, size);
    b->block_pc = (uint32_t)address;
    b->block_size = size;
    mark_executed(b, (uint32_t)address, size);
    b->s.now_ps += (uint64_t)halfwords * b->cycles_per_halfword * b->s.rcc.ps_per_cycle;
    b->s.counters.halfwords += halfwords;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *ctx)
{
    (void)uc;
    struct ferry_sim *b = ctx;
    switch (number) {
    case 2:
        stop(b, SIM_CPU_SVC);
        break;
    case 7:
        stop(b, SIM_CPU_BKPT);
        break;
    case 8:
        stop(b, SIM_CPU_EXC_RETURN);
        break;
    case 3: /* prefetch abort */
        stop(b, SIM_CPU_FETCH_FAULT);
        break;
    default:
        stop(b, SIM_CPU_UNDEFINED);
        break;
    }
}

/* WFE and YIELD come here too, with the PC behind them: then the block ends at the PC. */
static bool on_invalid(uc_engine *uc, void *ctx)
{
    (void)uc;
    struct ferry_sim *b = ctx;
    uint32_t pc = sim_cpu_get(b, UC_ARM_REG_PC);
    uint16_t opcode = 0;
    if (pc == b->block_pc + b->block_size && uc_mem_read(b->uc, pc - 2, &opcode, 2) == UC_ERR_OK) {
        if (opcode == OPCODE_WFE) {
            b->cpu_stop = SIM_CPU_WAIT_EVENT;
            return false;
        }
        if (opcode == OPCODE_YIELD) {
            b->cpu_stop = SIM_CPU_DEADLINE;
            return false;
        }
    }
    b->cpu_stop = SIM_CPU_UNDEFINED;
    return false;
}

static bool on_bad_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                          int64_t value, void *ctx)
{
    (void)uc;
    struct ferry_sim *b = ctx;
    uint32_t offset;
    if (type == UC_MEM_WRITE_PROT && flash_offset(b, (uint32_t)address, &offset)) {
        if (!b->dead)
            sim_flash_store(b, offset, (unsigned)size, (uint32_t)value);
        return true;
    }
    if (type == UC_MEM_READ_PROT && flash_offset(b, (uint32_t)address, &offset)) {
        b->cycle.disturbed = true; /* sim_cpu_watch_flash */
        return true;
    }
    bool guarded = (type == UC_MEM_READ_PROT || type == UC_MEM_WRITE_PROT) &&
                   sim_bus_ram(b, (uint32_t)address, 1) != NULL;
    if (guarded && !sim_mpu_denies(b, (uint32_t)address, (uint32_t)size))
        return true; /* and on_guard_read or on_guard_write is next */
    while (guarded && !sim_mpu_denies(b, (uint32_t)address, 1))
        address++; /* MMFAR: the part of an unaligned access that is in the region */
    b->fault_address = (uint32_t)address;
    if (guarded)
        b->cpu_stop = SIM_CPU_MPU_FAULT;
    else if (type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT)
        b->cpu_stop = address >= 0xF0000000u ? SIM_CPU_EXC_RETURN : SIM_CPU_FETCH_FAULT;
    else if (type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT)
        b->cpu_stop = SIM_CPU_WRITE_FAULT;
    else
        b->cpu_stop = SIM_CPU_READ_FAULT;
    return false;
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *ctx)
{
    (void)uc;
    const struct sim_region *r = ctx;
    return sim_bus_read(r->b, r->base + (uint32_t)offset, size);
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *ctx)
{
    (void)uc;
    const struct sim_region *r = ctx;
    sim_bus_write(r->b, r->base + (uint32_t)offset, size, (uint32_t)value);
}

/* RAM in a page with an MPU guard. An access within a page comes here whole, aligned or not. */
static uint64_t on_guard_read(uc_engine *uc, uint64_t offset, unsigned size, void *ctx)
{
    (void)uc;
    const struct sim_region *r = ctx;
    uint64_t value = 0;
    const uint8_t *ram = sim_bus_ram(r->b, r->base + (uint32_t)offset, size);
    if (ram && size <= sizeof value)
        memcpy(&value, ram, size);
    return value;
}

static void on_guard_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *ctx)
{
    (void)uc;
    const struct sim_region *r = ctx;
    uint8_t *ram = sim_bus_ram(r->b, r->base + (uint32_t)offset, size);
    if (ram && size <= sizeof value && !r->b->dead)
        memcpy(ram, &value, size);
}

/* Bit-band aliases (RM0383 2.2.5): a word for each bit; the region's base is the aliased memory. */
static uint64_t on_band_read(uc_engine *uc, uint64_t offset, unsigned size, void *ctx)
{
    (void)uc;
    (void)size;
    const struct sim_region *r = ctx;
    uint32_t address = r->base + (uint32_t)(offset >> 5);
    unsigned bit = (unsigned)(offset >> 2) & 7u;
    return (sim_bus_read(r->b, address, 1) >> bit) & 1u;
}

static void on_band_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *ctx)
{
    (void)uc;
    (void)size;
    const struct sim_region *r = ctx;
    uint32_t address = (r->base + (uint32_t)(offset >> 5)) & ~3u;
    unsigned bit = (unsigned)(offset >> 2) & 31u;
    uint32_t word = sim_bus_read(r->b, address, 4) & ~(1u << bit);
    sim_bus_write(r->b, address, 4, word | ((uint32_t)(value & 1u) << bit));
}

static bool map_read_only(struct ferry_sim *b, uint32_t base, uint32_t size, void *memory)
{
    return uc_mem_map_ptr(b->uc, base, size, UC_PROT_ALL, memory) == UC_ERR_OK &&
           uc_mem_protect(b->uc, base, size, UC_PROT_READ | UC_PROT_EXEC) == UC_ERR_OK;
}

static bool map_registers(struct ferry_sim *b, uint32_t base, uint32_t size)
{
    struct sim_region *r = &b->region[b->region_count++];
    *r = (struct sim_region){.b = b, .base = base};
    return uc_mmio_map(b->uc, base, size, on_read, r, on_write, r) == UC_ERR_OK;
}

static bool map_band(struct ferry_sim *b, uint32_t base, uint32_t size, uint32_t target)
{
    struct sim_region *r = &b->region[b->region_count++];
    *r = (struct sim_region){.b = b, .base = target};
    return uc_mmio_map(b->uc, base, size, on_band_read, r, on_band_write, r) == UC_ERR_OK;
}

/* Whole 4 KB pages that hold at least one peripheral, so that a wild access faults. */
static bool map_peripherals(struct ferry_sim *b)
{
    const uint32_t per_page = 0x1000u / SIM_PERIPH_GRANULE;
    for (uint32_t page = 0; page < SIM_PERIPH_SPAN / 0x1000u; page++) {
        bool used = false;
        for (uint32_t i = 0; i < per_page; i++)
            used = used || b->granule[page * per_page + i] != 0;
        if (used && !map_registers(b, SIM_PERIPH_BASE + page * 0x1000u, 0x1000u))
            return false;
    }
    for (uint32_t page = 0; page < SIM_HIGH_SPAN / 0x1000u; page++) {
        bool used = false;
        for (uint32_t i = 0; i < per_page; i++)
            used = used || b->granule[SIM_PERIPH_SPAN / SIM_PERIPH_GRANULE + page * per_page + i];
        if (used && !map_registers(b, SIM_HIGH_BASE + page * 0x1000u, 0x1000u))
            return false;
    }
    return map_registers(b, PPB_BASE, PPB_SIZE) &&
           map_band(b, BITBAND_PER, SIM_PERIPH_SPAN * 32u, SIM_PERIPH_BASE) &&
           map_band(b, BITBAND_RAM, b->chip->ram_size * 32u, b->chip->ram_base);
}

/* As registers every access comes to us; the permissions come first and can stop it at once. */
bool sim_cpu_guard(struct ferry_sim *b, uint32_t page, bool on)
{
    struct sim_region *r = &b->guard[page];
    uint32_t offset = page * SIM_GUARD_PAGE, base = b->chip->ram_base + offset;
    if (uc_mem_unmap(b->uc, base, SIM_GUARD_PAGE) != UC_ERR_OK)
        return false;
    *r = (struct sim_region){.b = on ? b : NULL, .base = base};
    if (!on)
        return uc_mem_map_ptr(b->uc, base, SIM_GUARD_PAGE, UC_PROT_ALL, b->ram + offset) ==
               UC_ERR_OK;
    return uc_mmio_map(b->uc, base, SIM_GUARD_PAGE, on_guard_read, r, on_guard_write, r) ==
               UC_ERR_OK &&
           uc_mem_protect(b->uc, base, SIM_GUARD_PAGE, UC_PROT_NONE) == UC_ERR_OK;
}

/* On the data bus only: code cannot run from there (RM0090 2.3.1). */
static bool map_ccm(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    return c->ccm_size == 0 ||
           uc_mem_map_ptr(b->uc, c->ccm_base, c->ccm_size, UC_PROT_READ | UC_PROT_WRITE,
                          b->ram + c->ram_size) == UC_ERR_OK;
}

static bool map_alias(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    return c->alias_size == 0 || uc_mem_map_ptr(b->uc, c->alias_base, c->alias_size, UC_PROT_ALL,
                                                b->ram + c->alias_offset) == UC_ERR_OK;
}

static bool map_memory(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    return map_read_only(b, c->flash_base, c->flash_size, b->view) &&
           (b->s.system_memory ? map_read_only(b, 0, SIM_ROM_SIZE, b->rom)
                               : map_read_only(b, 0, c->flash_size, b->view)) &&
           map_read_only(b, SIM_ROM_BASE, SIM_ROM_SIZE, b->rom) &&
           map_read_only(b, SIM_OPTION_BASE, SIM_OPTION_SIZE, b->option) &&
           uc_mem_map_ptr(b->uc, c->ram_base, c->ram_size, UC_PROT_ALL, b->ram) == UC_ERR_OK &&
           map_alias(b) && map_ccm(b);
}

/* The engine takes hook functions as void *; ISO C has no such conversion, POSIX systems do. */
static bool add_hook(struct ferry_sim *b, int type, void (*fn)(void))
{
    uc_hook hook;
    void *pointer;
    memcpy(&pointer, &fn, sizeof pointer);
    return uc_hook_add(b->uc, &hook, type, pointer, b, 1, 0) == UC_ERR_OK;
}

static bool add_hooks(struct ferry_sim *b)
{
    return add_hook(b, UC_HOOK_BLOCK, (void (*)(void))on_block) &&
           add_hook(b, UC_HOOK_INTR, (void (*)(void))on_interrupt) &&
           add_hook(b, UC_HOOK_INSN_INVALID, (void (*)(void))on_invalid) &&
           add_hook(b, UC_HOOK_MEM_INVALID, (void (*)(void))on_bad_access) &&
           (!b->ecc_hooked || add_hook(b, UC_HOOK_MEM_READ, (void (*)(void))on_flash_read));
}

int sim_cpu_open(struct ferry_sim *b)
{
    sim_engine_locks();
    if (uc_open(UC_ARCH_ARM, (uc_mode)(UC_MODE_THUMB | UC_MODE_MCLASS), &b->uc) != UC_ERR_OK)
        return FERRY_SIM_E_ENGINE;
    b->region_count = 0;
    b->restores = 0;
    memset(b->exec_map, 0, b->chip->flash_size / SIM_CHUNK);
    b->ram_executed = false;
    b->cycle.watching = false;
    memset(b->guard, 0, sizeof b->guard);
    sim_mpu_changed(b);
    b->ecc_hooked = b->s.flash.ecc_bad_count != 0;
    if (uc_ctl_set_cpu_model(b->uc, UC_CPU_ARM_CORTEX_M4) != UC_ERR_OK || !map_memory(b) ||
        !map_peripherals(b) || !add_hooks(b)) {
        sim_cpu_close(b);
        return FERRY_SIM_E_ENGINE;
    }
    return FERRY_SIM_OK;
}

void sim_cpu_close(struct ferry_sim *b)
{
    if (b->uc)
        uc_close(b->uc);
    b->uc = NULL;
}

int sim_cpu_reopen(struct ferry_sim *b)
{
    struct sim_cpu_regs regs;
    sim_cpu_save(b, &regs);
    sim_cpu_close(b);
    int rc = sim_cpu_open(b);
    if (rc == FERRY_SIM_OK)
        sim_cpu_load(b, &regs);
    return rc;
}

void sim_cpu_reset(struct ferry_sim *b, uint32_t sp, uint32_t pc)
{
    struct sim_cpu_regs regs = {.msp = sp & ~3u, .pc = pc, .xpsr = 0x01000000u, .lr = 0xFFFFFFFFu};
    sim_cpu_load(b, &regs);
}

enum sim_cpu_stop sim_cpu_run(struct ferry_sim *b)
{
    uint32_t pc = sim_cpu_get(b, UC_ARM_REG_PC);
    b->cpu_stop = SIM_CPU_WAIT; /* what it is when no hook says otherwise */
    b->block_pc = pc;
    b->block_size = 0;
    uc_err err = uc_emu_start(b->uc, pc | 1u, 0, 0, 0);
    if (err != UC_ERR_OK && b->cpu_stop == SIM_CPU_WAIT)
        b->cpu_stop = SIM_CPU_UNDEFINED;
    return (enum sim_cpu_stop)b->cpu_stop;
}

void sim_cpu_save(struct ferry_sim *b, struct sim_cpu_regs *out)
{
    for (int i = 0; i < 13; i++)
        out->r[i] = sim_cpu_get(b, UC_ARM_REG_R0 + i);
    for (int i = 0; i < 16; i++)
        uc_reg_read(b->uc, UC_ARM_REG_D0 + i, &out->d[i]);
    out->lr = sim_cpu_get(b, UC_ARM_REG_LR);
    out->pc = sim_cpu_get(b, UC_ARM_REG_PC);
    out->xpsr = sim_cpu_get(b, UC_ARM_REG_XPSR);
    out->msp = sim_cpu_get(b, UC_ARM_REG_MSP);
    out->psp = sim_cpu_get(b, UC_ARM_REG_PSP);
    out->control = sim_cpu_get(b, UC_ARM_REG_CONTROL) & 7u;
    out->primask = sim_cpu_get(b, UC_ARM_REG_PRIMASK);
    out->basepri = sim_cpu_get(b, UC_ARM_REG_BASEPRI);
    out->faultmask = sim_cpu_get(b, UC_ARM_REG_FAULTMASK);
    out->fpscr = sim_cpu_get(b, UC_ARM_REG_FPSCR);
}

/* Handler mode first: only privileged code may write CONTROL, and then Thread mode on MSP. */
void sim_cpu_load(struct ferry_sim *b, const struct sim_cpu_regs *in)
{
    sim_cycle_forget(b);
    sim_cpu_set(b, UC_ARM_REG_XPSR_NZCVQG, 0x01000000u | SIM_EXC_HARD);
    sim_cpu_set(b, UC_ARM_REG_CONTROL, 0);
    sim_cpu_set(b, UC_ARM_REG_XPSR_NZCVQG, 0x01000000u);
    sim_cpu_set(b, UC_ARM_REG_CONTROL, 0);
    sim_cpu_set(b, UC_ARM_REG_MSP, in->msp);
    sim_cpu_set(b, UC_ARM_REG_PSP, in->psp);
    sim_cpu_set(b, UC_ARM_REG_PRIMASK, in->primask);
    sim_cpu_set(b, UC_ARM_REG_BASEPRI, in->basepri);
    sim_cpu_set(b, UC_ARM_REG_FAULTMASK, in->faultmask);
    sim_cpu_set(b, UC_ARM_REG_FPSCR, in->fpscr);
    for (int i = 0; i < 16; i++)
        uc_reg_write(b->uc, UC_ARM_REG_D0 + i, &in->d[i]);
    for (int i = 0; i < 13; i++)
        sim_cpu_set(b, UC_ARM_REG_R0 + i, in->r[i]);
    sim_cpu_set(b, UC_ARM_REG_CONTROL, in->control);
    sim_cpu_set(b, UC_ARM_REG_XPSR_NZCVQG, in->xpsr | 0x01000000u);
    sim_cpu_set(b, UC_ARM_REG_LR, in->lr);
    sim_cpu_set(b, UC_ARM_REG_PC, in->pc | 1u);
}

void sim_cpu_flush(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    uint32_t first = offset / SIM_CHUNK, last = (offset + size - 1) / SIM_CHUNK;
    for (uint32_t c = first; c <= last; c++) {
        if (!b->exec_map[c])
            continue;
        uint64_t at = (uint64_t)c * SIM_CHUNK;
        uc_ctl_remove_cache(b->uc, b->chip->flash_base + at, b->chip->flash_base + at + SIM_CHUNK);
        if (!b->s.system_memory)
            uc_ctl_remove_cache(b->uc, at, at + SIM_CHUNK);
        b->exec_map[c] = 0;
    }
}

/* The engine looks at permissions only where its own table of pages has no entry: to map a page
 * anywhere empties that. */
void sim_cpu_watch_flash(struct ferry_sim *b, bool on)
{
    uint32_t prot = on ? UC_PROT_EXEC : UC_PROT_READ | UC_PROT_EXEC;
    uc_mem_protect(b->uc, b->chip->flash_base, b->chip->flash_size, prot);
    if (!b->s.system_memory)
        uc_mem_protect(b->uc, 0, b->chip->flash_size, prot);
    if (!on)
        return;
    uc_mem_map(b->uc, UNUSED_PAGE, 0x1000u, UC_PROT_NONE);
    uc_mem_unmap(b->uc, UNUSED_PAGE, 0x1000u);
}

void sim_cpu_flush_ram(struct ferry_sim *b)
{
    if (!b->ram_executed)
        return;
    uint64_t base = b->chip->ram_base;
    uc_ctl_remove_cache(b->uc, base, base + b->chip->ram_size);
    b->ram_executed = false;
}
