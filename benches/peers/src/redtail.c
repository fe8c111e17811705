/* redtail through its C interface. */
#include <redtail.h>
#include <stddef.h>

struct outcome {
    uint64_t frames;
    uint64_t bytes;
};

static int visit_each(void *context, const redtail_item *item) {
    struct outcome *outcome = context;
    outcome->frames++;
    for (size_t i = 0; i < item->argc; i++) outcome->bytes += item->spans[i].len;
    return 0;
}

static int each(void *context, const redtail_item *item) {
    struct outcome *outcome = context;
    outcome->frames++;
    outcome->bytes += item->raw.len + item->argc;
    return 0;
}

void *redtail_batch_new(void) { return redtail_parser_new(REDTAIL_MODE_STREAM, NULL); }

void *redtail_tokens_new(void) { return redtail_parser_new(REDTAIL_MODE_TOKENS, NULL); }

void redtail_any_free(void *parser) { redtail_parser_free(parser); }

/* Returns the number of bytes consumed. */
size_t redtail_batch_run(void *parser, const char *data, size_t length, int visit, struct outcome *out) {
    redtail_slice input = {data, length};
    redtail_parser_batch(parser, &input, visit ? visit_each : each, out);
    return length - input.len;
}

/* Returns the number of bytes consumed. */
size_t redtail_tokens_run(void *parser, const char *data, size_t length, struct outcome *out) {
    redtail_slice input = {data, length};
    redtail_token tokens[64];
    size_t count;
    int status;
    do {
        status = redtail_parser_tokens(parser, &input, tokens, 64, &count);
        for (size_t i = 0; i < count; i++) {
            const redtail_token *token = &tokens[i];
            out->frames += token->depth == 0 && token->step != REDTAIL_TOKEN_BEGIN;
            if (token->step == REDTAIL_TOKEN_VALUE && token->kind == REDTAIL_KIND_BULK_STRING) {
                out->bytes += token->bytes.len;
            }
        }
    } while (status == REDTAIL_OK);
    return length - input.len;
}
