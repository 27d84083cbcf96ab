/* The rate that a pty's client has set. <termios.h> knows only the rates that have a name, Linux'
 * termios2 any (ioctl_tty(2), BOTHER); their headers clash, hence this file. */
#include "app.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

uint32_t app_pty_speed(int fd)
{
    struct termios2 settings;
    return ioctl(fd, TCGETS2, &settings) == 0 ? settings.c_ospeed : 0;
}
