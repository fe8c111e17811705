/* The items of a snapshot, as messages: each key is one or more. docs/bridge-messages.md describes them. */
#include "bridge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The size of a body above which the value of a key continues in another message. */
#define PART ((size_t)256 << 10)

struct snapshot {
    publisher *publisher;
    const options *options;
    const char *shard;
    /* The largest body of a message. */
    size_t largest;
    /* The name of this snapshot. Another one at the same offset has another name: its keys may be in another order. */
    char id[96];
    uint64_t offset, number;
    int has_warned;
    /* The key. is_published: not 0 once its name is complete, and passes the filters. */
    int is_in_key, is_published, type;
    uint64_t db;
    int64_t expire_at_ms;
    /* Its name, its fields in a body, the elements of the present part, and the fields behind them. */
    text name, head, body, end;
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
    /* The element that may not be complete yet; length: the bytes of its strings. */
    struct {
        text json;
        const char *tail;
        int is_open, is_too_long, is_half;
        uint64_t length;
        size_t fields;
    } element;
    /* The names of fields that entries of a stream share, and the next of them. */
    text *shared;
    size_t shared_count, shared_room, next_shared;
};

static int is_known(int type) {
    return type >= REDTAIL_RDB_TYPE_STRING && type <= REDTAIL_RDB_TYPE_STREAM;
}

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

snapshot *snapshot_new(publisher *publisher, const options *options, const char *shard, size_t largest) {
    snapshot *snapshot = memory(NULL, sizeof *snapshot);
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->publisher = publisher;
    snapshot->options = options;
    snapshot->shard = shard;
    snapshot->largest = largest;
    return snapshot;
}

void snapshot_free(snapshot *snapshot) {
    free(snapshot->name.bytes);
    free(snapshot->head.bytes);
    free(snapshot->body.bytes);
    free(snapshot->end.bytes);
    free(snapshot->string.bytes);
    free(snapshot->command.bytes.bytes);
    free(snapshot->command.ends);
    free(snapshot->element.json.bytes);
    for (size_t i = 0; i < snapshot->shared_room; i++)
        free(snapshot->shared[i].bytes);
    free(snapshot->shared);
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

static int too_large(const snapshot *snapshot, const char *what, uint64_t length) {
    if (!snapshot->options->omits) {
        end_with(FAILED,
                 "%s (%llu bytes) is larger than a message may be (%zu bytes): raise message.max.bytes (with -X), and the topic's "
                 "max.message.bytes; or choose --too-large omit",
                 what, (unsigned long long)length, snapshot->largest);
        return -1;
    }
    say("%s (%llu bytes) is left out of the snapshot's messages", what, (unsigned long long)length);
    return 0;
}

/* Publishes the elements so far. */
static int send_part(snapshot *snapshot, int is_last) {
    text value = {NULL, 0, 0};
    redtail_slice key = {snapshot->name.bytes ? snapshot->name.bytes : "", snapshot->name.len};
    int is_stream = snapshot->type == REDTAIL_RDB_TYPE_STREAM, is_list = snapshot->type != REDTAIL_RDB_TYPE_STRING;
    text_print(&value, ",\"part\":%u,\"last\":%s,\"value\":", snapshot->part, is_last ? "true" : "false");
    if (is_known(snapshot->type)) {
        text_print(&value, "%s%s", is_stream ? "{\"entries\":" : "", is_list ? "[" : "");
        text_add(&value, snapshot->body.bytes, snapshot->body.len);
        text_print(&value, "%s", is_list ? "]" : "");
        if (is_stream && is_last)
            text_add(&value, snapshot->end.bytes, snapshot->end.len);
        text_print(&value, "%s", is_stream ? "}" : "");
    } else {
        text_print(&value, "null");
    }
    route_key(publisher_route(snapshot->publisher), key);
    int status = publish_event(snapshot, "key", &snapshot->head, &value);
    free(value.bytes);
    snapshot->body.len = 0;
    snapshot->part++;
    return status;
}

/* Completes the element, and publishes a part of the value if it is large enough. */
static int close_element(snapshot *snapshot) {
    if (!snapshot->element.is_open)
        return 0;
    text *json = &snapshot->element.json;
    text_add(json, snapshot->element.tail, strlen(snapshot->element.tail));
    size_t used = snapshot->head.len + snapshot->name.len + 512, room = snapshot->largest > used ? snapshot->largest - used : 0;
    if (snapshot->element.is_too_long || json->len > room) {
        char what[160];
        snprintf(what, sizeof what, "an element of the key %.*s", (int)(snapshot->name.len < 100 ? snapshot->name.len : 100),
                 snapshot->name.bytes ? snapshot->name.bytes : "");
        if (too_large(snapshot, what, snapshot->element.length))
            return -1;
        json->len = 0;
        text_print(json, "{\"omitted\":%llu}", (unsigned long long)snapshot->element.length);
    }
    if (snapshot->body.len && snapshot->body.len + json->len > (PART < room ? PART : room) && send_part(snapshot, 0))
        return -1;
    text_add(&snapshot->body, ",", snapshot->body.len ? 1 : 0);
    text_add(&snapshot->body, json->bytes, json->len);
    json->len = 0;
    snapshot->element.tail = "";
    snapshot->element.is_open = snapshot->element.is_too_long = snapshot->element.is_half = 0;
    snapshot->element.length = snapshot->element.fields = 0;
    return 0;
}

static int begin_key(snapshot *snapshot, const redtail_rdb_item *item) {
    snapshot->is_in_key = 1;
    snapshot->is_published = 0;
    snapshot->type = item->key_type;
    snapshot->db = item->db;
    snapshot->expire_at_ms = item->time_ms;
    snapshot->part = 1;
    snapshot->name.len = snapshot->head.len = snapshot->body.len = snapshot->end.len = snapshot->element.json.len = 0;
    snapshot->shared_count = snapshot->next_shared = 0;
    snapshot->element.is_open = snapshot->element.is_too_long = snapshot->element.is_half = 0;
    snapshot->element.length = snapshot->element.fields = 0;
    snapshot->element.tail = "";
    return 0;
}

static int end_name(snapshot *snapshot, redtail_slice name, uint64_t length) {
    if (length > snapshot->largest / 8)
        return too_large(snapshot, "the name of a key", length);
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
    if (!is_known(snapshot->type) && !snapshot->has_warned) {
        snapshot->has_warned = 1;
        say("the values of type %s are null in the snapshot's messages", redtail_rdb_type_name(snapshot->type));
    }
    return 0;
}

static int add_shared(snapshot *snapshot, redtail_slice bytes) {
    if (close_element(snapshot))
        return -1;
    if (snapshot->next_shared)
        snapshot->shared_count = snapshot->next_shared = 0;
    if (snapshot->shared_count == snapshot->shared_room) {
        snapshot->shared = memory(snapshot->shared, (snapshot->shared_room + 1) * sizeof *snapshot->shared);
        memset(&snapshot->shared[snapshot->shared_room++], 0, sizeof *snapshot->shared);
    }
    text *name = &snapshot->shared[snapshot->shared_count++];
    name->len = 0;
    json_argument(name, bytes, SIZE_MAX);
    return 0;
}

/* A string of the value. length: of the whole string; bytes: empty if it is too long. */
static int add_string(snapshot *snapshot, int role, redtail_slice bytes, uint64_t length) {
    text *json = &snapshot->element.json;
    switch (role) {
    case REDTAIL_RDB_ROLE_VALUE:
    case REDTAIL_RDB_ROLE_ELEMENT:
    case REDTAIL_RDB_ROLE_MEMBER:
    case REDTAIL_RDB_ROLE_FIELD:
        if (close_element(snapshot))
            return -1;
        if (role == REDTAIL_RDB_ROLE_FIELD || snapshot->type == REDTAIL_RDB_TYPE_ZSET) {
            text_add(json, "[", 1);
            snapshot->element.tail = "]";
        }
        break;
    case REDTAIL_RDB_ROLE_FIELD_VALUE: text_add(json, ",", 1); break;
    case REDTAIL_RDB_ROLE_SHARED_FIELD: return add_shared(snapshot, bytes);
    case REDTAIL_RDB_ROLE_ENTRY_FIELD:
        text_print(json, "%s[", snapshot->element.fields++ ? "," : "");
        snapshot->element.is_half = 1;
        break;
    case REDTAIL_RDB_ROLE_ENTRY_VALUE:
        if (!snapshot->element.is_half) {
            text_print(json, "%s[", snapshot->element.fields++ ? "," : "");
            if (snapshot->next_shared < snapshot->shared_count)
                text_add(json, snapshot->shared[snapshot->next_shared].bytes, snapshot->shared[snapshot->next_shared].len);
            else
                text_print(json, "null");
            snapshot->next_shared++;
        }
        snapshot->element.is_half = 0;
        text_add(json, ",", 1);
        break;
    default: return 0;
    }
    snapshot->element.is_open = 1;
    snapshot->element.length += length;
    snapshot->element.is_too_long |= length > bytes.len || json->len > snapshot->largest;
    if (!snapshot->element.is_too_long)
        json_argument(json, bytes, SIZE_MAX);
    if (role == REDTAIL_RDB_ROLE_ENTRY_VALUE)
        text_add(json, "]", 1);
    return 0;
}

static int add_function(snapshot *snapshot, redtail_slice code, uint64_t length) {
    const filter *filter = &snapshot->options->filter;
    if (filter->keys.count || filter->not_keys.count)
        return 0;
    text fields = {NULL, 0, 0};
    text_print(&fields, ",\"code\":");
    json_argument(&fields, code, SIZE_MAX);
    int is_large = length > code.len || fields.len + 512 > snapshot->largest;
    int status = is_large ? too_large(snapshot, "a function library", length) : publish_everywhere(snapshot, "function", &fields);
    free(fields.bytes);
    return status;
}

static int is_named(redtail_slice word, const char *name) {
    return word.len == strlen(name) && !strncasecmp(word.data, name, word.len);
}

static int publish_command(snapshot *snapshot, const redtail_slice *args) {
    redtail_event event;
    memset(&event, 0, sizeof event);
    event.kind = REDTAIL_EVENT_COMMAND;
    event.args = args;
    event.argc = snapshot->command.count;
    event.db = (int64_t)snapshot->present_db;
    /* The snapshot is consistent at its end, not between its keys. */
    if (is_named(*args, "MULTI") || is_named(*args, "EXEC"))
        return 0;
    route *route = publisher_route(snapshot->publisher);
    route_command(route, &event);
    if (!route->copies || !filter_passes(&snapshot->options->filter, &event, route))
        return 0;
    text fields = {NULL, 0, 0};
    int status = 0;
    json_snapshot_command(&fields, &event, route);
    if (fields.len + route->key.len + 512 > snapshot->largest) {
        status = too_large(snapshot, "a command", fields.len);
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
    if (snapshot->command.length <= snapshot->largest) {
        text_add(&snapshot->command.bytes, bytes.data, bytes.len);
        snapshot->command.ends[snapshot->command.count++] = snapshot->command.bytes.len;
    }
    if (--snapshot->command.left)
        return 0;
    if (snapshot->command.length > snapshot->largest)
        return too_large(snapshot, "a command", snapshot->command.length);
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
    if (item->length <= snapshot->largest)
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
    return snapshot->is_published && is_known(snapshot->type) ? add_string(snapshot, role, whole, item->length) : 0;
}

/* The shortest text that is this number again. */
static void add_score(text *out, double score) {
    char digits[40];
    if (!isfinite(score)) {
        text_print(out, ",\"%s\"", isnan(score) ? "nan" : score < 0 ? "-inf" : "inf");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, score);
        if (strtod(digits, NULL) == score)
            break;
    }
    text_print(out, ",%s", digits);
}

static void add_expiry(snapshot *snapshot, int64_t at_ms) {
    text *json = &snapshot->element.json;
    if (snapshot->type == REDTAIL_RDB_TYPE_SET) { /* a member becomes a pair */
        text_add(json, " ", 1);
        memmove(json->bytes + 1, json->bytes, json->len - 1);
        json->bytes[0] = '[';
        snapshot->element.tail = "]";
    }
    text_print(json, ",%lld", (long long)at_ms);
}

int snapshot_item(snapshot *snapshot, const redtail_rdb_item *item) {
    switch (item->kind) {
    case REDTAIL_RDB_ITEM_KEY: return begin_key(snapshot, item) || add_text(snapshot, REDTAIL_RDB_ROLE_KEY_NAME, item) ? -1 : 0;
    case REDTAIL_RDB_ITEM_TEXT: return add_text(snapshot, item->role, item);
    case REDTAIL_RDB_ITEM_KEY_END:
        snapshot->is_in_key = 0;
        return snapshot->is_published && (close_element(snapshot) || send_part(snapshot, 1)) ? -1 : 0;
    case REDTAIL_RDB_ITEM_DATABASE: snapshot->present_db = item->number; return 0;
    case REDTAIL_RDB_ITEM_COMMAND:
        snapshot->command.left = item->count;
        snapshot->command.bytes.len = snapshot->command.count = 0;
        snapshot->command.length = 0;
        return 0;
    case REDTAIL_RDB_ITEM_SCORE:
        if (snapshot->element.is_open)
            add_score(&snapshot->element.json, item->score);
        return 0;
    case REDTAIL_RDB_ITEM_FIELD_EXPIRY:
        if (snapshot->element.is_open)
            add_expiry(snapshot, item->time_ms);
        return 0;
    case REDTAIL_RDB_ITEM_ENTRY:
        if (!snapshot->is_published)
            return 0;
        if (close_element(snapshot))
            return -1;
        snapshot->next_shared = 0;
        snapshot->element.is_open = 1;
        snapshot->element.tail = "]]";
        text_print(&snapshot->element.json, "[\"%llu-%llu\",[", (unsigned long long)item->id.ms, (unsigned long long)item->id.seq);
        return 0;
    case REDTAIL_RDB_ITEM_STREAM:
        text_print(&snapshot->end, ",\"length\":%llu,\"last_id\":\"%llu-%llu\"", (unsigned long long)item->count,
                   (unsigned long long)item->id.ms, (unsigned long long)item->id.seq);
        return snapshot->is_published ? close_element(snapshot) : 0;
    default: return 0;
    }
}
