/* interrupt.h - Ctrl-C and SIGTERM as a number that loops look at, so that they end in order. */
#ifndef FERRY_CLI_INTERRUPT_H
#define FERRY_CLI_INTERRUPT_H

/* From here on they are counted instead of ending the program; poll(2) returns early. */
void interrupt_catch(void);

/* How often they came. */
int interrupt_count(void);

#endif
