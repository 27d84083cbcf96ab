/* USART (RM0383 19) and the wire to the host behind it, with real times for every byte. */
#include "sim_internal.h"

#include <string.h>

#define SR_FE       (1u << 1)
#define SR_ORE      (1u << 3)
#define SR_IDLE     (1u << 4)
#define SR_RXNE     (1u << 5)
#define SR_TC       (1u << 6)
#define SR_TXE      (1u << 7)
#define SR_ERRORS   (SR_FE | SR_ORE | 5u) /* with PE and NF */
#define CR1_RE      (1u << 2)
#define CR1_TE      (1u << 3)
#define CR1_IDLEIE  (1u << 4)
#define CR1_RXNEIE  (1u << 5)
#define CR1_TCIE    (1u << 6)
#define CR1_TXEIE   (1u << 7)
#define CR1_UE      (1u << 13)
#define CR1_OVER8   (1u << 15)
#define CR3_EIE     (1u << 0)
#define CR3_DMAR    (1u << 6)
#define CR3_DMAT    (1u << 7)
#define BITS_A_BYTE 10u
#define MISMATCH_PART                                                                              \
    33u /* 1/33: 3 %, what a receiver that samples mid-bit tolerates over 10 bits */

static const struct sim_periph *periph_of(const struct ferry_sim *b, unsigned index)
{
    for (size_t i = 0; i < b->chip->periph_count; i++) {
        const struct sim_periph *p = &b->chip->periphs[i];
        bool usart = p->kind == SIM_PERIPH_USART || p->kind == SIM_PERIPH_USART_V2;
        if (usart && p->index == index)
            return p;
    }
    return NULL;
}

/* Port of the board that a USART is wired to, -1: none. */
static int port_of(const struct ferry_sim *b, unsigned index)
{
    for (size_t i = 0; i < b->board->uart_count; i++) {
        if (b->board->uarts[i].usart == index)
            return (int)i;
    }
    return -1;
}

/* RM0383 19.3.4: fck / (8 * (2 - OVER8) * USARTDIV). 0: BRR makes no sense. */
static uint32_t baud_of(const struct ferry_sim *b, unsigned index)
{
    const struct sim_usart *u = &b->s.usart[index];
    const struct sim_periph *p = periph_of(b, index);
    uint32_t divider = u->brr & 0xFFFFu;
    if (u->cr1 & CR1_OVER8)
        divider = (divider >> 4) * 8u + (divider & 7u);
    if (!p || divider < 8)
        return 0;
    uint32_t hz = b->s.rcc.pclk_hz[p->bus == SIM_BUS_APB1 ? 0 : 1];
    if (p->kind == SIM_PERIPH_USART_V2)
        hz = sim_rcc_l4_usart_hz(b, index, hz);
    return hz / divider;
}

static uint64_t byte_ps(uint32_t baud)
{
    return baud ? BITS_A_BYTE * SIM_PS_PER_S / baud : SIM_PS_PER_S;
}

bool sim_baud_differs(uint32_t a, uint32_t b)
{
    uint32_t difference = a > b ? a - b : b - a;
    return difference > b / MISMATCH_PART;
}

static void update_irq(struct ferry_sim *b, unsigned index)
{
    const struct sim_usart *u = &b->s.usart[index];
    const struct sim_periph *p = periph_of(b, index);
    bool level = ((u->cr1 & CR1_RXNEIE) && (u->sr & (SR_RXNE | SR_ORE))) ||
                 ((u->cr1 & CR1_TXEIE) && (u->sr & SR_TXE)) ||
                 ((u->cr1 & CR1_TCIE) && (u->sr & SR_TC)) ||
                 ((u->cr1 & CR1_IDLEIE) && (u->sr & SR_IDLE)) ||
                 ((u->cr3 & CR3_EIE) && (u->cr3 & CR3_DMAR) && (u->sr & (SR_FE | SR_ORE)));
    if (p)
        sim_nvic_line(b, p->irq, level && (u->cr1 & CR1_UE));
}

void sim_usart_reset(struct ferry_sim *b, unsigned index)
{
    memset(&b->s.usart[index], 0, sizeof b->s.usart[index]);
    b->s.usart[index].sr = SR_TC | SR_TXE;
    b->s.timer[SIM_T_USART_TX + index] = SIM_NEVER;
    b->s.timer[SIM_T_USART_IDLE + index] = SIM_NEVER;
    update_irq(b, index);
}

/* ---- node to host ---- */

static void begin_shift(struct ferry_sim *b, unsigned index, uint64_t start_ps)
{
    struct sim_usart *u = &b->s.usart[index];
    u->shift = (uint8_t)u->dr_tx;
    u->tdr_full = false;
    u->shifting = true;
    u->sr = (u->sr | SR_TXE) & ~SR_TC;
    sim_timer_set(b, SIM_T_USART_TX + index, start_ps + byte_ps(baud_of(b, index)));
}

static void load_tx(struct ferry_sim *b, unsigned index, uint8_t byte, uint64_t start_ps)
{
    struct sim_usart *u = &b->s.usart[index];
    u->dr_tx = byte;
    u->tdr_full = true;
    u->sr &= ~(SR_TXE | SR_TC);
    if (!u->shifting && (u->cr1 & CR1_UE) && (u->cr1 & CR1_TE))
        begin_shift(b, index, start_ps);
}

static void ask_dma_tx(struct ferry_sim *b, unsigned index)
{
    struct sim_usart *u = &b->s.usart[index];
    while ((u->cr3 & CR3_DMAT) && (u->cr1 & CR1_UE) && (u->cr1 & CR1_TE) && (u->sr & SR_TXE)) {
        if (!sim_dma_request(b, SIM_DMA_USART_TX, index))
            return;
    }
}

static uint8_t disturb(struct ferry_sim *b, unsigned port, uint8_t byte)
{
    uint32_t noise = b->s.line[port].noise;
    if (noise && sim_random(b) % noise == 0)
        byte ^= (uint8_t)(1u << (sim_random(b) % 8u));
    return byte;
}

void sim_line_from_node(struct ferry_sim *b, unsigned port, uint32_t baud, uint8_t byte)
{
    if (b->s.line[port].unplugged)
        return;
    b->s.counters.uart_from_node[port]++;
    if (sim_baud_differs(baud, b->s.line[port].baud)) {
        b->s.counters.uart_framing[port]++;
        byte ^= (uint8_t)(1u + sim_random(b) % 255u);
    }
    byte = disturb(b, port, byte);
    if (b->uart_fn[port])
        b->uart_fn[port](b->uart_ctx[port], b, port, byte);
}

static void put_on_wire(struct ferry_sim *b, unsigned index, uint8_t byte)
{
    int port = port_of(b, index);
    if (port < 0)
        return;
    const struct sim_uart_wiring *w = &b->board->uarts[port];
    if (sim_gpio_is_alternate(b, w->tx_pin, w->alternate))
        sim_line_from_node(b, (unsigned)port, baud_of(b, index), byte);
}

void sim_usart_sent(struct ferry_sim *b, unsigned index)
{
    struct sim_usart *u = &b->s.usart[index];
    uint64_t end = b->s.timer[SIM_T_USART_TX + index];
    sim_timer_set(b, SIM_T_USART_TX + index, SIM_NEVER);
    u->shifting = false;
    uint8_t byte = u->shift;
    if (u->tdr_full && (u->cr1 & CR1_TE)) {
        begin_shift(b, index, end);
        ask_dma_tx(b, index);
    } else {
        u->sr |= SR_TC;
    }
    update_irq(b, index);
    put_on_wire(b, index, byte);
}

/* ---- host to node ---- */

/* ST's boot loader wants 8E1; a host that does what the node expects sends it. */
static bool has_parity(const struct ferry_sim *b, unsigned port)
{
    uint8_t parity = b->s.line[port].parity;
    return parity == FERRY_SIM_PARITY_MATCH ? b->s.rom.active : parity != FERRY_SIM_PARITY_NONE;
}

static uint64_t line_byte_ps(const struct ferry_sim *b, unsigned port)
{
    uint64_t time = byte_ps(b->s.line[port].baud);
    return has_parity(b, port) ? time / BITS_A_BYTE * (BITS_A_BYTE + 1u) : time;
}

/* 8N1 into 8E1: where the stop bit is looked for, the start bit of the next byte is, unless a gap
 * came first; and a wrong parity. */
static bool wrong_frame(const struct ferry_sim *b, unsigned port)
{
    const struct sim_uart_line *l = &b->s.line[port];
    if (b->s.rom.active)
        return l->parity == FERRY_SIM_PARITY_ODD ||
               (l->parity == FERRY_SIM_PARITY_NONE && l->count > 0);
    return has_parity(b, port);
}

void sim_line_schedule(struct ferry_sim *b, unsigned port)
{
    struct sim_uart_line *l = &b->s.line[port];
    if (l->count == 0 || b->s.timer[SIM_T_UART_IN + port] != SIM_NEVER)
        return;
    uint64_t start = l->free_ps > b->s.now_ps ? l->free_ps : b->s.now_ps;
    l->free_ps = start + line_byte_ps(b, port);
    sim_timer_set(b, SIM_T_UART_IN + port, l->free_ps);
}

static void receive(struct ferry_sim *b, unsigned index, uint8_t byte, bool framing_error)
{
    struct sim_usart *u = &b->s.usart[index];
    int port = port_of(b, index);
    if (!(u->cr1 & CR1_UE) || !(u->cr1 & CR1_RE))
        return;
    u->rx_since_idle = true;
    sim_timer_set(b, SIM_T_USART_IDLE + index, b->s.now_ps + byte_ps(baud_of(b, index)));
    if (u->sr & SR_RXNE) {
        u->sr |= SR_ORE; /* the new byte is lost, the old one stays (19.3.3) */
        b->s.counters.uart_overrun[port]++;
    } else {
        u->dr_rx = byte;
        u->sr |= SR_RXNE | (framing_error ? SR_FE : 0);
        if (u->cr3 & CR3_DMAR)
            sim_dma_request(b, SIM_DMA_USART_RX, index);
    }
    update_irq(b, index);
}

static void to_rom(struct ferry_sim *b, unsigned port, uint8_t byte)
{
    const struct sim_rom *r = &b->s.rom;
    bool known = r->transport == SIM_ROM_UART && r->port == port;
    if (wrong_frame(b, port) || (known && sim_baud_differs(b->s.line[port].baud, r->baud))) {
        b->s.counters.uart_framing[port]++;
        byte ^= (uint8_t)(1u + sim_random(b) % 255u);
    }
    sim_rom_uart_byte(b, port, byte);
}

/* A planned delay on the wire towards ST's boot loader: the byte comes again, later. */
static bool put_off(struct ferry_sim *b, unsigned port)
{
    struct sim_rom *r = &b->s.rom;
    if (!r->ready || r->disturbed || r->disturb.fault != FERRY_SIM_ROM_DELAY ||
        r->disturb.from_rom || r->bytes[0] != r->disturb_at || !sim_rom_uart_port(b, port))
        return false;
    r->disturbed = true;
    b->s.line[port].free_ps = b->s.now_ps + r->disturb.delay_ns * SIM_PS_PER_NS;
    sim_timer_set(b, SIM_T_UART_IN + port, b->s.line[port].free_ps);
    return true;
}

void sim_line_arrived(struct ferry_sim *b, unsigned port)
{
    struct sim_uart_line *l = &b->s.line[port];
    const struct sim_uart_wiring *w = &b->board->uarts[port];
    const struct sim_periph *p = periph_of(b, w->usart);
    if (put_off(b, port))
        return;
    uint8_t byte = l->queue[l->head];
    l->head = (l->head + 1u) % SIM_UART_QUEUE;
    l->count--;
    sim_timer_set(b, SIM_T_UART_IN + port, SIM_NEVER);
    bool heard = b->s.powered && !l->unplugged;
    if (heard) {
        b->s.counters.uart_to_node[port]++;
        byte = disturb(b, port, byte);
    }
    if (heard && b->s.rom.active)
        to_rom(b, port, byte);
    else if (heard && p && sim_bus_clocked(b, p) &&

             sim_gpio_is_alternate(b, w->rx_pin,
                                   w->rx_alternate ? w->rx_alternate : w->alternate)) {
        bool bad = wrong_frame(b, port) || sim_baud_differs(l->baud, baud_of(b, w->usart));
        if (bad) {
            b->s.counters.uart_framing[port]++;
            byte ^= (uint8_t)(1u + sim_random(b) % 255u);
        }
        receive(b, w->usart, byte, bad);
    }
    sim_line_schedule(b, port);
}

/* A whole frame of silence since the last byte; a start bit within it means no. */
void sim_usart_idle(struct ferry_sim *b, unsigned index)
{
    struct sim_usart *u = &b->s.usart[index];
    int port = port_of(b, index);
    uint64_t at = b->s.timer[SIM_T_USART_IDLE + index];
    sim_timer_set(b, SIM_T_USART_IDLE + index, SIM_NEVER);
    if (port >= 0 && b->s.timer[SIM_T_UART_IN + port] != SIM_NEVER &&
        b->s.timer[SIM_T_UART_IN + port] - line_byte_ps(b, (unsigned)port) < at)
        return;
    if (!u->rx_since_idle)
        return;
    u->rx_since_idle = false;
    u->sr |= SR_IDLE;
    update_irq(b, index);
}

/* ---- registers ---- */

static uint32_t read_data(struct ferry_sim *b, unsigned index)
{
    struct sim_usart *u = &b->s.usart[index];
    u->sr &= ~SR_RXNE;
    if (u->sr_read)
        u->sr &= ~(SR_ERRORS | SR_IDLE); /* cleared by SR, then DR (19.6.1) */
    u->sr_read = false;
    update_irq(b, index);
    return u->dr_rx;
}

uint8_t sim_usart_dma_take(struct ferry_sim *b, unsigned index)
{
    return (uint8_t)read_data(b, index);
}

void sim_usart_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte)
{
    load_tx(b, index, byte, b->s.now_ps);
}

uint32_t sim_usart_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    struct sim_usart *u = &b->s.usart[index];
    switch (offset) {
    case 0x00:
        u->sr_read = true;
        return u->sr;
    case 0x04:
        return read_data(b, index);
    case 0x08:
        return u->brr;
    case 0x0C:
        return u->cr1;
    case 0x10:
        return u->cr2;
    case 0x14:
        return u->cr3;
    case 0x18:
        return u->gtpr;
    default:
        return 0;
    }
}

static void write_cr1(struct ferry_sim *b, unsigned index, uint32_t value)
{
    struct sim_usart *u = &b->s.usart[index];
    u->cr1 = value & 0xFFFFu;
    if (u->tdr_full && !u->shifting && (u->cr1 & CR1_UE) && (u->cr1 & CR1_TE))
        begin_shift(b, index, b->s.now_ps);
}

void sim_usart_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                     uint32_t mask)
{
    struct sim_usart *u = &b->s.usart[index];
    (void)mask; /* APB: the bridge widens narrow stores */
    switch (offset) {
    case 0x00:
        u->sr &= ~(~value & (SR_RXNE | SR_TC));
        break;
    case 0x04:
        load_tx(b, index, (uint8_t)value, b->s.now_ps);
        break;
    case 0x08:
        u->brr = value & 0xFFFFu;
        break;
    case 0x0C:
        write_cr1(b, index, value);
        break;
    case 0x10:
        u->cr2 = value & 0x7F7Fu;
        break;
    case 0x14:
        u->cr3 = value & 0xFFFu;
        if ((u->cr3 & CR3_DMAR) && (u->sr & SR_RXNE))
            sim_dma_request(b, SIM_DMA_USART_RX, index);
        break;
    case 0x18:
        u->gtpr = value & 0xFFFFu;
        break;
    default:
        break;
    }
    ask_dma_tx(b, index);
    update_irq(b, index);
}

/* A DMA stream was enabled: requests that waited for it. */
void sim_usart_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index)
{
    const struct sim_usart *u = &b->s.usart[index];
    if (source == SIM_DMA_USART_TX)
        ask_dma_tx(b, index);
    else if ((u->cr3 & CR3_DMAR) && (u->sr & SR_RXNE))
        sim_dma_request(b, source, index);
    update_irq(b, index);
}

/* ---- public, host side ---- */

static bool port_ok(const struct ferry_sim *sim, unsigned port)
{
    return port < sim->board->uart_count && port < SIM_UART_PORTS;
}

int ferry_sim_uart_baud(struct ferry_sim *sim, unsigned port, uint32_t baud)
{
    if (!port_ok(sim, port) || baud == 0)
        return FERRY_SIM_E_ARGUMENT;
    sim->s.line[port].baud = baud;
    return FERRY_SIM_OK;
}

int ferry_sim_uart_parity(struct ferry_sim *sim, unsigned port, enum ferry_sim_parity parity)
{
    if (!port_ok(sim, port) || parity > FERRY_SIM_PARITY_ODD)
        return FERRY_SIM_E_ARGUMENT;
    sim->s.line[port].parity = (uint8_t)parity;
    return FERRY_SIM_OK;
}

void ferry_sim_on_uart(struct ferry_sim *sim, unsigned port, ferry_sim_uart_fn fn, void *ctx)
{
    if (!port_ok(sim, port))
        return;
    sim->uart_fn[port] = fn;
    sim->uart_ctx[port] = ctx;
}

size_t ferry_sim_uart_send(struct ferry_sim *sim, unsigned port, const void *data, size_t size)
{
    if (!port_ok(sim, port))
        return 0;
    struct sim_uart_line *l = &sim->s.line[port];
    const uint8_t *bytes = data;
    size_t room = SIM_UART_QUEUE - l->count;
    size_t taken = size < room ? size : room;
    for (size_t i = 0; i < taken; i++)
        l->queue[(l->head + l->count++) % SIM_UART_QUEUE] = bytes[i];
    sim_line_schedule(sim, port);
    return taken;
}

size_t ferry_sim_uart_queued(const struct ferry_sim *sim, unsigned port)
{
    return port_ok(sim, port) ? sim->s.line[port].count : 0;
}

void ferry_sim_uart_flush(struct ferry_sim *sim, unsigned port)
{
    if (!port_ok(sim, port))
        return;
    sim->s.line[port].count = 0;
    sim_timer_set(sim, SIM_T_UART_IN + port, SIM_NEVER);
}

void ferry_sim_uart_plug(struct ferry_sim *sim, unsigned port, bool plugged)
{
    if (port_ok(sim, port))
        sim->s.line[port].unplugged = !plugged;
}

void ferry_sim_uart_noise(struct ferry_sim *sim, unsigned port, uint32_t one_in_n)
{
    if (port_ok(sim, port))
        sim->s.line[port].noise = one_in_n;
}
