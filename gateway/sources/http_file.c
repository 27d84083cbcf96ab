/* A file read by ranges: one download under way, a window of it in memory. */
#include "http_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* History kept for a node that asks again; distance worth reading over instead of a new request. */
enum {
    HISTORY_SIZE = 128 * 1024,
    SKIP_MAX = 32 * 1024,
    WORTH_GOING_ON = 4096 /* bytes of a broken transfer that make another one worth it at once */
};

/* --- headers -------------------------------------------------------------------------------- */

/* Copies the value of `line` if it is the header `name`; too long ones are left out. */
static void take_header(const char *line, size_t size, const char *name, char out[HTTP_TEXT_SIZE])
{
    size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':') {
        return;
    }
    line += length + 1;
    size -= length + 1;
    while (size > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }
    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == '\n')) {
        size--;
    }
    if (size < HTTP_TEXT_SIZE) {
        memcpy(out, line, size);
        out[size] = '\0';
    }
}

static size_t on_header(char *line, size_t one, size_t size, void *ctx)
{
    struct http_file *file = ctx;
    char tag[HTTP_TEXT_SIZE] = "";
    if (strncmp(line, "HTTP/", size < 5 ? size : 5) == 0) {
        file->seen_validator[0] = '\0'; /* a new answer, as after 100 Continue */
        file->content_range[0] = '\0';
        return one * size;
    }
    take_header(line, size, "Content-Range", file->content_range);
    take_header(line, size, "ETag", tag);
    if (tag[0] == '"') { /* weak ones do not prove equal bytes: RFC 9110, 13.1.5 */
        memcpy(file->seen_validator, tag, sizeof tag);
    }
    if (file->seen_validator[0] == '\0') {
        take_header(line, size, "Last-Modified", file->seen_validator);
    }
    return one * size;
}

/* --- is this the answer that was asked for? -------------------------------------------------- */

static void refuse(struct http_client *client, enum gateway_answer answer)
{
    client->file.verdict = FILE_BAD;
    client->file.refusal = answer;
}

/* "bytes 512-1023/2048" has to begin where we asked. */
static bool range_fits(const struct http_file *file)
{
    const char *text = file->content_range;
    char *end = NULL;
    if (strncmp(text, "bytes ", 6) != 0 || text[6] < '0' || text[6] > '9') {
        return false;
    }
    return strtoull(text + 6, &end, 10) == file->asked && *end == '-';
}

/* A 206 carries the validator that a 200 would have (RFC 9110, 15.3.7): without it, it is another
 * file or a server that proves nothing. */
static bool is_same_file(const struct http_file *file)
{
    return file->validator[0] == '\0' || strcmp(file->validator, file->seen_validator) == 0;
}

static void judge(struct http_client *client)
{
    struct http_file *file = &client->file;
    long code = 0;
    curl_easy_getinfo(file->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 300 && code < 400) {
        file->verdict = FILE_REDIRECTED;
    } else if (code != 200 && code != 206) {
        refuse(client, http_judge_code(client, code, file->url));
    } else if (!is_same_file(file)) {
        refuse(client,
               http_fail(client, GATEWAY_RETRY, "%.150s: the file changed meanwhile", file->url));
    } else if (code == 206 && !range_fits(file)) {
        refuse(client,
               http_fail(client, GATEWAY_REFUSED,
                         "%.150s: the server sent another range than asked for", file->url));
    } else {
        file->no_ranges = file->no_ranges || (code == 200 && file->asked > 0);
        file->position = code == 206 ? file->asked : 0;
        file->start = file->position;
        file->verdict = FILE_TAKEN;
        if (file->validator[0] == '\0') {
            memcpy(file->validator, file->seen_validator, sizeof file->validator);
        }
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Drops what was read long ago. */
static void make_room(struct http_file *file)
{
    uint64_t keep = file->wanted > HISTORY_SIZE ? file->wanted - HISTORY_SIZE : 0;
    if (keep <= file->start) {
        return;
    }
    uint64_t drop = keep - file->start;
    if (drop > file->used) {
        drop = file->used;
    }
    memmove(file->window, file->window + drop, file->used - (size_t)drop);
    file->used -= (size_t)drop;
    file->start += drop;
}

static size_t on_bytes(char *bytes, size_t one, size_t size, void *ctx)
{
    struct http_client *client = ctx;
    struct http_file *file = &client->file;
    (void)one;
    if (file->verdict == FILE_UNJUDGED) {
        judge(client);
    }
    if (file->verdict != FILE_TAKEN) {
        return file->verdict == FILE_REDIRECTED ? size : 0;
    }
    if (size > HTTP_WINDOW_SIZE - file->used) {
        make_room(file);
    }
    if (size > HTTP_WINDOW_SIZE - file->used) {
        file->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(file->window + file->used, bytes, size);
    file->used += size;
    file->position += size;
    return size;
}

void http_file_ended(struct http_client *client, CURLcode result)
{
    struct http_file *file = &client->file;
    if (file->verdict == FILE_UNJUDGED && result == CURLE_OK) {
        judge(client); /* an empty body */
    }
    file->finished = true;
    file->result = result;
}

/* --- requests --------------------------------------------------------------------------------- */

static void stop_transfer(struct http_client *client)
{
    struct http_file *file = &client->file;
    if (file->easy != NULL) {
        curl_multi_remove_handle(client->multi, file->easy);
        curl_easy_cleanup(file->easy);
        curl_slist_free_all(file->headers);
        file->easy = NULL;
        file->headers = NULL;
    }
    file->finished = false;
    file->paused = false;
    file->used = 0;
    file->verdict = FILE_UNJUDGED;
}

void http_forget(struct http_client *client)
{
    struct http_file *file = &client->file;
    stop_transfer(client);
    file->url[0] = '\0';
    file->validator[0] = '\0';
    file->no_ranges = false;
}

static void set_range(struct http_file *file, CURL *easy)
{
    char text[HTTP_TEXT_SIZE + 16];
    if (file->asked == 0) {
        return;
    }
    snprintf(text, sizeof text, "%" PRIu64 "-", file->asked);
    curl_easy_setopt(easy, CURLOPT_RANGE, text);
    if (file->validator[0] != '\0') {
        snprintf(text, sizeof text, "If-Range: %s", file->validator);
        struct curl_slist *more = curl_slist_append(file->headers, text);
        file->headers = more != NULL ? more : file->headers; /* judge() compares anyway */
    }
}

static enum gateway_answer start_transfer(struct http_client *client, uint64_t offset)
{
    struct http_file *file = &client->file;
    enum gateway_answer answer = GATEWAY_RETRY;
    stop_transfer(client);
    file->asked = file->no_ranges ? 0 : offset;
    file->position = file->asked;
    file->start = file->asked;
    file->easy = http_prepare(client, file->location, &file->headers, &answer);
    if (file->easy == NULL) {
        curl_slist_free_all(file->headers);
        file->headers = NULL;
        return answer;
    }
    set_range(file, file->easy);
    curl_easy_setopt(file->easy, CURLOPT_HTTPHEADER, file->headers);
    curl_easy_setopt(file->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(file->easy, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(file->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(file->easy, CURLOPT_HEADERDATA, file);
    curl_easy_setopt(file->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(file->easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_S);
    curl_multi_add_handle(client->multi, file->easy);
    return GATEWAY_MORE;
}

static enum gateway_answer follow(struct http_client *client)
{
    struct http_file *file = &client->file;
    char *location = NULL;
    curl_easy_getinfo(file->easy, CURLINFO_REDIRECT_URL, &location);
    if (location == NULL || strlen(location) >= sizeof file->location ||
        ++file->redirects > HTTP_REDIRECTS_MAX) {
        enum gateway_answer answer = http_fail(
            client, GATEWAY_REFUSED, "%.150s: too many or malformed redirects", file->url);
        stop_transfer(client);
        return answer;
    }
    memcpy(file->location, location, strlen(location) + 1);
    return start_transfer(client, file->asked);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool in_window(const struct http_file *file, uint64_t offset)
{
    return offset >= file->start && offset - file->start < file->used;
}

/* True when the transfer under way will bring `offset` soon enough. */
static bool is_coming(const struct http_file *file, uint64_t offset)
{
    if (file->easy == NULL) {
        return false;
    }
    if (file->verdict == FILE_UNJUDGED || file->verdict == FILE_REDIRECTED) {
        return offset >= file->asked && (file->asked == offset || file->no_ranges);
    }
    return offset >= file->position && (file->no_ranges || offset - file->position <= SKIP_MAX);
}

static enum gateway_answer take(struct http_file *file, uint64_t offset, uint8_t *out,
                                uint32_t size, uint32_t *got)
{
    size_t at = (size_t)(offset - file->start);
    size_t left = file->used - at;
    *got = size < left ? size : (uint32_t)left;
    memcpy(out, file->window + at, *got);
    file->wanted = offset + *got;
    return GATEWAY_OK;
}

/* A connection that broke on the way, maybe while it was read over: the rest is asked for without
 * ado, as long as each brings something. */
static bool broke_on_the_way(const struct http_file *file, uint64_t offset)
{
    return file->verdict == FILE_TAKEN && file->result != CURLE_OK && offset >= file->position &&
           file->position - file->asked >= WORTH_GOING_ON;
}

/* The transfer ended and did not bring the byte. */
static enum gateway_answer explain_end(struct http_client *client, uint64_t offset)
{
    struct http_file *file = &client->file;
    enum gateway_answer answer;
    if (file->verdict == FILE_BAD) {
        answer = file->refusal;
    } else if (file->result != CURLE_OK) {
        answer = http_judge_transfer(client, file->result, file->url);
    } else {
        curl_off_t length = -1;
        curl_easy_getinfo(file->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        /* Without a length nobody can tell the end of the file from a broken connection. */
        answer = http_fail(client, length >= 0 ? GATEWAY_REFUSED : GATEWAY_RETRY,
                           "%.150s: the file ends before byte %" PRIu64, file->url, offset);
    }
    stop_transfer(client);
    return answer;
}

static void resume_when_drained(struct http_client *client)
{
    struct http_file *file = &client->file;
    if (!file->paused) {
        return;
    }
    make_room(file);
    if (HTTP_WINDOW_SIZE - file->used >= 2 * CURL_MAX_WRITE_SIZE) {
        file->paused = false;
        curl_easy_pause(file->easy, CURLPAUSE_CONT);
    }
}

enum gateway_answer http_read(struct http_client *client, const char *url, uint32_t offset,
                              uint8_t *out, uint32_t size, uint32_t *got)
{
    struct http_file *file = &client->file;
    if (strlen(url) >= sizeof file->url) {
        return http_fail(client, GATEWAY_REFUSED, "the URL is too long");
    }
    if (strcmp(url, file->url) != 0) {
        http_forget(client);
        memcpy(file->url, url, strlen(url) + 1);
        memcpy(file->location, url, strlen(url) + 1);
        file->redirects = 0;
    }
    if (in_window(file, offset)) {
        enum gateway_answer answer = take(file, offset, out, size, got);
        resume_when_drained(client);
        http_pump(client, 0);
        return answer;
    }
    file->wanted = offset;
    if (!is_coming(file, offset)) {
        memcpy(file->location, file->url, sizeof file->url);
        file->redirects = 0;
        return start_transfer(client, offset);
    }
    resume_when_drained(client);
    http_pump(client, HTTP_PAUSE_MS);
    if (in_window(file, offset)) {
        return take(file, offset, out, size, got);
    }
    if (!file->finished) {
        return GATEWAY_MORE;
    }
    if (broke_on_the_way(file, offset)) {
        return start_transfer(client, offset);
    }
    return file->verdict == FILE_REDIRECTED ? follow(client) : explain_end(client, offset);
}
