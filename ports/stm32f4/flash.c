/*
 * Flash by words (RM0383, section 3.6). While it is busy nothing can be fetched from it, so the
 * core stalls: 16 us for a word, 1-2 s for an erase. Where a transport needs service meanwhile, the
 * wait for an erase runs in RAM.
 */
#include "ring.h"

#include <string.h>

enum { SERVED_BYTES = 32 }; /* programmed between two looks at the transports: 0.13 ms */

/* The ART caches may hold what stood there before an erase or a program. They can be reset only
 * while they are off (section 3.8.1). */
static void renew_caches(void)
{
    uint32_t acr = FLASH_REGS->ACR;
    uint32_t off = acr & ~(FLASH_ACR_ICEN | FLASH_ACR_DCEN);
    FLASH_REGS->ACR = off;
    FLASH_REGS->ACR = off | FLASH_ACR_ICRST | FLASH_ACR_DCRST;
    FLASH_REGS->ACR = off;
    FLASH_REGS->ACR = acr;
}

static void wait_ready(void)
{
    while ((FLASH_REGS->SR & FLASH_SR_BSY) != 0) {
    }
}

static void unlock(uint32_t operation)
{
    wait_ready();
    FLASH_REGS->SR = FLASH_SR_ERRORS | FLASH_SR_EOP; /* of whoever came before */
    if ((FLASH_REGS->CR & FLASH_CR_LOCK) != 0) {     /* a key too many locks until reset */
        FLASH_REGS->KEYR = FLASH_KEY1;
        FLASH_REGS->KEYR = FLASH_KEY2;
    }
    FLASH_REGS->CR = FLASH_CR_PSIZE32 | operation;
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

static int flash_read(void *ctx, uint32_t address, void *out, size_t size)
{
    (void)ctx;
    stm32_flash_serve(); /* whole slots are read, and hashed, between two looks at the transports
                          */
    memcpy(out, (const void *)address, size);
    return FERRY_OK;
}

static int flash_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    (void)ctx;
    const uint8_t *bytes = data;
    unlock(FLASH_CR_PG);
    for (size_t done = 0; done < size; done += 4) {
        if (done % SERVED_BYTES == 0) {
            stm32_flash_serve();
        }
        *(stm32_reg *)(address + done) = ferry_get_u32(bytes + done);
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
    unlock(FLASH_CR_SER | FLASH_CR_SNB(sector));
    stm32_flash_start_erase();
    return finish();
}

const struct ferry_flash stm32_flash = {
    .read = flash_read, .program = flash_program, .erase = flash_erase};
