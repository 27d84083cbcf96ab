/* Every path of the server. */
#include "handlers.h"

#define DDI "/*/controller/v1/*"

const struct http_route routes[] = {
    {"GET", "/healthz", BODY_NONE, NULL, api_health},

    {"POST", "/api/v1/artifacts", BODY_FILE, guard_publish, api_upload},
    {"GET", "/api/v1/releases", BODY_NONE, guard_publish, api_releases},
    {"POST", "/api/v1/releases", BODY_JSON, guard_publish, api_publish},
    {"GET", "/api/v1/targets", BODY_NONE, guard_publish, api_targets},
    {"GET", "/api/v1/targets/*", BODY_NONE, guard_publish, api_target},
    {"POST", "/api/v1/targets/*/retry", BODY_NONE, guard_publish, api_retry},
    {"GET", "/api/v1/events", BODY_NONE, guard_publish, events_handle},

    {"GET", DDI, BODY_NONE, guard_device, ddi_poll},
    {"PUT", DDI "/configData", BODY_JSON, guard_device, ddi_config_data},
    {"GET", DDI "/deploymentBase/*", BODY_NONE, guard_device, ddi_deployment},
    {"POST", DDI "/deploymentBase/*/feedback", BODY_JSON, guard_device, ddi_feedback},
    {"GET", DDI "/installedBase", BODY_NONE, guard_device, ddi_installed_list},
    {"PUT", DDI "/installedBase", BODY_JSON, guard_device, ddi_report_installed},
    {"GET", DDI "/installedBase/*", BODY_NONE, guard_device, ddi_installed},
    {"GET", DDI "/softwaremodules/*/artifacts/*", BODY_NONE, guard_device, ddi_download},

    {"GET", "/version", BODY_NONE, guard_legacy, legacy_version},
    {"GET", "/firmware", BODY_NONE, guard_legacy, legacy_firmware},

    {"GET", "/", BODY_NONE, NULL, page_index},
    {"GET", "/web/*", BODY_NONE, NULL, page_file},
};

const size_t route_count = sizeof routes / sizeof routes[0];
