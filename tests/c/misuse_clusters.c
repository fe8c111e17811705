/* The same for Sentinels, shards and clusters, as far as that needs no server. */
#include "check.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Nobody's. */
static const char *const NOWHERE[] = {"127.0.0.1:1"};

static int each_event(void *context, redtail_shard *shard, const redtail_event *event) {
    (void)context, (void)shard, (void)event;
    return 1;
}

static void sentinels(void) {
    const char *wrong[] = {"127.0.0.1:1", "nothing", NULL};
    redtail_sentinel sentinel;
    redtail_tls tls;
    redtail_follower *follower = redtail_follower_new(NULL);
    redtail_handle *handle;

    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(NULL, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, NULL));
    CHECK(strstr(redtail_follower_message(follower), "sentinel is NULL") != NULL);
    memset(&sentinel, 0, sizeof sentinel);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "struct_size of redtail_sentinel") != NULL);
    for (sentinel.struct_size = 0; sentinel.struct_size < sizeof sentinel; sentinel.struct_size++) {
        IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
        CHECK(strstr(redtail_follower_message(follower), "struct_size of redtail_sentinel") != NULL);
    }
    sentinel.struct_size = sizeof sentinel + 8;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.struct_size = sizeof sentinel;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "name is NULL") != NULL);
    sentinel.name = "mymaster";
    sentinel.user = "u";
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "the user u has no password") != NULL);
    sentinel.user = NULL;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "no Sentinel to ask") != NULL);
    sentinel.address_count = 1;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.addresses = wrong;
    sentinel.address_count = SIZE_MAX;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.address_count = 3;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "address number 3 is NULL") != NULL);
    sentinel.address_count = 2;
    IS(REDTAIL_ERROR_ADDRESS, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.address_count = 1;
    sentinel.user = "\xff";
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.user = NULL;
    memset(&tls, 0, sizeof tls);
    sentinel.tls = &tls;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect_sentinel(follower, &sentinel));
    sentinel.tls = NULL;
    IS(REDTAIL_ERROR_CONNECT, redtail_follower_connect_sentinel(follower, &sentinel));
    CHECK(strstr(redtail_follower_message(follower), "no Sentinel tells where mymaster is: 127.0.0.1:1") != NULL);
    IS(REDTAIL_ERROR_CONNECT, redtail_follower_connect_sentinel(follower, &sentinel));
    handle = redtail_follower_handle(follower);
    IS(REDTAIL_OK, redtail_handle_stop(handle));
    IS(REDTAIL_CLOSED, redtail_follower_connect_sentinel(follower, &sentinel));
    redtail_handle_free(handle);
    redtail_follower_free(follower);
}

static void shards(void) {
    redtail_position position;
    size_t needed = 7;
    char text[8];

    CHECK(redtail_shard_id(NULL) == NULL && redtail_shard_handle(NULL) == NULL && redtail_shard_context(NULL) == NULL);
    CHECK(redtail_shard_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_shard_target(NULL, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_shard_slots(NULL, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_shard_position(NULL, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_shard_set_context(NULL, text));
    CHECK(needed == 7);
    /* The number is a slot, or below 0. */
    IS(REDTAIL_ERROR_ARGUMENT, redtail_slot(NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_slot("a", SIZE_MAX));
    CHECK(redtail_slot(NULL, 0) == 0 && redtail_slot("123456789", 9) == 12739);
    CHECK(redtail_slot("user:{1000}:name", 16) == redtail_slot("1000", 4));
}

/* The number is a redtail_migration, or below 0. */
static void migrations(void) {
    redtail_slice args[3] = {{"Restore-Asking", 14}, {"k", 1}, {NULL, 3}};
    redtail_slice begins[5] = {{"CLUSTER", 7}, {"SYNCSLOTS", 9}, {"CONF", 4}, {"ASM-TASK", 8}, {"x:y:z:import:connecting:0-9 7629", 32}};
    char memory[3 * sizeof *args + 1];
    redtail_migration_task task;
    redtail_migrations *moves = redtail_migrations_new();

    redtail_migrations_free(NULL);
    CHECK(strlen(redtail_migrations_message(NULL)) > 0 && strcmp(redtail_migrations_message(moves), "") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_clear(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(NULL, args, 2, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, NULL, 1, NULL));
    CHECK(strstr(redtail_migrations_message(moves), "args is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args, 0, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args, SIZE_MAX, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, (redtail_slice *)ODD(memory), 1, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args + 2, 1, NULL));
    CHECK(strstr(redtail_migrations_message(moves), "an argument is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args, 2, (redtail_migration_task *)ODD(memory)));
    IS(REDTAIL_MIGRATION_KEY, redtail_migrations_next(moves, args, 2, &task));
    CHECK(task.side == REDTAIL_MIGRATION_SIDE_NONE && strcmp(task.id, "") == 0 && strcmp(task.slots, "") == 0);
    CHECK(strcmp(redtail_migrations_message(moves), "") == 0);
    IS(REDTAIL_MIGRATION_NONE, redtail_migrations_next(moves, args, 1, NULL)); /* without a key it is none that a server writes */
    args[0].data = "cluster", args[0].len = 7;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args, 3, NULL));
    args[2].data = "x", args[2].len = SIZE_MAX;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_migrations_next(moves, args, 3, NULL));
    IS(REDTAIL_MIGRATION_MESSAGE, redtail_migrations_next(moves, args, 2, NULL));
    /* An empty name, with and without a pointer. */
    args[2].len = 0;
    IS(REDTAIL_MIGRATION_NONE, redtail_migrations_next(moves, args + 2, 1, NULL));
    args[2].data = NULL;
    IS(REDTAIL_MIGRATION_NONE, redtail_migrations_next(moves, args + 2, 1, NULL));

    args[0].data = "GET", args[0].len = 3; /* k is in slot 7629 */
    IS(REDTAIL_MIGRATION_NONE, redtail_migrations_next(moves, args, 2, NULL));
    IS(REDTAIL_MIGRATION_BEGINS, redtail_migrations_next(moves, begins, 5, &task));
    CHECK(task.side == REDTAIL_MIGRATION_SIDE_IMPORT && strcmp(task.id, "x") == 0 && strcmp(task.source, "y") == 0);
    CHECK(strcmp(task.target, "z") == 0 && strcmp(task.slots, "0-9,7629") == 0);
    IS(REDTAIL_MIGRATION_IMPORTED, redtail_migrations_next(moves, args, 2, &task));
    CHECK(task.side == REDTAIL_MIGRATION_SIDE_IMPORT && strcmp(task.id, "x") == 0);
    IS(REDTAIL_OK, redtail_migrations_clear(moves));
    IS(REDTAIL_MIGRATION_NONE, redtail_migrations_next(moves, args, 2, &task));
    redtail_migrations_free(moves);

    CHECK(strcmp(redtail_migration_name(REDTAIL_MIGRATION_FAILED), "failed") == 0);
    CHECK(strcmp(redtail_migration_name(REDTAIL_ERROR_ARGUMENT), "unknown") == 0);
    CHECK(strcmp(redtail_migration_name(8), "unknown") == 0);
    CHECK(strcmp(redtail_migration_side_name(REDTAIL_MIGRATION_SIDE_IMPORT), "import") == 0);
}

/* Options that can't be: every call says so. */
static void refused(int expected, const char *words, const redtail_options *options, const redtail_cluster_options *of) {
    redtail_cluster_callbacks callbacks = {.struct_size = sizeof callbacks, .event = each_event};
    redtail_cluster *cluster = redtail_cluster_new(options, of);
    size_t needed = 0;
    CHECK(strstr(redtail_cluster_message(cluster), words) != NULL);
    IS(expected, redtail_cluster_follow(cluster, &callbacks));
    IS(expected, redtail_cluster_follow(cluster, NULL));
    IS(expected, redtail_cluster_wait(cluster, 0));
    IS(expected, redtail_cluster_login(cluster, NULL, NULL, 0));
    IS(expected, redtail_cluster_positions(cluster, NULL, 0, &needed));
    IS(expected, redtail_cluster_committed(cluster, NULL, 0, &needed));
    IS(expected, redtail_cluster_commit(cluster, ""));
    IS(REDTAIL_OK, redtail_cluster_stop(cluster));
    CHECK(strstr(redtail_cluster_message(cluster), words) != NULL);
    redtail_cluster_free(cluster);
}

static void options_that_cannot_be(void) {
    const char *wrong[] = {"127.0.0.1:1", "nothing", NULL};
    redtail_cluster_options of;
    redtail_options options;
    redtail_position position;

    redtail_options_init(&options, sizeof options);
    memset(&of, 0, sizeof of);
    refused(REDTAIL_ERROR_ARGUMENT, "no node to ask", NULL, NULL);
    refused(REDTAIL_ERROR_ARGUMENT, "struct_size of redtail_cluster_options", NULL, &of);
    of.struct_size = sizeof of + 8;
    refused(REDTAIL_ERROR_ARGUMENT, "struct_size of redtail_cluster_options", NULL, &of);
    for (of.struct_size = 0; of.struct_size < sizeof of; of.struct_size++)
        refused(REDTAIL_ERROR_ARGUMENT, "struct_size of redtail_cluster_options", NULL, &of);
    of.struct_size = sizeof of;
    of.prefer_replica = 1;
    refused(REDTAIL_ERROR_ARGUMENT, "no node to ask", NULL, &of);
    of.node_count = 1;
    refused(REDTAIL_ERROR_ARGUMENT, "the addresses are NULL", NULL, &of);
    of.nodes = wrong;
    of.node_count = SIZE_MAX;
    refused(REDTAIL_ERROR_ARGUMENT, "exceeds memory", NULL, &of);
    of.node_count = 3;
    refused(REDTAIL_ERROR_ARGUMENT, "address number 3 is NULL", NULL, &of);
    of.node_count = 2;
    refused(REDTAIL_ERROR_ADDRESS, "nothing", NULL, &of);
    of.node_count = 1;
    of.positions = "nonsense";
    refused(REDTAIL_ERROR_POSITION, "positions: ", NULL, &of);
    of.positions = "\xff";
    refused(REDTAIL_ERROR_ARGUMENT, "positions is not UTF-8", NULL, &of);
    of.positions = "";
    of.added = 3;
    refused(REDTAIL_ERROR_ARGUMENT, "added is 3", NULL, &of);
    of.added = REDTAIL_ADDED_NOW;
    options.single_link = 1;
    refused(REDTAIL_ERROR_ARGUMENT, "single_link", &options, &of);
    options.single_link = 0;
    options.ack = 9;
    refused(REDTAIL_ERROR_ARGUMENT, "ack is 9", &options, &of);
    options.ack = 0;
    IS(REDTAIL_OK, redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &position));
    options.position = position;
    refused(REDTAIL_ERROR_ARGUMENT, "set start to REDTAIL_START_AT", &options, &of);
    options.start = REDTAIL_START_AT;
    refused(REDTAIL_ERROR_ARGUMENT, "is for one primary", &options, &of);
}

static void clusters(void) {
    redtail_cluster_options of = {.struct_size = sizeof of, .nodes = NOWHERE, .node_count = 1, .refresh_ms = UINT64_MAX};
    redtail_cluster_callbacks callbacks;
    redtail_cluster *cluster;
    size_t needed = 7;
    char text[8];

    memset(&callbacks, 0, sizeof callbacks);
    redtail_cluster_free(NULL);
    CHECK(redtail_cluster_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_follow(NULL, &callbacks));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_wait(NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_stop(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_login(NULL, NULL, NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_positions(NULL, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_committed(NULL, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_commit(NULL, ""));

    cluster = redtail_cluster_new(NULL, &of);
    CHECK(strcmp(redtail_cluster_message(cluster), "") == 0);
    /* Before anything is followed. */
    IS(REDTAIL_ERROR_STATE, redtail_cluster_wait(cluster, 0));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_wait(cluster, REDTAIL_FOREVER));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_positions(cluster, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_committed(cluster, text, sizeof text, &needed));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_commit(cluster, ""));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_commit(cluster, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_commit(cluster, "\xff"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_positions(cluster, text, sizeof text, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_positions(cluster, text, sizeof text, (size_t *)(void *)(text + 1)));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_login(cluster, "\xff", NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_login(cluster, "user", NULL, 0));
    IS(REDTAIL_OK, redtail_cluster_login(cluster, "user", "password", 8));
    CHECK(needed == 7);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_follow(cluster, NULL));
    CHECK(strstr(redtail_cluster_message(cluster), "callbacks is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_follow(cluster, &callbacks));
    CHECK(strstr(redtail_cluster_message(cluster), "struct_size of redtail_cluster_callbacks") != NULL);
    for (callbacks.struct_size = 0; callbacks.struct_size < sizeof callbacks; callbacks.struct_size++) {
        IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_follow(cluster, &callbacks));
        CHECK(strstr(redtail_cluster_message(cluster), "struct_size of redtail_cluster_callbacks") != NULL);
    }
    callbacks.struct_size = sizeof callbacks;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_cluster_follow(cluster, &callbacks));
    CHECK(strstr(redtail_cluster_message(cluster), "event is NULL") != NULL);
    callbacks.event = each_event;
    IS(REDTAIL_ERROR_CONNECT, redtail_cluster_follow(cluster, &callbacks));
    CHECK(strstr(redtail_cluster_message(cluster), "no node tells") != NULL);
    IS(REDTAIL_ERROR_CONNECT, redtail_cluster_follow(cluster, &callbacks));
    IS(REDTAIL_ERROR_STATE, redtail_cluster_wait(cluster, REDTAIL_FOREVER));
    IS(REDTAIL_OK, redtail_cluster_stop(cluster));
    IS(REDTAIL_CLOSED, redtail_cluster_follow(cluster, &callbacks));
    CHECK(strcmp(redtail_cluster_message(cluster), "the cluster was stopped") == 0);
    redtail_cluster_free(cluster);
}

int main(void) {
    sentinels();
    shards();
    migrations();
    options_that_cannot_be();
    clusters();
    if (failures == 0)
        puts("every misuse is a status");
    return failures > 0;
}
