/* The source of events: one server, or the primary of Sentinels, followed on a thread of its own. */
#include "bridge.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const topic *topic;
    redtail_follower *follower;
    redtail_handle *handle;
    publisher *publisher;
    pthread_t thread;
    int is_running;
    redtail_position saved;
    int has_saved;
} one;

static void tell(const redtail_event *event) {
    const char *words = redtail_follower_message(one.follower);
    switch (event->kind) {
    case REDTAIL_EVENT_ATTACHED:
        say("following %s (%s) from offset %llu", one.topic->options->target,
            event->attached->server ? event->attached->server : "version unknown", (unsigned long long)event->offset);
        break;
    case REDTAIL_EVENT_FORKING:
    case REDTAIL_EVENT_GAP:
    case REDTAIL_EVENT_DISCONNECTED: say("%s", words); break;
    default: break;
    }
}

static void note_position(void) {
    redtail_position position;
    if (redtail_follower_position(one.follower, &position) == REDTAIL_OK)
        publish_idle(one.publisher, &position);
}

static void *follow(void *context) {
    const redtail_event *event;
    int status;
    (void)context;
    while ((status = redtail_follower_next_timeout(one.follower, 1000, &event)) == REDTAIL_OK || status == REDTAIL_IDLE) {
        if (status == REDTAIL_IDLE) {
            note_position();
            continue;
        }
        tell(event);
        if (publish(one.publisher, event))
            return NULL;
    }
    if (status == REDTAIL_CLOSED)
        end_well();
    else
        end_with(code_of(status), "%s: %s", one.topic->options->target, redtail_follower_message(one.follower));
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&one.thread, NULL, follow, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

int code_of(int status) {
    switch (status) {
    case REDTAIL_ERROR_HISTORY_LOST: return HISTORY_LOST;
    case REDTAIL_ERROR_ADDRESS:
    case REDTAIL_ERROR_ARGUMENT: return USAGE; /* a retry would not help */
    default: return FAILED;
    }
}

void follow_options(redtail_options *to, const options *from) {
    to->on_gap = from->on_gap;
    to->retry_snapshot = from->on_gap == REDTAIL_ON_GAP_SNAPSHOT;
    to->ack = from->ack;
    to->label = from->label;
    to->user = from->user;
    to->password = from->password;
    to->password_len = from->password_len;
    to->tls = from->uses_tls ? &from->tls : NULL;
}

const char **addresses(const char *list, size_t *count) {
    size_t len = strlen(list) + 1, most = 1;
    for (const char *at = list; (at = strchr(at, ',')); at++)
        most++;
    const char **pointers = memory(NULL, most * sizeof *pointers + len);
    char *rest = memcpy(pointers + most, list, len);
    *count = 0;
    for (char *address; (address = rest);) {
        if ((rest = strchr(address, ',')))
            *rest++ = 0;
        pointers[(*count)++] = address;
    }
    return pointers;
}

static int connect_to(const options *chosen) {
    if (!chosen->sentinel.name)
        return redtail_follower_connect(one.follower, chosen->address.hosts);
    redtail_sentinel sentinel = chosen->sentinel;
    const char **pointers = addresses(chosen->address.hosts, &sentinel.address_count);
    sentinel.addresses = pointers;
    int status = redtail_follower_connect_sentinel(one.follower, &sentinel);
    free(pointers);
    return status;
}

static int start(const topic *topic, const char *state) {
    const options *chosen = topic->options;
    const char *from = state ? state : chosen->from;
    redtail_options options;
    redtail_position position;
    redtail_options_init(&options, sizeof options);
    if (from && redtail_position_parse(from, &position) != REDTAIL_OK) {
        end_with(state ? FAILED : USAGE, "%s: %s is no position", state ? chosen->checkpoint : "--from", from);
        return -1;
    }
    options.snapshot_items = 1;
    if (chosen->starts_with_snapshot)
        options.start = REDTAIL_START_SNAPSHOT;
    if (from) {
        options.start = REDTAIL_START_AT;
        options.position = position;
        say("resuming after %s", from);
    }
    follow_options(&options, chosen);

    one.topic = topic;
    one.follower = redtail_follower_new(&options);
    one.handle = redtail_follower_handle(one.follower);
    one.publisher = publisher_new(topic, NULL, from != NULL, one.handle);
    int status = connect_to(chosen);
    if (status != REDTAIL_OK) {
        end_with(code_of(status), "%s: %s", chosen->target, redtail_follower_message(one.follower));
        return -1;
    }
    if ((status = start_thread())) {
        end_with(FAILED, "no thread: %s", strerror(status));
        return -1;
    }
    one.is_running = 1;
    return 0;
}

static int save(void) {
    redtail_position position;
    char text[REDTAIL_POSITION_TEXT_SIZE];
    if (!one.publisher || progress_position(publisher_progress(one.publisher), &position) != REDTAIL_OK)
        return 0;
    if (one.has_saved && is_same_position(&position, &one.saved))
        return 0;
    if (redtail_position_format(&position, text, sizeof text) != REDTAIL_OK || state_save(text))
        return -1;
    one.saved = position;
    one.has_saved = 1;
    metrics_saved();
    redtail_handle_commit(one.handle, &position);
    return 0;
}

static void stop(void) {
    if (!one.is_running)
        return;
    redtail_handle_stop(one.handle);
    pthread_join(one.thread, NULL);
    one.is_running = 0;
}

static void free_all(void) {
    if (one.publisher)
        publisher_free(one.publisher);
    redtail_handle_free(one.handle);
    redtail_follower_free(one.follower);
}

const source ONE_SERVER = {start, save, stop, free_all};
