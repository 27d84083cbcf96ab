/* config_internal.h - what config.c (the file and its keys) and config_rom.c (the keys of sink rom)
 * share. */
#ifndef GATEWAY_CONFIG_INTERNAL_H
#define GATEWAY_CONFIG_INTERNAL_H

#include "config.h"
#include "ini_file.h"

struct config_loader {
    struct config *config;
    const char *path;
    struct ferry_ini ini;
    struct node_config *node; /* whose keys are being read */
};

/* Sets config->error. Returns false. line 0: of no line. */
__attribute__((format(printf, 3, 4))) bool config_fail(struct config_loader *loader, int line,
                                                       const char *format, ...);

/* Where a fault of this key is: the line that gave it, maybe among the defaults, or the section. */
int config_line_of(const struct node_config *node, const char *key);

/* Is the key there, in the node's own section? A default above the sections is for those it fits.
 */
bool config_gives(const struct node_config *node, const char *key);

/* Cuts `text` at its spaces into at most `most` parts. Returns how many there are. */
size_t config_split(char *text, const char **parts, size_t most);

/* The keys of sink rom: together with the others, and not with another sink. */
bool config_check_rom(struct config_loader *loader, struct node_config *node);

#endif
