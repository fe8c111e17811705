static const int REDTAIL_VERSION_MAJOR = 0;
static const int REDTAIL_VERSION_MINOR = 2;
static const int REDTAIL_VERSION_PATCH = 0;
static const int REDTAIL_VERSION_NUMBER = 2000;
static const uint64_t REDTAIL_UNKNOWN = 18446744073709551615;
typedef enum redtail_status {
    REDTAIL_OK = 0,
    REDTAIL_NEED_MORE = 1,
    REDTAIL_MORE_ARGS = 2,
    REDTAIL_END = 3,
    REDTAIL_NONE = 4,
    REDTAIL_STOPPED = 5,
    REDTAIL_IDLE = 6,
    REDTAIL_RECONNECT = 7,
    REDTAIL_CLOSED = 8,
    REDTAIL_ALL_KEYS = 9,
    REDTAIL_UNKNOWN_KEYS = 10,
    REDTAIL_ERROR_ARGUMENT = -1,
    REDTAIL_ERROR_STATE = -2,
    REDTAIL_ERROR_PANIC = -3,
    REDTAIL_ERROR_MEMORY = -4,
    REDTAIL_ERROR_POSITION = -5,
    REDTAIL_ERROR_PROTOCOL = -6,
    REDTAIL_ERROR_LIMIT = -7,
    REDTAIL_ERROR_ADDRESS = -8,
    REDTAIL_ERROR_CONNECT = -9,
    REDTAIL_ERROR_LOST = -10,
    REDTAIL_ERROR_REFUSED = -11,
    REDTAIL_ERROR_UNEXPECTED = -12,
    REDTAIL_ERROR_HISTORY_LOST = -13,
    REDTAIL_ERROR_NO_BACKLOG = -14,
    REDTAIL_ERROR_INFO_NEEDED = -15,
    REDTAIL_ERROR_SECOND_LINK = -16,
    REDTAIL_ERROR_NOT_RESUMABLE = -17,
    REDTAIL_ERROR_SNAPSHOT_BROKEN = -18,
    REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY = -19,
    REDTAIL_ERROR_CREDENTIALS = -20,
    REDTAIL_ERROR_SNAPSHOT = -21,
    REDTAIL_ERROR_VERSION = -22,
    REDTAIL_ERROR_RECORDING = -23,
    REDTAIL_ERROR_COMPRESSION = -24,
} redtail_status;
typedef struct redtail_slice {
    const char *data;
    size_t len;
} redtail_slice;
typedef struct redtail_limits {
    size_t struct_size;
    uint64_t bulk;
    uint64_t command;
    uint64_t arguments;
    size_t depth;
    size_t line;
    size_t reply_line;
    size_t templates;
} redtail_limits;
const char *redtail_version(void);
const char *redtail_features(void);
unsigned int redtail_version_number(void);
int redtail_check_version(unsigned int header);
const char *redtail_status_name(int status);
static const int REDTAIL_POSITION_TEXT_SIZE = 160;
typedef struct redtail_position {
    char replid[41];
    char history[41];
    uint64_t offset;
    int64_t db;
    uint64_t data_offset;
} redtail_position;
int redtail_position_parse(const char *text,
                                       redtail_position *position);
int redtail_position_format(const redtail_position *position,
                                        char *text,
                                        size_t size);
static const int REDTAIL_SPANS = 64;
typedef enum redtail_mode {
    REDTAIL_MODE_FRAMES = 0,
    REDTAIL_MODE_REQUESTS = 1,
    REDTAIL_MODE_STREAM = 2,
    REDTAIL_MODE_AOF = 3,
    REDTAIL_MODE_TOKENS = 4,
} redtail_mode;
typedef enum redtail_item_kind {
    REDTAIL_ITEM_COMMAND = 1,
    REDTAIL_ITEM_INLINE = 2,
    REDTAIL_ITEM_FRAME = 3,
    REDTAIL_ITEM_PART_BEGIN = 4,
    REDTAIL_ITEM_PART_ARGUMENT = 5,
    REDTAIL_ITEM_PART_PIECE = 6,
    REDTAIL_ITEM_PART_END = 7,
} redtail_item_kind;
typedef enum redtail_token_step {
    REDTAIL_TOKEN_VALUE = 1,
    REDTAIL_TOKEN_BEGIN = 2,
    REDTAIL_TOKEN_CHUNK = 3,
    REDTAIL_TOKEN_END = 4,
} redtail_token_step;
typedef enum redtail_kind {
    REDTAIL_KIND_NONE = 0,
    REDTAIL_KIND_SIMPLE_STRING = 1,
    REDTAIL_KIND_ERROR = 2,
    REDTAIL_KIND_INTEGER = 3,
    REDTAIL_KIND_BULK_STRING = 4,
    REDTAIL_KIND_ARRAY = 5,
    REDTAIL_KIND_NULL = 6,
    REDTAIL_KIND_BOOLEAN = 7,
    REDTAIL_KIND_DOUBLE = 8,
    REDTAIL_KIND_BIG_NUMBER = 9,
    REDTAIL_KIND_BULK_ERROR = 10,
    REDTAIL_KIND_VERBATIM_STRING = 11,
    REDTAIL_KIND_MAP = 12,
    REDTAIL_KIND_SET = 13,
    REDTAIL_KIND_PUSH = 14,
    REDTAIL_KIND_ATTRIBUTE = 15,
} redtail_kind;
typedef struct redtail_token {
    int step;
    int kind;
    uint32_t depth;
    char format[4];
    size_t count;
    int64_t integer;
    redtail_slice bytes;
    redtail_slice raw;
} redtail_token;
typedef struct redtail_span {
    uint32_t start;
    uint32_t len;
} redtail_span;
typedef struct redtail_item {
    int kind;
    int frame;
    uint64_t offset;
    redtail_slice raw;
    const redtail_span *spans;
    size_t argc;
    size_t index;
    uint64_t length;
} redtail_item;
double redtail_token_double(const redtail_token *token);
redtail_slice redtail_item_arg(const redtail_item *item,
                                           size_t index);
const char *redtail_item_name(int kind);
const char *redtail_token_name(int step);
const char *redtail_kind_name(int kind);
typedef enum redtail_protocol_error {
    REDTAIL_PROTOCOL_ERROR_UNEXPECTED = 1,
    REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH = 2,
    REDTAIL_PROTOCOL_ERROR_INVALID_VALUE = 3,
    REDTAIL_PROTOCOL_ERROR_MISSING_CRLF = 4,
    REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG = 5,
    REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG = 6,
    REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS = 7,
    REDTAIL_PROTOCOL_ERROR_TOO_DEEP = 8,
    REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG = 9,
    REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES = 10,
} redtail_protocol_error;
typedef enum redtail_rdb_error {
    REDTAIL_RDB_ERROR_NOT_RDB = 1,
    REDTAIL_RDB_ERROR_TEMPLATES = 2,
    REDTAIL_RDB_ERROR_UNKNOWN_NUMBER = 3,
    REDTAIL_RDB_ERROR_REFUSED = 4,
    REDTAIL_RDB_ERROR_UNKNOWN_ENCODING = 5,
    REDTAIL_RDB_ERROR_INVALID = 6,
    REDTAIL_RDB_ERROR_OVERRUN = 7,
    REDTAIL_RDB_ERROR_MISMATCH = 8,
    REDTAIL_RDB_ERROR_COMPRESSION = 9,
    REDTAIL_RDB_ERROR_CHECKSUM = 10,
    REDTAIL_RDB_ERROR_TRUNCATED = 11,
    REDTAIL_RDB_ERROR_COMPRESSED = 12,
    REDTAIL_RDB_ERROR_UNKNOWN_VERSION = 13,
} redtail_rdb_error;
const char *redtail_protocol_error_name(int kind);
const char *redtail_rdb_error_name(int kind);
static const int REDTAIL_PARSER_SIZE = 12288;
static const int REDTAIL_PARSER_ALIGNMENT = 8;
typedef struct redtail_parser redtail_parser;
redtail_parser *redtail_parser_new(int mode, const redtail_limits *limits);
size_t redtail_parser_size(void);
size_t redtail_parser_alignment(void);
int redtail_parser_init(void *memory,
                                    size_t size,
                                    int mode,
                                    const redtail_limits *limits,
                                    redtail_parser **parser);
void redtail_parser_free(redtail_parser *parser);
const char *redtail_parser_message(const redtail_parser *parser);
int redtail_parser_start_at(redtail_parser *parser,
                                        uint64_t offset);
int redtail_parser_set_parts(redtail_parser *parser,
                                         uint64_t threshold);
int redtail_parser_next(redtail_parser *parser,
                                    redtail_slice *input,
                                    const redtail_item **item);
int redtail_parser_batch(redtail_parser *parser,
                                     redtail_slice *input,
                                     int (*each)(void *context, const redtail_item *item),
                                     void *context);
int redtail_parser_tokens(redtail_parser *parser,
                                      redtail_slice *input,
                                      redtail_token *tokens,
                                      size_t capacity,
                                      size_t *count);
int redtail_parser_next_arg(redtail_parser *parser, redtail_slice *arg);
int redtail_parser_next_token(redtail_parser *parser, const redtail_token **token);
int redtail_parser_rewind_tokens(redtail_parser *parser);
int redtail_parser_needed(redtail_parser *parser, size_t *needed);
int redtail_parser_offset(redtail_parser *parser, uint64_t *offset);
int redtail_parser_error_offset(redtail_parser *parser, uint64_t *offset);
int redtail_parser_error_kind(redtail_parser *parser,
                                          int *kind);
int redtail_unquote(const redtail_slice *word,
                                char *out,
                                size_t size,
                                size_t *len);
int redtail_encode_command(const redtail_slice *args,
                                       size_t argc,
                                       char *out,
                                       size_t size,
                                       size_t *len);
int redtail_command_is(const redtail_slice *args,
                                   size_t argc,
                                   const char *name);
static const int REDTAIL_ALL_DATABASES = -2;
typedef enum redtail_access {
    REDTAIL_ACCESS_READ = 0,
    REDTAIL_ACCESS_WRITE = 1,
    REDTAIL_ACCESS_REMOVED = 2,
} redtail_access;
typedef struct redtail_key {
    size_t index;
    int64_t db;
    int access;
    int reserved;
} redtail_key;
int redtail_command_keys(const redtail_slice *args,
                                     size_t argc,
                                     int64_t db,
                                     redtail_key *keys,
                                     size_t capacity,
                                     size_t *count);
int redtail_command_is_write(const redtail_slice *args,
                                         size_t argc);
const char *redtail_access_name(int access);
int redtail_glob_matches(const char *pattern,
                                     size_t pattern_len,
                                     const char *key,
                                     size_t key_len);
typedef struct redtail_command_specs redtail_command_specs;
redtail_command_specs *redtail_command_specs_new(void);
void redtail_command_specs_free(redtail_command_specs *specs);
const char *redtail_command_specs_message(const redtail_command_specs *specs);
int redtail_command_specs_learn(redtail_command_specs *specs,
                                            const char *reply,
                                            size_t len,
                                            size_t *learned);
int redtail_command_specs_keys(redtail_command_specs *specs,
                                           const redtail_slice *args,
                                           size_t argc,
                                           int64_t db,
                                           redtail_key *keys,
                                           size_t capacity,
                                           size_t *count);
int redtail_command_specs_is_write(redtail_command_specs *specs,
                                               const redtail_slice *args,
                                               size_t argc);
typedef struct redtail_key_finder redtail_key_finder;
redtail_key_finder *redtail_key_finder_new(void);
void redtail_key_finder_free(redtail_key_finder *finder);
const char *redtail_key_finder_message(const redtail_key_finder *finder);
int redtail_key_finder_begin(redtail_key_finder *finder,
                                         size_t argc);
int redtail_key_finder_argument(redtail_key_finder *finder,
                                            uint64_t length);
int redtail_key_finder_piece(redtail_key_finder *finder, const char *data, size_t len);
int redtail_key_finder_end(redtail_key_finder *finder);
int redtail_key_finder_learn(redtail_key_finder *finder,
                                         const redtail_command_specs *specs);
int redtail_key_finder_is_done(redtail_key_finder *finder);
int redtail_key_finder_is_write(redtail_key_finder *finder);
int redtail_key_finder_keys(redtail_key_finder *finder,
                                        int64_t db,
                                        redtail_key *keys,
                                        size_t capacity,
                                        size_t *count);
typedef struct redtail_wrapped {
    redtail_slice origin;
    redtail_slice commands;
    int64_t db;
    uint64_t mvcc;
} redtail_wrapped;
int redtail_unwrap(const redtail_slice *args,
                               size_t argc,
                               redtail_wrapped *wrapped);
static const int64_t REDTAIL_NO_TIME = -9223372036854775808;
typedef enum redtail_rdb_item_kind {
    REDTAIL_RDB_ITEM_START = 1,
    REDTAIL_RDB_ITEM_TEXT = 2,
    REDTAIL_RDB_ITEM_DATABASE = 3,
    REDTAIL_RDB_ITEM_SIZES = 4,
    REDTAIL_RDB_ITEM_SLOT = 5,
    REDTAIL_RDB_ITEM_SLOT_RANGE = 6,
    REDTAIL_RDB_ITEM_COMMAND = 7,
    REDTAIL_RDB_ITEM_MODULE_AUX = 8,
    REDTAIL_RDB_ITEM_KEY_METADATA = 9,
    REDTAIL_RDB_ITEM_KEY = 10,
    REDTAIL_RDB_ITEM_SCORE = 11,
    REDTAIL_RDB_ITEM_FIELD_EXPIRY = 12,
    REDTAIL_RDB_ITEM_ENTRY = 13,
    REDTAIL_RDB_ITEM_STREAM = 14,
    REDTAIL_RDB_ITEM_GROUP = 15,
    REDTAIL_RDB_ITEM_PENDING = 16,
    REDTAIL_RDB_ITEM_CONSUMERS = 17,
    REDTAIL_RDB_ITEM_CONSUMER = 18,
    REDTAIL_RDB_ITEM_CONSUMER_PENDING = 19,
    REDTAIL_RDB_ITEM_RETURNED = 20,
    REDTAIL_RDB_ITEM_IDEMPOTENCE = 21,
    REDTAIL_RDB_ITEM_PRODUCER = 22,
    REDTAIL_RDB_ITEM_IDEMPOTENT = 23,
    REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS = 24,
    REDTAIL_RDB_ITEM_MODULE = 25,
    REDTAIL_RDB_ITEM_RAW = 26,
    REDTAIL_RDB_ITEM_ARRAY = 27,
    REDTAIL_RDB_ITEM_INDEX = 28,
    REDTAIL_RDB_ITEM_PATH = 29,
    REDTAIL_RDB_ITEM_RATE = 30,
    REDTAIL_RDB_ITEM_SKIPPED = 31,
    REDTAIL_RDB_ITEM_KEY_END = 32,
    REDTAIL_RDB_ITEM_END = 33,
    REDTAIL_RDB_ITEM_FOREIGN = 34,
} redtail_rdb_item_kind;
typedef enum redtail_rdb_magic {
    REDTAIL_RDB_MAGIC_REDIS = 1,
    REDTAIL_RDB_MAGIC_VALKEY = 2,
} redtail_rdb_magic;
typedef enum redtail_rdb_type {
    REDTAIL_RDB_TYPE_STRING = 1,
    REDTAIL_RDB_TYPE_LIST = 2,
    REDTAIL_RDB_TYPE_SET = 3,
    REDTAIL_RDB_TYPE_ZSET = 4,
    REDTAIL_RDB_TYPE_HASH = 5,
    REDTAIL_RDB_TYPE_STREAM = 6,
    REDTAIL_RDB_TYPE_MODULE = 7,
    REDTAIL_RDB_TYPE_ARRAY = 8,
    REDTAIL_RDB_TYPE_RATE = 9,
    REDTAIL_RDB_TYPE_PATH_HASH = 10,
} redtail_rdb_type;
typedef enum redtail_rdb_role {
    REDTAIL_RDB_ROLE_AUX_NAME = 1,
    REDTAIL_RDB_ROLE_AUX_VALUE = 2,
    REDTAIL_RDB_ROLE_FUNCTION = 3,
    REDTAIL_RDB_ROLE_SLOT_IMPORT = 4,
    REDTAIL_RDB_ROLE_ARGUMENT = 5,
    REDTAIL_RDB_ROLE_KEY_NAME = 6,
    REDTAIL_RDB_ROLE_VALUE = 7,
    REDTAIL_RDB_ROLE_ELEMENT = 8,
    REDTAIL_RDB_ROLE_MEMBER = 9,
    REDTAIL_RDB_ROLE_FIELD = 10,
    REDTAIL_RDB_ROLE_FIELD_VALUE = 11,
    REDTAIL_RDB_ROLE_SHARED_FIELD = 12,
    REDTAIL_RDB_ROLE_ENTRY_FIELD = 13,
    REDTAIL_RDB_ROLE_ENTRY_VALUE = 14,
    REDTAIL_RDB_ROLE_GROUP_NAME = 15,
    REDTAIL_RDB_ROLE_CONSUMER_NAME = 16,
    REDTAIL_RDB_ROLE_PRODUCER_NAME = 17,
    REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY = 18,
    REDTAIL_RDB_ROLE_PATH = 19,
} redtail_rdb_role;
typedef enum redtail_rdb_checksum {
    REDTAIL_RDB_CHECKSUM_VERIFIED = 1,
    REDTAIL_RDB_CHECKSUM_ABSENT = 2,
    REDTAIL_RDB_CHECKSUM_IGNORED = 3,
} redtail_rdb_checksum;
typedef struct redtail_stream_id {
    uint64_t ms;
    uint64_t seq;
} redtail_stream_id;
typedef struct redtail_rdb_item {
    int kind;
    int role;
    int key_type;
    int magic;
    int checksum;
    int flag;
    int frequency;
    uint64_t db;
    redtail_slice bytes;
    uint64_t at;
    uint64_t length;
    uint64_t number;
    uint64_t count;
    uint64_t expires;
    uint64_t added;
    uint64_t idle_s;
    int64_t time_ms;
    int64_t active_ms;
    double score;
    redtail_stream_id id;
    redtail_stream_id first;
    redtail_stream_id max_deleted;
    char module[10];
} redtail_rdb_item;
const char *redtail_rdb_item_name(int kind);
const char *redtail_rdb_type_name(int key_type);
const char *redtail_rdb_role_name(int role);
const char *redtail_rdb_magic_name(int magic);
const char *redtail_rdb_checksum_name(int checksum);
static const int REDTAIL_RDB_MIN_INPUT = 16896;
static const int REDTAIL_RDB_FLAG_LENIENT = 1;
static const int REDTAIL_RDB_FLAG_NO_CHECKSUM = 2;
typedef struct redtail_rdb redtail_rdb;
redtail_rdb *redtail_rdb_new(unsigned int flags,
                                         uint64_t offset,
                                         const redtail_limits *limits);
void redtail_rdb_free(redtail_rdb *rdb);
const char *redtail_rdb_message(const redtail_rdb *rdb);
int redtail_rdb_next(redtail_rdb *rdb,
                                 redtail_slice *input,
                                 const redtail_rdb_item **item);
int redtail_rdb_finish(redtail_rdb *rdb);
int redtail_rdb_needed(redtail_rdb *rdb, size_t *needed);
int redtail_rdb_offset(redtail_rdb *rdb, uint64_t *offset);
int redtail_rdb_error_offset(redtail_rdb *rdb, uint64_t *offset);
int redtail_rdb_error_kind(redtail_rdb *rdb, int *kind);
typedef struct redtail_dump redtail_dump;
redtail_dump *redtail_dump_new(const char *payload,
                                           size_t len);
void redtail_dump_free(redtail_dump *dump);
const char *redtail_dump_message(const redtail_dump *dump);
int redtail_dump_next(redtail_dump *dump,
                                  const redtail_rdb_item **item);
int redtail_dump_error_offset(redtail_dump *dump,
                                          uint64_t *offset);
int redtail_dump_error_kind(redtail_dump *dump, int *kind);
typedef struct redtail_decompress redtail_decompress;
redtail_decompress *redtail_decompress_new(int (*read)(void *context,
                                                       char *space,
                                                       size_t room,
                                                       size_t *count),
                                                       void *context);
void redtail_decompress_free(redtail_decompress *decompress);
const char *redtail_decompress_message(const redtail_decompress *decompress);
int redtail_decompress_read(redtail_decompress *decompress,
                                        char *space,
                                        size_t room,
                                        size_t *count);
int redtail_decompress_name(redtail_decompress *decompress,
                                        const char **name);
static const int REDTAIL_SERVER_TEXT_SIZE = 32;
typedef enum redtail_product {
    REDTAIL_PRODUCT_REDIS = 1,
    REDTAIL_PRODUCT_VALKEY = 2,
} redtail_product;
typedef struct redtail_server {
    int product;
    uint16_t major;
    uint16_t minor;
    uint16_t patch;
    uint16_t reserved;
} redtail_server;
int redtail_server_parse(const char *text,
                                     redtail_server *server);
int redtail_server_format(const redtail_server *server,
                                      char *text,
                                      size_t size);
int redtail_server_is_since(const redtail_server *server,
                                        int product,
                                        uint16_t major,
                                        uint16_t minor);
int redtail_server_is_newer_than_tested(const redtail_server *server);
int redtail_product_newest_tested(int product,
                                              redtail_server *server);
int redtail_server_snapshot_format(const redtail_server *server,
                                               int *magic,
                                               uint64_t *version);
int redtail_server_reads(const redtail_server *server,
                                     int magic,
                                     uint64_t version);
const char *redtail_product_name(int product);
typedef enum redtail_verify {
    REDTAIL_VERIFY_FULL = 0,
    REDTAIL_VERIFY_AUTHORITY = 1,
    REDTAIL_VERIFY_NOTHING = 2,
} redtail_verify;
typedef struct redtail_tls {
    size_t struct_size;
    int verify;
    const char *ca_file;
    const char *ca_folder;
    const char *certificate;
    const char *key;
    const char *server_name;
} redtail_tls;
static const uint64_t REDTAIL_FOREVER = 18446744073709551615;
typedef enum redtail_start {
    REDTAIL_START_NOW = 0,
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    REDTAIL_START_SNAPSHOT = 2,
    REDTAIL_START_AT = 3,
    REDTAIL_START_SYNC = 4,
} redtail_start;
typedef enum redtail_on_gap {
    REDTAIL_ON_GAP_STOP = 0,
    REDTAIL_ON_GAP_CONTINUE = 1,
    REDTAIL_ON_GAP_SNAPSHOT = 2,
} redtail_on_gap;
typedef enum redtail_ack {
    REDTAIL_ACK_OBSERVE = 0,
    REDTAIL_ACK_RECEIVED = 1,
    REDTAIL_ACK_APPLIED = 2,
} redtail_ack;
typedef struct redtail_options {
    size_t struct_size;
    int start;
    int on_gap;
    int ack;
    int allow_probe;
    int retry_first;
    int retry_snapshot;
    int no_reconnect;
    int single_link;
    int control;
    uint16_t listening_port;
    redtail_position position;
    const char *label;
    const char *user;
    const char *password;
    size_t password_len;
    uint64_t parts;
    uint64_t silence_ms;
    uint64_t backoff_first_ms;
    uint64_t backoff_longest_ms;
    uint32_t backoff_attempts;
    size_t buffer_size;
    uint64_t connect_timeout_ms;
    uint64_t write_timeout_ms;
    const redtail_limits *limits;
    int snapshot_items;
    int lenient;
    const redtail_tls *tls;
    uint64_t retry_refused_ms;
} redtail_options;
int redtail_options_init(redtail_options *options,
                                     size_t size);
typedef enum redtail_event_kind {
    REDTAIL_EVENT_FORKING = 1,
    REDTAIL_EVENT_ATTACHED = 2,
    REDTAIL_EVENT_SNAPSHOT_BEGIN = 3,
    REDTAIL_EVENT_SNAPSHOT_BYTES = 4,
    REDTAIL_EVENT_SNAPSHOT_END = 5,
    REDTAIL_EVENT_COMMAND = 6,
    REDTAIL_EVENT_MULTI = 7,
    REDTAIL_EVENT_EXEC = 8,
    REDTAIL_EVENT_CONTROL = 9,
    REDTAIL_EVENT_PART_BEGIN = 10,
    REDTAIL_EVENT_PART_ARGUMENT = 11,
    REDTAIL_EVENT_PART_PIECE = 12,
    REDTAIL_EVENT_PART_END = 13,
    REDTAIL_EVENT_GAP = 14,
    REDTAIL_EVENT_DISCONNECTED = 15,
    REDTAIL_EVENT_SNAPSHOT_ITEM = 16,
} redtail_event_kind;
typedef enum redtail_fork_reason {
    REDTAIL_FORK_FILTERED = 1,
    REDTAIL_FORK_SNAPSHOT = 2,
    REDTAIL_FORK_PROBE = 3,
} redtail_fork_reason;
typedef enum redtail_method {
    REDTAIL_METHOD_FILTERED = 1,
    REDTAIL_METHOD_INFO = 2,
    REDTAIL_METHOD_FULL = 3,
    REDTAIL_METHOD_CONTINUED = 4,
    REDTAIL_METHOD_PROBED = 5,
    REDTAIL_METHOD_SYNC = 6,
    REDTAIL_METHOD_REWOUND = 7,
} redtail_method;
typedef enum redtail_role {
    REDTAIL_ROLE_UNKNOWN = 0,
    REDTAIL_ROLE_PRIMARY = 1,
    REDTAIL_ROLE_REPLICA = 2,
} redtail_role;
typedef enum redtail_disconnect_reason {
    REDTAIL_DISCONNECT_CLOSED = 1,
    REDTAIL_DISCONNECT_IO = 2,
    REDTAIL_DISCONNECT_SILENCE = 3,
    REDTAIL_DISCONNECT_REFUSED = 4,
    REDTAIL_DISCONNECT_NEEDS_FIX = 5,
} redtail_disconnect_reason;
typedef struct redtail_forking {
    int reason;
    uint64_t used_memory;
    uint64_t last_fork_us;
    const char *server;
} redtail_forking;
typedef struct redtail_attached {
    int method;
    int role;
    const redtail_position *position;
    const char *server;
    int newer_than_tested;
    const redtail_position *rewound_from;
} redtail_attached;
typedef struct redtail_snapshot {
    uint64_t length;
    uint64_t verified;
    uint64_t beyond_templates;
} redtail_snapshot;
typedef struct redtail_part {
    size_t argc;
    size_t index;
    uint64_t length;
} redtail_part;
typedef struct redtail_gap {
    const redtail_position *from;
    const redtail_position *to;
    uint64_t missed;
} redtail_gap;
typedef struct redtail_disconnected {
    int reason;
    const redtail_position *resume;
    uint64_t retry_in_ms;
} redtail_disconnected;
typedef struct redtail_event {
    int kind;
    int resumable;
    uint64_t offset;
    int64_t db;
    uint64_t tx;
    uint64_t received_ms;
    const redtail_slice *args;
    size_t argc;
    redtail_slice raw;
    redtail_slice replid;
    redtail_slice history;
    const redtail_forking *forking;
    const redtail_attached *attached;
    const redtail_snapshot *snapshot;
    const redtail_part *part;
    const redtail_gap *gap;
    const redtail_disconnected *disconnected;
    const redtail_rdb_item *item;
    uint64_t data_offset;
} redtail_event;
int redtail_event_position(const redtail_event *event,
                                       redtail_position *position);
const char *redtail_event_name(int kind);
const char *redtail_fork_reason_name(int reason);
const char *redtail_method_name(int method);
const char *redtail_role_name(int role);
const char *redtail_disconnect_reason_name(int reason);
typedef struct redtail_session redtail_session;
redtail_session *redtail_session_new(const redtail_options *options);
redtail_session *redtail_session_new_recorded(const redtail_options *options,
                                                          uint64_t offset);
void redtail_session_free(redtail_session *session);
const char *redtail_session_message(const redtail_session *session);
int redtail_session_login(redtail_session *session,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);
int redtail_session_connected(redtail_session *session,
                                          uint64_t now_ms);
int redtail_session_disconnected(redtail_session *session,
                                             const char *reason);
int redtail_session_space(redtail_session *session,
                                      char **data,
                                      size_t *len);
int redtail_session_received(redtail_session *session,
                                         size_t count);
int redtail_session_silent(redtail_session *session);
int redtail_session_timer(redtail_session *session,
                                      uint64_t now_ms);
int redtail_session_stamp(redtail_session *session,
                                      uint64_t received_ms);
int redtail_session_next(redtail_session *session,
                                     uint64_t now_ms,
                                     const redtail_event **event);
int redtail_session_keep_alive(redtail_session *session, uint64_t now_ms);
int redtail_session_to_send(redtail_session *session,
                                        const char **data,
                                        size_t *len);
int redtail_session_sent(redtail_session *session,
                                     size_t count);
int redtail_session_deadline_ms(redtail_session *session,
                                            uint64_t *deadline_ms);
int redtail_session_commit(redtail_session *session,
                                       const redtail_position *position);
int redtail_session_position(redtail_session *session, redtail_position *position);
typedef struct redtail_sentinel {
    size_t struct_size;
    const char *name;
    const char *const *addresses;
    size_t address_count;
    int prefer_replica;
    const char *user;
    const char *password;
    size_t password_len;
    const redtail_tls *tls;
    void (*warning)(void *context, const char *message);
    void *context;
} redtail_sentinel;
typedef struct redtail_handle redtail_handle;
int redtail_handle_stop(redtail_handle *handle);
int redtail_handle_heartbeat(redtail_handle *handle);
int redtail_handle_commit(redtail_handle *handle,
                                      const redtail_position *position);
void redtail_handle_free(redtail_handle *handle);
typedef struct redtail_follower redtail_follower;
redtail_follower *redtail_follower_new(const redtail_options *options);
void redtail_follower_free(redtail_follower *follower);
const char *redtail_follower_message(const redtail_follower *follower);
int redtail_follower_login(redtail_follower *follower,
                                       const char *user,
                                       const char *password,
                                       size_t password_len);
int redtail_follower_connect(redtail_follower *follower,
                                         const char *address);
int redtail_follower_connect_sentinel(redtail_follower *follower,
                                                  const redtail_sentinel *sentinel);
int redtail_follower_record(redtail_follower *follower, const char *path);
int redtail_follower_finish_recording(redtail_follower *follower);
int redtail_follower_fd(redtail_follower *follower,
                                    int64_t *fd);
int redtail_follower_next(redtail_follower *follower,
                                      const redtail_event **event);
int redtail_follower_next_timeout(redtail_follower *follower,
                                              uint64_t limit_ms,
                                              const redtail_event **event);
int redtail_follower_batch(redtail_follower *follower,
                                       int (*each)(void *context, const redtail_event *event),
                                       void *context);
int redtail_follower_commit(redtail_follower *follower,
                                        const redtail_position *position);
int redtail_follower_position(redtail_follower *follower, redtail_position *position);
redtail_handle *redtail_follower_handle(redtail_follower *follower);
typedef struct redtail_shard redtail_shard;
const char *redtail_shard_id(const redtail_shard *shard);
int redtail_shard_target(const redtail_shard *shard,
                                     char *text,
                                     size_t size,
                                     size_t *needed);
int redtail_shard_slots(const redtail_shard *shard, char *text, size_t size, size_t *needed);
int redtail_shard_position(const redtail_shard *shard, redtail_position *position);
redtail_handle *redtail_shard_handle(redtail_shard *shard);
const char *redtail_shard_message(const redtail_shard *shard);
int redtail_shard_set_context(redtail_shard *shard,
                                          void *context);
void *redtail_shard_context(const redtail_shard *shard);
int redtail_slot(const char *key,
                             size_t len);
typedef enum redtail_notice_kind {
    REDTAIL_NOTICE_ADDED = 1,
    REDTAIL_NOTICE_FAILED_OVER = 2,
    REDTAIL_NOTICE_SLOTS_MOVED = 3,
    REDTAIL_NOTICE_REMOVED = 4,
    REDTAIL_NOTICE_ENDED = 5,
    REDTAIL_NOTICE_LOST = 6,
    REDTAIL_NOTICE_UNREACHABLE = 7,
    REDTAIL_NOTICE_MOVED = 8,
} redtail_notice_kind;
typedef struct redtail_notice {
    int kind;
    const char *message;
    redtail_shard *shard;
    int start;
    int status;
    const redtail_position *position;
    const char *from;
    const char *to;
    const char *gained;
    const char *lost;
    const char *node;
} redtail_notice;
const char *redtail_notice_name(int kind);
typedef struct redtail_cluster_callbacks {
    size_t struct_size;
    void *context;
    int (*event)(void *context, redtail_shard *shard, const redtail_event *event);
    void (*notice)(void *context, const redtail_notice *notice);
    int (*idle)(void *context, redtail_shard *shard);
} redtail_cluster_callbacks;
typedef enum redtail_added {
    REDTAIL_ADDED_SNAPSHOT = 0,
    REDTAIL_ADDED_NOW = 1,
    REDTAIL_ADDED_NOW_WITHOUT_FORK = 2,
} redtail_added;
typedef struct redtail_cluster redtail_cluster;
typedef struct redtail_cluster_options {
    size_t struct_size;
    const char *const *nodes;
    size_t node_count;
    const char *positions;
    int added;
    uint64_t refresh_ms;
    int prefer_replica;
} redtail_cluster_options;
redtail_cluster *redtail_cluster_new(const redtail_options *options,
                                                 const redtail_cluster_options *cluster);
void redtail_cluster_free(redtail_cluster *cluster);
const char *redtail_cluster_message(const redtail_cluster *cluster);
int redtail_cluster_login(redtail_cluster *cluster,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);
int redtail_cluster_follow(redtail_cluster *cluster,
                                       const redtail_cluster_callbacks *callbacks);
int redtail_cluster_wait(redtail_cluster *cluster,
                                     uint64_t limit_ms);
int redtail_cluster_stop(redtail_cluster *cluster);
int redtail_cluster_positions(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);
int redtail_cluster_commit(redtail_cluster *cluster,
                                       const char *positions);
int redtail_cluster_committed(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);
typedef enum redtail_migration {
    REDTAIL_MIGRATION_NONE = 0,
    REDTAIL_MIGRATION_KEY = 1,
    REDTAIL_MIGRATION_BEGINS = 2,
    REDTAIL_MIGRATION_ENDS = 3,
    REDTAIL_MIGRATION_FAILED = 4,
    REDTAIL_MIGRATION_TRIMMED = 5,
    REDTAIL_MIGRATION_MESSAGE = 6,
    REDTAIL_MIGRATION_IMPORTED = 7,
} redtail_migration;
typedef enum redtail_migration_side {
    REDTAIL_MIGRATION_SIDE_NONE = 0,
    REDTAIL_MIGRATION_SIDE_IMPORT = 1,
    REDTAIL_MIGRATION_SIDE_MIGRATE = 2,
} redtail_migration_side;
typedef struct redtail_migrations redtail_migrations;
typedef struct redtail_migration_task {
    int side;
    const char *id;
    const char *source;
    const char *target;
    const char *slots;
} redtail_migration_task;
redtail_migrations *redtail_migrations_new(void);
void redtail_migrations_free(redtail_migrations *migrations);
const char *redtail_migrations_message(const redtail_migrations *migrations);
int redtail_migrations_next(redtail_migrations *migrations,
                                        const redtail_slice *args,
                                        size_t argc,
                                        redtail_migration_task *task);
int redtail_migrations_clear(redtail_migrations *migrations);
const char *redtail_migration_name(int migration);
const char *redtail_migration_side_name(int side);
typedef struct redtail_topology redtail_topology;
typedef struct redtail_node {
    size_t shard;
    int is_primary;
    int is_up;
    const char *id;
    const char *address;
    const char *slots;
} redtail_node;
int redtail_sentinel_find(const redtail_sentinel *sentinel,
                                      char *text,
                                      size_t size);
redtail_topology *redtail_topology_new(const redtail_options *options,
                                                   const redtail_cluster_options *cluster);
void redtail_topology_free(redtail_topology *topology);
const char *redtail_topology_message(const redtail_topology *topology);
int redtail_topology_ask(redtail_topology *topology);
int redtail_topology_node(redtail_topology *topology,
                                      size_t index,
                                      const redtail_node **node);
typedef struct redtail_primary redtail_primary;
redtail_primary *redtail_primary_new(void);
void redtail_primary_free(redtail_primary *primary);
const char *redtail_primary_message(const redtail_primary *primary);
int redtail_primary_serve_file(redtail_primary *primary,
                                           const char *path);
int redtail_primary_serve_bytes(redtail_primary *primary, const char *data, size_t len);
int redtail_primary_check(redtail_primary *primary);
const char *redtail_primary_address(const redtail_primary *primary);
