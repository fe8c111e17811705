/* Follows a server with the given options and prints a line for each event, until a command named END arrives:
 *
 *     starts ADDRESS METHOD [start=N] [position=TEXT] [user=NAME] [password=WORDS] [parts=N] [control=N] [ack=N] [on_gap=N]
 *
 * METHOD: next, timeout or batch of a follower, or session. Numbers are those of the header.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static redtail_options options;
static redtail_follower *follower;
static redtail_handle *handle;
static redtail_session *session;
static uint64_t snapshot_bytes, part_bytes;
static int over;

static void must(int holds, const char *what) {
    if (!holds) {
        printf("not so: %s (%s)\n", what, session ? redtail_session_message(session) : redtail_follower_message(follower));
        exit(1);
    }
}

static void print_position(const char *name, const redtail_position *position) {
    char text[REDTAIL_POSITION_TEXT_SIZE];
    if (position != NULL)
        must(redtail_position_format(position, text, sizeof text) == REDTAIL_OK, "a position is one");
    printf(" %s=%s", name, position ? text : "-");
}

/* What each event carries, and nothing that it does not speak of. */
static void show(const redtail_event *event) {
    redtail_position position, last;
    int status = redtail_event_position(event, &position);
    must(status == (event->resumable ? REDTAIL_OK : REDTAIL_NONE), "resumable tells whether there is a position");
    must((event->part != NULL) == (event->kind == REDTAIL_EVENT_PART_BEGIN || event->kind == REDTAIL_EVENT_PART_ARGUMENT), "part");
    must((event->snapshot != NULL) == (event->kind == REDTAIL_EVENT_SNAPSHOT_BEGIN || event->kind == REDTAIL_EVENT_SNAPSHOT_END), "snapshot");
    must((event->attached != NULL) == (event->kind == REDTAIL_EVENT_ATTACHED), "attached");
    must((event->forking != NULL) == (event->kind == REDTAIL_EVENT_FORKING), "forking");
    switch (event->kind) {
    case REDTAIL_EVENT_FORKING: printf("forking %d", event->forking->reason); break;
    case REDTAIL_EVENT_ATTACHED:
        printf("attached %d %d %s", event->attached->method, event->attached->role, event->attached->server ? event->attached->server : "-");
        print_position("position", event->attached->position);
        break;
    case REDTAIL_EVENT_SNAPSHOT_BEGIN: printf("snapshot %" PRId64, (int64_t)event->snapshot->length); break;
    case REDTAIL_EVENT_SNAPSHOT_BYTES:
        must(snapshot_bytes > 0 || memcmp(event->raw.data, "REDIS", 5) == 0, "a snapshot begins as one");
        snapshot_bytes += event->raw.len;
        return;
    case REDTAIL_EVENT_SNAPSHOT_END:
        must(event->snapshot->length == snapshot_bytes, "the snapshot has as many bytes as its end tells");
        printf("snapshot ends %d", event->resumable);
        break;
    case REDTAIL_EVENT_PART_BEGIN: printf("part begins %zu", event->part->argc); break;
    case REDTAIL_EVENT_PART_ARGUMENT:
        printf("part %zu %" PRIu64, event->part->index, event->part->length);
        part_bytes += event->part->length;
        break;
    case REDTAIL_EVENT_PART_PIECE: part_bytes -= event->raw.len; return;
    case REDTAIL_EVENT_PART_END:
        must(part_bytes == 0, "the pieces are as long as the arguments");
        printf("part ends at %" PRIu64, event->offset);
        break;
    default:
        printf("%d at %" PRIu64 " in %" PRId64 " tx %" PRIu64, event->kind, event->offset, event->db, event->tx);
        for (size_t i = 0; i < event->argc; i++) {
            putchar(' ');
            fwrite(event->args[i].data, 1, event->args[i].len, stdout);
        }
        must(event->argc == 0 || event->received_ms > 1600000000000, "the time of the last byte is known");
    }
    if (event->kind == REDTAIL_EVENT_GAP) {
        print_position("from", event->gap->from);
        print_position("to", event->gap->to);
    }
    putchar('\n');
    fflush(stdout);
    if (event->resumable && event->kind != REDTAIL_EVENT_PART_END) {
        status = session ? redtail_session_position(session, &last) : redtail_follower_position(follower, &last);
        must(status == REDTAIL_OK && last.offset == position.offset, "the last position is the event's");
    }
    if (event->resumable && options.ack == REDTAIL_ACK_APPLIED) {
        status = session ? redtail_session_commit(session, &position) : redtail_follower_commit(follower, &position);
        must(status == REDTAIL_OK, "a position can be committed");
    }
    over = event->argc == 3 && event->args[1].len == 3 && memcmp(event->args[1].data, "END", 3) == 0;
}

static int each(void *context, const redtail_event *event) {
    must(context == &options, "the context is handed through");
    show(event);
    return over;
}

static int follow(const char *address, const char *way) {
    const redtail_event *event;
    int status = redtail_follower_connect(follower, address);
    while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
        if (strcmp(way, "batch") == 0)
            status = redtail_follower_batch(follower, each, &options);
        else {
            status = strcmp(way, "next") == 0 ? redtail_follower_next(follower, &event) : redtail_follower_next_timeout(follower, 20, &event);
            if (status == REDTAIL_OK)
                show(event);
        }
        if (over) {
            must(status == (strcmp(way, "batch") == 0 ? REDTAIL_STOPPED : REDTAIL_OK), "the last event came well");
            must(redtail_handle_heartbeat(handle) == REDTAIL_OK, "the link lives");
            must(redtail_handle_stop(handle) == REDTAIL_OK, "it can be stopped");
            status = redtail_follower_next_timeout(follower, 1, &event);
        }
    }
    return status;
}

static uint64_t now_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A blocking loop around a session; examples/c/embed.c has the one that does not block. */
static int embed(int port) {
    const redtail_event *event;
    int link = -1, status = REDTAIL_OK;
    while (!over) {
        char *in;
        const char *out;
        size_t len;
        uint64_t deadline, now = now_ms(CLOCK_MONOTONIC);
        while (!over && (status = redtail_session_next(session, now, &event)) == REDTAIL_OK)
            show(event);
        if (status == REDTAIL_RECONNECT) {
            struct sockaddr_in address;
            memset(&address, 0, sizeof address);
            address.sin_family = AF_INET;
            address.sin_port = htons((uint16_t)port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (link >= 0)
                close(link);
            link = socket(AF_INET, SOCK_STREAM, 0);
            must(connect(link, (struct sockaddr *)&address, sizeof address) == 0, "the server accepts");
            must(redtail_session_connected(session, now) == REDTAIL_OK, "the session takes the link");
        } else if (status != REDTAIL_NEED_MORE)
            break;
        must(redtail_session_to_send(session, &out, &len) == REDTAIL_OK, "there is something to send, or nothing");
        if (len > 0) { /* byte by byte at first: any part of it may be written */
            ssize_t sent = send(link, out, len > 3 ? 3 : len, 0);
            must(sent > 0 && redtail_session_sent(session, (size_t)sent) == REDTAIL_OK, "it is sent");
            continue;
        }
        must(redtail_session_deadline_ms(session, &deadline) == REDTAIL_OK && deadline > 0, "there is a deadline");
        struct pollfd polled = {link, POLLIN, 0};
        if (poll(&polled, 1, deadline > now ? (int)(deadline - now < 50 ? deadline - now : 50) : 0) <= 0) {
            must(redtail_session_keep_alive(session, now_ms(CLOCK_MONOTONIC)) == REDTAIL_OK, "it is kept alive");
            must(redtail_session_silent(session) == REDTAIL_OK, "silence is told");
            continue;
        }
        must(redtail_session_space(session, &in, &len) == REDTAIL_OK && len > 0, "there is room");
        ssize_t count = recv(link, in, len, 0);
        must(redtail_session_stamp(session, now_ms(CLOCK_REALTIME)) == REDTAIL_OK, "time is told");
        if (count > 0)
            must(redtail_session_received(session, (size_t)count) == REDTAIL_OK, "what was read is taken");
        else
            must(redtail_session_disconnected(session, NULL) == REDTAIL_OK, "an end is taken");
    }
    if (link >= 0)
        close(link);
    return status;
}

int main(int argc, char **argv) {
    redtail_position position;
    const char *user = NULL, *password = NULL;
    if (argc < 3 || redtail_options_init(&options, sizeof options) != REDTAIL_OK)
        return 2;
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=') + 1;
        if (strncmp(argv[i], "start=", 6) == 0) options.start = atoi(value);
        if (strncmp(argv[i], "parts=", 6) == 0) options.parts = strtoull(value, NULL, 10);
        if (strncmp(argv[i], "control=", 8) == 0) options.control = atoi(value);
        if (strncmp(argv[i], "ack=", 4) == 0) options.ack = atoi(value);
        if (strncmp(argv[i], "on_gap=", 7) == 0) options.on_gap = atoi(value);
        if (strncmp(argv[i], "user=", 5) == 0) user = value;
        if (strncmp(argv[i], "password=", 9) == 0) password = value;
        if (strncmp(argv[i], "position=", 9) == 0) {
            if (redtail_position_parse(value, &position) != REDTAIL_OK)
                return 2;
            options.position = position;
        }
    }
    int embedded = strcmp(argv[2], "session") == 0, status;
    session = embedded ? redtail_session_new(&options) : NULL;
    follower = embedded ? NULL : redtail_follower_new(&options);
    handle = redtail_follower_handle(follower);
    if (password != NULL) {
        int given = embedded ? redtail_session_login(session, user, password, strlen(password)) : redtail_follower_login(follower, user, password, 0);
        must(given == REDTAIL_OK, "user and password are taken");
    }
    status = embedded ? embed(atoi(strrchr(argv[1], ':') + 1)) : follow(argv[1], argv[2]);
    if (status < 0)
        printf("%s: %s\n", redtail_status_name(status), embedded ? redtail_session_message(session) : redtail_follower_message(follower));
    else
        printf("over\n");
    redtail_session_free(session);
    redtail_follower_free(follower);
    redtail_handle_free(handle);
    return 0;
}
