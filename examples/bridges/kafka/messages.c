/* Messages to the user, the end of the process, and small helpers for all files. */
#include "bridge.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* -1: the bridge is running. */
static atomic_int ending = -1;

static void print(const char *format, va_list arguments) {
    flockfile(stderr); /* one line at a time, from any thread */
    fputs("redtail-kafka: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
}

void end_with(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
    int going_on = -1;
    atomic_compare_exchange_strong(&ending, &going_on, code);
}

void end_well(void) {
    int going_on = -1;
    atomic_compare_exchange_strong(&ending, &going_on, DONE);
}

int is_ending(void) {
    return atomic_load(&ending) >= 0;
}

int exit_code(void) {
    int code = atomic_load(&ending);
    return code < 0 ? DONE : code;
}

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(unsigned ms) {
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

void *memory(void *old, size_t bytes) {
    void *new = realloc(old, bytes ? bytes : 1);
    if (!new) {
        fputs("redtail-kafka: no memory\n", stderr);
        exit(FAILED);
    }
    return new;
}

int is_word(redtail_slice word, const char *name) {
    return word.len == strlen(name) && !strncasecmp(word.data, name, word.len);
}

void text_add(text *text, const void *bytes, size_t len) {
    if (len > text->room - text->len) {
        text->room = 2 * text->room > text->len + len ? 2 * text->room : text->len + len;
        text->bytes = memory(text->bytes, text->room);
    }
    if (len)
        memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

void text_print(text *text, const char *format, ...) {
    char some[512]; /* numbers, ids and positions */
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(some, sizeof some, format, arguments);
    va_end(arguments);
    text_add(text, some, len < 0 ? 0 : (size_t)len < sizeof some ? (size_t)len : sizeof some - 1);
}
