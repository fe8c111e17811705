/* The target, as the redtail tool reads it: [user@]host:port, redis://, rediss://, redis+sentinel://host,host/name. */
#include "bridge.h"

#include <stdlib.h>
#include <string.h>

/* Cuts `end` off the text of this length. Returns the new length; 0 if the text does not end so. */
static size_t without(const char *text, size_t len, const char *end) {
    size_t cut = strlen(end);
    return len >= cut && !memcmp(text + len - cut, end, cut) ? len - cut : 0;
}

static int is(const char *text, size_t len, const char *other) {
    return strlen(other) == len && !memcmp(text, other, len);
}

/* Reads the scheme, if there is one. Returns the text after it. */
static char *after_scheme(address *address, char *text, int *is_sentinel) {
    char *end = strstr(text, "://");
    if (!end)
        return text;
    size_t len = (size_t)(end - text), server = without(text, len, "+sentinel");
    *is_sentinel = server > 0;
    len = server ? server : len;
    address->uses_tls = is(text, len, "rediss") || is(text, len, "valkeys");
    if (!address->uses_tls && !is(text, len, "redis") && !is(text, len, "valkey"))
        wrong("%s: the scheme is none of redis, rediss, valkey, valkeys, each also with +sentinel", "the target"); /* may have a password */
    return end + 3;
}

static int has_port(const char *host, size_t len) {
    for (size_t i = len; i > 0 && host[i - 1] != ']'; i--)
        if (host[i - 1] == ':')
            return 1;
    return 0;
}

/* Adds the default port to each host without one. */
static char *with_ports(const char *hosts, const char *port) {
    text list = {NULL, 0, 0};
    for (const char *at = hosts; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t len = strcspn(at, ",");
        text_add(&list, ",", at == hosts ? 0 : 1);
        text_add(&list, at, len);
        if (port && !has_port(at, len))
            text_add(&list, port, strlen(port));
    }
    text_add(&list, "", 1);
    return list.bytes;
}

void address_read(address *address, const char *target) {
    memset(address, 0, sizeof *address);
    size_t size = strlen(target) + 1;
    char *copy = address->copy = memory(NULL, size);
    memcpy(copy, target, size);
    if (!strncmp(copy, "unix:", 5)) {
        address->hosts = with_ports(copy, NULL);
        return;
    }
    int is_sentinel = 0;
    char *rest = after_scheme(address, copy, &is_sentinel), *at = strrchr(rest, '@');
    int is_url = rest != copy || at;
    if (at) {
        *at = 0;
        address->user = rest;
        if (strchr(rest, ':'))
            wrong("%s has a password in it, which every user of this machine can read: use --password-file", "the target");
        rest = at + 1;
    }
    char *slash = strchr(rest, '/');
    if (slash)
        *slash++ = 0;
    if (is_sentinel) {
        if (!slash || !*slash)
            wrong("%s: the name of the primary is missing: redis+sentinel://host,host/name", target);
        address->name = slash;
    } else if (slash && *slash && strcmp(slash, "0")) {
        wrong("%s: a stream has all databases: use --db", target);
    }
    address->hosts = with_ports(rest, is_url ? is_sentinel ? ":26379" : ":6379" : NULL);
}

void address_free(address *address) {
    free(address->copy);
    free(address->hosts);
}
