/*
 * board_cases - hostile bytes, lost journals and trials on the virtual board with the real
 * binaries. tests/e2e/test_node_*.py make the files and run it.
 *
 *   board_cases CASE --board NAME --factory FILE.hex --first A.img --next NEW.img [options]
 *
 *   CASE            fuzz hold journal attempts timeout confirm fallback single intruder
 *   --other FILE    a further image that the case needs (see board_trial.c)
 *   --wire WIRE     uart (default), spi, i2c
 *   --count N       fuzz: frames at the bootloader, and as many at the application; journal: trials
 *   --seed S        where the random numbers start (default 1); printed
 *   --attack NAME   hold: noise query poll refused half half-noise half-query half-repeated
 *   --verify LIST   checks of signatures, ADDRESS/R0/R1/R2 with commas, executed once for each
 *                   input: a hexadecimal address, and the bytes behind its arguments
 *
 * Exit status: 0 as it must be, 1 not, 2 usage or files.
 */
#include "board_kit.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(struct kit *kit, const struct kit_options *options);
} cases[] = {
    {"fuzz", case_fuzz},         {"hold", case_hold},       {"journal", case_journal},
    {"attempts", case_attempts}, {"timeout", case_timeout}, {"confirm", case_confirm},
    {"fallback", case_fallback}, {"single", case_single},   {"intruder", case_intruder},
};

struct arguments {
    const char *board, *factory, *first, *next, *other, *wire, *verify;
    struct kit_options options;
};

static void die(const char *what)
{
    fprintf(stderr, "board_cases: %s; see the head of board_cases.c\n", what);
    exit(2);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *in = path == NULL ? NULL : fopen(path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        die(path == NULL ? "a file is missing" : path);
    }
    long length = ftell(in);
    uint8_t *bytes = length < 0 ? NULL : malloc((size_t)length + 1);
    rewind(in);
    if (bytes == NULL || fread(bytes, 1, (size_t)length, in) != (size_t)length) {
        die(path);
    }
    fclose(in);
    *size = (size_t)length;
    return bytes;
}

static int memory_read(void *ctx, uint32_t offset, void *out, size_t size)
{
    const struct sweep_image *image = ctx;
    if (!ferry_within(offset, (uint32_t)size, (uint32_t)image->size)) {
        return FERRY_IO;
    }
    memcpy(out, image->bytes + offset, size);
    return FERRY_OK;
}

static struct sweep_image read_image(const char *path)
{
    struct sweep_image image;
    struct ferry_image parsed;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];

    image.bytes = read_file(path, &image.size);
    struct ferry_image_source source = {
        .ctx = &image, .read = memory_read, .size = (uint32_t)image.size};
    if (ferry_image_read(&source, scratch, &parsed) != FERRY_OK) {
        die(path);
    }
    memcpy(image.hash, parsed.hash, sizeof(image.hash));
    return image;
}

static void read_verify(const char *text, struct kit_verify verify[KIT_VERIFY_MAX])
{
    for (size_t i = 0; i < KIT_VERIFY_MAX && text != NULL; i++) {
        uint32_t *sizes = verify[i].sizes;
        if (sscanf(text, "%" SCNx32 "/%" SCNu32 "/%" SCNu32 "/%" SCNu32, &verify[i].address,
                   &sizes[0], &sizes[1], &sizes[2]) != 4) {
            die("--verify wants ADDRESS/SIZE/SIZE/SIZE");
        }
        text = strchr(text, ',');
        text = text == NULL ? NULL : text + 1;
    }
}

static enum kit_wire find_wire(const char *name)
{
    static const char *const names[KIT_WIRES] = {"uart", "spi", "i2c"};
    for (unsigned i = 0; i < KIT_WIRES; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum kit_wire)i;
        }
    }
    die("no such wire");
    return KIT_UART;
}

static struct arguments parse(int argc, char **argv)
{
    static const struct option list[] = {{"board", required_argument, NULL, 'b'},
                                         {"factory", required_argument, NULL, 'f'},
                                         {"first", required_argument, NULL, '1'},
                                         {"next", required_argument, NULL, '2'},
                                         {"other", required_argument, NULL, '3'},
                                         {"wire", required_argument, NULL, 'w'},
                                         {"count", required_argument, NULL, 'n'},
                                         {"seed", required_argument, NULL, 's'},
                                         {"attack", required_argument, NULL, 'a'},
                                         {"verify", required_argument, NULL, 'v'},
                                         {NULL, 0, NULL, 0}};
    struct arguments given = {.wire = "uart", .options = {100, 1, "noise"}};
    const struct {
        int letter;
        const char **text;
    } texts[] = {{'b', &given.board},          {'f', &given.factory}, {'1', &given.first},
                 {'2', &given.next},           {'3', &given.other},   {'w', &given.wire},
                 {'a', &given.options.attack}, {'v', &given.verify}};
    int option;

    while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            if (texts[i].letter == option) {
                *texts[i].text = optarg;
            }
        }
        if (option == 'n') {
            given.options.count = (uint32_t)strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            given.options.seed = (uint32_t)strtoul(optarg, NULL, 10);
        } else if (option == '?') {
            die("unknown option");
        }
    }
    return given;
}

static int run(const char *name, struct kit *kit, const struct kit_options *options)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, name) == 0) {
            cases[i].run(kit, options);
            if (!kit_ok(kit)) {
                fprintf(stderr, "%s %s, seed %u: %s\n", kit->board->name, name,
                        (unsigned)options->seed, kit->failure);
            }
            return kit_ok(kit) ? 0 : 1;
        }
    }
    die("no such case");
    return 2;
}

int main(int argc, char **argv)
{
    static struct kit kit;
    static struct kit_files files;
    struct arguments given = parse(argc, argv);

    if (optind + 1 != argc || given.board == NULL || ferry_board_find(given.board) == NULL) {
        die("CASE and --board are needed");
    }
    files.factory_hex = (char *)read_file(given.factory, &files.factory_size);
    files.first = read_image(given.first);
    files.next = read_image(given.next);
    if (given.other != NULL) {
        files.other = read_image(given.other);
    }
    read_verify(given.verify, files.verify);
    kit.wire = find_wire(given.wire);
    if (!kit_start(&kit, ferry_board_find(given.board), &files)) {
        die(kit.failure);
    }
    int result = run(argv[optind], &kit, &given.options);
    kit_stop(&kit);
    free(files.factory_hex);
    free(files.first.bytes);
    free(files.next.bytes);
    free(files.other.bytes);
    return result;
}
