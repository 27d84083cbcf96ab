/* Reset and clock control, power control of the L4 (RM0394 6 and 5). */
#include "sim_internal.h"

#include <string.h>

#define MHZ         1000000u
#define HSI_HZ      16000000u
#define MSI_US      10u
#define HSI_US      1u
#define HSE_US      2000u
#define PLL_US      40u
#define LSI_US      125u
#define CR_MSION    (1u << 0)
#define CR_MSIRDY   (1u << 1)
#define CR_MSIRGSEL (1u << 3)
#define CR_HSION    (1u << 8)
#define CR_HSIRDY   (1u << 10)
#define CR_HSEON    (1u << 16)
#define CR_HSERDY   (1u << 17)
#define CR_PLLON    (1u << 24)
#define CR_PLLRDY   (1u << 25)
#define CR_READY    (CR_MSIRDY | CR_HSIRDY | CR_HSERDY | CR_PLLRDY | 1u << 27)
#define CSR_LSION   (1u << 0)
#define CSR_LSIRDY  (1u << 1)
#define CSR_RMVF    (1u << 23)
#define CSR_FLAGS   0xFF000000u
#define PLLR_ON     (1u << 24)
#define CCIPR       (0x88u / 4u)

enum { SW_MSI, SW_HSI, SW_HSE, SW_PLL };

static uint32_t msi_hz(const struct ferry_sim *b)
{
    static const uint32_t khz[16] = {100,  200,  400,   800,   1000,  2000,
                                     4000, 8000, 16000, 24000, 32000, 48000};
    uint32_t range = (b->s.rcc.cr & CR_MSIRGSEL) ? b->s.rcc.cr >> 4 : b->s.rcc.csr >> 8;
    return khz[range & 0xFu] * 1000u;
}

static bool hse_fitted(const struct ferry_sim *b)
{
    return b->board->hse_hz != 0 && !b->no_hse;
}

/* RM0394 6.4.4: limits of N and of the frequencies. 0: does not lock. */
static uint32_t pll_hz(const struct ferry_sim *b)
{
    uint32_t c = b->s.rcc.pllcfgr, source = c & 3u;
    uint64_t in = source == 1   ? msi_hz(b)
                  : source == 2 ? HSI_HZ
                  : source == 3 ? b->board->hse_hz
                                : 0;
    uint32_t m = ((c >> 4) & 7u) + 1u, n = (c >> 8) & 0x7Fu, r = (((c >> 25) & 3u) + 1u) * 2u;
    uint64_t vco = in / m * n;
    if (n < 8 || n > 86 || in / m < 4 * MHZ || in / m > 16 * MHZ || vco < 64 * MHZ ||
        vco > 344 * MHZ)
        return 0;
    return (uint32_t)(vco / r);
}

static uint64_t ready_ps(const struct ferry_sim *b, uint32_t source)
{
    const struct sim_rcc *r = &b->s.rcc;
    switch (source) {
    case SW_MSI:
        return r->msi_ready_ps;
    case SW_HSI:
        return r->hsi_ready_ps;
    case SW_HSE:
        return r->hse_ready_ps;
    default:
        return (r->pllcfgr & PLLR_ON) ? r->pll_ready_ps : SIM_NEVER;
    }
}

static uint32_t source_hz(const struct ferry_sim *b, uint32_t source)
{
    switch (source) {
    case SW_MSI:
        return msi_hz(b);
    case SW_HSI:
        return HSI_HZ;
    case SW_HSE:
        return b->board->hse_hz;
    default:
        return pll_hz(b);
    }
}

void sim_rcc_l4_update(struct ferry_sim *b)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t wanted = r->cfgr & 3u;
    uint64_t at = ready_ps(b, wanted);
    if (at <= b->s.now_ps && source_hz(b, wanted) != 0)
        r->sws = wanted;
    sim_timer_set(b, SIM_T_RCC, at > b->s.now_ps ? at : SIM_NEVER);
    sim_rcc_set_clocks(b, source_hz(b, r->sws), (r->cfgr >> 8) & 7u, (r->cfgr >> 11) & 7u);
}

void sim_rcc_l4_reset(struct ferry_sim *b, uint32_t cause)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t flags = (cause & SIM_RESET_POR) ? 0 : r->csr & CSR_FLAGS;
    flags |= cause & (SIM_RESET_PIN | SIM_RESET_SOFT | SIM_RESET_IWDG);
    flags |= (cause & SIM_RESET_POR) ? 1u << 27 : 0; /* BORRSTF is 27 here, OBLRSTF 25 */
    flags |= (cause & SIM_RESET_OBL) ? 1u << 25 : 0;
    memset(r, 0, sizeof *r);
    r->cr = 0x60u | CR_MSION;
    r->pllcfgr = 0x1000u;
    r->csr = flags | 0x600u;
    r->hsi_ready_ps = r->hse_ready_ps = r->pll_ready_ps = r->lsi_ready_ps = SIM_NEVER;
    r->msi_ready_ps = b->s.now_ps;
    r->pwr_cr = 0x200u;
    memcpy(r->enr, b->chip->enr_reset, sizeof r->enr);
    sim_rcc_l4_update(b);
}

uint32_t sim_rcc_l4_usart_hz(const struct ferry_sim *b, unsigned index, uint32_t pclk_hz)
{
    switch ((b->s.rcc.other[CCIPR] >> (2u * index)) & 3u) {
    case 0:
        return pclk_hz;
    case 1:
        return b->s.rcc.sysclk_hz;
    case 2:
        return b->s.rcc.hsi_ready_ps <= b->s.now_ps ? HSI_HZ : 0;
    default:
        return 32768;
    }
}

static uint32_t cr_value(const struct ferry_sim *b)
{
    const struct sim_rcc *r = &b->s.rcc;
    uint32_t value = r->cr & ~CR_READY;
    value |= r->msi_ready_ps <= b->s.now_ps ? CR_MSIRDY : 0;
    value |= r->hsi_ready_ps <= b->s.now_ps ? CR_HSIRDY : 0;
    value |= r->hse_ready_ps <= b->s.now_ps ? CR_HSERDY : 0;
    value |= r->pll_ready_ps <= b->s.now_ps ? CR_PLLRDY : 0;
    return value;
}

static void switch_one(const struct ferry_sim *b, uint32_t on, uint32_t off, uint32_t bit,
                       uint64_t us, uint64_t *ready)
{
    if (on & bit)
        *ready = us == SIM_NEVER ? SIM_NEVER : b->s.now_ps + us * SIM_PS_PER_US;
    else if (off & bit)
        *ready = SIM_NEVER;
}

/* The oscillator that feeds the core stays on (RM0394 6.4.1). */
static uint32_t kept(const struct ferry_sim *b)
{
    static const uint32_t source[] = {CR_MSION, CR_HSION, CR_HSEON, CR_PLLON};
    static const uint32_t pll_source[] = {0, CR_MSION, CR_HSION, CR_HSEON};
    uint32_t bits = source[b->s.rcc.sws];
    return b->s.rcc.sws == SW_PLL ? bits | pll_source[b->s.rcc.pllcfgr & 3u] : bits;
}

static void write_cr(struct ferry_sim *b, uint32_t value)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t before = r->cr;
    r->cr = (value & ~CR_READY) | (before & kept(b));
    uint32_t on = r->cr & ~before, off = before & ~r->cr;
    switch_one(b, on, off, CR_MSION, MSI_US, &r->msi_ready_ps);
    switch_one(b, on, off, CR_HSION, HSI_US, &r->hsi_ready_ps);
    switch_one(b, on, off, CR_HSEON, hse_fitted(b) ? HSE_US : SIM_NEVER, &r->hse_ready_ps);
    if ((on & CR_PLLON) && pll_hz(b) == 0)
        sim_misuse(b, "PLL factors outside their limits: it does not lock");
    switch_one(b, on, off, CR_PLLON, pll_hz(b) ? PLL_US : SIM_NEVER, &r->pll_ready_ps);
    sim_rcc_l4_update(b);
}

/* 0x28 resets, 0x48 enables, 0x68 enables in sleep: each AHB1, AHB2, AHB3, -, APB1, APB1 second
 * register, APB2. @return the bank (enum sim_bus), -1: none */
static int bank_register(uint32_t offset)
{
    static const int8_t banks[] = {SIM_BUS_AHB1, SIM_BUS_AHB2, -1,           -1,
                                   SIM_BUS_APB1, -1,           SIM_BUS_APB2, -1};
    return offset >= 0x28 && offset < 0x88 ? banks[(offset - 0x28) % 0x20u / 4u] : -1;
}

static uint32_t *bank_of(struct sim_rcc *r, uint32_t offset, int bank)
{
    return offset < 0x48 ? &r->rstr[bank] : offset < 0x68 ? &r->enr[bank] : &r->lpenr[bank];
}

uint32_t sim_rcc_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    struct sim_rcc *r = &b->s.rcc;
    int bank = bank_register(offset);
    if (bank >= 0)
        return *bank_of(r, offset, bank);
    switch (offset) {
    case 0x00:
        return cr_value(b);
    case 0x08:
        return (r->cfgr & ~0xCu) | r->sws << 2;
    case 0x0C:
        return r->pllcfgr;
    case 0x94:
        return r->csr | (r->lsi_ready_ps <= b->s.now_ps ? CSR_LSIRDY : 0);
    default:
        return offset < sizeof r->other ? r->other[offset / 4u] : 0;
    }
}

static void write_csr(struct ferry_sim *b, uint32_t value)
{
    struct sim_rcc *r = &b->s.rcc;
    uint32_t flags = (value & CSR_RMVF) ? 0 : r->csr & CSR_FLAGS;
    uint32_t changed = (r->csr ^ value) & CSR_LSION;
    if (changed)
        r->lsi_ready_ps = (value & CSR_LSION) ? b->s.now_ps + LSI_US * SIM_PS_PER_US : SIM_NEVER;
    r->csr = flags | (value & (0xF00u | CSR_LSION));
}

void sim_rcc_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask)
{
    struct sim_rcc *r = &b->s.rcc;
    int bank = bank_register(offset);
    value = sim_merge(sim_rcc_l4_read(b, index, offset), value, mask);
    if (bank >= 0) {
        *bank_of(r, offset, bank) = value;
        if (offset < 0x48)
            sim_bus_reset_by(b, (unsigned)bank, value);
        return;
    }
    switch (offset) {
    case 0x00:
        write_cr(b, value);
        break;
    case 0x08:
        r->cfgr = value & ~0xCu;
        sim_rcc_l4_update(b);
        break;
    case 0x0C: /* the factors are frozen while the PLL runs, its output enables are not */
        r->pllcfgr = (r->cr & CR_PLLON) ? (r->pllcfgr & ~PLLR_ON) | (value & PLLR_ON) : value;
        sim_rcc_l4_update(b);
        break;
    case 0x94:
        write_csr(b, value);
        break;
    default:
        if (offset < sizeof r->other)
            r->other[offset / 4u] = value;
        break;
    }
}

/* CR1 holds the voltage range; SR2 says that it is reached. */
uint32_t sim_pwr_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    return offset == 0 ? b->s.rcc.pwr_cr : offset == 0x14 ? 0x100u : 0;
}

void sim_pwr_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask)
{
    (void)index;
    if (offset != 0)
        return;
    b->s.rcc.pwr_cr = sim_merge(b->s.rcc.pwr_cr, value, mask);
    sim_rcc_l4_update(b);
}
