/* Embedded primaries, recordings, discovery, and the rules of sessions: every misuse is a status, none a crash. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

static const char RECORDED[] = "+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n$18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n";

static void primaries(void) {
    redtail_primary *primary;
    redtail_primary_free(NULL);
    CHECK(redtail_primary_message(NULL) != NULL && strcmp(redtail_primary_address(NULL), "") == 0);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_check(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_file(NULL, "x"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_bytes(NULL, "x", 1));

    primary = redtail_primary_new();
    CHECK(strcmp(redtail_primary_message(primary), "") == 0 && strcmp(redtail_primary_address(primary), "") == 0);
    IS(REDTAIL_OK, redtail_primary_check(primary));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_file(primary, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_file(primary, "\xff"));
    IS(REDTAIL_ERROR_RECORDING, redtail_primary_serve_file(primary, "/nowhere/at/all"));
    CHECK(strstr(redtail_primary_message(primary), "/nowhere/at/all: ") != NULL);
    IS(REDTAIL_ERROR_RECORDING, redtail_primary_serve_file(primary, "/"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_bytes(primary, NULL, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_bytes(primary, NULL, 5));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_primary_serve_bytes(primary, "x", SIZE_MAX));
    IS(REDTAIL_ERROR_RECORDING, redtail_primary_serve_bytes(primary, "", 0));
    IS(REDTAIL_ERROR_RECORDING, redtail_primary_serve_bytes(primary, "hello", 5));
    CHECK(strstr(redtail_primary_message(primary), "not a recording") != NULL && strcmp(redtail_primary_address(primary), "") == 0);
    IS(REDTAIL_OK, redtail_primary_serve_bytes(primary, RECORDED, sizeof RECORDED - 1));
    CHECK(strncmp(redtail_primary_address(primary), "127.0.0.1:", 10) == 0);
    IS(REDTAIL_ERROR_STATE, redtail_primary_serve_bytes(primary, RECORDED, sizeof RECORDED - 1));
    redtail_primary_free(primary);
}

static void followers(void) {
    redtail_follower *follower;
    redtail_primary *primary = redtail_primary_new();
    int64_t fd = 7;
    char memory[2 * sizeof(int64_t)];

    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_record(NULL, "x"));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_finish_recording(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_fd(NULL, &fd));
    follower = redtail_follower_new(NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_record(follower, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_record(follower, "\xff"));
    IS(REDTAIL_ERROR_RECORDING, redtail_follower_record(follower, "/nowhere/at/all"));
    CHECK(strstr(redtail_follower_message(follower), "/nowhere/at/all: ") != NULL);
    IS(REDTAIL_OK, redtail_follower_finish_recording(follower));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_fd(follower, NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_follower_fd(follower, (int64_t *)ODD(memory)));
    IS(REDTAIL_NONE, redtail_follower_fd(follower, &fd));
    CHECK(fd == 7);
    IS(REDTAIL_OK, redtail_primary_serve_bytes(primary, RECORDED, sizeof RECORDED - 1));
    IS(REDTAIL_OK, redtail_follower_connect(follower, redtail_primary_address(primary)));
    IS(REDTAIL_ERROR_STATE, redtail_follower_record(follower, "x"));
    IS(REDTAIL_OK, redtail_follower_finish_recording(follower));
    IS(REDTAIL_OK, redtail_follower_fd(follower, &fd));
    CHECK(fd > 2);
    redtail_follower_free(follower);
    redtail_primary_free(primary);
}

/* The callback requests events of its own follower: a status at once, and the batch continues. */
static int each_requests(void *context, const redtail_event *event) {
    redtail_follower *follower = context;
    const redtail_event *another = NULL;
    redtail_position position;
    int64_t fd = 0;

    IS(REDTAIL_ERROR_STATE, redtail_follower_next(follower, &another));
    CHECK(strstr(redtail_follower_message(follower), "cannot request events") != NULL);
    IS(REDTAIL_ERROR_STATE, redtail_follower_next_timeout(follower, UINT64_MAX, &another));
    IS(REDTAIL_ERROR_STATE, redtail_follower_batch(follower, each_requests, follower));
    IS(REDTAIL_ERROR_STATE, redtail_follower_connect(follower, "127.0.0.1:1"));
    IS(REDTAIL_ERROR_STATE, redtail_follower_record(follower, "x"));
    IS(REDTAIL_OK, redtail_follower_finish_recording(follower));
    IS(REDTAIL_OK, redtail_follower_fd(follower, &fd));
    IS(REDTAIL_OK, redtail_follower_login(follower, NULL, NULL, 0));
    CHECK(another == NULL);
    if (event->kind != REDTAIL_EVENT_ATTACHED) return 0;
    IS(REDTAIL_OK, redtail_event_position(event, &position));
    IS(REDTAIL_OK, redtail_follower_commit(follower, &position));
    return 1;
}

static void inside_a_batch(void) {
    redtail_primary *primary = redtail_primary_new();
    redtail_follower *follower = redtail_follower_new(NULL);
    const redtail_event *event = NULL;
    int status = REDTAIL_OK;

    IS(REDTAIL_OK, redtail_primary_serve_bytes(primary, RECORDED, sizeof RECORDED - 1));
    IS(REDTAIL_OK, redtail_follower_connect(follower, redtail_primary_address(primary)));
    while (status == REDTAIL_OK) status = redtail_follower_batch(follower, each_requests, follower);
    IS(REDTAIL_STOPPED, status);
    /* After the batch the follower continues. */
    status = redtail_follower_next_timeout(follower, 1, &event);
    CHECK(status == REDTAIL_OK || status == REDTAIL_IDLE);
    redtail_follower_free(follower);
    redtail_primary_free(primary);
}

static void discovery(void) {
    const char *nowhere[] = {"127.0.0.1:1", "nothing", NULL};
    redtail_sentinel sentinel;
    redtail_cluster_options of;
    redtail_topology *topology;
    const redtail_node *node = NULL;
    char text[512] = "x", few[4] = "xyz";

    memset(&sentinel, 0, sizeof sentinel);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_sentinel_find(NULL, text, sizeof text));
    CHECK(strstr(text, "sentinel is NULL") != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_sentinel_find(&sentinel, NULL, 5));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_sentinel_find(&sentinel, text, 0));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_sentinel_find(&sentinel, text, SIZE_MAX));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_sentinel_find(&sentinel, text, sizeof text));
    CHECK(strstr(text, "struct_size of redtail_sentinel") != NULL);
    sentinel.struct_size = sizeof sentinel;
    sentinel.name = "name";
    sentinel.addresses = nowhere;
    sentinel.address_count = 1;
    IS(REDTAIL_ERROR_CONNECT, redtail_sentinel_find(&sentinel, text, sizeof text));
    CHECK(strstr(text, "127.0.0.1:1: ") != NULL);
    IS(REDTAIL_ERROR_CONNECT, redtail_sentinel_find(&sentinel, few, sizeof few));
    CHECK(few[3] == 0 && strncmp(few, text, 3) == 0);
    IS(REDTAIL_ERROR_CONNECT, redtail_sentinel_find(&sentinel, few, 1));
    CHECK(few[0] == 0);
    sentinel.address_count = 2;
    IS(REDTAIL_ERROR_ADDRESS, redtail_sentinel_find(&sentinel, text, sizeof text));

    redtail_topology_free(NULL);
    CHECK(redtail_topology_message(NULL) != NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_topology_ask(NULL));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_topology_node(NULL, 0, &node));
    topology = redtail_topology_new(NULL, NULL);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_topology_ask(topology));
    CHECK(strstr(redtail_topology_message(topology), "no node to ask") != NULL);
    redtail_topology_free(topology);
    memset(&of, 0, sizeof of);
    of.struct_size = sizeof of;
    of.nodes = nowhere;
    of.node_count = 2;
    topology = redtail_topology_new(NULL, &of);
    IS(REDTAIL_ERROR_ADDRESS, redtail_topology_ask(topology));
    redtail_topology_free(topology);
    of.node_count = 1;
    topology = redtail_topology_new(NULL, &of);
    CHECK(strcmp(redtail_topology_message(topology), "") == 0);
    IS(REDTAIL_END, redtail_topology_node(topology, 0, &node));
    IS(REDTAIL_ERROR_ARGUMENT, redtail_topology_node(topology, 0, NULL));
    IS(REDTAIL_ERROR_CONNECT, redtail_topology_ask(topology));
    CHECK(strstr(redtail_topology_message(topology), "127.0.0.1:1: ") != NULL);
    IS(REDTAIL_END, redtail_topology_node(topology, SIZE_MAX, &node));
    CHECK(node == NULL);
    redtail_topology_free(topology);
}

static void names(void) {
    redtail_slice args[2] = {{"sEt", 3}, {"k", 1}}, none = {NULL, 3};
    CHECK(redtail_command_is(args, 2, "SET") == 1 && redtail_command_is(args, 2, "set") == 1);
    CHECK(redtail_command_is(args, 2, "SETEX") == 0 && redtail_command_is(args, 2, "SE") == 0 && redtail_command_is(args, 2, "") == 0);
    CHECK(redtail_command_is(args, 0, "SET") == 0 && redtail_command_is(NULL, 2, "SET") == 0);
    CHECK(redtail_command_is(args, 2, NULL) == 0 && redtail_command_is(&none, 1, "SET") == 0);
    none.len = 0;
    CHECK(redtail_command_is(&none, 1, "") == 1 && redtail_command_is(args, SIZE_MAX, "SET") == 1);
}

static void sessions(void) {
    redtail_options options;
    redtail_session *session;
    const redtail_event *event;
    uint64_t now = 1000;
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_timer(NULL, 1));
    redtail_options_init(&options, sizeof options);
    options.start = 99;
    session = redtail_session_new(&options);
    IS(REDTAIL_ERROR_ARGUMENT, redtail_session_timer(session, 1));
    redtail_session_free(session);

    /* Before, while and after there is a connection; a clock that goes backwards, and one at its end. */
    options.start = REDTAIL_START_NOW;
    options.silence_ms = 5000;
    options.retry_first = 1;
    session = redtail_session_new(&options);
    IS(REDTAIL_OK, redtail_session_timer(session, now));
    IS(REDTAIL_RECONNECT, redtail_session_next(session, now, &event));
    IS(REDTAIL_OK, redtail_session_timer(session, now + 1000000));
    IS(REDTAIL_RECONNECT, redtail_session_next(session, now, &event));
    IS(REDTAIL_OK, redtail_session_connected(session, now));
    IS(REDTAIL_OK, redtail_session_timer(session, now - 1));
    IS(REDTAIL_OK, redtail_session_timer(session, UINT64_MAX));
    redtail_session_free(session);
}

int main(void) {
    primaries();
    followers();
    inside_a_batch();
    discovery();
    names();
    sessions();
    if (failures == 0)
        puts("every misuse is a status");
    return failures > 0;
}
