/* Converts events to messages.
 *
 * The messages of a transaction are kept until its EXEC, and then published together. A single command is a
 * transaction of one. */
#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for everything in a message except body and key. */
#define HEADERS 640
/* Longer arguments are left out of a message that is too large. */
#define LONG_ARGUMENT 1024
#define NO_KEY SIZE_MAX

/* Offsets into the publisher's bytes and partitions. */
typedef struct message {
    size_t id, body, body_len, key, key_len;
    size_t partitions, copies;
    /* The size of the command if arguments were left out; else 0. */
    size_t omitted;
    /* The term for a command that moves slots, a static string; else NULL. */
    const char *migration;
} message;

struct publisher {
    const topic *topic;
    const char *name;
    int resumes;
    redtail_handle *handle;
    redtail_migrations *migrations;
    redtail_migration_task task; /* of the last command */
    progress *progress;
    metrics *metrics;
    snapshot *snapshot;
    route route;
    /* The messages to publish at the next end of a transaction. */
    text bytes;
    /* The body of one message of a transaction, with its number. */
    text numbered;
    message *messages;
    size_t count, room;
    int32_t *partitions;
    size_t partition_count, partition_room;
    /* For each partition, the number of the transaction's messages in all, and so far. */
    uint32_t *parts, *part;
};

publisher *publisher_new(const topic *topic, const char *name, int resumes, redtail_handle *handle) {
    publisher *publisher = memory(NULL, sizeof *publisher);
    memset(publisher, 0, sizeof *publisher);
    publisher->topic = topic;
    publisher->name = name;
    publisher->resumes = resumes;
    publisher->handle = handle;
    if (!(publisher->migrations = redtail_migrations_new()))
        exit(FAILED);
    publisher->progress = progress_new();
    publisher->metrics = metrics_new(name, handle != NULL);
    route_init(&publisher->route, topic->partitions);
    publisher->snapshot = snapshot_new(publisher, topic->options, name, topic->largest - HEADERS);
    publisher->parts = memory(NULL, (size_t)topic->partitions * sizeof *publisher->parts);
    publisher->part = memory(NULL, (size_t)topic->partitions * sizeof *publisher->part);
    return publisher;
}

void publisher_free(publisher *publisher) {
    redtail_migrations_free(publisher->migrations);
    progress_free(publisher->progress);
    metrics_free(publisher->metrics);
    snapshot_free(publisher->snapshot);
    route_free(&publisher->route);
    free(publisher->bytes.bytes);
    free(publisher->numbered.bytes);
    free(publisher->messages);
    free(publisher->partitions);
    free(publisher->parts);
    free(publisher->part);
    free(publisher);
}

progress *publisher_progress(publisher *publisher) {
    return publisher->progress;
}

/* Forgets the kept messages: they are published, or void. */
static void forget(publisher *publisher) {
    publisher->count = publisher->partition_count = publisher->bytes.len = 0;
    if (publisher->bytes.room > 4 << 20) { /* one large transaction is no reason to keep its memory */
        free(publisher->bytes.bytes);
        publisher->bytes.bytes = NULL;
        publisher->bytes.room = 0;
    }
}

/* A message with an id and the partitions of the route; its body follows. */
static message *begin(publisher *publisher, const char *id) {
    const route *route = &publisher->route;
    if (publisher->count == publisher->room) {
        publisher->room = publisher->room ? 2 * publisher->room : 16;
        publisher->messages = memory(publisher->messages, publisher->room * sizeof *publisher->messages);
    }
    while (publisher->partition_room - publisher->partition_count < route->copies) {
        publisher->partition_room = publisher->partition_room ? 2 * publisher->partition_room : 64;
        publisher->partitions = memory(publisher->partitions, publisher->partition_room * sizeof *publisher->partitions);
    }
    message *message = &publisher->messages[publisher->count++];
    message->partitions = publisher->partition_count;
    message->copies = route->copies;
    memcpy(publisher->partitions + message->partitions, route->partitions, route->copies * sizeof *route->partitions);
    publisher->partition_count += route->copies;
    message->id = publisher->bytes.len;
    text_add(&publisher->bytes, id, strlen(id) + 1);
    message->key = NO_KEY;
    message->key_len = message->omitted = 0;
    message->migration = NULL;
    if (route->key.data && route->key.len <= publisher->topic->largest) {
        message->key = publisher->bytes.len;
        message->key_len = route->key.len;
        text_add(&publisher->bytes, route->key.data, route->key.len);
    }
    message->body = publisher->bytes.len;
    return message;
}

static int fits(const publisher *publisher, const message *message) {
    return message->body_len + message->key_len + HEADERS <= publisher->topic->largest;
}

static int write_body(publisher *publisher, message *message, const redtail_event *event, const char *id, size_t longest) {
    publisher->bytes.len = message->body;
    json_command(&publisher->bytes, event, publisher->name, id, message->migration, &publisher->task, longest,
                 &publisher->route);
    message->body_len = publisher->bytes.len - message->body;
    return fits(publisher, message);
}

static int too_large(publisher *publisher, message *message, const redtail_event *event, const char *id) {
    if (!publisher->topic->options->omits) {
        end_with(FAILED,
                 "the command %s (%zu bytes) makes a message of more than %zu bytes: raise message.max.bytes (with -X), and the "
                 "topic's max.message.bytes; or choose --too-large omit. No later command was published",
                 id, event->raw.len, publisher->topic->largest);
        return -1;
    }
    if (message->key_len > LONG_ARGUMENT) { /* a part of a key would be another key */
        message->key = NO_KEY;
        message->key_len = 0;
    }
    if (!write_body(publisher, message, event, id, LONG_ARGUMENT))
        write_body(publisher, message, event, id, 0);
    message->omitted = event->raw.len;
    say("the command %s (%zu bytes) is too large: its message tells how long it was, and not all that it held", id, event->raw.len);
    return 0;
}

static int add_command(publisher *publisher, const redtail_event *event) {
    char id[64];
    snprintf(id, sizeof id, "%.*s:%llu", (int)event->history.len, event->history.data, (unsigned long long)event->offset);
    route_command(&publisher->route, event);
    int migration = redtail_migrations_next(publisher->migrations, event->args, event->argc, &publisher->task);
    if (!publisher->route.copies || !filter_passes(&publisher->topic->options->filter, event, &publisher->route))
        return 0;
    metrics_passed(publisher->metrics);
    message *message = begin(publisher, id);
    if (publisher->name && migration > REDTAIL_MIGRATION_NONE)
        message->migration = redtail_migration_name(migration);
    size_t held = 0;
    for (size_t i = 0; i < event->argc; i++)
        held += event->args[i].len;
    /* JSON never shortens its input: a value of 512 MB need not be written to see that it is too large. */
    if (held > publisher->topic->largest || !write_body(publisher, message, event, id, publisher->topic->largest))
        if (too_large(publisher, message, event, id))
            return -1;
    if (publisher->bytes.len > publisher->topic->options->transaction_limit && event->tx) {
        end_with(FAILED,
                 "the transaction at offset %llu has more than %zu bytes of messages and no EXEC yet: raise "
                 "--transaction-limit. Nothing of it was published",
                 (unsigned long long)event->tx, publisher->topic->options->transaction_limit);
        return -1;
    }
    return 0;
}

static rd_kafka_resp_err_t produce(const topic *topic, rd_kafka_vu_t *fields, size_t count, char *words, size_t room) {
    rd_kafka_error_t *error = rd_kafka_produceva(topic->kafka, fields, count);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error)
        snprintf(words, room, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return code;
}

/* Appends to the queue; while it is full, waits, and sends the primary heartbeats. */
static int produce_patiently(publisher *publisher, rd_kafka_vu_t *fields, size_t count) {
    rd_kafka_resp_err_t code;
    char words[256];
    uint64_t heard = now_ms();
    while ((code = produce(publisher->topic, fields, count, words, sizeof words)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        if (is_ending())
            return -1;
        metrics_blocked(publisher->metrics, 1);
        if (publisher->handle && now_ms() - heard >= 1000) {
            redtail_handle_heartbeat(publisher->handle); /* the next request for an event reports a lost connection */
            heard = now_ms();
        }
        pause_ms(10);
    }
    metrics_blocked(publisher->metrics, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        metrics_produced();
        return 0;
    }
    end_with(FAILED, "Kafka does not take a message: %s", words);
    return -1;
}

static void add_header(rd_kafka_headers_t *headers, const char *name, const char *value) {
    rd_kafka_header_add(headers, name, -1, value, -1);
}

/* One copy of a message. */
static int produce_copy(publisher *publisher, const message *message, int32_t partition, uint64_t tx, step *step) {
    const char *bytes = publisher->bytes.bytes;
    char omitted[24], id[24], at[16], of[16];
    rd_kafka_vu_t fields[7];
    size_t count = 0;
    fields[count].vtype = RD_KAFKA_VTYPE_RKT;
    fields[count++].u.rkt = publisher->topic->handle;
    fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[count++].u.i32 = partition;
    fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
    fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[count++].u.ptr = step;
    fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[count].u.mem.ptr = (void *)(bytes + message->body);
    fields[count].u.mem.size = message->body_len;
    if (tx) { /* the numbers differ between partitions: instead of the last brace */
        uint32_t number = ++publisher->part[partition];
        publisher->numbered.len = 0;
        text_add(&publisher->numbered, bytes + message->body, message->body_len - 1);
        text_print(&publisher->numbered, ",\"tx_at\":%u,\"tx_of\":%u}", number, publisher->parts[partition]);
        fields[count].u.mem.ptr = publisher->numbered.bytes;
        fields[count].u.mem.size = publisher->numbered.len;
    }
    count++;
    if (message->key != NO_KEY) {
        fields[count].vtype = RD_KAFKA_VTYPE_KEY;
        fields[count].u.mem.ptr = (void *)(bytes + message->key);
        fields[count++].u.mem.size = message->key_len;
    }
    /* Kafka owns them once it takes the message. As RD_KAFKA_VTYPE_HEADER each, librdkafka 2.0 frees them twice when it
     * refuses one, for example for a partition that does not exist. */
    rd_kafka_headers_t *headers = rd_kafka_headers_new(6);
    add_header(headers, "id", bytes + message->id);
    if (tx) {
        snprintf(id, sizeof id, "%llu", (unsigned long long)tx);
        add_header(headers, "tx_id", id);
        snprintf(at, sizeof at, "%u", publisher->part[partition]);
        add_header(headers, "tx_at", at);
        snprintf(of, sizeof of, "%u", publisher->parts[partition]);
        add_header(headers, "tx_of", of);
    }
    if (message->omitted) {
        snprintf(omitted, sizeof omitted, "%zu", message->omitted);
        add_header(headers, "omitted", omitted);
    }
    if (message->migration)
        add_header(headers, "migration", message->migration);
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers;
    int refused = produce_patiently(publisher, fields, count);
    if (refused)
        rd_kafka_headers_destroy(headers);
    return refused;
}

/* Publishes all kept messages; this position follows them, or none that can be resumed. tx: the transaction, or 0. */
static int publish_all(publisher *publisher, const redtail_position *position, uint64_t tx) {
    size_t sizes = (size_t)publisher->topic->partitions * sizeof *publisher->parts;
    if (tx) {
        memset(publisher->parts, 0, sizes);
        memset(publisher->part, 0, sizes);
        for (size_t i = 0; i < publisher->partition_count; i++)
            publisher->parts[publisher->partitions[i]]++;
    }
    step *step = progress_add(publisher->progress, position, publisher->partition_count);
    for (size_t i = 0; i < publisher->count; i++) {
        const message *message = &publisher->messages[i];
        for (size_t copy = 0; copy < message->copies; copy++)
            if (produce_copy(publisher, message, publisher->partitions[message->partitions + copy], tx, step))
                return -1;
    }
    forget(publisher);
    return 0;
}

/* Publishes to every partition that something is missing: the gap, or, if that is NULL, everything before this
 * position. */
static int publish_note(publisher *publisher, const redtail_position *position, const redtail_gap *gap) {
    char id[80];
    snprintf(id, sizeof id, "%s:%llu:%s", position->history[0] ? position->history : position->replid,
             (unsigned long long)position->offset, !gap ? "begin" : gap->to ? "gap" : "lost");
    route_everywhere(&publisher->route);
    message *message = begin(publisher, id);
    if (gap)
        json_gap(&publisher->bytes, gap, publisher->name, id);
    else
        json_begin(&publisher->bytes, position, publisher->name, id);
    message->body_len = publisher->bytes.len - message->body;
    publisher->resumes = 1;
    /* The snapshot that follows closes the gap. */
    int is_open = gap && gap->to && publisher->topic->options->on_gap == REDTAIL_ON_GAP_SNAPSHOT;
    return publish_all(publisher, is_open ? NULL : position, 0);
}

int publish_lost(publisher *publisher, const redtail_position *position) {
    redtail_gap gap = {position, NULL, REDTAIL_UNKNOWN};
    return publish_note(publisher, position, &gap);
}

route *publisher_route(publisher *publisher) {
    return &publisher->route;
}

int publish_body(publisher *publisher, const char *id, const text *body) {
    message *message = begin(publisher, id);
    text_add(&publisher->bytes, body->bytes, body->len);
    message->body_len = body->len;
    return publish_all(publisher, NULL, 0);
}

void publish_passed(publisher *publisher) {
    metrics_passed(publisher->metrics);
}

void publish_idle(publisher *publisher, const redtail_position *position) {
    metrics_offset(publisher->metrics, position->offset);
    if (progress_is_idle(publisher->progress))
        progress_add(publisher->progress, position, 0);
}

static int position_after(const redtail_event *event, redtail_position *position) {
    if (redtail_event_position(event, position) == REDTAIL_OK)
        return 0;
    end_with(FAILED, "at offset %llu there is no resumable position", (unsigned long long)event->offset);
    return -1;
}

int publish(publisher *publisher, const redtail_event *event) {
    redtail_position position;
    metrics_event(publisher->metrics, event);
    switch (event->kind) {
    case REDTAIL_EVENT_COMMAND:
        if (add_command(publisher, event))
            return -1;
        if (event->tx)
            return 0;
        /* fall through */
    case REDTAIL_EVENT_EXEC:
        return position_after(event, &position) ? -1 : publish_all(publisher, &position, event->tx);
    case REDTAIL_EVENT_ATTACHED:
        forget(publisher);
        if (redtail_event_position(event, &position) != REDTAIL_OK)
            return 0;
        return publisher->resumes ? publish_all(publisher, &position, 0) : publish_note(publisher, &position, NULL);
    case REDTAIL_EVENT_SNAPSHOT_BEGIN: return snapshot_begin(publisher->snapshot, event);
    case REDTAIL_EVENT_SNAPSHOT_ITEM: return snapshot_item(publisher->snapshot, event->item);
    case REDTAIL_EVENT_SNAPSHOT_END:
        if (position_after(event, &position) || snapshot_end(publisher->snapshot))
            return -1;
        publisher->resumes = 1;
        return publish_all(publisher, &position, 0);
    case REDTAIL_EVENT_MULTI:
    case REDTAIL_EVENT_DISCONNECTED: /* commands after the MULTI are delivered again, or never */
        forget(publisher);
        return 0;
    case REDTAIL_EVENT_GAP:
        forget(publisher);
        redtail_migrations_clear(publisher->migrations);
        return publisher->topic->options->on_gap != REDTAIL_ON_GAP_STOP
                   ? publish_note(publisher, event->gap->to, event->gap)
                   : 0;
    default: return 0; /* kinds are added in minor versions */
    }
}
