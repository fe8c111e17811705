/* Writes the contents of standard input, which may be compressed, to standard output. The compression goes to standard
 * error, and so does the message of an error. "fail N" ends the source with the number N. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redtail.h"

static int fails_with = 0;

static int from_stdin(void *context, char *space, size_t room, size_t *count) {
    *count = fread(space, 1, room, (FILE *)context);
    return *count == 0 ? fails_with : 0;
}

int main(int argc, char **argv) {
    char space[1000];
    const char *name = "none";
    size_t count;
    int status;
    redtail_decompress *file = redtail_decompress_new(from_stdin, stdin);

    if (argc == 3) fails_with = atoi(argv[2]);
    if (redtail_decompress_name(file, &name) != REDTAIL_NONE) return 2;
    while ((status = redtail_decompress_read(file, space, sizeof space, &count)) == REDTAIL_OK)
        fwrite(space, 1, count, stdout);
    redtail_decompress_name(file, &name);
    fprintf(stderr, "%s, %s, %s: %s", redtail_features(), name, redtail_status_name(status), redtail_decompress_message(file));
    if (status != redtail_decompress_read(file, space, sizeof space, &count)) return 3;
    redtail_decompress_free(file);
    return 0;
}
