/* The producer: its settings, its reports, and the topic. */
#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The brokers' timeout at the start; after it the bridge ends, and a supervisor retries. */
#define PATIENCE_MS 60000
/* The timeout for a topic to appear if brokers create topics automatically. */
#define CREATION_MS 10000

/* The last error, printed again only after a while: without brokers there are several each second. */
static void on_error(rd_kafka_t *kafka, int code, const char *reason, void *context) {
    static char last[256];
    static uint64_t last_ms;
    char words[256];
    (void)context;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(kafka, words, sizeof words);
        end_with(FAILED, "Kafka: %s", words);
    } else if (strncmp(last, reason, sizeof last - 1) || now_ms() - last_ms >= 10000) {
        snprintf(last, sizeof last, "%s", reason);
        last_ms = now_ms();
        say("Kafka: %s", reason);
    }
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *context) {
    static int is_refused;
    (void)kafka, (void)context;
    if (!message->err) {
        metrics_confirmed();
        progress_confirm(message->_private);
        return;
    }
    if (is_refused) /* all messages in transit after the first refused one are refused too */
        return;
    is_refused = 1;
    rd_kafka_headers_t *headers;
    const void *id = "";
    size_t size;
    if (!rd_kafka_message_headers(message, &headers))
        rd_kafka_header_get_last(headers, "id", &id, &size);
    end_with(FAILED, "Kafka refuses the message %s for partition %d: %s", (const char *)id, (int)message->partition,
             rd_kafka_err2str(message->err));
}

static size_t number(const rd_kafka_conf_t *conf, const char *name) {
    char value[64];
    size_t size = sizeof value;
    return rd_kafka_conf_get(conf, name, value, &size) ? 0 : strtoull(value, NULL, 10);
}

/* The number of partitions; 0, with the error, if it is unknown. */
static int32_t ask(topic *topic, rd_kafka_resp_err_t *error) {
    const struct rd_kafka_metadata *metadata;
    *error = rd_kafka_metadata(topic->kafka, 0, topic->handle, &metadata, 1000);
    if (*error)
        return 0;
    *error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    int32_t count = *error ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

/* The same, with retries; 0 after printing the error. */
static int32_t partitions(topic *topic, const char *name) {
    uint64_t start = now_ms();
    while (!is_ending()) {
        rd_kafka_resp_err_t error;
        int32_t count = ask(topic, &error);
        int is_away = error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (count)
            return count;
        if (now_ms() - start >= (is_away ? PATIENCE_MS : CREATION_MS))
            end_with(FAILED, "the brokers do not describe the topic %s: %s", name, rd_kafka_err2str(error));
        rd_kafka_poll(topic->kafka, 200);
    }
    return 0;
}

int topic_open(topic *topic, options *options) {
    char words[512];
    memset(topic, 0, sizeof *topic);
    topic->options = options;
    topic->largest = number(options->kafka, "message.max.bytes");
    if (number(options->kafka, "queue.buffering.max.kbytes") * 1024 < topic->largest) {
        end_with(USAGE, "queue.buffering.max.kbytes has no room for one message of message.max.bytes (%zu)", topic->largest);
        return -1;
    }
    rd_kafka_conf_set_dr_msg_cb(options->kafka, on_delivery);
    rd_kafka_conf_set_error_cb(options->kafka, on_error);
    topic->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, options->kafka, words, sizeof words);
    if (!topic->kafka) {
        end_with(USAGE, "Kafka: %s", words);
        return -1;
    }
    options->kafka = NULL; /* owned by the producer now */
    topic->handle = rd_kafka_topic_new(topic->kafka, options->topic, NULL);
    if (!topic->handle) {
        end_with(USAGE, "the topic %s: %s", options->topic, rd_kafka_err2str(rd_kafka_last_error()));
        return -1;
    }
    topic->partitions = partitions(topic, options->topic);
    return topic->partitions ? 0 : -1;
}

void topic_drain(topic *topic, unsigned limit_ms) {
    uint64_t start = now_ms();
    while (rd_kafka_outq_len(topic->kafka) > 0 && now_ms() - start < limit_ms)
        rd_kafka_poll(topic->kafka, 100);
    int left = rd_kafka_outq_len(topic->kafka);
    if (left)
        say("%d messages are unconfirmed: they are published again at the next start", left);
}

void topic_close(topic *topic) {
    if (topic->handle)
        rd_kafka_topic_destroy(topic->handle);
    if (topic->kafka)
        rd_kafka_destroy(topic->kafka);
}
