/* A Kafka broker for tests: the mock broker of librdkafka. It keeps at most 5 MB of each partition, in memory.
 *
 *     kafka_broker PARTITIONS TOPIC...
 *
 * It prints its address. Then it reads commands from standard input, one in a line, until the end of input. "down"
 * closes all connections and refuses new ones. "up" accepts them again. "refuse" rejects the next messages of a
 * producer. "limit" takes 200 more requests of producers, and rejects each later one, which is then repeated, until
 * "unlimit". "headers NAME" prints the distinct values of this header in all messages of the first topic, each with a
 * space after it.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* requires the other before it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the protocol counts requests. */
#define PRODUCE 0

/* Partition after partition. */
static void print_headers(const char *brokers, const char *topic, int partitions, const char *name) {
    char words[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    for (int partition = 0; partition < partitions; partition++) {
        int is_over = rd_kafka_consume_start(handle, partition, RD_KAFKA_OFFSET_BEGINNING);
        while (!is_over) {
            rd_kafka_message_t *message = rd_kafka_consume(handle, partition, 1000);
            rd_kafka_headers_t *headers;
            const void *value;
            size_t size;
            if (message && !message->err && !rd_kafka_message_headers(message, &headers)
                && !rd_kafka_header_get_last(headers, name, &value, &size))
                printf("%s ", (const char *)value);
            is_over = message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            if (message)
                rd_kafka_message_destroy(message);
        }
        rd_kafka_consume_stop(handle, partition);
    }
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(kafka);
}

static void limit(rd_kafka_mock_cluster_t *cluster) {
    enum { TAKEN = 200, REJECTED = 100000 };
    static rd_kafka_resp_err_t errors[TAKEN + REJECTED];
    for (int i = 0; i < TAKEN + REJECTED; i++)
        errors[i] = i < TAKEN ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, TAKEN + REJECTED, errors);
}

int main(int argc, char **argv) {
    char words[512], line[64];
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), words, sizeof words);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(kafka, 1);
    for (int i = 2; i < argc; i++)
        rd_kafka_mock_topic_create(cluster, argv[i], atoi(argv[1]), 1);
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int is_done = 1;
        if (line[0] == 'd' && line[1] == 'o')
            is_done = !rd_kafka_mock_broker_set_down(cluster, 1);
        else if (line[0] == 'l')
            limit(cluster);
        else if (line[0] == 'u' && line[1] == 'n')
            rd_kafka_mock_clear_request_errors(cluster, PRODUCE);
        else if (line[0] == 'u')
            is_done = !rd_kafka_mock_broker_set_up(cluster, 1);
        else if (line[0] == 'h') {
            line[strcspn(line, "\n")] = 0;
            print_headers(rd_kafka_mock_cluster_bootstraps(cluster), argv[2], atoi(argv[1]), line + strlen("headers "));
        }
        else
            rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        puts(is_done ? "done" : "failed");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(kafka);
    return 0;
}
