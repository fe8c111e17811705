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
    for (size_t i = 0; i < item->argc; i++) outcome->bytes += item->args[i].len;
    return 0;
}

static int each(void *context, const redtail_item *item) {
    struct outcome *outcome = context;
    outcome->frames++;
    outcome->bytes += item->raw.len + item->argc;
    return 0;
}

void *redtail_batch_new(void) { return redtail_parser_new(REDTAIL_MODE_STREAM, NULL); }

void redtail_batch_free(void *parser) { redtail_parser_free(parser); }

/* Returns the number of bytes consumed. */
size_t redtail_batch_run(void *parser, const char *data, size_t length, int visit, struct outcome *out) {
    redtail_slice input = {data, length}, args[64];
    redtail_parser_batch(parser, &input, args, 64, visit ? visit_each : each, out);
    return length - input.len;
}
