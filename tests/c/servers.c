/* Servers as values: parsed, compared, and what they write and read. */
#include "check.h"
#include <string.h>

static redtail_server server(const char *text) {
    redtail_server parsed = {7, 7, 7, 7, 7};
    IS(REDTAIL_OK, redtail_server_parse(text, &parsed));
    CHECK(parsed.reserved == 0);
    return parsed;
}

static void text(void) {
    redtail_server valkey = server("valkey 9.1.2"), redis = server("Redis-7.0");
    char written[REDTAIL_SERVER_TEXT_SIZE];
    CHECK(valkey.product == REDTAIL_PRODUCT_VALKEY && valkey.major == 9 && valkey.minor == 1 && valkey.patch == 2);
    CHECK(redis.product == REDTAIL_PRODUCT_REDIS && redis.major == 7 && redis.minor == 0 && redis.patch == 0);
    IS(REDTAIL_OK, redtail_server_format(&valkey, written, sizeof written));
    CHECK(strcmp(written, "valkey 9.1.2") == 0);
    CHECK(strcmp(redtail_product_name(redis.product), "redis") == 0);
    redis = server("valkey-65535.65535.65535");
    IS(REDTAIL_OK, redtail_server_format(&redis, written, sizeof written));
    CHECK(strcmp(written, "valkey 65535.65535.65535") == 0);
}

static void releases(void) {
    redtail_server redis = server("redis 8.10.2"), valkey = server("valkey 8.1.8"), newest;
    CHECK(redtail_server_is_since(&redis, REDTAIL_PRODUCT_REDIS, 8, 9) == 1);
    CHECK(redtail_server_is_since(&redis, REDTAIL_PRODUCT_REDIS, 8, 10) == 1);
    CHECK(redtail_server_is_since(&redis, REDTAIL_PRODUCT_REDIS, 8, 12) == 0);
    CHECK(redtail_server_is_since(&redis, REDTAIL_PRODUCT_VALKEY, 7, 2) == 0);
    CHECK(redtail_server_is_since(&valkey, REDTAIL_PRODUCT_VALKEY, 8, 1) == 1);
    CHECK(redtail_server_is_newer_than_tested(&redis) == 0 && redtail_server_is_newer_than_tested(&valkey) == 0);
    redis = server("redis 255.255.255");
    CHECK(redtail_server_is_newer_than_tested(&redis) == 1);
    IS(REDTAIL_OK, redtail_product_newest_tested(REDTAIL_PRODUCT_VALKEY, &newest));
    CHECK(newest.product == REDTAIL_PRODUCT_VALKEY && newest.patch == 0 && redtail_server_is_newer_than_tested(&newest) == 0);
    CHECK(redtail_server_is_since(&newest, REDTAIL_PRODUCT_VALKEY, 9, 1) == 1);
    newest.minor++;
    CHECK(redtail_server_is_newer_than_tested(&newest) == 1);
}

/* The format that a server writes, and whether another one loads it. */
static void format(const char *writer, int magic, uint64_t version, const char *reader, int reads) {
    redtail_server of = server(writer), by = server(reader);
    int found_magic = 0;
    uint64_t found_version = 0;
    IS(REDTAIL_OK, redtail_server_snapshot_format(&of, &found_magic, &found_version));
    CHECK(found_magic == magic && found_version == version);
    CHECK(redtail_server_reads(&by, found_magic, found_version) == reads);
}

int main(void) {
    text();
    releases();
    format("redis-6.2", REDTAIL_RDB_MAGIC_REDIS, 9, "redis-7.0", 1);
    format("redis-7.2", REDTAIL_RDB_MAGIC_REDIS, 11, "redis-7.0", 0);
    format("redis-7.2", REDTAIL_RDB_MAGIC_REDIS, 11, "valkey-9.1", 1);
    format("redis-8.10", REDTAIL_RDB_MAGIC_REDIS, 15, "valkey-9.1", 0);
    format("valkey-9.1", REDTAIL_RDB_MAGIC_VALKEY, 80, "valkey-9.2", 1);
    format("valkey-9.2", REDTAIL_RDB_MAGIC_VALKEY, 81, "redis-8.12", 0);
    if (failures == 0) puts("the servers hold");
    return failures > 0;
}
