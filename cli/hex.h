/* hex.h - bytes as lower-case hexadecimal text. */
#ifndef FERRY_CLI_HEX_H
#define FERRY_CLI_HEX_H

#include <stddef.h>
#include <stdint.h>

#define HEX_TEXT_SIZE(bytes) (2 * (bytes) + 1) /* terminator included */

/* Fills `text` (HEX_TEXT_SIZE(size) bytes) and returns it. */
char *hex_text(const uint8_t *bytes, size_t size, char *text);

#endif
