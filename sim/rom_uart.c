/* ST's boot loader on its USARTs: auto-baud from 0x7F, 8E1, one byte of receive register. */
#include "sim_internal.h"

#define SYNC          0x7Fu
#define BITS          11u /* start, eight, even parity, stop */
#define BAUD_MIN      1200u
#define BAUD_MAX      115200u
#define ANSWER_GAP_PS (20u * SIM_PS_PER_US) /* between a byte in and the answer to it */

bool sim_rom_uart_port(const struct ferry_sim *b, unsigned port)
{
    const struct sim_rom_chip *c = b->chip->rom;
    for (unsigned i = 0; c && i < c->pins_count && port < b->board->uart_count; i++) {
        if (c->pins[i].tx == b->board->uarts[port].tx_pin &&
            c->pins[i].rx == b->board->uarts[port].rx_pin)
            return true;
    }
    return false;
}

int ferry_sim_rom_port(const struct ferry_sim *sim)
{
    const struct sim_rom_chip *c = sim->chip->rom;
    for (unsigned i = 0; c && i < c->pins_count; i++) {
        for (unsigned port = 0; port < sim->board->uart_count; port++) {
            if (sim->board->uarts[port].tx_pin == c->pins[i].tx &&
                sim->board->uarts[port].rx_pin == c->pins[i].rx)
                return (int)port;
        }
    }
    return -1;
}

void sim_rom_uart_ready(struct ferry_sim *b)
{
    for (unsigned port = 0; port < b->board->uart_count; port++) {
        if (sim_rom_quirk(b, FERRY_SIM_ROM_STRAY_ZERO) && sim_rom_uart_port(b, port))
            sim_line_from_node(b, port, b->s.line[port].baud, 0x00);
    }
}

static uint64_t byte_ps(const struct ferry_sim *b)
{
    return BITS * SIM_PS_PER_S / b->s.rom.baud;
}

void sim_rom_uart_send(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (r->sending)
        return;
    r->sending = true;
    sim_timer_set(b, SIM_T_ROM_TX, b->s.now_ps + ANSWER_GAP_PS + byte_ps(b));
}

/* Auto-baud: the time from the start bit on. Anything but 0x7F measures a wrong rate. */
static void synchronise(struct ferry_sim *b, unsigned port, uint8_t byte)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t baud = b->s.line[port].baud;
    r->transport = SIM_ROM_UART;
    r->port = (uint8_t)port;
    r->baud = baud;
    r->deaf = byte != SYNC || baud < BAUD_MIN || baud > BAUD_MAX;
    sim_event(b, FERRY_SIM_EV_ROM, SIM_ROM_BASE, 0, 0,
              r->deaf ? "measures a wrong rate: deaf until a reset" : "synchronised on the UART");
    if (!r->deaf)
        sim_rom_answer(b, SIM_ROM_ACK);
}

static void deliver(struct ferry_sim *b, unsigned port, uint8_t byte)
{
    struct sim_rom *r = &b->s.rom;
    if (r->transport == SIM_ROM_NONE) {
        synchronise(b, port, byte);
    } else if (r->transport != SIM_ROM_UART || r->port != port || r->deaf) {
        return;
    } else if (!sim_rom_busy(b) && !r->sending) {
        sim_rom_take(b, byte);
    } else if (!r->held) {
        r->held = true;
        r->held_byte = byte;
    } else {
        b->s.counters.uart_overrun[port]++;
    }
}

void sim_rom_uart_byte(struct ferry_sim *b, unsigned port, uint8_t byte)
{
    const struct ferry_sim_rom_disturb *d = &b->s.rom.disturb;
    if (!b->s.rom.ready || !sim_rom_uart_port(b, port))
        return;
    bool struck = sim_rom_strikes(b, false);
    if (struck && d->fault == FERRY_SIM_ROM_DROP)
        return;
    deliver(b, port, struck && d->fault == FERRY_SIM_ROM_FLIP ? byte ^ d->mask : byte);
    if (struck && d->fault == FERRY_SIM_ROM_REPEAT)
        deliver(b, port, byte);
}

/* @return true: the byte waits, the timer comes again */
static bool put(struct ferry_sim *b, uint8_t byte)
{
    struct sim_rom *r = &b->s.rom;
    const struct ferry_sim_rom_disturb *d = &r->disturb;
    bool struck = !r->late && sim_rom_strikes(b, true);
    r->late = struck && d->fault == FERRY_SIM_ROM_DELAY;
    if (r->late) {
        sim_timer_set(b, SIM_T_ROM_TX, b->s.now_ps + d->delay_ns * SIM_PS_PER_NS);
        return true;
    }
    if (struck && d->fault == FERRY_SIM_ROM_DROP)
        return false;
    if (struck && d->fault == FERRY_SIM_ROM_FLIP)
        byte ^= d->mask;
    sim_line_from_node(b, r->port, r->baud, byte);
    if (struck && d->fault == FERRY_SIM_ROM_REPEAT)
        sim_line_from_node(b, r->port, r->baud, byte);
    return false;
}

void sim_rom_uart_timer(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    sim_timer_set(b, SIM_T_ROM_TX, SIM_NEVER);
    if (put(b, r->out[r->out_at]))
        return;
    if (++r->out_at < r->out_size) {
        sim_timer_set(b, SIM_T_ROM_TX, b->s.now_ps + byte_ps(b));
        return;
    }
    r->sending = false;
    sim_rom_sent(b);
}
