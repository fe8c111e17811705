/* Without a server: an embedded primary, a recording of it, a follower in a poll loop, and a session in a loop that
 * reads in the background and has only a timer: embedded FILE
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char RECORDED[] = "+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n$18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0"
                               "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$3\r\nsEt\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";

static redtail_primary *serve(const char *file) {
    redtail_primary *primary = redtail_primary_new();
    if (file != NULL)
        IS(REDTAIL_OK, redtail_primary_serve_file(primary, file));
    else
        IS(REDTAIL_OK, redtail_primary_serve_bytes(primary, RECORDED, sizeof RECORDED - 1));
    CHECK(strcmp(redtail_primary_message(primary), "") == 0);
    return primary;
}

/* The loop of the header. Ends after the DEL. */
static void follow(redtail_primary *primary, const char *record_to) {
    redtail_follower *follower = redtail_follower_new(NULL);
    const redtail_event *event;
    int status = REDTAIL_IDLE, sets = 0, dels = 0, polls = 0;
    int64_t fd;
    if (record_to != NULL)
        IS(REDTAIL_OK, redtail_follower_record(follower, record_to));
    IS(REDTAIL_OK, redtail_follower_connect(follower, redtail_primary_address(primary)));
    while (status == REDTAIL_IDLE && dels == 0) {
        while (dels == 0 && (status = redtail_follower_next_timeout(follower, 0, &event)) == REDTAIL_OK) {
            if (event->kind != REDTAIL_EVENT_COMMAND)
                continue;
            CHECK(event->db == 2);
            sets += redtail_command_is(event->args, event->argc, "SET");
            dels += redtail_command_is(event->args, event->argc, "del");
        }
        if (redtail_follower_fd(follower, &fd) == REDTAIL_OK && dels == 0) {
            struct pollfd polled = {(int)fd, POLLIN, 0};
            polls++;
            CHECK(poll(&polled, 1, 1000) >= 0);
        }
    }
    CHECK(sets == 1 && dels == 1 && status == REDTAIL_OK && polls > 0);
    IS(REDTAIL_OK, redtail_follower_finish_recording(follower));
    redtail_follower_free(follower);
}

static int connected(const char *address) {
    struct sockaddr_in to;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void send_all(redtail_session *session, int fd) {
    const char *out;
    size_t len;
    while (redtail_session_to_send(session, &out, &len) == REDTAIL_OK && len > 0) {
        ssize_t sent = send(fd, out, len, 0);
        CHECK(sent > 0);
        IS(REDTAIL_OK, redtail_session_sent(session, sent > 0 ? (size_t)sent : len));
    }
}

/* As a completion loop does: the read has been started before the events are taken, and ends after. */
static void session_with_reads_in_the_background(redtail_primary *primary) {
    redtail_session *session = redtail_session_new(NULL);
    const redtail_event *event;
    redtail_position position;
    uint64_t now = 1000, deadline;
    int status, fd, sets = 0, dels = 0;

    IS(REDTAIL_RECONNECT, redtail_session_next(session, now, &event));
    IS(REDTAIL_OK, redtail_session_deadline_ms(session, &deadline));
    CHECK(deadline <= now);
    /* While a connect is pending. */
    IS(REDTAIL_RECONNECT, redtail_session_next(session, now + 5, &event));
    IS(REDTAIL_OK, redtail_session_deadline_ms(session, &deadline));
    CHECK(deadline <= now);
    fd = connected(redtail_primary_address(primary));
    IS(REDTAIL_OK, redtail_session_connected(session, now));
    status = redtail_session_next(session, now, &event);
    while (dels == 0 && (status == REDTAIL_OK || status == REDTAIL_NEED_MORE)) {
        char *space, bytes[64];
        size_t room, half;
        ssize_t count;
        send_all(session, fd);
        IS(REDTAIL_OK, redtail_session_space(session, &space, &room));
        count = recv(fd, bytes, sizeof bytes < room ? sizeof bytes : room, 0);
        CHECK(count > 0);
        if (count <= 0)
            break;
        half = (size_t)count / 2;
        memcpy(space, bytes, half);
        /* These calls are allowed during the read. */
        IS(REDTAIL_OK, redtail_session_timer(session, now));
        IS(REDTAIL_OK, redtail_session_keep_alive(session, now));
        IS(REDTAIL_OK, redtail_session_stamp(session, now));
        IS(REDTAIL_OK, redtail_session_deadline_ms(session, &deadline));
        CHECK(redtail_session_position(session, &position) >= 0 && redtail_session_message(session) != NULL);
        while ((status = redtail_session_next(session, now, &event)) == REDTAIL_OK) {
            sets += event->argc > 0 && redtail_command_is(event->args, event->argc, "set");
            dels += event->argc > 0 && redtail_command_is(event->args, event->argc, "DEL");
        }
        send_all(session, fd);
        memcpy(space + half, bytes + half, (size_t)count - half);
        IS(REDTAIL_OK, redtail_session_received(session, (size_t)count));
        while (status >= 0 && (status = redtail_session_next(session, now, &event)) == REDTAIL_OK) {
            sets += event->argc > 0 && redtail_command_is(event->args, event->argc, "set");
            dels += event->argc > 0 && redtail_command_is(event->args, event->argc, "DEL");
        }
        if (status == REDTAIL_RECONNECT) { /* a start that needs a second connection */
            close(fd);
            fd = connected(redtail_primary_address(primary));
            IS(REDTAIL_OK, redtail_session_connected(session, now));
            status = REDTAIL_NEED_MORE;
        }
    }
    CHECK(sets == 1 && dels == 1);

    /* Silence, told by the timer alone. A pause of the program is no silence of the primary. */
    now += 1000;
    IS(REDTAIL_OK, redtail_session_timer(session, now));
    now += 3600 * 1000;
    IS(REDTAIL_OK, redtail_session_timer(session, now));
    IS(REDTAIL_NEED_MORE, redtail_session_next(session, now, &event));
    for (int second = 0; second < 56; second++) {
        now += 1000;
        IS(REDTAIL_OK, redtail_session_timer(session, now));
        IS(REDTAIL_NEED_MORE, redtail_session_next(session, now, &event));
    }
    now += 1000;
    IS(REDTAIL_OK, redtail_session_timer(session, now)); /* 1 + 2 + 57 seconds were counted */
    IS(REDTAIL_OK, redtail_session_next(session, now, &event));
    CHECK(event->kind == REDTAIL_EVENT_DISCONNECTED && event->disconnected->reason == REDTAIL_DISCONNECT_SILENCE);
    IS(REDTAIL_RECONNECT, redtail_session_next(session, now, &event));
    redtail_session_free(session);
    close(fd);
}

int main(int argc, char **argv) {
    redtail_primary *primary, *recorded;
    if (argc != 2)
        return 2;
    primary = serve(NULL);
    follow(primary, argv[1]);
    recorded = serve(argv[1]);
    follow(recorded, NULL);
    session_with_reads_in_the_background(primary);
    IS(REDTAIL_OK, redtail_primary_check(primary));
    redtail_primary_free(recorded);
    redtail_primary_free(primary);
    if (failures == 0)
        puts("embedded primaries hold");
    return failures > 0;
}
