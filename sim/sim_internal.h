/**
 * Inside of the virtual board: one struct of plain data (what a snapshot copies) and one of host
 * things (engine, memory, callbacks). Nothing here is public.
 *
 * Time inside is in picoseconds: 100 MHz is 10,000 ps exactly, and 64 bits last 213 days.
 */
#ifndef FERRY_SIM_INTERNAL_H
#define FERRY_SIM_INTERNAL_H

#include "chip.h"
#include "ferry_sim.h"
#include "rom.h"

#include <unicorn/unicorn.h>

#define SIM_PS_PER_NS      1000ull
#define SIM_PS_PER_US      1000000ull
#define SIM_PS_PER_MS      1000000000ull
#define SIM_PS_PER_S       1000000000000ull
#define SIM_NEVER          UINT64_MAX
#define SIM_USARTS         4u
#define SIM_GPIOS          8u
#define SIM_STORES         32u
#define SIM_UART_PORTS     4u
#define SIM_UART_QUEUE     16384u
#define SIM_WEAK_WORDS     64u
#define SIM_CACHE_LINE     16u     /* ART data cache: 128-bit lines */
#define SIM_CHUNK          0x1000u /* grain of "flash changed since" */
#define SIM_MAX_CHUNKS     512u
#define SIM_PERIPH_GRANULE 0x400u
#define SIM_PERIPH_BASE    0x40000000u
#define SIM_PERIPH_SPAN    0x28000u
#define SIM_ROM_BASE       0x1FFF0000u /* system memory, OTP, unique id */
#define SIM_ROM_SIZE       0x8000u
#define SIM_HIGH_BASE      0x48000000u /* the L4's ports */
#define SIM_HIGH_SPAN      0x2000u
#define SIM_OPTION_BASE    0x1FFFC000u
#define SIM_OPTION_SIZE    0x1000u
#define SIM_REGIONS        48u
#define SIM_MPU_REGIONS    8u
#define SIM_GUARD_PAGE     0x400u /* the engine's own page for this core */
#define SIM_GUARD_PAGES    128u   /* RAM of the largest chip */

/* Exception numbers (ARMv7-M B1.5.2). */
enum {
    SIM_EXC_NMI = 2,
    SIM_EXC_HARD = 3,
    SIM_EXC_MEM = 4,
    SIM_EXC_BUS = 5,
    SIM_EXC_USAGE = 6,
    SIM_EXC_SVC = 11,
    SIM_EXC_DEBUG = 12,
    SIM_EXC_PENDSV = 14,
    SIM_EXC_SYSTICK = 15,
    SIM_EXC_IRQ0 = 16,
    SIM_EXC_MAX = 128
};

/* CFSR bits (ARMv7-M B3.2.15). */
#define SIM_CFSR_IACCVIOL    (1u << 0)
#define SIM_CFSR_DACCVIOL    (1u << 1)
#define SIM_CFSR_MUNSTKERR   (1u << 3)
#define SIM_CFSR_MSTKERR     (1u << 4)
#define SIM_CFSR_MMARVALID   (1u << 7)
#define SIM_CFSR_IBUSERR     (1u << 8)
#define SIM_CFSR_PRECISERR   (1u << 9)
#define SIM_CFSR_IMPRECISERR (1u << 10)
#define SIM_CFSR_UNSTKERR    (1u << 11)
#define SIM_CFSR_STKERR      (1u << 12)
#define SIM_CFSR_BFARVALID   (1u << 15)
#define SIM_CFSR_UNDEFINSTR  (1u << 16)
#define SIM_CFSR_INVSTATE    (1u << 17)
#define SIM_CFSR_INVPC       (1u << 18)
#define SIM_CFSR_DIVBYZERO   (1u << 25)

/* RCC_CSR reset flags (RM0383 6.3.17); OBL is the L4's, and elsewhere in its register. */
#define SIM_RESET_OBL  (1u << 24)
#define SIM_RESET_BOR  (1u << 25)
#define SIM_RESET_PIN  (1u << 26)
#define SIM_RESET_POR  (1u << 27)
#define SIM_RESET_SOFT (1u << 28)
#define SIM_RESET_IWDG (1u << 29)

/** Everything that happens at a known time. One entry each; SIM_NEVER is off. */
enum sim_timer {
    SIM_T_SYSTICK,
    SIM_T_IWDG,
    SIM_T_FLASH,
    SIM_T_RCC,
    SIM_T_WEAK,
    SIM_T_TICK,
    SIM_T_SPI,     /* the byte on the wires ends */
    SIM_T_I2C,     /* the same; or the master gives up waiting */
    SIM_T_ROM,     /* ST's boot loader goes on */
    SIM_T_ROM_TX,  /* its byte on the UART ends */
    SIM_T_UART_IN, /* next byte from the host is at the pin, per port */
    SIM_T_USART_TX = SIM_T_UART_IN + SIM_UART_PORTS, /* shift register empty, per USART */
    SIM_T_USART_IDLE = SIM_T_USART_TX + SIM_USARTS,  /* line idle for a frame, per USART */
    SIM_T_COUNT = SIM_T_USART_IDLE + SIM_USARTS
};

struct sim_nvic {
    uint32_t enabled[4], pending[4], active[4]; /* by exception number */
    uint32_t line[4];                           /* level of the interrupt lines */
    uint8_t priority[SIM_EXC_MAX];
    uint32_t vtor, prigroup, scr, ccr, shcsr_enable;
    uint32_t cfsr, hfsr, mmfar, bfar, cpacr, fpccr, fpcar, fpdscr, demcr;
    uint32_t mpu_ctrl, mpu_rnr, mpu_rbar[SIM_MPU_REGIONS], mpu_rasr[SIM_MPU_REGIONS];
    uint32_t systick_ctrl, systick_load, systick_left; /* left: ticks, while stopped */
    bool systick_flag;
    uint32_t dwt_ctrl, cyccnt_base;
    uint64_t cyccnt_since_ps;
};

struct sim_rcc {
    uint32_t cr, pllcfgr, cfgr, cir, csr, bdcr;
    uint32_t rstr[4], enr[4], lpenr[4], other[40];
    uint64_t msi_ready_ps, hsi_ready_ps, hse_ready_ps, pll_ready_ps, lsi_ready_ps;
    uint32_t sws;
    uint32_t sysclk_hz, hclk_hz, pclk_hz[2]; /* pclk_hz: APB1, APB2 */
    uint64_t ps_per_cycle;
    uint32_t pwr_cr, pwr_csr;
    bool warned_wait_states, warned_voltage, warned_apb;
};

struct sim_weak_word {
    uint32_t offset; /* in flash */
    uint32_t mask;   /* bits that read at random */
    uint32_t lean;   /* ... of these, such as mostly read as the cell says */
};

struct sim_flash {
    uint32_t acr, sr, cr, optcr;
    uint32_t optcr_stored; /* non-volatile */
    uint8_t key_step, optkey_step;
    bool key_locked_out, optkey_locked_out;
    uint64_t busy_until_ps;
    bool op_erase; /* the operation under way */
    uint32_t op_offset, op_size, op_sector;
    uint64_t op_old;
    bool stale_any;
    uint8_t stale_sector[FERRY_SIM_MAX_SECTORS];
    struct sim_weak_word weak[SIM_WEAK_WORDS];
    uint32_t weak_count;
    struct sim_weak_word op_weak[SIM_WEAK_WORDS]; /* as they were when the last operation began */
    uint32_t op_weak_count;
    uint32_t eccr, wrp[2], wrp_stored[2], pg_low, pg_offset; /* L4 only, from here... */
    bool pg_half;
    uint32_t ecc_bad_count; /* ...to here */
    uint64_t weak_lost; /* operations and words that were to be unstable, and there was no room */
    uint64_t ops;       /* erase and program operations begun */
    uint64_t cut_at;
    struct ferry_sim_cut_plan cut;
    uint32_t chunk_gen[SIM_MAX_CHUNKS];
};

struct sim_gpio {
    uint32_t moder, otyper, ospeedr, pupdr, odr, lckr, afr[2];
    uint16_t driven, level; /* from outside: which pins, and how */
    uint16_t shown;         /* output levels already reported */
    uint16_t shown_mask;
};

struct sim_usart {
    uint32_t sr, dr_rx, dr_tx, brr, cr1, cr2, cr3, gtpr;
    uint8_t shift;
    bool shifting, tdr_full, sr_read, rx_since_idle;
};

struct sim_uart_line { /* host side of a port */
    uint8_t queue[SIM_UART_QUEUE];
    uint32_t head, count;
    uint32_t baud;
    uint64_t free_ps; /* the wire towards the node is free from here */
    uint32_t noise;
    bool unplugged;
    uint8_t parity; /* enum ferry_sim_parity */
};

struct sim_dma_stream {
    uint32_t cr, ndtr, par, m0ar, m1ar, fcr;
    uint32_t reload, offset;
};

struct sim_dma {
    uint32_t isr[2];
    struct sim_dma_stream stream[8];
};

struct sim_iwdg {
    uint32_t pr, rlr;
    bool running, unlocked;
    uint64_t update_until_ps;
};

struct sim_spi {
    uint32_t cr1, cr2, sr, crcpr, i2scfgr, i2spr;
    uint8_t dr_rx, dr_tx, shift;
    uint8_t rx_bits; /* what the shift register has received of its byte */
    uint8_t phase;   /* bits of the slave's byte that went by: neither NSS nor SPE clears it */
    bool loaded;     /* `shift` holds the byte that goes out next */
    bool dr_read;    /* first half of clearing OVR */
    uint32_t told;   /* misuse is said once a reset */
};

struct sim_i2c {
    uint32_t cr1, cr2, oar1, oar2, sr1, sr2, ccr, trise, fltr;
    uint8_t dr_rx, dr_tx, shift;
    bool addressed; /* acknowledged its address, and takes part until NACK, start or stop */
    bool tx_full;   /* dr_tx waits for the shift register */
    bool shift_full;
    bool addr_seen, stop_seen; /* SR1 was read: first half of clearing ADDR, STOPF */
    uint32_t told;
};

/* The master's side is the host's: a snapshot does not hold it. */
struct sim_spi_master {
    const uint8_t *tx;
    uint8_t *rx;
    size_t size, at;
    uint32_t hz;
    unsigned mode;
    uint64_t bit_ps;
    bool active, in_byte;
    bool listening; /* the slave takes part */
    uint8_t passed; /* bits of this byte that went by without it */
    ferry_sim_bus_fn done;
    void *ctx;
};

struct sim_i2c_master {
    const struct ferry_sim_i2c_message *messages;
    size_t count, message, at, acknowledged;
    uint64_t bit_ps, timeout_ps, waiting_since_ps;
    uint8_t address;
    int phase, status;
    ferry_sim_bus_fn done;
    void *ctx;
};

/** CPU registers as the snapshot keeps them. */
struct sim_cpu_regs {
    uint32_t r[13], lr, pc, xpsr, msp, psp, control, primask, basepri, faultmask, fpscr;
    uint64_t d[16];
};

/** Plain data: a snapshot copies it as it is. */
struct sim_state {
    uint64_t now_ps;
    uint64_t timer[SIM_T_COUNT];
    uint64_t tick_period_ps;
    uint64_t stall_until_ps;
    uint64_t random;
    uint32_t ram_seed;
    bool powered, sleeping, sleep_event, lockup;
    bool nrst_low, boot0_high; /* what drives the lines */
    bool held;                 /* in reset until NRST is let go */
    bool system_memory;        /* BOOT0 as the last reset latched it: what address 0 shows */
    uint32_t held_cause;       /* SIM_RESET_*: for when it is let go */
    uint32_t reset_pending;    /* SIM_RESET_* asked for by the chip itself */
    bool cut_pending;
    bool options_reload; /* the reset to come loads the option bytes anew */
    uint32_t led_shown;
    uint32_t next_gen;
    uint64_t unclocked_told; /* by peripheral: misuse is said once a reset */
    struct sim_nvic nvic;
    struct sim_rcc rcc;
    struct sim_flash flash;
    struct sim_gpio gpio[SIM_GPIOS];
    struct sim_usart usart[SIM_USARTS];
    struct sim_uart_line line[SIM_UART_PORTS];
    struct sim_dma dma[2];
    struct sim_iwdg iwdg;
    struct sim_spi spi;
    struct sim_i2c i2c;
    struct sim_rom rom;
    uint32_t store[SIM_STORES][SIM_PERIPH_GRANULE / 4];
    struct ferry_sim_counters counters;
};

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
