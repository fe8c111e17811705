/* One thread follows, another tells the primary that it lives and stops it, at another moment each time:
 *
 *     threads ADDRESS ROUNDS
 *
 * Every outcome of every call is checked.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(condition)                                                                              \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            printf("round %d, line %d: not so: %s (%s)\n", round_number, __LINE__, #condition, words()); \
            exit(1);                                                                                 \
        }                                                                                            \
    } while (0)

static int round_number;
static redtail_follower *follower;
static redtail_handle *handle;
static _Atomic int commands;
static int more_than; /* the other thread waits for more commands than these */

static const char *words(void) { return redtail_follower_message(follower); }

static void pause_us(long us) {
    struct timespec time = {0, us * 1000};
    nanosleep(&time, NULL);
}

static void on_signal(int number) {
    (void)number;
    redtail_handle_stop(handle);
}

static void *other_thread(void *us) {
    int heartbeats = round_number % 4;
    while (commands <= more_than)
        pause_us(1000);
    pause_us(*(long *)us);
    while (heartbeats-- > 0) {
        redtail_position position;
        int status = redtail_handle_heartbeat(handle);
        MUST(status == REDTAIL_OK || status == REDTAIL_ERROR_LOST);
        MUST(redtail_position_parse("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0", &position) == REDTAIL_OK);
        MUST(redtail_handle_commit(handle, &position) == REDTAIL_OK);
    }
    if (round_number % 3 == 0)
        raise(SIGUSR1); /* from a signal handler, in this thread */
    else
        MUST(redtail_handle_stop(handle) == REDTAIL_OK);
    return NULL;
}

int main(int argc, char **argv) {
    redtail_options options;
    redtail_position position;
    const redtail_event *event;
    int rounds = argc > 2 ? atoi(argv[2]) : 10, closed_before_attach = 0;
    unsigned random = 1;

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    redtail_options_init(&options, sizeof options);
    options.ack = REDTAIL_ACK_RECEIVED;

    /* A position to start from, so that the primary need not fork for every round. */
    follower = redtail_follower_new(&options);
    MUST(redtail_follower_connect(follower, argv[1]) == REDTAIL_OK);
    do
        MUST(redtail_follower_next(follower, &event) == REDTAIL_OK);
    while (event->kind != REDTAIL_EVENT_ATTACHED);
    MUST(redtail_event_position(event, &position) == REDTAIL_OK);
    redtail_follower_free(follower);

    options.start = REDTAIL_START_AT;
    options.position = position;
    for (round_number = 1; round_number <= rounds; round_number++) {
        pthread_t thread;
        int status, attached = 0;
        random = random * 1103515245 + 12345;
        long us = (long)(random >> 16) % 20000;
        follower = redtail_follower_new(&options);
        handle = redtail_follower_handle(follower);
        MUST(follower != NULL && handle != NULL);
        /* Now and then the stop comes before the connection. */
        int early = round_number % 50 == 0;
        if (early)
            MUST(redtail_handle_stop(handle) == REDTAIL_OK);
        /* Some rounds have a command, on a busy machine too; the others end at any time. */
        more_than = round_number % 5 == 0 && !early ? commands : -1;
        status = redtail_follower_connect(follower, argv[1]);
        MUST(status == (early ? REDTAIL_CLOSED : REDTAIL_OK));
        MUST(pthread_create(&thread, NULL, other_thread, &us) == 0);
        while (!early && (status = redtail_follower_next(follower, &event)) == REDTAIL_OK) {
            attached |= event->kind == REDTAIL_EVENT_ATTACHED;
            if (event->kind == REDTAIL_EVENT_COMMAND) {
                MUST(event->argc == 3 && event->args[0].len == 3 && memcmp(event->args[0].data, "SET", 3) == 0);
                MUST(redtail_follower_position(follower, &position) == REDTAIL_OK && position.offset == event->offset);
                commands++;
            }
        }
        MUST(status == REDTAIL_CLOSED);
        if (!early)
            MUST(redtail_follower_next(follower, &event) == REDTAIL_CLOSED);
        closed_before_attach += !attached;
        /* The handle may outlive the follower, also in the other thread. */
        if (round_number % 2) {
            redtail_follower_free(follower);
            pthread_join(thread, NULL);
        } else {
            pthread_join(thread, NULL);
            redtail_follower_free(follower);
        }
        MUST(redtail_handle_stop(handle) == REDTAIL_OK);
        redtail_handle_free(handle);
        handle = NULL;
        follower = NULL;
    }
    printf("%d rounds, %s\n", rounds, commands > 0 && closed_before_attach < rounds ? "with commands" : "without commands");
    return 0;
}
