/* A sink in another thread: a commit answers the primary that waits for it, although the follower's own thread is
 * waiting for the sink and neither reads nor sends: commits ADDRESS
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>

static const char HISTORY[] = "26e9aa58837d8095338f33e660463dbdf56c86c9";
static redtail_handle *handle;
static redtail_position stored;

static void *sink(void *context) {
    (void)context;
    IS(REDTAIL_OK, redtail_handle_commit(handle, &stored));
    return NULL;
}

int main(int argc, char **argv) {
    redtail_options options;
    redtail_position start;
    const redtail_event *event;
    char text[64];
    int commands = 0, status;
    pthread_t thread;
    if (argc != 2)
        return 2;
    snprintf(text, sizeof text, "%s:100:0", HISTORY);
    IS(REDTAIL_OK, redtail_position_parse(text, &start));
    IS(REDTAIL_OK, redtail_options_init(&options, sizeof options));
    options.start = REDTAIL_START_AT;
    options.position = start;
    options.ack = REDTAIL_ACK_APPLIED;
    redtail_follower *follower = redtail_follower_new(&options);
    handle = redtail_follower_handle(follower);
    IS(REDTAIL_OK, redtail_follower_connect(follower, argv[1]));
    /* The primary's request is between two writes. */
    while (commands < 2 && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK)
        if (event->kind == REDTAIL_EVENT_COMMAND && commands++ == 0)
            IS(REDTAIL_OK, redtail_event_position(event, &stored));
    CHECK(commands == 2 && stored.offset == 121);
    CHECK(pthread_create(&thread, NULL, sink, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    /* Until the server has received the acknowledgement, nothing else happens here. */
    CHECK(getchar() == '\n');
    redtail_follower_free(follower);
    redtail_handle_free(handle);
    if (failures == 0)
        puts("commits are acknowledged");
    return failures != 0;
}
