/** Registers of the L4 test programs (RM0394). RESULTS and the start-up are those of fw.h. */
#ifndef FW_L4_H
#define FW_L4_H

#include "fw.h"

#define L4_RCC          0x40021000u
#define L4_RCC_CR       REG(L4_RCC + 0x00)
#define L4_RCC_CFGR     REG(L4_RCC + 0x08)
#define L4_RCC_PLLCFGR  REG(L4_RCC + 0x0C)
#define L4_RCC_AHB1ENR  REG(L4_RCC + 0x48)
#define L4_RCC_AHB2ENR  REG(L4_RCC + 0x4C)
#define L4_RCC_APB1ENR1 REG(L4_RCC + 0x58)
#define L4_RCC_APB2ENR  REG(L4_RCC + 0x60)
#define L4_RCC_CSR      REG(L4_RCC + 0x94)

#define L4_FLASH_ACR  REG(0x40022000u)
#define L4_FLASH_KEYR REG(0x40022008u)
#define L4_FLASH_SR   REG(0x40022010u)
#define L4_FLASH_CR   REG(0x40022014u)
#define L4_FLASH_ECCR REG(0x40022018u)

#define L4_GPIOA_MODER REG(0x48000000u)
#define L4_GPIOA_AFRH  REG(0x48000024u)
#define L4_GPIOB_MODER REG(0x48000400u)
#define L4_GPIOB_ODR   REG(0x48000414u)
#define L4_GPIOB_BSRR  REG(0x48000418u)
#define L4_GPIOB_BRR   REG(0x48000428u)

#define L4_USART1 0x40013800u
#define L4_CR1    REG(L4_USART1 + 0x00)
#define L4_CR3    REG(L4_USART1 + 0x08)
#define L4_BRR    REG(L4_USART1 + 0x0C)
#define L4_ISR    REG(L4_USART1 + 0x1C)
#define L4_ICR    REG(L4_USART1 + 0x20)
#define L4_RDR    (L4_USART1 + 0x24)
#define L4_TDR    (L4_USART1 + 0x28)

#define L4_DMA1      0x40020000u
#define L4_DMA_ISR   REG(L4_DMA1 + 0x00)
#define L4_DMA_IFCR  REG(L4_DMA1 + 0x04)
#define L4_DMA_CSELR REG(L4_DMA1 + 0xA8)
#define L4_CCR(c)    REG(L4_DMA1 + 0x08 + 0x14u * ((c)-1u))
#define L4_CNDTR(c)  REG(L4_DMA1 + 0x0C + 0x14u * ((c)-1u))
#define L4_CPAR(c)   REG(L4_DMA1 + 0x10 + 0x14u * ((c)-1u))
#define L4_CMAR(c)   REG(L4_DMA1 + 0x14 + 0x14u * ((c)-1u))

#define L4_PAGE       100u
#define L4_PAGE_START (0x08000000u + 2048u * L4_PAGE)

static inline void l4_unlock(void)
{
    L4_FLASH_KEYR = 0x45670123u;
    L4_FLASH_KEYR = 0xCDEF89ABu;
}

/* @return the error flags, which are cleared */
static inline uint32_t l4_finish(void)
{
    while (L4_FLASH_SR & (1u << 16))
        ;
    uint32_t errors = L4_FLASH_SR & 0xC3FAu;
    L4_FLASH_SR = errors;
    L4_FLASH_CR = 0;
    return errors;
}

static inline uint32_t l4_erase(uint32_t page)
{
    L4_FLASH_CR = 1u << 1 | page << 3;
    L4_FLASH_CR |= 1u << 16;
    return l4_finish();
}

static inline uint32_t l4_program(uint32_t address, uint32_t low, uint32_t high)
{
    L4_FLASH_CR = 1;
    REG(address) = low;
    __asm volatile("isb");
    REG(address + 4u) = high;
    return l4_finish();
}

#endif
