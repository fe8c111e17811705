/* Reads what a server answers from standard input and prints it as a tree:
 *
 *     printf 'PING\r\nCONFIG GET port\r\n' | nc localhost 6379 | parse
 */
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print(const char *before, redtail_slice bytes, const char *after) {
    fputs(before, stdout);
    fwrite(bytes.data, 1, bytes.len, stdout); /* any bytes, NUL too */
    fputs(after, stdout);
}

static void print_frame(redtail_parser *parser) {
    const redtail_token *token;
    while (redtail_parser_next_token(parser, &token) == REDTAIL_OK) {
        if (token->step == REDTAIL_TOKEN_END)
            continue;
        printf("%*s", (int)token->depth * 2, "");
        if (token->step == REDTAIL_TOKEN_CHUNK)
            print("... ", token->bytes, "\n");
        else
            switch (token->kind) {
            case REDTAIL_KIND_ARRAY: printf("array\n"); break;
            case REDTAIL_KIND_MAP: printf("map\n"); break;
            case REDTAIL_KIND_SET: printf("set\n"); break;
            case REDTAIL_KIND_PUSH: printf("push\n"); break;
            case REDTAIL_KIND_ATTRIBUTE: printf("attribute\n"); break;
            case REDTAIL_KIND_NULL: printf("null\n"); break;
            case REDTAIL_KIND_INTEGER: printf("%lld\n", (long long)token->integer); break;
            case REDTAIL_KIND_BOOLEAN: printf("%s\n", token->integer ? "true" : "false"); break;
            case REDTAIL_KIND_DOUBLE: printf("%g\n", redtail_token_double(token)); break;
            case REDTAIL_KIND_ERROR:
            case REDTAIL_KIND_BULK_ERROR: print("error: ", token->bytes, "\n"); break;
            default: print("\"", token->bytes, "\"\n"); break;
            }
    }
}

int main(void) {
    redtail_parser *parser = redtail_parser_new(REDTAIL_MODE_FRAMES, NULL);
    size_t size = 4096, filled = 0;
    ssize_t count; /* not fread, which waits until the buffer is full */
    char *buffer = malloc(size);
    int status = parser && buffer ? REDTAIL_NEED_MORE : REDTAIL_ERROR_MEMORY;

    while (status == REDTAIL_NEED_MORE && (count = read(STDIN_FILENO, buffer + filled, size - filled)) > 0) {
        const redtail_item *frame;
        redtail_slice unread;
        unread.data = buffer;
        unread.len = filled += (size_t)count;
        while ((status = redtail_parser_next(parser, &unread, &frame)) == REDTAIL_OK)
            print_frame(parser);
        fflush(stdout);
        memmove(buffer, unread.data, filled = unread.len); /* the incomplete item stays, at the front */
        if (filled == size) {
            char *larger = realloc(buffer, size *= 2);
            if (larger == NULL) {
                status = REDTAIL_ERROR_MEMORY;
                break;
            }
            buffer = larger;
        }
    }
    if (status == REDTAIL_ERROR_MEMORY)
        fprintf(stderr, "parse: no memory\n");
    else if (status < 0)
        fprintf(stderr, "parse: %s\n", redtail_parser_message(parser));
    else if (filled > 0)
        fprintf(stderr, "parse: the input ends within a frame\n");
    redtail_parser_free(parser);
    free(buffer);
    return status < 0 || filled > 0;
}
