/*
 * source_ddi.h - a hawkBit server, or Ferry's, by the Direct Device Integration API: poll,
 * configData, deploymentBase, cancelAction, download by ranges, feedback. A node that has nothing
 * to run, and no action open, is brought what installedBase names. New starts of the node go out by
 * configData (ddi_boots.h).
 *
 * It is a source and a reporter: the engine's events become feedback. `proceeding` goes out in the
 * background at most once a second; the end of an action is kept until the server took it, over
 * any number of polls.
 *
 * Nothing is kept over a restart of the gateway. What happened meanwhile is in the node's INFO: the
 * offered version runs confirmed, or its trial was given up. Whether that was for the action that
 * is open now, or an older story of the same image, the server knows: actionHistory has what was
 * told about this action.
 */
#ifndef GATEWAY_SOURCES_SOURCE_DDI_H
#define GATEWAY_SOURCES_SOURCE_DDI_H

#include "ddi_boots.h"
#include "http_client.h"

enum { DDI_IMAGES_MAX = 8, DDI_ID_SIZE = 32, DDI_DETAIL_SIZE = 256 };

struct ddi_options { /* borrowed */
    const char *url; /* of the server, without the tenant */
    const char *tenant;
    const char *controller_id;
    bool follow_poll_interval; /* the server says how often to poll */
};

struct source_ddi {
    struct http_client *client; /* borrowed */
    bool follow_poll_interval;
    char base[HTTP_URL_SIZE];         /* of this controller */
    char action[DDI_ID_SIZE];         /* under way, or "" */
    char met[DDI_ID_SIZE];            /* the last action that was offered */
    bool seen;                        /* the node took its image, now or before our start */
    char ended[DDI_ID_SIZE];          /* the last action that came to an end */
    char config_hash[HTTP_TEXT_SIZE]; /* what configData was last told */
    char feedback_url[HTTP_URL_SIZE]; /* of `ended`, while its end is not delivered */
    char feedback_body[2 * DDI_DETAIL_SIZE + HTTP_TEXT_SIZE];
    bool undelivered;
    uint32_t told_ms; /* last progress feedback */
    struct ddi_boots boots;
    uint8_t count;
    char urls[DDI_IMAGES_MAX][HTTP_URL_SIZE];
};

/* Returns false if the URL or the id is too long. */
bool source_ddi_init(struct source_ddi *source, struct http_client *client,
                     const struct ddi_options *options);

struct gateway_source source_ddi_source(struct source_ddi *source);
struct gateway_reporter source_ddi_reporter(struct source_ddi *source);

#endif
