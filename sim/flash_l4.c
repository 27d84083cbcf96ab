/* Flash interface of the L4 (RM0394 3): pages of 2 KB, double words with ECC. */
#include "sim_internal.h"

#include <string.h>

#define KEY1         0x45670123u
#define KEY2         0xCDEF89ABu
#define OPTKEY1      0x08192A3Bu
#define OPTKEY2      0x4C5D6E7Fu
#define SR_PROGERR   (1u << 3)
#define SR_WRPERR    (1u << 4)
#define SR_PGAERR    (1u << 5)
#define SR_SIZERR    (1u << 6)
#define SR_PGSERR    (1u << 7)
#define SR_ERRORS    0xC3FAu
#define SR_CLEAR     0xC3FBu
#define SR_BSY       (1u << 16)
#define SR_PEMPTY    (1u << 17)
#define CR_PG        (1u << 0)
#define CR_PER       (1u << 1)
#define CR_MER1      (1u << 2)
#define CR_STRT      (1u << 16)
#define CR_OPTSTRT   (1u << 17)
#define CR_OBL       (1u << 27)
#define CR_OPTLOCK   (1u << 30)
#define CR_LOCK      (1u << 31)
#define CR_BITS      0x0F0707FFu
#define ACR_RESET    0x600u
#define ECCR_ECCC    (1u << 30)
#define ECCR_ECCD    (1u << 31)
#define WRP_NONE     0x000000FFu /* start behind the end */
#define OPT_TIME_MS  22u
#define OPTION_BYTES 0x7800u /* in the system memory */
#define BLANK        UINT64_MAX
#define DOUBLE       8u

static uint64_t double_word(const struct ferry_sim *b, uint32_t offset)
{
    uint64_t value;
    memcpy(&value, b->cells + (offset & ~(DOUBLE - 1u)), sizeof value);
    return value;
}

bool sim_flash_l4_blank(const struct ferry_sim *b, uint32_t offset)
{
    return double_word(b, offset) == BLANK && !(b->ecc_bad && (b->ecc_bad[offset / DOUBLE] & 1u));
}

void sim_flash_l4_reset(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    f->acr = ACR_RESET;
    f->cr = CR_LOCK | CR_OPTLOCK;
    f->optcr = f->optcr_stored;
    memcpy(f->wrp, f->wrp_stored, sizeof f->wrp);
    f->eccr = 0;
    f->pg_half = false;
}

static bool in_area(uint32_t wrp, size_t page)
{
    return page >= (wrp & 0xFFu) && page <= ((wrp >> 16) & 0xFFu);
}

bool sim_flash_l4_protected(const struct ferry_sim *b, size_t page)
{
    return in_area(b->s.flash.wrp_stored[0], page) || in_area(b->s.flash.wrp_stored[1], page);
}

/* RM0394 table 11: each option word is followed by its complement. */
void sim_flash_l4_store_options(struct ferry_sim *b, uint32_t optr)
{
    struct sim_flash *f = &b->s.flash;
    const uint32_t words[] = {optr, f->wrp_stored[0], f->wrp_stored[1]};
    static const uint32_t at[] = {0x00, 0x18, 0x20};
    f->optcr_stored = optr;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t pair[2] = {words[i], ~words[i]};
        memcpy(b->rom + OPTION_BYTES + at[i], pair, sizeof pair);
    }
}

void sim_flash_l4_init(struct ferry_sim *b)
{
    b->s.flash.wrp_stored[0] = b->s.flash.wrp_stored[1] = WRP_NONE;
}

/* The two areas that FLASH_WRP1AR and WRP1BR can hold: the first is from the lowest to the highest
 * page named. */
void sim_flash_l4_protect(struct ferry_sim *b, const uint8_t *pages, uint32_t count)
{
    uint32_t low = 0xFF, high = 0;
    for (uint32_t i = 0; i < count; i++) {
        low = pages[i] < low ? pages[i] : low;
        high = pages[i] > high ? pages[i] : high;
    }
    b->s.flash.wrp_stored[0] = count ? low | high << 16 : WRP_NONE;
    b->s.flash.wrp_stored[1] = WRP_NONE;
}

/* ---- ECC ---- */

static void count_bad(struct ferry_sim *b)
{
    b->s.flash.ecc_bad_count = 0;
    for (uint32_t i = 0; i < b->chip->flash_size / DOUBLE; i++)
        b->s.flash.ecc_bad_count += (uint32_t)(b->ecc_bad[i] & 1);
}

/* Bit 0: does not fit its ECC; bit 1: so it was before the last erase, in case that is lost. */
void sim_ecc_erased(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    for (uint32_t i = offset / DOUBLE; b->ecc_bad && i < (offset + size) / DOUBLE; i++)
        b->ecc_bad[i] = (b->ecc_bad[i] & 1u) ? 2 : 0;
    if (b->ecc_bad && b->s.flash.ecc_bad_count)
        count_bad(b);
}

void sim_ecc_reverted(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    for (uint32_t i = offset / DOUBLE; b->ecc_bad && i < (offset + size) / DOUBLE; i++)
        b->ecc_bad[i] = (uint8_t)(b->ecc_bad[i] >> 1 & 1u);
    if (b->ecc_bad)
        count_bad(b);
}

void sim_ecc_torn(struct ferry_sim *b, uint32_t offset)
{
    if (!b->ecc_bad)
        return;
    b->ecc_bad[offset / DOUBLE] |= 1u;
    count_bad(b);
}

void sim_ecc_loaded(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    for (uint32_t i = offset / DOUBLE; b->ecc_bad && i <= (offset + size - 1u) / DOUBLE; i++)
        b->ecc_bad[i] = 0;
    if (b->ecc_bad && b->s.flash.ecc_bad_count)
        count_bad(b);
}

/* RM0394 3.3.2: two wrong bits set ECCD and raise the NMI; while ECCD is set, nothing more is told.
 */
void sim_ecc_read(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t last = (offset + size - 1u) / DOUBLE;
    for (uint32_t i = offset / DOUBLE; i <= last && i < b->chip->flash_size / DOUBLE; i++) {
        if (!(b->ecc_bad[i] & 1u) || (f->eccr & ECCR_ECCD))
            continue;
        f->eccr = ECCR_ECCD | (f->eccr & ~0x7FFFFu) | i * DOUBLE;
        sim_event(b, FERRY_SIM_EV_FLASH_ERROR, 0, b->chip->flash_base + i * DOUBLE, 0,
                  "double word does not fit its ECC: NMI");
        sim_nvic_pend(b, SIM_EXC_NMI);
    }
}

/* ---- operations ---- */

static void program(struct ferry_sim *b, uint32_t offset, uint64_t value)
{
    int page = sim_flash_sector_of(b, offset);
    if (sim_flash_l4_protected(b, (size_t)page)) {
        sim_flash_error(b, SR_WRPERR, offset, "page is write protected");
    } else if (!sim_flash_l4_blank(b, offset) && value != 0) {
        sim_flash_error(b, SR_PROGERR, offset, "double word is not erased");
    } else if (sim_flash_operation(b, false, offset, DOUBLE, value, page)) {
        b->s.counters.words_programmed[page]++;
        b->s.counters.bytes_programmed += DOUBLE;
        sim_flash_busy(b, b->chip->program_us * SIM_PS_PER_US);
    }
}

void sim_flash_l4_store(struct ferry_sim *b, uint32_t offset, unsigned size, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    if ((f->cr & CR_LOCK) || !(f->cr & CR_PG) || (f->sr & SR_ERRORS)) {
        sim_flash_error(b, SR_PGSERR, offset, "store to flash without PG, or after an error");
    } else if (size != 4) {
        sim_flash_error(b, SR_SIZERR, offset, "store to flash is not 32 bits wide");
    } else if (!f->pg_half) {
        if (offset % DOUBLE) {
            sim_flash_error(b, SR_PGAERR, offset, "first word is not at a double word");
            return;
        }
        f->pg_half = true;
        f->pg_low = value;
        f->pg_offset = offset;
    } else {
        f->pg_half = false;
        if (offset == f->pg_offset + 4u)
            program(b, f->pg_offset, (uint64_t)value << 32 | f->pg_low);
        else
            sim_flash_error(b, SR_PGAERR, offset, "second word is not of the same double word");
    }
}

static bool erase_page(struct ferry_sim *b, uint32_t page)
{
    uint32_t offset = b->sector_offset[page];
    if (!sim_flash_operation(b, true, offset, b->chip->sector_sizes[page], BLANK, (int)page))
        return false;
    b->s.counters.erases[page]++;
    return true;
}

static void start(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t page = (f->cr >> 3) & 0xFFu;
    uint32_t first = (f->cr & CR_MER1) ? 0 : page;
    uint32_t last = (f->cr & CR_MER1) ? (uint32_t)b->chip->sector_count - 1u : page;
    f->cr &= ~CR_STRT;
    if ((f->sr & SR_ERRORS) || (f->cr & CR_PG) || !(f->cr & (CR_PER | CR_MER1)) ||
        page >= b->chip->sector_count) {
        sim_flash_error(b, SR_PGSERR, 0, "STRT in a wrong sequence");
        return;
    }
    for (uint32_t i = first; i <= last; i++) {
        if (sim_flash_l4_protected(b, i)) {
            sim_flash_error(b, SR_WRPERR, b->sector_offset[i], "page is write protected");
            return;
        }
    }
    for (uint32_t i = first; i <= last; i++) {
        if (!erase_page(b, i))
            return;
    }
    f->cr |= CR_STRT;
    sim_flash_busy(b, b->chip->erase_times[0].ms[0] * SIM_PS_PER_MS);
}

static void start_options(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    memcpy(f->wrp_stored, f->wrp, sizeof f->wrp);
    sim_flash_store_options(b, f->optcr);
    sim_event(b, FERRY_SIM_EV_OPTION, f->optcr_stored, 0, 0, "option bytes programmed");
    f->op_size = 0;
    sim_flash_busy(b, OPT_TIME_MS * SIM_PS_PER_MS);
}

/* ---- registers ---- */

static void write_key(struct ferry_sim *b, uint32_t value, uint32_t key1, uint32_t key2,
                      uint8_t *step, uint32_t lock)
{
    struct sim_flash *f = &b->s.flash;
    if (*step == 0 && value == key1) {
        *step = 1;
    } else if (*step == 1 && value == key2 && !(lock == CR_OPTLOCK && (f->cr & CR_LOCK))) {
        *step = 0;
        f->cr &= ~lock;
    } else {
        *step = 2; /* RM0394 3.3.5: locked until the next reset, and a bus error */
        b->bus_fault = true;
        sim_misuse(b, "wrong key: the flash interface is locked until reset");
        sim_kick(b);
    }
}

static void write_cr(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t locks = f->cr & (CR_LOCK | CR_OPTLOCK);
    if (locks & CR_LOCK)
        return;
    uint32_t busy = f->cr & (CR_STRT | CR_OPTSTRT);
    f->cr = (value & CR_BITS & ~CR_OBL) | busy | locks | (value & (CR_LOCK | CR_OPTLOCK));
    if (!(f->cr & CR_PG))
        f->pg_half = false;
    if (value & CR_LOCK)
        f->key_step = 0;
    if ((value & CR_STRT) && !busy)
        start(b);
    if ((value & CR_OPTSTRT) && !busy && !(locks & CR_OPTLOCK))
        start_options(b);
    else if (!(busy & CR_OPTSTRT))
        f->cr &= ~CR_OPTSTRT;
    if ((value & CR_OBL) && !(locks & CR_OPTLOCK)) {
        b->s.options_reload = true;
        sim_request_reset(b, SIM_RESET_OBL | SIM_RESET_PIN);
    }
    sim_flash_irq(b);
}

uint32_t sim_flash_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    const struct sim_flash *f = &b->s.flash;
    switch (offset) {
    case 0x00:
        return f->acr;
    case 0x10:
        return f->sr | (b->s.rom.empty ? SR_PEMPTY : 0);
    case 0x14:
        return f->cr;
    case 0x18:
        return f->eccr;
    case 0x20:
        return f->optcr;
    case 0x24:
        return 0x0000FFFFu; /* no PCROP */
    case 0x2C:
        return f->wrp[0];
    case 0x30:
        return f->wrp[1];
    default:
        return 0;
    }
}

static void write_eccr(struct ferry_sim *b, uint32_t value)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t cleared = value & (ECCR_ECCC | ECCR_ECCD);
    f->eccr = ((f->eccr & ~(1u << 24)) | (value & (1u << 24))) & ~cleared;
}

void sim_flash_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                        uint32_t mask)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t before = sim_flash_l4_read(b, index, offset);
    uint32_t merged = sim_merge(before, value, mask);
    switch (offset) {
    case 0x00:
        f->acr = merged & 0x7F07u;
        sim_cache_control(b, before, f->acr);
        sim_rcc_update(b);
        break;
    case 0x08:
        write_key(b, value, KEY1, KEY2, &f->key_step, CR_LOCK);
        break;
    case 0x0C:
        write_key(b, value, OPTKEY1, OPTKEY2, &f->optkey_step, CR_OPTLOCK);
        break;
    case 0x10:
        f->sr &= ~(value & mask & SR_CLEAR);
        if ((value & mask) & SR_PEMPTY)
            b->s.rom.empty = !b->s.rom.empty; /* RM0394 3.7.5: toggles */
        sim_flash_irq(b);
        break;
    case 0x14:
        write_cr(b, merged);
        break;
    case 0x18:
        write_eccr(b, value & mask);
        break;
    case 0x20:
        f->optcr = (f->cr & CR_OPTLOCK) ? f->optcr : merged;
        break;
    case 0x2C:
    case 0x30:
        if (!(f->cr & CR_OPTLOCK))
            f->wrp[(offset - 0x2C) / 4u] = merged & 0x00FF00FFu;
        break;
    default:
        break;
    }
}

/* ---- public ---- */

void ferry_sim_write_protection(const struct ferry_sim *sim, uint32_t wrp[2])
{
    memcpy(wrp, sim->s.flash.wrp_stored, sizeof sim->s.flash.wrp_stored);
}

void ferry_sim_set_write_protection(struct ferry_sim *sim, const uint32_t wrp[2])
{
    memcpy(sim->s.flash.wrp_stored, wrp, sizeof sim->s.flash.wrp_stored);
    sim_flash_store_options(sim, sim->s.flash.optcr_stored);
}
