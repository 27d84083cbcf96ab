/* From reset to main: .data, .bss. */
#include "startup.h"
#include "port.h"

#include <string.h>

/* From memory.ld.in; the sizes are the addresses of their symbols. */
extern char link_data_load[], link_data_start[], link_data_size[];
extern char link_bss_start[], link_bss_size[];

_Noreturn void Reset_Handler(void)
{
    memcpy(link_data_start, link_data_load, (size_t)link_data_size);
    memset(link_bss_start, 0, (size_t)link_bss_size);
    main();
    stm32_reset();
}
