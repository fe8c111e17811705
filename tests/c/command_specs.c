/* The keys of commands that the tables do not have, from descriptions as Redis 6.2 (RESP2) and 7.0 (RESP3)
 * send them. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

#define OLD "*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:-1\r\n:2\r\n"
#define NEW                                                                                                            \
    "*10\r\n$6\r\nq.move\r\n:4\r\n~1\r\n+write\r\n:0\r\n:0\r\n:0\r\n~0\r\n*0\r\n~2\r\n"                                    \
    "%3\r\n$5\r\nflags\r\n~2\r\n+RW\r\n+delete\r\n"                                                                       \
    "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:2\r\n"                   \
    "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n" \
    "%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n"                                                                                  \
    "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"                   \
    "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n" \
    "*0\r\n"
#define READ "*6\r\n$6\r\nq.peek\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n"
/* Get and set are described wrongly. The tables know them. */
#define KNOWN "*6\r\n$3\r\nset\r\n:-3\r\n*1\r\n+readonly\r\n:2\r\n:2\r\n:1\r\n"
/* Its keys are not determined. */
#define MOVABLE "*6\r\n$6\r\nq.eval\r\n:-3\r\n*2\r\n+write\r\n+movablekeys\r\n:1\r\n:1\r\n:1\r\n"

/* The bytes in memory of their own size, so that a read after them is found. */
static int learn(redtail_command_specs *specs, const char *reply, size_t len, size_t *learned) {
    char *copy = malloc(len + (len == 0));
    int status;
    if (copy == NULL) abort();
    memcpy(copy, reply, len);
    status = redtail_command_specs_learn(specs, copy, len, learned);
    free(copy);
    return status;
}

int main(void) {
    const char reply[] = "*6\r\n" OLD "*-1\r\n" NEW READ KNOWN MOVABLE, read[] = "*1\r\n" READ;
    redtail_command_specs *specs = redtail_command_specs_new();
    redtail_slice push[5] = {{"Q.Push", 6}, {"a", 1}, {"1", 1}, {"b", 1}, {"2", 1}};
    redtail_slice move[4] = {{"q.move", 6}, {"a", 1}, {"b", 1}, {"3", 1}};
    redtail_slice peek[2] = {{"q.peek", 6}, {"a", 1}}, set[3] = {{"SET", 3}, {"k", 1}, {"v", 1}}, eval[2] = {{"q.eval", 6}, {"a", 1}};
    redtail_key keys[4];
    size_t count = 7, learned = 7, cut;

    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_specs_keys(specs, push, 5, 0, keys, 4, &count));
    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_specs_is_write(specs, push, 5));
    for (cut = 0; cut < sizeof reply - 1; cut++)
        IS(REDTAIL_NEED_MORE, learn(specs, reply, cut, &learned));
    CHECK(learned == 7);
    IS(REDTAIL_OK, learn(specs, reply, sizeof reply - 1, &learned));
    CHECK(learned == 4);

    IS(REDTAIL_OK, redtail_command_specs_keys(specs, push, 5, 6, keys, 4, &count));
    CHECK(count == 2 && keys[0].index == 1 && keys[0].db == 6 && keys[0].access == REDTAIL_ACCESS_WRITE && keys[1].index == 3);
    CHECK(redtail_command_specs_is_write(specs, push, 5) == 1);
    IS(REDTAIL_OK, redtail_command_specs_keys(specs, move, 4, -1, keys, 4, &count));
    CHECK(count == 2 && keys[0].index == 1 && keys[0].access == REDTAIL_ACCESS_READ && keys[0].db == -1);
    CHECK(keys[1].index == 2 && keys[1].access == REDTAIL_ACCESS_WRITE);
    IS(REDTAIL_OK, redtail_command_specs_keys(specs, peek, 2, 0, keys, 4, &count));
    CHECK(count == 1 && keys[0].access == REDTAIL_ACCESS_READ && redtail_command_specs_is_write(specs, peek, 2) == 0);
    /* The tables precede the descriptions. */
    IS(REDTAIL_OK, redtail_command_specs_keys(specs, set, 3, 0, keys, 4, &count));
    CHECK(count == 1 && keys[0].index == 1 && redtail_command_specs_is_write(specs, set, 3) == 1);
    IS(REDTAIL_UNKNOWN_KEYS, redtail_command_specs_keys(specs, eval, 2, 0, keys, 4, &count));
    CHECK(count == 0);
    /* Another reply adds to what was learned. */
    IS(REDTAIL_OK, learn(specs, read, sizeof read - 1, &learned));
    CHECK(learned == 1 && redtail_command_specs_is_write(specs, push, 5) == 1);
    CHECK(strcmp(redtail_command_specs_message(specs), "") == 0);
    redtail_command_specs_free(specs);
    if (failures == 0) puts("the descriptions hold");
    return failures > 0;
}
