/* DMA controllers in direct mode (RM0383 9): streams, circular and double-buffer mode, flags. */
#include "sim_internal.h"

#include <string.h>

#define CR_EN     (1u << 0)
#define CR_TEIE   (1u << 2)
#define CR_HTIE   (1u << 3)
#define CR_TCIE   (1u << 4)
#define CR_CIRC   (1u << 8)
#define CR_PINC   (1u << 9)
#define CR_MINC   (1u << 10)
#define CR_DBM    (1u << 18)
#define CR_CT     (1u << 19)
#define CR_FROZEN 0x0FEFFFE0u /* cannot change while EN: all but CT and the interrupt enables */
#define FLAG_TE   (1u << 3)
#define FLAG_HT   (1u << 4)
#define FLAG_TC   (1u << 5)
#define FLAG_ALL  0x3Du

enum { DIR_TO_MEMORY, DIR_TO_PERIPHERAL, DIR_MEMORY_TO_MEMORY };

static unsigned flag_shift(unsigned stream)
{
    static const uint8_t shift[] = {0, 6, 16, 22};
    return shift[stream % 4u];
}

static uint32_t flags_of(const struct sim_dma *d, unsigned stream)
{
    return (d->isr[stream / 4u] >> flag_shift(stream)) & FLAG_ALL;
}

static void update_irq(struct ferry_sim *b, unsigned index, unsigned stream)
{
    const struct sim_dma *d = &b->s.dma[index];
    uint32_t flags = flags_of(d, stream), cr = d->stream[stream].cr;
    bool level = ((flags & FLAG_TC) && (cr & CR_TCIE)) || ((flags & FLAG_HT) && (cr & CR_HTIE)) ||
                 ((flags & FLAG_TE) && (cr & CR_TEIE));
    sim_nvic_line(b, b->chip->dma_irq[index][stream], level);
}

static void set_flag(struct ferry_sim *b, unsigned index, unsigned stream, uint32_t flag)
{
    b->s.dma[index].isr[stream / 4u] |= flag << flag_shift(stream);
    update_irq(b, index, stream);
}

void sim_dma_reset(struct ferry_sim *b, unsigned index)
{
    memset(&b->s.dma[index], 0, sizeof b->s.dma[index]);
    for (unsigned i = 0; i < 8; i++) {
        b->s.dma[index].stream[i].fcr = 0x21u;
        update_irq(b, index, i);
    }
}

static unsigned direction(const struct sim_dma_stream *s)
{
    return (s->cr >> 6) & 3u;
}

static unsigned width(const struct sim_dma_stream *s)
{
    return 1u << ((s->cr >> 11) & 3u); /* direct mode: MSIZE is forced to PSIZE (9.3.11) */
}

/* Address in memory of the next item. */
static uint32_t memory_address(const struct sim_dma_stream *s)
{
    uint32_t base = (s->cr & CR_DBM) && (s->cr & CR_CT) ? s->m1ar : s->m0ar;
    return base + ((s->cr & CR_MINC) ? s->offset : 0);
}

/* CCM: RM0090 2.1. */
uint8_t *sim_dma_memory(struct ferry_sim *b, uint32_t address, unsigned size, bool to_memory)
{
    bool ccm = address - b->chip->ccm_base < b->chip->ccm_size;
    uint8_t *ram = ccm ? NULL : sim_bus_ram(b, address, size);
    uint32_t offset = address - b->chip->flash_base;
    if (ram || to_memory)
        return ram;
    return offset < b->chip->flash_size && size <= b->chip->flash_size - offset ? b->view + offset
                                                                                : NULL;
}

/* Count one item and do what its end brings. */
static void advance(struct ferry_sim *b, unsigned index, unsigned stream)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[stream];
    s->offset += width(s);
    s->ndtr--;
    if (s->ndtr == s->reload / 2u && s->reload > 1u)
        set_flag(b, index, stream, FLAG_HT);
    if (s->ndtr != 0)
        return;
    s->offset = 0;
    if (s->cr & CR_DBM) {
        s->cr ^= CR_CT;
        s->ndtr = s->reload;
    } else if (s->cr & CR_CIRC) {
        s->ndtr = s->reload;
    } else {
        s->cr &= ~CR_EN;
    }
    set_flag(b, index, stream, FLAG_TC);
}

static void fail(struct ferry_sim *b, unsigned index, unsigned stream)
{
    b->s.dma[index].stream[stream].cr &= ~CR_EN;
    sim_misuse(b, "DMA to an address that it cannot reach: transfer error");
    set_flag(b, index, stream, FLAG_TE);
}

/* How a source gives its item, takes one, and hears that a stream is there for it. */
struct port_code {
    uint8_t (*take)(struct ferry_sim *b, unsigned index); /* to memory */
    void (*give)(struct ferry_sim *b, unsigned index, uint8_t byte);
    void (*ready)(struct ferry_sim *b, enum sim_dma_source source, unsigned index);
};

static const struct port_code ports[SIM_DMA_SOURCES] = {
    [SIM_DMA_USART_RX] = {sim_usart_dma_take, NULL, sim_usart_dma_ready},
    [SIM_DMA_USART_TX] = {NULL, sim_usart_dma_give, sim_usart_dma_ready},
    [SIM_DMA_SPI_RX] = {sim_spi_dma_take, NULL, sim_spi_dma_ready},
    [SIM_DMA_SPI_TX] = {NULL, sim_spi_dma_give, sim_spi_dma_ready},
    [SIM_DMA_I2C_RX] = {sim_i2c_dma_take, NULL, sim_i2c_dma_ready},
    [SIM_DMA_I2C_TX] = {NULL, sim_i2c_dma_give, sim_i2c_dma_ready},
};

static void serve(struct ferry_sim *b, const struct sim_dma_request *r)
{
    struct sim_dma_stream *s = &b->s.dma[r->dma].stream[r->stream];
    const struct port_code *port = &ports[r->source];
    bool to_memory = port->take != NULL;
    unsigned size = width(s);
    uint8_t *memory = sim_dma_memory(b, memory_address(s), size, to_memory);
    if (!memory || direction(s) != (to_memory ? DIR_TO_MEMORY : DIR_TO_PERIPHERAL)) {
        fail(b, r->dma, r->stream);
        return;
    }
    if (to_memory) {
        uint32_t item = port->take(b, r->index);
        memcpy(memory, &item, size);
    } else {
        port->give(b, r->index, memory[0]);
    }
    advance(b, r->dma, r->stream);
}

bool sim_dma_request(struct ferry_sim *b, enum sim_dma_source source, unsigned index)
{
    if (b->chip->family == SIM_FAMILY_L4)
        return sim_dma_l4_request(b, source, index);
    for (size_t i = 0; i < b->chip->dma_request_count; i++) {
        const struct sim_dma_request *r = &b->chip->dma_requests[i];
        const struct sim_dma_stream *s = &b->s.dma[r->dma].stream[r->stream];
        if (r->source == source && r->index == index && (s->cr & CR_EN) &&
            ((s->cr >> 25) & 7u) == r->channel) {
            serve(b, r);
            return true;
        }
    }
    return false;
}

static void copy_memory(struct ferry_sim *b, unsigned index, unsigned stream)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[stream];
    unsigned size = width(s);
    uint32_t source = s->par;
    while (s->cr & CR_EN) {
        const uint8_t *from = sim_dma_memory(b, source, size, false);
        uint8_t *to = sim_dma_memory(b, memory_address(s), size, true);
        if (!from || !to) {
            fail(b, index, stream);
            return;
        }
        memmove(to, from, size);
        source += (s->cr & CR_PINC) ? size : 0;
        advance(b, index, stream);
    }
}

static void enable(struct ferry_sim *b, unsigned index, unsigned stream)
{
    struct sim_dma *d = &b->s.dma[index];
    struct sim_dma_stream *s = &d->stream[stream];
    if (flags_of(d, stream) || s->ndtr == 0) {
        /* 9.5.5: event flags must be cleared before EN can be set */
        sim_misuse(b, s->ndtr ? "DMA stream enabled with its flags set: refused"
                              : "DMA stream enabled with NDTR 0: refused");
        s->cr &= ~CR_EN;
        return;
    }
    s->reload = s->ndtr;
    s->offset = 0;
    if (direction(s) == DIR_MEMORY_TO_MEMORY) {
        s->cr &= ~(CR_CIRC | CR_DBM);
        copy_memory(b, index, stream);
        return;
    }
    for (size_t i = 0; i < b->chip->dma_request_count; i++) {
        const struct sim_dma_request *r = &b->chip->dma_requests[i];
        if (r->dma == index && r->stream == stream && r->channel == ((s->cr >> 25) & 7u))
            ports[r->source].ready(b, (enum sim_dma_source)r->source, r->index);
    }
}

static void write_cr(struct ferry_sim *b, unsigned index, unsigned stream, uint32_t value)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[stream];
    uint32_t before = s->cr;
    s->cr = (before & CR_EN) ? (before & CR_FROZEN) | (value & ~CR_FROZEN) : value & 0x0FEFFFFFu;
    if ((before & CR_EN) && (value & CR_EN) && ((before ^ value) & CR_CT))
        s->cr = (s->cr & ~CR_CT) | (before & CR_CT); /* CT is the hardware's while it runs */
    if (!(before & CR_EN) && (s->cr & CR_EN))
        enable(b, index, stream);
    else if ((before & CR_EN) && !(s->cr & CR_EN))
        set_flag(b, index, stream, FLAG_TC); /* 9.3.13: a stream that is switched off ends so */
    update_irq(b, index, stream);
}

static void write_stream(struct ferry_sim *b, unsigned index, unsigned stream, uint32_t reg,
                         uint32_t value)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[stream];
    bool on = s->cr & CR_EN;
    bool spare0 = on && (s->cr & CR_DBM) && (s->cr & CR_CT); /* memory 0 is not in use */
    bool spare1 = on && (s->cr & CR_DBM) && !(s->cr & CR_CT);
    switch (reg) {
    case 0x00:
        write_cr(b, index, stream, value);
        break;
    case 0x04:
        s->ndtr = on ? s->ndtr : value & 0xFFFFu;
        break;
    case 0x08:
        s->par = on ? s->par : value;
        break;
    case 0x0C:
        s->m0ar = !on || spare0 ? value : s->m0ar;
        break;
    case 0x10:
        s->m1ar = !on || spare1 ? value : s->m1ar;
        break;
    case 0x14:
        s->fcr = value;
        break;
    default:
        break;
    }
}

uint32_t sim_dma_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    const struct sim_dma *d = &b->s.dma[index];
    if (offset < 8)
        return d->isr[offset / 4u];
    if (offset < 0x10 || offset >= 0x10 + 8 * 0x18)
        return 0;
    const struct sim_dma_stream *s = &d->stream[(offset - 0x10) / 0x18u];
    const uint32_t regs[] = {s->cr, s->ndtr, s->par, s->m0ar, s->m1ar, s->fcr};
    return regs[(offset - 0x10) % 0x18u / 4u];
}

void sim_dma_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask)
{
    struct sim_dma *d = &b->s.dma[index];
    if (offset == 8 || offset == 0xC) {
        d->isr[(offset - 8) / 4u] &= ~(value & mask);
        for (unsigned i = 0; i < 4; i++)
            update_irq(b, index, (offset - 8) + i);
        return;
    }
    if (offset < 0x10 || offset >= 0x10 + 8 * 0x18)
        return;
    value = sim_merge(sim_dma_read(b, index, offset), value, mask);
    write_stream(b, index, (offset - 0x10) / 0x18u, (offset - 0x10) % 0x18u, value);
}
