/* The interfaces between the files of the bridge.
 *
 *   server.c or cluster.c --event--> publish.c --messages--> Kafka --reports--> progress.c --position--> state.c
 *                                       | route.c: the partitions; json.c: the bodies
 *
 * A shard is one primary: its events are in one order, on one thread, with one position.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <librdkafka/rdkafka.h>
#include <redtail.h>
#include <stddef.h>
#include <stdint.h>

/* ---- messages.c: messages to the user, and the end of the process ---- */

/* The exit codes of the redtail tool. */
enum { DONE = 0, FAILED = 1, USAGE = 2, HISTORY_LOST = 4 };

#if defined(__GNUC__)
#define PRINTS(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTS(text, first)
#endif

/* Prints a line on standard error. Any thread. */
void say(const char *format, ...) PRINTS(1, 2);
/* Like say, and ends the bridge with this exit code; the first call counts. Any thread. */
void end_with(int code, const char *format, ...) PRINTS(2, 3);
/* Ends the bridge without a message. Any thread, and signal handlers. */
void end_well(void);
int is_ending(void);
int exit_code(void);

uint64_t now_ms(void);
void pause_ms(unsigned ms);
/* Returns memory or ends the process: unconfirmed messages are then published again by the next one. */
void *memory(void *old, size_t bytes);

/* Whether the word is this name, in any letter case. */
int is_word(redtail_slice word, const char *name);

/* A growable byte string. */
typedef struct text {
    char *bytes;
    size_t len, room;
} text;

void text_add(text *text, const void *bytes, size_t len);
void text_print(text *text, const char *format, ...) PRINTS(2, 3);

/* ---- address.c: the target ---- */

typedef struct address {
    /* Host and port of the server, or of several nodes or Sentinels, with commas between them. */
    char *hosts;
    /* The user, or NULL. */
    const char *user;
    /* The name of the primary, if the hosts are Sentinels; else NULL. */
    const char *name;
    int uses_tls;
    /* Private. */
    char *copy;
} address;

/* Reads the target, or ends the process. */
void address_read(address *address, const char *target);
void address_free(address *address);

/* ---- filter.c: the commands and keys that are published ---- */

typedef struct list {
    char **texts;
    size_t count;
} list;

/* All filters must match. Of a filter given several times, one match is enough. */
typedef struct filter {
    int64_t *dbs;
    size_t db_count;
    list commands, not_commands, keys, not_keys;
} filter;

/* Add the value of an option, or end the process: --db, --command or --not-command, --key or --not-key. */
void filter_db(filter *filter, const char *value);
void filter_command(filter *filter, const char *value, int is_left_out);
void filter_key(filter *filter, const char *value, int is_left_out);
void filter_free(filter *filter);

/* ---- options.c: the command line ---- */

typedef struct options {
    const char *target, *brokers, *topic, *checkpoint, *metrics;
    address address;
    /* Not 0: all primaries of the cluster are followed. */
    int is_cluster;
    /* With a name: the target is a list of Sentinels. */
    redtail_sentinel sentinel;
    char *sentinel_password;
    /* The start without a checkpoint, in the format of its file; NULL: now, or with a snapshot. */
    const char *from;
    int starts_with_snapshot;
    filter filter;
    int on_gap, ack;
    /* Not 0: leave long arguments out of messages that are too large; 0: stop there. */
    int omits;
    /* The maximum of a transaction before its EXEC, in bytes of messages. */
    size_t transaction_limit;
    /* The address that the server shows for this bridge; NULL: that of the library. */
    char *label;
    const char *user;
    char *password;
    size_t password_len;
    int uses_tls, sentinel_tls, sentinel_no_tls;
    redtail_tls tls;
    rd_kafka_conf_t *kafka;
} options;

/* Reads the command line. Errors and --help print their text and end the process. */
void read_options(options *options, int argc, char **argv);
/* Prints an error of the command line, with what for %s, and ends the process. */
void wrong(const char *format, const char *what);
/* Returns the content of a file, with a NUL after it; or ends the process. */
char *read_file(const char *path, size_t *len);

/* ---- settings.c: the settings of librdkafka; an invalid one ends the process ---- */

rd_kafka_conf_t *settings_new(void);
void settings_set(rd_kafka_conf_t *conf, const char *name, const char *value);
/* name=value, from the command line; pair is modified. */
void settings_pair(rd_kafka_conf_t *conf, char *pair);
/* Lines of name=value, from a file. */
void settings_file(rd_kafka_conf_t *conf, const char *path);
/* Rejects settings that break the guarantees of the bridge. */
void settings_check(const rd_kafka_conf_t *conf);

/* ---- metrics.c: the state of the bridge, for Prometheus ---- */

/* Of one shard, or of the only server. */
typedef struct metrics metrics;

metrics *metrics_new(const char *shard, int is_listed);
void metrics_free(metrics *metrics);
/* An event, and a command or key that no filter has dropped. */
void metrics_event(metrics *metrics, const redtail_event *event);
void metrics_passed(metrics *metrics);
/* The offset while nobody writes. */
void metrics_offset(metrics *metrics, uint64_t offset);
/* Whether the queue has no room for the next message. */
void metrics_blocked(metrics *metrics, int is_blocked);
/* Of all streams; any thread. */
void metrics_saved(void);
void metrics_produced(void);
void metrics_confirmed(void);
/* Serves them until the process ends; or ends it. NULL: nowhere. */
void metrics_serve(const char *address);

/* ---- progress.c: the confirmed position ---- */

/* One command or transaction: its messages, and the position after it. */
typedef struct step step;
typedef struct progress progress;

progress *progress_new(void);
void progress_free(progress *progress);
/* Adds a step of this number of messages and the position after them. position: NULL if none can be resumed there.
 * Returns NULL for no messages. */
step *progress_add(progress *progress, const redtail_position *position, size_t messages);
/* One message of the step is safe. Any thread. */
void progress_confirm(step *step);
/* The last position up to which everything is safe. REDTAIL_OK, or REDTAIL_NONE while there is none. Any thread. */
int progress_position(progress *progress, redtail_position *position);
/* Whether two positions are equal. */
int is_same_position(const redtail_position *one, const redtail_position *other);
/* Whether every step is confirmed. Any thread. */
int progress_is_idle(progress *progress);

/* ---- state.c: the checkpoint, the file with the position ---- */

/* Opens the file for this process alone. Symbolic links are followed. Returns its content, or NULL if there is no file;
 * or ends the process. */
char *state_open(const char *given);
/* Replaces the content atomically, also if the machine stops. Returns 0; -1 after printing the error. */
int state_save(const char *content);

/* ---- route.c: the partitions of a command ---- */

typedef struct route {
    /* The number of partitions, and the partitions in the order of their keys. */
    size_t copies;
    int32_t *partitions;
    /* The first key; data is NULL if there is none. */
    redtail_slice key;
    /* The keys of the command, and the result of redtail_command_keys. */
    redtail_key *keys;
    size_t count;
    int status;
    /* Private. */
    int32_t all;
    unsigned char *taken;
    size_t capacity;
} route;

void route_init(route *route, int32_t partitions);
void route_free(route *route);
/* No partitions for PUBLISH and SPUBLISH, which change no data. */
void route_command(route *route, const redtail_event *event);
void route_everywhere(route *route);
void route_key(route *route, redtail_slice key);

/* ---- filter.c, after the keys of a command are known ---- */

/* Whether a command, a key, or the keys of a database are published. */
int filter_passes(const filter *filter, const redtail_event *event, const route *route);
int filter_passes_key(const filter *filter, redtail_slice key);
int filter_passes_db(const filter *filter, uint64_t db);

/* ---- json.c: the body of a message ---- */

/* Adds the object that docs/bridge-messages.md describes; shard: NULL if there is only one. migration: the term
 * for a command of a slot migration, NULL for a client's. task: its task. Arguments longer than longest are replaced by
 * their length. With longest 0 all but the name are left out, and counted. route: the partitions. */
void json_command(text *out, const redtail_event *event, const char *shard, const char *id, const char *migration,
                  const redtail_migration_task *task, size_t longest, const route *route);
/* Adds a string, or an object for bytes that are no text or are longer than longest. */
void json_argument(text *out, redtail_slice arg, size_t longest);
/* Adds the fields of a command among the keys of a snapshot. */
void json_snapshot_command(text *out, const redtail_event *event, const route *route);
/* Add the events `begin` and `gap`. */
void json_begin(text *out, const redtail_position *at, const char *shard, const char *id);
void json_gap(text *out, const redtail_gap *gap, const char *shard, const char *id);

/* ---- value.c: the value of a key of a snapshot, as JSON in one or more parts ---- */

/* The largest body of a message. omits: not 0 to leave out what is larger; 0: to end the bridge there. */
typedef struct limit {
    size_t largest;
    int omits;
} limit;

/* Returns -1 after ending the bridge; 0 after a message that something is left out. */
int leave_out(const limit *limit, const char *what, uint64_t length);

typedef struct value value;

/* send: receives each part; returns -1 if the bridge must end. */
value *value_new(const limit *limit, int (*send)(void *context, const text *part, int is_last), void *context);
void value_free(value *value);
/* room: the largest part. Returns 0 for a type whose values are not published. */
int value_begin(value *value, int type, redtail_slice key, size_t room);
/* Return 0; -1 if the bridge must end. A string is empty if it is larger than a message. */
int value_string(value *value, int role, redtail_slice bytes, uint64_t length);
int value_item(value *value, const redtail_rdb_item *item);
int value_end(value *value);

/* ---- snapshot.c: the items of a snapshot, as messages ---- */

typedef struct publisher publisher;
typedef struct snapshot snapshot;

/* largest: of a body. */
snapshot *snapshot_new(publisher *publisher, const options *options, const char *shard, size_t largest);
void snapshot_free(snapshot *snapshot);
/* Return 0; -1 if the bridge must end. */
int snapshot_begin(snapshot *snapshot, const redtail_event *event);
int snapshot_item(snapshot *snapshot, const redtail_rdb_item *item);
int snapshot_end(snapshot *snapshot);

/* ---- publish.c: converts events to messages ---- */

/* Shared by all shards. */
typedef struct topic {
    rd_kafka_t *kafka;
    rd_kafka_topic_t *handle;
    int32_t partitions;
    /* The maximum size of a message, with key and headers. */
    size_t largest;
    const options *options;
} topic;

/* The publisher of one shard. name: NULL if there is only one; it must outlive the publisher. resumes: not 0 if it
 * starts at a saved position; else it publishes `begin`. handle: sends a heartbeat about each second while an event has
 * to wait; NULL for none. */
publisher *publisher_new(const topic *topic, const char *name, int resumes, redtail_handle *handle);
void publisher_free(publisher *publisher);
/* Takes one event: produces its messages, keeps them until EXEC, or forgets them. Waits while the queue is full.
 * Returns 0; -1 if the bridge must end. */
int publish(publisher *publisher, const redtail_event *event);
/* Publishes that no shard continues from this position: later writes may be missing. Returns like publish. */
int publish_lost(publisher *publisher, const redtail_position *position);
/* Publishes a body to the partitions of publisher_route. No position follows it. */
int publish_body(publisher *publisher, const char *id, const text *body);
/* A key of a snapshot, or a command among them, passes the filters. */
void publish_passed(publisher *publisher);
/* The partitions of the next body: set them with a function of route.c. */
route *publisher_route(publisher *publisher);
/* The position while nobody writes: the server's PINGs advance it. */
void publish_idle(publisher *publisher, const redtail_position *position);
progress *publisher_progress(publisher *publisher);

/* ---- kafka.c: the producer ---- */

/* Connects and reads the number of partitions. Returns 0; -1 after printing the error. */
int topic_open(topic *topic, options *options);
/* Waits until all messages are confirmed, up to limit_ms, and closes. */
void topic_drain(topic *topic, unsigned limit_ms);
void topic_close(topic *topic);

/* ---- server.c, cluster.c: the sources of events ---- */

typedef struct source {
    /* Follows on threads of its own. state: the content of the checkpoint, or NULL. Returns 0; -1 after printing the
     * error. */
    int (*start)(const topic *topic, const char *state);
    /* Acknowledges the confirmed position to the primaries, and saves it if new. 0, or -1 after printing the error. */
    int (*save)(void);
    /* Ends the threads. Their published messages may still be confirmed, and saved. */
    void (*stop)(void);
    void (*free)(void);
} source;

extern const source ONE_SERVER, CLUSTER;

/* The exit code for a status of redtail. */
int code_of(int status);
/* Sets the options that both sources share. */
void follow_options(redtail_options *to, const options *from);
/* Splits a list of addresses at its commas. The result is one allocation, freed by the caller; count: the number. */
const char **addresses(const char *list, size_t *count);

#endif
