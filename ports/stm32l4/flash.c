/*
 * Flash driver (RM0394, section 3.3): pages of 2 KB, double words with 8 bits of ECC beside each.
 * While it is busy nothing can be fetched from it, so the core stalls: 82 us for a double word, 22
 * ms for a page.
 *
 * - A double word can be programmed once after an erase; a second time only with zeros. One that
 *   already reads as wanted is left alone, as the contract allows the same value again.
 * - One that power left torn does not fit its ECC: a read of it raises the NMI. Inside flash_read
 *   that is an answer, FERRY_FLASH; anywhere else it is our own code or data, and the chip is
 * reset.
 */
#include "chip.h"
#include "port.h"
#include "startup.h"

#include <string.h>

enum { DOUBLE = STM32_PROGRAM_BYTES };

/* Of the read under way; the NMI writes it. */
static volatile bool reading, torn;

void NMI_Handler(void)
{
    if (!reading || (FLASH_REGS->ECCR & FLASH_ECCR_ECCD) == 0) {
        stm32_reset();
    }
    FLASH_REGS->ECCR = FLASH_ECCR_ECCD;
    torn = true;
}

/* The caches may hold what stood there before an erase or a program. They can be reset only while
 * they are off (section 3.7.1). */
static void renew_caches(void)
{
    uint32_t on = FLASH_REGS->ACR | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    uint32_t off = on & ~(FLASH_ACR_ICEN | FLASH_ACR_DCEN);
    FLASH_REGS->ACR = off;
    FLASH_REGS->ACR = off | FLASH_ACR_ICRST | FLASH_ACR_DCRST;
    FLASH_REGS->ACR = off;
    FLASH_REGS->ACR = on;
}

static void wait_ready(void)
{
    while ((FLASH_REGS->SR & FLASH_SR_BSY) != 0) {
    }
}

/* The data cache stays off meanwhile: what is compared has to come from flash. */
static void unlock(uint32_t operation)
{
    wait_ready();
    FLASH_REGS->ACR &= ~FLASH_ACR_DCEN;
    FLASH_REGS->SR = FLASH_SR_ERRORS | FLASH_SR_EOP; /* of whoever came before */
    if ((FLASH_REGS->CR & FLASH_CR_LOCK) != 0) {     /* a key too many locks until reset */
        FLASH_REGS->KEYR = FLASH_KEY1;
        FLASH_REGS->KEYR = FLASH_KEY2;
    }
    FLASH_REGS->CR = operation;
}

/* Ends an operation: gathers its errors, clears them, locks. */
static int finish(void)
{
    wait_ready();
    uint32_t errors = FLASH_REGS->SR & FLASH_SR_ERRORS;
    errors |= FLASH_REGS->CR & FLASH_CR_LOCK; /* still locked: it never started */
    FLASH_REGS->SR = FLASH_SR_ERRORS | FLASH_SR_EOP;
    FLASH_REGS->CR = FLASH_CR_LOCK;
    renew_caches();
    return errors == 0 ? FERRY_OK : FERRY_FLASH;
}

/* Returns whether the bytes fit their ECC. */
static bool read_checked(uint32_t address, void *out, size_t size)
{
    torn = false;
    reading = true;
    memcpy(out, (const void *)address, size);
    stm32_barrier();
    (void)FLASH_REGS->ECCR; /* takes longer than the NMI needs to come */
    reading = false;
    return !torn;
}

static int flash_read(void *ctx, uint32_t address, void *out, size_t size)
{
    (void)ctx;
    if (read_checked(address, out, size)) {
        return FERRY_OK;
    }
    renew_caches(); /* a line filled with it would be read without an NMI next time */
    return FERRY_FLASH;
}

static bool holds(uint32_t address, const uint8_t *bytes)
{
    uint8_t found[DOUBLE];
    return read_checked(address, found, DOUBLE) && memcmp(found, bytes, DOUBLE) == 0;
}

static int flash_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    (void)ctx;
    const uint8_t *bytes = data;
    if ((address | size) % DOUBLE != 0) {
        return FERRY_ARGUMENT;
    }
    unlock(FLASH_CR_PG);
    for (size_t done = 0; done < size; done += DOUBLE) {
        stm32_reg *place = (stm32_reg *)(address + done);
        if (holds(address + done, bytes + done)) {
            continue;
        }
        place[0] = ferry_get_u32(bytes + done);
        stm32_barrier(); /* the first half before the second (section 3.3.7) */
        place[1] = ferry_get_u32(bytes + done + 4);
        wait_ready();
        if ((FLASH_REGS->SR & FLASH_SR_ERRORS) != 0) {
            break; /* the rest is untouched, as the contract says */
        }
    }
    return finish();
}

static int flash_erase(void *ctx, uint32_t sector)
{
    (void)ctx;
    stm32_watchdog_feed();
    unlock(FLASH_CR_PER | FLASH_CR_PNB(sector));
    FLASH_REGS->CR |= FLASH_CR_STRT;
    return finish();
}

const struct ferry_flash stm32_flash = {
    .read = flash_read, .program = flash_program, .erase = flash_erase};
