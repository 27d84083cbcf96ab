/* Address decoding, clock gating and access widths (RM0383 2.1, 6.2). */
#include "sim_internal.h"

#include <string.h>

struct periph_code {
    sim_read_fn read;
    sim_write_fn write;
};

static uint32_t store_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    return b->s.store[index][offset / 4u];
}

static void store_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                        uint32_t mask)
{
    uint32_t *reg = &b->s.store[index][offset / 4u];
    *reg = sim_merge(*reg, value, mask);
}

static const struct periph_code code[SIM_PERIPH_KINDS] = {
    [SIM_PERIPH_STORE] = {store_read, store_write},
    [SIM_PERIPH_RCC] = {sim_rcc_read, sim_rcc_write},
    [SIM_PERIPH_PWR] = {sim_pwr_read, sim_pwr_write},
    [SIM_PERIPH_FLASH] = {sim_flash_read, sim_flash_write},
    [SIM_PERIPH_GPIO] = {sim_gpio_read, sim_gpio_write},
    [SIM_PERIPH_USART] = {sim_usart_read, sim_usart_write},
    [SIM_PERIPH_DMA] = {sim_dma_read, sim_dma_write},
    [SIM_PERIPH_IWDG] = {sim_iwdg_read, sim_iwdg_write},
    [SIM_PERIPH_SPI] = {sim_spi_read, sim_spi_write},
    [SIM_PERIPH_I2C] = {sim_i2c_read, sim_i2c_write},
    [SIM_PERIPH_RCC_L4] = {sim_rcc_l4_read, sim_rcc_l4_write},
    [SIM_PERIPH_PWR_L4] = {sim_pwr_l4_read, sim_pwr_l4_write},
    [SIM_PERIPH_FLASH_L4] = {sim_flash_l4_read, sim_flash_l4_write},
    [SIM_PERIPH_USART_V2] = {sim_usart_v2_read, sim_usart_v2_write},
    [SIM_PERIPH_DMA_L4] = {sim_dma_l4_read, sim_dma_l4_write},
};

/* Two areas: the F4's peripherals and the L4's, and the L4's ports. UINT32_MAX: neither. */
static uint32_t granule_of(uint32_t address)
{
    uint32_t low = address - SIM_PERIPH_BASE, high = address - SIM_HIGH_BASE;
    if (low < SIM_PERIPH_SPAN)
        return low / SIM_PERIPH_GRANULE;
    return high < SIM_HIGH_SPAN ? (SIM_PERIPH_SPAN + high) / SIM_PERIPH_GRANULE : UINT32_MAX;
}

void sim_bus_init(struct ferry_sim *b)
{
    for (size_t i = 0; i < b->chip->periph_count; i++) {
        b->granule[granule_of(b->chip->periphs[i].base)] = (uint8_t)(i + 1);
    }
}

static void reset_periph(struct ferry_sim *b, const struct sim_periph *p)
{
    switch (p->kind) {
    case SIM_PERIPH_STORE:
        memset(b->s.store[p->index], 0, sizeof b->s.store[p->index]);
        break;
    case SIM_PERIPH_GPIO:
        sim_gpio_reset(b, p->index);
        break;
    case SIM_PERIPH_USART:
    case SIM_PERIPH_USART_V2:
        sim_usart_reset(b, p->index);
        break;
    case SIM_PERIPH_DMA:
        sim_dma_reset(b, p->index);
        break;
    case SIM_PERIPH_DMA_L4:
        sim_dma_l4_reset(b, p->index);
        break;
    case SIM_PERIPH_SPI:
        sim_spi_reset(b);
        break;
    case SIM_PERIPH_I2C:
        sim_i2c_reset(b);
        break;
    case SIM_PERIPH_PWR:
        b->s.rcc.pwr_cr = b->chip->vos_reset << 14;
        b->s.rcc.pwr_csr = 0;
        break;
    case SIM_PERIPH_PWR_L4:
        b->s.rcc.pwr_cr = 0x200u;
        break;
    default: /* RCC, FLASH and IWDG have no reset bit */
        break;
    }
}

void sim_bus_reset(struct ferry_sim *b)
{
    for (size_t i = 0; i < b->chip->periph_count; i++)
        reset_periph(b, &b->chip->periphs[i]);
}

void sim_bus_reset_by(struct ferry_sim *b, unsigned bus, uint32_t bits)
{
    for (size_t i = 0; i < b->chip->periph_count; i++) {
        const struct sim_periph *p = &b->chip->periphs[i];
        if (p->bus == bus && ((bits >> p->bit) & 1u))
            reset_periph(b, p);
    }
}

bool sim_bus_clocked(const struct ferry_sim *b, const struct sim_periph *p)
{
    return p->bus == SIM_BUS_ALWAYS || ((b->s.rcc.enr[p->bus] >> p->bit) & 1u);
}

uint8_t *sim_bus_ram(const struct ferry_sim *b, uint32_t address, size_t size)
{
    const struct sim_chip *c = b->chip;
    uint32_t offset = address - c->ram_base; /* wraps to a large number below RAM */
    if (offset < c->ram_size && size <= c->ram_size - offset)
        return b->ram + offset;
    offset = address - c->alias_base;
    if (offset < c->alias_size && size <= c->alias_size - offset)
        return b->ram + c->alias_offset + offset;
    offset = address - c->ccm_base;
    if (offset < c->ccm_size && size <= c->ccm_size - offset)
        return b->ram + c->ram_size + offset;
    return NULL;
}

/* The peripheral at an address, if it exists and has its clock. */
static const struct sim_periph *find(struct ferry_sim *b, uint32_t address)
{
    uint32_t granule = granule_of(address);
    if (granule == UINT32_MAX || b->granule[granule] == 0) {
        b->bus_fault = true; /* reserved space: a bus error */
        b->fault_address = address;
        sim_kick(b);
        return NULL;
    }
    unsigned number = b->granule[granule] - 1u;
    const struct sim_periph *p = &b->chip->periphs[number];
    if (sim_bus_clocked(b, p))
        return p;
    if (!((b->s.unclocked_told >> number) & 1u)) {
        b->s.unclocked_told |= 1ull << number;
        sim_event(b, FERRY_SIM_EV_MISUSE, address, 0, 0, "access to a peripheral without clock");
    }
    return NULL;
}

static uint32_t read_word(struct ferry_sim *b, uint32_t address)
{
    const uint8_t *ram = sim_bus_ram(b, address, 4);
    uint32_t value = 0;
    if (ram) {
        memcpy(&value, ram, 4);
        return value;
    }
    if (address >= 0xE0000000u) {
        b->cycle.disturbed = true; /* SysTick and CYCCNT are there */
        return sim_nvic_read(b, address - 0xE0000000u);
    }
    const struct sim_periph *p = find(b, address);
    if (p && (p->kind == SIM_PERIPH_RCC || p->kind == SIM_PERIPH_IWDG))
        b->cycle.disturbed = true; /* flags that come with time */
    return p ? code[p->kind].read(b, p->index, address - p->base) : 0;
}

uint32_t sim_bus_read(struct ferry_sim *b, uint32_t address, unsigned size)
{
    uint32_t value = read_word(b, address & ~3u) >> (8u * (address & 3u));
    return size == 4 ? value : value & ((1u << (8u * size)) - 1u);
}

void sim_bus_write(struct ferry_sim *b, uint32_t address, unsigned size, uint32_t value)
{
    uint8_t *ram = sim_bus_ram(b, address, size);
    if (b->dead)
        return;
    if (ram) {
        memcpy(ram, &value, size);
        return;
    }
    unsigned shift = 8u * (address & 3u);
    uint32_t mask = size == 4 ? 0xFFFFFFFFu : ((1u << (8u * size)) - 1u) << shift;
    if (address >= 0xE0000000u) {
        sim_nvic_write(b, (address & ~3u) - 0xE0000000u, value << shift, mask);
        return;
    }
    const struct sim_periph *p = find(b, address);
    if (!p)
        return;
    bool apb = address < 0x40020000u;
    if (apb && size < 4) { /* RM0383 2.1.8: the bridge repeats narrow data over the whole word */
        value = size == 1 ? (value & 0xFFu) * 0x01010101u : (value & 0xFFFFu) * 0x00010001u;
        mask = 0xFFFFFFFFu;
        shift = 0;
    }
    code[p->kind].write(b, p->index, (address & ~3u) - p->base, value << shift, mask);
}
