/* The items of a snapshot, as messages: each key is one or more. docs/bridge-messages.md describes them. */
#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct snapshot {
    publisher *publisher;
    const options *options;
    const char *shard;
    limit limit;
    /* The name of this snapshot. Another one at the same offset has another name: its keys may be in another order. */
    char id[96];
    uint64_t offset, number;
    int has_warned;
    /* The key. is_published: not 0 once its name is complete, and passes the filters. */
    int is_in_key, is_published, type;
    uint64_t db;
    int64_t expire_at_ms;
    int has_value;
    /* Its name and its fields in a body. */
    text name, head;
    value *value;
    unsigned part;
    /* The string that arrives. */
    text string;
    /* The database of the items. */
    uint64_t present_db;
    /* A command among the keys: its arguments, one after another, their ends, and the number of missing ones. */
    struct {
        text bytes;
        size_t *ends;
        size_t count, room;
        uint64_t left, length;
    } command;
};

/* Publishes a body without its braces and first fields, to the partitions of the publisher's route. */
static int publish_event(snapshot *snapshot, const char *event, const text *fields, const text *value) {
    char id[128];
    text body = {NULL, 0, 0};
    snprintf(id, sizeof id, "%s:%llu", snapshot->id, (unsigned long long)++snapshot->number);
    text_print(&body, "{\"event\":\"%s\",\"id\":\"%s\",\"offset\":%llu", event, id, (unsigned long long)snapshot->offset);
    text_print(&body, ",\"snapshot_id\":\"%s\"", snapshot->id);
    if (snapshot->shard)
        text_print(&body, ",\"shard\":\"%s\"", snapshot->shard);
    if (fields)
        text_add(&body, fields->bytes, fields->len);
    if (value)
        text_add(&body, value->bytes, value->len);
    text_add(&body, "}", 1);
    int status = publish_body(snapshot->publisher, id, &body);
    free(body.bytes);
    return status;
}

/* The same, to all partitions. */
static int publish_everywhere(snapshot *snapshot, const char *event, const text *fields) {
    route_everywhere(publisher_route(snapshot->publisher));
    return publish_event(snapshot, event, fields, NULL);
}

/* Publishes a part of the value of the key. */
static int send_part(void *context, const text *part, int is_last) {
    snapshot *snapshot = context;
    text value = {NULL, 0, 0};
    redtail_slice key = {snapshot->name.bytes ? snapshot->name.bytes : "", snapshot->name.len};
    text_print(&value, ",\"part\":%u,\"last\":%s,\"value\":", snapshot->part++, is_last ? "true" : "false");
    text_add(&value, part->bytes, part->len);
    route_key(publisher_route(snapshot->publisher), key);
    int status = publish_event(snapshot, "key", &snapshot->head, &value);
    free(value.bytes);
    return status;
}

snapshot *snapshot_new(publisher *publisher, const options *options, const char *shard, size_t largest) {
    snapshot *snapshot = memory(NULL, sizeof *snapshot);
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->publisher = publisher;
    snapshot->options = options;
    snapshot->shard = shard;
    snapshot->limit.omits = options->omits;
    snapshot->limit.largest = largest;
    snapshot->value = value_new(&snapshot->limit, send_part, snapshot);
    return snapshot;
}

void snapshot_free(snapshot *snapshot) {
    free(snapshot->name.bytes);
    free(snapshot->head.bytes);
    value_free(snapshot->value);
    free(snapshot->string.bytes);
    free(snapshot->command.bytes.bytes);
    free(snapshot->command.ends);
    free(snapshot);
}

int snapshot_begin(snapshot *snapshot, const redtail_event *event) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(snapshot->id, sizeof snapshot->id, "%.*s:%llu:%llu", (int)event->replid.len, event->replid.data ? event->replid.data : "",
             (unsigned long long)event->offset, (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000);
    snapshot->offset = event->offset;
    snapshot->number = snapshot->present_db = 0;
    snapshot->is_in_key = 0;
    return publish_everywhere(snapshot, "snapshot_begin", NULL);
}

int snapshot_end(snapshot *snapshot) {
    return publish_everywhere(snapshot, "snapshot", NULL);
}

static void begin_key(snapshot *snapshot, const redtail_rdb_item *item) {
    snapshot->is_in_key = 1;
    snapshot->is_published = snapshot->has_value = 0;
    snapshot->type = item->key_type;
    snapshot->db = item->db;
    snapshot->expire_at_ms = item->time_ms;
    snapshot->part = 1;
    snapshot->name.len = snapshot->head.len = 0;
}

static int end_name(snapshot *snapshot, redtail_slice name, uint64_t length) {
    if (length > snapshot->limit.largest / 8)
        return leave_out(&snapshot->limit, "the name of a key", length);
    if (!filter_passes_db(&snapshot->options->filter, snapshot->db) || !filter_passes_key(&snapshot->options->filter, name))
        return 0;
    snapshot->is_published = 1;
    publish_passed(snapshot->publisher);
    text_add(&snapshot->name, name.data, name.len);
    text_print(&snapshot->head, ",\"db\":%llu,\"key\":", (unsigned long long)snapshot->db);
    json_argument(&snapshot->head, name, SIZE_MAX);
    text_print(&snapshot->head, ",\"type\":\"%s\",\"expire_at_ms\":", redtail_rdb_type_name(snapshot->type));
    if (snapshot->expire_at_ms == REDTAIL_NO_TIME)
        text_print(&snapshot->head, "null");
    else
        text_print(&snapshot->head, "%lld", (long long)snapshot->expire_at_ms);
    size_t used = snapshot->head.len + name.len + 640; /* the fields of every event, and the state of a stream */
    snapshot->has_value =
        value_begin(snapshot->value, snapshot->type, name, snapshot->limit.largest > used ? snapshot->limit.largest - used : 0);
    if (!snapshot->has_value && !snapshot->has_warned) {
        snapshot->has_warned = 1;
        say("the values of type %s are null in the snapshot's messages", redtail_rdb_type_name(snapshot->type));
    }
    return 0;
}

static int add_function(snapshot *snapshot, redtail_slice code, uint64_t length) {
    const filter *filter = &snapshot->options->filter;
    if (filter->keys.count || filter->not_keys.count)
        return 0;
    text fields = {NULL, 0, 0};
    text_print(&fields, ",\"code\":");
    json_argument(&fields, code, SIZE_MAX);
    int is_large = length > code.len || fields.len + 512 > snapshot->limit.largest;
    int status = is_large ? leave_out(&snapshot->limit, "a function library", length) : publish_everywhere(snapshot, "function", &fields);
    free(fields.bytes);
    return status;
}

static int publish_command(snapshot *snapshot, const redtail_slice *args) {
    redtail_event event;
    memset(&event, 0, sizeof event);
    event.kind = REDTAIL_EVENT_COMMAND;
    event.args = args;
    event.argc = snapshot->command.count;
    event.db = (int64_t)snapshot->present_db;
    /* The snapshot is consistent at its end, not between its keys. */
    if (is_word(*args, "MULTI") || is_word(*args, "EXEC"))
        return 0;
    route *route = publisher_route(snapshot->publisher);
    route_command(route, &event);
    if (!route->copies || !filter_passes(&snapshot->options->filter, &event, route))
        return 0;
    text fields = {NULL, 0, 0};
    int status = 0;
    json_snapshot_command(&fields, &event, route);
    if (fields.len + route->key.len + 512 > snapshot->limit.largest) {
        status = leave_out(&snapshot->limit, "a command", fields.len);
    } else {
        publish_passed(snapshot->publisher);
        status = publish_event(snapshot, "snapshot_command", &fields, NULL);
    }
    free(fields.bytes);
    return status;
}

/* An argument. bytes: empty if it is too long. */
static int add_command_argument(snapshot *snapshot, redtail_slice bytes, uint64_t length) {
    if (!snapshot->command.left)
        return 0;
    snapshot->command.length += length;
    if (snapshot->command.count == snapshot->command.room) {
        snapshot->command.room = 2 * snapshot->command.room + 16;
        snapshot->command.ends = memory(snapshot->command.ends, snapshot->command.room * sizeof *snapshot->command.ends);
    }
    if (snapshot->command.length <= snapshot->limit.largest) {
        text_add(&snapshot->command.bytes, bytes.data, bytes.len);
        snapshot->command.ends[snapshot->command.count++] = snapshot->command.bytes.len;
    }
    if (--snapshot->command.left)
        return 0;
    if (snapshot->command.length > snapshot->limit.largest)
        return leave_out(&snapshot->limit, "a command", snapshot->command.length);
    redtail_slice *args = memory(NULL, snapshot->command.count * sizeof *args);
    for (size_t i = 0, start = 0; i < snapshot->command.count; start = snapshot->command.ends[i++]) {
        args[i].data = snapshot->command.bytes.bytes ? snapshot->command.bytes.bytes + start : "";
        args[i].len = snapshot->command.ends[i] - start;
    }
    int status = publish_command(snapshot, args);
    free(args);
    return status;
}

/* A string or a piece of one. Keys begin with a piece of their name. */
static int add_text(snapshot *snapshot, int role, const redtail_rdb_item *item) {
    if (!item->at)
        snapshot->string.len = 0;
    if (item->length <= snapshot->limit.largest)
        text_add(&snapshot->string, item->bytes.data, item->bytes.len);
    if (item->at + item->bytes.len < item->length)
        return 0;
    redtail_slice whole = {snapshot->string.bytes ? snapshot->string.bytes : "", snapshot->string.len};
    if (role == REDTAIL_RDB_ROLE_KEY_NAME)
        return end_name(snapshot, whole, item->length);
    if (!snapshot->is_in_key && role == REDTAIL_RDB_ROLE_ARGUMENT)
        return add_command_argument(snapshot, whole, item->length);
    if (!snapshot->is_in_key)
        return role == REDTAIL_RDB_ROLE_FUNCTION ? add_function(snapshot, whole, item->length) : 0;
    return snapshot->has_value ? value_string(snapshot->value, role, whole, item->length) : 0;
}

int snapshot_item(snapshot *snapshot, const redtail_rdb_item *item) {
    switch (item->kind) {
    case REDTAIL_RDB_ITEM_KEY: begin_key(snapshot, item); return add_text(snapshot, REDTAIL_RDB_ROLE_KEY_NAME, item);
    case REDTAIL_RDB_ITEM_TEXT: return add_text(snapshot, item->role, item);
    case REDTAIL_RDB_ITEM_KEY_END:
        snapshot->is_in_key = 0;
        if (snapshot->has_value)
            return value_end(snapshot->value);
        return snapshot->is_published ? send_part(snapshot, &(text){"null", 4, 0}, 1) : 0;
    case REDTAIL_RDB_ITEM_DATABASE: snapshot->present_db = item->number; return 0;
    case REDTAIL_RDB_ITEM_COMMAND:
        snapshot->command.left = item->count;
        snapshot->command.bytes.len = snapshot->command.count = 0;
        snapshot->command.length = 0;
        return 0;
    default: return snapshot->is_in_key && snapshot->has_value ? value_item(snapshot->value, item) : 0;
    }
}
