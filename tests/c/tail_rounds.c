/* Runs examples/c/tail.c repeatedly. Another thread sends heartbeats to the primary and then stops the follower:
 *
 *     tail_rounds ADDRESS ROUNDS
 *
 * The example is included unchanged. Its calls of two functions are redirected: this tells the other thread when it may
 * begin, and checks every outcome. The caller of this program checks the output; "round N" separates the rounds.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int checked_connect(redtail_follower *follower, const char *address);
static int checked_next(redtail_follower *follower, const redtail_event **event);

#define main tail_main
#define redtail_follower_connect checked_connect
#define redtail_follower_next checked_next
#include "../../examples/c/tail.c"
#undef main
#undef redtail_follower_connect
#undef redtail_follower_next

#define MUST(condition)                                                                    \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            printf("round %d, line %d: not so: %s\n", number, __LINE__, #condition);       \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

static int number, closed;
static _Atomic int commands;
static unsigned random_state = 1;
static pthread_t tail_thread, other;
static redtail_position last;

struct task { redtail_handle *handle; long us; int heartbeats, how, more_than; };
static struct task task;

static void pause_us(long us) {
    struct timespec time = {0, us * 1000};
    nanosleep(&time, NULL);
}

/* With a handle of its own, which outlives the follower. */
static void *other_thread(void *given) {
    struct task *mine = given;
    while (commands <= mine->more_than)
        pause_us(1000);
    for (int beat = 0; beat < mine->heartbeats; beat++) {
        pause_us(mine->us / (mine->heartbeats + 1));
        int status = redtail_handle_heartbeat(mine->handle);
        MUST(status == REDTAIL_OK || status == REDTAIL_ERROR_LOST);
    }
    pause_us(mine->us / (mine->heartbeats + 1));
    switch (mine->how) {
    case 0: MUST(redtail_handle_stop(mine->handle) == REDTAIL_OK); break;
    case 1: MUST(pthread_kill(tail_thread, SIGINT) == 0); break;
    default: MUST(pthread_kill(tail_thread, SIGTERM) == 0); break;
    }
    return NULL;
}

static int checked_connect(redtail_follower *follower, const char *address) {
    int status = redtail_follower_connect(follower, address);
    MUST(status == REDTAIL_OK);
    random_state = random_state * 1103515245 + 12345;
    task.handle = redtail_follower_handle(follower);
    task.us = (long)(random_state >> 16) % 20000;
    task.heartbeats = number % 4;
    task.how = number % 3;
    /* Most rounds have two commands, on a busy machine too; the others end at any time. */
    task.more_than = number % 4 == 0 ? -1 : commands + 1;
    MUST(task.handle != NULL && pthread_create(&other, NULL, other_thread, &task) == 0);
    return status;
}

static int checked_next(redtail_follower *follower, const redtail_event **event) {
    int status = redtail_follower_next(follower, event);
    MUST(status == REDTAIL_OK || status == REDTAIL_CLOSED);
    closed += status == REDTAIL_CLOSED;
    if (status == REDTAIL_OK) {
        MUST((*event)->kind != REDTAIL_EVENT_GAP && (*event)->kind != REDTAIL_EVENT_DISCONNECTED);
        if ((*event)->kind == REDTAIL_EVENT_COMMAND) {
            MUST((*event)->argc == 3 && memcmp((*event)->args[0].data, "SET", 3) == 0 && (*event)->offset > last.offset);
            commands++;
        }
        redtail_event_position(*event, &last);
    }
    return status;
}

int main(int argc, char **argv) {
    int rounds = argc > 2 ? atoi(argv[2]) : 10, empty = 0;
    char text[REDTAIL_POSITION_TEXT_SIZE];
    char *arguments[4] = {argv[0], argv[1], text, NULL};
    tail_thread = pthread_self();
    for (number = 1; number <= rounds; number++) {
        int before = commands;
        /* The first round starts now, so the primary forks once. The others resume where the round before ended. */
        int result = tail_main(last.replid[0] ? 3 : 2, arguments);
        MUST(result == 0 && closed == number);
        MUST(pthread_join(other, NULL) == 0);
        MUST(redtail_handle_stop(task.handle) == REDTAIL_OK && redtail_handle_heartbeat(task.handle) == REDTAIL_OK);
        redtail_handle_free(task.handle);
        if (last.replid[0])
            MUST(redtail_position_format(&last, text, sizeof text) == REDTAIL_OK);
        empty += commands == before;
        printf("round %d\n", number);
    }
    printf("%d rounds, %s\n", rounds, commands > rounds && empty < rounds ? "with commands" : "without commands");
    return 0;
}
