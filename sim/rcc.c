/* Reset and clock control, power control (RM0383 6 and 5): the clocks all other times come from. */
#include "sim_internal.h"

#include <string.h>

#define HSI_HZ        16000000u
#define HSE_START_US  2000u /* DS10314 table "HSE oscillator": 2 ms typical */
#define HSI_START_US  3u
#define PLL_LOCK_US   100u
#define LSI_START_US  40u
#define CR_HSION      (1u << 0)
#define CR_HSIRDY     (1u << 1)
#define CR_HSEON      (1u << 16)
#define CR_HSERDY     (1u << 17)
#define CR_PLLON      (1u << 24)
#define CR_PLLRDY     (1u << 25)
#define CR_READY_BITS (CR_HSIRDY | CR_HSERDY | CR_PLLRDY | (1u << 27))
#define PLLCFGR_HSE   (1u << 22)
#define CSR_LSION     (1u << 0)
#define CSR_LSIRDY    (1u << 1)
#define CSR_RMVF      (1u << 24)
#define CSR_FLAGS     0xFE000000u
#define MHZ           1000000u

enum { SW_HSI, SW_HSE, SW_PLL };

static bool hse_fitted(const struct ferry_sim *b)
{
    return b->board->hse_hz != 0 && !b->no_hse;
}

static bool source_ready(const struct ferry_sim *b, uint32_t source)
{
    const struct sim_rcc *r = &b->s.rcc;
    uint64_t at = source == SW_HSI   ? r->hsi_ready_ps
                  : source == SW_HSE ? r->hse_ready_ps
                  : source == SW_PLL ? r->pll_ready_ps
                                     : SIM_NEVER;
    return at <= b->s.now_ps;
}

static uint32_t pll_input_hz(const struct ferry_sim *b)
{
    return (b->s.rcc.pllcfgr & PLLCFGR_HSE) ? b->board->hse_hz : HSI_HZ;
}

/* RM0383 6.3.2: limits of M, N and of the frequencies between them. 0: does not lock. */
static uint32_t pll_hz(const struct ferry_sim *b)
{
    uint32_t m = b->s.rcc.pllcfgr & 0x3Fu, n = (b->s.rcc.pllcfgr >> 6) & 0x1FFu;
    uint32_t p = (((b->s.rcc.pllcfgr >> 16) & 3u) + 1u) * 2u;
    if (m < 2 || n < 50 || n > 432)
        return 0;
    uint64_t in = pll_input_hz(b) / m, vco = (uint64_t)pll_input_hz(b) * n / m;
    if (in < 950000u || in > 2100000u || vco < 100u * MHZ || vco > 432u * MHZ)
        return 0;
    return (uint32_t)(vco / p);
}

static uint32_t source_hz(const struct ferry_sim *b, uint32_t source)
{
    switch (source) {
    case SW_HSE:
        return b->board->hse_hz;
    case SW_PLL:
        return pll_hz(b);
    default:
        return HSI_HZ;
    }
}

static uint32_t ahb_shift(uint32_t hpre)
{
    static const uint8_t shift[] = {1, 2, 3, 4, 6, 7, 8, 9};
    return hpre < 8 ? 0 : shift[hpre - 8];
}

static uint32_t apb_shift(uint32_t ppre)
{
    return ppre < 4 ? 0 : ppre - 3;
}

static void warn(struct ferry_sim *b, bool bad, bool *warned, const char *text)
{
    if (bad && !*warned)
        sim_misuse(b, text);
    *warned = bad;
}

static void check_limits(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    struct sim_rcc *r = &b->s.rcc;
    uint32_t latency = b->s.flash.acr & 0xFu;
    uint32_t last = (uint32_t)c->wait_state_count - 1u;
    uint32_t flash_mhz = c->wait_state_mhz[latency < last ? latency : last];
    bool l4 = c->family == SIM_FAMILY_L4;
    uint32_t vos = (r->pwr_cr >> (l4 ? 9 : 14)) & 3u;
    bool pll = l4 || r->sws == SW_PLL;
    warn(b, r->hclk_hz > flash_mhz * MHZ, &r->warned_wait_states,
         "flash wait states too few for this HCLK: the chip would misread");
    warn(b, pll && r->hclk_hz > c->vos_mhz[vos] * MHZ, &r->warned_voltage,
         "HCLK above the limit of this voltage scale (PWR_CR VOS)");
    warn(b, r->pclk_hz[0] > c->apb1_max_mhz * MHZ || r->pclk_hz[1] > c->apb2_max_mhz * MHZ,
         &r->warned_apb, "APB clock above its limit");
}

void sim_rcc_set_clocks(struct ferry_sim *b, uint32_t sysclk, uint32_t ppre1, uint32_t ppre2)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t hclk = sysclk >> ahb_shift((r->cfgr >> 4) & 0xFu);
    r->sysclk_hz = sysclk;
    r->pclk_hz[0] = hclk >> apb_shift(ppre1);
    r->pclk_hz[1] = hclk >> apb_shift(ppre2);
    if (hclk != 0 && hclk != r->hclk_hz) {
        uint32_t left = r->ps_per_cycle ? sim_systick_left(b) : 0;
        uint32_t cycles = r->ps_per_cycle ? sim_cyccnt(b) : 0;
        r->hclk_hz = hclk;
        r->ps_per_cycle = (SIM_PS_PER_S + hclk / 2u) / hclk;
        b->s.nvic.cyccnt_base = cycles;
        b->s.nvic.cyccnt_since_ps = b->s.now_ps;
        sim_systick_restart(b, left);
    }
    check_limits(b);
}

void sim_rcc_update(struct ferry_sim *b)
{
    struct sim_rcc *r = &b->s.rcc;
    if (b->chip->family == SIM_FAMILY_L4) {
        sim_rcc_l4_update(b);
        return;
    }
    uint32_t wanted = r->cfgr & 3u;
    uint64_t next = SIM_NEVER;
    if (source_ready(b, wanted) && source_hz(b, wanted) != 0) {
        r->sws = wanted;
    } else {
        next = wanted == SW_HSE ? r->hse_ready_ps : wanted == SW_PLL ? r->pll_ready_ps : SIM_NEVER;
        next = next <= b->s.now_ps ? SIM_NEVER : next;
    }
    sim_timer_set(b, SIM_T_RCC, next);
    sim_rcc_set_clocks(b, source_hz(b, r->sws), (r->cfgr >> 10) & 7u, (r->cfgr >> 13) & 7u);
}

void sim_rcc_reset(struct ferry_sim *b, uint32_t cause)
{
    struct sim_rcc *r = &b->s.rcc;
    if (b->chip->family == SIM_FAMILY_L4) {
        sim_rcc_l4_reset(b, cause);
        return;
    }
    uint32_t flags = (cause & SIM_RESET_POR) ? 0 : r->csr & CSR_FLAGS;
    memset(r, 0, sizeof *r);
    r->cr = 0x80u | CR_HSION;
    r->pllcfgr = 0x24003010u;
    r->csr = flags | cause;
    r->hse_ready_ps = r->pll_ready_ps = r->lsi_ready_ps = SIM_NEVER;
    r->hsi_ready_ps = b->s.now_ps;
    r->pwr_cr = b->chip->vos_reset << 14;
    memcpy(r->enr, b->chip->enr_reset, sizeof r->enr);
    sim_rcc_update(b);
}

static uint32_t cr_value(const struct ferry_sim *b)
{
    uint32_t value = b->s.rcc.cr & ~CR_READY_BITS;
    value |= (value & CR_HSION) && source_ready(b, SW_HSI) ? CR_HSIRDY : 0;
    value |= (value & CR_HSEON) && source_ready(b, SW_HSE) ? CR_HSERDY : 0;
    value |= (value & CR_PLLON) && source_ready(b, SW_PLL) ? CR_PLLRDY : 0;
    return value;
}

/* An oscillator that feeds the core cannot be switched off (RM0383 6.3.1). */
static uint32_t refuse_off(const struct ferry_sim *b)
{
    const struct sim_rcc *r = &b->s.rcc;
    bool pll_on_hse = (r->pllcfgr & PLLCFGR_HSE) != 0;
    switch (r->sws) {
    case SW_HSE:
        return CR_HSEON;
    case SW_PLL:
        return CR_PLLON | (pll_on_hse ? CR_HSEON : CR_HSION);
    default:
        return CR_HSION;
    }
}

static uint64_t after(const struct ferry_sim *b, uint64_t us)
{
    return b->s.now_ps + us * SIM_PS_PER_US;
}

static uint64_t pll_ready_time(struct ferry_sim *b)
{
    const struct sim_rcc *r = &b->s.rcc;
    uint64_t input = (r->pllcfgr & PLLCFGR_HSE) ? r->hse_ready_ps : r->hsi_ready_ps;
    if (pll_hz(b) == 0) {
        sim_misuse(b, "PLL factors outside their limits: it does not lock");
        return SIM_NEVER;
    }
    if (b->no_pll || input == SIM_NEVER)
        return SIM_NEVER;
    return (input > b->s.now_ps ? input : b->s.now_ps) + PLL_LOCK_US * SIM_PS_PER_US;
}

static void write_cr(struct ferry_sim *b, uint32_t value)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t before = r->cr;
    r->cr = value | (before & refuse_off(b));
    uint32_t on = r->cr & ~before, off = before & ~r->cr;
    if (on & CR_HSION)
        r->hsi_ready_ps = after(b, HSI_START_US);
    if (off & CR_HSION)
        r->hsi_ready_ps = SIM_NEVER;
    if (on & CR_HSEON)
        r->hse_ready_ps = hse_fitted(b) ? after(b, HSE_START_US) : SIM_NEVER;
    if (off & CR_HSEON)
        r->hse_ready_ps = SIM_NEVER;
    if (on & CR_PLLON)
        r->pll_ready_ps = pll_ready_time(b);
    if (off & CR_PLLON)
        r->pll_ready_ps = SIM_NEVER;
    sim_rcc_update(b);
}

static void write_pllcfgr(struct ferry_sim *b, uint32_t value)
{
    if (b->s.rcc.cr & CR_PLLON)
        sim_misuse(b, "RCC_PLLCFGR written while the PLL is on: ignored");
    else
        b->s.rcc.pllcfgr = value;
}

static void write_csr(struct ferry_sim *b, uint32_t value)
{
    struct sim_rcc *r = &b->s.rcc;
    if (value & CSR_RMVF)
        r->csr &= ~CSR_FLAGS;
    if ((value & CSR_LSION) && !(r->csr & CSR_LSION))
        r->lsi_ready_ps = after(b, LSI_START_US);
    if (!(value & CSR_LSION))
        r->lsi_ready_ps = SIM_NEVER;
    r->csr = (r->csr & CSR_FLAGS) | (value & CSR_LSION);
}

/* Offsets 0x10, 0x30, 0x50 + {0, 4, 0x10, 0x14}: AHB1, AHB2, APB1, APB2. -1: no such register. */
static int bank_register(uint32_t offset)
{
    static const int8_t banks[] = {SIM_BUS_AHB1, SIM_BUS_AHB2, -1, -1,
                                   SIM_BUS_APB1, SIM_BUS_APB2, -1, -1};
    return offset >= 0x10 && offset < 0x70 ? banks[((offset - 0x10) & 0x1Fu) / 4u] : -1;
}

static bool bank_of(struct sim_rcc *r, uint32_t offset, uint32_t **reg)
{
    int bank = bank_register(offset);
    if (bank < 0)
        return false;
    *reg = offset < 0x30 ? &r->rstr[bank] : offset < 0x50 ? &r->enr[bank] : &r->lpenr[bank];
    return true;
}

uint32_t sim_rcc_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    struct sim_rcc *r = &b->s.rcc;
    uint32_t *bank;
    if (bank_of(r, offset, &bank))
        return *bank;
    switch (offset) {
    case 0x00:
        return cr_value(b);
    case 0x04:
        return r->pllcfgr;
    case 0x08:
        return (r->cfgr & ~0xCu) | r->sws << 2;
    case 0x0C:
        return r->cir;
    case 0x70:
        return r->bdcr;
    case 0x74:
        return r->csr | (r->lsi_ready_ps <= b->s.now_ps ? CSR_LSIRDY : 0);
    default:
        return offset < sizeof r->other ? r->other[offset / 4u] : 0;
    }
}

void sim_rcc_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t *bank;
    value = sim_merge(offset == 0x74 ? r->csr & ~CSR_RMVF : sim_rcc_read(b, index, offset), value,
                      mask);
    if (bank_of(r, offset, &bank)) {
        *bank = value;
        if (offset < 0x30)
            sim_bus_reset_by(b, (unsigned)bank_register(offset), value);
        return;
    }
    switch (offset) {
    case 0x00:
        write_cr(b, value & ~CR_READY_BITS);
        break;
    case 0x04:
        write_pllcfgr(b, value);
        break;
    case 0x08:
        r->cfgr = value & ~0xCu;
        sim_rcc_update(b);
        break;
    case 0x70:
        r->bdcr = value;
        break;
    case 0x74:
        write_csr(b, value);
        break;
    default:
        if (offset < sizeof r->other)
            r->other[offset / 4u] = value;
        break;
    }
}

uint32_t sim_pwr_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    return offset == 0 ? b->s.rcc.pwr_cr : offset == 4 ? b->s.rcc.pwr_csr | 1u << 14 : 0;
}

void sim_pwr_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask)
{
    (void)index;
    if (offset == 0) {
        b->s.rcc.pwr_cr = sim_merge(b->s.rcc.pwr_cr, value, mask);
        check_limits(b);
    } else if (offset == 4) {
        b->s.rcc.pwr_csr = sim_merge(b->s.rcc.pwr_csr, value, mask) & 0x300u;
    }
}
