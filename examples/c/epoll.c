/* Prints every write of a server, in an epoll loop of its own (Linux), until Ctrl-C: "epoll 127.0.0.1:6379".
 *
 * One thread waits for the server and for signals, and for whatever else you add. It reconnects.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static redtail_session *session; static struct sockaddr_in address;
static int loop, server = -1;

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void watch(int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(loop, operation, fd, &event) < 0) perror("epoll"), exit(1);
}

static void hang_up(void) { server = (close(server), -1); /* epoll forgets it */ }

static void lost(const char *reason) { hang_up(), redtail_session_disconnected(session, reason); }

static void dial(void) {
    server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0 || (connect(server, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)) {
        lost(strerror(errno));
    } else {
        watch(EPOLL_CTL_ADD, server, EPOLLIN);
        redtail_session_connected(session, now_ms()); /* its bytes are sent once the socket is writable */
    }
}

static void send_bytes(void) {
    const char *bytes;
    size_t len = 0;
    redtail_session_to_send(session, &bytes, &len);
    ssize_t count = len > 0 ? send(server, bytes, len, MSG_NOSIGNAL) : 0;
    if (count > 0) redtail_session_sent(session, (size_t)count);
    /* A server that closes the connection may have sent its reason: the next read delivers it. */
    if (count < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET) {
        lost(strerror(errno));
        return;
    }
    watch(EPOLL_CTL_MOD, server, EPOLLIN | (count < (ssize_t)len ? EPOLLOUT : 0));
}

static void receive_bytes(void) {
    char *space;
    size_t len;
    if (redtail_session_space(session, &space, &len) != REDTAIL_OK) return; /* redtail_session_next returns the error */
    ssize_t count = recv(server, space, len, 0);
    if (count > 0) redtail_session_received(session, (size_t)count);
    else if (count == 0) lost(NULL); /* the server closed the connection */
    else if (errno == EAGAIN) redtail_session_silent(session);
    else if (errno != EINTR) lost(strerror(errno));
}

static void print_event(const redtail_event *event) {
    if (event->kind == REDTAIL_EVENT_GAP || event->kind == REDTAIL_EVENT_DISCONNECTED)
        fprintf(stderr, "%s\n", redtail_session_message(session));
    for (size_t i = 0; i < event->argc; i++) { /* any bytes, NUL too */
        fwrite(event->args[i].data, 1, event->args[i].len, stdout);
        putchar(i + 1 < event->argc ? ' ' : '\n');
    }
    fflush(stdout);
}

static int read_address(const char *text, struct sockaddr_in *address) { /* a name needs getaddrinfo, which blocks */
    char ip[16]; unsigned port; int end = 0;
    if (sscanf(text, "%15[0-9.]:%5u%n", ip, &port, &end) != 2 || text[end] || port < 1 || port > 65535) return 0;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, ip, &address->sin_addr) == 1;
}

int main(int argc, char **argv) {
    if (!read_address(argc > 1 ? argv[1] : "127.0.0.1:6379", &address))
        return fprintf(stderr, "usage: epoll IP:PORT, for example epoll 127.0.0.1:6379\n"), 2;
    int status = REDTAIL_OK;
    sigset_t stops;
    sigemptyset(&stops), sigaddset(&stops, SIGINT), sigaddset(&stops, SIGTERM);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    int signals = signalfd(-1, &stops, SFD_CLOEXEC);
    loop = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, signals, EPOLLIN);
    session = redtail_session_new(NULL); /* NULL only without memory */

    for (struct epoll_event ready = {0}; ready.data.fd != signals;) {
        const redtail_event *event;
        uint64_t deadline = 0, now;
        while ((status = redtail_session_next(session, now_ms(), &event)) == REDTAIL_OK) print_event(event);
        if (status != REDTAIL_NEED_MORE && server >= 0) hang_up();
        if (status != REDTAIL_NEED_MORE && status != REDTAIL_RECONNECT) break;
        redtail_session_deadline_ms(session, &deadline);
        if (status == REDTAIL_RECONNECT && deadline <= now_ms()) dial();
        if (server >= 0) send_bytes();
        if (server < 0 && status == REDTAIL_NEED_MORE) continue; /* the connection was lost */
        int wait = deadline > (now = now_ms()) ? (int)(deadline - now) : 0;
        int count = epoll_wait(loop, &ready, 1, wait);
        /* At the deadline too: only a read shows that the server is silent. */
        if (server >= 0 && (count == 0 || ready.data.fd == server)) receive_bytes();
    }
    if (status < 0) fprintf(stderr, "epoll: %s\n", redtail_session_message(session));
    redtail_session_free(session);
    return status < 0;
}
