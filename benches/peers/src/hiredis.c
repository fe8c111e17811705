/* hiredis as its users run it, and thread CPU time. The whole loop is C: calls from Rust would count against
 * hiredis. */
#ifndef hiredis_run /* libvalkey.c brings its own names. */
#include <hiredis.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

struct outcome {
    uint64_t frames;
    uint64_t bytes;
};

static struct outcome now;

static void *noop_string(const redisReadTask *task, char *str, size_t len) {
    (void)task, (void)str, (void)len;
    return (void *)1;
}
static void *visit_string(const redisReadTask *task, char *str, size_t len) {
    (void)str;
    if (task->type == REDIS_REPLY_STRING) now.bytes += len;
    return (void *)1;
}
#if HIREDIS_MAJOR >= 1
static void *noop_array(const redisReadTask *task, size_t elements) { (void)task, (void)elements; return (void *)1; }
static void *noop_double(const redisReadTask *task, double value, char *str, size_t len) {
    (void)task, (void)value, (void)str, (void)len;
    return (void *)1;
}
static void *noop_bool(const redisReadTask *task, int value) { (void)task, (void)value; return (void *)1; }
#else
static void *noop_array(const redisReadTask *task, int elements) { (void)task, (void)elements; return (void *)1; }
#endif
static void *noop_integer(const redisReadTask *task, long long value) { (void)task, (void)value; return (void *)1; }
static void *noop_nil(const redisReadTask *task) { (void)task; return (void *)1; }
static void noop_free(void *object) { (void)object; }

static const redisReplyObjectFunctions noop = {
    noop_string, noop_array, noop_integer,
#if HIREDIS_MAJOR >= 1
    noop_double,
#endif
    noop_nil,
#if HIREDIS_MAJOR >= 1
    noop_bool,
#endif
    noop_free,
};

static uint64_t sum(const redisReply *reply) {
    if (reply->type == REDIS_REPLY_STRING) return reply->len;
    uint64_t bytes = 0;
    for (size_t i = 0; reply->type != REDIS_REPLY_INTEGER && i < reply->elements; i++) bytes += sum(reply->element[i]);
    return bytes;
}

/* Returns 0, or -1 if hiredis rejects the bytes. */
int hiredis_run(const char *data, size_t length, size_t feed, int default_replies, int visit, struct outcome *out) {
    redisReplyObjectFunctions functions = noop;
    if (visit) functions.createString = visit_string;
    redisReader *reader = default_replies ? redisReaderCreate() : redisReaderCreateWithFunctions(&functions);
    int status = 0;
    now = (struct outcome){0, 0};
    for (size_t at = 0; at < length && status == 0; at += feed) {
        redisReaderFeed(reader, data + at, length - at < feed ? length - at : feed);
        for (;;) {
            void *reply = NULL;
            if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
                status = -1;
                break;
            }
            if (reply == NULL) break;
            now.frames++;
            if (default_replies) {
                if (visit) now.bytes += sum(reply);
                freeReplyObject(reply);
            }
        }
    }
    redisReaderFree(reader);
    *out = now;
    return status;
}

double thread_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
