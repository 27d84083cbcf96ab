/*
 * linux_node.h - one configured node: a thread with its engine, link, source and log, so that a
 * stuck node or server never delays another node.
 */
#ifndef GATEWAY_LINUX_NODE_H
#define GATEWAY_LINUX_NODE_H

#include "config.h"
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>

/* What all nodes share. */
struct node_control {
    atomic_bool stop; /* set once by main */
    int stop_fd;      /* readable (hung up) from then on */
    bool once;        /* end after one round */
};

struct linux_node;

/* Starts the thread. Both parameters are borrowed until node_join. NULL: a message was logged. */
struct linux_node *node_start(const struct node_config *config, const struct node_control *control);

/* Waits for the thread and frees the node. Returns how its last round ended. */
enum gateway_result node_join(struct linux_node *node);

#endif
