/* http_internal.h - what http_client.c (exchanges) and http_file.c (download) share. */
#ifndef GATEWAY_SOURCES_HTTP_INTERNAL_H
#define GATEWAY_SOURCES_HTTP_INTERNAL_H

#include "http_client.h"

enum file_verdict { FILE_UNJUDGED, FILE_TAKEN, FILE_REDIRECTED, FILE_BAD };

/* The file being downloaded. */
struct http_file {
    CURL *easy; /* NULL: nothing under way */
    struct curl_slist *headers;
    char url[HTTP_URL_SIZE];        /* as asked for */
    char location[HTTP_URL_SIZE];   /* after redirects */
    char validator[HTTP_TEXT_SIZE]; /* strong ETag or Last-Modified of the first answer */
    char seen_validator[HTTP_TEXT_SIZE];
    char content_range[HTTP_TEXT_SIZE];
    uint8_t redirects;
    uint8_t verdict;             /* enum file_verdict */
    enum gateway_answer refusal; /* FILE_BAD: RETRY or REFUSED */
    bool finished;               /* the transfer ended */
    bool paused;                 /* the window is full */
    bool no_ranges;              /* the server answered a range with the whole file */
    CURLcode result;             /* of a finished transfer */
    uint64_t asked;              /* first byte asked for */
    uint64_t position;           /* of the next byte that comes */
    uint64_t start;              /* of the window in the file */
    uint64_t wanted;             /* reading position: what lies before may be dropped */
    size_t used;                 /* bytes in the window */
    uint8_t window[HTTP_WINDOW_SIZE];
};

struct http_post {
    CURL *easy; /* NULL: nothing under way */
    struct curl_slist *headers;
    char body[1024];
};

struct http_client {
    struct http_options options;
    const atomic_bool *stop;
    CURLM *multi;
    char error[HTTP_TEXT_SIZE];
    char detail[CURL_ERROR_SIZE]; /* what libcurl says of the last failure */
    struct http_post post;
    struct http_file file;
};

/* An easy handle with everything that holds for every request, or NULL after http_fail. */
CURL *http_prepare(struct http_client *client, const char *url, struct curl_slist **headers,
                   enum gateway_answer *answer);

/* RETRY, DENIED or REFUSED for an HTTP status that is no success, with the sentence. */
enum gateway_answer http_judge_code(struct http_client *client, long code, const char *url);
enum gateway_answer http_judge_transfer(struct http_client *client, CURLcode code, const char *url);

/* Lets all transfers work for at most `wait_ms`, and notes which ended. */
void http_pump(struct http_client *client, int wait_ms);

void http_file_ended(struct http_client *client, CURLcode result);

#endif
