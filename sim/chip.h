/**
 * What a chip and a board are, as data. A new one is a new table in chip_<name>.c; no code here or
 * elsewhere in sim/ asks for a chip by name.
 */
#ifndef FERRY_SIM_CHIP_H
#define FERRY_SIM_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Kinds of peripheral that the simulator has code for. */
enum sim_periph_kind {
    SIM_PERIPH_STORE, /**< registers that only remember what was written */
    SIM_PERIPH_RCC,
    SIM_PERIPH_PWR,
    SIM_PERIPH_FLASH,
    SIM_PERIPH_GPIO,
    SIM_PERIPH_USART,
    SIM_PERIPH_DMA,
    SIM_PERIPH_IWDG,
    SIM_PERIPH_SPI,
    SIM_PERIPH_I2C,
    SIM_PERIPH_RCC_L4,
    SIM_PERIPH_PWR_L4,
    SIM_PERIPH_FLASH_L4,
    SIM_PERIPH_USART_V2,
    SIM_PERIPH_DMA_L4,
    SIM_PERIPH_KINDS
};

/** Which RCC enable / reset register rules a peripheral. */
enum sim_bus { SIM_BUS_AHB1, SIM_BUS_AHB2, SIM_BUS_APB1, SIM_BUS_APB2, SIM_BUS_ALWAYS };

struct sim_periph {
    const char *name;
    uint32_t base; /**< 1 KB granules */
    uint8_t kind;  /**< enum sim_periph_kind */
    uint8_t index; /**< which one of its kind */
    uint8_t bus;   /**< enum sim_bus */
    uint8_t bit;   /**< in the enable register; unused with SIM_BUS_ALWAYS */
    uint8_t irq;   /**< first interrupt number, SIM_NO_IRQ for none; I2C: its errors are the next */
};
#define SIM_NO_IRQ 0xFFu

/** Peripherals that can ask DMA for a transfer. */
enum sim_dma_source {
    SIM_DMA_USART_RX,
    SIM_DMA_USART_TX,
    SIM_DMA_SPI_RX,
    SIM_DMA_SPI_TX,
    SIM_DMA_I2C_RX,
    SIM_DMA_I2C_TX,
    SIM_DMA_SOURCES
};

/** One row of the DMA request mapping (RM0383 tables 27 and 28, RM0090 tables 42 and 43). */
struct sim_dma_request {
    uint8_t dma, stream, channel;
    uint8_t source; /**< enum sim_dma_source */
    uint8_t index;  /**< which one of its kind */
};

/** Times of one flash operation by PSIZE (x8, x16, x32, x64). */
struct sim_erase_time {
    uint32_t size;  /**< sector size in bytes */
    uint32_t ms[4]; /**< typical, data sheet "Flash memory programming" */
};

/** ST's boot loader (AN2606, "Bootloader device-dependent parameters"). */
struct sim_rom_chip {
    uint16_t pid;
    uint8_t uart_version, i2c_version, i2c_address;
    uint8_t program_bytes;  /**< in one operation */
    uint32_t program_us;    /**< of one operation */
    uint32_t mass_erase_ms; /**< of the whole flash */
    uint32_t start_ms;      /**< from reset until it listens */
    uint32_t ram_low;       /**< below it the boot loader's own variables are */
    bool bank_1;            /**< takes EXTENDED ERASE FFFE for the whole flash */
    struct {
        uint8_t tx, rx;
    } pins[3]; /**< of its USARTs */
    uint8_t pins_count;
};

enum sim_family { SIM_FAMILY_F4, SIM_FAMILY_L4 };

struct sim_chip {
    const char *name;
    enum sim_family family; /**< of its flash interface, RCC and DMA */
    const struct sim_rom_chip *rom;
    bool empty_check;                              /**< blank at power-on: starts the boot loader */
    uint32_t alias_base, alias_offset, alias_size; /**< a part of RAM, seen a second time */
    uint32_t uid_offset, flash_size_offset;        /**< in the system memory */
    uint32_t rdp_shift;                            /**< of the RDP byte in the option bytes */
    uint32_t iwdg_software;                        /**< bit of the option bytes */
    uint32_t flash_base, flash_size;
    uint32_t ram_base, ram_size;
    uint32_t ccm_base, ccm_size; /**< RAM that only the core reaches; size 0: none */
    uint32_t idcode;             /**< DBGMCU_IDCODE */
    const uint32_t *sector_sizes;
    size_t sector_count;
    const struct sim_erase_time *erase_times;
    size_t erase_time_count;
    uint32_t program_us;            /**< per program operation, typical */
    uint32_t mass_erase_ms;         /**< typical, x32 */
    const uint32_t *wait_state_mhz; /**< highest HCLK for 0, 1, 2... wait states at 2.7-3.6 V */
    size_t wait_state_count;
    uint32_t vos_mhz[4]; /**< highest HCLK for each PWR_CR VOS value */
    uint32_t vos_reset;  /**< VOS after reset */
    uint32_t apb1_max_mhz, apb2_max_mhz;
    uint32_t optcr_reset; /**< FLASH_OPTCR with factory option bytes */
    uint32_t nwrp_mask;   /**< bits of OPTCR that hold nWRP */
    uint32_t enr_reset[4];
    const struct sim_periph *periphs;
    size_t periph_count;
    const struct sim_dma_request *dma_requests;
    size_t dma_request_count;
    uint8_t dma_irq[2][8];
    uint8_t irq_count;
    uint32_t gpio_moder_reset[8];
    uint32_t gpio_pupdr_reset[8];
};

extern const struct sim_chip sim_stm32f407, sim_stm32f411, sim_stm32l432;

#define SIM_STM32F4_ERASE_TIMES 3
extern const struct sim_erase_time sim_stm32f4_erase_times[SIM_STM32F4_ERASE_TIMES];

#define SIM_NO_PIN            0xFFu
#define SIM_PIN(port, number) ((uint8_t)(((port) - 'A') * 16 + (number)))

struct sim_led {
    const char *name;
    uint8_t pin;
    bool active_low;
};

struct sim_uart_wiring {
    uint8_t usart; /**< index of the USART peripheral */
    uint8_t tx_pin, rx_pin, alternate;
    uint8_t rx_alternate; /**< 0: as alternate */
};

struct sim_spi_wiring { /**< the node is the slave */
    uint8_t nss_pin, sck_pin, miso_pin, mosi_pin, alternate;
};

struct sim_i2c_wiring { /**< the node is the slave */
    uint8_t scl_pin, sda_pin, alternate;
};

struct sim_board {
    const char *name;
    const struct sim_chip *chip;
    uint32_t hse_hz;       /**< 0: no crystal fitted */
    uint8_t spi_neighbour; /**< chip select of another slave on SPI's wires; SIM_NO_PIN: none */
    const struct sim_led *leds;
    size_t led_count;
    const struct sim_uart_wiring *uarts; /**< port 0 is the console */
    size_t uart_count;
    const struct sim_spi_wiring *spi; /**< of SPI1; NULL: none */
    const struct sim_i2c_wiring *i2c; /**< of I2C1; NULL: none */
};

/** Board number i, NULL past the end. */
const struct sim_board *sim_board_at(size_t i);
/** NULL when there is none of that name. */
const struct sim_board *sim_board_find(const char *name);

#endif
