/*
 * The MPU (ARMv7-M B3.5). Enforced: enabled regions without any access (AP = 0) over RAM, which is
 * what a stack guard is. All else about regions is stored and read back.
 *
 * The engine has no such thing that could be switched on, and a hook on each access would slow all
 * of them. So the pages (1 KB) that such a region touches become registers without read and write
 * permission: on_bad_access in cpu.c then judges each access there, and nothing else is slower.
 */
#include "sim_internal.h"

#define MPU_TYPE        0xD90u
#define MPU_CTRL        0xD94u
#define MPU_RNR         0xD98u
#define MPU_RBAR        0xD9Cu
#define MPU_RASR_A3     0xDB8u
#define CTRL_ENABLE     1u
#define CTRL_HFNMIENA   2u
#define RBAR_VALID      0x10u
#define RASR_ENABLE     1u
#define RASR_SIZE(rasr) (((rasr) >> 1) & 0x1Fu)
#define RASR_SRD(rasr)  (((rasr) >> 8) & 0xFFu)
#define RASR_AP(rasr)   (((rasr) >> 24) & 7u)
#define SIZE_MIN        4u /* 32 bytes */
#define SIZE_SUBREGIONS 7u /* from 256 bytes on a region has eight of them */

uint32_t sim_mpu_read(const struct sim_nvic *n, uint32_t offset)
{
    uint32_t region = n->mpu_rnr % SIM_MPU_REGIONS;
    switch (offset) {
    case MPU_TYPE:
        return SIM_MPU_REGIONS << 8;
    case MPU_CTRL:
        return n->mpu_ctrl;
    case MPU_RNR:
        return n->mpu_rnr;
    default:
        return (offset & 4u) ? n->mpu_rbar[region] : n->mpu_rasr[region];
    }
}

void sim_mpu_write(struct ferry_sim *b, uint32_t offset, uint32_t value)
{
    struct sim_nvic *n = &b->s.nvic;
    if (offset == MPU_CTRL) {
        n->mpu_ctrl = value & 7u;
    } else if (offset == MPU_RNR) {
        n->mpu_rnr = value & 0xFFu;
    } else if (offset >= MPU_RBAR && offset <= MPU_RASR_A3) {
        if ((offset & 4u) && (value & RBAR_VALID)) /* it chooses the region */
            n->mpu_rnr = value & 0xFu;
        uint32_t region = n->mpu_rnr % SIM_MPU_REGIONS;
        if (offset & 4u)
            n->mpu_rbar[region] = value & ~0x1Fu;
        else
            n->mpu_rasr[region] = value;
    }
    sim_mpu_changed(b);
}

void sim_mpu_changed(struct ferry_sim *b)
{
    b->mpu_changed = true;
    sim_kick(b); /* the pages change between two runs of the core */
}

static bool in_use(uint32_t rasr)
{
    return (rasr & RASR_ENABLE) && RASR_SIZE(rasr) >= SIZE_MIN;
}

static bool covers(uint32_t rbar, uint32_t rasr, uint32_t address)
{
    uint32_t size_log2 = RASR_SIZE(rasr) + 1u;
    uint64_t size = 1ull << size_log2;
    if (!in_use(rasr) || ((rbar ^ address) & ~(uint32_t)(size - 1u)) != 0)
        return false;
    uint32_t part = (uint32_t)((address & (size - 1u)) >> (size_log2 - 3u));
    return size_log2 - 1u < SIZE_SUBREGIONS || !((RASR_SRD(rasr) >> part) & 1u);
}

/* The highest region that covers an address decides (B3.5.1). */
static bool no_access(const struct sim_nvic *n, uint32_t address)
{
    for (unsigned r = SIM_MPU_REGIONS; r-- > 0;) {
        if (covers(n->mpu_rbar[r], n->mpu_rasr[r], address))
            return RASR_AP(n->mpu_rasr[r]) == 0;
    }
    return false;
}

bool sim_mpu_denies(struct ferry_sim *b, uint32_t address, uint32_t size)
{
    const struct sim_nvic *n = &b->s.nvic;
    if (!(n->mpu_ctrl & CTRL_ENABLE))
        return false;
    if (!(n->mpu_ctrl & CTRL_HFNMIENA) && sim_nvic_running(b, true) < 0)
        return false;
    for (uint32_t at = 0; at < size; at++) {
        if (no_access(n, address + at))
            return true;
    }
    return false;
}

/* Does a region without access touch this page? One beneath another region counts too: the page is
 * then slow for nothing. */
static bool wanted(const struct sim_nvic *n, uint32_t page)
{
    for (unsigned r = 0; r < SIM_MPU_REGIONS && (n->mpu_ctrl & CTRL_ENABLE); r++) {
        uint32_t rasr = n->mpu_rasr[r];
        if (!in_use(rasr) || RASR_AP(rasr) != 0)
            continue;
        uint64_t size = 2ull << RASR_SIZE(rasr);
        uint64_t grain = size > SIM_GUARD_PAGE ? size : SIM_GUARD_PAGE;
        if (((n->mpu_rbar[r] ^ page) & ~(uint32_t)(grain - 1u)) == 0)
            return true;
    }
    return false;
}

void sim_mpu_settle(struct ferry_sim *b)
{
    if (!b->mpu_changed)
        return;
    b->mpu_changed = false;
    for (uint32_t p = 0; p < b->chip->ram_size / SIM_GUARD_PAGE; p++) {
        bool guard = wanted(&b->s.nvic, b->chip->ram_base + p * SIM_GUARD_PAGE);
        if (guard == (b->guard[p].b != NULL) || sim_cpu_guard(b, p, guard))
            continue;
        b->s.lockup = true; /* the host is out of memory */
        sim_event(b, FERRY_SIM_EV_LOCKUP, 0, 0, 0, "the engine cannot guard a page");
    }
}
