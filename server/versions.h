/*
 * versions.h - what the server does with versions beyond reading them (ports/posix/version_text.h).
 */
#ifndef FERRY_SERVER_VERSIONS_H
#define FERRY_SERVER_VERSIONS_H

#include "version_text.h"

/* Two texts name the same version; texts that are no versions are compared as they stand. */
bool version_text_equal(const char *a, const char *b);

/* What /version answers: major << 24 | minor << 16 | revision. The build number is left out. */
uint32_t version_number(const struct ferry_version *version);

#endif
