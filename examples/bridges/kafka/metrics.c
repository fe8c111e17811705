/* --metrics: the state of the bridge over HTTP, as text for Prometheus. Names are those of the tool where they mean the
 * same; those of the broker's side begin with redtail_bridge_. A responder ends with the process, so that a scrape of a
 * bridge that has died fails; a file would stay. */
#include "bridge.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    ATTACHED, CHANGED, OFFSET, LAST_WRITE, LAST_BYTE, COMMANDS, KEYS, PASSED, GAPS, MISSED, RECONNECTS, SNAPSHOT, PER_STREAM
};

/* Times are in milliseconds since 1970; 0 is never. */
struct metrics {
    metrics *next;
    char *shard;
    int has_attached;
    atomic_ullong values[PER_STREAM];
    /* Past waits for room in the queue, and the begin of the present one (now_ms; 0: none). */
    atomic_ullong blocked_ms, blocked_since;
};

static const struct {
    const char *name, *type, *help;
    int is_time;
} ROWS[PER_STREAM] = {
    {"redtail_attached", "gauge", "1 while the server is followed, 0 while the connection is lost", 0},
    {"redtail_attached_change_timestamp_seconds", "gauge", "When the connection was last made or lost", 1},
    {"redtail_replication_offset_bytes", "gauge", "The replication offset after the last event", 0},
    {"redtail_last_write_timestamp_seconds", "gauge", "When the last write arrived", 1},
    {"redtail_last_byte_timestamp_seconds", "gauge", "When the last byte of any kind arrived. Servers send a PING every 10 s", 1},
    {"redtail_commands_total", "counter", "Commands of the stream", 0},
    {"redtail_keys_total", "counter", "Keys of snapshots", 0},
    {"redtail_printed_total", "counter", "Commands and keys that no filter has dropped", 0},
    {"redtail_gaps_total", "counter", "Gaps: the server no longer had the next part of the stream", 0},
    {"redtail_missed_bytes_total", "counter", "Bytes of the stream that are missing in gaps, where that is known", 0},
    {"redtail_reconnects_total", "counter", "Connections after the first one", 0},
    {"redtail_snapshot_active", "gauge", "1 while a snapshot arrives", 0},
};

static struct {
    pthread_mutex_t lock;
    metrics *first;
    atomic_ullong start, saved, produced, confirmed;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned long long wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

metrics *metrics_new(const char *shard, int is_listed) {
    metrics *metrics = memory(NULL, sizeof *metrics);
    memset(metrics, 0, sizeof *metrics);
    if (shard)
        strcpy(metrics->shard = memory(NULL, strlen(shard) + 1), shard);
    if (!is_listed)
        return metrics;
    pthread_mutex_lock(&all.lock);
    metrics->next = all.first;
    all.first = metrics;
    pthread_mutex_unlock(&all.lock);
    return metrics;
}

void metrics_free(metrics *metrics) {
    pthread_mutex_lock(&all.lock);
    struct metrics **at = &all.first;
    while (*at && *at != metrics)
        at = &(*at)->next;
    if (*at)
        *at = metrics->next;
    pthread_mutex_unlock(&all.lock);
    free(metrics->shard);
    free(metrics);
}

void metrics_offset(metrics *metrics, uint64_t offset) {
    if (atomic_exchange(&metrics->values[OFFSET], offset) != offset)
        metrics->values[LAST_BYTE] = wall_ms();
}

void metrics_event(metrics *metrics, const redtail_event *event) {
    atomic_ullong *values = metrics->values;
    if (event->kind != REDTAIL_EVENT_DISCONNECTED)
        values[LAST_BYTE] = wall_ms();
    switch (event->kind) {
    case REDTAIL_EVENT_ATTACHED:
        values[RECONNECTS] += (unsigned)metrics->has_attached;
        metrics->has_attached = 1;
        values[ATTACHED] = 1;
        values[CHANGED] = wall_ms();
        values[OFFSET] = event->offset;
        break;
    case REDTAIL_EVENT_DISCONNECTED:
        values[ATTACHED] = values[SNAPSHOT] = 0;
        values[CHANGED] = wall_ms();
        break;
    case REDTAIL_EVENT_SNAPSHOT_BEGIN: values[SNAPSHOT] = 1; break;
    case REDTAIL_EVENT_SNAPSHOT_END:
        values[SNAPSHOT] = 0;
        values[OFFSET] = event->offset;
        break;
    case REDTAIL_EVENT_SNAPSHOT_ITEM: values[KEYS] += event->item->kind == REDTAIL_RDB_ITEM_KEY; break;
    case REDTAIL_EVENT_GAP:
        values[GAPS]++;
        values[MISSED] += event->gap->missed == REDTAIL_UNKNOWN ? 0 : event->gap->missed;
        break;
    case REDTAIL_EVENT_COMMAND:
        values[COMMANDS]++;
        if (redtail_command_is_write(event->args, event->argc))
            values[LAST_WRITE] = wall_ms();
        /* fall through */
    case REDTAIL_EVENT_MULTI:
    case REDTAIL_EVENT_EXEC:
    case REDTAIL_EVENT_CONTROL: values[OFFSET] = event->offset; break;
    default: break;
    }
}

void metrics_passed(metrics *metrics) {
    metrics->values[PASSED]++;
}

void metrics_blocked(metrics *metrics, int is_blocked) {
    if (is_blocked && !metrics->blocked_since) {
        metrics->blocked_since = now_ms();
    } else if (!is_blocked && metrics->blocked_since) {
        metrics->blocked_ms += now_ms() - metrics->blocked_since;
        metrics->blocked_since = 0;
    }
}

void metrics_saved(void) {
    all.saved = wall_ms();
}

void metrics_produced(void) {
    all.produced++;
}

void metrics_confirmed(void) {
    all.confirmed++;
}

static void add_head(text *out, const char *name, const char *type, const char *help) {
    text_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_time(text *out, unsigned long long ms) {
    text_print(out, " %llu.%03llu\n", ms / 1000, ms % 1000);
}

static void add_one(text *out, const char *name, const char *type, const char *help, unsigned long long value, int is_time) {
    if (is_time && !value)
        return;
    add_head(out, name, type, help);
    text_add(out, name, strlen(name));
    if (is_time)
        add_time(out, value);
    else
        text_print(out, " %llu\n", value);
}

/* The rows of all streams, and the waits of all. */
static void add_streams(text *out) {
    unsigned long long blocked_ms = 0, longest = 0;
    pthread_mutex_lock(&all.lock);
    for (int row = 0; row < PER_STREAM; row++) {
        add_head(out, ROWS[row].name, ROWS[row].type, ROWS[row].help);
        for (metrics *of = all.first; of; of = of->next) {
            unsigned long long value = of->values[row];
            if (ROWS[row].is_time && !value)
                continue;
            text_add(out, ROWS[row].name, strlen(ROWS[row].name));
            if (of->shard)
                text_print(out, "{shard=\"%s\"}", of->shard);
            if (ROWS[row].is_time)
                add_time(out, value);
            else
                text_print(out, " %llu\n", value);
        }
    }
    for (metrics *of = all.first; of; of = of->next) {
        unsigned long long since = of->blocked_since, present = since ? now_ms() - since : 0;
        blocked_ms += of->blocked_ms + present;
        longest = present > longest ? present : longest;
    }
    pthread_mutex_unlock(&all.lock);
    add_head(out, "redtail_output_blocked_seconds_total", "counter", "Time spent waiting for the brokers, because the queue is full");
    text_print(out, "redtail_output_blocked_seconds_total");
    add_time(out, blocked_ms);
    add_head(out, "redtail_output_blocked_now_seconds", "gauge", "How long the queue has been full; 0 if it is not");
    text_print(out, "redtail_output_blocked_now_seconds");
    add_time(out, longest);
}

static void add_all(text *out) {
    unsigned long long confirmed = all.confirmed, produced = all.produced;
    add_one(out, "redtail_start_timestamp_seconds", "gauge", "When the run has begun", all.start, 1);
    add_one(out, "redtail_checkpoint_timestamp_seconds", "gauge", "When the checkpoint was last saved", all.saved, 1);
    add_one(out, "redtail_bridge_confirmed_messages_total", "counter", "Messages that the brokers have confirmed", confirmed, 0);
    add_one(out, "redtail_bridge_unconfirmed_messages", "gauge", "Messages in the queue or sent, and not confirmed",
            produced > confirmed ? produced - confirmed : 0, 0);
    add_head(out, "redtail_build_info", "gauge", "The version of redtail");
    text_print(out, "redtail_build_info{version=\"%s\"} 1\n", redtail_version());
    add_streams(out);
}

static void send_all(int client, const char *bytes, size_t len) {
    for (ssize_t sent; len > 0; bytes += sent, len -= (size_t)sent)
        if ((sent = send(client, bytes, len, MSG_NOSIGNAL)) <= 0)
            return;
}

/* Reads up to the empty line after the headers. Returns whether /metrics is asked for. */
static int read_request(int client) {
    char request[8192] = "";
    size_t len = 0;
    ssize_t got;
    while (!strstr(request, "\r\n\r\n") && len < sizeof request - 1
           && (got = recv(client, request + len, sizeof request - 1 - len, 0)) > 0) {
        len += (size_t)got;
        request[len] = 0;
    }
    return !strncmp(request, "GET /metrics ", 13);
}

static void answer(int client) {
    struct timeval limit = {5, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    text head = {NULL, 0, 0}, body = {NULL, 0, 0};
    int is_known = read_request(client);
    if (is_known)
        add_all(&body);
    else
        text_print(&body, "see /metrics\n");
    text_print(&head, "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
               is_known ? "200 OK" : "404 Not Found", body.len);
    send_all(client, head.bytes, head.len);
    send_all(client, body.bytes, body.len);
    free(head.bytes);
    free(body.bytes);
    close(client);
}

static void *serve(void *context) {
    int listener = *(int *)context;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0)
            answer(client);
        else if (errno != EINTR && errno != ECONNABORTED)
            pause_ms(100); /* no file descriptor is free */
    }
    return NULL;
}

static int listen_at(const char *address) {
    char host[256];
    const char *colon = strrchr(address, ':'), *start = address;
    size_t len = colon ? (size_t)(colon - address) : 0;
    if (len > 1 && *start == '[' && start[len - 1] == ']') {
        start++;
        len -= 2;
    }
    if (!len || len >= sizeof host)
        wrong("--metrics takes host:port, not %s", address);
    memcpy(host, start, len);
    host[len] = 0;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int status = getaddrinfo(host, colon + 1, &wanted, &found), listener = -1, on = 1;
    if (status)
        wrong("--metrics: %s", gai_strerror(status));
    listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(listener, found->ai_addr, found->ai_addrlen) || listen(listener, 16))
        wrong("--metrics: %s", strerror(errno));
    freeaddrinfo(found);
    return listener;
}

void metrics_serve(const char *address) {
    static int listener;
    pthread_t thread;
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    char port[16] = "";
    all.start = wall_ms();
    if (!address)
        return;
    listener = listen_at(address);
    if (pthread_create(&thread, NULL, serve, &listener))
        wrong("--metrics: %s", "there is no thread");
    pthread_detach(thread);
    if (!getsockname(listener, (struct sockaddr *)&local, &size))
        getnameinfo((struct sockaddr *)&local, size, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    say("metrics at http://%.*s:%s/metrics", (int)(strrchr(address, ':') - address), address, port);
}
