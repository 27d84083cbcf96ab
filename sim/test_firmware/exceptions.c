/* Exceptions, priorities, mask registers, PSP with FPU context, faults. Logs numbers in order. */
#include "fw.h"

#define LOG_COUNT RESULTS[8]
#define LOG(i)    RESULTS[16 + (i)]

static uint32_t thread_stack[128] __attribute__((aligned(8)));

static void log_number(uint32_t n)
{
    LOG(LOG_COUNT) = n;
    LOG_COUNT = LOG_COUNT + 1u;
}

void SVC_Handler(void)
{
    log_number(1);
    SCB_ICSR = 1u << 28; /* PendSV waits until this returns */
    log_number(2);
}

void PendSV_Handler(void)
{
    __asm volatile("vmov.f32 s0, #1.0\n vmov.f32 s5, #2.0\n vmov.f32 s15, #4.0" ::
                       : "s0", "s5", "s15");
    log_number(3);
}

void Usart1_Handler(void)
{
    log_number(4);
    NVIC_ISER(1) = 1u << (58 - 32);
    REG(0xE000EF00u) = 58; /* STIR: the more urgent one preempts */
    __asm volatile("isb");
    log_number(6);
}

void Dma2Stream2_Handler(void)
{
    log_number(5);
}

__attribute__((used)) static void fault(uint32_t *frame, uint32_t number)
{
    log_number(number);
    log_number(SCB_CFSR);
    SCB_CFSR = SCB_CFSR;
    frame[6] = RESULTS[4] & ~1u; /* go on where main said */
}

#define FAULT_HANDLER(name, number)                                                                \
    __attribute__((naked)) void name(void)                                                         \
    {                                                                                              \
        __asm volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n movs r1, #" #number  \
                       "\n b fault");                                                              \
    }
FAULT_HANDLER(UsageFault_Handler, 20)
FAULT_HANDLER(BusFault_Handler, 21)
FAULT_HANDLER(HardFault_Handler, 22)

/* Run an instruction that faults; the handler goes on behind it. */
#define EXPECT_FAULT(instruction)                                                                  \
    __asm volatile("ldr r3, =0x20000010\n adr r2, 1f\n str r2, [r3]\n ldr r2, =0x60000000\n"       \
                   "b 2f\n .ltorg\n .align 2\n 2: " instruction "\n nop\n .align 2\n 1: nop" ::    \
                       : "r2", "r3", "memory")

static void masks(void)
{
    __asm volatile("cpsid i");
    SCB_ICSR = 1u << 28;
    log_number(10);
    __asm volatile("cpsie i\n isb");
    log_number(11);
    uint32_t priority = 0xF0;
    __asm volatile("msr basepri, %0" ::"r"(priority));
    SCB_ICSR = 1u << 28;
    log_number(12);
    __asm volatile("msr basepri, %0\n isb" ::"r"(0));
    log_number(13);
}

static void on_process_stack(void)
{
    uint32_t before, after;
    __asm volatile("msr psp, %2\n movs r0, #2\n msr control, r0\n isb\n"
                   "vmov.f32 s0, #8.0\n vmov.f32 s15, #16.0\n"
                   "mov %0, sp\n svc #1\n mov %1, sp\n"
                   "vmov r1, s0\n vmov r2, s15\n movs r0, #0\n msr control, r0\n isb\n"
                   "ldr r0, =0x20000000\n str r1, [r0, #20]\n str r2, [r0, #24]\n"
                   : "=&r"(before), "=&r"(after)
                   : "r"(thread_stack + 128)
                   : "r0", "r1", "r2", "s0", "s15", "memory");
    RESULTS[7] = before == after && before == (uint32_t)(thread_stack + 128);
}

int main(void)
{
    LOG_COUNT = 0;
    DEMCR |= 1u << 24;
    DWT_CYCCNT = 0;
    DWT_CTRL = 1;
    SCB_SHPR(14) = 0xF0;
    __asm volatile("svc #0");
    log_number(9);
    masks();
    NVIC_IPR(37) = 0x80;
    NVIC_IPR(58) = 0x40;
    NVIC_ISER(1) = 1u << (37 - 32);
    REG(0xE000E204u) = 1u << (37 - 32); /* ISPR */
    __asm volatile("dsb\n isb");
    on_process_stack();
    REG(0xE000ED24u) = 7u << 16; /* the configurable faults on */
    EXPECT_FAULT("udf #0");
    EXPECT_FAULT("ldr r3, [r2]");
    REG(0xE000ED24u) = 0;
    EXPECT_FAULT("udf #0");
    RESULTS[10] = SCB_HFSR;
    RESULTS[11] = 0;
    REG(0x22000000u + 11u * 4u * 32u + 7u * 4u) = 1;            /* bit-band: bit 7 of RESULTS[11] */
    RESULTS[12] = REG(0x42000000u + (0x23800u * 8u + 1u) * 4u); /* HSIRDY */
    RESULTS[13] = DWT_CYCCNT;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
