/* Prints every write of a server as it happens, until Ctrl-C:
 *
 *     tail 127.0.0.1:6379 [POSITION]
 *
 * At the end it prints the position to resume from.
 */
#include <errno.h>
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static redtail_handle *handle;

static void on_signal(int number) {
    (void)number;
    int before = errno;
    redtail_handle_stop(handle); /* may be called in a signal handler, but changes errno */
    errno = before;
}

static void print_command(const redtail_event *event) {
    printf("%llu [%lld]", (unsigned long long)event->offset, (long long)event->db);
    for (size_t i = 0; i < event->argc; i++) { /* always complete */
        putchar(' ');
        fwrite(event->args[i].data, 1, event->args[i].len, stdout); /* any bytes, NUL too */
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv) {
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:6379";
    redtail_options options;
    redtail_options_init(&options, sizeof options);
    if (argc > 2) {
        if (redtail_position_parse(argv[2], &options.position) != REDTAIL_OK) {
            fprintf(stderr, "tail: %s is no position\n", argv[2]);
            return 2;
        }
        options.start = REDTAIL_START_AT;
    }

    redtail_follower *follower = redtail_follower_new(&options); /* NULL only without memory */
    handle = redtail_follower_handle(follower);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    int status = redtail_follower_connect(follower, address);
    const redtail_event *event; /* owned by the follower; valid until the next call */
    while (status == REDTAIL_OK && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK)
        switch (event->kind) {
        case REDTAIL_EVENT_ATTACHED: fprintf(stderr, "following %s\n", address); break;
        case REDTAIL_EVENT_COMMAND:
        case REDTAIL_EVENT_MULTI:
        case REDTAIL_EVENT_EXEC: print_command(event); break;
        case REDTAIL_EVENT_GAP: fprintf(stderr, "history lost: %s\n", redtail_follower_message(follower)); break;
        case REDTAIL_EVENT_DISCONNECTED: fprintf(stderr, "%s\n", redtail_follower_message(follower)); break;
        default: break; /* kinds are added in minor versions */
        }

    redtail_position position;
    char text[REDTAIL_POSITION_TEXT_SIZE];
    if (redtail_follower_position(follower, &position) == REDTAIL_OK
        && redtail_position_format(&position, text, sizeof text) == REDTAIL_OK)
        fprintf(stderr, "go on with: tail %s %s\n", address, text);
    if (status < 0)
        fprintf(stderr, "tail: %s\n", redtail_follower_message(follower));
    signal(SIGINT, SIG_DFL); /* before the handle is freed */
    signal(SIGTERM, SIG_DFL);
    redtail_handle_free(handle);
    redtail_follower_free(follower);
    return status < 0;
}
