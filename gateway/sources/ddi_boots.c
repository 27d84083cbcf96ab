#include "ddi_boots.h"

#include "boot_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ddi_boots_keep(struct ddi_boots *boots, const struct ferry_boot_log *list, uint8_t count)
{
    uint8_t kept = (uint8_t)(GATEWAY_BOOTS_MAX - count);
    kept = boots->count < kept ? boots->count : kept;
    memmove(boots->list + count, boots->list, kept * sizeof boots->list[0]);
    memcpy(boots->list, list, count * sizeof boots->list[0]);
    boots->count = (uint8_t)(count + kept);
}

char *ddi_boots_body(const struct ddi_boots *boots)
{
    if (boots->count == 0) {
        return NULL;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "merge");
    cJSON *data = cJSON_AddObjectToObject(json, "data");
    for (uint8_t i = boots->count; i-- > 0;) {
        char key[32];
        char text[FERRY_BOOT_TEXT_SIZE];
        snprintf(key, sizeof key, "ferry.boot.%" PRIu32, boots->list[i].boot % DDI_BOOT_KEYS);
        ferry_boot_print(&boots->list[i], text);
        cJSON_DeleteItemFromObjectCaseSensitive(data, key); /* began again, or a lie */
        cJSON_AddStringToObject(data, key, text);
    }
    char *body = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return body;
}
