/* GPIO ports (RM0383 8) and the LEDs on them. */
#include "sim_internal.h"

#include <string.h>

enum { MODE_INPUT, MODE_OUTPUT, MODE_ALTERNATE, MODE_ANALOG };
enum {
    REG_MODER = 0x00,
    REG_OTYPER = 0x04,
    REG_OSPEEDR = 0x08,
    REG_PUPDR = 0x0C,
    REG_IDR = 0x10,
    REG_ODR = 0x14,
    REG_BSRR = 0x18,
    REG_LCKR = 0x1C,
    REG_AFRL = 0x20,
    REG_AFRH = 0x24,
    REG_BRR = 0x28 /* L4 */
};

static unsigned mode_of(const struct sim_gpio *g, unsigned pin)
{
    return (g->moder >> (2u * pin)) & 3u;
}

static bool level_of(const struct ferry_sim *b, const struct sim_gpio *g, unsigned pin)
{
    bool pull_up = ((g->pupdr >> (2u * pin)) & 3u) == 1u;
    bool outside = (g->driven >> pin) & 1u ? (g->level >> pin) & 1u : pull_up;
    if (!b->s.powered)
        return outside && ((g->driven >> pin) & 1u);
    if (mode_of(g, pin) != MODE_OUTPUT)
        return outside;
    bool out = (g->odr >> pin) & 1u, open_drain = (g->otyper >> pin) & 1u;
    return open_drain && out ? outside : out;
}

void sim_gpio_reset(struct ferry_sim *b, unsigned index)
{
    struct sim_gpio *g = &b->s.gpio[index];
    struct sim_gpio fresh = {.driven = g->driven,
                             .level = g->level,
                             .shown = g->shown,
                             .shown_mask = g->shown_mask,
                             .moder = b->chip->gpio_moder_reset[index],
                             .pupdr = b->chip->gpio_pupdr_reset[index]};
    *g = fresh;
    sim_gpio_show(b);
}

bool sim_gpio_is_alternate(const struct ferry_sim *b, unsigned pin, unsigned function)
{
    const struct sim_gpio *g = &b->s.gpio[pin / 16u];
    unsigned n = pin % 16u;
    return mode_of(g, n) == MODE_ALTERNATE &&
           ((g->afr[n / 8u] >> (4u * (n % 8u))) & 0xFu) == function;
}

bool sim_gpio_is_open_drain(const struct ferry_sim *b, unsigned pin)
{
    return (b->s.gpio[pin / 16u].otyper >> (pin % 16u)) & 1u;
}

static bool is_output(const struct ferry_sim *b, unsigned pin)
{
    return b->s.powered && mode_of(&b->s.gpio[pin / 16u], pin % 16u) == MODE_OUTPUT;
}

static void show_port(struct ferry_sim *b, unsigned port)
{
    struct sim_gpio *g = &b->s.gpio[port];
    uint16_t outputs = 0, levels = 0;
    for (unsigned pin = 0; pin < 16; pin++) {
        if (!is_output(b, port * 16u + pin))
            continue;
        uint16_t bit = (uint16_t)(1u << pin);
        outputs |= bit;
        if (level_of(b, g, pin))
            levels |= bit;
    }
    uint32_t changed =
        ((unsigned)(levels ^ g->shown) & outputs) | (unsigned)(outputs & ~g->shown_mask);
    g->shown = levels;
    g->shown_mask = outputs;
    for (; changed; changed &= changed - 1u) {
        unsigned pin = (unsigned)__builtin_ctz(changed);
        sim_event(b, FERRY_SIM_EV_PIN, port * 16u + pin, ((uint32_t)levels >> pin) & 1u, 0, "");
    }
}

static bool led_lit(const struct ferry_sim *b, const struct sim_led *led)
{
    const struct sim_gpio *g = &b->s.gpio[led->pin / 16u];
    return is_output(b, led->pin) && level_of(b, g, led->pin % 16u) != led->active_low;
}

void sim_gpio_show(struct ferry_sim *b)
{
    for (unsigned port = 0; port < SIM_GPIOS; port++) {
        if (b->s.gpio[port].moder & 0x55555555u || b->s.gpio[port].shown_mask)
            show_port(b, port);
    }
    for (size_t i = 0; i < b->board->led_count; i++) {
        uint32_t lit = led_lit(b, &b->board->leds[i]);
        if (((b->s.led_shown >> i) & 1u) == lit)
            continue;
        b->s.led_shown ^= 1u << i;
        sim_event(b, FERRY_SIM_EV_LED, (uint32_t)i, lit, 0, b->board->leds[i].name);
    }
}

static uint32_t read_idr(const struct ferry_sim *b, const struct sim_gpio *g)
{
    uint32_t value = 0;
    for (unsigned pin = 0; pin < 16; pin++)
        value |= (uint32_t)level_of(b, g, pin) << pin;
    return value;
}

static bool stored_register(struct sim_gpio *g, uint32_t offset, uint32_t **reg)
{
    switch (offset) {
    case REG_MODER:
        *reg = &g->moder;
        return true;
    case REG_OTYPER:
        *reg = &g->otyper;
        return true;
    case REG_OSPEEDR:
        *reg = &g->ospeedr;
        return true;
    case REG_PUPDR:
        *reg = &g->pupdr;
        return true;
    case REG_ODR:
        *reg = &g->odr;
        return true;
    case REG_LCKR:
        *reg = &g->lckr;
        return true;
    case REG_AFRL:
        *reg = &g->afr[0];
        return true;
    case REG_AFRH:
        *reg = &g->afr[1];
        return true;
    default:
        return false;
    }
}

uint32_t sim_gpio_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    struct sim_gpio *g = &b->s.gpio[index];
    uint32_t *reg;
    if (stored_register(g, offset, &reg))
        return *reg;
    return offset == REG_IDR ? read_idr(b, g) : 0;
}

void sim_gpio_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                    uint32_t mask)
{
    struct sim_gpio *g = &b->s.gpio[index];
    uint32_t *reg;
    if (offset == REG_BSRR) {
        value &= mask;
        g->odr = (g->odr & ~(value >> 16)) | (value & 0xFFFFu); /* set wins (8.4.7) */
    } else if (offset == REG_BRR && b->chip->family == SIM_FAMILY_L4) {
        g->odr &= ~(value & mask);
    } else if (stored_register(g, offset, &reg)) {
        *reg = sim_merge(*reg, value, mask);
    }
    if (offset == REG_ODR)
        g->odr &= 0xFFFFu;
    if (offset != REG_OSPEEDR && offset != REG_LCKR)
        sim_gpio_show(b);
}

bool sim_gpio_exists(unsigned pin)
{
    return pin < SIM_GPIOS * 16u;
}

/* ---- public ---- */

int ferry_sim_pin_get(const struct ferry_sim *sim, unsigned pin)
{
    return sim_gpio_exists(pin) && level_of(sim, &sim->s.gpio[pin / 16u], pin % 16u) ? 1 : 0;
}

void ferry_sim_pin_set(struct ferry_sim *sim, unsigned pin, int level)
{
    if (!sim_gpio_exists(pin))
        return;
    struct sim_gpio *g = &sim->s.gpio[pin / 16u];
    uint16_t mask = (uint16_t)(1u << (pin % 16u));
    g->driven = (uint16_t)(level < 0 ? g->driven & ~mask : g->driven | mask);
    g->level = (uint16_t)(level > 0 ? g->level | mask : g->level & ~mask);
}

int ferry_sim_pin_number(const char *name)
{
    unsigned number = 0, digits = 0;
    if (name[0] != 'P' || name[1] < 'A' || name[1] >= 'A' + (int)SIM_GPIOS)
        return -1;
    for (const char *p = name + 2; *p; p++, digits++) {
        if (*p < '0' || *p > '9' || digits == 2)
            return -1;
        number = number * 10u + (unsigned)(*p - '0');
    }
    return digits == 0 || number > 15 ? -1 : (name[1] - 'A') * 16 + (int)number;
}

size_t ferry_sim_led_count(const struct ferry_sim *sim)
{
    return sim->board->led_count;
}

const char *ferry_sim_led_name(const struct ferry_sim *sim, size_t led)
{
    return led < sim->board->led_count ? sim->board->leds[led].name : "";
}

bool ferry_sim_led_lit(const struct ferry_sim *sim, size_t led)
{
    return led < sim->board->led_count && ((sim->s.led_shown >> led) & 1u);
}
