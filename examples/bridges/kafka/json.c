/* The body of a message: the object that docs/bridge-messages.md describes. */
#include "bridge.h"

#include <string.h>

/* The length of the valid UTF-8 character at the front; 0 if there is none. */
static size_t character(const unsigned char *bytes, size_t len) {
    static const struct {
        unsigned char first, last, from, to; /* the range of the first byte, and of the second */
        size_t len;
    } kinds[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    if (bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes[0] >= kinds[i].first && bytes[0] <= kinds[i].last) {
            if (len < kinds[i].len || bytes[1] < kinds[i].from || bytes[1] > kinds[i].to)
                return 0;
            for (size_t at = 2; at < kinds[i].len; at++)
                if ((bytes[at] & 0xc0) != 0x80)
                    return 0;
            return kinds[i].len;
        }
    return 0;
}

static int is_text(const unsigned char *bytes, size_t len) {
    for (size_t at = 0, step; at < len; at += step)
        if (!(step = character(bytes + at, len - at)))
            return 0;
    return 1;
}

static void add_string(text *out, const unsigned char *bytes, size_t len) {
    size_t plain = 0;
    text_add(out, "\"", 1);
    for (size_t at = 0; at < len; at++) {
        if (bytes[at] >= 0x20 && bytes[at] != '"' && bytes[at] != '\\')
            continue;
        text_add(out, bytes + plain, at - plain);
        plain = at + 1;
        if (bytes[at] < 0x20)
            text_print(out, "\\u%04x", bytes[at]);
        else
            text_print(out, "\\%c", bytes[at]);
    }
    text_add(out, bytes + plain, len - plain);
    text_add(out, "\"", 1);
}

static void add_base64(text *out, const unsigned char *bytes, size_t len) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < len; at += 3) {
        size_t have = len - at < 3 ? len - at : 3;
        unsigned bits = (unsigned)bytes[at] << 16 | (have > 1 ? (unsigned)bytes[at + 1] << 8 : 0) | (have > 2 ? bytes[at + 2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], have > 1 ? digits[bits >> 6 & 63] : '=',
                        have > 2 ? digits[bits & 63] : '='};
        text_add(out, four, 4);
    }
}

void json_argument(text *out, redtail_slice arg, size_t longest) {
    const unsigned char *bytes = (const unsigned char *)arg.data;
    if (arg.len > longest) {
        text_print(out, "{\"omitted\":%zu}", arg.len);
    } else if (is_text(bytes, arg.len)) {
        add_string(out, bytes, arg.len);
    } else {
        text_print(out, "{\"base64\":\"");
        add_base64(out, bytes, arg.len);
        text_print(out, "\"}");
    }
}

static void add_name(text *out, const char *event, const char *shard, const char *id, uint64_t offset) {
    text_print(out, "{\"event\":\"%s\",", event);
    if (shard)
        text_print(out, "\"shard\":\"%s\",", shard);
    text_print(out, "\"id\":\"%s\",\"offset\":%llu", id, (unsigned long long)offset);
}

static void add_args(text *out, const redtail_event *event, size_t longest, const route *route) {
    text_print(out, ",\"args\":[");
    size_t shown = longest ? event->argc : 1;
    for (size_t i = 0; i < shown; i++) {
        if (i)
            text_add(out, ",", 1);
        json_argument(out, event->args[i], longest ? longest : 1024);
    }
    text_add(out, "]", 1);
    if (shown < event->argc)
        text_print(out, ",\"omitted_args\":%zu", event->argc - shown);
    for (size_t i = 0; route->copies > 1 && i < route->copies; i++)
        text_print(out, "%s%d", i ? "," : ",\"partitions\":[", (int)route->partitions[i]);
    text_add(out, "]", route->copies > 1 ? 1 : 0);
}

void json_command(text *out, const redtail_event *event, const char *shard, const char *id, const char *migration,
                  const redtail_migration_task *task, size_t longest, const route *route) {
    add_name(out, "command", shard, id, event->offset);
    if (event->db < 0)
        text_print(out, ",\"db\":null");
    else
        text_print(out, ",\"db\":%lld", (long long)event->db);
    if (event->tx)
        text_print(out, ",\"tx\":true,\"tx_id\":%llu", (unsigned long long)event->tx);
    else
        text_print(out, ",\"tx\":false");
    text_print(out, ",\"received_ms\":%llu", (unsigned long long)event->received_ms);
    if (migration)
        text_print(out, ",\"migration\":\"%s\"", migration);
    if (migration && task->side != REDTAIL_MIGRATION_SIDE_NONE) /* the ids are letters and digits */
        text_print(out, ",\"task\":{\"id\":\"%s\",\"source\":\"%s\",\"target\":\"%s\",\"side\":\"%s\",\"slots\":\"%s\"}",
                   task->id, task->source, task->target, redtail_migration_side_name(task->side), task->slots);
    add_args(out, event, longest, route);
    text_add(out, "}", 1);
}

void json_snapshot_command(text *out, const redtail_event *event, const route *route) {
    text_print(out, ",\"db\":%lld", (long long)event->db);
    add_args(out, event, SIZE_MAX, route);
}

static void add_position(text *out, const char *name, const redtail_position *position) {
    char formatted[REDTAIL_POSITION_TEXT_SIZE];
    if (position && redtail_position_format(position, formatted, sizeof formatted) == REDTAIL_OK)
        text_print(out, ",\"%s\":\"%s\"", name, formatted);
    else
        text_print(out, ",\"%s\":null", name);
}

void json_begin(text *out, const redtail_position *at, const char *shard, const char *id) {
    add_name(out, "begin", shard, id, at->offset);
    add_position(out, "position", at);
    text_add(out, "}", 1);
}

void json_gap(text *out, const redtail_gap *gap, const char *shard, const char *id) {
    add_name(out, "gap", shard, id, gap->to ? gap->to->offset : gap->from->offset);
    add_position(out, "from", gap->from);
    add_position(out, "to", gap->to);
    if (gap->missed == REDTAIL_UNKNOWN)
        text_print(out, ",\"missed\":null}");
    else
        text_print(out, ",\"missed\":%llu}", (unsigned long long)gap->missed);
}
