#include "ini_file.h"

#include <string.h>

static const char spaces[] = " \t\r\n\v\f";

/* Cuts spaces off both ends; returns the new start. */
static char *trim(char *text)
{
    text += strspn(text, spaces);
    size_t length = strlen(text);
    while (length > 0 && strchr(spaces, text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return text;
}

/* A # or ; inside a word is part of it: tokens and URLs may have one. */
static void cut_comment(char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if ((text[i] == '#' || text[i] == ';') &&
            (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) {
            text[i] = '\0';
            return;
        }
    }
}

static enum ferry_ini_kind take_section(struct ferry_ini *ini, char *text)
{
    char *end = strchr(text, ']');
    if (end == NULL || end[1] != '\0') {
        return FERRY_INI_BAD;
    }
    *end = '\0';
    ini->name = trim(text + 1);
    ini->value = "";
    return FERRY_INI_SECTION;
}

static enum ferry_ini_kind take_value(struct ferry_ini *ini, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return FERRY_INI_BAD;
    }
    *equals = '\0';
    ini->name = trim(text);
    ini->value = trim(equals + 1);
    return ini->name[0] != '\0' ? FERRY_INI_VALUE : FERRY_INI_BAD;
}

enum ferry_ini_kind ferry_ini_next(struct ferry_ini *ini)
{
    while (fgets(ini->text, sizeof ini->text, ini->file) != NULL) {
        ini->line++;
        if (strlen(ini->text) == sizeof ini->text - 1) {
            return FERRY_INI_BAD;
        }
        cut_comment(ini->text);
        char *text = trim(ini->text);
        if (text[0] == '[') {
            return take_section(ini, text);
        }
        if (text[0] != '\0') {
            return take_value(ini, text);
        }
    }
    return ferror(ini->file) ? FERRY_INI_FAILED : FERRY_INI_END;
}
