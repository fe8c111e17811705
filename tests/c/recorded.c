/* Reads a recorded connection through a session, cut at random offsets, and prints a line for each command:
 *
 *     recorded FILE OFFSET SEED        (OFFSET: - if the recording contains it; SEED 0: not cut)
 *
 * kind offset db tx resumable raw-length argc hash-of-arguments keys
 *
 * where keys are the status of redtail_command_keys, each key as index:db:access, and redtail_command_is_write.
 */
#include <inttypes.h>
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const redtail_event *event) { /* FNV-1a over lengths and bytes */
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < event->argc; i++) {
        hash = (hash ^ event->args[i].len) * 1099511628211u;
        for (size_t at = 0; at < event->args[i].len; at++)
            hash = (hash ^ (unsigned char)event->args[i].data[at]) * 1099511628211u;
    }
    return hash;
}

static void print_keys(const redtail_event *event) {
    redtail_key few[2], *keys = few;
    size_t count, i;
    int status = redtail_command_keys(event->args, event->argc, event->db, keys, 2, &count);
    if (count > 2) {
        keys = malloc(count * sizeof *keys);
        redtail_command_keys(event->args, event->argc, event->db, keys, count, &count);
    }
    printf(" %d", status);
    for (i = 0; i < count; i++)
        printf(" %zu:%" PRId64 ":%s", keys[i].index, keys[i].db, redtail_access_name(keys[i].access));
    printf(" %d\n", redtail_command_is_write(event->args, event->argc));
    if (keys != few)
        free(keys);
}

static int drain(redtail_session *session) {
    const redtail_event *event;
    int status;
    while ((status = redtail_session_next(session, 0, &event)) == REDTAIL_OK)
        if (event->argc > 0) {
            printf("%d %" PRIu64 " %" PRId64 " %" PRIu64 " %d %zu %zu %016" PRIx64, event->kind, event->offset, event->db,
                   event->tx, event->resumable, event->raw.len, event->argc, hash_of(event));
            print_keys(event);
        }
    return status;
}

int main(int argc, char **argv) {
    redtail_options options;
    if (argc != 4)
        return 2;
    FILE *file = fopen(argv[1], "rb");
    uint64_t offset = strcmp(argv[2], "-") == 0 ? REDTAIL_UNKNOWN : strtoull(argv[2], NULL, 10);
    uint64_t random = strtoull(argv[3], NULL, 10);
    redtail_options_init(&options, sizeof options);
    options.control = 1;
    options.buffer_size = random ? 1024 : 0;
    redtail_session *session = redtail_session_new_recorded(&options, offset);
    char *space;
    size_t room, count;
    int status = file ? REDTAIL_NEED_MORE : REDTAIL_ERROR_ARGUMENT;
    while (status == REDTAIL_NEED_MORE && redtail_session_space(session, &space, &room) == REDTAIL_OK) {
        if (random) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t piece = 1 + (size_t)(random >> 33) % ((random >> 60) == 0 ? 100000 : 300);
            room = piece < room ? piece : room;
        }
        count = fread(space, 1, room, file);
        if (count == 0)
            break;
        redtail_session_received(session, count);
        status = drain(session);
    }
    if (status < 0)
        printf("%s\n", redtail_session_message(session));
    redtail_session_free(session);
    if (file)
        fclose(file);
    return 0;
}
