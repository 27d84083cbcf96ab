/* What the sink rom remembers, in its file; and image files as a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sinks/rom_state.h"
#include "sources/source_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ferry-state-XXXXXX";
static char path[64], other[64];
static struct rom_state state;
static struct gateway_rom_store store;
static struct gateway_rom_memory memory;

static int setup(void **ctx)
{
    (void)ctx;
    memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/n.rom", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    assert_true(rom_state_init(&state, folder, "n"));
    store = rom_state_store(&state);
    return 0;
}

static int teardown(void **ctx)
{
    (void)ctx;
    unlink(path);
    unlink(other);
    return rmdir(folder); /* nothing else is left there */
}

static void put(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void save_some(void)
{
    const struct gateway_rom_memory some = {.counter = UINT32_MAX,
                                            .unconfirmed = true,
                                            .image_counter = 7,
                                            .version = {1, 2, 65535, 4},
                                            .hash = {0xAB, [31] = 0x01}};
    assert_int_equal(store.save(store.ctx, &some), FERRY_OK);
}

static void nothing_yet_is_zero(void **ctx)
{
    (void)ctx;
    memset(&memory, 0xFF, sizeof memory);
    assert_int_equal(store.load(store.ctx, &memory), FERRY_OK);
    assert_int_equal(memory.counter, 0);
    assert_false(memory.unconfirmed);
}

static void what_was_saved_comes_back(void **ctx)
{
    (void)ctx;
    save_some();
    assert_int_equal(store.load(store.ctx, &memory), FERRY_OK);
    assert_int_equal(memory.counter, UINT32_MAX);
    assert_int_equal(memory.image_counter, 7);
    assert_true(memory.unconfirmed);
    assert_int_equal(memory.version.revision, 65535);
    assert_int_equal(memory.version.build, 4);
    assert_int_equal(memory.hash[0], 0xAB);
    assert_int_equal(memory.hash[31], 0x01);
}

/* Cut anywhere, or one character another: an error, or the very same. */
static void a_damaged_file_is_no_zero(void **ctx)
{
    char text[512];
    (void)ctx;
    save_some();
    FILE *file = fopen(path, "rb");
    const size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_in_range(size, 100, 300);
    for (size_t cut = 0; cut < size; cut++) {
        put(path, text, cut);
        assert_int_equal(store.load(store.ctx, &memory), FERRY_IO);
        assert_non_null(strstr(store.error(store.ctx), "damaged"));
    }
    for (size_t at = 0; at < size; at++) {
        const char kept = text[at];
        text[at] = '\0';
        put(path, text, size);
        assert_int_equal(store.load(store.ctx, &memory), FERRY_IO);
        text[at] = '-';
        put(path, text, size);
        assert_true(kept == '-' || store.load(store.ctx, &memory) == FERRY_IO);
        text[at] = kept;
    }
    text[size] = '\n';
    put(path, text, size + 1);
    assert_int_equal(store.load(store.ctx, &memory), FERRY_IO);
}

/* A save that cannot be made leaves the old file. */
static void a_failed_save_keeps_the_old_one(void **ctx)
{
    char blocker[80];
    (void)ctx;
    save_some();
    snprintf(blocker, sizeof blocker, "%s.new", path);
    assert_int_equal(mkdir(blocker, 0700), 0); /* nobody, not even root, writes a folder */
    memset(&memory, 0, sizeof memory);
    assert_int_equal(store.save(store.ctx, &memory), FERRY_IO);
    assert_int_equal(rmdir(blocker), 0);
    assert_int_equal(store.load(store.ctx, &memory), FERRY_OK);
    assert_int_equal(memory.counter, UINT32_MAX);
}

/* --- source file ---------------------------------------------------------------------------- */

static struct source_file files;
static struct gateway_source source;
static struct gateway_offer offer;

static void open_source(void)
{
    static const char *const paths[] = {other};
    source_file_init(&files, paths, 1);
    source = source_file_source(&files);
}

static enum gateway_answer check(void)
{
    memset(&offer, 0, sizeof offer);
    return source.check(source.ctx, NULL, &offer);
}

static enum gateway_answer read_at(uint32_t offset, const char *wanted)
{
    uint8_t bytes[16];
    uint32_t got = 0;
    enum gateway_answer answer =
        source.read(source.ctx, 0, offset, bytes, (uint32_t)strlen(wanted), &got);
    if (answer == GATEWAY_OK) {
        assert_int_equal(got, strlen(wanted));
        assert_memory_equal(bytes, wanted, got);
    }
    return answer;
}

static void a_file_is_read_at_any_offset(void **ctx)
{
    (void)ctx;
    open_source();
    assert_int_equal(check(), GATEWAY_REFUSED);
    assert_non_null(strstr(source.error(source.ctx), "No such file"));
    put(other, "0123456789", 10);
    assert_int_equal(check(), GATEWAY_OK);
    assert_int_equal(offer.count, 1);
    assert_false(offer.again);
    assert_int_equal(read_at(7, "789"), GATEWAY_OK);
    assert_int_equal(read_at(0, "01"), GATEWAY_OK);
    assert_int_equal(read_at(10, "x"), GATEWAY_REFUSED);
    source_file_close(&files);
}

static void a_file_replaced_as_a_whole_is_read_to_its_end(void **ctx)
{
    (void)ctx;
    open_source();
    put(other, "old old", 7);
    assert_int_equal(check(), GATEWAY_OK);
    assert_int_equal(read_at(0, "old"), GATEWAY_OK);
    put(path, "new new", 7);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(read_at(4, "old"), GATEWAY_OK);
    assert_int_equal(check(), GATEWAY_OK);
    assert_true(offer.again); /* what was given up was another file */
    assert_int_equal(read_at(4, "new"), GATEWAY_OK);
    assert_int_equal(check(), GATEWAY_OK);
    assert_false(offer.again);
    source_file_close(&files);
}

static void a_file_changed_in_place_is_never_mixed(void **ctx)
{
    (void)ctx;
    open_source();
    put(other, "old old", 7);
    assert_int_equal(check(), GATEWAY_OK);
    assert_int_equal(read_at(0, "old"), GATEWAY_OK);
    put(other, "new new!", 8);
    assert_int_equal(read_at(4, "new"), GATEWAY_RETRY);
    assert_int_equal(read_at(0, "new"), GATEWAY_RETRY);
    assert_int_equal(check(), GATEWAY_OK);
    assert_int_equal(read_at(4, "new"), GATEWAY_OK);
    source_file_close(&files);
}

static void a_folder_is_no_file(void **ctx)
{
    static const char *const paths[] = {folder};
    (void)ctx;
    source_file_init(&files, paths, 1);
    source = source_file_source(&files);
    assert_int_equal(check(), GATEWAY_REFUSED);
    source_file_close(&files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_yet_is_zero),
        TEST(what_was_saved_comes_back),
        TEST(a_damaged_file_is_no_zero),
        TEST(a_failed_save_keeps_the_old_one),
        TEST(a_file_is_read_at_any_offset),
        TEST(a_file_replaced_as_a_whole_is_read_to_its_end),
        TEST(a_file_changed_in_place_is_never_mixed),
        TEST(a_folder_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
