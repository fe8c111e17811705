/* The source of events: all primaries of a cluster, each followed on a thread of its own. */
#include "bridge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of one shard; or of a saved position that no shard continues, which has no shard. */
typedef struct part {
    struct part *next;
    redtail_shard *shard;
    publisher *publisher;
    redtail_position committed;
    int has_committed;
    /* The id of its node: a notice keeps it only for the call. */
    char *node;
    /* Its name in the state if the cluster no longer knows it: node@slots */
    char *name;
} part;

static struct {
    const topic *topic;
    redtail_cluster *cluster;
    int is_started;
    char *saved;
    pthread_mutex_t lock;
    part *parts;
    /* The lost positions have been published: they precede the first shard. */
    int is_settled;
    /* A position is lost, and an operator must decide. Until then the state stays as it is: with a position of the
     * shard that has the lost one's slots now, the next run would not begin it with a snapshot. */
    atomic_int is_undecided;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static part *part_add(redtail_shard *shard, const char *node, const char *slots, int resumes) {
    part *part = memory(NULL, sizeof *part);
    size_t size = strlen(node) + strlen(slots) + 2;
    memset(part, 0, sizeof *part);
    part->shard = shard;
    part->node = strcpy(memory(NULL, strlen(node) + 1), node);
    part->publisher = publisher_new(all.topic, part->node, resumes, shard ? redtail_shard_handle(shard) : NULL);
    part->name = memory(NULL, size);
    snprintf(part->name, size, "%s@%s", node, slots);
    pthread_mutex_lock(&all.lock);
    part->next = all.parts;
    all.parts = part;
    all.is_settled = all.is_settled || shard;
    pthread_mutex_unlock(&all.lock);
    return part;
}

static void on_lost(const redtail_notice *notice) {
    if (all.topic->options->on_gap == REDTAIL_ON_GAP_STOP) {
        atomic_store(&all.is_undecided, 1);
        end_with(HISTORY_LOST, "%s", notice->message);
        return;
    }
    part *part = part_add(NULL, notice->node, notice->lost, 1);
    progress_add(publisher_progress(part->publisher), notice->position, 0);
    publish_lost(part->publisher, notice->position);
}

/* Runs on a thread of its own. */
static void on_notice(void *context, const redtail_notice *notice) {
    (void)context;
    if (notice->kind != REDTAIL_NOTICE_ENDED)
        say("%s", notice->message);
    switch (notice->kind) {
    case REDTAIL_NOTICE_ADDED:
        redtail_shard_set_context(
            notice->shard, part_add(notice->shard, redtail_shard_id(notice->shard), "", notice->start == REDTAIL_START_AT));
        break;
    case REDTAIL_NOTICE_LOST: on_lost(notice); break;
    case REDTAIL_NOTICE_ENDED: /* the other shards would continue, and the failure might go unnoticed */
        if (notice->status != REDTAIL_CLOSED)
            end_with(code_of(notice->status), "%s", notice->message);
        break;
    default: break;
    }
}

/* Runs on the shard's thread, like the next. */
static int on_event(void *context, redtail_shard *shard, const redtail_event *event) {
    part *part = redtail_shard_context(shard);
    (void)context;
    if (event->kind == REDTAIL_EVENT_GAP || event->kind == REDTAIL_EVENT_DISCONNECTED || event->kind == REDTAIL_EVENT_FORKING)
        say("shard %s: %s", redtail_shard_id(shard), redtail_shard_message(shard));
    return publish(part->publisher, event);
}

static int on_idle(void *context, redtail_shard *shard) {
    redtail_position position;
    (void)context;
    if (redtail_shard_position(shard, &position) == REDTAIL_OK)
        publish_idle(((part *)redtail_shard_context(shard))->publisher, &position);
    return 0;
}

static int start(const topic *topic, const char *state) {
    const options *chosen = topic->options;
    redtail_options options;
    redtail_cluster_options cluster = {.struct_size = sizeof cluster, .added = REDTAIL_ADDED_NOW};
    redtail_cluster_callbacks callbacks = {
        .struct_size = sizeof callbacks, .event = on_event, .notice = on_notice, .idle = on_idle};
    redtail_options_init(&options, sizeof options);
    follow_options(&options, chosen);
    options.snapshot_items = 1;
    if (chosen->starts_with_snapshot)
        options.start = REDTAIL_START_SNAPSHOT;
    /* A shard without a saved position is new, or its position is lost. */
    if (chosen->starts_with_snapshot || chosen->on_gap == REDTAIL_ON_GAP_SNAPSHOT)
        cluster.added = REDTAIL_ADDED_SNAPSHOT;
    const char **nodes = addresses(chosen->address.hosts, &cluster.node_count);
    cluster.nodes = nodes;
    cluster.positions = state ? state : chosen->from;
    all.topic = topic;
    all.cluster = redtail_cluster_new(&options, &cluster);
    free(nodes);
    int status = redtail_cluster_follow(all.cluster, &callbacks);
    if (status != REDTAIL_OK) {
        int is_from = status == REDTAIL_ERROR_POSITION && !state;
        end_with(is_from ? USAGE : code_of(status), "%s: %s", chosen->target, redtail_cluster_message(all.cluster));
        return -1;
    }
    all.is_started = 1;
    return 0;
}

static char *committed(void) {
    size_t size = 0, needed = 0;
    char *text = memory(NULL, 1);
    *text = 0;
    while (redtail_cluster_committed(all.cluster, text, size, &needed) == REDTAIL_NEED_MORE)
        text = memory(text, size = needed);
    return text;
}

static void commit(part *part) {
    redtail_position position;
    if (progress_position(publisher_progress(part->publisher), &position) != REDTAIL_OK
        || (part->has_committed && is_same_position(&position, &part->committed)))
        return;
    if (part->shard)
        redtail_handle_commit(redtail_shard_handle(part->shard), &position);
    part->committed = position;
    part->has_committed = 1;
}

/* One value for all shards, with confirmed positions only. It includes shards that the cluster no longer knows,
 * until they are confirmed. NULL: not yet. */
static char *state_text(void) {
    text text = {NULL, 0, 0};
    pthread_mutex_lock(&all.lock);
    for (part *part = all.parts; part; part = part->next)
        commit(part);
    char *known = committed();
    text_add(&text, known, strlen(known));
    for (part *part = all.parts; part; part = part->next) {
        char formatted[REDTAIL_POSITION_TEXT_SIZE];
        if (!part->has_committed || progress_is_idle(publisher_progress(part->publisher))
            || redtail_position_format(&part->committed, formatted, sizeof formatted) != REDTAIL_OK || strstr(known, formatted))
            continue;
        text_add(&text, ";", text.len ? 1 : 0);
        text_add(&text, part->name, strlen(part->name));
        text_add(&text, "=", 1);
        text_add(&text, formatted, strlen(formatted));
    }
    int is_settled = all.is_settled;
    pthread_mutex_unlock(&all.lock);
    text_add(&text, "", 1);
    free(known);
    if (is_settled && *text.bytes)
        return text.bytes;
    free(text.bytes);
    return NULL;
}

static int save(void) {
    if (!all.is_started || atomic_load(&all.is_undecided))
        return 0;
    int status = 0;
    char *text = state_text();
    if (text && (!all.saved || strcmp(text, all.saved)) && !(status = state_save(text)))
        metrics_saved();
    if (text) {
        free(all.saved);
        all.saved = text;
    }
    int ended = redtail_cluster_wait(all.cluster, 0);
    if (ended < 0)
        end_with(FAILED, "%s: %s", all.topic->options->target, redtail_cluster_message(all.cluster));
    return status;
}

static void stop(void) {
    redtail_cluster_stop(all.cluster);
    redtail_cluster_wait(all.cluster, REDTAIL_FOREVER);
}

static void free_all(void) {
    redtail_cluster_free(all.cluster);
    for (part *next, *part = all.parts; part; part = next) {
        next = part->next;
        publisher_free(part->publisher);
        free(part->node);
        free(part->name);
        free(part);
    }
    free(all.saved);
}

const source CLUSTER = {start, save, stop, free_all};
