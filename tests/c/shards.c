/* Follows a cluster and prints its events and notices, until the key END is written:
 *
 *     shards [--prefer-replica] END [POSITIONS] NODE...
 *
 * Each output is one complete line. A message counts as stored when the next one arrives, so the committed position
 * lags behind the processed one.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <stdlib.h>
#include <string.h>

#define ROOM 128

/* Mine, for each shard. */
typedef struct mine {
    redtail_position last;
    int has_last, ended;
    redtail_migrations *migrations;
    struct mine *next;
} mine;

static redtail_cluster *cluster;
static const char *end;
static mine *all;

static void say(redtail_shard *shard, const char *what, const char *words) {
    printf("%.4s %s %s\n", shard != NULL ? redtail_shard_id(shard) : "-", what, words);
    fflush(stdout);
}

static int equals(const redtail_slice *slice, const char *word) {
    return slice->len == strlen(word) && memcmp(slice->data, word, slice->len) == 0;
}

static int has_slot(redtail_shard *shard, int slot) {
    char text[4096], *range, *rest = text;
    size_t needed;
    IS(REDTAIL_OK, redtail_shard_slots(shard, text, sizeof text, &needed));
    CHECK(needed == strlen(text) + 1);
    while ((range = strtok_r(rest, ",", &rest)) != NULL) {
        int first = atoi(range), last = strchr(range, '-') != NULL ? atoi(strchr(range, '-') + 1) : first;
        if (slot >= first && slot <= last) return 1;
    }
    return 0;
}

static void in_callbacks(void) {
    IS(REDTAIL_ERROR_STATE, redtail_cluster_wait(cluster, 0));
}

static int on_event(void *context, redtail_shard *shard, const redtail_event *event) {
    mine *my = redtail_shard_context(shard);
    static const char *const ROLES[] = {"?", "primary", "replica"};
    char words[ROOM];
    size_t needed;
    int migration;
    CHECK(context == &all && my != NULL && !my->ended);
    switch (event->kind) {
    case REDTAIL_EVENT_ATTACHED:
        in_callbacks();
        say(shard, "attached", ROLES[event->attached->role]);
        break;
    case REDTAIL_EVENT_SNAPSHOT_BEGIN: IS(REDTAIL_OK, redtail_migrations_clear(my->migrations)); break;
    case REDTAIL_EVENT_GAP:
        IS(REDTAIL_OK, redtail_migrations_clear(my->migrations));
        say(shard, "gap", redtail_shard_message(shard));
        break;
    case REDTAIL_EVENT_DISCONNECTED:
        CHECK(strlen(redtail_shard_message(shard)) > 0);
        break;
    case REDTAIL_EVENT_COMMAND:
        snprintf(words, sizeof words, "%.*s", (int)event->args[1].len, event->args[1].data);
        if (equals(&event->args[0], "SET")) CHECK(has_slot(shard, redtail_slot(event->args[1].data, event->args[1].len)));
        migration = redtail_migrations_next(my->migrations, event->args, event->argc, NULL);
        CHECK(migration >= 0 && strcmp(redtail_migrations_message(my->migrations), "") == 0);
        say(shard, migration == REDTAIL_MIGRATION_NONE ? "wrote" : redtail_migration_name(migration), words);
        if (my->has_last) IS(REDTAIL_OK, redtail_handle_commit(redtail_shard_handle(shard), &my->last));
        my->has_last = redtail_event_position(event, &my->last) == REDTAIL_OK;
        if (equals(&event->args[1], "alone")) IS(REDTAIL_OK, redtail_handle_stop(redtail_shard_handle(shard)));
        if (equals(&event->args[1], "free")) redtail_cluster_free(cluster); /* which only stops it */
        IS(REDTAIL_NEED_MORE, redtail_shard_target(shard, NULL, 0, &needed));
        IS(REDTAIL_OK, redtail_shard_target(shard, words, sizeof words, &needed));
        CHECK(needed == strlen(words) + 1 && strncmp(words, "127.0.0.1:", 10) == 0);
        return equals(&event->args[1], end);
    default: break;
    }
    return 0;
}

static int on_idle(void *context, redtail_shard *shard) {
    redtail_position position;
    CHECK(context == &all);
    int status = redtail_shard_position(shard, &position);
    CHECK(status == REDTAIL_OK || status == REDTAIL_NONE);
    return 0;
}

static void on_notice(void *context, const redtail_notice *notice) {
    static const char *const NAMES[] = {"?", "added", "failed_over", "slots_moved", "removed", "ended", "lost", "unreachable", "moved"};
    char words[2 * ROOM] = "";
    mine *my;
    CHECK(context == &all && notice->message != NULL && strlen(notice->message) > 0);
    in_callbacks();
    switch (notice->kind) {
    case REDTAIL_NOTICE_ADDED:
        if ((my = calloc(1, sizeof *my)) == NULL || (my->migrations = redtail_migrations_new()) == NULL) abort();
        my->next = all, all = my;
        IS(REDTAIL_OK, redtail_shard_set_context(notice->shard, my));
        snprintf(words, sizeof words, "%d %d", notice->start, notice->position != NULL);
        break;
    case REDTAIL_NOTICE_MOVED:
    case REDTAIL_NOTICE_FAILED_OVER: snprintf(words, sizeof words, "%s %s", notice->from, notice->to); break;
    case REDTAIL_NOTICE_SLOTS_MOVED: snprintf(words, sizeof words, "[%s] [%s]", notice->gained, notice->lost); break;
    case REDTAIL_NOTICE_ENDED:
        my = redtail_shard_context(notice->shard);
        my->ended = 1;
        snprintf(words, sizeof words, "%s", redtail_status_name(notice->status));
        break;
    case REDTAIL_NOTICE_LOST:
        CHECK(notice->shard == NULL && notice->position != NULL);
        snprintf(words, sizeof words, "%s %s %llu", notice->node, notice->lost, (unsigned long long)notice->position->offset);
        break;
    case REDTAIL_NOTICE_UNREACHABLE: CHECK(notice->shard == NULL); break;
    default: break;
    }
    say(notice->shard, notice->kind <= 8 ? NAMES[notice->kind] : "?", words);
}

static void tell(const char *name, int (*which)(redtail_cluster *, char *, size_t, size_t *)) {
    size_t needed = 0, again = 0;
    char *text;
    IS(REDTAIL_NEED_MORE, which(cluster, NULL, 0, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, which(cluster, NULL, 1, &needed));
    if ((text = malloc(needed)) == NULL) abort();
    IS(REDTAIL_NEED_MORE, which(cluster, text, needed - 1, &again));
    IS(REDTAIL_OK, which(cluster, text, needed, &again));
    CHECK(again == needed && strlen(text) + 1 == needed);
    printf("%s %s\n", name, text);
    free(text);
}

int main(int argc, char **argv) {
    int prefers = argc > 1 && strcmp(argv[1], "--prefer-replica") == 0, first, status;
    redtail_cluster_options of = {.struct_size = sizeof of, .refresh_ms = 300, .prefer_replica = prefers};
    redtail_cluster_callbacks callbacks = {sizeof callbacks, &all, on_event, on_notice, on_idle};
    redtail_options options;

    argc -= prefers, argv += prefers;
    if (argc < 3) return 2;
    end = argv[1];
    first = strchr(argv[2], '=') != NULL ? 3 : 2;
    redtail_options_init(&options, sizeof options);
    options.backoff_longest_ms = 200;
    options.ack = REDTAIL_ACK_APPLIED;
    of.nodes = (const char *const *)(argv + first);
    of.node_count = (size_t)(argc - first);
    of.positions = first == 3 ? argv[2] : NULL;
    cluster = redtail_cluster_new(&options, &of);
    IS(REDTAIL_OK, redtail_cluster_login(cluster, NULL, NULL, 0));
    status = redtail_cluster_follow(cluster, &callbacks);
    if (status != REDTAIL_OK) {
        printf("%s\n", redtail_cluster_message(cluster));
    } else {
        IS(REDTAIL_ERROR_STATE, redtail_cluster_follow(cluster, &callbacks));
        do {
            size_t needed;
            IS(REDTAIL_NEED_MORE, redtail_cluster_committed(cluster, NULL, 0, &needed)); /* at any time */
            IS(REDTAIL_ERROR_POSITION, redtail_cluster_commit(cluster, "a position"));
            status = redtail_cluster_wait(cluster, 200);
        } while (status == REDTAIL_IDLE);
        printf("over %s\n", redtail_status_name(status));
        IS(status, redtail_cluster_wait(cluster, REDTAIL_FOREVER));
        tell("positions", redtail_cluster_positions);
        tell("committed", redtail_cluster_committed);
        IS(REDTAIL_OK, redtail_cluster_stop(cluster));
    }
    redtail_cluster_free(cluster);
    while (all != NULL) {
        mine *next = all->next;
        redtail_migrations_free(all->migrations);
        free(all);
        all = next;
    }
    return failures > 0;
}
