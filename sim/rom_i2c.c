/* ST's boot loader as a slave on I2C1. Each acknowledge and each block of data is a frame of its
 * own, which the master reads in one transfer. */
#include "sim_internal.h"

#define FILLER   0xFFu
#define OVERHEAD 2u /* of a WRITE: length and checksum */
#define MAX_64   64u
#define MAX_128  128u

static bool no_stretch(const struct ferry_sim *b)
{
    uint8_t c = b->s.rom.command;
    return c == 0x32 || c == 0x45 || c == 0x64 || c == 0x74 || c == 0x83 || c == 0x93 || c == 0xA1;
}

static bool answers(const struct sim_rom *r)
{
    return r->out_at < r->out_size;
}

bool sim_rom_i2c_address(struct ferry_sim *b, uint8_t address, bool read)
{
    struct sim_rom *r = &b->s.rom;
    bool busy = sim_rom_busy(b);
    r->i2c_on = false;
    if (!r->ready || address != b->chip->rom->i2c_address || r->transport == SIM_ROM_UART)
        return false;
    if (read ? !busy && !answers(r) : busy && no_stretch(b))
        return false; /* nothing to say; or at work, and it does not stretch */
    if (r->transport == SIM_ROM_NONE) {
        r->transport = SIM_ROM_I2C;
        sim_event(b, FERRY_SIM_EV_ROM, SIM_ROM_BASE, 0, 0, "spoken to on I2C");
    }
    if (!read && !busy) { /* an answer that nobody took is gone, and what was to follow it */
        r->out_at = r->out_size = r->frames = r->frame_at = 0;
        r->then = SIM_ROM_STAY;
    }
    r->i2c_on = true;
    r->i2c_read = read;
    r->i2c_given = false;
    r->i2c_count = 0;
    return true;
}

bool sim_rom_i2c_stretches(const struct ferry_sim *b, bool wants_byte)
{
    const struct sim_rom *r = &b->s.rom;
    if (!r->i2c_on)
        return false;
    return b->s.now_ps < r->stretch_ps || (wants_byte && sim_rom_busy(b) && !no_stretch(b));
}

static void delay(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    r->stretch_ps = b->s.now_ps + r->disturb.delay_ns * SIM_PS_PER_NS;
    if (!sim_rom_busy(b))
        sim_timer_set(b, SIM_T_ROM, r->stretch_ps);
}

static bool too_long(const struct ferry_sim *b)
{
    uint32_t limit = sim_rom_quirk(b, FERRY_SIM_ROM_I2C_MAX_64)    ? MAX_64
                     : sim_rom_quirk(b, FERRY_SIM_ROM_I2C_MAX_128) ? MAX_128
                                                                   : SIM_ROM_IN;
    return b->s.rom.i2c_count > limit + OVERHEAD;
}

bool sim_rom_i2c_receive(struct ferry_sim *b, uint8_t byte)
{
    struct sim_rom *r = &b->s.rom;
    const struct ferry_sim_rom_disturb *d = &r->disturb;
    if (!r->i2c_on)
        return false;
    b->s.counters.i2c_to_node++;
    r->i2c_count++;
    if (too_long(b)) {
        r->phase = SIM_ROM_COMMAND;
        r->in_used = 0;
        r->in_need = 2;
        r->wait_end_ps = 0;
        r->i2c_on = false;
        return false;
    }
    bool struck = sim_rom_strikes(b, false);
    if (struck && d->fault == FERRY_SIM_ROM_DELAY)
        delay(b);
    if (struck && d->fault == FERRY_SIM_ROM_FLIP)
        byte ^= d->mask;
    if (!struck || d->fault != FERRY_SIM_ROM_DROP)
        sim_rom_take(b, byte);
    if (struck && d->fault == FERRY_SIM_ROM_REPEAT)
        sim_rom_take(b, byte);
    return true;
}

/* The next byte of this transfer's frame, FILLER behind its end. */
static uint8_t take_frame_byte(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (sim_rom_busy(b))
        return SIM_ROM_BUSY;
    if (!answers(r) || r->out_at >= r->frame[r->frame_at])
        return FILLER;
    r->i2c_given = true;
    return r->out[r->out_at++];
}

uint8_t sim_rom_i2c_send(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    const struct ferry_sim_rom_disturb *d = &r->disturb;
    if (!r->i2c_on)
        return FILLER;
    b->s.counters.i2c_from_node++;
    bool struck = sim_rom_strikes(b, true);
    uint8_t byte = take_frame_byte(b);
    if (struck && d->fault == FERRY_SIM_ROM_DROP)
        byte = take_frame_byte(b);
    if (struck && d->fault == FERRY_SIM_ROM_REPEAT && r->i2c_given)
        r->out_at--;
    if (struck && d->fault == FERRY_SIM_ROM_FLIP)
        byte ^= d->mask;
    if (struck && d->fault == FERRY_SIM_ROM_DELAY)
        delay(b);
    return byte;
}

/* What the master left of a frame is lost. */
void sim_rom_i2c_stop(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    bool took = r->i2c_on && r->i2c_read && r->i2c_given;
    r->i2c_on = r->i2c_given = false;
    r->swallow_ps = 0;
    if (!took)
        return;
    r->out_at = r->frame[r->frame_at++];
    if (!answers(r))
        sim_rom_sent(b);
}
