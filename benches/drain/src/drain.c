/* The follower in a C program. */
#include <redtail.h>
#include <stdio.h>

struct drain {
    uint64_t commands, bytes, end;
};

static int each(void *context, const redtail_event *event) {
    struct drain *drain = context;
    if (event->argc == 0) return 0;
    drain->commands++;
    for (size_t i = 0; i < event->argc; i++) drain->bytes += event->args[i].len;
    return event->offset >= drain->end;
}

/* Returns the number of commands. */
uint64_t drain_in_c(const char *target, const char *position, uint64_t end) {
    struct drain drain = {0, 0, end};
    redtail_options options;
    redtail_options_init(&options, sizeof options);
    options.start = REDTAIL_START_AT;
    options.control = 1;
    if (redtail_position_parse(position, &options.position) != REDTAIL_OK) return 0;
    redtail_follower *follower = redtail_follower_new(&options);
    int status = redtail_follower_connect(follower, target);
    while (status == REDTAIL_OK) status = redtail_follower_batch(follower, each, &drain);
    if (status < 0) fprintf(stderr, "%s\n", redtail_follower_message(follower));
    redtail_follower_free(follower);
    return drain.commands;
}
