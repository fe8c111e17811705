/* The bridge to Kafka ends with a message at an event that must have a position and has none. It is linked with the
 * files of the bridge, except for main.c. A server sends no such event after PSYNC. */
#include "bridge.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    options options;
    topic topic;
    redtail_event event;
    memset(&options, 0, sizeof options);
    memset(&topic, 0, sizeof topic);
    memset(&event, 0, sizeof event);
    topic.partitions = 1;
    topic.largest = 1000;
    topic.options = &options;
    event.kind = argc > 1 && !strcmp(argv[1], "exec") ? REDTAIL_EVENT_EXEC : REDTAIL_EVENT_SNAPSHOT_END;
    event.offset = 7;
    publisher *publisher = publisher_new(&topic, NULL, 0, NULL);
    int status = publish(publisher, &event);
    printf("%d %d\n", status, is_ending());
    publisher_free(publisher);
    return exit_code();
}
