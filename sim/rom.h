/**
 * ST's boot loader in the system memory, as a model: what AN3155 (USART) and AN4221 (I2C) say it
 * does, with the habits that the field has seen as switches. No code of ST's; the core sleeps while
 * it is active. Internal; the switches are public in ferry_sim.h.
 *
 * rom.c is the commands, rom_job.c what they do to flash and option bytes, rom_uart.c and rom_i2c.c
 * bring bytes in and take answers out, rom_switches.c is the habits and what a test may ask.
 */
#ifndef FERRY_SIM_ROM_H
#define FERRY_SIM_ROM_H

#include "ferry_sim.h"

#define SIM_ROM_ACK       0x79u
#define SIM_ROM_NACK      0x1Fu
#define SIM_ROM_BUSY      0x76u
#define SIM_ROM_MAX_PAGES 512u
#define SIM_ROM_IN        (2u + 2u * SIM_ROM_MAX_PAGES + 1u)
#define SIM_ROM_OUT       320u
#define SIM_ROM_FRAMES    8u

enum sim_rom_transport { SIM_ROM_NONE, SIM_ROM_UART, SIM_ROM_I2C };

/** Which field comes next. */
enum sim_rom_phase {
    SIM_ROM_COMMAND,
    SIM_ROM_ADDRESS,
    SIM_ROM_LENGTH,     /* of READ */
    SIM_ROM_DATA,       /* of WRITE */
    SIM_ROM_PAGES,      /* of 0x43 */
    SIM_ROM_PAGES_16,   /* of 0x44, one field (USART) */
    SIM_ROM_PAGE_COUNT, /* of 0x44 and 0x45 on I2C: two fields */
    SIM_ROM_PAGE_NUMBERS,
    SIM_ROM_SECTORS,   /* of 0x63 */
    SIM_ROM_LENGTH_32, /* of 0xA1 */
    SIM_ROM_SWALLOW    /* lost sync: it waits for data that nobody sends */
};

enum sim_rom_job { SIM_ROM_IDLE, SIM_ROM_WRITE, SIM_ROM_ERASE, SIM_ROM_OPTIONS, SIM_ROM_CHECKSUM };

/** What it does once its answer has left. */
enum sim_rom_then { SIM_ROM_STAY, SIM_ROM_GO, SIM_ROM_WORK, SIM_ROM_RESET };

/** Plain data, in the snapshot. quirks and disturb outlive a reset. */
struct sim_rom {
    uint32_t quirks;
    struct ferry_sim_rom_disturb disturb;
    uint64_t bytes[2]; /* to, from the boot loader: what disturb counts */
    uint64_t disturb_at;
    bool disturbed;
    bool empty; /* the flag of L43x: flash was blank when the option bytes were loaded */

    bool active; /* it runs, and not the program in flash */
    bool ready;  /* it listens: its start-up time is over */
    bool deaf;   /* the first byte on the UART gave a wrong rate */
    uint8_t transport, port, phase, command, job, then;
    uint32_t baud, address;
    uint64_t asked_ps;    /* when the last field was acknowledged */
    uint64_t wait_end_ps; /* on I2C: a reset at this time, 0: none */
    uint64_t swallow_ps;  /* late parameters: what follows before this is not looked at */
    uint8_t in[SIM_ROM_IN];
    uint32_t in_used, in_need;
    uint8_t out[SIM_ROM_OUT];
    uint32_t out_at, out_size;
    uint16_t frame[SIM_ROM_FRAMES]; /* on I2C: where each frame ends in out */
    uint32_t frames, frame_at;
    bool held;
    uint8_t held_byte;     /* came while it was at work: the receive register keeps one */
    bool sending;          /* a byte is on the UART */
    bool i2c_read, i2c_on; /* addressed, and for reading */
    bool i2c_given;        /* the frame was begun in this transfer */
    uint32_t i2c_count;    /* bytes of this write transfer */
    bool refuse_next;      /* after an erase without its last ACK */
    bool late;             /* a byte of the disturbed wire waits */
    uint64_t stretch_ps;   /* SCL is held until then by disturb */
    uint32_t job_at, job_count, job_bytes, job_optcr;
    uint16_t pages[SIM_ROM_MAX_PAGES];
    bool job_all;
};

/* ---- rom.c ---- */
/** A reset has ended in the system memory. */
void sim_rom_start(struct ferry_sim *b);
/** A reset, power-off: it is gone. */
void sim_rom_stop(struct ferry_sim *b);
/** SIM_T_ROM: start-up is over, or a flash operation. */
void sim_rom_timer(struct ferry_sim *b);
/** One byte of the transport that was chosen. */
void sim_rom_take(struct ferry_sim *b, uint8_t byte);
void sim_rom_reply(struct ferry_sim *b, const uint8_t *data, uint32_t size);
void sim_rom_answer(struct ferry_sim *b, uint8_t byte);
/** The whole answer has left: jump, reset, or take the byte that waited. */
void sim_rom_sent(struct ferry_sim *b);
/** Flash operations are under way, or a checksum. */
bool sim_rom_busy(const struct ferry_sim *b);

/* ---- rom_switches.c ---- */
/** Those that are on from the start, as a mask. */
uint32_t sim_rom_quirks_at_start(void);
bool sim_rom_quirk(const struct ferry_sim *b, unsigned quirk);
/**
 * Does the plan of disturbance strike this byte?
 * @param from_rom its direction
 */
bool sim_rom_strikes(struct ferry_sim *b, bool from_rom);

/* ---- rom_job.c ---- */
/** Begin to program in[1...] at address. */
void sim_rom_job_write(struct ferry_sim *b, uint32_t bytes);
/** Pages from in[at...], width bytes each. @return false when a number is out of range */
bool sim_rom_job_erase(struct ferry_sim *b, uint32_t at, uint32_t count, uint32_t width);
void sim_rom_job_erase_all(struct ferry_sim *b);
/** Of job_bytes from address on, inside flash. */
void sim_rom_job_checksum(struct ferry_sim *b);
/** 0x63, 0x73, 0x82, 0x92 after their parameters. */
void sim_rom_job_options(struct ferry_sim *b);
/** The next operation of the job, or its end. */
void sim_rom_job_step(struct ferry_sim *b);

/* ---- rom_uart.c ---- */
bool sim_rom_uart_port(const struct ferry_sim *b, unsigned port);
void sim_rom_uart_byte(struct ferry_sim *b, unsigned port, uint8_t byte);
void sim_rom_uart_send(struct ferry_sim *b);
/** SIM_T_ROM_TX: a byte has left. */
void sim_rom_uart_timer(struct ferry_sim *b);
void sim_rom_uart_ready(struct ferry_sim *b);

/* ---- rom_i2c.c: the slave as i2c_wire.c meets it ---- */
bool sim_rom_i2c_address(struct ferry_sim *b, uint8_t address, bool read);
bool sim_rom_i2c_stretches(const struct ferry_sim *b, bool wants_byte);
bool sim_rom_i2c_receive(struct ferry_sim *b, uint8_t byte);
uint8_t sim_rom_i2c_send(struct ferry_sim *b);
void sim_rom_i2c_stop(struct ferry_sim *b);

#endif
