/* Parsers beyond the examples: in memory of the caller, in batches, with room for few arguments, offsets, all modes. */
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                              \
    do {                                                             \
        if (!(condition)) {                                          \
            printf("line %d: not so: %s\n", __LINE__, #condition);   \
            exit(1);                                                 \
        }                                                            \
    } while (0)

static int is(redtail_slice slice, const char *text) { return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0; }

static redtail_slice slice(const char *text) {
    redtail_slice made;
    made.data = text;
    made.len = strlen(text);
    return made;
}

static int arg_is(const redtail_item *item, size_t index, const char *text) { return is(redtail_item_arg(item, index), text); }

/* Adds up all arguments as numbers; those beyond the spans too. */
struct sum { redtail_parser *parser; long sum, items, stop_after; };

static int add(void *context, const redtail_item *item) {
    struct sum *sum = context;
    redtail_slice arg;
    size_t index;
    for (index = 0; index < item->argc && index < REDTAIL_SPANS; index++) {
        arg = redtail_item_arg(item, index);
        MUST(arg.data == item->raw.data + item->spans[index].start && arg.len == item->spans[index].len);
        sum->sum += strtol(arg.data, NULL, 10);
    }
    MUST(redtail_item_arg(item, index).data == NULL);
    for (; redtail_parser_next_arg(sum->parser, &arg) == REDTAIL_OK; index++)
        sum->sum += strtol(arg.data, NULL, 10);
    MUST(index == item->argc);
    return ++sum->items == sum->stop_after;
}

static void in_batches(void) {
    /* Commands of 1 to 140 arguments, each many times, so that the parser comes to expect some of them. */
    char *bytes = malloc(16 << 20), *end = bytes;
    long expected = 0, items = 0;
    size_t argc, i, round;
    redtail_slice input, one;
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    struct sum sum = {parser, 0, 0, 17}, single = {parser, 0, 0, 0};
    const redtail_item *item;
    uint64_t offset;
    int status;
    for (round = 0; round < 60; round++)
        for (argc = 1; argc <= 140; argc += 1 + round % 3, items++) {
            end += sprintf(end, "*%zu\r\n", argc);
            for (i = 0; i < argc; i++) {
                end += sprintf(end, "$%d\r\n%zu\r\n", snprintf(NULL, 0, "%zu", round * 100 + i), round * 100 + i);
                expected += (long)(round * 100 + i);
            }
        }
    input.data = bytes;
    input.len = (size_t)(end - bytes);
    MUST(redtail_parser_batch(parser, &input, add, &sum) == REDTAIL_STOPPED && sum.items == 17);
    MUST(redtail_parser_offset(parser, &offset) == REDTAIL_OK && offset == (uint64_t)(input.data - bytes));
    MUST(redtail_parser_batch(parser, &input, add, &sum) == REDTAIL_NEED_MORE);
    MUST(sum.sum == expected && sum.items == items && input.len == 0);
    redtail_parser_free(parser);
    single.parser = parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    one.data = bytes;
    one.len = (size_t)(end - bytes);
    while ((status = redtail_parser_next(parser, &one, &item)) == REDTAIL_OK || status == REDTAIL_MORE_ARGS) {
        MUST((status == REDTAIL_MORE_ARGS) == (item->argc > REDTAIL_SPANS));
        add(&single, item);
    }
    MUST(status == REDTAIL_NEED_MORE && single.sum == expected && single.items == items);
    redtail_parser_free(parser);
    free(bytes);
}

static void in_our_memory(void) {
    size_t alignment = redtail_parser_alignment(), size = redtail_parser_size(), needed;
    char *memory = malloc(size + alignment), *place = memory + (alignment - (size_t)memory % alignment) % alignment;
    redtail_slice input = slice("\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nPI");
    redtail_parser *parser;
    const redtail_item *item;
    uint64_t offset;
    int kind;
    MUST(alignment && !(alignment & (alignment - 1)) && size % alignment == 0);
    MUST(redtail_parser_init(place, size, REDTAIL_MODE_STREAM, NULL, &parser) == REDTAIL_OK);
    MUST(redtail_parser_start_at(parser, 1000) == REDTAIL_OK);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK);
    MUST(item->kind == REDTAIL_ITEM_COMMAND && item->argc == 2 && arg_is(item, 0, "INCR") && arg_is(item, 1, "n"));
    MUST(item->offset == 1022 && is(item->raw, "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"));
    MUST(redtail_parser_needed(parser, &needed) == REDTAIL_OK && needed == 0);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_NEED_MORE);
    MUST(redtail_parser_needed(parser, &needed) == REDTAIL_OK && needed == 4);
    MUST(redtail_parser_offset(parser, &offset) == REDTAIL_OK && offset == 1022);
    input = slice("*1\r\n$4\r\nPING\r\n+");
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && arg_is(item, 0, "PING"));
    MUST(redtail_parser_error_offset(parser, &offset) == REDTAIL_NONE);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_ERROR_PROTOCOL);
    MUST(redtail_parser_error_offset(parser, &offset) == REDTAIL_OK && offset == 1036);
    MUST(redtail_parser_error_kind(parser, &kind) == REDTAIL_OK && kind == REDTAIL_PROTOCOL_ERROR_UNEXPECTED);
    MUST(strstr(redtail_parser_message(parser), "byte 1036") != NULL);
    redtail_parser_free(parser); /* the memory is ours again */
    memset(memory, 0, size + alignment);
    free(memory);
}

static void modes(void) {
    redtail_slice input, arg;
    char many[140];
    const redtail_item *item;
    const redtail_token *token;
    redtail_limits limits;
    char word[8];
    size_t len;
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_AOF, NULL);
    input = slice("#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n");
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && arg_is(item, 0, "PING") && item->offset == 30);
    redtail_parser_free(parser);

    parser = redtail_parser_new(REDTAIL_MODE_REQUESTS, NULL);
    input = slice("*1\r\n$4\r\nPING\r\n\r\nset k \"a\\n\" 'x' y\r\n");
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && item->kind == REDTAIL_ITEM_COMMAND);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && item->kind == REDTAIL_ITEM_INLINE && item->argc == 5);
    arg = redtail_item_arg(item, 2);
    MUST(redtail_unquote(&arg, word, sizeof word, &len) == REDTAIL_OK && len == 2 && memcmp(word, "a\n", 2) == 0);
    MUST(arg_is(item, 0, "set") && arg_is(item, 1, "k") && arg_is(item, 3, "'x'") && arg_is(item, 4, "y"));
    MUST(redtail_item_arg(item, 5).data == NULL && redtail_parser_next_arg(parser, &arg) == REDTAIL_END);
    /* An inline command of 66 arguments: two are beyond the spans. */
    for (len = 0; len < 66; len++)
        memcpy(many + 2 * len, "x ", 2);
    memcpy(many + 130, "y\r\n", 4);
    input = slice(many);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_MORE_ARGS && item->argc == 66 && arg_is(item, 63, "x"));
    MUST(redtail_parser_next_arg(parser, &arg) == REDTAIL_OK && is(arg, "x"));
    MUST(redtail_parser_next_arg(parser, &arg) == REDTAIL_OK && is(arg, "y"));
    MUST(redtail_parser_next_arg(parser, &arg) == REDTAIL_END);
    redtail_parser_free(parser);

    /* A frame and its walk; the item lives on through other calls. */
    memset(&limits, 0, sizeof limits);
    limits.struct_size = sizeof limits;
    limits.depth = 2;
    parser = redtail_parser_new(REDTAIL_MODE_FRAMES, &limits);
    input = slice("%1\r\n+k\r\n*2\r\n:-7\r\n=7\r\ntxt:abc\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && item->frame == REDTAIL_KIND_MAP);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && token->step == REDTAIL_TOKEN_BEGIN && token->count == 2);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && is(token->bytes, "k") && token->depth == 1);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && token->kind == REDTAIL_KIND_ARRAY);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && token->integer == -7 && token->depth == 2);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && is(token->bytes, "abc") && strcmp(token->format, "txt") == 0);
    MUST(redtail_parser_needed(parser, &len) == REDTAIL_OK && is(token->bytes, "abc") && item->frame == REDTAIL_KIND_MAP);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && token->step == REDTAIL_TOKEN_END && token->depth == 1);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK && token->step == REDTAIL_TOKEN_END && token->depth == 0);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_END);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_ERROR_LIMIT);
    redtail_parser_free(parser);
}

/* A parser on the stack, moved between two calls. */
static void on_the_stack(void) {
    union { char bytes[REDTAIL_PARSER_SIZE]; uint64_t alignment; } first, second;
    redtail_slice input = slice("*1\r\n$4\r\nPI");
    redtail_parser *parser;
    const redtail_item *item;
    MUST(redtail_parser_size() <= sizeof first && REDTAIL_PARSER_ALIGNMENT % redtail_parser_alignment() == 0);
    MUST(redtail_parser_init(&first, sizeof first, REDTAIL_MODE_STREAM, NULL, &parser) == REDTAIL_OK);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_NEED_MORE);
    memcpy(&second, &first, sizeof first);
    memset(&first, 0x5a, sizeof first);
    parser = (redtail_parser *)(void *)&second;
    input = slice("*1\r\n$4\r\nPING\r\n");
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && arg_is(item, 0, "PING"));
    redtail_parser_free(parser);
}

/* The bytes of the steps make up the frame, and the walk can start again. */
static void walks_again(void) {
    static const char frame[] = "*3\r\n$?\r\n;3\r\nabc\r\n;0\r\n*?\r\n:1\r\n.\r\n_\r\n";
    redtail_slice input = slice(frame);
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    const redtail_item *item;
    const redtail_token *token;
    char walked[sizeof frame];
    int round, steps;
    MUST(redtail_parser_rewind_tokens(parser) == REDTAIL_NONE);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK);
    for (round = 0; round < 3; round++) {
        size_t len = 0;
        for (steps = 0; (round < 2 || steps < 4) && redtail_parser_next_token(parser, &token) == REDTAIL_OK; steps++) {
            memcpy(walked + len, token->raw.data, token->raw.len);
            len += token->raw.len;
        }
        MUST(memcmp(walked, frame, len) == 0 && (round == 2 || (len == sizeof frame - 1 && steps == 9)));
        MUST(redtail_parser_rewind_tokens(parser) == REDTAIL_OK);
    }
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_NEED_MORE);
    MUST(redtail_parser_rewind_tokens(parser) == REDTAIL_NONE);
    redtail_parser_free(parser);
}

/* A frame with more tokens than the parser records is walked too. */
static void walks_long_frames(void) {
    static const char element[] = "*1\r\n:7\r\n";
    enum { ELEMENTS = 300, LENGTH = sizeof element - 1 };
    char *bytes = malloc(16 + ELEMENTS * LENGTH);
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    redtail_slice input;
    const redtail_item *item;
    const redtail_token *token;
    int i, round;
    input.data = bytes;
    input.len = (size_t)sprintf(bytes, "*%d\r\n", ELEMENTS);
    for (i = 0; i < ELEMENTS; i++, input.len += LENGTH)
        memcpy(bytes + input.len, element, LENGTH);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && item->frame == REDTAIL_KIND_ARRAY);
    for (round = 0; round < 2; round++) {
        size_t len = 0;
        for (i = 0; redtail_parser_next_token(parser, &token) == REDTAIL_OK; i++) {
            MUST(token->raw.data == bytes + len);
            len += token->raw.len;
            MUST(token->step != REDTAIL_TOKEN_VALUE || (token->integer == 7 && token->depth == 2));
        }
        MUST(len == item->raw.len && i == 3 * ELEMENTS + 2 && token->step == REDTAIL_TOKEN_END && token->depth == 0);
        MUST(redtail_parser_rewind_tokens(parser) == REDTAIL_OK);
    }
    /* Two ends are left of this walk, which have no bytes. They end with the frame. */
    for (i = 0; i < 3 * ELEMENTS; i++)
        MUST(redtail_parser_next_token(parser, &token) == REDTAIL_OK);
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_NEED_MORE);
    MUST(redtail_parser_next_token(parser, &token) == REDTAIL_END);
    redtail_parser_free(parser);
    free(bytes);
}

/* Tokens fill an array, however the bytes arrive. Their bytes make up the input. */
static void fills_tokens(void) {
    static const char replies[] = "*3\r\n$2\r\nhi\r\n%1\r\n+k\r\n,1.5\r\n:-7\r\n+PONG\r\n";
    const size_t whole = sizeof replies - 1;
    size_t cut, capacity;
    for (capacity = 1; capacity < 12; capacity++)
        for (cut = 0; cut <= whole; cut++) {
            redtail_token tokens[12];
            redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_TOKENS, NULL);
            redtail_slice input = {replies, cut};
            char read[sizeof replies];
            size_t count, i, len = 0, total = 0;
            int status;
            for (;;) {
                status = redtail_parser_tokens(parser, &input, tokens, capacity, &count);
                for (i = 0; i < count; i++) {
                    memcpy(read + len, tokens[i].raw.data, tokens[i].raw.len);
                    len += tokens[i].raw.len;
                    if (total + i == 2) MUST(tokens[i].kind == REDTAIL_KIND_MAP && tokens[i].count == 2 && tokens[i].depth == 1);
                    if (total + i == 4) MUST(redtail_token_double(&tokens[i]) == 1.5 && tokens[i].depth == 2);
                    if (total + i == 6) MUST(tokens[i].integer == -7 && tokens[i].depth == 1);
                    if (total + i == 7) MUST(tokens[i].step == REDTAIL_TOKEN_END && tokens[i].depth == 0);
                    if (total + i == 8) MUST(is(tokens[i].bytes, "PONG") && tokens[i].depth == 0);
                }
                total += count;
                if (status == REDTAIL_OK) continue;
                MUST(status == REDTAIL_NEED_MORE);
                if (input.data + input.len == replies + whole) break;
                input.len = (size_t)(replies + whole - input.data);
            }
            MUST(total == 9 && len == whole && memcmp(read, replies, len) == 0);
            redtail_parser_free(parser);
        }
}

/* A long string of a reply is delivered in pieces. */
static void tokens_in_pieces(void) {
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_TOKENS, NULL);
    redtail_slice input = slice("$5000\r\n");
    redtail_token tokens[4];
    char buffer[1000];
    size_t count, left;
    memset(buffer, 'x', sizeof buffer);
    MUST(redtail_parser_set_parts(parser, 2000) == REDTAIL_OK);
    MUST(redtail_parser_tokens(parser, &input, tokens, 4, &count) == REDTAIL_NEED_MORE && count == 1);
    MUST(tokens[0].step == REDTAIL_TOKEN_BEGIN && tokens[0].count == 5000 && tokens[0].depth == 0);
    for (left = 5000; left > 1000; left -= 1000) {
        input.data = buffer;
        input.len = sizeof buffer;
        MUST(redtail_parser_tokens(parser, &input, tokens, 4, &count) == REDTAIL_NEED_MORE && count == 1);
        MUST(tokens[0].step == REDTAIL_TOKEN_CHUNK && tokens[0].bytes.len == 1000 && tokens[0].depth == 1);
        MUST(redtail_parser_set_parts(parser, 2000) == REDTAIL_ERROR_STATE);
    }
    input.len = 999;
    input.data = buffer;
    MUST(redtail_parser_tokens(parser, &input, tokens, 4, &count) == REDTAIL_NEED_MORE && count == 1 && input.len == 0);
    input = slice("x\r\n_\r\n");
    MUST(redtail_parser_tokens(parser, &input, tokens, 4, &count) == REDTAIL_NEED_MORE && count == 3);
    MUST(tokens[0].bytes.len == 1 && tokens[1].step == REDTAIL_TOKEN_END && tokens[2].kind == REDTAIL_KIND_NULL);
    input = slice("_\r\n?");
    MUST(redtail_parser_tokens(parser, &input, tokens, 4, &count) == REDTAIL_ERROR_PROTOCOL && count == 1);
    redtail_parser_free(parser);
}

/* A command that was encoded is the command that is parsed. */
static void encodes(void) {
    redtail_slice args[3], input;
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_REQUESTS, NULL);
    const redtail_item *item;
    char out[64];
    size_t len = 0;
    args[0] = slice("SET"), args[1] = slice(""), args[2] = slice("a\r\nb");
    MUST(redtail_encode_command(args, 3, NULL, 0, &len) == REDTAIL_NEED_MORE && len == 29);
    MUST(redtail_encode_command(args, 3, out, sizeof out, &len) == REDTAIL_OK && len == 29);
    input.data = out, input.len = len;
    MUST(redtail_parser_next(parser, &input, &item) == REDTAIL_OK && item->argc == 3 && input.len == 0);
    MUST(arg_is(item, 0, "SET") && arg_is(item, 1, "") && arg_is(item, 2, "a\r\nb"));
    redtail_parser_free(parser);
}

/* The write inside of an RREPLAY is a stream of its own. */
static void unwraps(void) {
    const char commands[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    const char origin[] = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";
    redtail_slice args[5] = {{"RREPLAY", 7}, {origin, 36}, {commands, sizeof commands - 1}, {"3", 1}, {"77", 2}}, inner[3];
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    const redtail_item *item;
    redtail_wrapped wrapped;
    MUST(redtail_unwrap(args, 5, &wrapped) == REDTAIL_OK && is(wrapped.origin, origin) && wrapped.db == 3 && wrapped.mvcc == 77);
    MUST(redtail_parser_next(parser, &wrapped.commands, &item) == REDTAIL_OK && wrapped.commands.len == 0);
    MUST(item->argc == 3 && arg_is(item, 0, "SET") && arg_is(item, 1, "k") && arg_is(item, 2, "v"));
    for (size_t i = 0; i < 3; i++)
        inner[i] = redtail_item_arg(item, i);
    MUST(redtail_unwrap(inner, 3, &wrapped) == REDTAIL_NONE);
    redtail_parser_free(parser);
}

/* A value that is larger than the buffer passes through it. */
static void in_parts(size_t step) {
    enum { VALUE = 5000, BUFFER = 64 };
    static char all[VALUE + 200], seen[VALUE + 200];
    char buffer[BUFFER];
    size_t length = 0, fed = 0, kept = 0, total = 0, value = 0, begins = 0, arguments = 0, ends = 0, commands = 0;
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    const redtail_item *item;
    uint64_t offset;
    int status = REDTAIL_NEED_MORE;
    length += (size_t)sprintf(all + length, "*1\r\n$4\r\nPING\r\n*4\r\n$3\r\nSET\r\n$0\r\n\r\n$%d\r\n", VALUE);
    for (size_t i = 0; i < VALUE; i++)
        all[length++] = (char)('a' + i % 26);
    length += (size_t)sprintf(all + length, "\r\n$1\r\nx\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
    MUST(redtail_parser_set_parts(parser, 1) == REDTAIL_OK); /* read as 1024 */
    MUST(redtail_parser_start_at(parser, 100) == REDTAIL_OK);
    while (status == REDTAIL_NEED_MORE && fed < length) {
        size_t count = BUFFER - kept < step ? BUFFER - kept : step;
        count = count < length - fed ? count : length - fed;
        memcpy(buffer + kept, all + fed, count);
        fed += count;
        redtail_slice input = {buffer, kept + count};
        while ((status = redtail_parser_next(parser, &input, &item)) == REDTAIL_OK) {
            memcpy(seen + total, item->raw.data, item->raw.len);
            total += item->raw.len;
            MUST(item->offset == 100 + total);
            commands += item->kind == REDTAIL_ITEM_COMMAND && item->index == 0 && item->length == 0;
            begins += item->kind == REDTAIL_ITEM_PART_BEGIN && item->argc == 4 && item->spans == NULL;
            ends += item->kind == REDTAIL_ITEM_PART_END;
            if (item->kind == REDTAIL_ITEM_PART_ARGUMENT) {
                const size_t lengths[] = {3, 0, VALUE, 1};
                MUST(item->index == arguments && item->length == lengths[arguments]);
                arguments++;
            }
            if (item->kind == REDTAIL_ITEM_PART_PIECE && arguments == 3)
                value += item->raw.len;
        }
        memmove(buffer, input.data, kept = input.len);
    }
    MUST(status == REDTAIL_NEED_MORE && total == length && memcmp(all, seen, length) == 0);
    MUST(commands == 2 && begins == 1 && arguments == 4 && ends == 1 && value == VALUE);
    MUST(redtail_parser_offset(parser, &offset) == REDTAIL_OK && offset == 100 + length);
    redtail_parser_free(parser);
}

int main(void) {
    MUST(redtail_version_number() == REDTAIL_VERSION_NUMBER && strlen(redtail_version()) >= 5);
    MUST(redtail_check_version(REDTAIL_VERSION_NUMBER) == REDTAIL_OK);
#if !REDTAIL_VERSION_AT_LEAST(0, 1, 0) || REDTAIL_VERSION_AT_LEAST(1000, 0, 0)
#error "REDTAIL_VERSION_AT_LEAST"
#endif
    MUST(strcmp(redtail_status_name(REDTAIL_MORE_ARGS), "REDTAIL_MORE_ARGS") == 0);
    in_batches();
    in_our_memory();
    on_the_stack();
    modes();
    walks_again();
    walks_long_frames();
    fills_tokens();
    tokens_in_pieces();
    encodes();
    unwraps();
    for (size_t step = 1; step <= 64; step++)
        in_parts(step);
    puts("the parsers hold");
    return 0;
}
