/* The value of a key of a snapshot, as JSON in one or more parts. docs/bridge-messages.md describes them. */
#include "bridge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The size of a part above which the value continues in another one. */
#define PART ((size_t)256 << 10)

/* The name of a field that entries of a stream share. json: empty if it is larger than a message. */
typedef struct shared {
    text json;
    uint64_t length;
} shared;

/* The list that the next element belongs to: of the value, or the entries of a stream; or of its groups. */
typedef enum place { ELEMENTS, GROUPS, PENDING, CONSUMERS, CONSUMER_PENDING, RETURNED } place;

struct value {
    const limit *limit;
    int (*send)(void *context, const text *part, int is_last);
    void *context;
    int type;
    /* The key, for messages. */
    char key[100];
    size_t room;
    /* The present part, without its last brackets. */
    text body;
    int is_empty;
    place place;
    /* The element that may not be complete yet; length: the bytes of its strings. */
    struct {
        text json;
        const char *tail;
        int is_open, is_too_long, is_half;
        uint64_t length;
        size_t fields;
    } element;
    /* The names that the next entries share, and the next of them. */
    shared *shared;
    size_t shared_count, shared_room, next_shared;
    /* More names of the same node may follow. */
    int is_sharing;
    /* The last name of a group or consumer, the fields of those that are open, and the last fields of a stream. */
    text name, group, consumer, state;
};

int leave_out(const limit *limit, const char *what, uint64_t length) {
    if (!limit->omits) {
        end_with(FAILED,
                 "%s (%llu bytes) is larger than a message may be (%zu bytes): raise message.max.bytes (with -X), and the topic's "
                 "max.message.bytes; or choose --too-large omit",
                 what, (unsigned long long)length, limit->largest);
        return -1;
    }
    say("%s (%llu bytes) is left out of the snapshot's messages", what, (unsigned long long)length);
    return 0;
}

static int leave_out_of_key(const value *value, const char *what, uint64_t length) {
    char words[160];
    snprintf(words, sizeof words, "%s of the key %s", what, value->key);
    return leave_out(value->limit, words, length);
}

value *value_new(const limit *limit, int (*send)(void *context, const text *part, int is_last), void *context) {
    value *value = memory(NULL, sizeof *value);
    memset(value, 0, sizeof *value);
    value->limit = limit;
    value->send = send;
    value->context = context;
    return value;
}

void value_free(value *value) {
    for (size_t i = 0; i < value->shared_room; i++)
        free(value->shared[i].json.bytes);
    free(value->shared);
    free(value->body.bytes);
    free(value->element.json.bytes);
    free(value->name.bytes);
    free(value->group.bytes);
    free(value->consumer.bytes);
    free(value->state.bytes);
    free(value);
}

static void add(text *to, const char *json) {
    text_add(to, json, strlen(json));
}

static void set(text *to, const text *name, const char *fields) {
    to->len = 0;
    add(to, "{\"name\":");
    text_add(to, name->bytes, name->len);
    add(to, fields);
}

static void open_part(value *value) {
    text *body = &value->body;
    body->len = 0;
    value->is_empty = 1;
    if (value->type == REDTAIL_RDB_TYPE_STRING)
        return;
    if (value->type != REDTAIL_RDB_TYPE_STREAM) {
        add(body, "[");
        return;
    }
    add(body, "{\"entries\":[");
    if (value->place == ELEMENTS)
        return;
    add(body, "],\"groups\":[");
    if (value->place == GROUPS)
        return;
    text_add(body, value->group.bytes, value->group.len);
    add(body, ",\"pending\":[");
    if (value->place == PENDING)
        return;
    add(body, "],\"consumers\":[");
    if (value->place == CONSUMER_PENDING) {
        text_add(body, value->consumer.bytes, value->consumer.len);
        add(body, ",\"pending\":[");
    } else if (value->place == RETURNED) {
        add(body, "],\"returned\":[");
    }
}

/* The end of the open group, up to the list of groups. */
static const char *end_of_group(const value *value) {
    switch (value->place) {
    case PENDING: return "],\"consumers\":[]}";
    case CONSUMERS:
    case RETURNED: return "]}";
    case CONSUMER_PENDING: return "]}]}";
    default: return "";
    }
}

/* Sends the part, and begins another one. */
static int send_part(value *value, int is_last) {
    text *body = &value->body;
    if (value->type == REDTAIL_RDB_TYPE_STREAM) {
        add(body, end_of_group(value));
        add(body, "]");
        text_add(body, value->state.bytes, is_last ? value->state.len : 0);
        add(body, "}");
    } else if (value->type != REDTAIL_RDB_TYPE_STRING) {
        add(body, "]");
    }
    int status = value->send(value->context, body, is_last);
    open_part(value);
    return status;
}

/* Appends to the list, in another part if this one is large enough. */
static int append(value *value, const char *json, size_t len) {
    size_t most = PART < value->room ? PART : value->room;
    if (!value->is_empty && value->body.len + len > most && send_part(value, 0))
        return -1;
    if (value->body.len && value->body.bytes[value->body.len - 1] != '[')
        add(&value->body, ",");
    text_add(&value->body, json, len);
    value->is_empty = 0;
    return 0;
}

static int close_element(value *value) {
    text *json = &value->element.json;
    if (!value->element.is_open)
        return 0;
    add(json, value->element.tail);
    if (value->element.is_too_long || json->len > value->room) {
        if (leave_out_of_key(value, "an element", value->element.length))
            return -1;
        json->len = 0;
        text_print(json, "{\"omitted\":%llu}", (unsigned long long)value->element.length);
    }
    int status = append(value, json->bytes, json->len);
    json->len = 0;
    value->element.tail = "";
    value->element.is_open = value->element.is_too_long = value->element.is_half = 0;
    value->element.length = value->element.fields = 0;
    return status;
}

int value_begin(value *value, int type, redtail_slice key, size_t room) {
    if (type < REDTAIL_RDB_TYPE_STRING || type > REDTAIL_RDB_TYPE_STREAM)
        return 0;
    snprintf(value->key, sizeof value->key, "%.*s", (int)(key.len < sizeof value->key ? key.len : sizeof value->key), key.data);
    value->type = type;
    value->room = room;
    value->place = ELEMENTS;
    value->state.len = value->element.json.len = 0;
    value->shared_count = value->next_shared = 0;
    value->is_sharing = 0;
    value->element.is_open = value->element.is_too_long = value->element.is_half = 0;
    value->element.length = value->element.fields = 0;
    value->element.tail = "";
    open_part(value);
    return 1;
}

int value_end(value *value) {
    return close_element(value) || send_part(value, 1) ? -1 : 0;
}

static int add_shared(value *value, redtail_slice bytes, uint64_t length) {
    if (close_element(value))
        return -1;
    if (!value->is_sharing)
        value->shared_count = 0;
    value->is_sharing = 1;
    if (value->shared_count == value->shared_room) {
        value->shared = memory(value->shared, (value->shared_room + 1) * sizeof *value->shared);
        memset(&value->shared[value->shared_room++], 0, sizeof *value->shared);
    }
    shared *name = &value->shared[value->shared_count++];
    name->length = length;
    name->json.len = 0;
    if (length == bytes.len)
        json_argument(&name->json, bytes, SIZE_MAX);
    return 0;
}

/* The next shared name, before its value. */
static void use_shared(value *value) {
    text *json = &value->element.json;
    add(json, value->element.fields++ ? ",[" : "[");
    if (value->next_shared == value->shared_count) {
        add(json, "null");
        return;
    }
    const shared *name = &value->shared[value->next_shared++];
    value->element.length += name->length;
    value->element.is_too_long |= !name->json.len;
    text_add(json, name->json.bytes, name->json.len);
}

/* Each part of a group or consumer has its name, with escapes. */
static int set_name(value *value, redtail_slice bytes, uint64_t length) {
    value->name.len = 0;
    if (length <= value->room / 32) {
        json_argument(&value->name, bytes, SIZE_MAX);
        return 0;
    }
    text_print(&value->name, "{\"omitted\":%llu}", (unsigned long long)length);
    return leave_out_of_key(value, "the name of a group or consumer", length);
}

int value_string(value *value, int role, redtail_slice bytes, uint64_t length) {
    text *json = &value->element.json;
    switch (role) {
    case REDTAIL_RDB_ROLE_VALUE:
    case REDTAIL_RDB_ROLE_ELEMENT:
    case REDTAIL_RDB_ROLE_MEMBER:
    case REDTAIL_RDB_ROLE_FIELD:
        if (close_element(value))
            return -1;
        if (role == REDTAIL_RDB_ROLE_FIELD || value->type == REDTAIL_RDB_TYPE_ZSET) {
            add(json, "[");
            value->element.tail = "]";
        }
        break;
    case REDTAIL_RDB_ROLE_FIELD_VALUE: add(json, ","); break;
    case REDTAIL_RDB_ROLE_SHARED_FIELD: return add_shared(value, bytes, length);
    case REDTAIL_RDB_ROLE_GROUP_NAME:
    case REDTAIL_RDB_ROLE_CONSUMER_NAME: return set_name(value, bytes, length);
    case REDTAIL_RDB_ROLE_ENTRY_FIELD:
        add(json, value->element.fields++ ? ",[" : "[");
        value->element.is_half = 1;
        break;
    case REDTAIL_RDB_ROLE_ENTRY_VALUE:
        if (!value->element.is_half)
            use_shared(value);
        value->element.is_half = 0;
        add(json, ",");
        break;
    default: return 0;
    }
    value->element.is_open = 1;
    value->element.length += length;
    value->element.is_too_long |= length > bytes.len || json->len > value->room;
    if (!value->element.is_too_long)
        json_argument(json, bytes, SIZE_MAX);
    if (role == REDTAIL_RDB_ROLE_ENTRY_VALUE)
        add(json, "]");
    return 0;
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

static void add_expiry(value *value, int64_t at_ms) {
    text *json = &value->element.json;
    if (value->type == REDTAIL_RDB_TYPE_SET) { /* a member becomes a pair */
        text_add(json, " ", 1);
        memmove(json->bytes + 1, json->bytes, json->len - 1);
        json->bytes[0] = '[';
        value->element.tail = "]";
    }
    text_print(json, ",%lld", (long long)at_ms);
}

static void add_id(text *out, const char *name, int is_known, redtail_stream_id id) {
    text_print(out, ",\"%s\":", name);
    if (is_known)
        text_print(out, "\"%llu-%llu\"", (unsigned long long)id.ms, (unsigned long long)id.seq);
    else
        add(out, "null");
}

static void add_number(text *out, const char *name, uint64_t number) {
    text_print(out, ",\"%s\":", name);
    if (number == REDTAIL_UNKNOWN)
        add(out, "null");
    else
        text_print(out, "%llu", (unsigned long long)number);
}

/* After the last entry. */
static void end_entries(value *value, const redtail_rdb_item *item) {
    text *state = &value->state;
    state->len = 0;
    add_number(state, "length", item->count);
    add_id(state, "last_id", 1, item->id);
    add_id(state, "first_id", item->flag, item->first);
    add_id(state, "max_deleted_id", item->flag, item->max_deleted);
    add_number(state, "entries_added", item->flag ? item->added : REDTAIL_UNKNOWN);
    add(&value->body, "],\"groups\":[");
    value->place = GROUPS;
}

/* Begins a group or a consumer, whose pending entries follow. */
static int begin_named(value *value, text *open, const text *fields, place place) {
    text json = {NULL, 0, 0};
    text_add(&json, fields->bytes, fields->len);
    text_add(&json, "", 1);
    set(open, &value->name, json.bytes);
    json.len = 0;
    text_add(&json, open->bytes, open->len);
    add(&json, ",\"pending\":[");
    int status = append(value, json.bytes, json.len);
    free(json.bytes);
    value->place = place;
    return status;
}

static int begin_group(value *value, const redtail_rdb_item *item) {
    text fields = {NULL, 0, 0};
    add(&value->body, end_of_group(value));
    value->place = GROUPS;
    add_id(&fields, "last_id", 1, item->id);
    add_number(&fields, "entries_read", item->added);
    int status = begin_named(value, &value->group, &fields, PENDING);
    free(fields.bytes);
    return status;
}

static void end_consumer(value *value) {
    if (value->place != CONSUMER_PENDING)
        return;
    add(&value->body, "]}");
    value->place = CONSUMERS;
}

static int begin_consumer(value *value, const redtail_rdb_item *item) {
    text fields = {NULL, 0, 0};
    end_consumer(value);
    text_print(&fields, ",\"seen_at_ms\":%lld,\"active_at_ms\":", (long long)item->time_ms);
    if (item->active_ms == REDTAIL_NO_TIME)
        add(&fields, "null");
    else
        text_print(&fields, "%lld", (long long)item->active_ms);
    int status = begin_named(value, &value->consumer, &fields, CONSUMER_PENDING);
    free(fields.bytes);
    return status;
}

static int append_pending(value *value, const redtail_rdb_item *item) {
    char json[128];
    int len = snprintf(json, sizeof json, "[\"%llu-%llu\",%lld,%llu]", (unsigned long long)item->id.ms,
                       (unsigned long long)item->id.seq, (long long)item->time_ms, (unsigned long long)item->count);
    return append(value, json, (size_t)len);
}

static int append_id(value *value, redtail_stream_id id) {
    char json[64];
    int len = snprintf(json, sizeof json, "\"%llu-%llu\"", (unsigned long long)id.ms, (unsigned long long)id.seq);
    return append(value, json, (size_t)len);
}

int value_item(value *value, const redtail_rdb_item *item) {
    text *json = &value->element.json;
    switch (item->kind) {
    case REDTAIL_RDB_ITEM_SCORE:
        if (value->element.is_open)
            add_score(json, item->score);
        return 0;
    case REDTAIL_RDB_ITEM_FIELD_EXPIRY:
        if (value->element.is_open)
            add_expiry(value, item->time_ms);
        return 0;
    case REDTAIL_RDB_ITEM_ENTRY:
        if (close_element(value))
            return -1;
        value->next_shared = value->is_sharing = 0;
        value->element.is_open = 1;
        value->element.tail = "]]";
        text_print(json, "[\"%llu-%llu\",[", (unsigned long long)item->id.ms, (unsigned long long)item->id.seq);
        return 0;
    case REDTAIL_RDB_ITEM_STREAM:
        if (close_element(value))
            return -1;
        end_entries(value, item);
        return 0;
    case REDTAIL_RDB_ITEM_GROUP: return begin_group(value, item);
    case REDTAIL_RDB_ITEM_PENDING: return append_pending(value, item);
    case REDTAIL_RDB_ITEM_CONSUMERS:
        add(&value->body, "],\"consumers\":[");
        value->place = CONSUMERS;
        return 0;
    case REDTAIL_RDB_ITEM_CONSUMER: return begin_consumer(value, item);
    case REDTAIL_RDB_ITEM_CONSUMER_PENDING: return append_id(value, item->id);
    case REDTAIL_RDB_ITEM_RETURNED:
        if (value->place != RETURNED) {
            end_consumer(value);
            add(&value->body, "],\"returned\":[");
            value->place = RETURNED;
        }
        return append_id(value, item->id);
    default: return 0;
    }
}
