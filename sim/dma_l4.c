/* DMA controllers of the L4 (RM0394 11): channels 1 to 7, requests by CSELR. */
#include "sim_internal.h"

#include <string.h>

#define CR_EN     (1u << 0)
#define CR_TCIE   (1u << 1)
#define CR_HTIE   (1u << 2)
#define CR_TEIE   (1u << 3)
#define CR_DIR    (1u << 4) /* from memory */
#define CR_CIRC   (1u << 5)
#define CR_PINC   (1u << 6)
#define CR_MINC   (1u << 7)
#define CR_M2M    (1u << 14)
#define FLAG_G    (1u << 0)
#define FLAG_TC   (1u << 1)
#define FLAG_HT   (1u << 2)
#define FLAG_TE   (1u << 3)
#define CHANNELS  7u
#define CHANNEL_0 0x08u
#define SPACING   0x14u
#define CSELR     0xA8u

static void update_irq(struct ferry_sim *b, unsigned index, unsigned channel)
{
    const struct sim_dma *d = &b->s.dma[index];
    uint32_t flags = d->isr[0] >> (4u * (channel - 1u)), cr = d->stream[channel].cr;
    bool level = ((flags & FLAG_TC) && (cr & CR_TCIE)) || ((flags & FLAG_HT) && (cr & CR_HTIE)) ||
                 ((flags & FLAG_TE) && (cr & CR_TEIE));
    sim_nvic_line(b, b->chip->dma_irq[index][channel], level);
}

static void set_flag(struct ferry_sim *b, unsigned index, unsigned channel, uint32_t flag)
{
    b->s.dma[index].isr[0] |= (flag | FLAG_G) << (4u * (channel - 1u));
    update_irq(b, index, channel);
}

void sim_dma_l4_reset(struct ferry_sim *b, unsigned index)
{
    memset(&b->s.dma[index], 0, sizeof b->s.dma[index]);
    for (unsigned c = 1; c <= CHANNELS; c++)
        update_irq(b, index, c);
}

static void fail(struct ferry_sim *b, unsigned index, unsigned channel)
{
    b->s.dma[index].stream[channel].cr &= ~CR_EN;
    sim_misuse(b, "DMA to an address that it cannot reach: transfer error");
    set_flag(b, index, channel, FLAG_TE);
}

static unsigned memory_width(const struct sim_dma_stream *s)
{
    return 1u << ((s->cr >> 10) & 3u);
}

/* A channel that is done in circular mode starts anew. */
static void advance(struct ferry_sim *b, unsigned index, unsigned channel)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[channel];
    s->offset += memory_width(s);
    s->ndtr--;
    if (s->ndtr == s->reload / 2u && s->reload > 1u)
        set_flag(b, index, channel, FLAG_HT);
    if (s->ndtr != 0)
        return;
    s->offset = 0;
    if (s->cr & CR_CIRC)
        s->ndtr = s->reload;
    set_flag(b, index, channel, FLAG_TC);
}

static void serve(struct ferry_sim *b, const struct sim_dma_request *r)
{
    struct sim_dma_stream *s = &b->s.dma[r->dma].stream[r->stream];
    bool to_memory = r->source == SIM_DMA_USART_RX;
    uint32_t address = s->m0ar + ((s->cr & CR_MINC) ? s->offset : 0);
    unsigned size = memory_width(s);
    uint8_t *memory = sim_dma_memory(b, address, size, to_memory);
    if (!memory || ((s->cr & CR_DIR) == 0) != to_memory) {
        fail(b, r->dma, r->stream);
        return;
    }
    if (to_memory) {
        uint32_t item = sim_usart_dma_take(b, r->index);
        memcpy(memory, &item, size > 4 ? 4 : size);
    } else {
        sim_usart_dma_give(b, r->index, memory[0]);
    }
    advance(b, r->dma, r->stream);
}

static bool selected(const struct ferry_sim *b, const struct sim_dma_request *r)
{
    return ((b->s.dma[r->dma].isr[1] >> (4u * (r->stream - 1u))) & 0xFu) == r->channel;
}

bool sim_dma_l4_request(struct ferry_sim *b, enum sim_dma_source source, unsigned index)
{
    for (size_t i = 0; i < b->chip->dma_request_count; i++) {
        const struct sim_dma_request *r = &b->chip->dma_requests[i];
        const struct sim_dma_stream *s = &b->s.dma[r->dma].stream[r->stream];
        if (r->source == source && r->index == index && (s->cr & CR_EN) && s->ndtr != 0 &&
            selected(b, r)) {
            serve(b, r);
            return true;
        }
    }
    return false;
}

static void copy_memory(struct ferry_sim *b, unsigned index, unsigned channel)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[channel];
    bool to_peripheral = (s->cr & CR_DIR) != 0;
    unsigned size = memory_width(s);
    uint32_t other = s->par;
    while (s->ndtr != 0 && (s->cr & CR_EN)) {
        uint32_t address = s->m0ar + ((s->cr & CR_MINC) ? s->offset : 0);
        uint8_t *from = sim_dma_memory(b, to_peripheral ? address : other, size, false);
        uint8_t *to = sim_dma_memory(b, to_peripheral ? other : address, size, true);
        if (!from || !to) {
            fail(b, index, channel);
            return;
        }
        memmove(to, from, size);
        other += (s->cr & CR_PINC) ? size : 0;
        advance(b, index, channel);
    }
}

static void enable(struct ferry_sim *b, unsigned index, unsigned channel)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[channel];
    s->reload = s->ndtr;
    s->offset = 0;
    if (s->ndtr == 0)
        sim_misuse(b, "DMA channel enabled with CNDTR 0: nothing moves");
    if (s->cr & CR_M2M) {
        s->cr &= ~CR_CIRC;
        copy_memory(b, index, channel);
        return;
    }
    for (size_t i = 0; i < b->chip->dma_request_count; i++) {
        const struct sim_dma_request *r = &b->chip->dma_requests[i];
        if (r->dma == index && r->stream == channel && selected(b, r))
            sim_usart_dma_ready(b, (enum sim_dma_source)r->source, r->index);
    }
}

/* The registers of a channel cannot be written while it is enabled, but for EN and the interrupts.
 */
static void write_channel(struct ferry_sim *b, unsigned index, unsigned channel, uint32_t reg,
                          uint32_t value)
{
    struct sim_dma_stream *s = &b->s.dma[index].stream[channel];
    bool on = (s->cr & CR_EN) != 0;
    uint32_t *registers[] = {&s->cr, &s->ndtr, &s->par, &s->m0ar};
    if (reg == 0) {
        s->cr = on ? (s->cr & ~0xFu) | (value & 0xFu) : value & 0x7FFFu;
        if (!on && (s->cr & CR_EN))
            enable(b, index, channel);
        update_irq(b, index, channel);
    } else if (!on && reg < 0x10) {
        *registers[reg / 4u] = reg == 4 ? value & 0xFFFFu : value;
    }
}

uint32_t sim_dma_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    const struct sim_dma *d = &b->s.dma[index];
    if (offset == 0)
        return d->isr[0];
    if (offset == CSELR)
        return d->isr[1];
    if (offset < CHANNEL_0 || offset >= CHANNEL_0 + CHANNELS * SPACING)
        return 0;
    const struct sim_dma_stream *s = &d->stream[1u + (offset - CHANNEL_0) / SPACING];
    const uint32_t registers[] = {s->cr, s->ndtr, s->par, s->m0ar, 0};
    return registers[(offset - CHANNEL_0) % SPACING / 4u];
}

static void clear_flags(struct ferry_sim *b, unsigned index, uint32_t value)
{
    for (unsigned c = 1; c <= CHANNELS; c++) {
        uint32_t shift = 4u * (c - 1u), bits = (value >> shift) & 0xFu;
        uint32_t *isr = &b->s.dma[index].isr[0];
        *isr &= ~(((bits & FLAG_G) ? 0xFu : bits) << shift);
        if (((*isr >> shift) & 0xEu) == 0)
            *isr &= ~(FLAG_G << shift);
        update_irq(b, index, c);
    }
}

void sim_dma_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask)
{
    if (offset == 4) {
        clear_flags(b, index, value & mask);
        return;
    }
    value = sim_merge(sim_dma_l4_read(b, index, offset), value, mask);
    if (offset == CSELR)
        b->s.dma[index].isr[1] = value;
    else if (offset >= CHANNEL_0 && offset < CHANNEL_0 + CHANNELS * SPACING)
        write_channel(b, index, 1u + (offset - CHANNEL_0) / SPACING, (offset - CHANNEL_0) % SPACING,
                      value);
}
