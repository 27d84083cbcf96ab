/*
 * ddi.h - shared by the files of the device API.
 */
#ifndef FERRY_SERVER_DDI_H
#define FERRY_SERVER_DDI_H

#include <stdint.h>

/* The number in a path segment; 0, which no record has, if it is none. */
int64_t ddi_id(const char *text);

#endif
