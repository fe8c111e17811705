/* The keys of commands in parts: the same as those of whole commands, in pieces of every size. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

#define DESCRIBED "*1\r\n*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:-1\r\n:2\r\n"

static const char *const commands[] = {
    "SET k v", "MSET a 1 b 2 c 3", "DEL a b", "COPY a b DB 3", "EVAL return 2 a b c", "EVAL return 0", "PING",
    "FLUSHALL", "MIGRATE host 1 k 0 5", "MIGRATE host 1  0 5 KEYS a b", "SORT k STORE a STORE b", "XREAD STREAMS a b 1 2",
    "ZUNIONSTORE d 2 a b", "Q.PUSH a 1 b 2", "Q.OTHER a", "XINFO STREAM k", "OBJECT", "GET", "PUBLISH c m"
};

/* The arguments of a command, each in memory of its own. */
static size_t split(const char *text, redtail_slice *args) {
    size_t argc = 0;
    for (;;) {
        const char *end = strchr(text, ' ');
        size_t len = end ? (size_t)(end - text) : strlen(text);
        char *copy = malloc(len + (len == 0));
        if (copy == NULL) abort();
        memcpy(copy, text, len);
        args[argc].data = copy, args[argc++].len = len;
        if (end == NULL) return argc;
        text = end + 1;
    }
}

static void same(redtail_key_finder *finder, redtail_command_specs *specs, const char *text, size_t step) {
    redtail_slice args[16];
    redtail_key whole[8], parts[8];
    size_t argc = split(text, args), expected = 0, count = 0, index, from, key, is_known;
    int status = redtail_command_specs_keys(specs, args, argc, 5, whole, 8, &expected);
    IS(REDTAIL_OK, redtail_key_finder_begin(finder, argc));
    for (index = 0; index < argc; index++) {
        int is_key = redtail_key_finder_argument(finder, args[index].len);
        CHECK(is_key >= 0);
        for (from = 0; from < args[index].len; from += step) {
            size_t len = args[index].len - from < step ? args[index].len - from : step;
            IS(REDTAIL_OK, redtail_key_finder_piece(finder, args[index].data + from, len));
        }
        if (index == 0) {
            int learned = redtail_key_finder_learn(finder, specs);
            CHECK(learned == (strncmp(text, "Q.PUSH", 6) == 0 ? REDTAIL_OK : REDTAIL_NONE));
        }
        /* Of SORT the last STORE counts, and KEYS of MIGRATE follows the empty argument. */
        if (strncmp(text, "SORT", 4) != 0 && strstr(text, "KEYS") == NULL) {
            for (is_known = key = 0; key < expected; key++)
                is_known |= whole[key].index == index && index > 0;
            CHECK(is_key == (int)is_known);
        }
        free((char *)args[index].data);
    }
    IS(REDTAIL_OK, redtail_key_finder_end(finder));
    CHECK(redtail_key_finder_is_done(finder) == 1);
    /* All databases of FLUSHALL are one entry in both. */
    IS(status, redtail_key_finder_keys(finder, 5, parts, 8, &count));
    CHECK(count == expected);
    for (key = 0; key < expected; key++)
        CHECK(whole[key].index == parts[key].index && whole[key].db == parts[key].db && whole[key].access == parts[key].access);
}

/* A value of 4 MiB in pieces of a parser: its key is known before the value arrives. */
static void large(redtail_key_finder *finder) {
    enum { VALUE = 4 << 20 };
    static char bytes[VALUE + 100];
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    redtail_slice input;
    redtail_item item_memory;
    const redtail_item *item = &item_memory;
    redtail_key keys[2];
    size_t length = (size_t)sprintf(bytes, "*3\r\n$3\r\nSET\r\n$4\r\nuser\r\n$%d\r\n", VALUE), count = 0;
    int is_key[3] = {7, 7, 7}, pieces = 0;
    memset(bytes + length, 'x', VALUE);
    memcpy(bytes + length + VALUE, "\r\n", 2);
    input.data = bytes, input.len = length + VALUE + 2;
    IS(REDTAIL_OK, redtail_parser_set_parts(parser, 1 << 20));
    while (redtail_parser_next(parser, &input, &item) == REDTAIL_OK) {
        switch (item->kind) {
        case REDTAIL_ITEM_PART_BEGIN: IS(REDTAIL_OK, redtail_key_finder_begin(finder, item->argc)); break;
        case REDTAIL_ITEM_PART_ARGUMENT: is_key[item->index] = redtail_key_finder_argument(finder, item->length); break;
        case REDTAIL_ITEM_PART_PIECE: IS(REDTAIL_OK, redtail_key_finder_piece(finder, item->raw.data, item->raw.len)), pieces++; break;
        case REDTAIL_ITEM_PART_END: IS(REDTAIL_OK, redtail_key_finder_end(finder)); break;
        default: CHECK(0);
        }
    }
    CHECK(pieces >= 3 && is_key[0] == 0 && is_key[1] == 1 && is_key[2] == 0);
    IS(REDTAIL_OK, redtail_key_finder_keys(finder, -1, keys, 2, &count));
    CHECK(count == 1 && keys[0].index == 1 && keys[0].db == -1 && keys[0].access == REDTAIL_ACCESS_WRITE);
    CHECK(redtail_key_finder_is_write(finder) == 1);
    redtail_parser_free(parser);
}

int main(void) {
    redtail_key_finder *finder = redtail_key_finder_new();
    redtail_command_specs *specs = redtail_command_specs_new();
    size_t learned = 0, command, step;
    redtail_key keys[1];
    size_t count = 7;
    IS(REDTAIL_OK, redtail_command_specs_learn(specs, DESCRIBED, sizeof DESCRIBED - 1, &learned));
    for (command = 0; command < sizeof commands / sizeof *commands; command++)
        for (step = 1; step < 5; step++)
            same(finder, specs, commands[command], step);
    large(finder);
    CHECK(redtail_glob_matches("user:[0-9]*", 11, "user:1000", 9) == 1);
    CHECK(redtail_glob_matches("user:[0-9]*", 11, "user:x", 6) == 0);
    /* The description outlives the handle that it is from, and the next command forgets it. */
    IS(REDTAIL_OK, redtail_key_finder_begin(finder, 3));
    IS(0, redtail_key_finder_argument(finder, 6));
    IS(REDTAIL_OK, redtail_key_finder_piece(finder, "q.push", 6));
    CHECK(redtail_key_finder_is_write(finder) == REDTAIL_UNKNOWN_KEYS);
    IS(REDTAIL_OK, redtail_key_finder_learn(finder, specs));
    redtail_command_specs_free(specs);
    CHECK(redtail_key_finder_is_write(finder) == 1);
    IS(1, redtail_key_finder_argument(finder, 1));
    IS(REDTAIL_OK, redtail_key_finder_begin(finder, 2));
    IS(0, redtail_key_finder_argument(finder, 6));
    IS(REDTAIL_OK, redtail_key_finder_piece(finder, "q.push", 6));
    IS(REDTAIL_UNKNOWN_KEYS, redtail_key_finder_keys(finder, 0, keys, 1, &count));
    CHECK(count == 0 && strcmp(redtail_key_finder_message(finder), "") == 0);
    redtail_key_finder_free(finder);
    if (failures == 0) puts("the keys of parts hold");
    return failures > 0;
}
