/*
 * chip.h - the registers that this port uses, written from the reference manual.
 *
 * Section numbers: RM0394 rev 4 (STM32L41x to L46x). Registers of the core stand in cortex_m4.h,
 * those that all families share in peripherals.h. Only what is used is named.
 */
#ifndef STM32L4_CHIP_H
#define STM32L4_CHIP_H

#include "cortex_m4.h"
#include "peripherals.h"

/* FLASH interface, section 3.7. */
struct stm32_flash_regs {
    stm32_reg ACR, PDKEYR, KEYR, OPTKEYR, SR, CR, ECCR, reserved, OPTR;
};
#define FLASH_REGS       ((struct stm32_flash_regs *)0x40022000)
#define FLASH_KEY1       0x45670123U
#define FLASH_KEY2       0xCDEF89ABU
#define FLASH_ACR_PRFTEN BIT(8)
#define FLASH_ACR_ICEN   BIT(9)
#define FLASH_ACR_DCEN   BIT(10)
#define FLASH_ACR_ICRST  BIT(11)
#define FLASH_ACR_DCRST  BIT(12)
/* OPERR, PROGERR, WRPERR, PGAERR, SIZERR, PGSERR, MISERR, FASTERR, RDERR, OPTVERR. All cleared by
 * 1; so is EOP, but PEMPTY toggles. */
#define FLASH_SR_ERRORS (BIT(1) | FIELD(0x7F, 3) | BIT(14) | BIT(15))
#define FLASH_SR_EOP    BIT(0)
#define FLASH_SR_BSY    BIT(16)
#define FLASH_SR_PEMPTY BIT(17) /* 1 toggles it */
#define FLASH_CR_PG     BIT(0)
#define FLASH_CR_PER    BIT(1)
#define FLASH_CR_PNB(n) FIELD(n, 3)
#define FLASH_CR_STRT   BIT(16)
#define FLASH_CR_LOCK   BIT(31)
#define FLASH_ECCR_ECCD BIT(31) /* two bits wrong or more: NMI; cleared by 1 */

/* What the conformance test of the port wants to know: bytes that are programmed at once, and what
 * DS11451 calls typical for the erase of a page. */
enum { STM32_PROGRAM_BYTES = 8, STM32_ERASE_MS = 22 };

/* RCC, section 6.4. */
struct stm32_rcc_regs {
    stm32_reg CR, ICSCR, CFGR, PLLCFGR, PLLSAI1CFGR, reserved0, CIER, CIFR, CICR, reserved1;
    stm32_reg AHB1RSTR, AHB2RSTR, AHB3RSTR, reserved2;
    stm32_reg APB1RSTR1, APB1RSTR2, APB2RSTR, reserved3;
    stm32_reg AHB1ENR, AHB2ENR, AHB3ENR, reserved4;
    stm32_reg APB1ENR1, APB1ENR2, APB2ENR, reserved5;
    stm32_reg AHB1SMENR, AHB2SMENR, AHB3SMENR, reserved6;
    stm32_reg APB1SMENR1, APB1SMENR2, APB2SMENR, reserved7;
    stm32_reg CCIPR, reserved8, BDCR, CSR;
};
#define RCC_REGS          ((struct stm32_rcc_regs *)0x40021000)
#define RCC_CR_HSION      BIT(8)
#define RCC_CR_HSIRDY     BIT(10)
#define RCC_CR_PLLON      BIT(24)
#define RCC_CR_PLLRDY     BIT(25)
#define RCC_PLLCFGR_HSI   FIELD(2, 0)
#define RCC_PLLCFGR_M(m)  FIELD((m)-1, 4)
#define RCC_PLLCFGR_N(n)  FIELD(n, 8)
#define RCC_PLLCFGR_REN   BIT(24)
#define RCC_PLLCFGR_R(r)  FIELD((r) / 2 - 1, 25)
#define RCC_CFGR_SW_HSI   FIELD(1, 0)
#define RCC_CFGR_SW_PLL   FIELD(3, 0)
#define RCC_CFGR_SWS_MASK FIELD(3, 2)
#define RCC_CFGR_SWS_HSI  FIELD(1, 2)
#define RCC_CFGR_SWS_PLL  FIELD(3, 2)
#define RCC_GPIO_ENR      AHB2ENR
#define RCC_GPIO(n)       BIT(n) /* 0 = port A */
#define RCC_AHB1_DMA1     BIT(0)
#define RCC_AHB1_RESET    BIT(8) /* reset value of AHB1ENR: the flash interface has a clock */
#define RCC_CSR_RMVF      BIT(23)
#define RCC_CSR_BORRSTF   BIT(27) /* power-on too */
#define RCC_CSR_SFTRSTF   BIT(28)
#define RCC_CSR_IWDGRSTF  BIT(29)
#define RCC_CSR_WWDGRSTF  BIT(30)

/* GPIO, section 8.4; the registers of a port: peripherals.h. */
#define GPIO_REGS(letter) ((struct stm32_gpio_regs *)(0x48000000U + 0x400U * GPIO_NUMBER(letter)))

/* A pin is analog after a reset, or has a function of the debugger: mode 3 or 2. */
static inline void gpio_set_mode(struct stm32_gpio_regs *regs, unsigned pin, unsigned mode)
{
    regs->MODER = (regs->MODER & ~FIELD(3, pin * 2)) | FIELD(mode, pin * 2);
}

/* DMA, section 11.6. Channels count from 1. */
struct stm32_dma_channel {
    stm32_reg CCR, CNDTR, CPAR, CMAR, reserved;
};
struct stm32_dma_regs {
    stm32_reg ISR, IFCR;
    struct stm32_dma_channel channel[7];
    stm32_reg reserved[5], CSELR;
};
#define DMA1                        ((struct stm32_dma_regs *)0x40020000)
#define DMA_CHANNEL(dma, n)         (&(dma)->channel[(n)-1])
#define DMA_CCR_EN                  BIT(0)
#define DMA_CCR_M2P                 BIT(4) /* memory to peripheral */
#define DMA_CCR_CIRC                BIT(5)
#define DMA_CCR_MINC                BIT(7)
#define DMA_REQUEST(channel, value) FIELD(value, ((channel)-1) * 4) /* in CSELR */

/* USART, section 38.8. */
struct stm32_usart_regs {
    stm32_reg CR1, CR2, CR3, BRR, GTPR, RTOR, RQR, ISR, ICR, RDR, TDR;
};
#define USART1         ((struct stm32_usart_regs *)0x40013800)
#define USART2         ((struct stm32_usart_regs *)0x40004400)
#define USART_ERRORS   (BIT(0) | BIT(1) | BIT(2) | BIT(3)) /* PE, FE, NF, ORE: in ISR and ICR */
#define USART_TC       BIT(6)                              /* in ISR and ICR */
#define USART_CR1_UE   BIT(0)
#define USART_CR1_RE   BIT(2)
#define USART_CR1_TE   BIT(3)
#define USART_CR3_DMAR BIT(6)
#define USART_CR3_DMAT BIT(7)

/* Unique device id, section 46.1. */
#define STM32_UID ((const uint8_t *)0x1FFF7590)

#endif
