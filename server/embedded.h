/*
 * embedded.h - files of the source tree that the program carries: the schema and the web page.
 *
 * The table is made at build by embed.cmake.
 */
#ifndef FERRY_SERVER_EMBEDDED_H
#define FERRY_SERVER_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name;          /* path in server/; NULL ends the table */
    const unsigned char *data; /* followed by a zero byte, so text is a C string */
    size_t size;               /* bytes, without that zero */
};

extern const struct embedded_file embedded_files[];

/* The file of that name, or NULL. */
const struct embedded_file *embedded_find(const char *name);

#endif
