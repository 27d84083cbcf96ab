/*
 * chip.h - the registers that this port uses, written from the reference manuals.
 *
 * Section numbers: RM0383 rev 4 (STM32F411); RM0090 (STM32F407) where it differs. Those of the core
 * stand in cortex_m4.h, those that all families share in peripherals.h. Only what is used is named.
 */
#ifndef STM32F4_CHIP_H
#define STM32F4_CHIP_H

#include "cortex_m4.h"
#include "peripherals.h"

/* FLASH interface, RM0383 section 3.8. */
struct stm32_flash_regs {
    stm32_reg ACR, KEYR, OPTKEYR, SR, CR, OPTCR;
};
#define FLASH_REGS       ((struct stm32_flash_regs *)0x40023C00)
#define FLASH_KEY1       0x45670123U
#define FLASH_KEY2       0xCDEF89ABU
#define FLASH_ACR_PRFTEN BIT(8)
#define FLASH_ACR_ICEN   BIT(9)
#define FLASH_ACR_DCEN   BIT(10)
#define FLASH_ACR_ICRST  BIT(11)
#define FLASH_ACR_DCRST  BIT(12)
/* OPERR, WRPERR, PGAERR, PGPERR, PGSERR, RDERR (F411 only); EOP is bit 0. All cleared by 1. */
#define FLASH_SR_ERRORS  (BIT(1) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define FLASH_SR_EOP     BIT(0)
#define FLASH_SR_BSY     BIT(16)
#define FLASH_CR_PG      BIT(0)
#define FLASH_CR_SER     BIT(1)
#define FLASH_CR_SNB(n)  FIELD(n, 3)
#define FLASH_CR_PSIZE32 FIELD(2, 8) /* x32: 2.7 V and more */
#define FLASH_CR_STRT    BIT(16)
#define FLASH_CR_LOCK    BIT(31)
/* OPTCR, section 3.8.6 */
#define FLASH_OPTCR_BOR(r)  (((r) >> 2) & 3U)      /* 0 = level 3 .. 3 = off */
#define FLASH_OPTCR_RDP(r)  (((r) >> 8) & 0xFFU)   /* 0xAA = level 0, 0xCC = level 2 */
#define FLASH_OPTCR_NWRP(r) (((r) >> 16) & 0xFFFU) /* bit n clear: sector n protected */
#define FLASH_RDP_LEVEL_0   0xAAU
#define FLASH_RDP_LEVEL_2   0xCCU

/* What the conformance test of the port wants to know: bytes that are programmed at once, and what
 * DS10314 and DS8626 call typical for the erase of the board's largest sector. */
enum { STM32_PROGRAM_BYTES = 4, STM32_ERASE_MS = 1000 };

/* PWR, RM0383 section 5.4. */
struct stm32_pwr_regs {
    stm32_reg CR, CSR;
};
#define PWR_REGS ((struct stm32_pwr_regs *)0x40007000)

/* RCC, RM0383 section 6.3. */
struct stm32_rcc_regs {
    stm32_reg CR, PLLCFGR, CFGR, CIR;
    stm32_reg AHB1RSTR, AHB2RSTR, AHB3RSTR, reserved0;
    stm32_reg APB1RSTR, APB2RSTR, reserved1[2];
    stm32_reg AHB1ENR, AHB2ENR, AHB3ENR, reserved2;
    stm32_reg APB1ENR, APB2ENR, reserved3[2];
    stm32_reg AHB1LPENR, AHB2LPENR, AHB3LPENR, reserved4;
    stm32_reg APB1LPENR, APB2LPENR, reserved5[2];
    stm32_reg BDCR, CSR;
};
#define RCC_REGS          ((struct stm32_rcc_regs *)0x40023800)
#define RCC_CR_RESET      0x81U /* HSION, HSITRIM in the middle */
#define RCC_CR_HSEON      BIT(16)
#define RCC_CR_HSERDY     BIT(17)
#define RCC_CR_PLLON      BIT(24)
#define RCC_CR_PLLRDY     BIT(25)
#define RCC_PLLCFGR_HSE   BIT(22)
#define RCC_PLLCFGR_RESET 0x24003010U
#define RCC_CFGR_SW_MASK  FIELD(3, 0)
#define RCC_CFGR_SW_PLL   FIELD(2, 0)
#define RCC_CFGR_SWS_MASK FIELD(3, 2)
#define RCC_CFGR_SWS_PLL  FIELD(2, 2)
#define RCC_GPIO_ENR      AHB1ENR
#define RCC_GPIO(n)       BIT(n) /* 0 = port A */
#define RCC_AHB1_DMA1     BIT(21)
#define RCC_AHB1_DMA2     BIT(22)
#define RCC_APB1_PWR      BIT(28)
#define RCC_CSR_RMVF      BIT(24)
#define RCC_CSR_BORRSTF   BIT(25)
#define RCC_CSR_PINRSTF   BIT(26)
#define RCC_CSR_PORRSTF   BIT(27)
#define RCC_CSR_SFTRSTF   BIT(28)
#define RCC_CSR_IWDGRSTF  BIT(29)
#define RCC_CSR_WWDGRSTF  BIT(30)

/* GPIO, RM0383 section 8.4; the registers of a port: peripherals.h. */
/* Ports by letter. */
#define GPIO_REGS(letter) ((struct stm32_gpio_regs *)(0x40020000U + 0x400U * GPIO_NUMBER(letter)))

/* Every pin that a board uses is an input after a reset: mode 0. */
__attribute__((always_inline)) static inline void gpio_set_mode(struct stm32_gpio_regs *regs,
                                                                unsigned pin, unsigned mode)
{
    regs->MODER |= FIELD(mode, pin * 2);
}

/* DMA, RM0383 section 9.5. */
struct stm32_dma_stream {
    stm32_reg CR, NDTR, PAR, M0AR, M1AR, FCR;
};
struct stm32_dma_regs {
    stm32_reg ISR[2], IFCR[2]; /* low: streams 0-3, high: 4-7 */
    struct stm32_dma_stream stream[8];
};
#define DMA1          ((struct stm32_dma_regs *)0x40026000)
#define DMA2          ((struct stm32_dma_regs *)0x40026400)
#define DMA_CR_EN     BIT(0)
#define DMA_CR_M2P    FIELD(1, 6) /* memory to peripheral */
#define DMA_CR_CIRC   BIT(8)
#define DMA_CR_MINC   BIT(10)
#define DMA_CR_DBM    BIT(18) /* double-buffer mode, section 9.3.10 */
#define DMA_CR_CT     BIT(19) /* memory in use: 0 = M0AR, 1 = M1AR */
#define DMA_CR_CH(n)  FIELD(n, 25)
#define DMA_FLAGS_ALL 0x3DU /* FEIF, DMEIF, TEIF, HTIF, TCIF of one stream */
/* The flags of stream n stand at 0, 6, 16, 22 of its half's register. */
#define DMA_STREAM_FLAGS(flags, n) FIELD(flags, (n) % 2 * 6 + (n) / 2 % 2 * 16)

/* USART, RM0383 section 19.6. */
struct stm32_usart_regs {
    stm32_reg SR, DR, BRR, CR1, CR2, CR3;
};
#define USART1          ((struct stm32_usart_regs *)0x40011000)
#define USART2          ((struct stm32_usart_regs *)0x40004400)
#define USART3          ((struct stm32_usart_regs *)0x40004800)
#define USART_SR_ERRORS (BIT(0) | BIT(1) | BIT(2) | BIT(3)) /* PE, FE, NF, ORE */
#define USART_SR_TC     BIT(6)
#define USART_CR1_RE    BIT(2)
#define USART_CR1_TE    BIT(3)
#define USART_CR1_UE    BIT(13)
#define USART_CR3_DMAR  BIT(6)
#define USART_CR3_DMAT  BIT(7)

/* SPI, RM0383 section 20.5. */
struct stm32_spi_regs {
    stm32_reg CR1, CR2, SR, DR;
};
#define SPI1            ((struct stm32_spi_regs *)0x40013000)
#define SPI_CR1_SPE     BIT(6)
#define SPI_SR_OVR      BIT(6)
#define SPI_CR2_RXDMAEN BIT(0)
#define SPI_CR2_TXDMAEN BIT(1)

/* I2C, RM0383 section 18.6. */
struct stm32_i2c_regs {
    stm32_reg CR1, CR2, OAR1, OAR2, DR, SR1, SR2, CCR, TRISE, FLTR;
};
#define I2C1            ((struct stm32_i2c_regs *)0x40005400)
#define I2C_CR1_PE      BIT(0)
#define I2C_CR1_ACK     BIT(10)
#define I2C_CR2_DMAEN   BIT(11)
#define I2C_OAR1_ALWAYS BIT(14) /* "should always be kept at 1 by software" */
#define I2C_SR1_ADDR    BIT(1)
#define I2C_SR1_BTF     BIT(2)
#define I2C_SR1_STOPF   BIT(4)
#define I2C_SR1_AF      BIT(10)
#define I2C_SR1_ERRORS  (BIT(8) | BIT(9) | BIT(11)) /* BERR, ARLO, OVR */
#define I2C_SR2_TRA     BIT(2)

/* Unique device id, RM0383 section 24.1. */
#define STM32_UID ((const uint8_t *)0x1FFF7A10)

#endif
