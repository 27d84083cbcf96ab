#include "source_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char firmware_path[] = "/firmware";

static bool ends_in_firmware(const char *url)
{
    size_t length = strlen(url);
    size_t tail = sizeof firmware_path - 1;
    return length > tail && strcmp(url + length - tail, firmware_path) == 0;
}

bool source_http_init(struct source_http *source, struct http_client *client,
                      const char *const *urls, size_t count)
{
    memset(source, 0, sizeof *source);
    source->client = client;
    source->count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        source->urls[i] = urls[i];
    }
    source->simple = count == 1 && ends_in_firmware(urls[0]);
    if (!source->simple) {
        return true;
    }
    size_t base = strlen(urls[0]) - (sizeof firmware_path - 1);
    int length = snprintf(source->version_url, sizeof source->version_url, "%.*s/version",
                          (int)base, urls[0]);
    return length > 0 && (size_t)length < sizeof source->version_url - 64;
}

/* A decimal number of 32 bits and at most a line end. */
static bool parse_number(const char *text, uint32_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    unsigned long long value = strtoull(text, &end, 10);
    end += strspn(end, " \r\n");
    *number = (uint32_t)value;
    return *end == '\0' && value <= UINT32_MAX;
}

/* True when the confirmed image that runs has this number; the build number is not part of it. */
static bool runs(const struct ferry_info *info, uint32_t number)
{
    if (info->running >= info->slot_count || info->running != info->confirmed) {
        return false;
    }
    const struct ferry_version *version = &info->slots[info->running].version;
    return ((uint32_t)version->major << 24 | (uint32_t)version->minor << 16 | version->revision) ==
           number;
}

static enum gateway_answer check_simple(struct source_http *source, const struct ferry_info *info)
{
    char board[FERRY_BOARD_NAME_MAX * 3 + 1];
    char url[HTTP_URL_SIZE + sizeof board + 16];
    char *answer = malloc(HTTP_ANSWER_MAX + 1);
    char *escaped = curl_easy_escape(NULL, info->board, 0);
    uint32_t number = 0;
    if (answer == NULL || escaped == NULL) {
        free(answer);
        curl_free(escaped);
        return GATEWAY_RETRY;
    }
    snprintf(board, sizeof board, "%s", escaped);
    curl_free(escaped);
    snprintf(url, sizeof url, "%s?board=%s", source->version_url, board);
    enum gateway_answer result = http_exchange(source->client, "GET", url, NULL, answer, NULL);
    bool ok = result == GATEWAY_OK && parse_number(answer, &number);
    free(answer);
    if (result != GATEWAY_OK) {
        return result;
    }
    if (!ok) {
        return http_fail(source->client, GATEWAY_REFUSED, "%.150s: the answer is not a number",
                         source->version_url);
    }
    if (runs(info, number)) {
        return GATEWAY_NOTHING;
    }
    uint8_t bank = gateway_wanted_slot(info) == FERRY_SLOT_A ? FERRY_SLOT_B : FERRY_SLOT_A;
    int length = snprintf(source->firmware_url, sizeof source->firmware_url,
                          "%s?current_bank=%u&board=%s", source->urls[0], bank, board);
    return length > 0 && (size_t)length < sizeof source->firmware_url ? GATEWAY_OK
                                                                      : GATEWAY_REFUSED;
}

static enum gateway_answer check(void *ctx, const struct ferry_info *info,
                                 struct gateway_offer *offer)
{
    struct source_http *source = ctx;
    http_forget(source->client);
    offer->count = source->count;
    return source->simple ? check_simple(source, info) : GATEWAY_OK;
}

static enum gateway_answer read_image(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                      uint32_t size, uint32_t *got)
{
    struct source_http *source = ctx;
    const char *url = source->simple ? source->firmware_url : source->urls[index];
    return http_read(source->client, url, offset, out, size, got);
}

static const char *error(void *ctx)
{
    const struct source_http *source = ctx;
    return http_client_error(source->client);
}

struct gateway_source source_http_source(struct source_http *source)
{
    return (struct gateway_source){
        .ctx = source, .check = check, .read = read_image, .error = error};
}
