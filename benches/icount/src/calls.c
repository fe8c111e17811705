/* Callers of the C interface. Each returns the number of bytes consumed, and counts items and the length of what it
 * visits. */
#include <redtail.h>
#include <stdint.h>
#include <string.h>

struct counted {
    uint64_t items;
    uint64_t bytes;
};

void *calls_new(int mode) { return redtail_parser_new(mode, NULL); }

static int each(void *context, const redtail_item *item) {
    struct counted *counted = context;
    counted->items++;
    counted->bytes += item->raw.len + item->argc;
    return 0;
}

size_t calls_batch(void *parser, const char *data, size_t length, struct counted *counted) {
    redtail_slice input = {data, length};
    redtail_parser_batch(parser, &input, each, counted);
    return length - input.len;
}

size_t calls_next(void *parser, const char *data, size_t length, struct counted *counted) {
    redtail_slice input = {data, length};
    const redtail_item *item;
    while (redtail_parser_next(parser, &input, &item) == REDTAIL_OK) each(counted, item);
    return length - input.len;
}

static void visit(const redtail_token *token, struct counted *counted) {
    if (token->step == REDTAIL_TOKEN_VALUE) counted->bytes += token->bytes.len;
}

/* A frame a call, and a step of its walk a call. */
size_t calls_walk(void *parser, const char *data, size_t length, struct counted *counted) {
    redtail_slice input = {data, length};
    const redtail_item *item;
    const redtail_token *token;
    while (redtail_parser_next(parser, &input, &item) == REDTAIL_OK) {
        counted->items++;
        while (redtail_parser_next_token(parser, &token) == REDTAIL_OK) visit(token, counted);
    }
    return length - input.len;
}

/* Arrays of tokens. */
size_t calls_tokens(void *parser, const char *data, size_t length, struct counted *counted) {
    redtail_slice input = {data, length};
    redtail_token tokens[64];
    size_t count, i;
    int status;
    do {
        status = redtail_parser_tokens(parser, &input, tokens, 64, &count);
        for (i = 0; i < count; i++) visit(&tokens[i], counted);
    } while (status == REDTAIL_OK);
    return length - input.len;
}

/* Returns the number of bytes that the session has taken. */
static size_t receive(redtail_session *session, const char *data, size_t length) {
    char *space;
    size_t room;
    if (length == 0) return 0;
    if (redtail_session_space(session, &space, &room) != REDTAIL_OK) return 0;
    if (room > length) room = length;
    memcpy(space, data, room);
    redtail_session_received(session, room);
    return room;
}

void *calls_new_session(void) {
    static const char reply[] = "+CONTINUE 0123456789012345678901234567890123456789\r\n";
    redtail_session *session = redtail_session_new_recorded(NULL, 0);
    receive(session, reply, sizeof reply - 1);
    return session;
}

/* An event a call. */
size_t calls_session(void *session, const char *data, size_t length, struct counted *counted) {
    const redtail_event *event;
    size_t taken = 0, more;
    while ((more = receive(session, data + taken, length - taken)) > 0) {
        taken += more;
        while (redtail_session_next(session, 0, &event) == REDTAIL_OK) {
            if (event->argc == 0) continue;
            counted->items++;
            counted->bytes += event->raw.len + event->argc;
        }
    }
    return taken;
}
