/* Finds the partitions of a command: those of its keys, by their cluster slots; all partitions if it names none.
 *
 * A reader of a partition therefore sees, in order, all commands that touch its keys. A command with keys of
 * several partitions is in each of them, under the same id. */
#include "bridge.h"

#include <stdlib.h>
#include <string.h>

/* Only the part in {} of a key counts, also without a cluster: it can join two keys in one partition. */
static int32_t partition_of(redtail_slice key, int32_t partitions) {
    return redtail_slot(key.data, key.len) % partitions;
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
    free(route->keys);
}

void route_everywhere(route *route) {
    route->key.data = NULL;
    route->key.len = 0;
    route->copies = (size_t)route->all;
    for (int32_t i = 0; i < route->all; i++)
        route->partitions[i] = i;
}

void route_key(route *route, redtail_slice key) {
    route->key = key;
    route->copies = 1;
    route->partitions[0] = partition_of(key, route->all);
}

void route_command(route *route, const redtail_event *event) {
    const redtail_slice *args = event->args;
    while ((route->status = redtail_command_keys(args, event->argc, event->db, route->keys, route->capacity, &route->count))
               >= REDTAIL_OK
           && route->count > route->capacity) {
        route->keys = memory(route->keys, route->count * sizeof *route->keys);
        route->capacity = route->count;
    }
    if (route->status != REDTAIL_OK || !route->count) { /* no key, all keys, or unknown keys */
        route_everywhere(route);
        if (is_word(args[0], "PUBLISH") || is_word(args[0], "SPUBLISH")) /* they change no data */
            route->copies = 0;
        return;
    }
    route->key = args[route->keys[0].index];
    route->copies = 0;
    for (size_t i = 0; i < route->count; i++) {
        int32_t partition = partition_of(args[route->keys[i].index], route->all);
        if (!route->taken[partition]) {
            route->taken[partition] = 1;
            route->partitions[route->copies++] = partition;
        }
    }
    for (size_t i = 0; i < route->copies; i++)
        route->taken[route->partitions[i]] = 0;
}
