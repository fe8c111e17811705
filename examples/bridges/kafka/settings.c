/* The settings of librdkafka: the bridge's own, and the user's. */
#include "bridge.h"

#include <stdlib.h>
#include <string.h>

void settings_set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char words[512];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK)
        wrong("Kafka: %s", words);
}

/* Settings that every user of this machine could read in the list of processes. */
static int is_secret(const char *name) {
    return strstr(name, "password") || strstr(name, "secret") || strstr(name, "key.pem")
           || strstr(name, "sasl.oauthbearer.config");
}

/* name=value; the text is changed. */
static void set_pair(rd_kafka_conf_t *conf, char *pair, int is_public) {
    char *value = strchr(pair, '=');
    if (!value)
        wrong("a setting for Kafka is NAME=VALUE, not %s", is_public ? pair : "a line without =");
    *value++ = 0;
    if (is_public && is_secret(pair))
        wrong("every user of this machine could read %s on the command line: put it into --kafka-config", pair);
    settings_set(conf, pair, value);
}

void settings_pair(rd_kafka_conf_t *conf, char *pair) {
    set_pair(conf, pair, 1);
}

void settings_file(rd_kafka_conf_t *conf, const char *path) {
    size_t len;
    char *content = read_file(path, &len), *rest = content;
    for (char *line; (line = rest) && *line;) {
        if ((rest = strchr(line, '\n')))
            *rest++ = 0;
        line[strcspn(line, "\r")] = 0;
        if (*line && *line != '#')
            set_pair(conf, line, 0);
    }
    free(content);
}

/* Nothing may be lost, reordered or stored twice by retries within one run. Brokers may be away for any time. */
rd_kafka_conf_t *settings_new(void) {
    static const char *const defaults[][2] = {{"client.id", "redtail-kafka"},
                                              {"enable.idempotence", "true"},
                                              {"enable.gapless.guarantee", "true"},
                                              {"message.timeout.ms", "0"},
                                              {"queue.buffering.max.kbytes", "65536"},
                                              /* errors are passed to on_error */
                                              {"log_level", "0"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        settings_set(conf, defaults[i][0], defaults[i][1]);
    return conf;
}

/* Settings that would break the guarantees of the bridge. */
void settings_check(const rd_kafka_conf_t *conf) {
    static const char *const promises[][2] = {
        {"enable.idempotence", "true"}, {"enable.gapless.guarantee", "true"}, {"message.timeout.ms", "0"}};
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        char value[64];
        size_t size = sizeof value;
        if (rd_kafka_conf_get(conf, promises[i][0], value, &size) != RD_KAFKA_CONF_OK || strcmp(value, promises[i][1]))
            wrong("%s is not to be changed: without it changes could be lost or reordered", promises[i][0]);
    }
}
