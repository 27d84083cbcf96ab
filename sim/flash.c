/* Flash interface registers and their contract (RM0383 3.5, 3.8). Cells are in flash_model.c. */
#include "sim_internal.h"

#include <string.h>

#define KEY1          0x45670123u
#define KEY2          0xCDEF89ABu
#define OPTKEY1       0x08192A3Bu
#define OPTKEY2       0x4C5D6E7Fu
#define SR_EOP        (1u << 0)
#define SR_OPERR      (1u << 1)
#define SR_WRPERR     (1u << 4)
#define SR_PGAERR     (1u << 5)
#define SR_PGPERR     (1u << 6)
#define SR_PGSERR     (1u << 7)
#define SR_BSY        (1u << 16)
#define SR_CLEAR      0x1F3u
#define CR_PG         (1u << 0)
#define CR_SER        (1u << 1)
#define CR_MER        (1u << 2)
#define CR_STRT       (1u << 16)
#define CR_EOPIE      (1u << 24)
#define CR_ERRIE      (1u << 25)
#define CR_LOCK       (1u << 31)
#define CR_BITS       0x0301037Fu
#define ACR_BITS      0x1F0Fu
#define OPT_LOCK      (1u << 0)
#define OPT_STRT      (1u << 1)
#define OPT_TIME_MS   30u
#define FLASH_IRQ     4u
#define L4_CR_OPTSTRT (1u << 17)

void sim_flash_irq(struct ferry_sim *b)
{
    const struct sim_flash *f = &b->s.flash;
    bool level =
        ((f->sr & SR_EOP) && (f->cr & CR_EOPIE)) || ((f->sr & SR_OPERR) && (f->cr & CR_ERRIE));
    sim_nvic_line(b, FLASH_IRQ, level);
}

void sim_flash_error(struct ferry_sim *b, uint32_t flag, uint32_t offset, const char *text)
{
    struct sim_flash *f = &b->s.flash;
    b->s.counters.flash_errors++;
    if (!(f->sr & flag))
        sim_event(b, FERRY_SIM_EV_FLASH_ERROR, flag, b->chip->flash_base + offset, 0, text);
    f->sr |= flag | ((f->cr & CR_ERRIE) ? SR_OPERR : 0);
    sim_flash_irq(b);
}

void sim_flash_reset(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    f->acr = f->sr = 0;
    f->cr = CR_LOCK;
    f->optcr = f->optcr_stored | OPT_LOCK;
    f->key_step = f->optkey_step = 0;
    f->key_locked_out = f->optkey_locked_out = false;
    f->busy_until_ps = 0;
    b->s.timer[SIM_T_FLASH] = SIM_NEVER;
    sim_cache_clear(b);
    if (b->chip->family == SIM_FAMILY_L4)
        sim_flash_l4_reset(b);
}

int sim_flash_sector_of(const struct ferry_sim *b, uint32_t offset)
{
    for (size_t i = b->chip->sector_count; i-- > 0;) {
        if (offset >= b->sector_offset[i])
            return (int)i;
    }
    return 0;
}

static bool write_protected(const struct ferry_sim *b, int sector)
{
    return !((b->s.flash.optcr >> (16 + sector)) & 1u);
}

bool sim_flash_protected(const struct ferry_sim *b, size_t sector)
{
    if (b->chip->family == SIM_FAMILY_L4)
        return sim_flash_l4_protected(b, sector);
    return !((b->s.flash.optcr_stored >> (16u + sector)) & 1u);
}

/* Code in flash cannot be fetched meanwhile: the core stalls. */
void sim_flash_busy(struct ferry_sim *b, uint64_t duration_ps)
{
    struct sim_flash *f = &b->s.flash;
    uint64_t start = f->busy_until_ps > b->s.now_ps ? f->busy_until_ps : b->s.now_ps;
    if (f->sr & SR_BSY)
        sim_flash_finish(b); /* from RAM: the bus had held the store until here */
    f->sr |= SR_BSY;
    f->busy_until_ps = start + duration_ps;
    sim_timer_set(b, SIM_T_FLASH, f->busy_until_ps);
    if (!sim_bus_ram(b, b->block_pc, 2))
        b->s.stall_until_ps = f->busy_until_ps;
    sim_kick(b);
}

void sim_flash_finish(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    sim_timer_set(b, SIM_T_FLASH, SIM_NEVER);
    f->sr &= ~SR_BSY;
    f->cr &= ~CR_STRT;
    if (b->chip->family == SIM_FAMILY_L4)
        f->cr &= ~L4_CR_OPTSTRT;
    else
        f->optcr &= ~OPT_STRT;
    if (f->cr & CR_EOPIE)
        f->sr |= SR_EOP; /* RM0383 3.8.4: only with EOPIE */
    if (f->op_erase)
        sim_event(b, FERRY_SIM_EV_ERASE_END, f->op_sector, b->chip->flash_base + f->op_offset,
                  f->op_size, "");
    f->op_erase = false;
    f->op_size = 0;
    sim_flash_irq(b);
}

void sim_flash_abort(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    if ((f->sr & SR_BSY) && f->op_size != 0) {
        uint32_t seed = sim_random(b);
        sim_cells_tear(b, seed, false, seed % FERRY_SIM_TEARS);
    }
    f->op_size = 0;
    f->op_erase = false;
    f->sr &= ~SR_BSY;
}

bool sim_flash_operation(struct ferry_sim *b, bool erase, uint32_t offset, uint32_t size,
                         uint64_t value, int sector)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t address = b->chip->flash_base + offset;
    struct ferry_sim_flash_op op = {.time_ns = b->s.now_ps / SIM_PS_PER_NS,
                                    .address = address,
                                    .size = size,
                                    .value = (uint32_t)value,
                                    .high = size == 8 ? (uint32_t)(value >> 32) : 0,
                                    .erase = erase};
    uint64_t number = f->ops++;
    b->s.counters.flash_ops++;
    if (b->flash_op_fn)
        b->flash_op_fn(b->flash_op_ctx, &op);
    f->op_erase = erase;
    f->op_offset = offset;
    f->op_size = size;
    f->op_sector = (uint32_t)sector;
    if (erase) {
        sim_event(b, FERRY_SIM_EV_ERASE_START, (uint32_t)sector, address, size, "");
        sim_cells_erase(b, offset, size, sector);
    } else {
        sim_cells_program(b, offset, size, value);
    }
    if (f->cut.mode == FERRY_SIM_CUT_NONE || number != f->cut_at)
        return true;
    sim_event(b, FERRY_SIM_EV_CUT, (uint32_t)number, (uint32_t)f->cut.mode, address, "power cut");
    if (f->cut.mode == FERRY_SIM_CUT_LOST)
        sim_cells_revert(b);
    else if (f->cut.mode == FERRY_SIM_CUT_TORN)
        sim_cells_tear(b, f->cut.seed, f->cut.unstable, f->cut.tear);
    f->cut.mode = FERRY_SIM_CUT_NONE;
    f->op_size = 0;
    f->op_erase = false;
    b->s.cut_pending = true;
    b->dead = true;
    sim_kick(b);
    return false;
}

static uint32_t psize(const struct ferry_sim *b)
{
    return (b->s.flash.cr >> 8) & 3u;
}

void sim_flash_store(struct ferry_sim *b, uint32_t offset, unsigned size, uint32_t value)
{
    const struct sim_flash *f = &b->s.flash;
    int sector = sim_flash_sector_of(b, offset);
    if (b->chip->family == SIM_FAMILY_L4) {
        sim_flash_l4_store(b, offset, size, value);
        return;
    }
    if ((f->cr & CR_LOCK) || !(f->cr & CR_PG)) {
        sim_flash_error(b, SR_PGSERR, offset, "store to flash without PG");
    } else if ((1u << psize(b)) != size || psize(b) == 3) {
        sim_flash_error(b, SR_PGPERR, offset, "store width differs from PSIZE");
    } else if (offset & (size - 1u)) {
        sim_flash_error(b, SR_PGAERR, offset, "store is not aligned");
    } else if (write_protected(b, sector)) {
        sim_flash_error(b, SR_WRPERR, offset, "sector is write protected");
    } else if (sim_flash_operation(b, false, offset, size, value, sector)) {
        b->s.counters.words_programmed[sector]++;
        b->s.counters.bytes_programmed += size;
        sim_flash_busy(b, b->chip->program_us * SIM_PS_PER_US);
    }
}

static uint64_t erase_ps(const struct ferry_sim *b, uint32_t size)
{
    for (size_t i = 0; i < b->chip->erase_time_count; i++) {
        if (b->chip->erase_times[i].size == size)
            return b->chip->erase_times[i].ms[psize(b)] * SIM_PS_PER_MS;
    }
    return SIM_PS_PER_S;
}

static void erase_sector(struct ferry_sim *b, uint32_t number)
{
    if (number >= b->chip->sector_count) {
        sim_flash_error(b, SR_PGSERR, 0, "no such sector");
        return;
    }
    uint32_t offset = b->sector_offset[number], size = b->chip->sector_sizes[number];
    if (write_protected(b, (int)number)) {
        sim_flash_error(b, SR_WRPERR, offset, "sector is write protected");
        return;
    }
    if (sim_flash_operation(b, true, offset, size, 0xFFFFFFFFu, (int)number)) {
        b->s.counters.erases[number]++;
        sim_flash_busy(b, erase_ps(b, size));
    }
}

static void erase_all(struct ferry_sim *b)
{
    if ((b->s.flash.optcr & b->chip->nwrp_mask) != b->chip->nwrp_mask) {
        sim_flash_error(b, SR_WRPERR, 0, "mass erase with a write-protected sector");
        return;
    }
    for (size_t i = 0; i < b->chip->sector_count; i++) {
        if (!sim_flash_operation(b, true, b->sector_offset[i], b->chip->sector_sizes[i],
                                 0xFFFFFFFFu, (int)i))
            return;
        b->s.counters.erases[i]++;
    }
    sim_flash_busy(b, b->chip->mass_erase_ms * SIM_PS_PER_MS);
}

static void start(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    if (f->cr & CR_PG) {
        sim_flash_error(b, SR_PGSERR, 0, "STRT with PG set");
    } else if (f->cr & CR_MER) {
        erase_all(b);
    } else if (f->cr & CR_SER) {
        erase_sector(b, (f->cr >> 3) & 0xFu);
    }
    if (!(f->sr & SR_BSY))
        f->cr &= ~CR_STRT;
}

/* RM0383 3.5.1: a wrong sequence locks the register until the next reset. */
static bool unlocks(uint32_t value, uint32_t key1, uint32_t key2, uint8_t *step, bool *locked_out)
{
    if (*locked_out)
        return false;
    if (*step == 0 && value == key1) {
        *step = 1;
        return false;
    }
    bool ok = *step == 1 && value == key2;
    *step = 0;
    *locked_out = !ok;
    return ok;
}

static void write_key(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    bool before = f->key_locked_out;
    if (unlocks(value, KEY1, KEY2, &f->key_step, &f->key_locked_out))
        f->cr &= ~CR_LOCK;
    if (f->key_locked_out && !before) {
        f->cr |= CR_LOCK;
        sim_misuse(b, "wrong key: FLASH_CR is locked until reset");
    }
}

static void write_optkey(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    if (unlocks(value, OPTKEY1, OPTKEY2, &f->optkey_step, &f->optkey_locked_out))
        f->optcr &= ~OPT_LOCK;
    if (f->optkey_locked_out)
        f->optcr |= OPT_LOCK;
}

static void write_cr(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    if (f->cr & CR_LOCK)
        return;
    bool was_started = (f->cr & CR_STRT) != 0;
    f->cr = (value & (CR_BITS | CR_LOCK)) | (f->cr & CR_STRT);
    if (value & CR_LOCK) {
        f->key_step = 0;
        return;
    }
    if ((value & CR_STRT) && !was_started)
        start(b);
    sim_flash_irq(b);
}

static void write_optcr(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    if (f->optcr & OPT_LOCK)
        return;
    f->optcr = value;
    if (!(value & OPT_STRT))
        return;
    sim_flash_store_options(b, value & ~(OPT_STRT | OPT_LOCK));
    sim_event(b, FERRY_SIM_EV_OPTION, f->optcr_stored, 0, 0, "option bytes programmed");
    f->op_size = 0;
    sim_flash_busy(b, OPT_TIME_MS * SIM_PS_PER_MS);
}

uint32_t sim_flash_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    const struct sim_flash *f = &b->s.flash;
    switch (offset) {
    case 0x00:
        return f->acr;
    case 0x0C:
        return f->sr;
    case 0x10:
        return f->cr;
    case 0x14:
        return f->optcr;
    default:
        return 0; /* the key registers are write-only */
    }
}

void sim_flash_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                     uint32_t mask)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t before = sim_flash_read(b, index, offset);
    uint32_t merged = sim_merge(before, value, mask);
    switch (offset) {
    case 0x00:
        f->acr = merged & ACR_BITS;
        sim_cache_control(b, before, f->acr);
        sim_rcc_update(b);
        break;
    case 0x04:
        write_key(b, value);
        break;
    case 0x08:
        write_optkey(b, value);
        break;
    case 0x0C:
        f->sr &= ~(value & mask & SR_CLEAR);
        sim_flash_irq(b);
        break;
    case 0x10:
        write_cr(b, merged);
        break;
    case 0x14:
        write_optcr(b, merged);
        break;
    default:
        break;
    }
}

/* RM0383 table 9: USER and RDP in the first half-word, nWRP in that at +8; others read as ones. */
void sim_flash_store_options(struct ferry_sim *b, uint32_t optcr)
{
    if (b->chip->family == SIM_FAMILY_L4) {
        sim_flash_l4_store_options(b, optcr);
        return;
    }
    b->s.flash.optcr_stored = optcr & ~(OPT_LOCK | OPT_STRT);
    memset(b->option, 0xFF, SIM_OPTION_SIZE);
    b->option[0] = (uint8_t)((optcr & 0xECu) | 0x03u);
    b->option[1] = (uint8_t)(optcr >> 8);
    b->option[8] = (uint8_t)(optcr >> 16);
    b->option[9] = (uint8_t)((optcr >> 24) & 0xCFu);
}
