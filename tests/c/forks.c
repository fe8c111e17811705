/* Forks while a cluster of two shards is followed: forks NODE POSITIONS. Each child calls what its parent may call. */
#define _DEFAULT_SOURCE
#include "check.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 50

static redtail_cluster *cluster;
static _Atomic(redtail_shard *) some_shard;
static atomic_int attached, written;

static int on_event(void *context, redtail_shard *shard, const redtail_event *event) {
    (void)context;
    atomic_store(&some_shard, shard);
    if (event->kind == REDTAIL_EVENT_ATTACHED) atomic_fetch_add(&attached, 1);
    if (event->kind == REDTAIL_EVENT_COMMAND) atomic_fetch_add(&written, 1);
    return 0;
}

static void on_notice(void *context, const redtail_notice *notice) { (void)context, (void)notice; }

/* Its copy of a lock may be held for ever. A call that waits for it would never return. */
static int child(redtail_shard *shard) {
    char text[512];
    size_t needed;
    redtail_position position;
    failures = 0;
    IS(REDTAIL_ERROR_STATE, redtail_cluster_stop(cluster));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_wait(cluster, 0));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_positions(cluster, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_committed(cluster, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_commit(cluster, ""));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_login(cluster, NULL, NULL, 0));
    CHECK(strstr(redtail_cluster_message(cluster), "forked child") != NULL);
    IS(REDTAIL_ERROR_STATE, redtail_shard_target(shard, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_shard_slots(shard, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_shard_position(shard, &position));
    CHECK(strstr(redtail_shard_message(shard), "forked child") != NULL);
    CHECK(strlen(redtail_shard_id(shard)) == 40);
    IS(REDTAIL_ERROR_STATE, redtail_handle_stop(redtail_shard_handle(shard)));
    IS(REDTAIL_ERROR_STATE, redtail_handle_heartbeat(redtail_shard_handle(shard)));
    redtail_cluster_free(cluster);
    fflush(stdout);
    return failures != 0;
}

static void until(atomic_int *count, int enough) {
    while (atomic_load(count) < enough) IS(REDTAIL_IDLE, redtail_cluster_wait(cluster, 20));
}

static void say(const char *words) {
    puts(words);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const char *node = argv[1];
    redtail_cluster_options of = {.struct_size = sizeof of, .nodes = &node, .node_count = 1, .positions = argv[2]};
    redtail_cluster_callbacks callbacks = {.struct_size = sizeof callbacks, .event = on_event, .notice = on_notice};
    cluster = redtail_cluster_new(NULL, &of);
    IS(REDTAIL_OK, redtail_cluster_follow(cluster, &callbacks));
    until(&attached, 2);
    say("attached");
    for (int round = 0; round < CHILDREN; round++) {
        int status = -1;
        pid_t made = fork();
        if (made == 0) _exit(child(atomic_load(&some_shard)));
        CHECK(waitpid(made, &status, 0) == made && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    say("forked");
    until(&written, 2);
    say("wrote");
    IS(REDTAIL_OK, redtail_cluster_stop(cluster));
    IS(REDTAIL_CLOSED, redtail_cluster_wait(cluster, REDTAIL_FOREVER));
    redtail_cluster_free(cluster);
    return failures != 0;
}
