/* What a process shares with the library: signals, descriptors, locale, forked children. Follows a server until the
 * connection is lost: process ADDRESS [CA-FILE NAME]
 */
#define _DEFAULT_SOURCE
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The state of the process that a library must leave alone. */
struct state {
    void (*handlers[NSIG])(int);
    char locale[256];
    mode_t mask;
    int blocked[NSIG], variables;
    stack_t signal_stack;
};

static void read_state(struct state *state) {
    sigset_t blocked;
    memset(state, 0, sizeof *state);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0) state->handlers[number] = action.sa_handler;
        state->blocked[number] = sigismember(&blocked, number) == 1;
    }
    strncpy(state->locale, setlocale(LC_ALL, NULL), sizeof state->locale - 1);
    umask(state->mask = umask(0));
    while (environ[state->variables] != NULL) state->variables++;
    sigaltstack(NULL, &state->signal_stack);
}

/* A program that is started by the process must not inherit a connection. Others were open before the library. */
#define DESCRIPTORS 256
static int inherited[DESCRIPTORS];

static void descriptors_are_closed_by_exec(void) {
    int count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || inherited[fd]) continue;
        count++;
        CHECK((flags & FD_CLOEXEC) != 0);
    }
    CHECK(count > 0);
}

/* A child has a copy of everything and the same socket. Nothing that it calls may reach the connection. */
static void a_child_cannot_disturb(redtail_follower *follower, redtail_handle *handle, const redtail_position *position) {
    redtail_primary *primary = redtail_primary_new();
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        IS(REDTAIL_ERROR_STATE, redtail_handle_stop(handle));
        IS(REDTAIL_ERROR_STATE, redtail_handle_heartbeat(handle));
        IS(REDTAIL_ERROR_STATE, redtail_handle_commit(handle, position));
        redtail_handle_free(handle);
        redtail_follower_free(follower);
        redtail_primary_free(primary);
        fflush(stdout);
        _exit(failures != 0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    IS(REDTAIL_OK, redtail_handle_heartbeat(handle));
    redtail_primary_free(primary);
}

int main(int argc, char **argv) {
    static struct state before, after;
    redtail_options options;
    redtail_tls tls;
    redtail_follower *follower;
    redtail_handle *handle;
    redtail_position position;
    const redtail_event *event;
    int status;

    if (argc != 2 && argc != 4) return 2;
    for (int fd = 0; fd < DESCRIPTORS; fd++) inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    read_state(&before);
    CHECK(before.handlers[SIGPIPE] == SIG_DFL);
    redtail_options_init(&options, sizeof options);
    options.no_reconnect = 1;
    if (argc == 4) {
        CHECK(strstr(redtail_features(), "tls") == redtail_features());
        memset(&tls, 0, sizeof tls);
        tls.struct_size = sizeof tls;
        tls.ca_file = argv[2];
        tls.server_name = argv[3];
        options.tls = &tls;
    }
    follower = redtail_follower_new(&options);
    handle = redtail_follower_handle(follower);
    status = redtail_follower_connect(follower, argv[1]);
    while (status == REDTAIL_OK && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK) {
        if (event->kind == REDTAIL_EVENT_ATTACHED) {
            descriptors_are_closed_by_exec();
            CHECK(redtail_event_position(event, &position) == REDTAIL_OK);
            a_child_cannot_disturb(follower, handle, &position);
            puts("attached");
        }
        if (event->kind == REDTAIL_EVENT_COMMAND && event->argc > 1)
            printf("%.*s %.*s\n", (int)event->args[0].len, (const char *)event->args[0].data, (int)event->args[1].len,
                   (const char *)event->args[1].data);
        fflush(stdout);
    }
    printf("%s\n", redtail_status_name(status));
    redtail_handle_free(handle);
    redtail_follower_free(follower);
    read_state(&after);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    return failures != 0;
}
