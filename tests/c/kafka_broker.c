/* A Kafka broker for tests: the one that librdkafka brings along. It keeps everything in memory, at most 5 MB of each partition.
 *
 *     kafka_broker PARTITIONS TOPIC...
 *
 * It prints where it listens, and then obeys what stands in its standard input, a line each, until that ends: "down" closes all
 * connections and refuses new ones, "up" ends that, "refuse" denies the next messages that a producer sends.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* wants the other before it */
#include <stdio.h>
#include <stdlib.h>

/* As the protocol counts requests. */
#define PRODUCE 0

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
        else if (line[0] == 'u')
            is_done = !rd_kafka_mock_broker_set_up(cluster, 1);
        else
            rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        puts(is_done ? "done" : "failed");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(kafka);
    return 0;
}
