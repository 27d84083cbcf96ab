/*
 * handlers.h - guards and handlers of all routes; routes.c has the table.
 */
#ifndef FERRY_SERVER_HANDLERS_H
#define FERRY_SERVER_HANDLERS_H

#include "http.h"

extern const struct http_route routes[];
extern const size_t route_count;

/* --- guards --- */
http_guard guard_publish; /* Bearer: a publish token */
http_guard
    guard_device; /* DDI: TargetToken or GatewayToken, good names; finds or adds the target */
http_guard guard_legacy; /* any token, unless legacy_open */

/* --- api.c: management --- */
http_handler api_health;
http_handler api_upload;
http_handler api_publish;
http_handler api_releases;
http_handler api_targets;
http_handler api_target;
http_handler api_retry;

/* --- events.c --- */
http_handler events_handle; /* a stream that ends when the client leaves or the server stops */

/* --- ddi.c, ddi_feedback.c: hawkBit Direct Device Integration --- */
http_handler ddi_poll;
http_handler ddi_deployment;
http_handler ddi_download;
http_handler ddi_installed_list;
http_handler ddi_installed;
http_handler ddi_config_data;
http_handler ddi_feedback;
http_handler ddi_report_installed;

/* --- legacy.c: two endpoints for the simplest clients --- */
http_handler legacy_version;
http_handler legacy_firmware;

/* --- page.c: the embedded status page --- */
http_handler page_index;
http_handler page_file;

#endif
