/*
 * Runs only on a chip that the bootloader left as a reset does: compares every register that it may
 * have used with its reset value (RM0383 and PM0214, the register maps). A difference resets the
 * chip, so the trial fails; a debugger finds it in `strict_difference`.
 */
#include "behaviour.h"
#include "board.h"
#include "chip.h"
#include "port.h"

struct expectation {
    stm32_reg *reg;
    uint32_t mask;
    uint32_t value;
};

#define ALL UINT32_MAX

/* Readable at once. */
static const struct expectation core_state[] = {
    {&RCC_REGS->CR, 0xFFFF00FF, 0x83}, /* HSI on and ready, trim 16; the factory's calibration */
    {&RCC_REGS->PLLCFGR, ALL, RCC_PLLCFGR_RESET},
    {&RCC_REGS->CFGR, ALL, 0},
    {&RCC_REGS->CIR, ALL, 0},
    {&RCC_REGS->AHB1RSTR, ALL, 0},
    {&RCC_REGS->APB1RSTR, ALL, 0},
    {&RCC_REGS->APB2RSTR, ALL, 0},
    {&RCC_REGS->AHB1ENR, ALL, BOARD_AHB1ENR_RESET},
    {&RCC_REGS->APB1ENR, ALL, 0},
    {&RCC_REGS->APB2ENR, ALL, 0},
    {&FLASH_REGS->ACR, ALL, 0},
    {&FLASH_REGS->SR, ALL, 0},
    {&FLASH_REGS->CR, ALL, FLASH_CR_LOCK},
    {&SYSTICK_REGS->CTRL, SYSTICK_ENABLE | SYSTICK_TICKINT, 0},
    {&SYSTICK_REGS->LOAD, ALL, 0},
    {&DWT_CTRL, DWT_CTRL_CYCCNTENA, 0},
    {&SCB_REGS->ICSR, ALL, 0},
    {&SCB_REGS->SCR, ALL, 0},
    {&SCB_REGS->CCR, ALL, 0x200}, /* stack aligned to 8 on exceptions */
    {&SCB_REGS->SHCSR, ALL, 0},
    {&MPU_REGS->CTRL, ALL, 0},
    {&NVIC_ICER[0], ALL, 0},
    {&NVIC_ICER[1], ALL, 0},
    {&NVIC_ICER[2], ALL, 0},
    {&NVIC_ICPR[0], ALL, 0},
    {&NVIC_ICPR[1], ALL, 0},
    {&NVIC_ICPR[2], ALL, 0},
};

/* A pin that is an input without pull; a stream that never ran. */
#define PIN(port, pin)                                                                             \
    {&GPIO_REGS(port)->MODER, FIELD(3, (pin)*2), 0},                                               \
        {&GPIO_REGS(port)->PUPDR, FIELD(3, (pin)*2), 0}, {&GPIO_REGS(port)->OTYPER, BIT(pin), 0},  \
        {&GPIO_REGS(port)->ODR, BIT(pin), 0},                                                      \
    {                                                                                              \
        &GPIO_REGS(port)->AFR[(pin) / 8], FIELD(15, (pin) % 8 * 4), 0                              \
    }
#define STREAM(dma, n)                                                                             \
    {&(dma)->stream[n].CR, ALL, 0}, {&(dma)->stream[n].NDTR, ALL, 0},                              \
    {                                                                                              \
        &(dma)->stream[n].M1AR, ALL, 0                                                             \
    }

/* Readable once their clocks are on. */
static const struct expectation peripheral_state[] = {
    {&PWR_REGS->CR, FIELD(3, 14), BOARD_PWR_VOS_RESET},
    PIN(BOARD_UART_PORT, BOARD_UART_TX_PIN),
    PIN(BOARD_UART_PORT, BOARD_UART_RX_PIN),
    PIN(BOARD_SPI_PORT, BOARD_SPI_NSS_PIN),
    PIN(BOARD_SPI_PORT, BOARD_SPI_NSS_PIN + 3),
    PIN(BOARD_I2C_PORT, BOARD_I2C_SCL_PIN),
    PIN(BOARD_I2C_PORT, BOARD_I2C_SDA_PIN),
    {&BOARD_UART->SR, ALL, 0xC0}, /* TXE, TC */
    {&BOARD_UART->BRR, ALL, 0},
    {&BOARD_UART->CR1, ALL, 0},
    {&BOARD_UART->CR3, ALL, 0},
    {&BOARD_SPI->CR1, ALL, 0},
    {&BOARD_SPI->CR2, ALL, 0},
    {&BOARD_I2C->CR1, ALL, 0},
    {&BOARD_I2C->CR2, ALL, 0},
    {&BOARD_I2C->OAR1, ALL, 0},
    {&DMA1->ISR[0], ALL, 0},
    {&DMA1->ISR[1], ALL, 0},
    {&DMA2->ISR[0], ALL, 0},
    {&DMA2->ISR[1], ALL, 0},
    STREAM(BOARD_UART_DMA, BOARD_UART_RX_STREAM),
    STREAM(BOARD_UART_DMA, BOARD_UART_TX_STREAM),
    STREAM(BOARD_SPI_DMA, BOARD_SPI_RX_STREAM),
    STREAM(BOARD_SPI_DMA, BOARD_SPI_TX_STREAM),
    STREAM(BOARD_I2C_DMA, BOARD_I2C_RX_STREAM),
};

/* What the bootloader may have switched a LED or a held pin to. */
static const struct {
    char port;
    uint8_t pin, active;
} leds[] = {
#define LED(port, pin, active)                                                                     \
    {                                                                                              \
        (port), (pin), (active)                                                                    \
    }
#define LED_NONE                                                                                   \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }
    BOARD_LED_BOOT,
    BOARD_LED_TO_A,
    BOARD_LED_TO_B,
    BOARD_HELD_ACTIVE,
};

static const struct expectation *volatile strict_difference;

static void compare(const struct expectation *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((*list[i].reg & list[i].mask) != list[i].value) {
            strict_difference = &list[i];
            stm32_reset();
        }
    }
}

/* Interrupts enabled, main stack, privileged; vectors of this image. */
static void compare_core(void)
{
    uint32_t primask, control, basepri;
    __asm__ volatile("mrs %0, primask" : "=r"(primask));
    __asm__ volatile("mrs %0, control" : "=r"(control));
    __asm__ volatile("mrs %0, basepri" : "=r"(basepri));
    uint32_t slot = ferry_board_slot_of(&FERRY_BOARD_SYMBOL, (uint32_t)(uintptr_t)compare_core);
    uint32_t vectors = FERRY_BOARD_SYMBOL.slots[slot].start + FERRY_IMAGE_PADDED_SIZE;
    if ((primask | control | basepri) != 0 || SCB_REGS->VTOR != vectors) {
        stm32_reset();
    }
}

static void compare_leds(void)
{
    for (size_t i = 0; i < sizeof leds / sizeof leds[0]; i++) {
        if (leds[i].port == 0) {
            continue;
        }
        RCC_REGS->AHB1ENR |= RCC_GPIO(GPIO_NUMBER(leds[i].port));
        (void)RCC_REGS->AHB1ENR;
        const struct expectation led[] = {PIN(leds[i].port, leds[i].pin)};
        compare(led, sizeof led / sizeof led[0]);
    }
}

static void start(void)
{
    compare_core();
    compare(core_state, sizeof core_state / sizeof core_state[0]);
    compare_leds();
    RCC_REGS->AHB1ENR |= RCC_GPIO(GPIO_NUMBER(BOARD_UART_PORT)) |
                         RCC_GPIO(GPIO_NUMBER(BOARD_SPI_PORT)) |
                         RCC_GPIO(GPIO_NUMBER(BOARD_I2C_PORT)) | RCC_AHB1_DMA1 | RCC_AHB1_DMA2;
    RCC_REGS->BOARD_UART_ENR |= BOARD_UART_CLOCK;
    RCC_REGS->BOARD_SPI_ENR |= BOARD_SPI_CLOCK;
    RCC_REGS->APB1ENR |= RCC_APB1_PWR | BOARD_I2C_CLOCK;
    (void)RCC_REGS->APB1ENR;
    compare(peripheral_state, sizeof peripheral_state / sizeof peripheral_state[0]);
}

const struct demo_behaviour demo_behaviour = {.confirms = true, .start = start};
