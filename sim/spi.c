/* SPI1 as a slave (RM0383 20.3, RM0090 28.3) and the master on its wires, byte by byte. */
#include "sim_internal.h"

#include <string.h>

#define CR1_MODE     3u /* CPOL, CPHA: the SPI mode number */
#define CR1_MSTR     (1u << 2)
#define CR1_SPE      (1u << 6)
#define CR1_LSBFIRST (1u << 7)
#define CR1_SSI      (1u << 8)
#define CR1_SSM      (1u << 9)
#define CR1_RXONLY   (1u << 10)
#define CR1_DFF      (1u << 11)
#define CR1_CRCEN    (1u << 13)
#define CR1_BIDIMODE (1u << 15)
#define CR2_RXDMAEN  (1u << 0)
#define CR2_TXDMAEN  (1u << 1)
#define CR2_FRF      (1u << 4)
#define CR2_ERRIE    (1u << 5)
#define CR2_RXNEIE   (1u << 6)
#define CR2_TXEIE    (1u << 7)
#define SR_RXNE      (1u << 0)
#define SR_TXE       (1u << 1)
#define SR_OVR       (1u << 6)
#define SR_BSY       (1u << 7)

static const struct sim_periph *periph_of(const struct ferry_sim *b)
{
    for (size_t i = 0; i < b->chip->periph_count; i++) {
        if (b->chip->periphs[i].kind == SIM_PERIPH_SPI)
            return &b->chip->periphs[i];
    }
    return NULL;
}

static void update_irq(struct ferry_sim *b)
{
    const struct sim_spi *s = &b->s.spi;
    const struct sim_periph *p = periph_of(b);
    bool level = ((s->cr2 & CR2_RXNEIE) && (s->sr & SR_RXNE)) ||
                 ((s->cr2 & CR2_TXEIE) && (s->sr & SR_TXE)) ||
                 ((s->cr2 & CR2_ERRIE) && (s->sr & SR_OVR));
    if (p)
        sim_nvic_line(b, p->irq, level);
}

void sim_spi_reset(struct ferry_sim *b)
{
    b->s.spi = (struct sim_spi){.sr = SR_TXE, .crcpr = 7, .i2spr = 2};
    b->spi.listening = false;
    update_irq(b);
}

/* One request for each TXE and each RXNE (20.3.9). */
static void ask_dma(struct ferry_sim *b)
{
    struct sim_spi *s = &b->s.spi;
    while ((s->cr2 & CR2_RXDMAEN) && (s->sr & SR_RXNE)) {
        if (!sim_dma_request(b, SIM_DMA_SPI_RX, 0))
            break;
    }
    while ((s->cr2 & CR2_TXDMAEN) && (s->sr & SR_TXE)) {
        if (!sim_dma_request(b, SIM_DMA_SPI_TX, 0))
            break;
    }
    update_irq(b);
}

/* ---- the slave on the wire ---- */

static bool wired(const struct ferry_sim *b, uint8_t pin)
{
    return sim_gpio_is_alternate(b, pin, b->board->spi->alternate);
}

/* Enabled, selected and clocked: by NSS, or by SSI where software stands in for it (20.3.1). */
static bool listens(const struct ferry_sim *b)
{
    const struct sim_spi_wiring *w = b->board->spi;
    const struct sim_periph *p = periph_of(b);
    uint32_t cr1 = b->s.spi.cr1;
    if (!b->s.powered || b->s.held || !p || !sim_bus_clocked(b, p))
        return false;
    if (!(cr1 & CR1_SPE) || (cr1 & CR1_MSTR) || !wired(b, w->sck_pin))
        return false;
    return (cr1 & CR1_SSM) ? !(cr1 & CR1_SSI) : wired(b, w->nss_pin);
}

static bool drives_miso(const struct ferry_sim *b)
{
    return b->spi.listening && !(b->s.spi.cr1 & (CR1_RXONLY | CR1_BIDIMODE)) &&
           wired(b, b->board->spi->miso_pin);
}

static void tell(struct ferry_sim *b, unsigned number, bool bad, const char *text)
{
    if (!bad || ((b->s.spi.told >> number) & 1u))
        return;
    b->s.spi.told |= 1u << number;
    sim_misuse(b, text);
}

/* The two sides do not understand each other: another mode, or a clock that the slave's logic does
 * not follow (half of PCLK, 20.3.1). */
static bool garbles(const struct ferry_sim *b)
{
    return (b->s.spi.cr1 & CR1_MODE) != b->spi.mode || b->spi.hz > b->s.rcc.pclk_hz[1] / 2u;
}

static void check_setup(struct ferry_sim *b)
{
    const struct sim_spi *s = &b->s.spi;
    uint8_t neighbour = b->board->spi_neighbour;
    if (!(s->cr1 & CR1_SPE))
        return;
    tell(b, 0, (s->cr1 & CR1_MODE) != b->spi.mode, "SPI mode differs from the master's");
    tell(b, 1, b->spi.hz > b->s.rcc.pclk_hz[1] / 2u, "SCK above half of PCLK: the slave misreads");
    tell(b, 2, (s->cr1 & CR1_MSTR) != 0, "SPI master mode is not modelled");
    tell(b, 3, (s->cr1 & (CR1_DFF | CR1_CRCEN)) || (s->cr2 & CR2_FRF),
         "SPI 16-bit frames, CRC and TI mode are not modelled");
    tell(b, 4, neighbour != SIM_NO_PIN && ferry_sim_pin_get(b, neighbour) == 0,
         "chip select of the other slave on SPI1 is not high: both drive MISO");
}

static uint8_t in_order(const struct ferry_sim *b, uint8_t byte)
{
    unsigned mirrored = 0;
    if (!(b->s.spi.cr1 & CR1_LSBFIRST))
        return byte;
    for (unsigned i = 0; i < 8; i++)
        mirrored |= (((unsigned)byte >> i) & 1u) << (7u - i);
    return (uint8_t)mirrored;
}

/* The first bit: the shift register takes the transmit buffer, empty or not (20.3.5). An empty one
 * still holds what was sent last, and that goes out again. */
static void load(struct ferry_sim *b)
{
    struct sim_spi *s = &b->s.spi;
    s->sr |= SR_BSY;
    if (drives_miso(b) && (s->sr & SR_TXE))
        b->s.counters.spi_underrun++;
    s->shift = in_order(b, s->dr_tx);
    s->loaded = true;
    s->sr |= SR_TXE;
    ask_dma(b);
}

static void begin_byte(struct ferry_sim *b)
{
    b->spi.passed = 0;
    b->spi.listening = listens(b);
    if (b->spi.listening && b->s.spi.phase == 0)
        load(b);
}

/* 20.3.10: while OVR stands, the buffer keeps its byte and all that follow are lost. */
static void receive(struct ferry_sim *b, uint8_t byte)
{
    struct sim_spi *s = &b->s.spi;
    if (s->sr & (SR_RXNE | SR_OVR)) {
        s->sr |= SR_OVR;
        b->s.counters.spi_overrun++;
    } else {
        s->dr_rx = byte;
        s->sr |= SR_RXNE;
    }
}

/* One clock: the slave's bytes need not begin where the master's do. @return the bit out */
static unsigned clock_bit(struct ferry_sim *b, unsigned mosi)
{
    struct sim_spi *s = &b->s.spi;
    if (s->phase == 0 && !s->loaded)
        load(b);
    unsigned out = s->shift >> 7;
    s->shift = (uint8_t)(s->shift << 1);
    s->rx_bits = (uint8_t)((unsigned)s->rx_bits << 1 | mosi);
    s->phase = (s->phase + 1u) & 7u;
    if (s->phase == 0) {
        s->loaded = false;
        s->sr &= ~SR_BSY;
        receive(b, in_order(b, s->rx_bits) ^ (uint8_t)(garbles(b) ? 1u + sim_random(b) % 255u : 0));
        ask_dma(b);
    }
    return out;
}

/* How many bits of the master's byte have gone by: one is sampled in its middle. */
static uint8_t bits_passed(const struct ferry_sim *b)
{
    uint64_t end = b->s.timer[SIM_T_SPI];
    uint64_t left =
        end > b->s.now_ps ? (end - b->s.now_ps + b->spi.bit_ps / 2u) / b->spi.bit_ps : 0;
    return (uint8_t)(left < 8 ? 8 - left : 0);
}

/* Switched on in the middle of the master's byte, the slave takes the next bit for its first. */
static void switched_on(struct ferry_sim *b)
{
    b->s.spi.loaded = false;
    b->spi.listening = b->spi.in_byte && listens(b);
    b->spi.passed = b->spi.listening ? bits_passed(b) : 0;
}

/* Bits of the master's byte from `first` on. @return MISO, 0 for the others */
static uint8_t clock_bits(struct ferry_sim *b, unsigned first, unsigned end, uint8_t mosi)
{
    unsigned miso = 0;
    for (unsigned i = first; i < end; i++)
        miso |= clock_bit(b, (unsigned)mosi >> (7u - i) & 1u) << (7u - i);
    return (uint8_t)miso;
}

int ferry_sim_spi_glitch(struct ferry_sim *sim, unsigned bits)
{
    if (!sim->board->spi || bits < 1 || bits > 7)
        return FERRY_SIM_E_ARGUMENT;
    if (!listens(sim))
        return FERRY_SIM_E_STATE;
    clock_bits(sim, 0, bits, 0);
    return FERRY_SIM_OK;
}

static uint8_t end_byte(struct ferry_sim *b, uint8_t mosi)
{
    struct sim_spi *s = &b->s.spi;
    const struct sim_spi_wiring *w = b->board->spi;
    uint8_t miso = ferry_sim_pin_get(b, w->miso_pin) ? 0xFF : 0x00; /* nobody drives it: its pull */
    bool bad = garbles(b);
    if (!b->spi.listening || !(s->cr1 & CR1_SPE)) {
        b->s.counters.spi_unheard++;
        return miso;
    }
    b->s.counters.spi_bytes++;
    uint8_t out = clock_bits(b, b->spi.passed, 8, wired(b, w->mosi_pin) ? mosi : 0);
    if (drives_miso(b))
        miso = out ^ (uint8_t)(bad ? 1u + sim_random(b) % 255u : 0);
    return miso;
}

/* ---- the master ---- */

static void finish(struct ferry_sim *b, int status)
{
    struct sim_spi_master *m = &b->spi;
    sim_timer_set(b, SIM_T_SPI, SIM_NEVER);
    b->s.spi.sr &= ~SR_BSY;
    m->active = m->listening = false;
    ferry_sim_pin_set(b, b->board->spi->nss_pin, 1);
    if (m->rx)
        memset(m->rx + m->at, 0, m->size - m->at);
    m->done(m->ctx, b, status, m->at);
}

void sim_spi_abort(struct ferry_sim *b)
{
    if (b->spi.active)
        finish(b, FERRY_SIM_E_STATE);
}

void sim_spi_clock(struct ferry_sim *b)
{
    struct sim_spi_master *m = &b->spi;
    uint64_t now = b->s.timer[SIM_T_SPI];
    if (m->in_byte) {
        uint8_t miso = end_byte(b, m->tx ? m->tx[m->at] : 0);
        if (m->rx)
            m->rx[m->at] = miso;
        m->at++;
    }
    m->in_byte = m->at < m->size;
    if (!m->in_byte) {
        finish(b, FERRY_SIM_OK);
        return;
    }
    sim_timer_set(b, SIM_T_SPI, now + 8u * m->bit_ps);
    begin_byte(b);
}

int ferry_sim_spi_begin(struct ferry_sim *sim, const struct ferry_sim_spi *transfer,
                        ferry_sim_bus_fn done, void *ctx)
{
    if (!sim->board->spi || transfer->hz == 0 || transfer->hz > FERRY_SIM_SPI_MAX_HZ ||
        transfer->mode > 3 || !done)
        return FERRY_SIM_E_ARGUMENT;
    if (!sim->s.powered)
        return FERRY_SIM_E_STATE;
    if (sim->spi.active)
        return FERRY_SIM_E_BUSY;
    sim->spi = (struct sim_spi_master){.tx = transfer->tx,
                                       .rx = transfer->rx,
                                       .size = transfer->size,
                                       .hz = transfer->hz,
                                       .mode = transfer->mode,
                                       .bit_ps = SIM_PS_PER_S / transfer->hz,
                                       .active = true,
                                       .done = done,
                                       .ctx = ctx};
    ferry_sim_pin_set(sim, sim->board->spi->nss_pin, 0);
    check_setup(sim);
    sim_timer_set(sim, SIM_T_SPI, sim->s.now_ps + sim->spi.bit_ps); /* NSS to the first clock */
    return FERRY_SIM_OK;
}

/* ---- registers ---- */

static uint32_t read_data(struct ferry_sim *b)
{
    struct sim_spi *s = &b->s.spi;
    s->sr &= ~SR_RXNE;
    s->dr_read = (s->sr & SR_OVR) != 0;
    return s->dr_rx;
}

/* OVR goes by a read of DR, then one of SR (20.3.10); that one still shows it. */
static uint32_t read_status(struct ferry_sim *b)
{
    struct sim_spi *s = &b->s.spi;
    uint32_t value = s->sr;
    if (s->dr_read)
        s->sr &= ~SR_OVR;
    s->dr_read = false;
    return value;
}

static void write_data(struct ferry_sim *b, uint8_t byte)
{
    b->s.spi.dr_tx = byte;
    b->s.spi.sr &= ~SR_TXE;
}

uint8_t sim_spi_dma_take(struct ferry_sim *b, unsigned index)
{
    (void)index;
    return (uint8_t)read_data(b);
}

void sim_spi_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte)
{
    (void)index;
    write_data(b, byte);
}

void sim_spi_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index)
{
    (void)source;
    (void)index;
    ask_dma(b);
}

uint32_t sim_spi_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    (void)index;
    struct sim_spi *s = &b->s.spi;
    uint32_t value = 0;
    switch (offset) {
    case 0x00:
        return s->cr1;
    case 0x04:
        return s->cr2;
    case 0x08:
        value = read_status(b);
        break;
    case 0x0C:
        value = read_data(b);
        break;
    case 0x10:
        return s->crcpr;
    case 0x1C:
        return s->i2scfgr;
    case 0x20:
        return s->i2spr;
    default:
        return 0;
    }
    update_irq(b);
    return value;
}

void sim_spi_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask)
{
    (void)index;
    (void)mask; /* APB: the bridge widens narrow stores */
    struct sim_spi *s = &b->s.spi;
    switch (offset) {
    case 0x00:
        value &= 0xFFFFu;
        bool on = (value & ~s->cr1 & CR1_SPE) != 0;
        s->cr1 = value;
        if (on)
            switched_on(b);
        break;
    case 0x04:
        s->cr2 = value & 0xF7u;
        break;
    case 0x0C:
        write_data(b, (uint8_t)value);
        break;
    case 0x10:
        s->crcpr = value & 0xFFFFu;
        break;
    case 0x1C:
        s->i2scfgr = value & 0xFBFu;
        break;
    case 0x20:
        s->i2spr = value & 0x3FFu;
        break;
    default:
        break;
    }
    ask_dma(b);
}
