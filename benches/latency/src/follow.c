/* The follower in a C program. */
#include <redtail.h>
#include <stdio.h>

/* Notes the arrival of a key. Returns 1 at the last one. */
int latency_note(const char *key, size_t length);

static int each(void *context, const redtail_event *event) {
    (void)context;
    return event->argc > 1 && latency_note((const char *)event->args[1].data, event->args[1].len);
}

/* Returns 0 after the last key. */
int follow_in_c(const char *target) {
    redtail_options options;
    redtail_options_init(&options, sizeof options);
    redtail_follower *follower = redtail_follower_new(&options);
    int status = redtail_follower_connect(follower, target);
    while (status == REDTAIL_OK) status = redtail_follower_batch(follower, each, NULL);
    if (status < 0) fprintf(stderr, "%s\n", redtail_follower_message(follower));
    redtail_follower_free(follower);
    return status < 0;
}
