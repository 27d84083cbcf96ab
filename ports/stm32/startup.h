/* startup.h - handlers that an application may define; the weak ones reset the chip. */
#ifndef STM32_STARTUP_H
#define STM32_STARTUP_H

_Noreturn void Reset_Handler(void);
void NMI_Handler(void);
void SysTick_Handler(void);
int main(void);

#endif
