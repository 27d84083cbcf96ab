/*
 * boot_text.h - an entry of a node's boot log as one line, for servers and people.
 *
 * "17 watchdog boot_confirmed a 1.0.0 0 TRIAL_EXHAUSTED": number, reset cause, action, slot (a, b,
 * or - for none), version (or -), attempts left, error (a status by name). Words are separated by
 * one space and have none inside; whatever a node says, they are of a-z, A-Z, 0-9, "_", "-", ".",
 * "+". For host programs; neither allocates nor blocks.
 */
#ifndef FERRY_POSIX_BOOT_TEXT_H
#define FERRY_POSIX_BOOT_TEXT_H

#include "ferry/journal.h"

enum { FERRY_BOOT_TEXT_SIZE = 128 }; /* bytes with the terminator; hawkBit takes 128 of a value */

/* FERRY_RESET_ bits as the one word that tells most: "watchdog", "power", ... or "unknown". */
const char *ferry_reset_cause_name(uint8_t cause);

void ferry_boot_print(const struct ferry_boot_log *boot, char text[FERRY_BOOT_TEXT_SIZE]);

#endif
