/* I2C1 as a slave: registers and flags (RM0383 18.3.2, 18.6; RM0090 27.3.3, 27.6). The master that
 * clocks it is in i2c_wire.c. */
#include "sim_internal.h"

#include <string.h>

#define CR1_PE        (1u << 0)
#define CR1_ENGC      (1u << 6)
#define CR1_NOSTRETCH (1u << 7)
#define CR1_ACK       (1u << 10)
#define CR1_SWRST     (1u << 15)
#define CR2_FREQ      0x3Fu
#define CR2_ITERREN   (1u << 8)
#define CR2_ITEVTEN   (1u << 9)
#define CR2_ITBUFEN   (1u << 10)
#define CR2_DMAEN     (1u << 11)
#define OAR1_ADDMODE  (1u << 15)
#define OAR2_ENDUAL   (1u << 0)
#define SR1_ADDR      (1u << 1)
#define SR1_BTF       (1u << 2)
#define SR1_STOPF     (1u << 4)
#define SR1_RXNE      (1u << 6)
#define SR1_TXE       (1u << 7)
#define SR1_AF        (1u << 10)
#define SR1_OVR       (1u << 11)
#define SR1_EVENTS    (SR1_ADDR | SR1_BTF | SR1_STOPF)
#define SR1_ERRORS    0xDF00u /* cleared by writing 0 */
#define SR2_BUSY      (1u << 1)
#define SR2_TRA       (1u << 2)
#define SR2_GENCALL   (1u << 4)
#define SR2_DUALF     (1u << 7)

static const struct sim_periph *periph_of(const struct ferry_sim *b)
{
    for (size_t i = 0; i < b->chip->periph_count; i++) {
        if (b->chip->periphs[i].kind == SIM_PERIPH_I2C)
            return &b->chip->periphs[i];
    }
    return NULL;
}

static void update_irq(struct ferry_sim *b)
{
    const struct sim_i2c *s = &b->s.i2c;
    const struct sim_periph *p = periph_of(b);
    bool buffer = (s->cr2 & CR2_ITBUFEN) && (s->sr1 & (SR1_RXNE | SR1_TXE));
    bool event = (s->cr2 & CR2_ITEVTEN) && ((s->sr1 & SR1_EVENTS) || buffer);
    if (!p)
        return;
    sim_nvic_line(b, p->irq, event);
    sim_nvic_line(b, p->irq + 1u, (s->cr2 & CR2_ITERREN) && (s->sr1 & SR1_ERRORS));
}

static void ask_dma(struct ferry_sim *b)
{
    const struct sim_i2c *s = &b->s.i2c;
    while ((s->cr2 & CR2_DMAEN) && (s->sr1 & SR1_RXNE)) {
        if (!sim_dma_request(b, SIM_DMA_I2C_RX, 0))
            break;
    }
    while ((s->cr2 & CR2_DMAEN) && (s->sr1 & SR1_TXE)) {
        if (!sim_dma_request(b, SIM_DMA_I2C_TX, 0))
            break;
    }
}

/* After every change: DMA first, then interrupts, then the master if it waited for the clock. */
static void settle(struct ferry_sim *b)
{
    ask_dma(b);
    update_irq(b);
    sim_i2c_wire_look(b);
}

/* The lines are let go and the byte under way is nobody's (PE = 0, SWRST, reset). */
static void go_idle(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    s->sr1 = s->sr2 = 0;
    s->addressed = s->tx_full = s->shift_full = s->addr_seen = s->stop_seen = false;
}

void sim_i2c_reset(struct ferry_sim *b)
{
    b->s.i2c = (struct sim_i2c){.trise = 2};
    update_irq(b);
    sim_i2c_wire_look(b);
}

/* ---- what the master sees ---- */

static void tell(struct ferry_sim *b, unsigned number, bool bad, const char *text)
{
    if (!bad || ((b->s.i2c.told >> number) & 1u))
        return;
    b->s.i2c.told |= 1u << number;
    sim_misuse(b, text);
}

static bool on_the_bus(struct ferry_sim *b)
{
    const struct sim_i2c *s = &b->s.i2c;
    const struct sim_i2c_wiring *w = b->board->i2c;
    const struct sim_periph *p = periph_of(b);
    if (!b->s.powered || b->s.held || !p || !sim_bus_clocked(b, p) || !(s->cr1 & CR1_PE))
        return false;
    bool pins = sim_gpio_is_alternate(b, w->scl_pin, w->alternate) &&
                sim_gpio_is_alternate(b, w->sda_pin, w->alternate);
    tell(b, 0, !pins, "I2C is on, its pins are not set to it");
    return pins;
}

static void check_setup(struct ferry_sim *b)
{
    const struct sim_i2c *s = &b->s.i2c;
    const struct sim_i2c_wiring *w = b->board->i2c;
    uint32_t mhz = b->s.rcc.pclk_hz[0] / 1000000u;
    tell(b, 1, (s->cr2 & CR2_FREQ) != mhz, "I2C_CR2 FREQ is not the APB1 clock in MHz");
    tell(b, 2, !sim_gpio_is_open_drain(b, w->scl_pin) || !sim_gpio_is_open_drain(b, w->sda_pin),
         "I2C pins are not open-drain: the slave fights the master");
    tell(b, 3, (s->oar1 & OAR1_ADDMODE) != 0, "I2C 10-bit addresses are not modelled");
}

void sim_i2c_start(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        sim_rom_i2c_stop(b); /* a repeated start ends a frame too */
    if (!on_the_bus(b))
        return;
    check_setup(b);
    s->sr2 |= SR2_BUSY;
    s->sr1 &= ~(SR1_TXE | SR1_BTF);
    s->addressed = s->shift_full = false;
    if (!(s->cr1 & CR1_NOSTRETCH))
        s->tx_full = false; /* 18.6.6: TXE and the unsent byte go at a start or stop */
    update_irq(b);
}

/* SR2 flags of a match, or -1. */
static int match(const struct sim_i2c *s, uint8_t address, bool read)
{
    if (((s->oar1 >> 1) & 0x7Fu) == address)
        return 0;
    if ((s->oar2 & OAR2_ENDUAL) && ((s->oar2 >> 1) & 0x7Fu) == address)
        return (int)SR2_DUALF;
    return (s->cr1 & CR1_ENGC) && address == 0 && !read ? (int)SR2_GENCALL : -1;
}

bool sim_i2c_address(struct ferry_sim *b, uint8_t address, bool read)
{
    struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        return sim_rom_i2c_address(b, address, read);
    int flags = match(s, address, read);
    if (flags < 0 || !on_the_bus(b) || !(s->cr1 & CR1_ACK))
        return false;
    s->addressed = true;
    s->addr_seen = false;
    s->sr1 |= SR1_ADDR | (read ? SR1_TXE : 0);
    s->sr2 = SR2_BUSY | (uint32_t)flags | (read ? SR2_TRA : 0);
    if (read && s->tx_full) { /* written ahead, without stretching */
        s->shift = s->dr_tx;
        s->shift_full = true;
        s->tx_full = false;
    }
    settle(b);
    return true;
}

bool sim_i2c_stretches(const struct ferry_sim *b, bool wants_byte)
{
    const struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        return sim_rom_i2c_stretches(b, wants_byte);
    if (!s->addressed || (s->cr1 & CR1_NOSTRETCH))
        return false;
    if (s->sr1 & SR1_ADDR)
        return true;
    return (s->sr2 & SR2_TRA) ? wants_byte && !s->shift_full : (s->sr1 & SR1_BTF) != 0;
}

bool sim_i2c_receive(struct ferry_sim *b, uint8_t byte)
{
    struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        return sim_rom_i2c_receive(b, byte);
    if (!s->addressed)
        return false;
    bool ack = (s->cr1 & CR1_ACK) != 0;
    b->s.counters.i2c_to_node++;
    if (!(s->sr1 & SR1_RXNE)) {
        s->dr_rx = byte;
        s->sr1 |= SR1_RXNE;
    } else if (s->cr1 & CR1_NOSTRETCH) {
        s->sr1 |= SR1_OVR; /* the new byte is lost */
        b->s.counters.i2c_overrun++;
    } else {
        s->shift = byte;
        s->shift_full = true;
        s->sr1 |= SR1_BTF;
    }
    s->addressed = ack;
    settle(b);
    return ack;
}

uint8_t sim_i2c_send(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        return sim_rom_i2c_send(b);
    if (!s->addressed)
        return 0xFF; /* nobody pulls SDA */
    b->s.counters.i2c_from_node++;
    if (!s->shift_full) { /* only without stretching: the last byte again */
        s->shift = s->dr_tx;
        s->sr1 |= SR1_OVR;
        b->s.counters.i2c_overrun++;
        update_irq(b);
    }
    return s->shift;
}

/* The ninth clock of a byte that was sent. */
void sim_i2c_sent(struct ferry_sim *b, bool ack)
{
    struct sim_i2c *s = &b->s.i2c;
    if (!s->addressed)
        return;
    s->shift_full = ack && s->tx_full;
    if (!ack) {
        s->sr1 |= SR1_AF;
        s->addressed = false;
    } else if (s->tx_full) {
        s->shift = s->dr_tx;
        s->tx_full = false;
        s->sr1 |= SR1_TXE;
    } else if (!(s->cr1 & CR1_NOSTRETCH)) {
        s->sr1 |= SR1_BTF;
    }
    settle(b);
}

void sim_i2c_stop(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    if (b->s.rom.active)
        sim_rom_i2c_stop(b);
    if (s->addressed && (s->cr1 & CR1_ACK))
        s->sr1 |= SR1_STOPF; /* not after a NACK (18.6.6) */
    s->addressed = s->shift_full = false;
    s->tx_full = s->tx_full && (s->cr1 & CR1_NOSTRETCH);
    s->sr1 &= ~(SR1_TXE | SR1_BTF);
    s->sr2 = 0;
    update_irq(b);
}

/* ---- registers ---- */

static uint32_t read_data(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    uint32_t value = s->dr_rx;
    s->sr1 &= ~SR1_RXNE;
    if ((s->sr1 & SR1_BTF) && !(s->sr2 & SR2_TRA)) {
        s->dr_rx = s->shift;
        s->shift_full = false;
        s->sr1 = (s->sr1 & ~SR1_BTF) | SR1_RXNE;
    }
    return value;
}

/* 18.3.2: the first byte goes on to the shift register, and TXE stays. */
static void write_data(struct ferry_sim *b, uint8_t byte)
{
    struct sim_i2c *s = &b->s.i2c;
    if (s->addressed && (s->sr2 & SR2_TRA) && !s->shift_full) {
        s->shift = byte;
        s->shift_full = true;
        s->dr_tx = byte;
        s->sr1 &= ~SR1_BTF;
    } else if (s->cr1 & CR1_PE) {
        s->dr_tx = byte;
        s->tx_full = true;
        s->sr1 &= ~SR1_TXE;
    }
}

uint8_t sim_i2c_dma_take(struct ferry_sim *b, unsigned index)
{
    (void)index;
    return (uint8_t)read_data(b);
}

void sim_i2c_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte)
{
    (void)index;
    write_data(b, byte);
}

void sim_i2c_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index)
{
    (void)source;
    (void)index;
    settle(b);
}

/* ADDR goes by a read of SR1, then of SR2. */
static uint32_t read_sr2(struct ferry_sim *b)
{
    struct sim_i2c *s = &b->s.i2c;
    uint32_t value = s->sr2;
    if (s->addr_seen)
        s->sr1 &= ~SR1_ADDR;
    s->addr_seen = false;
    settle(b);
    return value;
}

/* STOPF goes by a read of SR1, then a write of CR1. ACK does not stay without PE (18.6.1). */
static void write_cr1(struct ferry_sim *b, uint32_t value)
{
    struct sim_i2c *s = &b->s.i2c;
    if (s->stop_seen)
        s->sr1 &= ~SR1_STOPF;
    s->stop_seen = false;
    if (!(value & CR1_PE)) {
        tell(b, 4, (value & CR1_ACK) != 0, "I2C ACK set while PE is 0: it does not stay");
        value &= ~CR1_ACK;
    }
    if (value & CR1_SWRST) {
        uint32_t told = s->told;
        sim_i2c_reset(b);
        s->told = told;
        value = CR1_SWRST;
    }
    s->cr1 = value & 0xFFFBu;
    if (!(s->cr1 & CR1_PE))
        go_idle(b);
}

uint32_t sim_i2c_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    struct sim_i2c *s = &b->s.i2c;
    const uint32_t regs[] = {s->cr1, s->cr2, s->oar1, s->oar2,  0,
                             s->sr1, 0,      s->ccr,  s->trise, s->fltr};
    uint32_t value;
    switch (offset) {
    case 0x10:
        value = read_data(b);
        settle(b);
        return value;
    case 0x14:
        s->addr_seen = (s->sr1 & SR1_ADDR) != 0;
        s->stop_seen = (s->sr1 & SR1_STOPF) != 0;
        return s->sr1;
    case 0x18:
        return read_sr2(b);
    default:
        return offset < sizeof regs ? regs[offset / 4u] : 0;
    }
}

void sim_i2c_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask)
{
    (void)index;
    (void)mask; /* APB: the bridge widens narrow stores */
    struct sim_i2c *s = &b->s.i2c;
    value &= 0xFFFFu;
    switch (offset) {
    case 0x00:
        write_cr1(b, value);
        break;
    case 0x04:
        s->cr2 = value & 0x1F3Fu;
        break;
    case 0x08:
        s->oar1 = value;
        break;
    case 0x0C:
        s->oar2 = value & 0xFFu;
        break;
    case 0x10:
        write_data(b, (uint8_t)value);
        break;
    case 0x14:
        s->sr1 &= ~(~value & SR1_ERRORS);
        break;
    case 0x1C:
        s->ccr = value & 0xCFFFu;
        break;
    case 0x20:
        s->trise = value & 0x3Fu;
        break;
    case 0x24:
        s->fltr = value & 0x1Fu;
        break;
    default:
        break;
    }
    settle(b);
}
