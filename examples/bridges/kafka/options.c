/* The command line. */
#include "bridge.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "Publishes every write of a Redis or Valkey server, or cluster, into a Kafka topic.\n"
    "\n"
    "Usage: redtail-kafka [OPTIONS] --brokers LIST --topic TOPIC --checkpoint FILE TARGET\n"
    "\n"
    "TARGET: [user@]host:port, redis://[user@]host[:port], unix:PATH, or redis+sentinel://host,host/name; with\n"
    "--cluster one or more nodes, with commas between them. rediss:// is redis:// with TLS; valkey:// and valkeys://\n"
    "mean the same.\n"
    "\n"
    "Each command becomes a message: its key is the command's first key, its body one JSON object, its header `id` its\n"
    "permanent name (docs/bridge-messages.md). It goes to the partition of its key (the key's cluster slot modulo the\n"
    "number of partitions), to several if it has keys in several, and to all if it names none. The commands of a\n"
    "transaction are published at its EXEC. The position is saved once the brokers have confirmed everything before it.\n"
    "After a crash all unconfirmed messages are published again, under the same ids.\n"
    "\n"
    "Kafka:\n"
    "  --brokers LIST             host:port of one or more brokers, with commas between them\n"
    "  --topic TOPIC              the topic; it must exist, unless the brokers create topics automatically\n"
    "  -X NAME=VALUE              a setting of librdkafka, such as -X compression.codec=lz4; repeatable\n"
    "  --kafka-config FILE        settings of librdkafka, one a line; passwords are allowed only here\n"
    "  --too-large WHAT           for a message above message.max.bytes: stop [default]; omit: replace long arguments by\n"
    "                             their length, with the header `omitted`\n"
    "  --transaction-limit BYTES  maximum size of one transaction's messages, held until its EXEC [default: 256 MiB]\n"
    "\n"
    "Position:\n"
    "  --checkpoint FILE          the file with the position; FILE.lock and FILE.new are in the same folder\n"
    "  --from START               the start without a FILE: now [default], snapshot (all data, then the writes after\n"
    "                             it), or a position to resume after\n"
    "  --on-gap CHOICE            if the server no longer has the next part of the stream: stop with exit code 4\n"
    "                             [default]; continue: publish the event `gap` to each partition and continue;\n"
    "                             snapshot: publish it and a snapshot\n"
    "  --ack POLICY               applied [default]: acknowledge the position that Kafka has confirmed, so that WAIT\n"
    "                             counts it; observe: acknowledge nothing\n"
    "\n"
    "Filters, as of redtail tail; all must match, and of one given several times one match is enough:\n"
    "  --db N                     publish only commands of database N\n"
    "  --command NAME, --not-command NAME\n"
    "                             publish only, or no, commands with this name: SET,DEL or 'XGROUP CREATE'\n"
    "  --key GLOB, --not-key GLOB publish only commands on keys that match; leave out commands whose keys all match\n"
    "\n"
    "Server:\n"
    "  --cluster                  follow all primaries of the cluster that these nodes belong to\n"
    "  --prefer-replica           with Sentinels: follow a replica, to spare the primary\n"
    "  --sentinel-user NAME, --sentinel-password-file FILE (or REDTAIL_SENTINEL_PASSWORD)\n"
    "  --user NAME                the ACL user\n"
    "  --password-file FILE       its password (a final newline is ignored); or in the environment, as\n"
    "                             REDTAIL_PASSWORD or REDISCLI_AUTH\n"
    "  --tls                      use TLS, as with rediss:// (needs a redtail built with TLS)\n"
    "  --cacert FILE, --cacertdir FOLDER, --cert FILE, --cert-key FILE, --sni NAME\n"
    "                             the CA, the client certificate, the server name\n"
    "  --verify WHAT, --insecure  verify full [default], or ca: not the name; or verify nothing\n"
    "  --sentinel-tls, --sentinel-no-tls\n"
    "                             use TLS only to the Sentinels, or only to the servers\n"
    "\n"
    "  --name NAME                show this bridge as NAME.redtail.invalid in INFO, ROLE and CLIENT LIST of the server\n"
    "  --metrics ADDR             serve metrics for Prometheus at http://ADDR/metrics; ADDR is host:port\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failed, 2 wrong usage, 4 history lost.\n";

void wrong(const char *format, const char *what) {
    fputs("redtail-kafka: ", stderr);
    fprintf(stderr, format, what);
    fputs("; see redtail-kafka --help\n", stderr);
    exit(USAGE);
}

char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    text text = {NULL, 0, 0};
    char some[4096];
    size_t got;
    while (file && (got = fread(some, 1, sizeof some, file)) > 0 && text.len < 1 << 20)
        text_add(&text, some, got);
    if (!file || ferror(file)) {
        fprintf(stderr, "redtail-kafka: %s: %s\n", path, strerror(errno));
        exit(USAGE);
    }
    fclose(file);
    *len = text.len;
    text_add(&text, "", 1);
    return text.bytes;
}

/* Returns the number of the given keyword, one of two. */
static int one_of(const char *option, const char *value, const char *first, int one, const char *second, int two) {
    if (strcmp(value, first) && strcmp(value, second))
        wrong("%s takes one of the words in --help", option);
    return strcmp(value, second) ? one : two;
}

static size_t bytes(const char *option, const char *value) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (*end || end == value || errno || *value == '-' || !number)
        wrong("%s takes a number of bytes", option);
    return number;
}

/* As of the tool: an address that never resolves. */
static char *label(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_=";
    size_t len = strlen(name);
    text text = {NULL, 0, 0};
    if (!len || len > 64 || strspn(name, allowed) != len)
        wrong("%s: choose 1 to 64 letters, digits, '.', '-', '_' and '='", "--name");
    text_print(&text, "%s.redtail.invalid", name);
    text_add(&text, "", 1);
    return text.bytes;
}

/* Reads a secret from a file, or from one of two variables of the environment; NULL if there is none. */
static char *read_password(const char *path, const char *name, const char *other, const char *user, size_t *len) {
    const char *given = getenv(name);
    char *password = NULL;
    if (!given || !*given)
        given = getenv(other);
    if (path) {
        password = read_file(path, len);
        if (*len && password[*len - 1] == '\n')
            --*len;
        if (!*len)
            wrong("%s holds no password", path);
    } else if (given && *given) {
        *len = strlen(given);
        password = memory(NULL, *len + 1);
        memcpy(password, given, *len + 1);
    }
    if (user && !password)
        wrong("the user %s has no password: give it in a file or in the environment", user);
    return password;
}

enum {
    CLUSTERED = 256, SENTINEL_USER, SENTINEL_PASSWORD, PREFER_REPLICA, BROKERS, TOPIC, CHECKPOINT, FROM, ON_GAP, ACK,
    DB, COMMAND, NOT_COMMAND, KEY, NOT_KEY, TOO_LARGE, LIMIT, CONFIG, USER, PASSWORD, TLS, CACERT, CACERTDIR, CERT,
    CERT_KEY, SNI, VERIFY, INSECURE, SENTINEL_TLS, SENTINEL_NO_TLS, METRICS, NAME
};

static const struct option NAMES[] = {
    {"cluster", no_argument, NULL, CLUSTERED},
    {"sentinel-user", required_argument, NULL, SENTINEL_USER}, {"prefer-replica", no_argument, NULL, PREFER_REPLICA},
    {"sentinel-password-file", required_argument, NULL, SENTINEL_PASSWORD},
    {"brokers", required_argument, NULL, BROKERS}, {"topic", required_argument, NULL, TOPIC},
    {"checkpoint", required_argument, NULL, CHECKPOINT}, {"from", required_argument, NULL, FROM},
    {"on-gap", required_argument, NULL, ON_GAP}, {"ack", required_argument, NULL, ACK},
    {"db", required_argument, NULL, DB}, {"command", required_argument, NULL, COMMAND},
    {"not-command", required_argument, NULL, NOT_COMMAND}, {"key", required_argument, NULL, KEY},
    {"not-key", required_argument, NULL, NOT_KEY},
    {"too-large", required_argument, NULL, TOO_LARGE}, {"transaction-limit", required_argument, NULL, LIMIT},
    {"kafka-config", required_argument, NULL, CONFIG}, {"user", required_argument, NULL, USER},
    {"password-file", required_argument, NULL, PASSWORD}, {"tls", no_argument, NULL, TLS},
    {"cacert", required_argument, NULL, CACERT}, {"cacertdir", required_argument, NULL, CACERTDIR},
    {"cert", required_argument, NULL, CERT}, {"cert-key", required_argument, NULL, CERT_KEY},
    {"sni", required_argument, NULL, SNI}, {"verify", required_argument, NULL, VERIFY},
    {"insecure", no_argument, NULL, INSECURE}, {"sentinel-tls", no_argument, NULL, SENTINEL_TLS},
    {"sentinel-no-tls", no_argument, NULL, SENTINEL_NO_TLS}, {"metrics", required_argument, NULL, METRICS},
    {"name", required_argument, NULL, NAME}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};

static void finish(options *options) {
    if (!options->brokers)
        wrong("%s is missing", "--brokers");
    if (!options->topic)
        wrong("%s is missing", "--topic");
    if (!options->checkpoint)
        wrong("%s is missing", "--checkpoint");
    address_read(&options->address, options->target);
    options->uses_tls |= options->address.uses_tls;
    if (options->user && options->address.user && strcmp(options->user, options->address.user))
        wrong("--user %s and the target name different users", options->user);
    options->user = options->user ? options->user : options->address.user;
    options->sentinel.name = options->address.name;
    options->starts_with_snapshot = options->from && !strcmp(options->from, "snapshot");
    if (options->from && (options->starts_with_snapshot || !strcmp(options->from, "now")))
        options->from = NULL;
    if (options->starts_with_snapshot && options->filter.commands.count)
        wrong("the keys of a snapshot are no commands: %s snapshot and --command exclude each other", "--from");
    if (options->on_gap == REDTAIL_ON_GAP_SNAPSHOT && options->filter.commands.count)
        wrong("the keys of a snapshot are no commands: %s snapshot and --command exclude each other", "--on-gap");
    if ((options->sentinel_tls || options->sentinel_no_tls) && !options->sentinel.name)
        wrong("options of Sentinels want %s", "redis+sentinel://host,host/name");
    if (options->sentinel_tls && (options->uses_tls || options->sentinel_no_tls))
        wrong("%s is for servers without TLS", "--sentinel-tls");
    if (options->sentinel_no_tls && !options->uses_tls)
        wrong("options of TLS want %s", "--tls or rediss://");
    if (!options->uses_tls && !options->sentinel_tls && (options->tls.ca_file || options->tls.ca_folder || options->tls.certificate || options->tls.key
                               || options->tls.server_name || options->tls.verify))
        wrong("options of TLS want %s", "--tls or rediss://");
    if (options->is_cluster && options->sentinel.name)
        wrong("%s is for nodes, not for Sentinels", "--cluster");
    if (!options->is_cluster && !options->sentinel.name && strchr(options->address.hosts, ','))
        wrong("several addresses want %s or redis+sentinel://", "--cluster");
    if (options->sentinel_tls || (options->uses_tls && !options->sentinel_no_tls))
        options->sentinel.tls = &options->tls;
    settings_set(options->kafka, "bootstrap.servers", options->brokers);
    settings_check(options->kafka);
}

void read_options(options *options, int argc, char **argv) {
    const char *password_file = NULL, *sentinel_password_file = NULL;
    memset(options, 0, sizeof *options);
    options->ack = REDTAIL_ACK_APPLIED;
    options->transaction_limit = (size_t)256 << 20;
    options->tls.struct_size = sizeof options->tls;
    options->sentinel.struct_size = sizeof options->sentinel;
    options->kafka = settings_new();
    for (int letter; (letter = getopt_long(argc, argv, "hVX:", NAMES, NULL)) != -1;)
        switch (letter) {
        case CLUSTERED: options->is_cluster = 1; break;
        case SENTINEL_USER: options->sentinel.user = optarg; break;
        case SENTINEL_PASSWORD: sentinel_password_file = optarg; break;
        case PREFER_REPLICA: options->sentinel.prefer_replica = 1; break;
        case BROKERS: options->brokers = optarg; break;
        case TOPIC: options->topic = optarg; break;
        case METRICS: options->metrics = optarg; break;
        case NAME: free(options->label); options->label = label(optarg); break;
        case CHECKPOINT: options->checkpoint = optarg; break;
        case DB: filter_db(&options->filter, optarg); break;
        case COMMAND: filter_command(&options->filter, optarg, 0); break;
        case NOT_COMMAND: filter_command(&options->filter, optarg, 1); break;
        case KEY: filter_key(&options->filter, optarg, 0); break;
        case NOT_KEY: filter_key(&options->filter, optarg, 1); break;
        case FROM: options->from = optarg; break;
        case ON_GAP:
            options->on_gap = !strcmp(optarg, "snapshot")
                                  ? REDTAIL_ON_GAP_SNAPSHOT
                                  : one_of("--on-gap", optarg, "stop", REDTAIL_ON_GAP_STOP, "continue", REDTAIL_ON_GAP_CONTINUE);
            break;
        case ACK:
            options->ack = one_of("--ack", optarg, "applied", REDTAIL_ACK_APPLIED, "observe", REDTAIL_ACK_OBSERVE);
            break;
        case TOO_LARGE: options->omits = one_of("--too-large", optarg, "stop", 0, "omit", 1); break;
        case LIMIT: options->transaction_limit = bytes("--transaction-limit", optarg); break;
        case CONFIG: settings_file(options->kafka, optarg); break;
        case 'X': settings_pair(options->kafka, optarg); break;
        case USER: options->user = optarg; break;
        case PASSWORD: password_file = optarg; break;
        case TLS: options->uses_tls = 1; break;
        case CACERT: options->tls.ca_file = optarg; break;
        case CACERTDIR: options->tls.ca_folder = optarg; break;
        case CERT: options->tls.certificate = optarg; break;
        case CERT_KEY: options->tls.key = optarg; break;
        case SNI: options->tls.server_name = optarg; break;
        case VERIFY:
            options->tls.verify = one_of("--verify", optarg, "full", REDTAIL_VERIFY_FULL, "ca", REDTAIL_VERIFY_AUTHORITY);
            break;
        case SENTINEL_TLS: options->sentinel_tls = 1; break;
        case SENTINEL_NO_TLS: options->sentinel_no_tls = 1; break;
        case INSECURE: options->tls.verify = REDTAIL_VERIFY_NOTHING; break;
        case 'h': fputs(HELP, stdout); exit(DONE);
        case 'V':
            printf("redtail-kafka with redtail %s and librdkafka %s\n", redtail_version(), rd_kafka_version_str());
            exit(DONE);
        default: fputs("see redtail-kafka --help\n", stderr); exit(USAGE); /* getopt has printed the error */
        }
    if (argc - optind != 1)
        wrong("%s", argc == optind ? "the server to follow is missing" : "there is one server to follow");
    options->target = argv[optind];
    finish(options);
    if (!options->sentinel.name && (options->sentinel.user || options->sentinel.prefer_replica || sentinel_password_file))
        wrong("options of Sentinels want %s", "redis+sentinel://host,host/name");
    options->password =
        read_password(password_file, "REDTAIL_PASSWORD", "REDISCLI_AUTH", options->user, &options->password_len);
    redtail_sentinel *sentinel = &options->sentinel;
    if (sentinel->name)
        sentinel->password = options->sentinel_password = read_password(
            sentinel_password_file, "REDTAIL_SENTINEL_PASSWORD", "", sentinel->user, &sentinel->password_len);
}
