/**
 * Inside of the virtual board: one struct of plain data (what a snapshot copies) and one of host
 * things (engine, memory, callbacks). Nothing here is public.
 *
 * Time inside is in picoseconds: 100 MHz is 10,000 ps exactly, and 64 bits last 213 days.
 */
#ifndef FERRY_SIM_INTERNAL_H
#define FERRY_SIM_INTERNAL_H

#include "sim_state.h"

#include <unicorn/unicorn.h>

/** Why the CPU engine came back. */
enum sim_cpu_stop {
    SIM_CPU_DEADLINE,
    SIM_CPU_REPLAY,
    SIM_CPU_CYCLE, /* a round of a wait may begin here: cycle.c */
    SIM_CPU_SVC,
    SIM_CPU_EXC_RETURN,
    SIM_CPU_BKPT,
    SIM_CPU_UNDEFINED,
    SIM_CPU_WAIT,       /* WFI */
    SIM_CPU_WAIT_EVENT, /* WFE */
    SIM_CPU_READ_FAULT,
    SIM_CPU_WRITE_FAULT,
    SIM_CPU_FETCH_FAULT,
    SIM_CPU_MPU_FAULT,
};

/** What a register callback of the engine needs to know. */
struct sim_region {
    struct ferry_sim *b;
    uint32_t base;
};

/* ---- replay.c ---- */
#define SIM_REPLAY_FUNCTIONS 4u
#define SIM_REPLAY_INPUT     256u
#define SIM_REPLAY_ENTRIES   64u

struct sim_replay_function {
    uint32_t address;
    uint32_t sizes[4]; /* bytes that r0-r3 point to; 0: not an argument */
};

struct sim_replay_entry {
    uint32_t address, result;
    uint64_t duration_ps;
    uint8_t input[SIM_REPLAY_INPUT];
};

struct sim_replay {
    struct sim_replay_function function[SIM_REPLAY_FUNCTIONS];
    struct sim_replay_entry entry[SIM_REPLAY_ENTRIES];
    struct sim_replay_entry running; /* being executed for the first time */
    uint32_t function_count, entry_count;
    uint32_t return_to, sp; /* of the running one; return_to 0: none */
    uint32_t pass;          /* do not stop at this address once */
    uint64_t started_ps, replayed;
};

/* ---- cycle.c ---- */
#define SIM_CYCLE_BLOCKS 256u

struct sim_cycle {
    int phase;
    uint32_t anchor; /* the block that a round begins with; 0: none */
    uint32_t visits, pace;
    bool on;        /* ferry_sim_shortcuts */
    bool off;       /* the host may write to RAM at any time */
    bool disturbed; /* an event was told or a clock was read: rounds may differ */
    bool flips;     /* unstable bits flip meanwhile */
    bool watching;  /* reads of the flash are noticed, once */
    bool noting;    /* blocks are noted: when each begins in its round */
    uint32_t blocks;
    uint64_t block_ps[SIM_CYCLE_BLOCKS];
    uint64_t since_ps, passed_ps, retry_ps, period_ps, halfwords;
    uint64_t skipped_ps; /* in all */
    struct sim_cpu_regs regs;
    struct sim_state start; /* of the round */
    struct sim_state note;  /* when the engine was left: has the world changed since? */
};

#define SIM_ENTER_FUNCTIONS 4u

/* ferry_sim_on_enter */
struct sim_enter {
    uint32_t address[SIM_ENTER_FUNCTIONS];
    uint32_t count;
    ferry_sim_enter_fn fn;
    void *ctx;
};

struct ferry_sim {
    struct sim_state s; /* first: the hot fields near the start */

    /* Hot: read by the block hook. */
    uint64_t deadline_ps;
    uint64_t limit_ps; /* of this run call: sim_time_goes_on */
    uint32_t block_pc, block_size;
    bool bus_fault;   /* an access to reserved peripheral space, to be answered */
    bool one_block;   /* the next run ends after one block */
    bool watch_masks; /* an interrupt waits behind PRIMASK, BASEPRI or FAULTMASK */
    bool dead;        /* power or reset struck inside this block: nothing has effect any more */
    uint32_t cycles_per_halfword; /* 1, or pace where no function is executed for replay */
    uint32_t pace;                /* see ferry_sim_pace */

    const struct sim_board *board;
    const struct sim_chip *chip;
    bool no_hse, no_pll;
    uint32_t seed;
    uint8_t uid[FERRY_SIM_UID_BYTES];

    uc_engine *uc;
    struct sim_region region[SIM_REGIONS];
    struct sim_region guard[SIM_GUARD_PAGES]; /* pages of RAM with an MPU guard; b NULL: without */
    unsigned region_count;
    int cpu_stop; /* enum sim_cpu_stop, set by hooks */
    uint32_t fault_address;
    uint32_t restores; /* since the engine was made */
    uint8_t *exec_map; /* per SIM_CHUNK of flash: code was run from there */
    bool ram_executed;
    bool mpu_changed; /* the guards are not yet as the MPU's registers say */

    uint8_t *cells;   /* what the flash holds */
    uint8_t *view;    /* what the core sees: cells, but for stale cache lines and weak bits */
    uint8_t *old;     /* contents before the last erase of each sector */
    uint8_t *ram;     /* RAM, then CCM */
    uint8_t *rom;     /* system memory, OTP, unique id: 32 KB at 0x1FFF0000 */
    uint8_t *option;  /* 4 KB at 0x1FFFC000 */
    uint8_t *ecc_bad; /* L4: per double word; see flash_l4.c. NULL elsewhere */
    bool ecc_hooked;  /* the engine tells reads of flash */
    uint32_t sector_offset[FERRY_SIM_MAX_SECTORS];
    uint8_t granule[(SIM_PERIPH_SPAN + SIM_HIGH_SPAN) /
                    SIM_PERIPH_GRANULE]; /* periph index + 1, 0: none */
    bool flush_pending;
    uint32_t flush_low, flush_high; /* flash offsets whose translated code is stale */

    struct sim_replay replay;
    struct sim_cycle cycle;
    uint8_t *cycle_ram; /* RAM, then CCM, at the round's start */
    struct sim_enter enter;
    struct sim_spi_master spi;
    struct sim_i2c_master i2c;
    bool stop_requested, power_cut_done;
    ferry_sim_event_fn event_fn;
    void *event_ctx;
    ferry_sim_flash_op_fn flash_op_fn;
    void *flash_op_ctx;
    ferry_sim_peer_fn tick_fn;
    void *tick_ctx;
    ferry_sim_uart_fn uart_fn[SIM_UART_PORTS];
    void *uart_ctx[SIM_UART_PORTS];
};

/* ---- board.c: time ---- */
/** The block hook stops before the next block, so that the run loop looks at the world again. */
void sim_kick(struct ferry_sim *b);
void sim_timer_set(struct ferry_sim *b, unsigned timer, uint64_t at_ps);
/**
 * For the block hook, at the deadline: handles what is due without leaving the engine.
 * @return false when it has to leave
 */
bool sim_time_goes_on(struct ferry_sim *b);
/** Deterministic noise. */
uint32_t sim_random(struct ferry_sim *b);
/** Ask for a reset of the chip, from inside: takes effect before the next block. */
void sim_request_reset(struct ferry_sim *b, uint32_t flags);

/* ---- power.c ---- */
/** A reset with this cause (SIM_RESET_*): the chip starts, or waits until NRST is let go. */
void sim_reset_chip(struct ferry_sim *b, uint32_t cause);

/* ---- events.c ---- */
void sim_event(struct ferry_sim *b, enum ferry_sim_event_kind kind, uint32_t a, uint32_t x,
               uint32_t c, const char *text);
void sim_misuse(struct ferry_sim *b, const char *text);
/** A block of code begins: tell who asked for this address. For the block hook. */
void sim_entered(struct ferry_sim *b, uint32_t address);

/* ---- engine_locks.c ---- */
void sim_engine_locks(void);

/* ---- cpu.c: the only file that calls the engine ---- */
int sim_cpu_open(struct ferry_sim *b);
void sim_cpu_close(struct ferry_sim *b);
/** New engine (the old one's leaked translations go with it), registers kept. */
int sim_cpu_reopen(struct ferry_sim *b);
void sim_cpu_reset(struct ferry_sim *b, uint32_t sp, uint32_t pc);
/** Run blocks until deadline_ps or something to handle. */
enum sim_cpu_stop sim_cpu_run(struct ferry_sim *b);

/* ---- replay.c: see ferry_sim_replay ---- */
/** Is this block's start one to stop at? For the block hook. */
bool sim_replay_stops(struct ferry_sim *b, uint32_t address);
/** After such a stop: the function begins or has returned. */
void sim_replay_step(struct ferry_sim *b);
/** A reset or a restore came in between. */
void sim_replay_forget(struct ferry_sim *b);

/* ---- cycle.c: around a run of code in RAM while the flash works ---- */
/** Before it: a new attempt, or is what is known still true? */
void sim_cycle_before(struct ferry_sim *b, uint32_t pc);
/** After it. */
void sim_cycle_after(struct ferry_sim *b, enum sim_cpu_stop why);
/** Stop before this block? For the block hook. */
bool sim_cycle_stops(const struct ferry_sim *b, uint32_t address);
/** After such a stop: compares, and passes over rounds that begin before the next event. */
void sim_cycle_step(struct ferry_sim *b);
/** A block of the round that is compared begins. For the block hook, while cycle.noting. */
void sim_cycle_note_block(struct ferry_sim *b);
/** A block of two halfwords begins again: does it count down? For the block hook. */
void sim_cycle_count_down(struct ferry_sim *b, uint32_t address);
/** The core was set from outside. */
void sim_cycle_forget(struct ferry_sim *b);

/* ---- cpu.c again ---- */
void sim_cpu_save(struct ferry_sim *b, struct sim_cpu_regs *out);
void sim_cpu_load(struct ferry_sim *b, const struct sim_cpu_regs *in);
uint32_t sim_cpu_get(struct ferry_sim *b, int reg);
void sim_cpu_set(struct ferry_sim *b, int reg, uint32_t value);
/** Forget translated code of flash [offset, offset + size): now, between runs. */
void sim_cpu_flush(struct ferry_sim *b, uint32_t offset, uint32_t size);
void sim_cpu_flush_ram(struct ferry_sim *b);
/** Between runs: the next read of flash by an instruction sets cycle.disturbed. */
void sim_cpu_watch_flash(struct ferry_sim *b, bool on);
/** Between runs: sim_mpu_denies is asked about each access to this page of RAM, or no longer. */
bool sim_cpu_guard(struct ferry_sim *b, uint32_t page, bool on);

/* ---- mpu.c ---- */
uint32_t sim_mpu_read(const struct sim_nvic *n, uint32_t offset);
void sim_mpu_write(struct ferry_sim *b, uint32_t offset, uint32_t value);
/** Its registers are others than before, or the engine is new. */
void sim_mpu_changed(struct ferry_sim *b);
/** Between runs: guard the pages that the registers name. */
void sim_mpu_settle(struct ferry_sim *b);
/** A region without access holds one of these bytes, and counts at the core's present priority. */
bool sim_mpu_denies(struct ferry_sim *b, uint32_t address, uint32_t size);

/* ---- exception.c ---- */
/** Take the exception that is due, if any. @return true when one was taken */
bool sim_exception_dispatch(struct ferry_sim *b);
void sim_exception_return(struct ferry_sim *b, uint32_t exc_return);
/** A synchronous fault at the present PC: enter its handler, or HardFault, or lock up. */
void sim_exception_fault(struct ferry_sim *b, int exc, uint32_t cfsr, const char *text);
void sim_exception_svc(struct ferry_sim *b);

/* ---- nvic.c ---- */
void sim_nvic_reset(struct ferry_sim *b);
uint32_t sim_nvic_read(struct ferry_sim *b, uint32_t offset);
void sim_nvic_write(struct ferry_sim *b, uint32_t offset, uint32_t value, uint32_t mask);
void sim_nvic_pend(struct ferry_sim *b, int exc);
void sim_nvic_line(struct ferry_sim *b, unsigned irq, bool level);
/** Highest pending enabled exception, 0 for none. */
int sim_nvic_highest(const struct ferry_sim *b);
/** Group priority of an exception (lower is more urgent; -3 to -1 fixed). */
int sim_nvic_priority(const struct ferry_sim *b, int exc);
/** Priority the core runs at, from active exceptions and, if asked, the mask registers. */
int sim_nvic_running(struct ferry_sim *b, bool with_masks);
/** An interrupt is due now. */
bool sim_nvic_due(struct ferry_sim *b);
/** As sim_nvic_due, but as WFI sees it: PRIMASK does not count. */
bool sim_nvic_wakes(struct ferry_sim *b);
void sim_systick_expired(struct ferry_sim *b);
/** Before / after a change of ps_per_cycle. */
uint32_t sim_systick_left(const struct ferry_sim *b);
void sim_systick_restart(struct ferry_sim *b, uint32_t left);
uint32_t sim_cyccnt(const struct ferry_sim *b);

/* ---- bus.c ---- */
void sim_bus_init(struct ferry_sim *b);
void sim_bus_reset(struct ferry_sim *b);
uint32_t sim_bus_read(struct ferry_sim *b, uint32_t address, unsigned size);
void sim_bus_write(struct ferry_sim *b, uint32_t address, unsigned size, uint32_t value);
/** Host pointer into RAM or CCM, NULL when any byte is outside. */
uint8_t *sim_bus_ram(const struct ferry_sim *b, uint32_t address, size_t size);
/** Reset the peripherals that an RCC reset register names. */
void sim_bus_reset_by(struct ferry_sim *b, unsigned bus, uint32_t bits);
bool sim_bus_clocked(const struct ferry_sim *b, const struct sim_periph *p);

/* ---- peripherals: read and write whole words; mask tells which bits a narrow store drives ---- */
typedef uint32_t (*sim_read_fn)(struct ferry_sim *b, unsigned index, uint32_t offset);
typedef void (*sim_write_fn)(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                             uint32_t mask);
uint32_t sim_rcc_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_rcc_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask);
void sim_rcc_reset(struct ferry_sim *b, uint32_t cause);
/** A ready time has come, or a register changed: recompute the clock tree. */
void sim_rcc_update(struct ferry_sim *b);
void sim_rcc_set_clocks(struct ferry_sim *b, uint32_t sysclk, uint32_t ppre1, uint32_t ppre2);
uint32_t sim_pwr_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_pwr_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask);

uint32_t sim_flash_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_flash_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                     uint32_t mask);
void sim_flash_reset(struct ferry_sim *b);
/** A store of the core or of DMA into flash. */
void sim_flash_store(struct ferry_sim *b, uint32_t offset, unsigned size, uint32_t value);
/** The operation under way has ended. */
void sim_flash_finish(struct ferry_sim *b);
/** Power or reset struck: an operation under way is torn. */
void sim_flash_abort(struct ferry_sim *b);
/** One erase or program operation begins: counted, told, cut. @return false: the power is gone */
bool sim_flash_operation(struct ferry_sim *b, bool erase, uint32_t offset, uint32_t size,
                         uint64_t value, int sector);
/** It takes this long. */
void sim_flash_busy(struct ferry_sim *b, uint64_t duration_ps);
/** By the option bytes. */
bool sim_flash_protected(const struct ferry_sim *b, size_t sector);
void sim_flash_jitter(struct ferry_sim *b);
/** Cells changed from outside: show them. */
void sim_flash_changed(struct ferry_sim *b, uint32_t offset, uint32_t size);
void sim_flash_store_options(struct ferry_sim *b, uint32_t optcr);
int sim_flash_sector_of(const struct ferry_sim *b, uint32_t offset);
void sim_flash_error(struct ferry_sim *b, uint32_t flag, uint32_t offset, const char *text);
void sim_flash_irq(struct ferry_sim *b);
/* flash_model.c: cells, cuts, cache */
void sim_cells_erase(struct ferry_sim *b, uint32_t offset, uint32_t size, int sector);
void sim_cells_program(struct ferry_sim *b, uint32_t offset, unsigned size, uint64_t value);
void sim_cells_tear(struct ferry_sim *b, uint32_t seed, bool unstable, enum ferry_sim_tear degree);
void sim_cells_revert(struct ferry_sim *b);
void sim_cache_control(struct ferry_sim *b, uint32_t before, uint32_t after);
void sim_cache_clear(struct ferry_sim *b);

uint32_t sim_gpio_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_gpio_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                    uint32_t mask);
void sim_gpio_reset(struct ferry_sim *b, unsigned index);
bool sim_gpio_exists(unsigned pin);
bool sim_gpio_is_open_drain(const struct ferry_sim *b, unsigned pin);
bool sim_gpio_is_alternate(const struct ferry_sim *b, unsigned pin, unsigned function);
/** Report output and LED changes, also those by loss of power. */
void sim_gpio_show(struct ferry_sim *b);

uint32_t sim_usart_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_usart_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                     uint32_t mask);
void sim_usart_reset(struct ferry_sim *b, unsigned index);
void sim_usart_sent(struct ferry_sim *b, unsigned index);
void sim_usart_idle(struct ferry_sim *b, unsigned index);
/** DMA moved a byte: for the request levels. */
uint8_t sim_usart_dma_take(struct ferry_sim *b, unsigned index);
void sim_usart_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte);
void sim_usart_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index);
/** The next queued byte of a port is at the node's pin. */
void sim_line_arrived(struct ferry_sim *b, unsigned port);
void sim_line_schedule(struct ferry_sim *b, unsigned port);
/** A byte of the node is on a port's wire at this rate: noise, wrong rate, callback. */
void sim_line_from_node(struct ferry_sim *b, unsigned port, uint32_t baud, uint8_t byte);
bool sim_baud_differs(uint32_t a, uint32_t b);

uint32_t sim_spi_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_spi_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask);
void sim_spi_reset(struct ferry_sim *b);
uint8_t sim_spi_dma_take(struct ferry_sim *b, unsigned index);
void sim_spi_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte);
void sim_spi_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index);
/** The master's clock: a byte ends, the next begins. */
void sim_spi_clock(struct ferry_sim *b);
/** Power or time is gone: the transfer under way ends with E_STATE. */
void sim_spi_abort(struct ferry_sim *b);

uint32_t sim_i2c_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_i2c_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask);
void sim_i2c_reset(struct ferry_sim *b);
uint8_t sim_i2c_dma_take(struct ferry_sim *b, unsigned index);
void sim_i2c_dma_give(struct ferry_sim *b, unsigned index, uint8_t byte);
void sim_i2c_dma_ready(struct ferry_sim *b, enum sim_dma_source source, unsigned index);
/* The slave as the wire meets it, in the order of a transfer. Bools are acknowledges. */
void sim_i2c_start(struct ferry_sim *b);
bool sim_i2c_address(struct ferry_sim *b, uint8_t address, bool read);
/** It holds SCL low. wants_byte: the master is about to clock a byte out of it. */
bool sim_i2c_stretches(const struct ferry_sim *b, bool wants_byte);
bool sim_i2c_receive(struct ferry_sim *b, uint8_t byte);
uint8_t sim_i2c_send(struct ferry_sim *b);
void sim_i2c_sent(struct ferry_sim *b, bool ack);
void sim_i2c_stop(struct ferry_sim *b);
/* i2c_wire.c */
void sim_i2c_clock(struct ferry_sim *b);
void sim_i2c_abort(struct ferry_sim *b);
/** The slave changed: a master that waits for SCL looks again. */
void sim_i2c_wire_look(struct ferry_sim *b);

uint32_t sim_dma_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_dma_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                   uint32_t mask);
/** Memory that DMA reaches: RAM but not CCM, and flash for reading. */
uint8_t *sim_dma_memory(struct ferry_sim *b, uint32_t address, unsigned size, bool to_memory);
void sim_dma_reset(struct ferry_sim *b, unsigned index);
/** A peripheral asks for one transfer. @return false when no stream serves it */
bool sim_dma_request(struct ferry_sim *b, enum sim_dma_source source, unsigned index);

uint32_t sim_iwdg_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_iwdg_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                    uint32_t mask);
void sim_iwdg_reset(struct ferry_sim *b);
void sim_iwdg_expired(struct ferry_sim *b);

#include "l4.h"

/** Bytes of RAM and CCM together. */
static inline size_t sim_ram_total(const struct ferry_sim *b)
{
    return (size_t)b->chip->ram_size + b->chip->ccm_size;
}

/** register = (register & ~mask) | (value & mask) */
static inline uint32_t sim_merge(uint32_t reg, uint32_t value, uint32_t mask)
{
    return (reg & ~mask) | (value & mask);
}

#endif
