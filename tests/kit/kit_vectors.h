/*
 * kit_vectors.h - known answers from tests/vectors/vectors.txt ("name = value" lines), or from the
 * file that KIT_VECTORS_FILE names.
 * A name that is not there ends the test program.
 */
#ifndef KIT_VECTORS_H
#define KIT_VECTORS_H

#include "ferry/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef KIT_VECTORS_FILE
#define KIT_VECTORS_FILE "vectors.txt"
#endif

enum { KIT_VECTOR_MAX = 2048 }; /* longest value in bytes */

/* The text behind "name = ", without line end. */
static inline void kit_vector_text(const char *name, char text[2 * KIT_VECTOR_MAX])
{
    char line[2 * KIT_VECTOR_MAX];
    size_t length = strlen(name);
    FILE *file = fopen(FERRY_VECTORS "/" KIT_VECTORS_FILE, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) == 0 && strncmp(line + length, " = ", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            strcpy(text, line + length + 3);
            fclose(file);
            return;
        }
    }
    fprintf(stderr, "no vector %s\n", name);
    abort();
}

static inline uint32_t kit_vector_number(const char *name)
{
    char text[2 * KIT_VECTOR_MAX];
    kit_vector_text(name, text);
    return (uint32_t)strtoul(text, NULL, 10);
}

/* Hexadecimal value as bytes; returns their number. */
static inline size_t kit_vector_bytes(const char *name, uint8_t *out, size_t max)
{
    char text[2 * KIT_VECTOR_MAX];
    kit_vector_text(name, text);
    size_t size = strlen(text) / 2;
    if (size > max) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

#endif
