/* Publishes every write of a Redis or Valkey server into a Kafka topic; see --help, and docs/bridge-kafka.md. */
#include "bridge.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The interval of saving the position. */
#define SAVE_MS 1000
/* The brokers' timeout to confirm messages in transit at the end. Unconfirmed ones are published again at the next
 * start. */
#define DRAIN_MS 10000

static void on_signal(int number) {
    (void)number;
    end_well();
}

static void listen_to_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND; /* the second signal ends the process at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* This thread receives the confirmations and saves the position; others follow and publish. */
static void run(const topic *topic, const source *source) {
    uint64_t saved = now_ms();
    while (!is_ending()) {
        rd_kafka_poll(topic->kafka, 100);
        if (now_ms() - saved < SAVE_MS)
            continue;
        if (source->save())
            return;
        saved = now_ms();
    }
}

int main(int argc, char **argv) {
    options options;
    topic topic;
    read_options(&options, argc, argv);
    char *state = state_open(options.checkpoint);
    listen_to_signals();
    metrics_serve(options.metrics);
    if (options.tls.verify == REDTAIL_VERIFY_NOTHING)
        say("the server's certificate is not verified (--insecure): anyone on the network path can read and change everything");
    const source *source = options.is_cluster ? &CLUSTER : &ONE_SERVER;
    if (!topic_open(&topic, &options) && !source->start(&topic, state)) {
        run(&topic, source);
        source->stop();
        topic_drain(&topic, DRAIN_MS);
        source->save();
    }
    topic_close(&topic);
    source->free();
    if (options.kafka)
        rd_kafka_conf_destroy(options.kafka);
    address_free(&options.address);
    filter_free(&options.filter);
    free(options.label);
    free(options.password);
    free(options.sentinel_password);
    free(state);
    return exit_code();
}
