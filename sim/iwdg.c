/* Independent watchdog (RM0383 15): once started, nothing but a reset stops it. */
#include "sim_internal.h"

#include <string.h>

#define LSI_HZ     32000u
#define KEY_RELOAD 0xAAAAu
#define KEY_UNLOCK 0x5555u
#define KEY_START  0xCCCCu
#define SR_BUSY    3u   /* PVU and RVU */
#define UPDATE_US  160u /* five LSI cycles */

static uint64_t period_ps(const struct sim_iwdg *w)
{
    uint32_t prescaler = 4u << (w->pr < 6 ? w->pr : 6);
    return (uint64_t)(w->rlr + 1u) * prescaler * (SIM_PS_PER_S / LSI_HZ);
}

static void reload(struct ferry_sim *b)
{
    if (b->s.iwdg.running)
        sim_timer_set(b, SIM_T_IWDG, b->s.now_ps + period_ps(&b->s.iwdg));
}

void sim_iwdg_reset(struct ferry_sim *b)
{
    b->s.iwdg = (struct sim_iwdg){.rlr = 0xFFFu};
    b->s.timer[SIM_T_IWDG] = SIM_NEVER;
    if (!(b->s.flash.optcr & b->chip->iwdg_software)) { /* hardware watchdog by option byte */
        b->s.iwdg.running = true;
        reload(b);
    }
}

void sim_iwdg_expired(struct ferry_sim *b)
{
    sim_timer_set(b, SIM_T_IWDG, SIM_NEVER);
    if (b->s.rom.active) { /* ST's boot loader feeds it (AN2606) */
        reload(b);
        return;
    }
    sim_request_reset(b, SIM_RESET_IWDG | SIM_RESET_PIN);
}

uint32_t sim_iwdg_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    const struct sim_iwdg *w = &b->s.iwdg;
    switch (offset) {
    case 0x04:
        return w->pr;
    case 0x08:
        return w->rlr;
    case 0x0C:
        return w->update_until_ps > b->s.now_ps ? SR_BUSY : 0;
    default:
        return 0;
    }
}

void sim_iwdg_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                    uint32_t mask)
{
    (void)index;
    (void)mask;
    struct sim_iwdg *w = &b->s.iwdg;
    value &= 0xFFFFu;
    if (offset == 0x00) {
        w->unlocked = value == KEY_UNLOCK;
        if (value == KEY_START)
            w->running = true;
        if (value == KEY_START || value == KEY_RELOAD)
            reload(b);
    } else if ((offset == 0x04 || offset == 0x08) && w->unlocked) {
        if (offset == 0x04)
            w->pr = value & 7u;
        else
            w->rlr = value & 0xFFFu;
        w->update_until_ps = b->s.now_ps + UPDATE_US * SIM_PS_PER_US;
    }
}
