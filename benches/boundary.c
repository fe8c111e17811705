/* The work of benches/boundary.rs through the C interface: "boundary VARIANT ROUNDS FILE". Prints the total length
 * of all arguments. */
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t sum;

static size_t lengths(const redtail_slice *args, size_t argc) {
    size_t lengths = 0;
    for (size_t i = 0; i < argc; i++)
        lengths += args[i].len;
    return lengths;
}

static size_t span_lengths(const redtail_item *item) {
    size_t lengths = 0;
    for (size_t i = 0; i < item->argc; i++)
        lengths += item->spans[i].len;
    return lengths;
}

static int each(void *context, const redtail_item *item) {
    (void)context;
    sum += span_lengths(item);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    long rounds = atol(argv[2]);
    FILE *file = fopen(argv[3], "rb");
    char *bytes = malloc(1 << 20);
    size_t size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    if (strcmp(argv[1], "session") == 0) {
        redtail_session *session = redtail_session_new_recorded(NULL, 0);
        const redtail_event *event;
        const char *head = "+CONTINUE\r\n";
        size_t room;
        char *space;
        redtail_session_space(session, &space, &room);
        memcpy(space, head, strlen(head));
        redtail_session_received(session, strlen(head));
        while (redtail_session_next(session, 0, &event) == REDTAIL_OK) {}
        for (long round = 0; round < rounds; round++)
            for (size_t at = 0; at < size;) {
                redtail_session_space(session, &space, &room);
                room = room < size - at ? room : size - at;
                memcpy(space, bytes + at, room);
                redtail_session_received(session, room);
                at += room;
                while (redtail_session_next(session, 0, &event) == REDTAIL_OK)
                    sum += lengths(event->args, event->argc);
            }
        redtail_session_free(session);
    } else {
        redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_STREAM, NULL);
        const redtail_item *item;
        for (long round = 0; round < rounds; round++) {
            redtail_slice input = {bytes, size};
            if (strcmp(argv[1], "batch") == 0)
                redtail_parser_batch(parser, &input, each, NULL);
            else
                while (redtail_parser_next(parser, &input, &item) == REDTAIL_OK)
                    sum += span_lengths(item);
        }
        redtail_parser_free(parser);
    }
    printf("%zu\n", sum);
    free(bytes);
    return 0;
}
