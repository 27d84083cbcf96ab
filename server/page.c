/* The status page: files of server/web, carried by the program. Their data needs a token. */
#include "handlers.h"

#include <stdio.h>
#include <string.h>

#include "embedded.h"

static const char *type_of(const char *name)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *suffix = strrchr(name, '.');
    for (size_t i = 0; suffix != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(suffix, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static enum MHD_Result reply_file(struct request *request, const char *name)
{
    char path[HTTP_SEGMENT_SIZE + 8];
    snprintf(path, sizeof path, "web/%s", name);
    const struct embedded_file *file = embedded_find(path);
    if (file == NULL) {
        return http_reply_problem(request, PROBLEM_NOT_FOUND);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        file->size, (void *)(uintptr_t)file->data, MHD_RESPMEM_PERSISTENT);
    if (response != NULL) {
        MHD_add_response_header(response, "Content-Type", type_of(name));
        MHD_add_response_header(response, "Cache-Control", "no-cache");
        MHD_add_response_header(response, "Content-Security-Policy",
                                "default-src 'none'; script-src 'self'; style-src 'self'; "
                                "connect-src 'self'; img-src 'self'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'");
    }
    return http_reply(request, MHD_HTTP_OK, response);
}

enum MHD_Result page_index(struct request *request)
{
    return reply_file(request, "index.html");
}

enum MHD_Result page_file(struct request *request)
{
    return reply_file(request, request->params[0]);
}
