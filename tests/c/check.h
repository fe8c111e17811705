/* Counts what is not as it should be, and says where. */
#include <redtail.h>
#include <stdint.h>
#include <stdio.h>

/* An address in this memory that is aligned for nothing but bytes, on every machine. */
#define ODD(memory) ((void *)((char *)(memory) + ((uintptr_t)(memory) % 2 == 0)))

static int failures;

#define IS(expected, call) is(expected, call, #call, __LINE__)
static void is(int expected, int status, const char *call, int line) {
    if (status != expected) {
        printf("%d: %s gives %s, not %s\n", line, call, redtail_status_name(status), redtail_status_name(expected));
        failures++;
    }
}

#define CHECK(condition) check(condition, #condition, __LINE__)
static void check(int holds, const char *condition, int line) {
    if (!holds) {
        printf("%d: not so: %s\n", line, condition);
        failures++;
    }
}
