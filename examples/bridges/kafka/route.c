/* To which partitions a command goes: where its keys live, by their cluster slots; and where it names none, everywhere.
 *
 * So whoever reads a partition sees, in their order, all commands that touch a key of it. One with keys of several partitions stands in
 * each of them, under the same id.
 */
#include "bridge.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 16384

/* CRC16 as XMODEM computes it, which is what Redis Cluster takes. */
static unsigned crc16(const char *bytes, size_t len) {
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)(unsigned char)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return crc;
}

/* Of a key with {something} in it only that counts, also without a cluster: whoever wants two keys in one partition can have it so. */
static int32_t partition_of(redtail_slice key, int32_t partitions) {
    const char *open = memchr(key.data, '{', key.len);
    const char *close = open ? memchr(open, '}', key.len - (size_t)(open - key.data)) : NULL;
    if (close && close > open + 1) {
        key.len = (size_t)(close - open) - 1;
        key.data = open + 1;
    }
    return (int32_t)(crc16(key.data, key.len) % SLOTS % (unsigned)partitions);
}

void route_init(route *route, int32_t partitions) {
    memset(route, 0, sizeof *route);
    route->all = partitions;
    route->partitions = memory(NULL, (size_t)partitions * sizeof *route->partitions);
    route->taken = memory(NULL, (size_t)partitions);
    memset(route->taken, 0, (size_t)partitions);
}

void route_free(route *route) {
    free(route->partitions);
    free(route->taken);
    free(route->indices);
}

void route_everywhere(route *route) {
    route->key.data = NULL;
    route->key.len = 0;
    route->copies = (size_t)route->all;
    for (int32_t i = 0; i < route->all; i++)
        route->partitions[i] = i;
}

void route_command(route *route, const redtail_slice *args, size_t argc) {
    size_t count;
    int status;
    while ((status = redtail_command_keys(args, argc, route->indices, route->capacity, &count)) == REDTAIL_OK
           && count > route->capacity) {
        route->indices = memory(route->indices, count * sizeof *route->indices);
        route->capacity = count;
    }
    if (status != REDTAIL_OK || !count) { /* no key, all keys, or nobody knows which */
        route_everywhere(route);
        return;
    }
    route->key = args[route->indices[0]];
    route->copies = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t partition = partition_of(args[route->indices[i]], route->all);
        if (!route->taken[partition]) {
            route->taken[partition] = 1;
            route->partitions[route->copies++] = partition;
        }
    }
    for (size_t i = 0; i < route->copies; i++)
        route->taken[route->partitions[i]] = 0;
}
