/* Reads what redtail-kafka publishes, and prints each change once, transactions whole:
 *
 *     redtail-kafka-consume [-X NAME=VALUE]... BROKERS TOPIC
 *
 * A line is the partition, a tab, and the body. The program begins with the oldest message of the topic, and ends
 * with SIGINT or SIGTERM.
 * Repetitions are recognised so: within a partition the offsets of commands of one history increase. A command that is
 * not above the last one of its history is a repetition. An event that is no command (its id has a third part) is a
 * repetition if its id is that of the last such event. A program that stores the messages stores these last ids and the
 * offset in the partition with them, in one transaction.
 */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One history in one partition. */
typedef struct history {
    struct history *next;
    int32_t partition;
    char name[41];
    /* One above the last offset. */
    unsigned long long next_offset;
    /* The id of the last event that is no command. */
    char note[128];
    /* Lines of the unfinished transaction. */
    char *held;
    size_t held_len;
} history;

static history *histories;
static volatile sig_atomic_t is_over;
static unsigned long long printed, repeated;

static void on_signal(int number) {
    (void)number;
    is_over = 1;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "redtail-kafka-consume: %s: %s\n", what, why);
    exit(1);
}

static void *memory(void *old, size_t bytes) {
    void *new = realloc(old, bytes);
    if (!new)
        fail("no memory", "the allocation failed");
    return new;
}

static history *history_of(int32_t partition, const char *name) {
    history *history;
    for (history = histories; history; history = history->next)
        if (history->partition == partition && !strcmp(history->name, name))
            return history;
    history = memory(NULL, sizeof *history);
    memset(history, 0, sizeof *history);
    history->next = histories;
    history->partition = partition;
    strcpy(history->name, name);
    return histories = history;
}

/* The text of a header; "" if there is none. librdkafka appends a NUL. */
static const char *header(const rd_kafka_message_t *message, const char *name) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &value, &size) || !value)
        return "";
    return value;
}

static void hold(history *history, const rd_kafka_message_t *message) {
    char start[16];
    size_t len = (size_t)snprintf(start, sizeof start, "%d\t", (int)message->partition);
    history->held = memory(history->held, history->held_len + len + message->len + 1);
    memcpy(history->held + history->held_len, start, len);
    memcpy(history->held + history->held_len + len, message->payload, message->len);
    history->held_len += len + message->len + 1;
    history->held[history->held_len - 1] = '\n';
}

static void print_held(history *history) {
    fwrite(history->held, 1, history->held_len, stdout);
    fflush(stdout);
    history->held_len = 0;
}

static void take(const rd_kafka_message_t *message) {
    char name[41];
    unsigned long long offset;
    unsigned part = 1, parts = 1;
    int end;
    const char *id = header(message, "id");
    if (sscanf(id, "%40[0-9a-f]:%llu%n", name, &offset, &end) != 2) {
        fprintf(stderr, "redtail-kafka-consume: skipped a message without id: it is not from redtail-kafka\n");
        return;
    }
    history *history = history_of(message->partition, name);
    if (id[end] ? !strncmp(id, history->note, sizeof history->note) : offset < history->next_offset) {
        repeated++;
        return;
    }
    if (id[end])
        snprintf(history->note, sizeof history->note, "%s", id);
    else
        history->next_offset = offset + 1;
    printed++;
    /* A single command has no number; the last command of a transaction completes it in this partition. */
    sscanf(header(message, "tx_at"), "%u", &part);
    sscanf(header(message, "tx_of"), "%u", &parts);
    if (part == 1)
        history->held_len = 0; /* from a transaction whose rest is lost in a gap */
    hold(history, message);
    if (part == parts)
        print_held(history);
}

static rd_kafka_t *connect_to(rd_kafka_conf_t *conf, const char *brokers) {
    /* Messages deleted before they were read are an error, not a hole. */
    static const char *const defaults[][2] = {{"group.id", "redtail-kafka-consume"}, {"auto.offset.reset", "error"},
                                              {"enable.auto.commit", "false"}};
    char words[512];
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        rd_kafka_conf_set(conf, defaults[i][0], defaults[i][1], NULL, 0);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, words, sizeof words))
        fail(brokers, words);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    if (!kafka)
        fail(brokers, words);
    rd_kafka_poll_set_consumer(kafka);
    return kafka;
}

static void assign_all(rd_kafka_t *kafka, const char *topic) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    rd_kafka_resp_err_t error = rd_kafka_metadata(kafka, 0, handle, &metadata, 30000);
    if (error || metadata->topics[0].err)
        fail(topic, rd_kafka_err2str(error ? error : metadata->topics[0].err));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if ((error = rd_kafka_assign(kafka, list)))
        fail(topic, rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

static rd_kafka_t *open_topic(int argc, char **argv) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[512];
    int at = 1;
    for (; at + 1 < argc && !strcmp(argv[at], "-X"); at += 2) {
        char *value = strchr(argv[at + 1], '=');
        if (!value)
            fail(argv[at + 1], "a setting is NAME=VALUE");
        *value++ = 0;
        if (rd_kafka_conf_set(conf, argv[at + 1], value, words, sizeof words))
            fail(argv[at + 1], words);
    }
    if (argc - at != 2) {
        fputs("usage: redtail-kafka-consume [-X NAME=VALUE]... BROKERS TOPIC\n", stderr);
        exit(2);
    }
    rd_kafka_t *kafka = connect_to(conf, argv[at]);
    assign_all(kafka, argv[at + 1]);
    return kafka;
}

int main(int argc, char **argv) {
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    rd_kafka_t *kafka = open_topic(argc, argv);
    while (!is_over) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, 100);
        if (message && !message->err)
            take(message);
        else if (message && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && message->err != RD_KAFKA_RESP_ERR__TRANSPORT
                 && message->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
            fail("the topic", rd_kafka_message_errstr(message));
        if (message)
            rd_kafka_message_destroy(message);
    }
    fprintf(stderr, "%llu messages, and %llu repetitions\n", printed, repeated);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
    for (history *next; histories; histories = next) {
        next = histories->next;
        free(histories->held);
        free(histories);
    }
    return 0;
}
