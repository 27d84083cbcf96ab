/* The status list as text. Host programs only: about 6 KB of strings that no node needs. */
#include "ferry/rom.h"

struct status_row {
    int number;
    const char *name;
    const char *text;
    const char *remedy;
};

static const struct status_row rows[] = {
#define STATUS_ROW(name, number, text, remedy) {(number), #name, (text), (remedy)},
#define ROM_ROW(name, number, text, remedy)    {(number), "ROM_" #name, (text), (remedy)},
    FERRY_STATUS_MAP(STATUS_ROW) FERRY_ROM_REASON_MAP(ROM_ROW)
#undef ROM_ROW
#undef STATUS_ROW
};

static const struct status_row unknown = {0, "UNKNOWN", "a status that this program does not know",
                                          "update this program"};

static const struct status_row *find(int status)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == status) {
            return &rows[i];
        }
    }
    return &unknown;
}

const char *ferry_status_name(int status)
{
    return find(status)->name;
}

const char *ferry_status_text(int status)
{
    return find(status)->text;
}

const char *ferry_status_remedy(int status)
{
    return find(status)->remedy;
}
