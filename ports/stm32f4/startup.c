/* From reset to main: .data, .bss. The symbols come from memory.ld.in. */
#include "startup.h"
#include "stm32f4.h"
#include "port.h"

extern uint32_t link_data_load[], link_data_start[], link_data_end[];
extern uint32_t link_bss_start[], link_bss_end[];

_Noreturn void Reset_Handler(void)
{
    const uint32_t *from = link_data_load;
    for (uint32_t *to = link_data_start; to < link_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = link_bss_start; to < link_bss_end;) {
        *to++ = 0;
    }
    main();
    stm32f4_reset();
}
