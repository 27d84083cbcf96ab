/*
 * port.h - a port to start from: copy this folder to ports/<chip>/, fill in port.c, make the tests
 * of tests/conformance pass. The contracts are those of ferry/port.h; here is what a porter must
 * know to keep them.
 */
#ifndef TEMPLATE_PORT_H
#define TEMPLATE_PORT_H

#include "ferry/port.h"

/* Give these three to the core. */
extern const struct ferry_flash template_flash;
extern const struct ferry_stream template_stream;
extern const struct ferry_clock template_clock;

/*
 * Starts clock tree, tick and transport. Call once, first thing in main.
 *   ring: receive buffer, borrowed for ever. The longest time that nobody reads is one sector
 * erase: ring_bytes >= baud / 10 * erase time lets the wire run meanwhile (F4: 1 s, 92 KB); a
 * smaller one only makes the sender wait.
 */
void template_start(uint8_t *ring, uint32_t ring_bytes);

#endif
