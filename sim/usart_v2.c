/* USART of the L4 (RM0394 38): the registers. The byte machine is that of usart.c, in whose terms
 * CR1, ISR and ICR are put: most bits have the same place. */
#include "sim_internal.h"

#define F4_SR      0x00u
#define F4_DR      0x04u
#define F4_BRR     0x08u
#define F4_CR1     0x0Cu
#define F4_CR2     0x10u
#define F4_CR3     0x14u
#define F4_UE      (1u << 13)
#define F4_TE      (1u << 3)
#define F4_RE      (1u << 2)
#define UE         (1u << 0)
#define CR1_SHARED 0x9FFEu /* without UE here and there (bit 13 is MME here) */
#define ICR_SHARED 0x5Fu   /* PE, FE, NF, ORE, IDLE, TC */
#define ISR_TEACK  (1u << 21)
#define ISR_REACK  (1u << 22)
#define RQR_RXFRQ  (1u << 3)
#define SR_RXNE    (1u << 5)

static uint32_t isr(const struct sim_usart *u)
{
    bool on = (u->cr1 & F4_UE) != 0;
    return (u->sr & 0xFFu) | (on && (u->cr1 & F4_TE) ? ISR_TEACK : 0) |
           (on && (u->cr1 & F4_RE) ? ISR_REACK : 0);
}

uint32_t sim_usart_v2_read(struct ferry_sim *b, unsigned index, uint32_t offset)
{
    const struct sim_usart *u = &b->s.usart[index];
    switch (offset) {
    case 0x00:
        return (u->cr1 & CR1_SHARED) | ((u->cr1 & F4_UE) ? UE : 0);
    case 0x04:
        return u->cr2;
    case 0x08:
        return u->cr3;
    case 0x0C:
        return u->brr;
    case 0x1C:
        return isr(u);
    case 0x24:
        return sim_usart_read(b, index, F4_DR);
    case 0x28:
        return u->dr_tx;
    default:
        return 0;
    }
}

void sim_usart_v2_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                        uint32_t mask)
{
    struct sim_usart *u = &b->s.usart[index];
    switch (offset) {
    case 0x00:
        sim_usart_write(b, index, F4_CR1, (value & CR1_SHARED) | ((value & UE) ? F4_UE : 0), mask);
        break;
    case 0x04:
        sim_usart_write(b, index, F4_CR2, value, mask);
        break;
    case 0x08:
        sim_usart_write(b, index, F4_CR3, value, mask);
        break;
    case 0x0C:
        sim_usart_write(b, index, F4_BRR, value, mask);
        break;
    case 0x18:
        if (value & RQR_RXFRQ)
            sim_usart_write(b, index, F4_SR, ~SR_RXNE, mask);
        break;
    case 0x20:
        u->sr &= ~(value & ICR_SHARED);
        sim_usart_write(b, index, F4_SR, UINT32_MAX, mask); /* clears nothing; interrupts follow */
        break;
    case 0x28:
        sim_usart_write(b, index, F4_DR, value, mask);
        break;
    default:
        break;
    }
}
