/*
 * init.h - making a data folder, and its targets, before the server runs.
 *
 * All print to stdout what the operator must keep (each token once) and return an exit code.
 */
#ifndef FERRY_SERVER_INIT_H
#define FERRY_SERVER_INIT_H

#include <stddef.h>

/*
 * Makes DIR (0700) with server.conf, the database, keys/ with copies of the PEM public keys, and
 * two tokens. Refuses a folder that has a server.conf or a database already.
 */
int init_data(const char *data, const char *const keys[], size_t key_count);

/* Adds a target with a token of its own. May run beside the server. */
int init_add_target(const char *data, const char *controller);

/* Makes a token ("publish" or "enrol") that ends the older ones of its kind. Beside the server. */
int init_renew_token(const char *data, const char *kind);

#endif
