/* Follows two primaries in one thread with one poll loop: "embed 127.0.0.1:6379 127.0.0.1:6380 | slow-consumer".
 *
 * Their writes go to standard output through one bounded queue. While it is full, no connection is read, but each
 * primary still receives acknowledgements. It reconnects, and ends with standard output or with both sessions.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { const char *name; struct sockaddr_in address; int socket, status; redtail_session *session; } follower_t;

enum { QUEUE = 1 << 20, FULL = QUEUE / 2 }; static char queue[QUEUE]; static size_t queued;

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void lost(follower_t *f, const char *reason) {
    redtail_session_disconnected(f->session, reason);
    f->socket = (close(f->socket), -1);
}

static void dial(follower_t *f) {
    f->socket = socket(AF_INET, SOCK_STREAM, 0);
    fcntl(f->socket, F_SETFL, O_NONBLOCK);
    if (connect(f->socket, (struct sockaddr *)&f->address, sizeof f->address) < 0 && errno != EINPROGRESS) lost(f, strerror(errno));
    else redtail_session_connected(f->session, now_ms()); /* its output waits until the socket is writable */
    f->status = REDTAIL_NEED_MORE; /* statuses of the previous connection no longer apply */
}

static void enqueue(const follower_t *f, const redtail_event *event) {
    char *line = queue + queued, *end = queue + QUEUE - 1; /* long commands are cut */
    line += snprintf(line, (size_t)(end - line), "%s %llu", f->name, (unsigned long long)event->offset);
    for (size_t i = 0; i < event->argc && (size_t)(end - line) > event->args[i].len; i++) {
        *line++ = ' ';
        line = (char *)memcpy(line, event->args[i].data, event->args[i].len) + event->args[i].len;
    }
    *line++ = '\n';
    queued = (size_t)(line - queue);
}

static void handle_events(follower_t *f) {
    const redtail_event *event; uint64_t deadline = 0;
    while (queued < FULL && (f->status = redtail_session_next(f->session, now_ms(), &event)) == REDTAIL_OK)
        if (event->argc > 0) enqueue(f, event); /* a command */
        else if (event->kind == REDTAIL_EVENT_DISCONNECTED)
            fprintf(stderr, "%s: %s\n", f->name, redtail_session_message(f->session));
    if (queued >= FULL) redtail_session_keep_alive(f->session, now_ms()); /* no room for an event; an acknowledgement may be due */
    if (f->status < 0) fprintf(stderr, "%s: %s\n", f->name, redtail_session_message(f->session));
    if (f->socket >= 0 && (f->status == REDTAIL_RECONNECT || f->status < 0)) f->socket = (close(f->socket), -1);
    redtail_session_deadline_ms(f->session, &deadline);
    if (f->status == REDTAIL_RECONNECT && queued < FULL && deadline <= now_ms()) dial(f);
}

static void transfer(follower_t *f, short ready) {
    const char *out; char *in; size_t len = 0; ssize_t count = 0;
    redtail_session_to_send(f->session, &out, &len);
    if (len > 0 && (ready & POLLOUT) && (count = send(f->socket, out, len, 0)) > 0) redtail_session_sent(f->session, (size_t)count);
    if (count < 0 && errno != EAGAIN && errno != EINTR) lost(f, strerror(errno));
    if (f->socket < 0 || queued >= FULL || redtail_session_space(f->session, &in, &len) != REDTAIL_OK) return;
    count = recv(f->socket, in, len, 0); /* also if it is not readable: EAGAIN proves silence */
    if (count > 0) redtail_session_received(f->session, (size_t)count);
    else if (count == 0) lost(f, NULL); /* the server closed it */
    else if (errno == EAGAIN) redtail_session_silent(f->session);
    else if (errno != EINTR) lost(f, strerror(errno));
}

static int read_address(const char *text, struct sockaddr_in *address) { /* a name needs getaddrinfo, which blocks */
    char ip[16]; unsigned port; int end = 0;
    if (sscanf(text, "%15[0-9.]:%5u%n", ip, &port, &end) != 2 || text[end] || port < 1 || port > 65535) return 0;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, ip, &address->sin_addr) == 1;
}

int main(int argc, char **argv) {
    const char *names[] = {argc > 1 ? argv[1] : "127.0.0.1:6379", argc > 2 ? argv[2] : "127.0.0.1:6380"};
    follower_t followers[2]; redtail_options options;
    redtail_options_init(&options, sizeof options), options.retry_first = 1; /* wait for a primary that is not up yet */
    for (int i = 0; i < 2; i++) {
        followers[i] = (follower_t){.name = names[i], .socket = -1};
        if (!read_address(names[i], &followers[i].address))
            return fprintf(stderr, "usage: embed IP:PORT IP:PORT, for example embed 127.0.0.1:6379 127.0.0.1:6380\n"), 2;
    }
    for (int i = 0; i < 2; i++) followers[i].session = redtail_session_new(&options);
    signal(SIGPIPE, SIG_IGN); fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    for (;;) {
        struct pollfd polled[3] = {{0}}; uint64_t now, wake = now_ms() + 60000, deadline = 0;
        for (int i = 0; i < 2; i++) {
            follower_t *f = &followers[i]; const char *out; size_t len = 0;
            if (f->status >= 0) handle_events(f);
            redtail_session_to_send(f->session, &out, &len);
            redtail_session_deadline_ms(f->session, &deadline);
            if (deadline < wake && (queued < FULL || f->socket >= 0)) wake = deadline;
            polled[i].fd = queued < FULL || len > 0 ? f->socket : -1; /* poll ignores -1 */
            polled[i].events = (short)((queued < FULL ? POLLIN : 0) | (len > 0 ? POLLOUT : 0));
        }
        polled[2] = (struct pollfd){STDOUT_FILENO, queued > 0 ? POLLOUT : 0, 0};
        if (followers[0].status < 0 && followers[1].status < 0 && queued == 0) break;
        poll(polled, 3, (now = now_ms()) < wake ? (int)(wake - now) : 0);
        for (int i = 0; i < 2; i++) if (followers[i].socket >= 0) transfer(&followers[i], polled[i].revents);
        ssize_t written = queued > 0 && polled[2].revents ? write(STDOUT_FILENO, queue, queued) : 0;
        if (written > 0) memmove(queue, queue + written, queued -= (size_t)written);
        if ((polled[2].revents & (POLLERR | POLLHUP)) || (written < 0 && errno != EAGAIN)) break;
    }
    for (int i = 0; i < 2; i++) redtail_session_free(followers[i].session);
    return 0;
}
