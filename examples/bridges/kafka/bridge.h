/* What the files of the bridge know of each other.
 *
 *   server.c or cluster.c --event--> publish.c --messages--> Kafka --delivery reports--> progress.c --position--> state.c
 *                                       | route.c: to which partitions; json.c: what stands in them
 *
 * A shard is one primary: its events come in one order, on one thread, and it has one position.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <librdkafka/rdkafka.h>
#include <redtail.h>
#include <stddef.h>
#include <stdint.h>

/* ---- words.c: what is said, and how it ends ---- */

/* The exit codes of the redtail tool. */
enum { DONE = 0, FAILED = 1, USAGE = 2, HISTORY_LOST = 4 };

#if defined(__GNUC__)
#define PRINTS(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTS(text, first)
#endif

/* A line on standard error. Any thread. */
void say(const char *format, ...) PRINTS(1, 2);
/* As say, and the bridge ends with this exit code; the first one counts. Any thread. */
void end_with(int code, const char *format, ...) PRINTS(2, 3);
/* The bridge is to end, and need not say why. Any thread, and signal handlers. */
void end_well(void);
int is_ending(void);
int exit_code(void);

uint64_t now_ms(void);
void pause_ms(unsigned ms);
/* Memory, or the end of the process: whatever was not confirmed comes again. */
void *memory(void *old, size_t bytes);

/* Bytes that grow. */
typedef struct text {
    char *bytes;
    size_t len, room;
} text;

void text_add(text *text, const void *bytes, size_t len);
void text_print(text *text, const char *format, ...) PRINTS(2, 3);

/* ---- options.c: the command line ---- */

typedef struct options {
    const char *target, *brokers, *topic, *state;
    /* Not 0: target is a list of nodes, and all primaries are followed. */
    int is_cluster;
    /* Where a name is set: target is a list of Sentinels. */
    redtail_sentinel sentinel;
    char *sentinel_password;
    /* Where to start while there is no state, as it would stand there; NULL: now. */
    const char *from;
    int on_gap, ack;
    /* Not 0: leave long arguments out of messages that are too large; 0: stop there. */
    int omits;
    /* Bytes of messages that a transaction may come to before its EXEC. */
    size_t transaction_limit;
    const char *user;
    char *password;
    size_t password_len;
    int uses_tls;
    redtail_tls tls;
    rd_kafka_conf_t *kafka;
} options;

/* Reads the command line. What is wrong, or was asked for by --help, it says, and ends the process. */
void read_options(options *options, int argc, char **argv);
/* The command line is wrong: says so, with a text in the place of %s, and ends the process. */
void wrong(const char *format, const char *what);
/* What a file holds, with a NUL behind it; or ends the process. */
char *read_file(const char *path, size_t *len);

/* ---- settings.c: the settings of librdkafka; what is wrong with one ends the process ---- */

rd_kafka_conf_t *settings_new(void);
void settings_set(rd_kafka_conf_t *conf, const char *name, const char *value);
/* name=value, from the command line; the text is changed. */
void settings_pair(rd_kafka_conf_t *conf, char *pair);
/* Lines of the same, from a file. */
void settings_file(rd_kafka_conf_t *conf, const char *path);
/* None may take away what the bridge promises. */
void settings_check(const rd_kafka_conf_t *conf);

/* ---- progress.c: up to where everything is confirmed ---- */

/* What one command or one transaction has become: messages, and the position behind it. */
typedef struct step step;
typedef struct progress progress;

progress *progress_new(void);
void progress_free(progress *progress);
/* So many messages follow, each of which will be confirmed; behind them lies this position. NULL if there are none. */
step *progress_add(progress *progress, const redtail_position *position, size_t messages);
/* One message of the step is safe. Any thread. */
void progress_confirm(step *step);
/* The last position up to which everything is safe. REDTAIL_OK, or REDTAIL_NONE while there is none. Any thread. */
int progress_position(progress *progress, redtail_position *position);
/* Whether two are the same place. */
int is_same_place(const redtail_position *one, const redtail_position *other);
/* Nothing is waited for. Any thread. */
int progress_is_idle(progress *progress);

/* ---- state.c: the file with the position ---- */

/* Opens the file for this process alone, and gives what is in it, or NULL where there is none; or ends the process. */
char *state_open(const char *path);
/* Replaces what is in it, whole or not at all, also if the machine stops. 0, or -1 after having said why. */
int state_save(const char *path, const char *content);

/* ---- route.c: to which partitions ---- */

typedef struct route {
    /* Into so many partitions: these, in the order of the keys that lead there. */
    size_t copies;
    int32_t *partitions;
    /* The first key; data is NULL where there is none. */
    redtail_slice key;
    /* Ours. */
    int32_t all;
    unsigned char *taken;
    size_t *indices;
    size_t capacity;
} route;

void route_init(route *route, int32_t partitions);
void route_free(route *route);
void route_command(route *route, const redtail_slice *args, size_t argc);
void route_everywhere(route *route);

/* ---- json.c: what stands in a message ---- */

/* Adds the object that `redtail tail --format json` prints; shard: NULL where there is only one; migration: a word for what moves
 * slots, NULL for what may be a client's. Arguments longer than longest are left out, with a word of how long they were; with 0 all but
 * the name are, with a word of how many. */
void json_command(text *out, const redtail_event *event, const char *shard, const char *id, const char *migration, size_t longest);
/* Events of these names: something begins, or is missing. from and to may be NULL. */
void json_begin(text *out, const redtail_position *at, const char *shard, const char *id);
void json_gap(text *out, const redtail_gap *gap, const char *shard, const char *id);

/* ---- publish.c: from events to messages ---- */

/* What all shards share. */
typedef struct topic {
    rd_kafka_t *kafka;
    rd_kafka_topic_t *handle;
    int32_t partitions;
    /* Of one message, with key and headers. */
    size_t largest;
    const options *options;
} topic;

typedef struct publisher publisher;

/* Of one shard. name: NULL where there is only one. goes_on: not 0 if it starts at a saved place; else the topic is told where it
 * begins. handle: told about each second that we live, while an event has to wait; NULL for none. */
publisher *publisher_new(const topic *topic, const char *name, int goes_on, redtail_handle *handle);
void publisher_free(publisher *publisher);
/* Takes one event: produces its messages, keeps them until EXEC, or forgets them. Waits while the queue is full.
 * Returns 0; -1 if the bridge is to end. */
int publish(publisher *publisher, const redtail_event *event);
/* Says that nothing comes after this place, though more may have been written: nobody continues it. Returns as publish. */
int publish_lost(publisher *publisher, const redtail_position *place);
progress *publisher_progress(publisher *publisher);

/* ---- kafka.c: the producer ---- */

/* Connects, and learns how many partitions there are. Returns 0; -1 after having said why. */
int topic_open(topic *topic, options *options);
/* Waits for what is on its way, as long as that takes but not longer than so many milliseconds, and closes. */
void topic_drain(topic *topic, unsigned limit_ms);
void topic_close(topic *topic);

/* ---- server.c, cluster.c: where events come from ---- */

typedef struct source {
    /* Follows on threads of its own. state: what was saved, or NULL. Returns 0; -1 after having said why. */
    int (*start)(const topic *topic, const char *state);
    /* Tells the primaries what is confirmed, and puts that into the file where it is new. Returns 0; -1 after having said why. */
    int (*save)(void);
    /* Ends the threads. What they have published may still be confirmed, and saved. */
    void (*stop)(void);
    void (*free)(void);
} source;

extern const source ONE_SERVER, CLUSTER;

/* The exit code for what redtail answered. */
int code_of(int status);
/* What both take from the command line. */
void follow_options(redtail_options *to, const options *from);
/* The addresses of a list with commas, in one piece of memory that is to be freed; count: their number. */
const char **addresses(const char *list, size_t *count);

#endif
