#include "bench_peer.h"

#include "ferry/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

struct bench_file bench_read(const char *path)
{
    struct bench_file file = {NULL, 0};
    FILE *in = fopen(path, "rb");

    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        bench_die(path);
    }
    file.size = (size_t)ftell(in);
    file.bytes = calloc(1, file.size + 1);
    rewind(in);
    if (file.bytes == NULL || fread(file.bytes, 1, file.size, in) != file.size) {
        bench_die(path);
    }
    fclose(in);
    return file;
}

uint32_t bench_peer_now_ms(const struct bench_peer *peer)
{
    return (uint32_t)(ferry_sim_time_ns(peer->sim) / 1000000);
}

static void connect_gateway(struct bench_peer *peer)
{
    struct node_port_name name;

    bench_host_use(peer->sim);
    if (node_port_parse(peer->wire->port, &name) != NULL) {
        bench_die(peer->wire->port);
    }
    node_port_init(&peer->port, &name);
    gateway_link_init(&peer->link, &peer->port.port, 1);
    if (gateway_link_open(&peer->link) != FERRY_OK) {
        bench_die("the port cannot be opened");
    }
}

void bench_peer_load(struct bench_peer *peer, const struct bench_file *factory)
{
    uint8_t noise[4096];
    const struct ferry_board *board = ferry_board_find(peer->board);

    if (board == NULL || ferry_sim_create(&peer->sim, peer->board, NULL) != FERRY_SIM_OK ||
        ferry_sim_load_hex(peer->sim, (const char *)factory->bytes, factory->size) !=
            FERRY_SIM_OK) {
        bench_die("the board cannot be made");
    }
    memset(noise, 0x5A, sizeof(noise));
    const struct ferry_range *slot_b = &board->slots[FERRY_SLOT_B];
    for (uint32_t at = 0; at < slot_b->size; at += sizeof(noise)) {
        ferry_sim_load(peer->sim, slot_b->start + at, noise, sizeof(noise));
    }
    connect_gateway(peer);
}

int bench_peer_step(struct bench_peer *peer)
{
    struct ferry_sender *sender = &peer->link.sender;
    struct ferry_sender_want want;

    int status = gateway_link_step(&peer->link, bench_peer_now_ms(peer));
    if (status != FERRY_MORE) {
        return status;
    }
    if (ferry_sender_wants(sender, &want)) { /* of a file: at hand at once, so no sleep */
        memcpy(want.buffer, peer->image->bytes + want.offset, want.size);
        ferry_sender_supply(sender, want.size, bench_peer_now_ms(peer));
        return FERRY_MORE;
    }
    node_port_wait(&peer->port, gateway_link_is_writing(&peer->link), -1,
                   ferry_sender_wait_ms(sender, bench_peer_now_ms(peer)));
    return FERRY_MORE;
}

uint64_t bench_peer_finish(struct bench_peer *peer, const char *what)
{
    uint64_t started_ns = ferry_sim_time_ns(peer->sim);
    int status;

    while ((status = bench_peer_step(peer)) == FERRY_MORE) {
    }
    if (status != FERRY_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, ferry_status_name(status));
        exit(1);
    }
    return ferry_sim_time_ns(peer->sim) - started_ns;
}

struct ferry_open bench_open_of(const struct bench_file *image)
{
    struct ferry_image_header header;

    if (ferry_image_parse_header(image->bytes, &header) != FERRY_OK) {
        bench_die("not an image");
    }
    uint32_t tlvs = header.header_size + header.payload_size;
    return (struct ferry_open){.protocol = FERRY_PROTOCOL_VERSION,
                               .total_size = (uint32_t)image->size,
                               .tlv_size = (uint16_t)(image->size - tlvs),
                               .header = image->bytes,
                               .vectors = image->bytes + header.header_size,
                               .tlvs = image->bytes + tlvs};
}
