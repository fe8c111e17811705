/* Follows the primary that Sentinels call "watched", until the key "end" is written:
 *
 *     sentinel PREFER PASSWORD SENTINEL-PASSWORD SENTINEL...
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The thread that listens to the Sentinels ends shortly after the follower. If the process ended first, its memory
 * would be reported as a leak. */
static int threads(void) {
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    if (folder != NULL) closedir(folder);
    return count;
}

static void warned(void *context, const char *message) {
    printf("%s: %s\n", (const char *)context, strstr(message, " denies SUBSCRIBE: NOPERM ") ? "SUBSCRIBE is denied" : message);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static char context[] = "context";
    redtail_sentinel sentinel = {.struct_size = sizeof sentinel, .name = "watched"};
    struct timespec moment = {0, 50 * 1000 * 1000};
    redtail_options options;
    redtail_follower *follower;
    const redtail_event *event;
    int status, ended = 0;

    if (argc < 5) return 2;
    sentinel.prefer_replica = atoi(argv[1]);
    sentinel.password = argv[3];
    sentinel.addresses = (const char *const *)(argv + 4);
    sentinel.address_count = (size_t)argc - 4;
    sentinel.warning = warned;
    sentinel.context = context;
    redtail_options_init(&options, sizeof options);
    options.password = argv[2];
    options.backoff_longest_ms = 200;
    options.on_gap = REDTAIL_ON_GAP_CONTINUE;
    follower = redtail_follower_new(&options);
    status = redtail_follower_connect_sentinel(follower, &sentinel);
    if (status == REDTAIL_OK && redtail_follower_connect_sentinel(follower, &sentinel) != REDTAIL_ERROR_STATE) return 3;
    while (status == REDTAIL_OK && !ended && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK) {
        switch (event->kind) {
        case REDTAIL_EVENT_ATTACHED: printf("attached %d\n", event->attached->role); break;
        case REDTAIL_EVENT_GAP: printf("gap: %s\n", redtail_follower_message(follower)); break;
        case REDTAIL_EVENT_COMMAND:
            /* What the Sentinels tell each other is in the stream, too. */
            if (event->args[0].len != 3 || memcmp(event->args[0].data, "SET", 3) != 0) break;
            printf("SET %.*s\n", (int)event->args[1].len, event->args[1].data);
            ended = event->args[1].len == 3 && memcmp(event->args[1].data, "end", 3) == 0;
            break;
        default: break;
        }
        fflush(stdout);
    }
    if (status < 0) printf("%s\n", redtail_follower_message(follower));
    redtail_follower_free(follower);
    for (int tries = 0; threads() > 1 && tries < 600; tries++)
        nanosleep(&moment, NULL);
    return status < 0;
}
