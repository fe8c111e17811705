/* Callers of the C interface. Each returns the number of bytes consumed, and counts items and the length of what it
 * visits. */
#include <redtail.h>
#include <stdint.h>

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
