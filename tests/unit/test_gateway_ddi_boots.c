/* Starts of the node on their way to a DDI server: what is kept, and the request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sources/ddi_boots.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static struct ddi_boots boots;

static int set_up(void **state)
{
    (void)state;
    memset(&boots, 0, sizeof boots);
    return 0;
}

/* Keeps the starts first..last, as the engine tells them: the newest first. */
static void keep(uint32_t first, uint32_t last)
{
    struct ferry_boot_log list[GATEWAY_BOOTS_MAX];
    uint8_t count = 0;
    memset(list, 0, sizeof list);
    for (uint32_t number = last; number >= first; number--) {
        list[count++].boot = number;
    }
    ddi_boots_keep(&boots, list, count);
}

static void none_is_no_request(void **state)
{
    (void)state;
    assert_null(ddi_boots_body(&boots));
}

static void the_newest_stay(void **state)
{
    (void)state;
    keep(1, 10);
    assert_int_equal(boots.count, 10);
    keep(11, 20);
    assert_int_equal(boots.count, GATEWAY_BOOTS_MAX);
    keep(21, 36);
    assert_int_equal(boots.count, GATEWAY_BOOTS_MAX);
    for (uint32_t i = 0; i < GATEWAY_BOOTS_MAX; i++) {
        assert_int_equal(boots.list[i].boot, 36 - i);
    }
}

/* The oldest first, each under a key of its own, by merge: other attributes stay. */
static void a_request_says_all(void **state)
{
    (void)state;
    keep(10, 25);
    char *body = ddi_boots_body(&boots);
    cJSON *json = cJSON_Parse(body);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "mode")),
                        "merge");
    assert_int_equal(cJSON_GetArraySize(data), 16);
    for (uint32_t i = 0; i < 16; i++) {
        const cJSON *item = cJSON_GetArrayItem(data, (int)i);
        char key[32];
        char start[32];
        snprintf(key, sizeof key, "ferry.boot.%u", (unsigned)((10 + i) % DDI_BOOT_KEYS));
        snprintf(start, sizeof start, "%u ", (unsigned)(10 + i));
        assert_string_equal(item->string, key);
        assert_memory_equal(cJSON_GetStringValue(item), start, strlen(start));
    }
    cJSON_Delete(json);
    cJSON_free(body);
}

/* A node that repeats a number, by a new journal or a lie: the newest is told. */
static void a_number_twice_is_one_key(void **state)
{
    (void)state;
    keep(1, 1);
    boots.list[0].attempts = 1;
    keep(17, 17);
    keep(1, 1);
    boots.list[0].attempts = 3;
    char *body = ddi_boots_body(&boots);
    cJSON *json = cJSON_Parse(body);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    assert_int_equal(cJSON_GetArraySize(data), 1);
    const char *value =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "ferry.boot.1"));
    assert_memory_equal(value, "1 ", 2);
    assert_non_null(strstr(value, " 3 OK"));
    cJSON_Delete(json);
    cJSON_free(body);
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(none_is_no_request),
        CASE(the_newest_stay),
        CASE(a_request_says_all),
        CASE(a_number_twice_is_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
