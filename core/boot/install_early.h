/* install_early.h - for install.c only: hashing while the wire brings more. */
#ifndef FERRY_INSTALL_EARLY_H
#define FERRY_INSTALL_EARLY_H

#include "ferry/install.h"

/* OPEN, or a sector has to be written again: nothing that was hashed counts any more. */
void ferry_install_hash_restart(struct ferry_install *install);

/* CLOSE: sets hasher, crc32 and crc32_at to where the rest begins; the CRC counts from `crc_from`.
 */
void ferry_install_hash_close(struct ferry_install *install, uint32_t crc_from);

/* Hashes the `size` bytes at install->next, which now stand in flash: CLOSE has only the rest to
 * do. What was there before a resume, or before a sector was erased again, is left to CLOSE. */
void ferry_install_hash_early(struct ferry_install *install, uint32_t size);

#endif
