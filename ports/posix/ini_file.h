/*
 * ini_file.h - the configuration files of the programs, line by line: `name = value`, [section],
 * comments from # or ; on (at the start of a line, or after a space). What a name means, and which
 * may be given, is the caller's. No heap; reads as stdio does.
 */
#ifndef FERRY_POSIX_INI_FILE_H
#define FERRY_POSIX_INI_FILE_H

#include <stdio.h>

enum { FERRY_INI_LINE_MAX = 4096 }; /* bytes, line end included */

enum ferry_ini_kind {
    FERRY_INI_END,
    FERRY_INI_SECTION, /* name */
    FERRY_INI_VALUE,   /* name and value; the value may be empty */
    FERRY_INI_BAD,     /* a line that is neither, or too long: stop reading */
    FERRY_INI_FAILED   /* reading failed: errno says why */
};

/* To be filled as {.file = f}; the file is borrowed. */
struct ferry_ini {
    FILE *file;
    int line;          /* of what was read last, from 1 on */
    const char *name;  /* without spaces around it; both valid until the next call */
    const char *value; /* likewise */
    char text[FERRY_INI_LINE_MAX];
};

/* Reads on to the next line that is not empty. */
enum ferry_ini_kind ferry_ini_next(struct ferry_ini *ini);

#endif
