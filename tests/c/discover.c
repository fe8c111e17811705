/* Asks where the servers are: discover sentinel NAME SENTINEL..., or discover cluster NODE... */
#include <redtail.h>
#include <stdio.h>
#include <string.h>

static int sentinel(const char *name, const char *const *addresses, int count) {
    redtail_sentinel sentinel = {.struct_size = sizeof sentinel, .name = name, .addresses = addresses};
    char text[512];
    sentinel.address_count = (size_t)count;
    int status = redtail_sentinel_find(&sentinel, text, sizeof text);
    printf("%s %s\n", redtail_status_name(status), text);
    return status == REDTAIL_OK && redtail_sentinel_find(&sentinel, text, strlen(text)) != REDTAIL_NEED_MORE;
}

static int cluster(const char *const *addresses, int count) {
    redtail_cluster_options of = {.struct_size = sizeof of, .nodes = addresses};
    of.node_count = (size_t)count;
    redtail_topology *topology = redtail_topology_new(NULL, &of);
    const redtail_node *node;
    int status = redtail_topology_ask(topology);
    printf("%s %s\n", redtail_status_name(status), redtail_topology_message(topology));
    if (status == REDTAIL_OK) /* again: the nodes of the last answer are replaced */
        status = redtail_topology_ask(topology);
    for (size_t i = 0; redtail_topology_node(topology, i, &node) == REDTAIL_OK; i++)
        printf("%zu %s %s %s %s %s\n", node->shard, node->is_primary ? "primary" : "replica", node->is_up ? "up" : "down",
               node->id, node->address, node->slots);
    redtail_topology_free(topology);
    return status < 0;
}

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "sentinel") == 0)
        return sentinel(argv[2], (const char *const *)argv + 3, argc - 3);
    if (argc > 2 && strcmp(argv[1], "cluster") == 0)
        return cluster((const char *const *)argv + 2, argc - 2);
    return 2;
}
