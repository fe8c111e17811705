/* Follows a server over TLS until the key "end" is written: tls HOST:PORT CA-FILE NAME */
#include <redtail.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    redtail_options options;
    redtail_tls tls;
    redtail_follower *follower;
    const redtail_event *event;
    int status, ended = 0;

    if (argc != 4) return 2;
    memset(&tls, 0, sizeof tls);
    tls.struct_size = sizeof tls;
    tls.ca_file = argv[2];
    tls.server_name = argv[3];
    redtail_options_init(&options, sizeof options);
    options.tls = &tls;
    follower = redtail_follower_new(&options);
    status = redtail_follower_connect(follower, argv[1]);
    while (status == REDTAIL_OK && !ended && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK) {
        if (event->kind == REDTAIL_EVENT_ATTACHED) {
            puts("attached");
            fflush(stdout);
        }
        if (event->kind != REDTAIL_EVENT_COMMAND) continue;
        printf("%.*s %.*s\n", (int)event->args[0].len, (const char *)event->args[0].data, (int)event->args[1].len,
               (const char *)event->args[1].data);
        ended = event->args[1].len == 3 && memcmp(event->args[1].data, "end", 3) == 0;
    }
    if (status < 0) printf("%s\n", redtail_follower_message(follower));
    redtail_follower_free(follower);
    return status < 0;
}
