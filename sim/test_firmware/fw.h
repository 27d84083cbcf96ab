/**
 * Registers and helpers of the test programs: RM0383 and ARMv7-M only, nothing of the simulator.
 * Each program is one C file with its own main() and handlers.
 */
#ifndef FW_H
#define FW_H

#include <stdbool.h>
#include <stdint.h>

#define REG(a)  (*(volatile uint32_t *)(a))
#define REG8(a) (*(volatile uint8_t *)(a))

#define RCC          0x40023800u
#define RCC_CR       REG(RCC + 0x00)
#define RCC_PLLCFGR  REG(RCC + 0x04)
#define RCC_CFGR     REG(RCC + 0x08)
#define RCC_AHB1ENR  REG(RCC + 0x30)
#define RCC_APB1ENR  REG(RCC + 0x40)
#define RCC_APB2RSTR REG(RCC + 0x24)
#define RCC_APB2ENR  REG(RCC + 0x44)
#define RCC_CSR      REG(RCC + 0x74)
#define PWR_CR       REG(0x40007000u)

#define FLASH_ACR     REG(0x40023C00u)
#define FLASH_KEYR    REG(0x40023C04u)
#define FLASH_SR      REG(0x40023C0Cu)
#define FLASH_CR      REG(0x40023C10u)
#define FLASH_OPTKEYR REG(0x40023C08u)
#define FLASH_OPTCR   REG(0x40023C14u)

#define GPIOA_MODER REG(0x40020000u)
#define GPIOA_AFRH  REG(0x40020024u)
#define GPIOC_MODER REG(0x40020800u)
#define GPIOC_IDR   REG(0x40020810u)
#define GPIOC_ODR   REG(0x40020814u)
#define GPIOC_BSRR  REG(0x40020818u)

#define USART1    0x40011000u
#define USART_SR  REG(USART1 + 0x00)
#define USART_DR  REG(USART1 + 0x04)
#define USART_BRR REG(USART1 + 0x08)
#define USART_CR1 REG(USART1 + 0x0C)
#define USART_CR3 REG(USART1 + 0x14)

#define DMA2           0x40026400u
#define DMA2_LISR      REG(DMA2 + 0x00)
#define DMA2_LIFCR     REG(DMA2 + 0x08)
#define DMA2_HISR      REG(DMA2 + 0x04)
#define DMA2_HIFCR     REG(DMA2 + 0x0C)
#define DMA2_S2        (DMA2 + 0x10u + 2u * 0x18u)
#define DMA2_S7        (DMA2 + 0x10u + 7u * 0x18u)
#define STREAM_CR(s)   REG((s) + 0x00)
#define STREAM_NDTR(s) REG((s) + 0x04)
#define STREAM_PAR(s)  REG((s) + 0x08)
#define STREAM_M0AR(s) REG((s) + 0x0C)
#define STREAM_M1AR(s) REG((s) + 0x10)

#define DMA1    0x40026000u
#define DMA2_S0 (DMA2 + 0x10u)
#define DMA2_S3 (DMA2 + 0x10u + 3u * 0x18u)
#define DMA1_S0 (DMA1 + 0x10u)
#define DMA1_S6 (DMA1 + 0x10u + 6u * 0x18u)

#define SPI1     0x40013000u
#define SPI_CR1  REG(SPI1 + 0x00)
#define SPI_CR2  REG(SPI1 + 0x04)
#define SPI_SR   REG(SPI1 + 0x08)
#define SPI_DR   REG(SPI1 + 0x0C)
#define I2C1     0x40005400u
#define I2C_CR1  REG(I2C1 + 0x00)
#define I2C_CR2  REG(I2C1 + 0x04)
#define I2C_OAR1 REG(I2C1 + 0x08)
#define I2C_DR   REG(I2C1 + 0x10)
#define I2C_SR1  REG(I2C1 + 0x14)
#define I2C_SR2  REG(I2C1 + 0x18)

#define GPIOA_AFRL   REG(0x40020020u)
#define GPIOB_MODER  REG(0x40020400u)
#define GPIOB_OTYPER REG(0x40020404u)
#define GPIOB_AFRL   REG(0x40020420u)

#define IWDG_KR  REG(0x40003000u)
#define IWDG_PR  REG(0x40003004u)
#define IWDG_RLR REG(0x40003008u)
#define IWDG_SR  REG(0x4000300Cu)

#define SYST_CSR      REG(0xE000E010u)
#define SYST_RVR      REG(0xE000E014u)
#define SYST_CVR      REG(0xE000E018u)
#define NVIC_ISER(n)  REG(0xE000E100u + 4u * (n))
#define NVIC_IPR(irq) REG8(0xE000E400u + (irq))
#define SCB_ICSR      REG(0xE000ED04u)
#define SCB_VTOR      REG(0xE000ED08u)
#define SCB_AIRCR     REG(0xE000ED0Cu)
#define SCB_SHPR(exc) REG8(0xE000ED14u + (exc))
#define SCB_CFSR      REG(0xE000ED28u)
#define SCB_HFSR      REG(0xE000ED2Cu)
#define SCB_CPACR     REG(0xE000ED88u)
#define DEMCR         REG(0xE000EDFCu)
#define DWT_CTRL      REG(0xE0001000u)
#define DWT_CYCCNT    REG(0xE0001004u)

#define RAMCODE __attribute__((section(".ramcode"), noinline))

/* What a test reads through ferry_sim_ram(): at the start of RAM, not cleared at reset. */
#define RESULTS ((volatile uint32_t *)0x20000000u)

void fw_clock_100mhz(void); /* HSE 25 MHz, falls back to HSI */
void fw_uart_init(void);    /* USART1 on PA9/PA10, 921600 at PCLK2 = HCLK */
void fw_put(char c);
void fw_print(const char *s);
void fw_print_hex(uint32_t v);
void fw_led_init(void);
void fw_flash_unlock(void);
uint32_t fw_flash_erase(uint32_t sector);                 /* returns error flags */
uint32_t fw_flash_word(uint32_t address, uint32_t value); /* x32; returns error flags */
uint32_t fw_hclk(void);

#endif
