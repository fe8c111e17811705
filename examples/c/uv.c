/* Prints every write of a server, in a libuv loop, until Ctrl-C: "uv 127.0.0.1:6379". Link with -luv.
 *
 * libuv reads for the program, so a timer counts the time without received bytes. It reconnects.
 */
#define _POSIX_C_SOURCE 200809L
#include <redtail.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static redtail_session *session;
static uv_loop_t *loop;
static uv_tcp_t server;
static uv_timer_t redial, second;
static struct sockaddr_in address;
static int status, is_open, is_connected;

static void dial(uv_timer_t *timer);

static void plan(uv_handle_t *closed) {
    uint64_t deadline = 0, now = uv_now(loop);
    (void)closed;
    redtail_session_deadline_ms(session, &deadline);
    if (status == REDTAIL_RECONNECT) uv_timer_start(&redial, dial, deadline > now ? deadline - now : 0, 0);
    else uv_stop(loop); /* an error */
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

/* After each report to the session. */
static void proceed(void) {
    const redtail_event *event;
    const char *bytes;
    size_t len = 0;
    while ((status = redtail_session_next(session, uv_now(loop), &event)) == REDTAIL_OK) print_event(event);
    is_connected = status == REDTAIL_NEED_MORE;
    if (!is_connected && is_open) uv_close((uv_handle_t *)&server, plan), is_open = 0;
    else if (!is_connected) plan(NULL);
    else if (redtail_session_to_send(session, &bytes, &len) == REDTAIL_OK && len > 0) {
        uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)len);
        int count = uv_try_write((uv_stream_t *)&server, &buffer, 1); /* the rest is sent a second later */
        if (count > 0) redtail_session_sent(session, (size_t)count);
    }
}

static void space(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    size_t len = 0;
    (void)handle, (void)suggested;
    if (redtail_session_space(session, &buffer->base, &len) == REDTAIL_OK) buffer->len = len;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    (void)stream, (void)buffer;
    if (count > 0) redtail_session_received(session, (size_t)count);
    else if (count < 0) redtail_session_disconnected(session, count == UV_EOF ? NULL : uv_strerror((int)count));
    if (count != 0) proceed();
}

static void on_connect(uv_connect_t *request, int failure) {
    (void)request;
    if (failure < 0) redtail_session_disconnected(session, uv_strerror(failure));
    else redtail_session_connected(session, uv_now(loop)), uv_read_start((uv_stream_t *)&server, space, on_read);
    proceed();
}

static void dial(uv_timer_t *timer) {
    static uv_connect_t request;
    (void)timer;
    is_open = uv_tcp_init(loop, &server) == 0;
    int failure = uv_tcp_connect(&request, &server, (const struct sockaddr *)&address, on_connect);
    if (failure < 0) on_connect(&request, failure);
}

static void on_second(uv_timer_t *timer) {
    (void)timer;
    if (is_connected) redtail_session_timer(session, uv_now(loop)), proceed();
}

static void on_signal(uv_signal_t *signal, int number) { (void)number, uv_stop(signal->loop); }

/* Reads IP:PORT. */
static int read_address(const char *text) {
    char ip[INET_ADDRSTRLEN];
    int port, end = 0;
    if (sscanf(text, "%15[0-9.]:%5d%n", ip, &port, &end) != 2 || text[end] || port < 1 || port > 65535) return 0;
    return uv_ip4_addr(ip, port, &address) == 0;
}

int main(int argc, char **argv) {
    uv_signal_t interrupt;
    if (!read_address(argc > 1 ? argv[1] : "127.0.0.1:6379")) {
        fprintf(stderr, "usage: uv IP:PORT, for example uv 127.0.0.1:6379\n");
        return 2;
    }
    loop = uv_default_loop();
    session = redtail_session_new(NULL); /* NULL only without memory */
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(loop, &redial), uv_timer_init(loop, &second), uv_signal_init(loop, &interrupt);
    uv_timer_start(&second, on_second, 1000, 1000);
    uv_signal_start(&interrupt, on_signal, SIGINT);
    proceed(); /* the session asks for its first connection */
    uv_run(loop, UV_RUN_DEFAULT);
    if (status < 0) fprintf(stderr, "uv: %s\n", redtail_session_message(session));
    redtail_session_free(session);
    return status < 0;
}
