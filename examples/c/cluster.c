/* Prints every write to a cluster as it happens, each with the shard it comes from, until Ctrl-C:
 *
 *     cluster 127.0.0.1:7000 [FILE]
 *
 * FILE stores the positions of all shards. The next run with the same file resumes there, and WAIT at a primary waits
 * until its writes are before the stored positions.
 */
#define _POSIX_C_SOURCE 200809L
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) { (void)number, interrupted = 1; }

/* On the shard's thread: several shards print at once. */
static int on_event(void *context, redtail_shard *shard, const redtail_event *event) {
    (void)context;
    switch (event->kind) {
    case REDTAIL_EVENT_COMMAND:
    case REDTAIL_EVENT_MULTI:
    case REDTAIL_EVENT_EXEC:
        flockfile(stdout);
        printf("%.8s %llu", redtail_shard_id(shard), (unsigned long long)event->offset);
        for (size_t i = 0; i < event->argc; i++) {
            putchar(' ');
            fwrite(event->args[i].data, 1, event->args[i].len, stdout);
        }
        putchar('\n');
        fflush(stdout);
        funlockfile(stdout);
        break;
    case REDTAIL_EVENT_GAP:
    case REDTAIL_EVENT_DISCONNECTED: fprintf(stderr, "%.8s %s\n", redtail_shard_id(shard), redtail_shard_message(shard)); break;
    default: break; /* kinds are added in minor versions */
    }
    return ferror(stdout);
}

/* On a thread of its own. */
static void on_notice(void *context, const redtail_notice *notice) {
    (void)context;
    fprintf(stderr, "%s\n", notice->message);
}

/* All events up to the positions were printed. The file is complete at every moment. */
static int save(redtail_cluster *cluster, const char *name) {
    size_t size = 0, needed = 0;
    char *text = NULL, fresh[4096];
    if (name == NULL)
        return 1;
    while (redtail_cluster_positions(cluster, text, size, &needed) == REDTAIL_NEED_MORE)
        if ((text = realloc(text, size = needed)) == NULL)
            return 0;
    FILE *file = NULL;
    int saved = text != NULL && snprintf(fresh, sizeof fresh, "%s.new", name) < (int)sizeof fresh
        && (file = fopen(fresh, "w")) != NULL && fputs(text, file) >= 0;
    if (file != NULL)
        saved = fclose(file) == 0 && saved;
    saved = saved && rename(fresh, name) == 0;
    if (!saved)
        perror(name);
    else if (*text != '\0')
        redtail_cluster_commit(cluster, text);
    free(text);
    return saved;
}

static char *load(const char *name) {
    FILE *file = name != NULL ? fopen(name, "r") : NULL;
    char *text = NULL;
    size_t room = 0;
    if (file != NULL && getdelim(&text, &room, '\0', file) < 0)
        *text = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

int main(int argc, char **argv) {
    const char *node = argc > 1 ? argv[1] : "127.0.0.1:7000", *name = argc > 2 ? argv[2] : NULL;
    char *positions = load(name);
    redtail_options each = {.struct_size = sizeof each, .ack = name != NULL ? REDTAIL_ACK_APPLIED : REDTAIL_ACK_OBSERVE};
    redtail_cluster_options options = {.struct_size = sizeof options, .nodes = &node, .node_count = 1, .positions = positions};
    redtail_cluster_callbacks callbacks = {.struct_size = sizeof callbacks, .event = on_event, .notice = on_notice};
    redtail_cluster *cluster = redtail_cluster_new(&each, &options); /* NULL only without memory */
    free(positions);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    int status = redtail_cluster_follow(cluster, &callbacks);
    while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
        status = redtail_cluster_wait(cluster, 500);
        if (interrupted || !save(cluster, name)) /* every half second, and at the end */
            redtail_cluster_stop(cluster);
    }
    if (status >= 0)
        save(cluster, name);
    else
        fprintf(stderr, "cluster: %s\n", redtail_cluster_message(cluster));
    redtail_cluster_free(cluster);
    return status < 0;
}
