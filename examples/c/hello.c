/* Prints every write of a server as it happens: "hello 127.0.0.1:6379". */
#include <redtail.h>
#include <stdio.h>

int main(int argc, char **argv) {
    redtail_follower *follower = redtail_follower_new(NULL);
    const redtail_event *event;
    int status = redtail_follower_connect(follower, argc > 1 ? argv[1] : "127.0.0.1:6379");
    while (status == REDTAIL_OK && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK)
        if (event->kind == REDTAIL_EVENT_COMMAND) {
            for (size_t i = 0; i < event->argc; i++) {
                if (i > 0) putchar(' ');
                fwrite(event->args[i].data, 1, event->args[i].len, stdout);
            }
            putchar('\n');
            fflush(stdout);
        }
    if (status < 0) fprintf(stderr, "%s\n", redtail_follower_message(follower));
    redtail_follower_free(follower);
    return status < 0;
}
