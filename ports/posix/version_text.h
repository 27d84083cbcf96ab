/*
 * version_text.h - image versions as text: "1.2.3", or "1.2.3+4" where the build number is not 0.
 * For host programs; neither allocates nor blocks.
 */
#ifndef FERRY_POSIX_VERSION_TEXT_H
#define FERRY_POSIX_VERSION_TEXT_H

#include "ferry/image.h"

enum { FERRY_VERSION_TEXT_SIZE = 32 }; /* bytes, terminator included */

void ferry_version_print(const struct ferry_version *version, char text[FERRY_VERSION_TEXT_SIZE]);

/*
 * Strict: digits and the separators above, nothing before or after; major and minor <= 255,
 * revision <= 65535. Returns false, and leaves `version` alone, for anything else.
 */
bool ferry_version_parse(const char *text, struct ferry_version *version);

#endif
