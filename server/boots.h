/*
 * boots.h - a start of a node as a device tells it: an attribute of configData.
 *
 * Key "ferry.boot." and a number that the device chooses; value as ports/posix/boot_text.h has it:
 * "17 watchdog boot_confirmed a 1.0.0 0 TRIAL_EXHAUSTED".
 */
#ifndef FERRY_SERVER_BOOTS_H
#define FERRY_SERVER_BOOTS_H

#include "store.h"

/* Is this attribute a boot (and no attribute to be kept as such)? */
bool boots_is_key(const char *key);

/*
 * Reads a value of any length and content. False if it is malformed: other than seven words with
 * one space between, a number or version out of range, a word longer than 32 characters or of
 * others than letters, digits, "-" and "_". Words that this server does not know yet are taken.
 */
bool boots_parse(const char *value, struct boot *boot);

#endif
