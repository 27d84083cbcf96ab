/**
 * What the board holds: the state of its chip and of what is wired to it. Plain data, which a
 * snapshot copies as it is; what lives beside it (engine, memory, callbacks) is in sim_internal.h.
 */
#ifndef FERRY_SIM_STATE_H
#define FERRY_SIM_STATE_H

#include "chip.h"
#include "ferry_sim.h"
#include "rom.h"

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
    bool cache_used; /* the data cache was on since it was reset: it may hold anything */
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

#endif
