/* Misuses everything: each function with NULL, with lengths of zero and beyond memory, and in the wrong order. The
 * result is always a status. */
#include "check.h"
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static redtail_slice slice(const char *text) {
    redtail_slice made;
    made.data = text;
    made.len = strlen(text);
    return made;
}

static void basics(void) {
    redtail_position position;
    char text[REDTAIL_POSITION_TEXT_SIZE];
    redtail_options options;
    redtail_session *session;
    const redtail_event *event;
    size_t size;

    CHECK(strcmp(redtail_status_name(REDTAIL_ERROR_LOST), "REDTAIL_ERROR_LOST") == 0);
    CHECK(strcmp(redtail_status_name(-12345), "unknown status") == 0);
    CHECK(strcmp(redtail_event_name(0), "unknown") == 0);
    CHECK(redtail_version_number() == REDTAIL_VERSION_NUMBER);
    IS(REDTAIL_ERROR_VERSION, redtail_check_version(0));
    IS(REDTAIL_ERROR_VERSION, redtail_check_version(REDTAIL_VERSION_NUMBER + 1));
    IS(REDTAIL_ERROR_VERSION, redtail_check_version(UINT32_MAX));
    snprintf(text, sizeof text, "%d.%d.%d", REDTAIL_VERSION_MAJOR, REDTAIL_VERSION_MINOR, REDTAIL_VERSION_PATCH);
    CHECK(strcmp(redtail_version(), text) == 0);
    CHECK(REDTAIL_VERSION_NUMBER == REDTAIL_VERSION_MAJOR * 1000000 + REDTAIL_VERSION_MINOR * 1000 + REDTAIL_VERSION_PATCH);

    IS(REDTAIL_ERROR_ARGUMENT, redtail_position_parse(NULL, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_position_parse("x", NULL));
    IS(REDTAIL_ERROR_POSITION, redtail_position_parse("", &position));
    IS(REDTAIL_ERROR_POSITION, redtail_position_parse("\xff\xfe:1:0", &position));
    IS(REDTAIL_OK, redtail_position_parse("26E9aa58837d8095338f33e660463dbdf56c86c9:1311:?", &position));
    CHECK(position.offset == 1311 && position.db == -1);
    IS(REDTAIL_OK, redtail_position_format(&position, text, sizeof text));
    CHECK(strcmp(text, "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:?") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_position_format(&position, text, strlen(text)));
    IS(REDTAIL_OK, redtail_position_format(&position, text, strlen(text) + 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_position_format(NULL, text, sizeof text));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_position_format(&position, NULL, sizeof text));
    memset(&position, 'x', sizeof position);
    IS(REDTAIL_ERROR_POSITION, redtail_position_format(&position, text, sizeof text));

    IS(REDTAIL_ERROR_ARGUMENT, redtail_options_init(NULL, sizeof options));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_options_init(&options, sizeof options + 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_options_init(&options, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_options_init(&options, sizeof options - 1));
    /* The size of a pointer, and every other size of no version: nothing is written beyond it, and the options are
     * refused by every function. */
    for (size = 0; size < sizeof options; size++) {
        redtail_options_init(&options, sizeof options);
        options.start = REDTAIL_START_AT;
        IS(REDTAIL_ERROR_ARGUMENT, redtail_options_init(&options, size));
        CHECK(options.struct_size == (size < sizeof(size_t) ? sizeof options : 0) && options.start == REDTAIL_START_AT);
    }
    session = redtail_session_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(session, 0, &event));
    CHECK(strstr(redtail_session_message(session), "struct_size of redtail_options is 0") != NULL);
    redtail_session_free(session);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_event_position(NULL, &position));
}

static void keys(void) {
    redtail_slice del[3], move[3], swap[3], none;
    redtail_key keys[2] = {{7, 7, 7, 7}, {7, 7, 7, 7}};
    redtail_wrapped wrapped;
    size_t count = 7;
    char memory[2 * sizeof(redtail_key) + 1];
    del[0] = slice("DEL"), del[1] = slice("a"), del[2] = slice("b");
    none.data = NULL, none.len = 3;

    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(NULL, 3, 0, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 0, 0, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, SIZE_MAX, 0, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, 0, NULL, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, 0, keys, SIZE_MAX, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, 0, (redtail_key *)ODD(memory), 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, 0, keys, 2, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(&none, 1, 0, keys, 2, &count));
    none.len = SIZE_MAX, none.data = "DEL";
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(&none, 1, 0, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, -2, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_keys(del, 3, INT64_C(1) << 32, keys, 2, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_is_write(NULL, 3));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_is_write(del, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_is_write(&none, 1));
    CHECK(keys[0].index == 7 && count == 7);
    /* Too little room is none. */
    IS(REDTAIL_OK, redtail_command_keys(del, 3, 0, NULL, 0, &count));
    CHECK(count == 2);
    IS(REDTAIL_OK, redtail_command_keys(del, 3, 0, keys, 1, &count));
    CHECK(count == 2 && keys[0].index == 1 && keys[0].db == 0 && keys[0].access == REDTAIL_ACCESS_REMOVED && keys[1].index == 7);
    IS(1, redtail_command_is_write(del, 3));
    /* The key of MOVE is in two databases. */
    move[0] = slice("move"), move[1] = slice("a"), move[2] = slice("3");
    IS(REDTAIL_OK, redtail_command_keys(move, 3, -1, keys, 2, &count));
    CHECK(count == 2 && keys[0].index == 1 && keys[0].db == -1 && keys[0].access == REDTAIL_ACCESS_REMOVED);
    CHECK(keys[1].index == 1 && keys[1].db == 3 && keys[1].access == REDTAIL_ACCESS_WRITE && keys[1].reserved == 0);
    CHECK(strcmp(redtail_access_name(keys[1].access), "write") == 0 && strcmp(redtail_access_name(3), "unknown") == 0);
    /* Unnamed keys: the databases. */
    swap[0] = slice("SWAPDB"), swap[1] = slice("5"), swap[2] = slice("6");
    IS(REDTAIL_ALL_KEYS, redtail_command_keys(swap, 3, 0, keys, 2, &count));
    CHECK(count == 2 && keys[0].index == 0 && keys[0].db == 5 && keys[1].index == 0 && keys[1].db == 6);
    swap[0] = slice("FLUSHDB");
    IS(REDTAIL_ALL_KEYS, redtail_command_keys(swap, 1, 9, keys, 2, &count));
    CHECK(count == 1 && keys[0].db == 9);
    swap[0] = slice("FLUSHALL");
    IS(REDTAIL_ALL_KEYS, redtail_command_keys(swap, 1, 9, keys, 2, &count));
    CHECK(count == 1 && keys[0].index == 0 && keys[0].db == REDTAIL_ALL_DATABASES);
    swap[0] = slice("PUBLISH");
    IS(REDTAIL_NONE, redtail_command_keys(swap, 3, 0, keys, 2, &count));
    CHECK(count == 0);
    IS(0, redtail_command_is_write(swap, 3));
    swap[0] = slice("OTHER.SET");
    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_is_write(swap, 3));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unwrap(NULL, 3, &wrapped));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unwrap(del, 0, &wrapped));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unwrap(del, 3, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unwrap(&none, 1, &wrapped));
    IS(REDTAIL_NONE, redtail_unwrap(del, 3, &wrapped));
    del[0] = slice("RREPLAY"), del[1] = slice("8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55"), del[2] = slice("");
    IS(REDTAIL_OK, redtail_unwrap(del, 3, &wrapped));
    CHECK(wrapped.origin.data == del[1].data && wrapped.origin.len == 36 && wrapped.commands.len == 0);
    CHECK(wrapped.db == -1 && wrapped.mvcc == REDTAIL_UNKNOWN);
    none.len = SIZE_MAX, none.data = "DEL", del[2] = none;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unwrap(del, 3, &wrapped));
    /* An empty name, with and without a pointer. */
    none.len = 0;
    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_keys(&none, 1, 0, keys, 2, &count));
    none.data = NULL;
    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_keys(&none, 1, 0, keys, 2, &count));
    CHECK(count == 0);
}

static void key_finder(void) {
    redtail_key_finder *finder = redtail_key_finder_new();
    redtail_command_specs *specs = redtail_command_specs_new();
    redtail_key keys[1];
    size_t count = 7;
    char memory[2 * sizeof *keys + 1];
    redtail_key_finder_free(NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_glob_matches(NULL, 1, "a", 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_glob_matches("*", 1, NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_glob_matches("*", SIZE_MAX, "a", 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_glob_matches("*", 1, "a", SIZE_MAX));
    CHECK(redtail_glob_matches(NULL, 0, NULL, 0) == 1 && redtail_glob_matches(NULL, 0, "a", 1) == 0);
    CHECK(strlen(redtail_key_finder_message(NULL)) > 0 && strcmp(redtail_key_finder_message(finder), "") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_begin(NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_begin(finder, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_argument(NULL, 1));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_argument(finder, 1));
    CHECK(strcmp(redtail_key_finder_message(finder), "no command has begun") == 0);
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_end(finder));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_end(NULL));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_piece(finder, "x", 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_piece(finder, NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_piece(finder, "x", SIZE_MAX));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_piece(NULL, "x", 1));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_learn(finder, specs));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_learn(finder, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_learn(NULL, specs));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_is_done(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_is_write(NULL));
    IS(REDTAIL_UNKNOWN_KEYS, redtail_key_finder_is_write(finder));
    IS(REDTAIL_NEED_MORE, redtail_key_finder_keys(finder, 0, keys, 1, &count));
    CHECK(count == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_keys(NULL, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_keys(finder, -2, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_keys(finder, 0, NULL, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_keys(finder, 0, (redtail_key *)ODD(memory), 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_key_finder_keys(finder, 0, keys, 1, NULL));
    IS(REDTAIL_OK, redtail_key_finder_begin(finder, 2));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_learn(finder, specs));
    IS(0, redtail_key_finder_argument(finder, 3));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_argument(finder, 1));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_piece(finder, "DELE", 4));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_end(finder));
    IS(REDTAIL_OK, redtail_key_finder_piece(finder, NULL, 0));
    IS(REDTAIL_OK, redtail_key_finder_piece(finder, "DEL", 3));
    IS(REDTAIL_NONE, redtail_key_finder_learn(finder, specs));
    IS(1, redtail_key_finder_argument(finder, 0));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_piece(finder, "x", 1));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_argument(finder, 0));
    IS(REDTAIL_OK, redtail_key_finder_end(finder));
    IS(REDTAIL_ERROR_STATE, redtail_key_finder_end(finder));
    IS(REDTAIL_OK, redtail_key_finder_keys(finder, 0, NULL, 0, &count));
    CHECK(count == 1 && redtail_key_finder_is_done(finder) == 1);
    /* A length beyond memory. */
    IS(REDTAIL_OK, redtail_key_finder_begin(finder, SIZE_MAX));
    IS(0, redtail_key_finder_argument(finder, UINT64_MAX));
    IS(REDTAIL_OK, redtail_key_finder_piece(finder, "x", 1));
    redtail_key_finder_free(finder);
    redtail_command_specs_free(specs);
}

static void command_specs(void) {
    const char good[] = "*1\r\n*6\r\n$3\r\nq.a\r\n:2\r\n*0\r\n:1\r\n:1\r\n:1\r\n", refused[] = "-NOPERM no\r\n";
    redtail_command_specs *specs = redtail_command_specs_new();
    redtail_slice args[2], none;
    redtail_key keys[1] = {{7, 7, 7, 7}};
    size_t learned = 7, count = 7;
    char memory[2 * sizeof *keys + 1];
    args[0] = slice("q.a"), args[1] = slice("k");
    none.data = NULL, none.len = 3;
    redtail_command_specs_free(NULL);
    CHECK(strlen(redtail_command_specs_message(NULL)) > 0 && strcmp(redtail_command_specs_message(specs), "") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_learn(NULL, good, sizeof good - 1, &learned));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_learn(specs, NULL, 1, &learned));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_learn(specs, good, SIZE_MAX, &learned));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_learn(specs, good, sizeof good - 1, NULL));
    CHECK(strcmp(redtail_command_specs_message(specs), "the pointer learned is NULL") == 0);
    IS(REDTAIL_NEED_MORE, redtail_command_specs_learn(specs, NULL, 0, &learned));
    IS(REDTAIL_ERROR_PROTOCOL, redtail_command_specs_learn(specs, "hello", 5, &learned));
    IS(REDTAIL_ERROR_LIMIT, redtail_command_specs_learn(specs, "*999999999\r\n", 12, &learned));
    IS(REDTAIL_ERROR_UNEXPECTED, redtail_command_specs_learn(specs, "+OK\r\n", 5, &learned));
    IS(REDTAIL_ERROR_UNEXPECTED, redtail_command_specs_learn(specs, "*0\r\n*0\r\n", 8, &learned));
    IS(REDTAIL_ERROR_REFUSED, redtail_command_specs_learn(specs, refused, sizeof refused - 1, &learned));
    CHECK(strcmp(redtail_command_specs_message(specs), "NOPERM no") == 0 && learned == 7);
    IS(REDTAIL_OK, redtail_command_specs_learn(specs, "*2\r\n+x\r\n*1\r\n:1\r\n", 16, &learned));
    CHECK(learned == 0 && strcmp(redtail_command_specs_message(specs), "") == 0);
    IS(REDTAIL_OK, redtail_command_specs_learn(specs, good, sizeof good - 1, &learned));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(NULL, args, 2, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, NULL, 2, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, 0, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, SIZE_MAX, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, &none, 1, 0, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, 2, -2, keys, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, 2, 0, NULL, 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, 2, 0, (redtail_key *)ODD(memory), 1, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_keys(specs, args, 2, 0, keys, 1, NULL));
    CHECK(learned == 1 && count == 7 && keys[0].index == 7);
    IS(REDTAIL_OK, redtail_command_specs_keys(specs, args, 2, 0, NULL, 0, &count));
    CHECK(count == 1);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_is_write(NULL, args, 2));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_is_write(specs, NULL, 2));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_is_write(specs, args, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_command_specs_is_write(specs, &none, 1));
    IS(0, redtail_command_specs_is_write(specs, args, 2));
    redtail_command_specs_free(specs);
}

static void servers(void) {
    static const char *const WRONG[] = {"", "redis", "redis-7", "redis-7.x", "keydb-6.3", "redis-7.65536", "redis-\xff"};
    redtail_server server = {7, 7, 7, 7, 7}, unknown = {3, 9, 0, 0, 0};
    char text[REDTAIL_SERVER_TEXT_SIZE] = "x", memory[2 * sizeof server + 1];
    int magic = 7;
    uint64_t version = 7;
    size_t i;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_parse(NULL, &server));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_parse("redis-7.0", NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_parse("redis-7.0", (redtail_server *)ODD(memory)));
    for (i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        IS(REDTAIL_NONE, redtail_server_parse(WRONG[i], &server));
    CHECK(server.product == 7 && server.reserved == 7);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_format(NULL, text, sizeof text));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_format((redtail_server *)ODD(memory), text, sizeof text));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_format(&unknown, text, sizeof text));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_format(&server, NULL, sizeof text));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_product_newest_tested(0, &server));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_product_newest_tested(REDTAIL_PRODUCT_REDIS, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_snapshot_format(NULL, &magic, &version));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_snapshot_format(&unknown, &magic, &version));
    CHECK(strcmp(text, "x") == 0 && server.product == 7 && magic == 7 && version == 7);
    IS(REDTAIL_OK, redtail_server_parse("redis 7.0.15", &server));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_format(&server, text, 12));
    IS(REDTAIL_OK, redtail_server_format(&server, text, 13));
    CHECK(strcmp(text, "redis 7.0.15") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_snapshot_format(&server, NULL, &version));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_server_snapshot_format(&server, &magic, NULL));
    CHECK(redtail_server_is_since(NULL, REDTAIL_PRODUCT_REDIS, 0, 0) == 0);
    CHECK(redtail_server_is_since(&unknown, 3, 0, 0) == 0 && redtail_server_is_since(&server, 3, 0, 0) == 0);
    CHECK(redtail_server_is_newer_than_tested(NULL) == 0 && redtail_server_is_newer_than_tested(&unknown) == 0);
    CHECK(redtail_server_reads(NULL, REDTAIL_RDB_MAGIC_REDIS, 9) == 0 && redtail_server_reads(&unknown, REDTAIL_RDB_MAGIC_REDIS, 9) == 0);
    CHECK(redtail_server_reads(&server, 0, 9) == 0 && redtail_server_reads(&server, REDTAIL_RDB_MAGIC_REDIS, UINT64_C(65536 + 9)) == 0);
    CHECK(redtail_server_reads(&server, REDTAIL_RDB_MAGIC_REDIS, 9) == 1);
    CHECK(strcmp(redtail_product_name(0), "unknown") == 0);
}

static void encoder(void) {
    redtail_slice args[2], wrong;
    char out[16];
    size_t len = 7;
    args[0] = slice("PING"), args[1] = slice("x");
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(NULL, 2, out, sizeof out, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(args, 0, out, sizeof out, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(args, SIZE_MAX, out, sizeof out, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(args, 1, NULL, 1, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(args, 1, out, SIZE_MAX, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(args, 1, out, sizeof out, NULL));
    wrong.data = NULL, wrong.len = 3;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_encode_command(&wrong, 1, out, sizeof out, &len));
    CHECK(len == 7);
    memset(out, 'x', sizeof out);
    IS(REDTAIL_NEED_MORE, redtail_encode_command(args, 1, out, 13, &len));
    CHECK(len == 14 && out[0] == 'x' && out[15] == 'x');
    IS(REDTAIL_OK, redtail_encode_command(args, 1, out, 14, &len));
    CHECK(len == 14 && memcmp(out, "*1\r\n$4\r\nPING\r\nxx", 16) == 0);
}

static int each_item(void *context, const redtail_item *item) {
    (void)item;
    return ++*(int *)context == 2;
}

static int wrong_call(void *parser, const redtail_item *item) {
    if (item->offset == 14)
        IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next_arg((redtail_parser *)parser, NULL));
    return item->offset == 28;
}

static void parser(void) {
    const redtail_item *item = NULL;
    const redtail_token *token;
    redtail_token several[2];
    redtail_slice input = slice("+OK\r\n"), arg;
    redtail_limits limits;
    redtail_parser *parser, *inside;
    uint64_t offset;
    size_t size, len;
    int count = 0, kind;
    char out[64];
    char *memory;

    redtail_parser_free(NULL);
    CHECK(redtail_parser_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(NULL, &input, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_batch(NULL, &input, each_item, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next_arg(NULL, &arg));
    CHECK(redtail_item_arg(NULL, 0).data == NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next_token(NULL, &token));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_needed(NULL, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_offset(NULL, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_error_offset(NULL, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_error_kind(NULL, &kind));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_rewind_tokens(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_start_at(NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_set_parts(NULL, 0));
    parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    IS(REDTAIL_ERROR_STATE, redtail_parser_set_parts(parser, 1024));
    redtail_parser_free(parser);
    parser = redtail_parser_new(REDTAIL_MODE_AOF, NULL);
    IS(REDTAIL_OK, redtail_parser_set_parts(parser, 0));
    IS(REDTAIL_ERROR_STATE, redtail_parser_set_parts(parser, 1024));
    IS(REDTAIL_OK, redtail_parser_start_at(parser, 7));
    IS(REDTAIL_ERROR_STATE, redtail_parser_set_parts(parser, 1024));
    redtail_parser_free(parser);

    parser = redtail_parser_new(5, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, &item));
    CHECK(strstr(redtail_parser_message(parser), "mode is 5") != NULL);
    redtail_parser_free(parser);
    memset(&limits, 0, sizeof limits);
    parser = redtail_parser_new(REDTAIL_MODE_FRAMES, &limits);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, &item));
    CHECK(strstr(redtail_parser_message(parser), "struct_size") != NULL);
    redtail_parser_free(parser);

    /* The message of a wrong call in a batch ends with the next call that requests an item. */
    parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    input = slice("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n");
    IS(REDTAIL_STOPPED, redtail_parser_batch(parser, &input, wrong_call, parser));
    CHECK(strcmp(redtail_parser_message(parser), "the pointer arg is NULL") == 0);
    IS(REDTAIL_OK, redtail_parser_next(parser, &input, &item));
    CHECK(item->offset == 42 && strcmp(redtail_parser_message(parser), "") == 0);
    redtail_parser_free(parser);

    /* The last number there is, and bytes after it. */
    parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    IS(REDTAIL_OK, redtail_parser_start_at(parser, INT64_MAX));
    input = slice("*1\r\n$4\r\nPING\r\n*x");
    IS(REDTAIL_OK, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_OK, redtail_parser_offset(parser, &offset));
    CHECK(offset == (uint64_t)INT64_MAX + 14);
    IS(REDTAIL_ERROR_PROTOCOL, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_OK, redtail_parser_error_offset(parser, &offset));
    CHECK(offset == (uint64_t)INT64_MAX + 15);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_error_kind(parser, NULL));
    IS(REDTAIL_OK, redtail_parser_error_kind(parser, &kind));
    CHECK(kind == REDTAIL_PROTOCOL_ERROR_UNEXPECTED && strcmp(redtail_protocol_error_name(kind), "unexpected") == 0);
    redtail_parser_free(parser);
    input = slice("+OK\r\n");
    item = NULL;

    parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    IS(REDTAIL_END, redtail_parser_next_token(parser, &token));
    IS(REDTAIL_END, redtail_parser_next_arg(parser, &arg));
    IS(REDTAIL_NONE, redtail_parser_error_offset(parser, &offset));
    IS(REDTAIL_NONE, redtail_parser_error_kind(parser, &kind));
    IS(REDTAIL_NONE, redtail_parser_rewind_tokens(parser));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_start_at(parser, REDTAIL_UNKNOWN));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_start_at(parser, (uint64_t)INT64_MAX + 1));
    CHECK(strstr(redtail_parser_message(parser), "offset is 9223372036854775808") != NULL);
    IS(REDTAIL_OK, redtail_parser_start_at(parser, 7));
    IS(REDTAIL_ERROR_STATE, redtail_parser_start_at(parser, 8));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, NULL, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_batch(parser, &input, NULL, NULL));
    CHECK(strstr(redtail_parser_message(parser), "each is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, NULL));
    CHECK(strstr(redtail_parser_message(parser), "item is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_batch(parser, NULL, each_item, &count));
    CHECK(strstr(redtail_parser_message(parser), "input or each is NULL") != NULL);
    /* What is not aligned is treated as NULL. */
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next((redtail_parser *)((char *)parser + 1), &input, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, (redtail_slice *)((char *)&input + 1), &item));
    CHECK(redtail_parser_message((redtail_parser *)((char *)parser + 1)) != NULL);
    redtail_parser_free((redtail_parser *)((char *)parser + 1));
    input.len = SIZE_MAX;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, &item));
    input.len = (size_t)PTRDIFF_MAX + 1;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, &item));
    input.data = NULL;
    input.len = 1;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next(parser, &input, &item));
    CHECK(item == NULL);
    input.len = 0;
    IS(REDTAIL_NEED_MORE, redtail_parser_next(parser, &input, &item));
    input = slice("+OK\r\n:1\r\n#x\r\n");
    IS(REDTAIL_OK, redtail_parser_next(parser, &input, &item));
    CHECK(item->frame == REDTAIL_KIND_SIMPLE_STRING && item->offset == 12);
    CHECK(item->spans == NULL && redtail_item_arg(item, 0).data == NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next_token(parser, NULL));
    IS(REDTAIL_OK, redtail_parser_next_token(parser, &token));
    CHECK(token->bytes.len == 2 && memcmp(token->bytes.data, "OK", 2) == 0);
    CHECK(redtail_token_double(token) == 0 && redtail_token_double(NULL) == 0 && redtail_token_double((const redtail_token *)ODD(token)) == 0);
    IS(REDTAIL_END, redtail_parser_next_token(parser, &token));
    IS(REDTAIL_END, redtail_parser_next_token(parser, &token));
    IS(REDTAIL_OK, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_ERROR_PROTOCOL, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_ERROR_PROTOCOL, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_END, redtail_parser_next_token(parser, &token));
    IS(REDTAIL_OK, redtail_parser_error_offset(parser, &offset));
    CHECK(offset == 17 && strstr(redtail_parser_message(parser), "at byte 17") != NULL);
    redtail_parser_free(parser);

    /* In memory of the caller: every error is reported, and nothing is written beyond its size. */
    size = redtail_parser_size();
    memory = malloc(size + 64);
    memset(memory, 0x5a, size + 64);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_init(NULL, size, REDTAIL_MODE_STREAM, NULL, &inside));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_init(memory, size - 1, REDTAIL_MODE_STREAM, NULL, &inside));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_init(ODD(memory), size, REDTAIL_MODE_STREAM, NULL, &inside));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_init(memory, size, 99, NULL, &inside));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_init(memory, size, REDTAIL_MODE_STREAM, NULL, NULL));
    IS(REDTAIL_OK, redtail_parser_init(memory, size, REDTAIL_MODE_STREAM, NULL, &inside));
    CHECK((uintptr_t)memory % redtail_parser_alignment() == 0);
    for (len = 0; len < 64; len++)
        CHECK(memory[size + len] == 0x5a);
    input = slice("*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n");
    IS(REDTAIL_STOPPED, redtail_parser_batch(inside, &input, each_item, &count));
    CHECK(count == 2 && input.len == 14);
    IS(REDTAIL_OK, redtail_parser_next(inside, &input, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_next_arg(inside, NULL));
    CHECK(redtail_item_arg(item, 0).len == 4 && redtail_item_arg(item, 1).data == NULL);
    CHECK(redtail_item_arg(item, SIZE_MAX).data == NULL && redtail_item_arg((const redtail_item *)ODD(item), 0).data == NULL);
    IS(REDTAIL_END, redtail_parser_next_arg(inside, &arg));
    IS(REDTAIL_END, redtail_parser_next_token(inside, &token));
    IS(REDTAIL_ERROR_STATE, redtail_parser_tokens(inside, &input, several, 2, &len));
    redtail_parser_free(inside);
    parser = redtail_parser_new(REDTAIL_MODE_TOKENS, NULL);
    input = slice("+OK\r\n");
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_tokens(NULL, &input, several, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_tokens(parser, NULL, several, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_tokens(parser, &input, NULL, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_tokens(parser, &input, several, 0, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_parser_tokens(parser, &input, several, 2, NULL));
    IS(REDTAIL_ERROR_STATE, redtail_parser_next(parser, &input, &item));
    IS(REDTAIL_NEED_MORE, redtail_parser_tokens(parser, &input, several, 2, &len));
    CHECK(len == 1 && input.len == 0);
    redtail_parser_free(parser);
    free(memory);

    /* Inline commands */
    parser = redtail_parser_new(REDTAIL_MODE_REQUESTS, NULL);
    input = slice("SET \"a\\tb\" 'c' d e\r\n");
    IS(REDTAIL_OK, redtail_parser_next(parser, &input, &item));
    CHECK(item->kind == REDTAIL_ITEM_INLINE && item->argc == 5);
    arg = redtail_item_arg(item, 1);
    IS(REDTAIL_OK, redtail_unquote(&arg, out, sizeof out, &len));
    CHECK(len == 3 && memcmp(out, "a\tb", 3) == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unquote(&arg, out, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unquote(NULL, out, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unquote(&arg, NULL, 2, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_unquote(&arg, out, 2, NULL));
    arg = redtail_item_arg(item, 2);
    CHECK(arg.len == 3 && memcmp(arg.data, "'c'", 3) == 0);
    CHECK(redtail_item_arg(item, 4).len == 1 && redtail_item_arg(item, 5).data == NULL);
    IS(REDTAIL_END, redtail_parser_next_arg(parser, &arg));
    redtail_parser_free(parser);
}

static int reads_too_much(void *context, char *space, size_t room, size_t *count) {
    (void)context;
    (void)space;
    *count = room + 1;
    return 0;
}

static void decompress(void) {
    char space[8];
    size_t count;
    const char *name;
    redtail_decompress *file;

    redtail_decompress_free(NULL);
    CHECK(redtail_decompress_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(NULL, space, sizeof space, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_name(NULL, &name));
    file = redtail_decompress_new(NULL, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(file, space, sizeof space, &count));
    CHECK(strstr(redtail_decompress_message(file), "read is NULL") != NULL);
    redtail_decompress_free(file);
    file = redtail_decompress_new(reads_too_much, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(file, NULL, sizeof space, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(file, space, 0, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(file, space, SIZE_MAX, &count));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_read(file, space, sizeof space, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_decompress_name(file, NULL));
    IS(REDTAIL_NONE, redtail_decompress_name(file, &name));
    IS(REDTAIL_ERROR_COMPRESSION, redtail_decompress_read(file, space, sizeof space, &count));
    CHECK(strstr(redtail_decompress_message(file), "returned 9 bytes into 8") != NULL);
    redtail_decompress_free(file);
}

static void rdb(void) {
    static const char file[] = "REDIS0003\xfe\0\0\x01k\x01v\xff";
    const redtail_rdb_item *item = NULL;
    redtail_slice input = slice("x");
    redtail_rdb *rdb;
    uint64_t offset;
    size_t needed, count = 0;
    int kind;

    redtail_rdb_free(NULL);
    CHECK(redtail_rdb_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(NULL, &input, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_finish(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_needed(NULL, &needed));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_offset(NULL, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_error_offset(NULL, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_error_kind(NULL, &kind));
    rdb = redtail_rdb_new(~0u, 0, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_finish(rdb));
    CHECK(strstr(redtail_rdb_message(rdb), "flags") != NULL);
    redtail_rdb_free(rdb);

    rdb = redtail_rdb_new(0, REDTAIL_UNKNOWN, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, &item));
    redtail_rdb_free(rdb);

    redtail_limits small = {0};
    rdb = redtail_rdb_new(0, 0, &small);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, &item));
    CHECK(strstr(redtail_rdb_message(rdb), "struct_size") != NULL);
    redtail_rdb_free(rdb);
    /* A hash template of one field, whose name is the empty text. */
    small.struct_size = sizeof small;
    for (small.templates = 43; small.templates <= 44; small.templates++) {
        static const char templates[] = "REDIS0015\xf2\x01\x01\x00\xff\0\0\0\0\0\0\0";
        redtail_slice definition = {templates, sizeof templates};
        rdb = redtail_rdb_new(0, 0, &small);
        IS(REDTAIL_OK, redtail_rdb_next(rdb, &definition, &item));
        if (small.templates == 44) {
            IS(REDTAIL_OK, redtail_rdb_next(rdb, &definition, &item));
        } else {
            IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_next(rdb, &definition, &item));
            IS(REDTAIL_OK, redtail_rdb_error_kind(rdb, &kind));
            CHECK(kind == REDTAIL_RDB_ERROR_TEMPLATES);
            CHECK(strstr(redtail_rdb_message(rdb), "43 bytes of memory (redtail_limits.templates)") != NULL);
        }
        redtail_rdb_free(rdb);
    }
    item = NULL;

    rdb = redtail_rdb_new(REDTAIL_RDB_FLAG_LENIENT | REDTAIL_RDB_FLAG_NO_CHECKSUM, INT64_MAX - 100, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, NULL, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_needed(rdb, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_offset(rdb, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_error_offset(rdb, NULL));
    IS(REDTAIL_NONE, redtail_rdb_error_offset(rdb, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_error_kind(rdb, NULL));
    IS(REDTAIL_NONE, redtail_rdb_error_kind(rdb, &kind));
    input.len = SIZE_MAX;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, &item));
    input.data = NULL;
    input.len = 1;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_rdb_next(rdb, &input, &item));
    CHECK(item == NULL);
    input.len = 0;
    IS(REDTAIL_NEED_MORE, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_OK, redtail_rdb_needed(rdb, &needed));
    CHECK(needed > 0);
    input.data = file;
    input.len = sizeof file - 1;
    while (redtail_rdb_next(rdb, &input, &item) == REDTAIL_OK)
        count++;
    CHECK(count == 6 && input.len == 0);
    IS(REDTAIL_END, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_OK, redtail_rdb_finish(rdb));
    redtail_rdb_free(rdb);

    rdb = redtail_rdb_new(0, 7, NULL);
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_finish(rdb));
    input = slice("no snapshot");
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_finish(rdb));
    IS(REDTAIL_OK, redtail_rdb_error_offset(rdb, &offset));
    CHECK(offset == 7 && strstr(redtail_rdb_message(rdb), "at byte 7") != NULL);
    IS(REDTAIL_OK, redtail_rdb_error_kind(rdb, &kind));
    CHECK(kind == REDTAIL_RDB_ERROR_NOT_RDB && strcmp(redtail_rdb_error_name(kind), "not_rdb") == 0);
    redtail_rdb_free(rdb);

    rdb = redtail_rdb_new(0, 0, NULL);
    input = slice("VCS\001\002");
    IS(REDTAIL_NEED_MORE, redtail_rdb_next(rdb, &input, &item));
    input = (redtail_slice){"VCS\001\002\000\001", 7};
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_rdb_next(rdb, &input, &item));
    IS(REDTAIL_OK, redtail_rdb_error_kind(rdb, &kind));
    CHECK(kind == REDTAIL_RDB_ERROR_COMPRESSED && strcmp(redtail_rdb_error_name(kind), "compressed") == 0);
    CHECK(strstr(redtail_rdb_message(rdb), "zstd in a VCS envelope; `tail -c +8 FILE | zstd -dc`") != NULL);
    redtail_rdb_free(rdb);
}

static void dump(void) {
    static const char payload[] = "\0\003abc\t\0\t^a\xf1\x15\xf4\xc1S";
    const redtail_rdb_item *item = NULL;
    redtail_dump *dump;
    uint64_t offset;
    int kind;

    redtail_dump_free(NULL);
    CHECK(redtail_dump_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_next(NULL, &item));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_error_offset(NULL, &offset));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_error_kind(NULL, &kind));
    dump = redtail_dump_new(NULL, 1);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_next(dump, &item));
    CHECK(strstr(redtail_dump_message(dump), "payload") != NULL);
    redtail_dump_free(dump);
    dump = redtail_dump_new(payload, SIZE_MAX);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_next(dump, &item));
    redtail_dump_free(dump);

    dump = redtail_dump_new(payload, sizeof payload - 1);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_next(dump, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_error_offset(dump, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_dump_error_kind(dump, NULL));
    IS(REDTAIL_NONE, redtail_dump_error_offset(dump, &offset));
    IS(REDTAIL_NONE, redtail_dump_error_kind(dump, &kind));
    IS(REDTAIL_OK, redtail_dump_next(dump, &item));
    CHECK(item->kind == REDTAIL_RDB_ITEM_START && item->number == 9 && item->magic == REDTAIL_RDB_MAGIC_REDIS);
    IS(REDTAIL_OK, redtail_dump_next(dump, &item));
    CHECK(item->kind == REDTAIL_RDB_ITEM_KEY && item->key_type == REDTAIL_RDB_TYPE_STRING && item->bytes.len == 0);
    IS(REDTAIL_OK, redtail_dump_next(dump, &item));
    CHECK(item->kind == REDTAIL_RDB_ITEM_TEXT && item->bytes.len == 3 && memcmp(item->bytes.data, "abc", 3) == 0);
    IS(REDTAIL_OK, redtail_dump_next(dump, &item));
    CHECK(item->kind == REDTAIL_RDB_ITEM_KEY_END);
    IS(REDTAIL_OK, redtail_dump_next(dump, &item));
    CHECK(item->kind == REDTAIL_RDB_ITEM_END && item->checksum == REDTAIL_RDB_CHECKSUM_VERIFIED);
    IS(REDTAIL_END, redtail_dump_next(dump, &item));
    IS(REDTAIL_END, redtail_dump_next(dump, &item));
    redtail_dump_free(dump);

    /* Without its last byte the checksum is wrong. */
    dump = redtail_dump_new(payload, sizeof payload - 2);
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_dump_next(dump, &item));
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_dump_next(dump, &item));
    IS(REDTAIL_OK, redtail_dump_error_kind(dump, &kind));
    CHECK(kind == REDTAIL_RDB_ERROR_CHECKSUM);
    IS(REDTAIL_OK, redtail_dump_error_offset(dump, &offset));
    CHECK(offset == 6);
    redtail_dump_free(dump);
    dump = redtail_dump_new(NULL, 0);
    IS(REDTAIL_ERROR_SNAPSHOT, redtail_dump_next(dump, &item));
    IS(REDTAIL_OK, redtail_dump_error_kind(dump, &kind));
    CHECK(kind == REDTAIL_RDB_ERROR_TRUNCATED);
    redtail_dump_free(dump);
}

/* A command with 5000 arguments, through its spans and the walk beyond them, in a batch too. */
static int each_long(void *context, const redtail_item *item) {
    redtail_slice arg;
    size_t index = REDTAIL_SPANS;
    char expected[24];
    while (redtail_parser_next_arg((redtail_parser *)context, &arg) == REDTAIL_OK) {
        snprintf(expected, sizeof expected, "%zu", index++);
        CHECK(arg.len == strlen(expected) && memcmp(arg.data, expected, arg.len) == 0);
    }
    CHECK(index == item->argc);
    return 0;
}

static void many_arguments(void) {
    enum { MANY = 5000 };
    char *bytes = malloc(MANY * 16), *end = bytes, expected[24];
    redtail_slice input, arg;
    const redtail_item *item = NULL;
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
    size_t index, cut;

    end += sprintf(end, "*%d\r\n", MANY);
    for (index = 0; index < MANY; index++) {
        sprintf(expected, "%zu", index);
        end += sprintf(end, "$%zu\r\n%s\r\n", strlen(expected), expected);
    }
    /* Piece by piece, each time at another address. */
    for (cut = 1; cut < (size_t)(end - bytes); cut += 997) {
        char *copy = malloc(cut);
        memcpy(copy, bytes, cut);
        input.data = copy;
        input.len = cut;
        IS(REDTAIL_NEED_MORE, redtail_parser_next(parser, &input, &item));
        CHECK(input.data == copy && input.len == cut);
        free(copy);
    }
    input.data = bytes;
    input.len = (size_t)(end - bytes);
    IS(REDTAIL_MORE_ARGS, redtail_parser_next(parser, &input, &item));
    CHECK(item->argc == MANY && input.len == 0 && item->raw.data == bytes);
    for (index = 0; index < REDTAIL_SPANS; index++) {
        sprintf(expected, "%zu", index);
        arg = redtail_item_arg(item, index);
        CHECK(arg.len == strlen(expected) && memcmp(arg.data, expected, arg.len) == 0);
    }
    each_long(parser, item);
    input.data = bytes;
    input.len = (size_t)(end - bytes);
    IS(REDTAIL_NEED_MORE, redtail_parser_batch(parser, &input, each_long, parser));
    redtail_parser_free(parser);

    /* In a session they are all there at once. */
    {
        const char *head = "+CONTINUE\r\n";
        redtail_session *session = redtail_session_new_recorded(NULL, 0);
        const redtail_event *event;
        size_t shown = 0, all = (size_t)(end - bytes), room;
        char *space;
        IS(REDTAIL_OK, redtail_session_space(session, &space, &room));
        memcpy(space, head, strlen(head));
        IS(REDTAIL_OK, redtail_session_received(session, strlen(head)));
        while (shown < all) {
            while (redtail_session_next(session, 0, &event) == REDTAIL_OK) {}
            IS(REDTAIL_OK, redtail_session_space(session, &space, &room));
            room = room < all - shown ? room : all - shown;
            memcpy(space, bytes + shown, room);
            shown += room;
            IS(REDTAIL_OK, redtail_session_received(session, room));
        }
        do
            IS(REDTAIL_OK, redtail_session_next(session, 0, &event));
        while (event->kind != REDTAIL_EVENT_COMMAND);
        CHECK(event->argc == MANY && event->offset == all && event->raw.len == all);
        for (index = 0; index < event->argc; index++) {
            sprintf(expected, "%zu", index);
            CHECK(event->args[index].len == strlen(expected) && memcmp(event->args[index].data, expected, strlen(expected)) == 0);
        }
        redtail_session_free(session);
    }
    free(bytes);
}

static void session(void) {
    redtail_session *session;
    redtail_options options;
    redtail_position position;
    redtail_tls tls;
    const redtail_event *event = NULL;
    const char *out;
    char *space;
    size_t len, size;
    uint64_t deadline;

    redtail_session_free(NULL);
    CHECK(redtail_session_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_login(NULL, "u", "p", 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_connected(NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_disconnected(NULL, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_space(NULL, &space, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_received(NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_silent(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_stamp(NULL, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(NULL, 0, &event));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_keep_alive(NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_to_send(NULL, &out, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_sent(NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_deadline_ms(NULL, &deadline));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_commit(NULL, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_position(NULL, &position));

    /* Options that can't be. */
    redtail_options_init(&options, sizeof options);
#define WRONG(field, value, word)                                                   \
    do {                                                                            \
        redtail_options wrong = options;                                            \
        wrong.field = value;                                                        \
        session = redtail_session_new(&wrong);                                      \
        IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(session, 0, &event));       \
        CHECK(strstr(redtail_session_message(session), word) != NULL);              \
        redtail_session_free(session);                                              \
    } while (0)
    WRONG(struct_size, 0, "struct_size");
    WRONG(struct_size, sizeof options - 1, "struct_size");
    WRONG(struct_size, sizeof options + 8, "older than your header");
    WRONG(struct_size, SIZE_MAX, "struct_size");
    WRONG(start, 5, "start is 5");
    WRONG(start, -1, "start is -1");
    WRONG(start, REDTAIL_START_AT, "needs a position");
    WRONG(on_gap, 3, "on_gap");
    WRONG(ack, 77, "ack");
    WRONG(label, "two words", "label");
    WRONG(label, "\xff", "UTF-8");
    WRONG(label, "", "label");
    WRONG(user, "\xc0\x80", "UTF-8");
    WRONG(user, "cdc", "the user cdc has no password");
    WRONG(buffer_size, SIZE_MAX, "buffer_size");
    /* An option is never ignored. */
    CHECK(redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &position) == REDTAIL_OK);
    WRONG(position, position, "set start to REDTAIL_START_AT");
    /* Of a recorded session too, which takes the options of the live one. */
    options.position = position;
    session = redtail_session_new_recorded(&options, 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(session, 0, &event));
    redtail_session_free(session);
    /* One set of options serves a first run, and those that start at a saved position. */
    options.start = REDTAIL_START_AT;
    options.allow_probe = 1;
    session = redtail_session_new_recorded(&options, 0);
    IS(REDTAIL_NEED_MORE, redtail_session_next(session, 0, &event));
    redtail_session_free(session);
    session = redtail_session_new(&options);
    IS(REDTAIL_RECONNECT, redtail_session_next(session, 0, &event));
    redtail_session_free(session);
    redtail_options_init(&options, sizeof options);
    WRONG(lenient, 1, "set snapshot_items");
    WRONG(password_len, 6, "password_len is 6, but password is NULL");
    WRONG(backoff_first_ms, 10001, "backoff_first_ms is 10001, more than backoff_longest_ms, which is 10000");
    WRONG(connect_timeout_ms, 1, "only a follower uses connect_timeout_ms");
    WRONG(write_timeout_ms, REDTAIL_FOREVER, "only a follower uses write_timeout_ms");
    memset(&tls, 0, sizeof tls);
    tls.struct_size = sizeof tls;
    WRONG(tls, &tls, *redtail_features() == 0 ? "built without TLS" : "only a follower uses tls");
    options.start = REDTAIL_START_SNAPSHOT;
    WRONG(allow_probe, 1, "allow_probe is set, but only REDTAIL_START_NOW");
    options.start = REDTAIL_START_SYNC;
    WRONG(on_gap, REDTAIL_ON_GAP_SNAPSHOT, "has no position to resume from");
    options.start = REDTAIL_START_NOW;
    options.single_link = 1;
    WRONG(retry_first, 1, "retry_first and single_link are set");
    options.single_link = 0;
    options.no_reconnect = 1;
    WRONG(retry_first, 1, "retry_first and no_reconnect are set");
    WRONG(retry_snapshot, 1, "retry_snapshot and no_reconnect are set");
    WRONG(retry_refused_ms, 1, "retry_refused_ms and no_reconnect are set");
    WRONG(backoff_first_ms, 1, "backoff_first_ms and no_reconnect are set");
    WRONG(backoff_longest_ms, 1, "backoff_longest_ms and no_reconnect are set");
    WRONG(backoff_attempts, 1, "backoff_attempts and no_reconnect are set");
    options.no_reconnect = 0;
#define WRONG_LIMIT(field, value, word)     \
    do {                                    \
        redtail_limits limits;              \
        memset(&limits, 0, sizeof limits);  \
        limits.struct_size = sizeof limits; \
        limits.field = value;               \
        WRONG(limits, &limits, word);       \
    } while (0)
    WRONG_LIMIT(depth, 1025, "limits.depth is 1025: at most 1024");
    WRONG_LIMIT(command, UINT64_C(1) << 32, "limits.command is 4294967296: at most 4294967295");
    WRONG_LIMIT(templates, 268435457, "limits.templates is 268435457: at most 268435456");
    memset(&position, 0, sizeof position);
    options.start = REDTAIL_START_AT;
    WRONG(position, position, "position");
    options.start = REDTAIL_START_NOW;
    WRONG(silence_ms, 999, "silence_ms is 999: at least 1000");
    options.password = "secret";
    WRONG(password_len, SIZE_MAX, "password_len");

    /* Sizes shorter than in 0.2.0: fields that were set are never ignored. */
    for (size = 0; size < sizeof options; size++) WRONG(struct_size, size, "struct_size of redtail_options");
    for (size = 0; size < sizeof(redtail_limits); size++) {
        redtail_limits limits;
        memset(&limits, 0, sizeof limits);
        limits.struct_size = size;
        WRONG(limits, &limits, "struct_size of redtail_limits");
    }

    session = redtail_session_new(&options);
    CHECK(strcmp(redtail_session_message(session), "") == 0);
    /* Before there is a link. */
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(session, 0, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_space(session, NULL, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_space(session, &space, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_to_send(session, NULL, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_to_send(session, &out, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_deadline_ms(session, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_position(session, NULL));
    IS(REDTAIL_RECONNECT, redtail_session_next(session, 5, &event));
    IS(REDTAIL_OK, redtail_session_deadline_ms(session, &deadline));
    CHECK(deadline == 5);
    IS(REDTAIL_NONE, redtail_session_position(session, &position));
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_sent(session, 1));
    IS(REDTAIL_OK, redtail_session_keep_alive(session, 6));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_commit(session, NULL));
    IS(REDTAIL_ERROR_POSITION, redtail_session_commit(session, &position));
    CHECK(redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &position) == REDTAIL_OK);
    IS(REDTAIL_OK, redtail_session_commit(session, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_login(session, "\xff", NULL, 0));
    /* Without AUTH it would be the default user. An empty password is given on purpose. */
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_login(session, "u", NULL, 0));
    CHECK(strstr(redtail_session_message(session), "the user u has no password") != NULL);
    IS(REDTAIL_OK, redtail_session_login(session, "u", "", 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_login(session, NULL, "x", SIZE_MAX));
    IS(REDTAIL_OK, redtail_session_login(session, "u", "p\0q", 3));
    /* With one. */
    IS(REDTAIL_OK, redtail_session_connected(session, 10));
    IS(REDTAIL_ERROR_STATE, redtail_session_connected(session, 10));
    IS(REDTAIL_OK, redtail_session_to_send(session, &out, &len));
    CHECK(len > 0 && memcmp(out, "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np\0q\r\n", len) == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_sent(session, len + 1));
    IS(REDTAIL_OK, redtail_session_sent(session, 3));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_sent(session, SIZE_MAX));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_received(session, 0));
    /* The space from before the connection is invalid. */
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 1));
    CHECK(strstr(redtail_session_message(session), "redtail_session_space comes before each read") != NULL);
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_received(session, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_received(session, len + 1));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_received(session, SIZE_MAX));
    IS(REDTAIL_OK, redtail_session_silent(session));
    IS(REDTAIL_NEED_MORE, redtail_session_next(session, 10, &event));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_disconnected(session, "\xff\xff"));
    IS(REDTAIL_OK, redtail_session_disconnected(session, "the reason"));
    IS(REDTAIL_ERROR_LOST, redtail_session_next(session, 11, &event));
    CHECK(strcmp(redtail_session_message(session), "can't connect: the reason") == 0);
    /* After the end. */
    IS(REDTAIL_ERROR_LOST, redtail_session_next(session, 12, &event));
    IS(REDTAIL_ERROR_STATE, redtail_session_connected(session, 12));
    IS(REDTAIL_OK, redtail_session_disconnected(session, NULL));
    IS(REDTAIL_OK, redtail_session_deadline_ms(session, &deadline));
    CHECK(deadline == REDTAIL_FOREVER && event == NULL);
    redtail_session_free(session);
    /* A recording is the only link there is. */
    options.retry_first = 1;
    session = redtail_session_new_recorded(&options, REDTAIL_UNKNOWN);
    IS(REDTAIL_ERROR_STATE, redtail_session_connected(session, 0));
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    memcpy(space, "-LOADING\r\n", 10);
    IS(REDTAIL_OK, redtail_session_received(session, 10));
    IS(REDTAIL_ERROR_LOST, redtail_session_next(session, 0, &event));
    IS(REDTAIL_ERROR_STATE, redtail_session_connected(session, 0));
    IS(REDTAIL_OK, redtail_session_to_send(session, &out, &len));
    CHECK(len == 0);
    redtail_session_free(session);
    /* Each space is reported once: a second report adds no bytes. */
    session = redtail_session_new_recorded(&options, 5);
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 5));
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    memcpy(space, "+CONT", 5);
    IS(REDTAIL_OK, redtail_session_received(session, 5));
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 5));
    IS(REDTAIL_NEED_MORE, redtail_session_next(session, 0, &event));
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 5));
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    memcpy(space, "INUE\r\n", 6);
    IS(REDTAIL_OK, redtail_session_received(session, 6));
    IS(REDTAIL_OK, redtail_session_next(session, 0, &event));
    CHECK(event->kind == REDTAIL_EVENT_ATTACHED);
    IS(REDTAIL_NEED_MORE, redtail_session_next(session, 0, &event));
    redtail_session_free(session);
    event = NULL;
    /* A reconnect takes the space away. */
    session = redtail_session_new(&options);
    IS(REDTAIL_OK, redtail_session_connected(session, 0));
    IS(REDTAIL_OK, redtail_session_space(session, &space, &len));
    IS(REDTAIL_OK, redtail_session_disconnected(session, NULL));
    IS(REDTAIL_OK, redtail_session_next(session, 0, &event));
    IS(REDTAIL_RECONNECT, redtail_session_next(session, 0, &event));
    IS(REDTAIL_OK, redtail_session_connected(session, 1000));
    IS(REDTAIL_ERROR_STATE, redtail_session_received(session, 1));
    redtail_session_free(session);
    event = NULL;
    /* The session has ended before anybody reads the message. */
    options.retry_first = 0;
    session = redtail_session_new(&options);
    IS(REDTAIL_OK, redtail_session_disconnected(session, "the reason"));
    IS(REDTAIL_ERROR_STATE, redtail_session_connected(session, 0));
    IS(REDTAIL_ERROR_LOST, redtail_session_next(session, 0, &event));
    CHECK(event == NULL);
    redtail_session_free(session);
    options.struct_size = 1;
    session = redtail_session_new_recorded(&options, REDTAIL_UNKNOWN);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_next(session, 0, &event));
    redtail_session_free(session);
}

static int each_event(void *context, const redtail_event *event) {
    (void)context;
    (void)event;
    return 0;
}

static void follower(void) {
    redtail_follower *follower;
    redtail_handle *handle;
    redtail_options options;
    redtail_tls tls;
    redtail_position position;
    const redtail_event *event = NULL;

    redtail_follower_free(NULL);
    redtail_handle_free(NULL);
    CHECK(redtail_follower_message(NULL) != NULL);
    CHECK(redtail_follower_handle(NULL) == NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(NULL, "127.0.0.1:1"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_login(NULL, "u", "p", 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_next(NULL, &event));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_next_timeout(NULL, 0, &event));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_batch(NULL, each_event, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_commit(NULL, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_position(NULL, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_handle_stop(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_handle_heartbeat(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_handle_commit(NULL, &position));

    redtail_options_init(&options, sizeof options);
    options.ack = 9;
    follower = redtail_follower_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strstr(redtail_follower_message(follower), "ack is 9") != NULL);
    CHECK(redtail_follower_handle(follower) == NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_batch(follower, NULL, NULL));
    CHECK(strstr(redtail_follower_message(follower), "ack is 9") != NULL);
    redtail_follower_free(follower);

    options.ack = 0;
    CHECK(redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &options.position) == REDTAIL_OK);
    follower = redtail_follower_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strstr(redtail_follower_message(follower), "set start to REDTAIL_START_AT") != NULL);
    redtail_follower_free(follower);

    /* Without TLS in the library the message says that; with it, the message names the field. There is never a
     * connection without TLS. */
    redtail_options_init(&options, sizeof options);
    memset(&tls, 0, sizeof tls);
    options.tls = &tls;
    follower = redtail_follower_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strstr(redtail_follower_message(follower), "struct_size of redtail_tls") != NULL);
    redtail_follower_free(follower);
    for (tls.struct_size = 0; tls.struct_size < sizeof tls; tls.struct_size++) {
        follower = redtail_follower_new(&options);
        IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
        CHECK(strstr(redtail_follower_message(follower), "struct_size of redtail_tls") != NULL);
        redtail_follower_free(follower);
    }
    tls.verify = 7;
    follower = redtail_follower_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strstr(redtail_follower_message(follower), "verify is 7") != NULL || strstr(redtail_follower_message(follower), "built without") != NULL);
    redtail_follower_free(follower);
    tls.verify = REDTAIL_VERIFY_AUTHORITY;
    tls.key = "key.pem";
    follower = redtail_follower_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "127.0.0.1:1"));
    redtail_follower_free(follower);

    /* A lost connection is named in its event, too. */
    redtail_options_init(&options, sizeof options);
    options.retry_first = 1;
    follower = redtail_follower_new(&options);
    IS(REDTAIL_OK, redtail_follower_connect(follower, "127.0.0.1:1"));
    IS(REDTAIL_OK, redtail_follower_next(follower, &event));
    CHECK(event != NULL && event->kind == REDTAIL_EVENT_DISCONNECTED);
    CHECK(strstr(redtail_follower_message(follower), "127.0.0.1:1: Connection refused") != NULL);
    redtail_follower_free(follower);
    event = NULL;

    follower = redtail_follower_new(NULL);
    handle = redtail_follower_handle(follower);
    /* Before it is connected. */
    IS(REDTAIL_ERROR_STATE, redtail_follower_next(follower, &event));
    IS(REDTAIL_ERROR_STATE, redtail_follower_next_timeout(follower, UINT64_MAX, &event));
    IS(REDTAIL_ERROR_STATE, redtail_follower_batch(follower, each_event, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_batch(follower, NULL, NULL));
    CHECK(strstr(redtail_follower_message(follower), "each is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_next(follower, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_next_timeout(follower, 0, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_commit(follower, NULL));
    memset(&position, 0, sizeof position);
    IS(REDTAIL_ERROR_POSITION, redtail_follower_commit(follower, &position));
    IS(REDTAIL_ERROR_POSITION, redtail_handle_commit(handle, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_handle_commit(handle, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_handle_commit(handle, (redtail_position *)((char *)&position + 1)));
    CHECK(redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &position) == REDTAIL_OK);
    IS(REDTAIL_ERROR_STATE, redtail_follower_commit(follower, &position));
    IS(REDTAIL_OK, redtail_handle_commit(handle, &position));
    IS(REDTAIL_NONE, redtail_follower_position(follower, &position));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_position(follower, NULL));
    IS(REDTAIL_OK, redtail_handle_heartbeat(handle));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_connect(follower, "\xff:1"));
    IS(REDTAIL_ERROR_ADDRESS, redtail_follower_connect(follower, ""));
    CHECK(strstr(redtail_follower_message(follower), "for example 127.0.0.1:6379") != NULL);
    IS(REDTAIL_ERROR_ADDRESS, redtail_follower_connect(follower, "localhost"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_login(follower, "\xff", NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_login(follower, "u", NULL, 0));
    CHECK(strstr(redtail_follower_message(follower), "the user u has no password") != NULL);
    IS(REDTAIL_OK, redtail_follower_login(follower, NULL, NULL, 0));
    /* The text of a refused connect; port 1 is nobody's. */
    IS(REDTAIL_ERROR_CONNECT, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strstr(redtail_follower_message(follower), "can't connect to 127.0.0.1:1: Connection refused") != NULL);
    IS(REDTAIL_ERROR_CONNECT, redtail_follower_connect(follower, "127.0.0.1:1"));
    /* Stopped before it was connected; and the handle outlives it. */
    IS(REDTAIL_OK, redtail_handle_stop(handle));
    IS(REDTAIL_OK, redtail_handle_stop(handle));
    IS(REDTAIL_CLOSED, redtail_follower_connect(follower, "127.0.0.1:1"));
    CHECK(strcmp(redtail_follower_message(follower), "the follower was stopped") == 0);
    redtail_follower_free(follower);
    IS(REDTAIL_OK, redtail_handle_stop(handle));
    IS(REDTAIL_OK, redtail_handle_heartbeat(handle));
    redtail_handle_free(handle);
    CHECK(event == NULL);
}

int main(void) {
    basics();
    keys();
    command_specs();
    key_finder();
    servers();
    encoder();
    parser();
    rdb();
    decompress();
    dump();
    many_arguments();
    session();
    follower();
    if (failures == 0)
        puts("every misuse is a status");
    return failures > 0;
}
