/*
 * ddi_boots.h - starts of the node on their way to a DDI server: as attributes of configData, since
 * DDI has no other place for them, DDI_BOOT_KEYS keys in turn, each value a line of boot_text.h.
 */
#ifndef GATEWAY_SOURCES_DDI_BOOTS_H
#define GATEWAY_SOURCES_DDI_BOOTS_H

#include "../engine.h"

/* So many that starts in sequence never meet in one key, few enough for hawkBit, which keeps 100
 * attributes of a target. */
enum { DDI_BOOT_KEYS = GATEWAY_BOOTS_MAX };

/* All 0: none. */
struct ddi_boots {
    struct ferry_boot_log list[GATEWAY_BOOTS_MAX]; /* newest first: the server has them not yet */
    uint8_t count;
};

/* Adds `count` (1 to GATEWAY_BOOTS_MAX) starts, newest first; the oldest make room. */
void ddi_boots_keep(struct ddi_boots *boots, const struct ferry_boot_log *list, uint8_t count);

/* The body of a configData request, the oldest first. NULL when there are none, or out of memory;
 * free it with cJSON_free. */
char *ddi_boots_body(const struct ddi_boots *boots);

#endif
