/**
 * redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
 *
 * There are five interfaces. Choose one:
 *
 *   follower   connects, reconnects and resumes: one blocking call per event.
 *   cluster    a follower for each shard of a cluster, on threads of the library, with callbacks.
 *   session    the replication protocol over your own socket and event loop.
 *   parser     RESP2 and RESP3 (the protocol of commands and replies) over bytes that you hold.
 *   rdb        snapshots (RDB files) over bytes that you hold. A dump is the same for the payload of a RESTORE.
 *
 * These rules hold for every function, unless its comment says otherwise.
 *
 * STATUS. Functions return an int. 0 (REDTAIL_OK) is success. Numbers above 0 are other outcomes, such as "more
 * bytes are needed". Numbers below 0 are errors; redtail_..._message() describes them. The numbers never change.
 *
 * HANDLES are opaque. _new creates a handle and _free destroys it. _new returns NULL only if memory is exhausted.
 * If the options are invalid, every later call on the handle returns that error, and the handle has its message.
 *
 * POINTERS. NULL for a required pointer gives REDTAIL_ERROR_ARGUMENT, and so does a length that exceeds memory.
 * _free(NULL) does nothing. Misaligned pointers are rejected like NULL. Output parameters are last. They are
 * written only if the call returns a status for which the comment says so.
 *
 * CONST. A call with a const handle does not change the handle. All other calls may change it, at least its message.
 *
 * TEXT AND BYTES. Text that you pass (addresses, positions, reasons) is UTF-8 and ends with NUL. Bytes are a pointer
 * and a length. The library reads arguments during the call and does not keep the pointers, except for the input of
 * a parser or RDB decoder and the payload of a redtail_dump. A redtail_slice that you receive is not NUL-terminated.
 * Its data pointer is NULL only if the slice is absent, never for an empty slice.
 *
 * LIFETIMES. Data that you receive belongs to the handle. The data is valid until the next call that requests an item
 * or event from the handle, or frees the handle: _next, _next_timeout, _batch, _free; for a session also _space,
 * _connected, _disconnected. Comments name the exceptions. "Static" text is valid while the library is loaded.
 *
 * MESSAGES. A failure sets the message of the handle. Some events and items also set it; their comments say so. The
 * next call that requests an item or event removes the message: it is then "". The text that a _message function
 * returns is valid until the next call on the handle.
 *
 * STRUCTS that you fill begin with struct_size: set it to sizeof the struct. 0 and NULL always select the default.
 * Later versions add fields at the end. A library accepts structs of older headers. It rejects structs of newer
 * headers with REDTAIL_ERROR_ARGUMENT. Structs that the library fills are pointers to const. Later versions add fields
 * at their end, and new kinds of events and items: ignore unknown kinds. redtail_slice, redtail_position and
 * redtail_server never change.
 *
 * THREADS. Only one thread at a time may use a handle, but not always the same thread. Exceptions are redtail_handle,
 * redtail_cluster and redtail_shard, which several threads may use at once. Different handles share nothing.
 * "Any thread" marks functions that several threads may call at once.
 *
 * PROCESS. The library changes no signal handler, signal mask, locale, umask, directory or environment variable. A
 * lost connection raises no SIGPIPE. All descriptors are closed by exec. Threads of the library inherit the signal
 * mask of the thread that creates them. If your own threads are to handle signals, block signals before
 * redtail_cluster_follow.
 *
 * FORK. A forked child must not use the handles of its parent, because it shares the parent's connections: only exec
 * and _exit are safe. In a child the functions of redtail_handle and redtail_cluster return REDTAIL_ERROR_STATE, as do
 * _target, _slots and _position of a redtail_shard. _free of a follower, cluster or primary does nothing. A child may
 * create handles of its own.
 *
 * FAULTS. A bug in the library does not unwind into your program. The call returns REDTAIL_ERROR_PANIC, and the
 * message contains the file and line. From then on the handle always returns that status. Free it.
 */

#ifndef REDTAIL_H
#define REDTAIL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Marks the functions of the library. Define REDTAIL_SHARED on Windows if the program uses the shared library.
 */
#ifndef REDTAIL_API
#if defined(_WIN32) && defined(REDTAIL_SHARED)
#define REDTAIL_API __declspec(dllimport)
#elif defined(__GNUC__)
#define REDTAIL_API __attribute__((visibility("default")))
#else
#define REDTAIL_API
#endif
#endif

/**
 * Whether this header has at least this version. For #if.
 */
#define REDTAIL_VERSION_AT_LEAST(major, minor, patch) \
    (REDTAIL_VERSION_NUMBER >= (major) * 1000000 + (minor) * 1000 + (patch))

/*--------------------------------------------------------------------------------------------------------------------
 * Versions, statuses, slices
 */

/** The major version of this header. From 1.0 on, versions with the same major number are compatible. */
#define REDTAIL_VERSION_MAJOR 0

/** The minor version of this header. Before 1.0, versions with the same minor number are compatible. */
#define REDTAIL_VERSION_MINOR 2

/** The patch version of this header. */
#define REDTAIL_VERSION_PATCH 0

/** The version of this header as one number: major * 1000000 + minor * 1000 + patch. */
#define REDTAIL_VERSION_NUMBER 2000

/** An unknown size, time or number. */
#define REDTAIL_UNKNOWN UINT64_MAX

/** The result of a function. */
typedef enum redtail_status {
    /** Success. */
    REDTAIL_OK = 0,
    /** The input contains no further complete item: append more bytes. For output: the room is too small. */
    REDTAIL_NEED_MORE = 1,
    /** A complete command. The array holds only its first arguments; redtail_parser_next_arg delivers the others. */
    REDTAIL_MORE_ARGS = 2,
    /** A walk or a snapshot has ended. */
    REDTAIL_END = 3,
    /** The requested value does not exist, for example no position yet. */
    REDTAIL_NONE = 4,
    /** A callback ended the batch or the cluster. */
    REDTAIL_STOPPED = 5,
    /** Nothing arrived within the time limit. */
    REDTAIL_IDLE = 6,
    /**
     * There is no connection. Connect at the time of redtail_session_deadline_ms, then call
     * redtail_session_connected.
     */
    REDTAIL_RECONNECT = 7,
    /** The regular end: after redtail_handle_stop, or the server closed the connection and reconnection is off. */
    REDTAIL_CLOSED = 8,
    /** The command can touch any key, and does not name them. */
    REDTAIL_ALL_KEYS = 9,
    /** The keys of the command are unknown. */
    REDTAIL_UNKNOWN_KEYS = 10,
    /** An invalid pointer, length, number or option. */
    REDTAIL_ERROR_ARGUMENT = -1,
    /** A call in the wrong order. */
    REDTAIL_ERROR_STATE = -2,
    /** A bug in the library. Free the handle. */
    REDTAIL_ERROR_PANIC = -3,
    /** Memory is exhausted. For a cluster also: the system cannot start a thread. */
    REDTAIL_ERROR_MEMORY = -4,
    /** An invalid position. */
    REDTAIL_ERROR_POSITION = -5,
    /** Bytes that violate the protocol. Final. */
    REDTAIL_ERROR_PROTOCOL = -6,
    /** Bytes that exceed one of the limits. Final. */
    REDTAIL_ERROR_LIMIT = -7,
    /** An invalid address. */
    REDTAIL_ERROR_ADDRESS = -8,
    /** The first connection failed. redtail_follower_connect may be called again. */
    REDTAIL_ERROR_CONNECT = -9,
    /**
     * The connection was lost or could not be made, and no attempt is left. Before the first success there is one
     * attempt, unless redtail_options.retry_first is set; the message is then "can't connect: ...".
     */
    REDTAIL_ERROR_LOST = -10,
    /** The server refuses until its configuration changes: a password, a permission, a setting. */
    REDTAIL_ERROR_REFUSED = -11,
    /** A reply that no primary sends at this point. */
    REDTAIL_ERROR_UNEXPECTED = -12,
    /** The primary no longer has the history after the requested position. */
    REDTAIL_ERROR_HISTORY_LOST = -13,
    /** The server has no backlog. Without a fork there is no position to start from. */
    REDTAIL_ERROR_NO_BACKLOG = -14,
    /** The start requires INFO, which the server does not permit. */
    REDTAIL_ERROR_INFO_NEEDED = -15,
    /** The start requires a second connection, which single_link excludes. */
    REDTAIL_ERROR_SECOND_LINK = -16,
    /** The connection was lost. A stream that was started with SYNC cannot resume. */
    REDTAIL_ERROR_NOT_RESUMABLE = -17,
    /** A snapshot ended before it was complete. */
    REDTAIL_ERROR_SNAPSHOT_BROKEN = -18,
    /** A snapshot that must be empty contains data. */
    REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY = -19,
    /** User and password are longer than a server accepts, or a user has no password. */
    REDTAIL_ERROR_CREDENTIALS = -20,
    /** Bytes that are not a valid snapshot, or a format that this version does not know. Final. */
    REDTAIL_ERROR_SNAPSHOT = -21,
    /** The library does not fit the header that the program was compiled with. See redtail_check_version. */
    REDTAIL_ERROR_VERSION = -22,
    /** A recording that cannot be read or written. */
    REDTAIL_ERROR_RECORDING = -23,
    /** Bytes of redtail_decompress that cannot be read or decompressed. Final, unless the callback failed at once. */
    REDTAIL_ERROR_COMPRESSION = -24,
} redtail_status;

/** A borrowed byte range. It is not NUL-terminated. This struct never changes. */
typedef struct redtail_slice {
    /** The first byte. NULL if there is no slice. */
    const char *data;
    /** Number of bytes. */
    size_t len;
} redtail_slice;

/** Limits for input, against hostile or corrupt bytes. Filled by the caller; 0 selects the default. */
typedef struct redtail_limits {
    /** sizeof(redtail_limits) */
    size_t struct_size;
    /** Maximum length of a bulk string in bytes. Default 512 MiB. */
    uint64_t bulk;
    /** Maximum length of a command or frame in bytes. Default 1 GiB; more than 4 GiB - 1 is an error. */
    uint64_t command;
    /**
     * Maximum number of arguments of a command, or elements of an aggregate. Default 2^24; maximum of an aggregate
     * 2^27 - 1.
     */
    uint64_t arguments;
    /** Maximum nesting depth of aggregates in a frame. (A command has one level.) Default 1024; more is an error. */
    size_t depth;
    /** Maximum length of an inline command or annotation in bytes. Default 64 KiB. */
    size_t line;
    /** Maximum length of a line of a frame (simple string, error, number) in bytes. Default 512 MiB. */
    size_t reply_line;
    /**
     * Maximum memory for the hash templates of a snapshot (Redis 8.10) in bytes. Default 64 MiB; more than 256 MiB is
     * an error. Each template requires 28 bytes and 4 for each of its fields. Each field name, of any number of
     * templates, requires its length plus 12. Memory is allocated only for the templates that a snapshot has.
     */
    size_t templates;
} redtail_limits;

/** The version of the running library, for example "0.2.0". Static. Any thread. */
REDTAIL_API const char *redtail_version(void);

/**
 * The optional features of the running library, separated by commas: "tls", "compression", "tls,compression"
 * or "". Static. Any thread.
 */
REDTAIL_API const char *redtail_features(void);

/** The version of the running library, in the form of REDTAIL_VERSION_NUMBER. Any thread. */
REDTAIL_API unsigned int redtail_version_number(void);

/**
 * Compares the running library with the header that the program was compiled with. Pass REDTAIL_VERSION_NUMBER.
 *
 * Returns REDTAIL_OK if they fit: the library is not older than the header, and has the same major version (before
 * 1.0 also the same minor version). Otherwise REDTAIL_ERROR_VERSION. Any thread.
 */
REDTAIL_API int redtail_check_version(unsigned int header);

/** The name of a status, for example "REDTAIL_ERROR_LOST"; "unknown status" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_status_name(int status);


/*--------------------------------------------------------------------------------------------------------------------
 * Positions in a replication stream
 */

/** Size in bytes that suffices for any position as text, including the NUL. */
#define REDTAIL_POSITION_TEXT_SIZE 160

/**
 * A position in the stream of a primary. It contains everything that is needed to resume there, on that server
 * or on any other with the same history. It borrows nothing. This struct never changes.
 */
typedef struct redtail_position {
    /** The replication id of the primary at this position: 40 hexadecimal digits and a NUL. */
    char replid[41];
    /**
     * The replication id when the history began: at the first connection, at the last gap, or at the last
     * REDTAIL_METHOD_REWOUND. A promotion does not change it. Together with the offset it identifies a command
     * permanently. Empty: the same as replid.
     */
    char history[41];
    /**
     * The replication offset of the last byte processed, as master_repl_offset in INFO. The first byte of a
     * stream is number 1.
     */
    uint64_t offset;
    /** The selected database at this position; -1 if unknown. */
    int64_t db;
    /**
     * The offset of the last byte that may have changed data. The bytes after it hold only PING, PUBLISH, SPUBLISH,
     * SELECT, REPLCONF, and transactions of nothing else. If a new primary lacks only such bytes, following continues
     * without a gap. 0, or more than offset: the same as offset.
     */
    uint64_t data_offset;
} redtail_position;

/**
 * Parses a position from text: replid:offset:db, with ? for an unknown database, then :history if it differs from
 * replid, then :data_offset if it differs from offset.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_ERROR_POSITION if the text is invalid; REDTAIL_ERROR_ARGUMENT if a
 * pointer is NULL. Any thread.
 */
REDTAIL_API int redtail_position_parse(const char *text,
                                       redtail_position *position);

/**
 * Writes a position as text with a NUL. size: room in bytes; REDTAIL_POSITION_TEXT_SIZE always suffices.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if a pointer is
 * NULL or the room is too small. After an error nothing was written. Any thread.
 */
REDTAIL_API int redtail_position_format(const redtail_position *position,
                                        char *text,
                                        size_t size);


/*--------------------------------------------------------------------------------------------------------------------
 * Items: the results of a parser
 */

/** Number of arguments whose positions are in redtail_item.spans. redtail_parser_next_arg delivers the others. */
#define REDTAIL_SPANS 64

/** The grammar of the input. */
typedef enum redtail_mode {
    /** Replies of a server: every type of RESP2 and RESP3. Items are frames. */
    REDTAIL_MODE_FRAMES = 0,
    /** Requests of a client: commands and inline commands. Empty ones are skipped. */
    REDTAIL_MODE_REQUESTS = 1,
    /** A replication stream: commands. Single newlines and empty commands are skipped. */
    REDTAIL_MODE_STREAM = 2,
    /** An append-only file: as a stream; lines that begin with # are skipped. */
    REDTAIL_MODE_AOF = 3,
    /** Replies of a server, one token after another as the bytes arrive: redtail_parser_tokens. No items. */
    REDTAIL_MODE_TOKENS = 4,
} redtail_mode;

/** The kinds of items. */
typedef enum redtail_item_kind {
    /** An array of bulk strings; args[0] is the command's name. */
    REDTAIL_ITEM_COMMAND = 1,
    /** An inline command. Its arguments are raw, with quotes and escapes: redtail_unquote removes them. */
    REDTAIL_ITEM_INLINE = 2,
    /** A frame. redtail_parser_next_token walks through it. */
    REDTAIL_ITEM_FRAME = 3,
    /** A command in parts begins: see argc. Only after redtail_parser_set_parts. */
    REDTAIL_ITEM_PART_BEGIN = 4,
    /** The next argument of the command in parts begins: see index and length. */
    REDTAIL_ITEM_PART_ARGUMENT = 5,
    /** The next bytes of the argument: see raw. An empty argument has none. */
    REDTAIL_ITEM_PART_PIECE = 6,
    /** The command in parts is complete. */
    REDTAIL_ITEM_PART_END = 7,
} redtail_item_kind;

/** The steps of a walk through a frame. */
typedef enum redtail_token_step {
    /** A value. */
    REDTAIL_TOKEN_VALUE = 1,
    /**
     * An aggregate begins: an array, map, set, push or attribute, whose elements follow, or a string that is streamed
     * or in pieces, whose chunks follow.
     */
    REDTAIL_TOKEN_BEGIN = 2,
    /**
     * The next bytes of a string that is streamed or in pieces. A chunk of a streamed string that is itself in pieces
     * begins with an empty one.
     */
    REDTAIL_TOKEN_CHUNK = 3,
    /** The end of the innermost open aggregate. */
    REDTAIL_TOKEN_END = 4,
} redtail_token_step;

/** The types of RESP2 and RESP3. */
typedef enum redtail_kind {
    /** No type: a chunk or an end. */
    REDTAIL_KIND_NONE = 0,
    /** + a line of text */
    REDTAIL_KIND_SIMPLE_STRING = 1,
    /** - an error, as a line of text */
    REDTAIL_KIND_ERROR = 2,
    /** : a signed 64-bit integer */
    REDTAIL_KIND_INTEGER = 3,
    /** $ bytes */
    REDTAIL_KIND_BULK_STRING = 4,
    /** * an array */
    REDTAIL_KIND_ARRAY = 5,
    /** _ or the nulls of RESP2 */
    REDTAIL_KIND_NULL = 6,
    /** # a boolean */
    REDTAIL_KIND_BOOLEAN = 7,
    /** , a double */
    REDTAIL_KIND_DOUBLE = 8,
    /** ( an integer of any size, as text */
    REDTAIL_KIND_BIG_NUMBER = 9,
    /** ! an error, as bytes */
    REDTAIL_KIND_BULK_ERROR = 10,
    /** = bytes with a format of three letters */
    REDTAIL_KIND_VERBATIM_STRING = 11,
    /** % pairs of key and value */
    REDTAIL_KIND_MAP = 12,
    /** ~ a set */
    REDTAIL_KIND_SET = 13,
    /** > data that is not the reply to a command */
    REDTAIL_KIND_PUSH = 14,
    /** | pairs of metadata before a value */
    REDTAIL_KIND_ATTRIBUTE = 15,
} redtail_kind;

/**
 * A step of a walk through a frame. Of redtail_parser_next_token: owned by the parser, valid until the next step. Of
 * redtail_parser_tokens: owned by the caller, its slices point into the input.
 */
typedef struct redtail_token {
    /** One of redtail_token_step. */
    int step;
    /** VALUE, BEGIN: one of redtail_kind. */
    int kind;
    /** Number of open aggregates around the step. A BEGIN and its END have the same depth. */
    uint32_t depth;
    /** VALUE of kind VERBATIM_STRING: the format and a NUL, for example "txt". */
    char format[4];
    /**
     * BEGIN: number of elements, keys and values of a map counted separately; length in bytes of a string in pieces;
     * SIZE_MAX if streamed.
     */
    size_t count;
    /** VALUE of kind INTEGER: the number. BOOLEAN: 1 or 0. DOUBLE: see redtail_token_double. */
    int64_t integer;
    /** VALUE: text or bytes; for a number its text. CHUNK: the bytes. */
    redtail_slice bytes;
    /**
     * The exact bytes of the step. BEGIN: the header. END: the end mark; empty for an aggregate with a count. The
     * bytes of all steps, one after another, are the frame.
     */
    redtail_slice raw;
} redtail_token;

/** The position of an argument in the bytes of its command. */
typedef struct redtail_span {
    /** The index of its first byte. */
    uint32_t start;
    /** Its length in bytes. */
    uint32_t len;
} redtail_span;

/** A complete command or frame. Owned by the parser; its slices point into the input. */
typedef struct redtail_item {
    /** One of redtail_item_kind. */
    int kind;
    /** FRAME: one of redtail_kind. Otherwise REDTAIL_KIND_NONE. */
    int frame;
    /**
     * The offset of the byte after the item. Offsets count from the first byte of input, which is number 0 unless
     * redtail_parser_start_at set another number.
     */
    uint64_t offset;
    /** The exact bytes of the item. The bytes of all parts, one after another, are the bytes of the command. */
    redtail_slice raw;
    /**
     * COMMAND, INLINE: the positions in raw of the arguments, at most REDTAIL_SPANS. The first is the name. Argument i
     * is at raw.data + spans[i].start and has spans[i].len bytes: redtail_item_arg. Otherwise NULL.
     */
    const redtail_span *spans;
    /** COMMAND, INLINE, PART_BEGIN: number of arguments, including the name. */
    size_t argc;
    /** PART_ARGUMENT: the index of the argument; the name is 0. */
    size_t index;
    /** PART_ARGUMENT: the length of the argument in bytes, the sum of its pieces. */
    uint64_t length;
} redtail_item;

/**
 * The number of a VALUE of kind DOUBLE, computed by this call. 0 if token is NULL or of another kind. Any thread,
 * while the token is valid.
 */
REDTAIL_API double redtail_token_double(const redtail_token *token);

/**
 * Argument index of a COMMAND or INLINE; the name is 0. A slice without data if item is NULL or of another kind, or if
 * index is REDTAIL_SPANS or more, or not below argc. Any thread, while the item is valid.
 */
REDTAIL_API redtail_slice redtail_item_arg(const redtail_item *item,
                                           size_t index);

/** The name of a redtail_item_kind, for example "inline"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_item_name(int kind);

/** The name of a redtail_token_step, for example "begin"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_token_name(int step);

/** The name of a redtail_kind, for example "simple_string"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_kind_name(int kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Kinds of errors: the reason of a failure as a number, for parsers and RDB decoders
 */

/** The kinds of REDTAIL_ERROR_PROTOCOL and REDTAIL_ERROR_LIMIT of a parser: see redtail_parser_error_kind. */
typedef enum redtail_protocol_error {
    /** A byte that the grammar does not allow here. */
    REDTAIL_PROTOCOL_ERROR_UNEXPECTED = 1,
    /** A length or count that is not a plain decimal number. */
    REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH = 2,
    /** Text that is not the integer, double, boolean or big number that its type announces. */
    REDTAIL_PROTOCOL_ERROR_INVALID_VALUE = 3,
    /** A payload without CR LF after it. */
    REDTAIL_PROTOCOL_ERROR_MISSING_CRLF = 4,
    /** A string longer than redtail_limits.bulk. */
    REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG = 5,
    /** A command or frame longer than redtail_limits.command. */
    REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG = 6,
    /** More arguments or elements than redtail_limits.arguments. */
    REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS = 7,
    /** Aggregates nested deeper than redtail_limits.depth. */
    REDTAIL_PROTOCOL_ERROR_TOO_DEEP = 8,
    /** A line longer than redtail_limits.line, or in a frame longer than redtail_limits.reply_line. */
    REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG = 9,
    /** An inline command with unbalanced quotes. */
    REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES = 10,
} redtail_protocol_error;

/** The kinds of REDTAIL_ERROR_SNAPSHOT of an RDB decoder: see redtail_rdb_error_kind. */
typedef enum redtail_rdb_error {
    /** The first nine bytes are not the magic of a snapshot. */
    REDTAIL_RDB_ERROR_NOT_RDB = 1,
    /** The hash templates need more than redtail_limits.templates. */
    REDTAIL_RDB_ERROR_TEMPLATES = 2,
    /** A type or opcode that the format does not have. */
    REDTAIL_RDB_ERROR_UNKNOWN_NUMBER = 3,
    /** A known type or opcode that cannot be decoded. */
    REDTAIL_RDB_ERROR_REFUSED = 4,
    /** An unknown encoding inside a value. */
    REDTAIL_RDB_ERROR_UNKNOWN_ENCODING = 5,
    /** A value outside its range. */
    REDTAIL_RDB_ERROR_INVALID = 6,
    /** An element that is longer than its container. */
    REDTAIL_RDB_ERROR_OVERRUN = 7,
    /** Two numbers that contradict each other. */
    REDTAIL_RDB_ERROR_MISMATCH = 8,
    /** Invalid LZF data. */
    REDTAIL_RDB_ERROR_COMPRESSION = 9,
    /** The checksum does not match the bytes. */
    REDTAIL_RDB_ERROR_CHECKSUM = 10,
    /** The input ends before the snapshot does. */
    REDTAIL_RDB_ERROR_TRUNCATED = 11,
    /**
     * The snapshot is compressed, or in the VCS envelope of Valkey. The message names a command that decompresses
     * it.
     */
    REDTAIL_RDB_ERROR_COMPRESSED = 12,
    /** A version that no server has. */
    REDTAIL_RDB_ERROR_UNKNOWN_VERSION = 13,
} redtail_rdb_error;

/**
 * The name of a redtail_protocol_error, for example "unexpected"; "unknown" for other numbers. Static. Any
 * thread.
 */
REDTAIL_API const char *redtail_protocol_error_name(int kind);

/** The name of a redtail_rdb_error, for example "not_rdb"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_error_name(int kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Parsers: RESP2 and RESP3 over bytes that you hold
 *
 * A parser owns no input. You keep a buffer and pass its unread part as a redtail_slice, which redtail_parser_next
 * advances past the bytes it used. The bytes of an incomplete item stay in the buffer. Append at least
 * redtail_parser_needed bytes and pass the incomplete item again, from its first byte, at any address. The parser
 * does not read the bytes twice.
 *
 * Items point into your buffer. They are valid until you change it, and at most until the next redtail_parser_next
 * or _batch.
 */

/**
 * Size in bytes that suffices for redtail_parser_init: a compile-time upper bound of redtail_parser_size. Most of it
 * holds the open aggregates of a frame and of the walk through it, 4 KiB each for a depth of 1024. For a parser on
 * the stack: `union { char bytes[REDTAIL_PARSER_SIZE]; uint64_t alignment; } memory;`.
 */
#define REDTAIL_PARSER_SIZE 12288

/** Alignment that suffices for redtail_parser_init: a compile-time upper bound of redtail_parser_alignment. */
#define REDTAIL_PARSER_ALIGNMENT 8

/** Finds complete commands or frames in bytes. One thread at a time. It allocates nothing after its creation. */
typedef struct redtail_parser redtail_parser;

/**
 * Creates a parser. mode: one of redtail_mode. limits: NULL for the defaults.
 *
 * Returns NULL only if memory is exhausted. If mode or limits are invalid, every later call returns
 * REDTAIL_ERROR_ARGUMENT, and the message explains it.
 */
REDTAIL_API redtail_parser *redtail_parser_new(int mode, const redtail_limits *limits);

/** Size in bytes that redtail_parser_init requires. It may differ between versions of the library. Any thread. */
REDTAIL_API size_t redtail_parser_size(void);

/** Alignment that redtail_parser_init requires, a power of 2. Memory of malloc is always aligned. Any thread. */
REDTAIL_API size_t redtail_parser_alignment(void);

/**
 * Creates a parser in memory of the caller. size: size of the memory in bytes. The memory is free for other use
 * after redtail_parser_free, or as soon as the parser is no longer used.
 *
 * A parser may be moved between two calls: copy it with memcpy to memory of the same size and alignment, and use
 * only the copy from then on, through a pointer to its memory. Earlier items and tokens are then invalid.
 *
 * Returns REDTAIL_OK and sets parser. Returns REDTAIL_ERROR_ARGUMENT if the memory is NULL, too small or
 * misaligned, or mode or limits are invalid.
 */
REDTAIL_API int redtail_parser_init(void *memory,
                                    size_t size,
                                    int mode,
                                    const redtail_limits *limits,
                                    redtail_parser **parser);

/** Frees a parser, also one in memory of the caller. NULL does nothing. */
REDTAIL_API void redtail_parser_free(redtail_parser *parser);

/**
 * The message of the last failure; "" if the last call that requested an item did not fail. Never NULL. Valid
 * until the next call on the parser.
 */
REDTAIL_API const char *redtail_parser_message(const redtail_parser *parser);

/**
 * Sets the offset of the first byte of input, instead of 0. Call it once, before the first byte.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if offset is 2^63 or more; REDTAIL_ERROR_STATE if the parser has read
 * bytes or has another start already.
 */
REDTAIL_API int redtail_parser_start_at(redtail_parser *parser,
                                        uint64_t offset);

/**
 * Delivers large commands in parts: commands with a bulk string of at least threshold bytes, and commands longer than
 * limits.command. A threshold below 1024 counts as 1024. The items are PART_BEGIN, then PART_ARGUMENT and its
 * PART_PIECEs for each argument, then PART_END. Without this call each command is delivered whole: a value of 512 MB
 * needs a buffer of 512 MB. Call it once, before the first byte and before redtail_parser_start_at. Only for
 * REDTAIL_MODE_STREAM, REDTAIL_MODE_AOF and REDTAIL_MODE_TOKENS.
 *
 * Of tokens, it delivers strings of at least threshold bytes in pieces: a BEGIN whose count is the length in bytes, a
 * CHUNK for the buffered bytes whenever more arrive, and an END. The chunks of a verbatim string include its format.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE in another mode, after the first byte, after redtail_parser_start_at, or
 * after an earlier call.
 */
REDTAIL_API int redtail_parser_set_parts(redtail_parser *parser,
                                         uint64_t threshold);

/**
 * Finds the next complete item in input, and advances input past it and past skipped bytes before it. input->data may
 * be NULL only if its length is 0. Do not change the bytes while you use the item.
 *
 * Returns REDTAIL_OK and sets item. Returns REDTAIL_MORE_ARGS and sets item for a complete command with more than
 * REDTAIL_SPANS arguments. Returns REDTAIL_NEED_MORE if no complete item is left: see redtail_parser_needed.
 * REDTAIL_ERROR_PROTOCOL and REDTAIL_ERROR_LIMIT are final: see redtail_parser_error_kind and
 * redtail_parser_error_offset. REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
 */
REDTAIL_API int redtail_parser_next(redtail_parser *parser,
                                    redtail_slice *input,
                                    const redtail_item **item);

/**
 * Passes every complete item in input to the callback each, with context, and advances input past the items. If
 * item->argc exceeds REDTAIL_SPANS, redtail_parser_next_arg delivers the other arguments. If the callback returns
 * another value than 0, the batch ends after that item. The callback may call _next_arg, _next_token, _rewind_tokens
 * and _message of this parser. It must return normally: no longjmp, no C++ exception.
 *
 * Returns REDTAIL_NEED_MORE if no complete item is left; REDTAIL_STOPPED if the callback ended the batch; errors as
 * redtail_parser_next.
 */
REDTAIL_API int redtail_parser_batch(redtail_parser *parser,
                                     redtail_slice *input,
                                     int (*each)(void *context, const redtail_item *item),
                                     void *context);

/**
 * The next argument of the last item beyond its spans: the first call delivers argument REDTAIL_SPANS.
 *
 * Returns REDTAIL_OK and sets arg; REDTAIL_END after the last argument.
 */
REDTAIL_API int redtail_parser_next_arg(redtail_parser *parser, redtail_slice *arg);

/**
 * After REDTAIL_NEED_MORE: the minimum number of further bytes that could complete the item. Otherwise 0.
 *
 * Returns REDTAIL_OK and sets needed.
 */
REDTAIL_API int redtail_parser_needed(redtail_parser *parser, size_t *needed);

/**
 * The offset of the next byte of input: the bytes used, plus the start of redtail_parser_start_at.
 *
 * Returns REDTAIL_OK and sets offset.
 */
REDTAIL_API int redtail_parser_offset(redtail_parser *parser, uint64_t *offset);

/**
 * After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the offset of the invalid byte.
 *
 * Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_parser_error_offset(redtail_parser *parser, uint64_t *offset);

/**
 * After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the kind of the error, one of redtail_protocol_error.
 *
 * Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_parser_error_kind(redtail_parser *parser,
                                          int *kind);

/**
 * Removes the quotes and escapes of an inline argument and writes the result to out. size: room in bytes; the
 * length of word always suffices. No NUL is written.
 *
 * Returns REDTAIL_OK and sets len; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the room is too small. Any
 * thread.
 */
REDTAIL_API int redtail_unquote(const redtail_slice *word,
                                char *out,
                                size_t size,
                                size_t *len);


/*--------------------------------------------------------------------------------------------------------------------
 * Tokens: the elements of replies
 *
 * In REDTAIL_MODE_TOKENS a parser delivers tokens as their bytes arrive, in arrays. In REDTAIL_MODE_FRAMES it walks
 * through the last frame, token by token.
 */

/**
 * Finds the complete tokens in input, in REDTAIL_MODE_TOKENS. Writes at most capacity of them to the array tokens,
 * sets count to their number, and advances input past them. Each byte is read once, and a token is delivered as soon
 * as its bytes are there: a reply need not be complete. A frame ends with the first token that is not inside an
 * aggregate (depth 0, and not a BEGIN; an attribute and its END belong to the next value). The tokens are valid until
 * you change the input.
 *
 * Strings of any size pass through a small buffer after redtail_parser_set_parts.
 *
 * Returns REDTAIL_OK if the array is full; more tokens may follow. Returns REDTAIL_NEED_MORE if no complete token is
 * left: see redtail_parser_needed. Errors as redtail_parser_next, with the count of the tokens before the error.
 * REDTAIL_ERROR_STATE in another mode.
 */
REDTAIL_API int redtail_parser_tokens(redtail_parser *parser,
                                      redtail_slice *input,
                                      redtail_token *tokens,
                                      size_t capacity,
                                      size_t *count);

/**
 * The next step of a depth-first walk through the last frame. The first step is the frame itself, after its
 * attributes. The walk neither recurses nor allocates.
 *
 * Returns REDTAIL_OK and sets token; REDTAIL_END after the last step, and if the last item is not a frame.
 */
REDTAIL_API int redtail_parser_next_token(redtail_parser *parser, const redtail_token **token);

/**
 * Restarts the walk of redtail_parser_next_token at the beginning of the last frame.
 *
 * Returns REDTAIL_OK; REDTAIL_NONE if the last item is not a frame.
 */
REDTAIL_API int redtail_parser_rewind_tokens(redtail_parser *parser);


/*--------------------------------------------------------------------------------------------------------------------
 * Encoder: commands as the bytes that a client sends
 */

/**
 * Encodes a command as an array of bulk strings and writes it to out. args[0] is the name of the command. size:
 * room in bytes. No NUL is written. out must not overlap the arguments; it may be NULL if size is 0.
 *
 * Returns REDTAIL_OK and sets len to the number of bytes written. Returns REDTAIL_NEED_MORE if the room is too
 * small, and sets len to the size needed; out is unchanged. Returns REDTAIL_ERROR_ARGUMENT if a pointer is NULL, a
 * slice is invalid, argc is 0, or the command exceeds memory. Any thread.
 */
REDTAIL_API int redtail_encode_command(const redtail_slice *args,
                                       size_t argc,
                                       char *out,
                                       size_t size,
                                       size_t *len);


/*--------------------------------------------------------------------------------------------------------------------
 * Names of commands: comparison in any letter case
 */

/**
 * Whether a command has this name, in any letter case. Servers replicate a name as the client wrote it: args[0] may
 * be "SET", "set" or "Set".
 *
 * args and argc: the arguments of an event or item. name: ends with NUL.
 *
 * Returns 1 if args[0] is the name; 0 if not, if a pointer is NULL, or if argc is 0. Any thread.
 */
REDTAIL_API int redtail_command_is(const redtail_slice *args,
                                   size_t argc,
                                   const char *name);


/*--------------------------------------------------------------------------------------------------------------------
 * Keys: the arguments of a command that are keys, from the tables of the servers (Redis 6.2 to 8.12, Valkey 8.1 to
 * 9.2, the modules that ship with Redis 8)
 */

/** The database of redtail_key for all databases. */
#define REDTAIL_ALL_DATABASES -2

/** What a command does to a key. */
typedef enum redtail_access {
    /** The key is only read, such as the source of COPY. */
    REDTAIL_ACCESS_READ = 0,
    /** The key may be created or changed. It may also be removed, for example with its last element. */
    REDTAIL_ACCESS_WRITE = 1,
    /** The key is removed: by DEL, UNLINK, GETDEL, DELEX or DELIFEQ, or as the source of RENAME or MOVE. */
    REDTAIL_ACCESS_REMOVED = 2,
} redtail_access;

/** A key that a command touches. */
typedef struct redtail_key {
    /** The index of the argument. 0, the index of the name, for keys that the command does not name. */
    size_t index;
    /** The database of the key; -1 while it is unknown; REDTAIL_ALL_DATABASES. */
    int64_t db;
    /** What the command does to the key: one of redtail_access. */
    int access;
    /** 0. */
    int reserved;
} redtail_key;

/**
 * Determines the keys that a command touches. Writes them in the order of the arguments to keys, which has room for
 * capacity of them. Sets *count to the number of all keys. If it exceeds capacity, call again with more room. keys may
 * be NULL if capacity is 0.
 *
 * args and argc: the complete command, for example of an event. db: the database that is selected for the command,
 * for example the db of the event; -1 if it is unknown. A key is an argument that is read or written as a key: source
 * and destination of a RENAME. MOVE has its key twice, in both databases; the target of COPY may be in another
 * database. The keys of a script or function are those that it declares.
 *
 * Returns REDTAIL_OK for these keys and no others. REDTAIL_NONE: no key; *count is 0. REDTAIL_ALL_KEYS: keys that the
 * command does not name, such as those of FLUSHALL; each of *count entries is one of their databases, with index 0.
 * REDTAIL_UNKNOWN_KEYS: an unknown command (of a module that does not ship with Redis, renamed or newer) or an invalid
 * one; *count is 0. REDTAIL_ERROR_ARGUMENT if a pointer is NULL, argc is 0 or db is below -1. Any thread.
 */
REDTAIL_API int redtail_command_keys(const redtail_slice *args,
                                     size_t argc,
                                     int64_t db,
                                     redtail_key *keys,
                                     size_t capacity,
                                     size_t *count);

/**
 * Whether a command can change keys, functions or scripts: the server flags it as a write, or it is EVAL, FCALL,
 * SCRIPT LOAD or SCRIPT FLUSH. PUBLISH, SPUBLISH and PFCOUNT are no writes, although they are replicated. args and
 * argc: the complete command, for example of an event; only the first two arguments are read.
 *
 * Returns 1 for a write, 0 for another command, REDTAIL_UNKNOWN_KEYS for an unknown command. REDTAIL_ERROR_ARGUMENT,
 * which is below 0, if args is NULL, argc is 0, or a required argument is an invalid slice. Any thread.
 */
REDTAIL_API int redtail_command_is_write(const redtail_slice *args,
                                         size_t argc);

/** The name of a redtail_access: "read", "write" or "removed"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_access_name(int access);

/**
 * Whether a whole key matches a pattern of KEYS and SCAN: * is any bytes, ? is one byte, [abc], [a-z] and [^x] are one
 * byte of a class, \ escapes a byte. The time is at most proportional to the product of both lengths. Any thread.
 *
 * Returns 1 if it matches, else 0; REDTAIL_ERROR_ARGUMENT if a pointer is NULL and its length is not 0, or a length
 * exceeds memory.
 */
REDTAIL_API int redtail_glob_matches(const char *pattern,
                                     size_t pattern_len,
                                     const char *key,
                                     size_t key_len);


/*--------------------------------------------------------------------------------------------------------------------
 * Descriptions of commands: the keys of commands that the tables do not have
 *
 * A server describes its commands, also those of modules, in its reply to COMMAND INFO. Send COMMAND INFO with the
 * name of each command for which redtail_command_keys returns REDTAIL_UNKNOWN_KEYS, and pass the bytes of the reply.
 */

/** Descriptions of commands by a server. One thread at a time. */
typedef struct redtail_command_specs redtail_command_specs;

/** Creates a handle without descriptions. Returns NULL only if memory is exhausted. */
REDTAIL_API redtail_command_specs *redtail_command_specs_new(void);

/** Frees the handle. NULL does nothing. */
REDTAIL_API void redtail_command_specs_free(redtail_command_specs *specs);

/** The message of the last failure; otherwise "". Never NULL. Valid until the next call on the handle. */
REDTAIL_API const char *redtail_command_specs_message(const redtail_command_specs *specs);

/**
 * Learns the commands of a reply to COMMAND INFO or COMMAND, in RESP2 or RESP3: len bytes, the complete reply as the
 * server sent it. Nothing of it is kept. A description replaces an earlier one of the same command. Not learned are
 * commands that the server does not know, and those whose keys the description does not determine: they have
 * subcommands, or the server calls the description incomplete.
 *
 * Returns REDTAIL_OK and sets learned to the number of descriptions. REDTAIL_NEED_MORE: the reply is incomplete.
 * REDTAIL_ERROR_REFUSED: an error reply, whose text is the message. REDTAIL_ERROR_UNEXPECTED: another reply, or bytes
 * after the reply. REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the bytes are no RESP. REDTAIL_ERROR_ARGUMENT: a
 * pointer is NULL.
 */
REDTAIL_API int redtail_command_specs_learn(redtail_command_specs *specs,
                                            const char *reply,
                                            size_t len,
                                            size_t *learned);

/**
 * As redtail_command_keys. A command that the tables do not have is looked up in the descriptions. Modules often
 * describe only the first of several keys.
 *
 * Returns as redtail_command_keys: REDTAIL_UNKNOWN_KEYS for a command without a description.
 */
REDTAIL_API int redtail_command_specs_keys(redtail_command_specs *specs,
                                           const redtail_slice *args,
                                           size_t argc,
                                           int64_t db,
                                           redtail_key *keys,
                                           size_t capacity,
                                           size_t *count);

/**
 * As redtail_command_is_write. A command that the tables do not have is looked up in the descriptions.
 *
 * Returns as redtail_command_is_write: REDTAIL_UNKNOWN_KEYS for a command without a description.
 */
REDTAIL_API int redtail_command_specs_is_write(redtail_command_specs *specs,
                                               const redtail_slice *args,
                                               size_t argc);


/*--------------------------------------------------------------------------------------------------------------------
 * Keys of commands in parts: the arguments that are keys, while the command arrives
 *
 * Pass each part of the command in order: redtail_key_finder_begin for PART_BEGIN, redtail_key_finder_argument for
 * PART_ARGUMENT, redtail_key_finder_piece for PART_PIECE, redtail_key_finder_end for PART_END. An argument is known to
 * be a key when it begins, before its bytes arrive.
 */

/** Finds the keys of commands that arrive in parts. One thread at a time. */
typedef struct redtail_key_finder redtail_key_finder;

/** Creates a finder. Returns NULL only if memory is exhausted. */
REDTAIL_API redtail_key_finder *redtail_key_finder_new(void);

/** Frees the finder. NULL does nothing. */
REDTAIL_API void redtail_key_finder_free(redtail_key_finder *finder);

/** The message of the last failure; otherwise "". Never NULL. Valid until the next call on the finder. */
REDTAIL_API const char *redtail_key_finder_message(const redtail_key_finder *finder);

/**
 * A command of argc arguments begins, its name included: PART_BEGIN. Everything of an earlier command is forgotten,
 * also if it is incomplete.
 *
 * Returns REDTAIL_OK. REDTAIL_ERROR_ARGUMENT if the finder is NULL or argc is 0.
 */
REDTAIL_API int redtail_key_finder_begin(redtail_key_finder *finder,
                                         size_t argc);

/**
 * The next argument begins, of this length in bytes: PART_ARGUMENT.
 *
 * Returns 1 if the argument is a key, otherwise 0. Some exceptions are known only at the end of a command: of several
 * STORE options of SORT or GEORADIUS the last one counts, and the empty third argument of MIGRATE with KEYS is no key.
 * Below 0: REDTAIL_ERROR_STATE if no argument can begin here, because the argument before is incomplete or the command
 * has no more; REDTAIL_ERROR_ARGUMENT if the finder is NULL.
 */
REDTAIL_API int redtail_key_finder_argument(redtail_key_finder *finder,
                                            uint64_t length);

/**
 * The next bytes of the argument: PART_PIECE.
 *
 * Returns REDTAIL_OK. REDTAIL_ERROR_STATE if the argument has fewer bytes left, or none has begun;
 * REDTAIL_ERROR_ARGUMENT if data is NULL with a length, or the finder is NULL.
 */
REDTAIL_API int redtail_key_finder_piece(redtail_key_finder *finder, const char *data, size_t len);

/**
 * The command is complete: PART_END.
 *
 * Returns REDTAIL_OK. REDTAIL_ERROR_STATE if the command lacks arguments or bytes; REDTAIL_ERROR_ARGUMENT if the
 * finder is NULL.
 */
REDTAIL_API int redtail_key_finder_end(redtail_key_finder *finder);

/**
 * Uses a server's description of the command, if the tables do not have the command. Call it after the name, before
 * the next argument begins. The descriptions are not used after this call.
 *
 * Returns REDTAIL_OK if a description is used. REDTAIL_NONE if the tables have the command, or the descriptions do
 * not. REDTAIL_ERROR_STATE at any other point of a command; REDTAIL_ERROR_ARGUMENT if finder or specs is NULL.
 */
REDTAIL_API int redtail_key_finder_learn(redtail_key_finder *finder,
                                         const redtail_command_specs *specs);

/**
 * Whether no argument after the one that began last is a key.
 *
 * Returns 1 or 0. REDTAIL_ERROR_ARGUMENT, which is below 0, if the finder is NULL.
 */
REDTAIL_API int redtail_key_finder_is_done(redtail_key_finder *finder);

/**
 * Whether the command can change keys, functions or scripts, as redtail_command_is_write.
 *
 * Returns 1 for a write, 0 for another command, REDTAIL_UNKNOWN_KEYS for an unknown command and before the end of its
 * name. REDTAIL_ERROR_ARGUMENT, which is below 0, if the finder is NULL.
 */
REDTAIL_API int redtail_key_finder_is_write(redtail_key_finder *finder);

/**
 * The keys known so far, as redtail_command_keys delivers them; after redtail_key_finder_end all keys. db: the
 * selected database, -1 if it is unknown. keys has room for capacity of them and may be NULL if capacity is 0. Sets
 * *count to the number of all.
 *
 * Returns REDTAIL_OK, REDTAIL_NONE, REDTAIL_ALL_KEYS (with one entry, for all databases) or REDTAIL_UNKNOWN_KEYS as
 * redtail_command_keys. REDTAIL_NEED_MORE: the arguments so far do not tell; *count is 0. REDTAIL_ERROR_ARGUMENT if a
 * pointer is NULL or db is below -1.
 */
REDTAIL_API int redtail_key_finder_keys(redtail_key_finder *finder,
                                        int64_t db,
                                        redtail_key *keys,
                                        size_t capacity,
                                        size_t *count);


/*--------------------------------------------------------------------------------------------------------------------
 * Wrapped writes: RREPLAY of a KeyDB active replica
 *
 * A KeyDB server with active-replica yes sends each write as RREPLAY uuid commands db mvcc. Its stream has no SELECT:
 * each write has a database of its own. Position and transaction are those of the event with the RREPLAY.
 */

/** The write inside of an RREPLAY. Its bytes are those of the arguments. */
typedef struct redtail_wrapped {
    /** The id (a UUID of 36 characters) of the server that a client sent the write to. */
    redtail_slice origin;
    /** The write: one or more commands, for a redtail_parser of REDTAIL_MODE_STREAM. They are not verified. */
    redtail_slice commands;
    /** The database of the write; -1 if the server does not tell it. */
    int64_t db;
    /**
     * The version of the write, which grows with each write of its origin; REDTAIL_UNKNOWN if the server does not tell
     * it.
     */
    uint64_t mvcc;
} redtail_wrapped;

/**
 * Opens an RREPLAY. args and argc: the complete command, for example of an event. A write that was wrapped several
 * times is the innermost one.
 *
 * Returns REDTAIL_OK and sets wrapped; REDTAIL_NONE if the command is no valid RREPLAY. REDTAIL_ERROR_ARGUMENT if a
 * pointer is NULL, argc is 0, or an argument is an invalid slice. Any thread.
 */
REDTAIL_API int redtail_unwrap(const redtail_slice *args,
                               size_t argc,
                               redtail_wrapped *wrapped);


/*--------------------------------------------------------------------------------------------------------------------
 * Snapshot items: the contents of an RDB file, one item at a time
 */

/** No time: a key without an expiry time. */
#define REDTAIL_NO_TIME INT64_MIN

/**
 * The kinds of items. Ignore unknown kinds: later versions add some.
 *
 * The comment of a kind names the fields that it sets. All other fields are 0 or NULL.
 */
typedef enum redtail_rdb_item_kind {
    /**
     * The first item. magic; number: the version of the format; flag: 1 if this library does not know the version. It
     * then decodes the snapshot as the newest version that it knows, until the first unknown type or opcode.
     */
    REDTAIL_RDB_ITEM_START = 1,
    /** A string or a piece of one. role, bytes, at, length. A string of up to 16 KiB is never split. */
    REDTAIL_RDB_ITEM_TEXT = 2,
    /** Selects the database of the keys that follow. number. */
    REDTAIL_RDB_ITEM_DATABASE = 3,
    /** Number of keys in the database; a hint. count: all keys; expires: keys with an expiry time. */
    REDTAIL_RDB_ITEM_SIZES = 4,
    /**
     * Number of keys in a cluster slot; a hint. number: the slot; count: all keys; expires: keys with an
     * expiry time.
     */
    REDTAIL_RDB_ITEM_SLOT = 5,
    /** A range of slots that are being imported. number: the first slot; count: the last slot. */
    REDTAIL_RDB_ITEM_SLOT_RANGE = 6,
    /** A command inside the snapshot (Valkey's forkless save). Its arguments follow. count: number of arguments. */
    REDTAIL_RDB_ITEM_COMMAND = 7,
    /** Data that a module keeps outside the keys. RAW follows. module; number: 1 before all keys, 2 after them. */
    REDTAIL_RDB_ITEM_MODULE_AUX = 8,
    /** Metadata of the next key. RAW follows. module: the class, four letters. */
    REDTAIL_RDB_ITEM_KEY_METADATA = 9,
    /**
     * A key begins. Its value follows, then KEY_END. key_type; number: the number of type and encoding in the
     * file; bytes, length: its name or the first piece of it (the rest follows as TEXT with role KEY_NAME);
     * db; time_ms: its expiry time; idle_s; frequency. flag: 1 if the server never evicts the key (BLESS).
     */
    REDTAIL_RDB_ITEM_KEY = 10,
    /** The score of the previous member. score. */
    REDTAIL_RDB_ITEM_SCORE = 11,
    /** The expiry time of the previous field of a hash or member of a set. time_ms. */
    REDTAIL_RDB_ITEM_FIELD_EXPIRY = 12,
    /**
     * A stream entry begins. id; count: number of fields; flag: 1 if each value follows its field name. With
     * flag 0 only values follow; the names are the latest TEXTs with role SHARED_FIELD.
     */
    REDTAIL_RDB_ITEM_ENTRY = 13,
    /**
     * All entries of the stream were delivered. count: number of entries; id: the last id ever added; number:
     * number of groups; flag: 1 if first, max_deleted and added are known; first; max_deleted; added.
     */
    REDTAIL_RDB_ITEM_STREAM = 14,
    /**
     * A consumer group. The previous TEXT is its name. id: the last delivered id; added: number of entries delivered;
     * count: number of pending entries.
     */
    REDTAIL_RDB_ITEM_GROUP = 15,
    /** A pending entry of the group. id; time_ms: the time of its last delivery; count: number of deliveries. */
    REDTAIL_RDB_ITEM_PENDING = 16,
    /** All pending entries of the group were delivered. The consumers follow. count: number of consumers. */
    REDTAIL_RDB_ITEM_CONSUMERS = 17,
    /**
     * A consumer. The previous TEXT is its name. time_ms: its last request; active_ms: the last time it received an
     * entry (-1: never; REDTAIL_NO_TIME: not recorded); count: number of its pending entries.
     */
    REDTAIL_RDB_ITEM_CONSUMER = 18,
    /** An entry pending for the consumer. id. */
    REDTAIL_RDB_ITEM_CONSUMER_PENDING = 19,
    /** An entry that a consumer returned to the group. id. */
    REDTAIL_RDB_ITEM_RETURNED = 20,
    /**
     * The stream detects repeated additions by idempotency keys. idle_s: retention of these keys in seconds;
     * number: maximum number of these keys for each producer; count: number of producers.
     */
    REDTAIL_RDB_ITEM_IDEMPOTENCE = 21,
    /** An idempotent producer. The previous TEXT is its name. count: number of its idempotency keys. */
    REDTAIL_RDB_ITEM_PRODUCER = 22,
    /** The entry that the previous idempotency key belongs to. id. */
    REDTAIL_RDB_ITEM_IDEMPOTENT = 23,
    /**
     * The last item of a stream with idempotency keys. added: number of these keys ever added; count: number of
     * duplicates detected.
     */
    REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS = 24,
    /**
     * The value of a module begins. RAW follows: its bytes as in the file, id included. module; number: the
     * version of its encoding.
     */
    REDTAIL_RDB_ITEM_MODULE = 25,
    /** Bytes of a module, as in the file. bytes; flag: 1 for the last of them. */
    REDTAIL_RDB_ITEM_RAW = 26,
    /**
     * A sparse array begins. count: number of elements; added: the index of the last insertion, or REDTAIL_UNKNOWN if
     * there was none.
     */
    REDTAIL_RDB_ITEM_ARRAY = 27,
    /** The index of the array element that follows. number. */
    REDTAIL_RDB_ITEM_INDEX = 28,
    /** A path of a path hash. The previous TEXT is the path. Its fields follow. count: number of fields. */
    REDTAIL_RDB_ITEM_PATH = 29,
    /** The state of a rate limiter. number. */
    REDTAIL_RDB_ITEM_RATE = 30,
    /**
     * Damaged data was skipped. Only with REDTAIL_RDB_FLAG_LENIENT. count: number of bytes in the file. The
     * message of the handle describes the damage.
     */
    REDTAIL_RDB_ITEM_SKIPPED = 31,
    /** The key ends. */
    REDTAIL_RDB_ITEM_KEY_END = 32,
    /** The snapshot ends. checksum. */
    REDTAIL_RDB_ITEM_END = 33,
    /**
     * An opcode of Redis Enterprise, which other servers neither write nor load: a hint. number: the opcode, 107
     * (memory) or 121 (slot); count: its value.
     */
    REDTAIL_RDB_ITEM_FOREIGN = 34,
} redtail_rdb_item_kind;

/** The server family that numbers the versions of a snapshot's format. */
typedef enum redtail_rdb_magic {
    /** REDIS and four digits: every Redis, and Valkey before 9.0. */
    REDTAIL_RDB_MAGIC_REDIS = 1,
    /** VALKEY and three digits: Valkey 9.0 and later. */
    REDTAIL_RDB_MAGIC_VALKEY = 2,
} redtail_rdb_magic;

/** The type of a key's value, and the items that deliver it. */
typedef enum redtail_rdb_type {
    /** One TEXT with role VALUE. */
    REDTAIL_RDB_TYPE_STRING = 1,
    /** A TEXT with role ELEMENT for each element, from head to tail. */
    REDTAIL_RDB_TYPE_LIST = 2,
    /** For each member: TEXT with role MEMBER, and FIELD_EXPIRY if the member expires. */
    REDTAIL_RDB_TYPE_SET = 3,
    /** For each member: TEXT with role MEMBER, then SCORE. */
    REDTAIL_RDB_TYPE_ZSET = 4,
    /** For each field: TEXT with role FIELD, TEXT with role FIELD_VALUE, and FIELD_EXPIRY if the field expires. */
    REDTAIL_RDB_TYPE_HASH = 5,
    /** Entries, then STREAM, then groups with their pending entries and consumers. */
    REDTAIL_RDB_TYPE_STREAM = 6,
    /** MODULE, then RAW. */
    REDTAIL_RDB_TYPE_MODULE = 7,
    /** ARRAY, then for each element INDEX and TEXT with role ELEMENT. */
    REDTAIL_RDB_TYPE_ARRAY = 8,
    /** One RATE. */
    REDTAIL_RDB_TYPE_RATE = 9,
    /**
     * For each path: TEXT with role PATH, then PATH, then for each field TEXT with role FIELD and TEXT with role
     * FIELD_VALUE.
     */
    REDTAIL_RDB_TYPE_PATH_HASH = 10,
} redtail_rdb_type;

/** The role of a TEXT. */
typedef enum redtail_rdb_role {
    /** The name of an auxiliary field. Its value follows. */
    REDTAIL_RDB_ROLE_AUX_NAME = 1,
    /** The value of an auxiliary field. */
    REDTAIL_RDB_ROLE_AUX_VALUE = 2,
    /** The code of a function library. */
    REDTAIL_RDB_ROLE_FUNCTION = 3,
    /** The name of a slot import. SLOT_RANGEs follow. */
    REDTAIL_RDB_ROLE_SLOT_IMPORT = 4,
    /** An argument of a command inside the snapshot. */
    REDTAIL_RDB_ROLE_ARGUMENT = 5,
    /** The next piece of a key's name. */
    REDTAIL_RDB_ROLE_KEY_NAME = 6,
    /** The value of a string. */
    REDTAIL_RDB_ROLE_VALUE = 7,
    /**
     * An element of a list or array. Floating-point numbers of an array are delivered as the text that servers
     * show.
     */
    REDTAIL_RDB_ROLE_ELEMENT = 8,
    /** A member of a set or sorted set. */
    REDTAIL_RDB_ROLE_MEMBER = 9,
    /** A field of a hash or of a path. */
    REDTAIL_RDB_ROLE_FIELD = 10,
    /** The value of the previous field. */
    REDTAIL_RDB_ROLE_FIELD_VALUE = 11,
    /** A field name shared by entries of a stream. */
    REDTAIL_RDB_ROLE_SHARED_FIELD = 12,
    /** A field of a stream entry. */
    REDTAIL_RDB_ROLE_ENTRY_FIELD = 13,
    /** A value of a stream entry. */
    REDTAIL_RDB_ROLE_ENTRY_VALUE = 14,
    /** The name of a consumer group. GROUP follows. */
    REDTAIL_RDB_ROLE_GROUP_NAME = 15,
    /** The name of a consumer. CONSUMER follows. */
    REDTAIL_RDB_ROLE_CONSUMER_NAME = 16,
    /** The name of an idempotent producer. PRODUCER follows. */
    REDTAIL_RDB_ROLE_PRODUCER_NAME = 17,
    /** An idempotency key of the previous producer. IDEMPOTENT follows. */
    REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY = 18,
    /** A path of a path hash. PATH follows. */
    REDTAIL_RDB_ROLE_PATH = 19,
} redtail_rdb_role;

/** The result of a snapshot's checksum. */
typedef enum redtail_rdb_checksum {
    /** The checksum matches the bytes. */
    REDTAIL_RDB_CHECKSUM_VERIFIED = 1,
    /** No checksum: the server is configured without it, or the format is older than version 5. */
    REDTAIL_RDB_CHECKSUM_ABSENT = 2,
    /** The checksum was not verified, because of REDTAIL_RDB_FLAG_NO_CHECKSUM. */
    REDTAIL_RDB_CHECKSUM_IGNORED = 3,
} redtail_rdb_checksum;

/** The id of a stream entry, printed as ms-seq. */
typedef struct redtail_stream_id {
    /** Milliseconds since 1970, if the server generated the id. */
    uint64_t ms;
    /** Sequence number within the millisecond. */
    uint64_t seq;
} redtail_stream_id;

/**
 * The next item of a snapshot. Owned by the handle; the item and its bytes are valid until the next item is
 * requested.
 */
typedef struct redtail_rdb_item {
    /** One of redtail_rdb_item_kind. Its comment names the fields that it sets. */
    int kind;
    /** TEXT: one of redtail_rdb_role. */
    int role;
    /** KEY: one of redtail_rdb_type. */
    int key_type;
    /** START: one of redtail_rdb_magic. */
    int magic;
    /** END: one of redtail_rdb_checksum. */
    int checksum;
    /**
     * ENTRY: each value follows its field name. RAW: the last bytes. STREAM: first, max_deleted and added are
     * known. START: the version is newer than those that this library knows. KEY: the server never evicts it.
     */
    int flag;
    /** KEY: access frequency (logarithmic, 0 to 255); -1 unless the server evicts by frequency. */
    int frequency;
    /** KEY: the database. */
    uint64_t db;
    /** TEXT: the string or a piece of it; integers as decimal text. KEY: its name. RAW: the bytes. */
    redtail_slice bytes;
    /** TEXT: offset of the bytes in the whole string; 0 for the first piece. */
    uint64_t at;
    /** TEXT, KEY: the length of the whole string in bytes. */
    uint64_t length;
    /** See the kind. */
    uint64_t number;
    /** See the kind. */
    uint64_t count;
    /** SIZES, SLOT: number of keys with an expiry time. */
    uint64_t expires;
    /**
     * STREAM: number of entries ever added. GROUP: number of entries delivered. Otherwise see the kind.
     * REDTAIL_UNKNOWN if the snapshot does not contain it.
     */
    uint64_t added;
    /**
     * KEY: seconds since the last access; REDTAIL_UNKNOWN unless the server evicts by idle time. IDEMPOTENCE:
     * see the kind.
     */
    uint64_t idle_s;
    /** KEY, FIELD_EXPIRY, PENDING, CONSUMER: milliseconds since 1970, or REDTAIL_NO_TIME. */
    int64_t time_ms;
    /** CONSUMER: the last time it received an entry, in milliseconds since 1970. */
    int64_t active_ms;
    /** SCORE. */
    double score;
    /** The id of a stream entry. */
    redtail_stream_id id;
    /** STREAM: the id of its first entry (Redis 7.0 and later). */
    redtail_stream_id first;
    /** STREAM: the highest id ever deleted (Redis 7.0 and later). */
    redtail_stream_id max_deleted;
    /**
     * MODULE, MODULE_AUX: the name of the module type, nine letters and a NUL. KEY_METADATA: four letters and
     * a NUL.
     */
    char module[10];
} redtail_rdb_item;

/** The name of a redtail_rdb_item_kind, for example "text"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_item_name(int kind);

/** The name of a redtail_rdb_type, for example "list"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_type_name(int key_type);

/** The name of a redtail_rdb_role, for example "aux_value"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_role_name(int role);

/** The name of a redtail_rdb_magic, for example "valkey"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_magic_name(int magic);

/** The name of a redtail_rdb_checksum, for example "absent"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_checksum_name(int checksum);


/*--------------------------------------------------------------------------------------------------------------------
 * Snapshots: RDB files over bytes that you hold
 *
 * A redtail_rdb owns no input. You keep a buffer of at least REDTAIL_RDB_MIN_INPUT bytes and pass its unread part
 * as a redtail_slice, which redtail_rdb_next advances past the bytes it used. The remaining bytes stay in the
 * buffer. Append at least redtail_rdb_needed bytes. Pass the remaining and the new bytes again, at any address.
 *
 * Memory is constant: a hash with 100 million fields requires no more than one with 10. Only the hash templates of
 * Redis 8.10 require more: see redtail_limits.templates. A string of more than 16 KiB is delivered in pieces. The
 * bytes of items point into your buffer or into the handle. They are valid until the next redtail_rdb_next, and no
 * longer than you leave the buffer unchanged.
 */

/** Minimum size of the input buffer in bytes. */
#define REDTAIL_RDB_MIN_INPUT 16896

/**
 * Flag of redtail_rdb_new: skip damaged data inside a packed or compressed value of known length.
 * REDTAIL_RDB_ITEM_SKIPPED reports it.
 */
#define REDTAIL_RDB_FLAG_LENIENT 1

/** Flag of redtail_rdb_new: do not compute the checksum. */
#define REDTAIL_RDB_FLAG_NO_CHECKSUM 2

/**
 * Decodes one snapshot. One thread at a time. About 53 KiB; after its creation it allocates memory for hash templates
 * (Redis 8.10), and nothing else.
 */
typedef struct redtail_rdb redtail_rdb;

/**
 * Creates a decoder. flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM, both, or 0. offset: the offset
 * of the first byte of input, for redtail_rdb_offset and messages; 0 for a file. limits: NULL for the defaults; only
 * redtail_limits.templates has an effect.
 *
 * Returns NULL only if memory is exhausted. After unknown flags, an offset of 2^63 or more or invalid limits, every
 * later call returns REDTAIL_ERROR_ARGUMENT, and the message explains it.
 */
REDTAIL_API redtail_rdb *redtail_rdb_new(unsigned int flags,
                                         uint64_t offset,
                                         const redtail_limits *limits);

/** Frees a decoder. NULL does nothing. */
REDTAIL_API void redtail_rdb_free(redtail_rdb *rdb);

/**
 * The message of the last failure or of REDTAIL_RDB_ITEM_SKIPPED; otherwise "". Never NULL. Valid until the
 * next call on the decoder.
 */
REDTAIL_API const char *redtail_rdb_message(const redtail_rdb *rdb);

/**
 * Decodes the next item of input, and advances input past it and past bytes used before it. input->data may be NULL
 * only if its length is 0. Do not change the bytes while you use the item.
 *
 * Returns REDTAIL_OK and sets item. Returns REDTAIL_NEED_MORE if the input is incomplete: see redtail_rdb_needed.
 * Returns REDTAIL_END after the end of the snapshot; further bytes of input are untouched. REDTAIL_ERROR_SNAPSHOT
 * for an invalid or unknown format is final: see redtail_rdb_error_kind and redtail_rdb_error_offset.
 * REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
 */
REDTAIL_API int redtail_rdb_next(redtail_rdb *rdb,
                                 redtail_slice *input,
                                 const redtail_rdb_item **item);

/**
 * Checks for a complete snapshot. Call it at the end of the input.
 *
 * Returns REDTAIL_OK if the snapshot is complete; REDTAIL_ERROR_SNAPSHOT if it is truncated or invalid.
 */
REDTAIL_API int redtail_rdb_finish(redtail_rdb *rdb);

/**
 * After REDTAIL_NEED_MORE: the minimum number of further bytes. Otherwise 0.
 *
 * Returns REDTAIL_OK and sets needed.
 */
REDTAIL_API int redtail_rdb_needed(redtail_rdb *rdb, size_t *needed);

/**
 * The offset of the next byte of input: the bytes used, plus the offset of redtail_rdb_new.
 *
 * Returns REDTAIL_OK and sets offset.
 */
REDTAIL_API int redtail_rdb_offset(redtail_rdb *rdb, uint64_t *offset);

/**
 * After REDTAIL_ERROR_SNAPSHOT: the offset of the first byte of the invalid item.
 *
 * Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_rdb_error_offset(redtail_rdb *rdb, uint64_t *offset);

/**
 * After REDTAIL_ERROR_SNAPSHOT: the kind of the error, one of redtail_rdb_error.
 *
 * Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_rdb_error_kind(redtail_rdb *rdb, int *kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Payloads: the value that DUMP returns and RESTORE carries
 *
 * RESTORE, RESTORE-ASKING and FUNCTION RESTORE carry a whole key or whole function libraries as one argument. A
 * redtail_dump reads it with the items of a snapshot. A payload has no key name, database or expiry.
 */

/** Reads one payload. One thread at a time. About 106 KiB; it allocates nothing after its creation. */
typedef struct redtail_dump redtail_dump;

/**
 * Creates a reader of a payload of len bytes. The bytes are not copied: keep them unchanged until redtail_dump_free.
 *
 * Returns NULL only if memory is exhausted. After a NULL payload or a length that exceeds memory, every later call
 * returns REDTAIL_ERROR_ARGUMENT, and the message explains it.
 */
REDTAIL_API redtail_dump *redtail_dump_new(const char *payload,
                                           size_t len);

/** Frees a reader. NULL does nothing. */
REDTAIL_API void redtail_dump_free(redtail_dump *dump);

/** The message of the last failure; otherwise "". Never NULL. Valid until the next call on the reader. */
REDTAIL_API const char *redtail_dump_message(const redtail_dump *dump);

/**
 * The next item: REDTAIL_RDB_ITEM_START, the items of the key or the libraries, REDTAIL_RDB_ITEM_END with the result
 * of the checksum. The name of the key is empty. The bytes of the item point into the payload or into the handle. They
 * are valid until the next call.
 *
 * Returns REDTAIL_OK and sets item; REDTAIL_END after the last item. REDTAIL_ERROR_SNAPSHOT for an invalid payload is
 * final: see redtail_dump_error_kind and redtail_dump_error_offset.
 */
REDTAIL_API int redtail_dump_next(redtail_dump *dump,
                                  const redtail_rdb_item **item);

/**
 * After REDTAIL_ERROR_SNAPSHOT: the offset of the first byte of the invalid item, counted from the first byte of the
 * payload.
 *
 * Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_dump_error_offset(redtail_dump *dump,
                                          uint64_t *offset);

/**
 * After REDTAIL_ERROR_SNAPSHOT: the kind of the error, one of redtail_rdb_error.
 *
 * Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
 */
REDTAIL_API int redtail_dump_error_kind(redtail_dump *dump, int *kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Compressed files: gzip, LZ4, xz, zstd, and the envelope of Valkey 9.2
 *
 * A redtail_decompress reads compressed bytes through your callback and returns the bytes of the file in them: for a
 * redtail_rdb, a redtail_parser or a recording. The first bytes show the compression. The bytes of a file that is not
 * compressed are returned as they are.
 *
 * Memory is bounded, whatever the file contains: a window of a file may have up to 128 MiB. Checksums of the
 * compressed data are verified, and the last byte is returned only after that. Decompression needs the feature
 * "compression": see redtail_features.
 */

/** Reads a file that may be compressed. One thread at a time. */
typedef struct redtail_decompress redtail_decompress;

/**
 * Creates a reader. read is called with context to read the source: it writes up to room bytes to space, and sets
 * count to their number; 0 at the end of the source. space is never NULL and room never 0. read returns 0, or another
 * number if reading fails. redtail_decompress_read then fails, and its message has that number.
 *
 * read is called only during redtail_decompress_read, on the same thread. It must not use the reader. context may be
 * NULL; it must live until redtail_decompress_free.
 *
 * Returns NULL only if memory is exhausted. After a NULL read, every later call returns REDTAIL_ERROR_ARGUMENT, and
 * the message explains it.
 */
REDTAIL_API redtail_decompress *redtail_decompress_new(int (*read)(void *context,
                                                       char *space,
                                                       size_t room,
                                                       size_t *count),
                                                       void *context);

/** Frees a reader. NULL does nothing. */
REDTAIL_API void redtail_decompress_free(redtail_decompress *decompress);

/** The message of the last failure; otherwise "". Never NULL. Valid until the next call on the reader. */
REDTAIL_API const char *redtail_decompress_message(const redtail_decompress *decompress);

/**
 * Reads up to room decompressed bytes into space, at least one. space must not be NULL, nor room 0.
 *
 * Returns REDTAIL_OK and sets count. Returns REDTAIL_END at the end of the file, and sets count to 0.
 * REDTAIL_ERROR_COMPRESSION: the callback failed, or the compressed data is invalid, truncated or needs too large a
 * window, or the library has no feature "compression". The message names the byte, and for the last two a command that
 * decompresses the file. REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
 */
REDTAIL_API int redtail_decompress_read(redtail_decompress *decompress,
                                        char *space,
                                        size_t room,
                                        size_t *count);

/**
 * The compression of the file, for example "zstd" or "LZ4 in a VCS envelope". Static.
 *
 * Returns REDTAIL_OK and sets name. Returns REDTAIL_NONE if the file is not compressed, or if nothing was read yet.
 */
REDTAIL_API int redtail_decompress_name(redtail_decompress *decompress,
                                        const char **name);


/*--------------------------------------------------------------------------------------------------------------------
 * Servers: product and version, and what follows from them
 */

/** Size in bytes that suffices for any server as text, including the NUL. */
#define REDTAIL_SERVER_TEXT_SIZE 32

/** The program that a server runs. */
typedef enum redtail_product {
    /** Redis, or a server that reports a redis_version. */
    REDTAIL_PRODUCT_REDIS = 1,
    /** Valkey. */
    REDTAIL_PRODUCT_VALKEY = 2,
} redtail_product;

/**
 * Product and version of a server. The caller may fill it. Everything that differs between releases depends on it. A
 * version in development is 255.255.255. This struct never changes.
 */
typedef struct redtail_server {
    /** One of redtail_product. */
    int product;
    /** The first number of the version. 8.10 is later than 8.9. */
    uint16_t major;
    /** The second number. */
    uint16_t minor;
    /** The third number. */
    uint16_t patch;
    /** 0. */
    uint16_t reserved;
} redtail_server;

/**
 * Parses the product, "-" or a space, and two or three numbers: redis-7.0, "valkey 9.1.2". attached->server of an
 * event has this form.
 *
 * Returns REDTAIL_OK and sets server; REDTAIL_NONE if the text has another form; REDTAIL_ERROR_ARGUMENT if a pointer
 * is NULL. Any thread.
 */
REDTAIL_API int redtail_server_parse(const char *text,
                                     redtail_server *server);

/**
 * Writes a server as text with a NUL, for example "redis 7.0.15". size: room in bytes; REDTAIL_SERVER_TEXT_SIZE always
 * suffices.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if a pointer is NULL, the product is unknown or the room is too small.
 * After an error nothing was written. Any thread.
 */
REDTAIL_API int redtail_server_format(const redtail_server *server,
                                      char *text,
                                      size_t size);

/**
 * Whether the server is of this product, and of this release or a later one. A release is the major and the minor
 * number. HEXPIRE exists since Redis 7.4 and Valkey 9.0: ask for one, then for the other.
 *
 * Returns 1 or 0; 0 also if server is NULL or its product is unknown. Any thread.
 */
REDTAIL_API int redtail_server_is_since(const redtail_server *server,
                                        int product,
                                        uint16_t major,
                                        uint16_t minor);

/**
 * Whether the server is of a later release than those that this version of redtail was tested with. It may use
 * commands, types and snapshots that redtail does not know. attached->newer_than_tested of an event tells the same.
 *
 * Returns 1 or 0; 0 also if server is NULL or its product is unknown. Any thread.
 */
REDTAIL_API int redtail_server_is_newer_than_tested(const redtail_server *server);

/**
 * The latest release of a product that this version of redtail was tested with. The third number of the version is 0.
 *
 * Returns REDTAIL_OK and sets server; REDTAIL_ERROR_ARGUMENT if server is NULL or the product is unknown. Any thread.
 */
REDTAIL_API int redtail_product_newest_tested(int product,
                                              redtail_server *server);

/**
 * The snapshot format that the server writes, which is the latest that it reads: one of redtail_rdb_magic, and the
 * version. For a release that is newer than redtail: the latest known format.
 *
 * Returns REDTAIL_OK and sets magic and version; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the product is
 * unknown. Any thread.
 */
REDTAIL_API int redtail_server_snapshot_format(const redtail_server *server,
                                               int *magic,
                                               uint64_t *version);

/**
 * Whether the server loads snapshots and payloads of this format: each of its product, up to its own. Valkey also
 * loads those of Redis up to 7.2. magic and version: as in a REDTAIL_RDB_ITEM_START, or of
 * redtail_server_snapshot_format.
 *
 * Returns 1 or 0; 0 also if server is NULL, or its product, magic or version is unknown. Any thread.
 */
REDTAIL_API int redtail_server_reads(const redtail_server *server,
                                     int magic,
                                     uint64_t version);

/** The name of a redtail_product: "redis" or "valkey"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_product_name(int product);


/*--------------------------------------------------------------------------------------------------------------------
 * TLS for followers (in builds with the feature tls)
 */

/** The checks of the server's certificate. */
typedef enum redtail_verify {
    /** The chain up to a trusted authority, the dates, and the name. */
    REDTAIL_VERIFY_FULL = 0,
    /** The chain and the dates, but not the name. Certificates in ca_file or ca_folder are accepted as they are. */
    REDTAIL_VERIFY_AUTHORITY = 1,
    /** Nothing. Anyone on the network path can read and change everything, including the password. */
    REDTAIL_VERIFY_NOTHING = 2,
} redtail_verify;

/**
 * TLS settings. Filled by the caller, copied by the library; 0 and NULL select the defaults. Files are PEM,
 * and are read again for every connection. If your own code speaks TLS, use a session, which never sees the
 * transport.
 */
typedef struct redtail_tls {
    /** sizeof(redtail_tls) */
    size_t struct_size;
    /** One of redtail_verify. */
    int verify;
    /** A file with trusted authorities. Without ca_file and ca_folder: those of the system. */
    const char *ca_file;
    /** A folder with files of trusted authorities. */
    const char *ca_folder;
    /** The client certificate, for servers that require one. Only together with key. */
    const char *certificate;
    /** The private key of the client certificate. */
    const char *key;
    /** The name to request from the server and to expect in its certificate. NULL: the host of the address. */
    const char *server_name;
} redtail_tls;


/*--------------------------------------------------------------------------------------------------------------------
 * Options of sessions and followers. The defaults are safe for the primary.
 */

/** No time limit. For silence_ms: silence is never an error. */
#define REDTAIL_FOREVER UINT64_MAX

/** The start of the stream. */
typedef enum redtail_start {
    /**
     * At the fork for a snapshot without data (about 200 bytes). The primary forks up to repl-diskless-sync-delay
     * (5 seconds by default) after the request. Earlier writes are not delivered; REDTAIL_EVENT_ATTACHED marks the
     * point. Requires Redis 7.0 or Valkey; on older servers as REDTAIL_START_NOW_WITHOUT_FORK.
     */
    REDTAIL_START_NOW = 0,
    /** With the next write, from the position in INFO. Requires a backlog and permission for INFO. */
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    /** With a snapshot of all data, then the writes after it. The primary forks and sends all data. */
    REDTAIL_START_SNAPSHOT = 2,
    /** After redtail_options.position. */
    REDTAIL_START_AT = 3,
    /** With the old SYNC: a snapshot, then the writes. No position, no resuming. */
    REDTAIL_START_SYNC = 4,
} redtail_start;

/** The reaction to lost history. The gap is always delivered as an event. */
typedef enum redtail_on_gap {
    /**
     * End with REDTAIL_ERROR_HISTORY_LOST. The primary has forked once for the refused resume: do not restart with
     * the same position.
     */
    REDTAIL_ON_GAP_STOP = 0,
    /** Continue with the writes from now on. */
    REDTAIL_ON_GAP_CONTINUE = 1,
    /** Request a snapshot and continue with the writes after it. */
    REDTAIL_ON_GAP_SNAPSHOT = 2,
} redtail_on_gap;

/** The offset in the acknowledgement that the primary receives each second. */
typedef enum redtail_ack {
    /** Offset 0. Neither WAIT nor FAILOVER counts this replica. */
    REDTAIL_ACK_OBSERVE = 0,
    /**
     * The received offset. WAIT counts this replica, although it stores nothing. A FAILOVER may select it, which
     * leaves the primary read-only.
     */
    REDTAIL_ACK_RECEIVED = 1,
    /**
     * The committed offset (redtail_..._commit). WAIT then waits for your sink. A FAILOVER may select this
     * replica, too.
     */
    REDTAIL_ACK_APPLIED = 2,
} redtail_ack;

/**
 * Options of a session or follower. Filled by the caller, copied by the library; 0 and NULL select the defaults.
 * redtail_options_init sets all fields. An option is never ignored: one that has no effect beside another one is
 * REDTAIL_ERROR_ARGUMENT, and the message names both. The exception is redtail_session_new_recorded.
 */
typedef struct redtail_options {
    /** sizeof(redtail_options) */
    size_t struct_size;
    /** One of redtail_start. */
    int start;
    /** One of redtail_on_gap. */
    int on_gap;
    /** One of redtail_ack. */
    int ack;
    /**
     * 1: on servers before 7.0 without a backlog, REDTAIL_START_NOW may use a probe: a full resynchronisation that
     * the library aborts. The primary writes its data to its own disk once. Only with REDTAIL_START_NOW or
     * REDTAIL_ON_GAP_CONTINUE. REDTAIL_START_AT accepts it, so that one set of options serves a first run and those
     * that resume.
     */
    int allow_probe;
    /**
     * 1: retry if the first attempt fails for a temporary reason, for example because no server listens yet.
     * 0: such a failure is an error at once.
     */
    int retry_first;
    /** 1: request an aborted snapshot again. For each attempt the primary forks and sends all data. */
    int retry_snapshot;
    /**
     * 1: never reconnect. If the server closes the connection, the result is REDTAIL_CLOSED. Excludes the options of
     * retries: retry_first, retry_snapshot, retry_refused_ms and those of the back-off.
     */
    int no_reconnect;
    /**
     * 1: use only one connection, and never reconnect. A start that requires a second connection is an error.
     * Excludes the same options as no_reconnect.
     */
    int single_link;
    /** 1: deliver SELECT, PING and REPLCONF as REDTAIL_EVENT_CONTROL. */
    int control;
    /** The port of this replica in the output of INFO and ROLE; 0: none. */
    uint16_t listening_port;
    /**
     * For REDTAIL_START_AT: a copy of a saved position, or what redtail_position_parse read from its text. With
     * another start it is an error. It is part of the struct, so a binding needs no memory of its own for it.
     */
    redtail_position position;
    /**
     * The address of this replica in the output of INFO and ROLE: 1 to 255 bytes without blanks. Default
     * redtail.invalid.
     */
    const char *label;
    /** The ACL user. NULL: the default user. A user without a password is an error. */
    const char *user;
    /** The password. NULL: none. A nopass user has the password "". */
    const char *password;
    /** Length of password in bytes; 0 if password ends with NUL. */
    size_t password_len;
    /**
     * Deliver commands with a bulk string of at least this many bytes in parts, and also commands longer than
     * limits.command. Numbers from 1 to 1023 count as 1024. 0: every command is delivered whole.
     */
    uint64_t parts;
    /**
     * Maximum time without received bytes before the connection counts as lost, in milliseconds. Default
     * 60,000, minimum 1,000; REDTAIL_FOREVER: no limit. A primary without writes sends a PING every
     * repl-ping-replica-period (default 10 s). With a lower value, healthy connections are lost.
     */
    uint64_t silence_ms;
    /**
     * Pause before the first reconnect, in milliseconds. It doubles with each attempt. Default 100; at most
     * backoff_longest_ms.
     */
    uint64_t backoff_first_ms;
    /** Longest pause between two attempts, in milliseconds. Default 10,000. */
    uint64_t backoff_longest_ms;
    /** Maximum number of consecutive attempts to reconnect; 0: no maximum. */
    uint32_t backoff_attempts;
    /**
     * Size of the receive buffer in bytes. Default 256 KiB, minimum 1 KiB, maximum 1 GiB. It has at most 16 KiB
     * until a read fills them, and again after a second without data (a read in the background: from the first
     * read after that second). It grows for longer commands and shrinks again.
     */
    size_t buffer_size;
    /**
     * Follower only, an error for a session: timeout of a connection attempt to one address, in milliseconds.
     * Default 5,000.
     */
    uint64_t connect_timeout_ms;
    /**
     * Follower only, an error for a session: timeout of a write, in milliseconds. Default 10,000; REDTAIL_FOREVER:
     * none.
     */
    uint64_t write_timeout_ms;
    /** NULL: the defaults. */
    const redtail_limits *limits;
    /** 1: deliver a snapshot as REDTAIL_EVENT_SNAPSHOT_ITEM, in keys and elements. 0: as bytes. */
    int snapshot_items;
    /**
     * 1: deliver items also from a snapshot with damaged values. Skipped data is
     * REDTAIL_RDB_ITEM_SKIPPED. 0: such a snapshot is an error. Only with snapshot_items.
     */
    int lenient;
    /**
     * Follower only, an error for a session: TLS settings. NULL: no TLS. An error if the library was built without
     * TLS.
     */
    const redtail_tls *tls;
    /**
     * After a refusal that a person can fix (a wrong password, a missing permission, an answer of something that is
     * not a server), connect again after this pause in milliseconds. Each refusal is REDTAIL_EVENT_DISCONNECTED with
     * REDTAIL_DISCONNECT_NEEDS_FIX. Before the first success, only with retry_first. 0: such a refusal is an error.
     */
    uint64_t retry_refused_ms;
} redtail_options;

/**
 * Sets all options to their defaults, and struct_size to size. Pass sizeof(redtail_options) as size.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if options is NULL, or size is smaller than in version 0.2.0 (such as
 * the size of a pointer) or larger than the struct of this library, which is then older than your header. After a
 * wrong size struct_size is 0, so that every function refuses these options. Any thread.
 */
REDTAIL_API int redtail_options_init(redtail_options *options,
                                     size_t size);


/*--------------------------------------------------------------------------------------------------------------------
 * Events: the results of a session or follower, in the order of the stream
 */

/** The kinds of events. Ignore unknown kinds: later versions add some. */
typedef enum redtail_event_kind {
    /**
     * The next request makes the primary fork: see forking. Sets the message. Not delivered before a resume
     * (REDTAIL_START_AT, a reconnect): the primary alone decides whether it resumes. If it no longer has the history,
     * it waits repl-diskless-sync-delay (5 seconds by default), forks, and only then refuses, with every on_gap. The
     * result is REDTAIL_EVENT_GAP; with REDTAIL_ON_GAP_STOP then REDTAIL_ERROR_HISTORY_LOST.
     */
    REDTAIL_EVENT_FORKING = 1,
    /** The primary accepted the replica, and the stream begins: see attached. Once on every connection. */
    REDTAIL_EVENT_ATTACHED = 2,
    /** A snapshot begins: see snapshot. It voids an earlier snapshot without an end. */
    REDTAIL_EVENT_SNAPSHOT_BEGIN = 3,
    /** The next bytes of the snapshot, an RDB file: see raw. */
    REDTAIL_EVENT_SNAPSHOT_BYTES = 4,
    /** The snapshot is complete, and the stream continues without a gap: see snapshot. */
    REDTAIL_EVENT_SNAPSHOT_END = 5,
    /** A command as replicated by the primary: see args, argc and raw. */
    REDTAIL_EVENT_COMMAND = 6,
    /** A transaction begins. Its commands are provisional until EXEC. */
    REDTAIL_EVENT_MULTI = 7,
    /** The transaction is complete. */
    REDTAIL_EVENT_EXEC = 8,
    /** SELECT, PING or REPLCONF. Only with redtail_options.control. */
    REDTAIL_EVENT_CONTROL = 9,
    /** A command in parts begins: see part->argc. Only with redtail_options.parts. */
    REDTAIL_EVENT_PART_BEGIN = 10,
    /** The next argument of the command begins: see part->index and part->length. */
    REDTAIL_EVENT_PART_ARGUMENT = 11,
    /** The next bytes of the argument: see raw. An empty argument has none. */
    REDTAIL_EVENT_PART_PIECE = 12,
    /** The command in parts is complete. */
    REDTAIL_EVENT_PART_END = 13,
    /** Writes may be missing: see gap. An open transaction is void. Sets the message. */
    REDTAIL_EVENT_GAP = 14,
    /**
     * The connection was lost: see disconnected. Events after its resume position are void. They are delivered
     * again, unless the next primary never had them. Sets the message.
     */
    REDTAIL_EVENT_DISCONNECTED = 15,
    /**
     * The next item of the snapshot: see item. Void without SNAPSHOT_END. Only with
     * redtail_options.snapshot_items.
     */
    REDTAIL_EVENT_SNAPSHOT_ITEM = 16,
} redtail_event_kind;

/** The reason for a fork of the primary. */
typedef enum redtail_fork_reason {
    /** A snapshot without data. */
    REDTAIL_FORK_FILTERED = 1,
    /** A complete snapshot for this replica. */
    REDTAIL_FORK_SNAPSHOT = 2,
    /** An unused dump to the disk of the primary. */
    REDTAIL_FORK_PROBE = 3,
} redtail_fork_reason;

/** How the position in the stream was determined. */
typedef enum redtail_method {
    /** By a snapshot without data. */
    REDTAIL_METHOD_FILTERED = 1,
    /** By INFO. */
    REDTAIL_METHOD_INFO = 2,
    /** By a full snapshot, which begins now. */
    REDTAIL_METHOD_FULL = 3,
    /** The primary has the history after the requested position. */
    REDTAIL_METHOD_CONTINUED = 4,
    /** By a full resynchronisation that was aborted. */
    REDTAIL_METHOD_PROBED = 5,
    /** Not at all: SYNC has no positions. */
    REDTAIL_METHOD_SYNC = 6,
    /**
     * The primary's own history begins before the position reached, and nothing received between the two changes data.
     * No write is lost or repeated. history is a new id. The database is unknown until the first SELECT, which a
     * promoted primary sends before its first command. Needs permission for INFO.
     */
    REDTAIL_METHOD_REWOUND = 7,
} redtail_method;

/** The replication role of the server. */
typedef enum redtail_role {
    /** The server does not permit the question. */
    REDTAIL_ROLE_UNKNOWN = 0,
    /** It accepts writes. */
    REDTAIL_ROLE_PRIMARY = 1,
    /** It follows another server. */
    REDTAIL_ROLE_REPLICA = 2,
} redtail_role;

/** The reason for the loss of a connection. */
typedef enum redtail_disconnect_reason {
    /** The primary closed the connection. */
    REDTAIL_DISCONNECT_CLOSED = 1,
    /** A connection attempt, read or write failed. */
    REDTAIL_DISCONNECT_IO = 2,
    /** Nothing arrived for redtail_options.silence_ms. */
    REDTAIL_DISCONNECT_SILENCE = 3,
    /** The primary refused temporarily. */
    REDTAIL_DISCONNECT_REFUSED = 4,
    /**
     * The primary refused, or something else answered, until a person fixes it. The message of the event begins with
     * the other side's. Only with redtail_options.retry_refused_ms.
     */
    REDTAIL_DISCONNECT_NEEDS_FIX = 5,
} redtail_disconnect_reason;

/** A request that makes the primary fork. */
typedef struct redtail_forking {
    /** One of redtail_fork_reason. */
    int reason;
    /** Memory of the primary in bytes, or REDTAIL_UNKNOWN. */
    uint64_t used_memory;
    /** Duration of its last fork in microseconds (0: it has never forked), or REDTAIL_UNKNOWN. */
    uint64_t last_fork_us;
    /** As attached.server. Valkey from 9.2 on needs no fork with forkless-infrastructure-enabled. */
    const char *server;
} redtail_forking;

/** A connection that the primary accepted. */
typedef struct redtail_attached {
    /** One of redtail_method. */
    int method;
    /** One of redtail_role. */
    int role;
    /** The position to resume from. NULL after SYNC, and before a full snapshot. */
    const redtail_position *position;
    /** The server and its version, for example "redis 7.0.15". NULL if the server does not permit the question. */
    const char *server;
    /** 1: the server is of a later release than those that this version of redtail was tested with. */
    int newer_than_tested;
    /**
     * REDTAIL_METHOD_REWOUND: the position reached before. Events between event.offset and that position are void:
     * they changed no data. Otherwise NULL.
     */
    const redtail_position *rewound_from;
} redtail_attached;

/** A snapshot that begins or ends. */
typedef struct redtail_snapshot {
    /** Size in bytes. At the beginning REDTAIL_UNKNOWN if the primary does not announce it. */
    uint64_t length;
    /**
     * At the end: the number of bytes whose structure was verified. Fewer than length if data begins there that
     * this version of redtail can't read, probably of a later server: only the checksum at the end covers the rest. At
     * the beginning 0.
     */
    uint64_t verified;
    /**
     * Not 0: the reason for that is not a later server: the hash templates need more than this number of bytes, the
     * redtail_limits.templates.
     */
    uint64_t beyond_templates;
} redtail_snapshot;

/** A part of a command. */
typedef struct redtail_part {
    /** PART_BEGIN: number of arguments, including the name. */
    size_t argc;
    /** PART_ARGUMENT: index of the argument; the name has index 0. */
    size_t index;
    /** PART_ARGUMENT: length of the argument in bytes, the sum of its pieces. */
    uint64_t length;
} redtail_part;

/** A gap: writes may be missing. */
typedef struct redtail_gap {
    /** The last position before the gap. */
    const redtail_position *from;
    /** The position of the stream after the gap. Its offset may be lower than that of from. */
    const redtail_position *to;
    /**
     * Number of missing bytes of the stream, or REDTAIL_UNKNOWN in two cases. 1: the replids of "from" and "to"
     * differ. The new primary may then also lack the last events before the gap. 2: the replids are equal, and
     * the offset of "to" is lower. The server is then a replica that lags behind: no byte is missing, and the
     * server sends the bytes between the two offsets again.
     */
    uint64_t missed;
} redtail_gap;

/** A lost connection. */
typedef struct redtail_disconnected {
    /** One of redtail_disconnect_reason. */
    int reason;
    /** The last resumable position, from which the next connection continues. NULL if there is none yet. */
    const redtail_position *resume;
    /** Milliseconds until the next attempt. REDTAIL_UNKNOWN: there is none. */
    uint64_t retry_in_ms;
} redtail_disconnected;

/**
 * An event. Owned by the session or follower. The event and its data are valid until the next event is requested.
 *
 * Offsets are replication offsets of the primary, up to and including the last byte of the event.
 */
typedef struct redtail_event {
    /** One of redtail_event_kind. Fields without a meaning for the kind are 0 or NULL; db is -1. */
    int kind;
    /**
     * 1 if redtail_event_position gives a position to resume from after this event. 0 inside a transaction:
     * its EXEC has one.
     */
    int resumable;
    /** The replication offset after this event. For parts only at PART_END. */
    uint64_t offset;
    /** The database of the command; -1 before the first SELECT. A SELECT carries the database that it selects. */
    int64_t db;
    /** The offset of the MULTI of the transaction, also for MULTI and EXEC themselves; 0 outside a transaction. */
    uint64_t tx;
    /**
     * Commands and parts: the time when the last byte was received. Follower: milliseconds since 1970. Session: the
     * number that redtail_session_stamp set. 0 without such a number, and for all other events.
     */
    uint64_t received_ms;
    /** COMMAND, MULTI, EXEC, CONTROL: all arguments; args[0] is the name, in the letter case that the server sent. */
    const redtail_slice *args;
    /** Number of arguments. */
    size_t argc;
    /** COMMAND, MULTI, EXEC, CONTROL: the exact bytes of the command. SNAPSHOT_BYTES, PART_PIECE: the bytes. */
    redtail_slice raw;
    /** The replication id: 40 digits. NULL after SYNC. */
    redtail_slice replid;
    /** The history: 40 digits. History and offset identify a command permanently, also after a failover. */
    redtail_slice history;
    /** FORKING. */
    const redtail_forking *forking;
    /** ATTACHED. */
    const redtail_attached *attached;
    /** SNAPSHOT_BEGIN, SNAPSHOT_END. */
    const redtail_snapshot *snapshot;
    /** PART_BEGIN, PART_ARGUMENT. */
    const redtail_part *part;
    /** GAP. */
    const redtail_gap *gap;
    /** DISCONNECTED. */
    const redtail_disconnected *disconnected;
    /** SNAPSHOT_ITEM. */
    const redtail_rdb_item *item;
    /** If resumable is 1: redtail_position.data_offset of the position after this event. */
    uint64_t data_offset;
} redtail_event;

/**
 * The position to resume from after this event, while the event is valid.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none (see resumable); REDTAIL_ERROR_ARGUMENT if a
 * pointer is NULL.
 */
REDTAIL_API int redtail_event_position(const redtail_event *event,
                                       redtail_position *position);

/** The name of a redtail_event_kind, for example "attached"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_event_name(int kind);

/** The name of a redtail_fork_reason, for example "snapshot"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_fork_reason_name(int reason);

/** The name of a redtail_method, for example "info"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_method_name(int method);

/** The name of a redtail_role, for example "primary"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_role_name(int role);

/** The name of a redtail_disconnect_reason, for example "io"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_disconnect_reason_name(int reason);


/*--------------------------------------------------------------------------------------------------------------------
 * Sessions: the replication protocol over your own socket and event loop
 *
 * A session owns a receive buffer. It has no socket, clock or thread. Parameters named now_ms are the current time of
 * your clock: milliseconds since any start, never decreasing. The loop of a program that polls its sockets:
 *
 *   1. Call redtail_session_next. REDTAIL_OK: handle the event, repeat step 1. REDTAIL_NEED_MORE: go to step 2.
 *      REDTAIL_RECONNECT: close the socket if there is one, connect at the time of redtail_session_deadline_ms, call
 *      redtail_session_connected, repeat step 1. REDTAIL_CLOSED or an error: the session has ended.
 *   2. Call redtail_session_to_send, write the bytes, call redtail_session_sent. Wait until the socket is readable, or
 *      writable if bytes are left to send, at most until redtail_session_deadline_ms.
 *   3. If the socket is readable: call redtail_session_space, read, call redtail_session_received. After end of file
 *      or an error, call redtail_session_disconnected. After a read without data (EAGAIN), and after every wait that
 *      ended without a readable socket, call redtail_session_silent: without it a primary that hangs is never noticed.
 *      Continue with step 1.
 *
 * BACK-PRESSURE. While your own queue is full, do not read. At the deadline call redtail_session_keep_alive (or
 * redtail_session_next, if the queue has room for one event) and continue with step 2: the primary needs your
 * acknowledgements.
 *
 * LOOPS THAT READ FOR YOU (libuv, Asio, io_uring, completion ports) deliver bytes and report no empty read. Call
 * redtail_session_timer once a second while there is a connection. It replaces redtail_session_silent and
 * redtail_session_keep_alive. Do steps 1 and 2 after redtail_session_timer, redtail_session_received and
 * redtail_session_connected.
 *
 * A READ IN THE BACKGROUND may fill the space of redtail_session_space while the program calls other functions.
 * Between redtail_session_space and redtail_session_received these are allowed: _next, _to_send, _sent,
 * _keep_alive, _timer, _silent, _stamp, _deadline_ms, _commit, _position, _login and _message. The space keeps its
 * address, and events that are already in the buffer are delivered. A further redtail_session_space, _connected,
 * _disconnected and _free invalidate the space: end the read before the call. REDTAIL_RECONNECT also invalidates
 * the space: end the read, and do not report its bytes.
 *
 * WHILE A CONNECT IS PENDING, redtail_session_next returns REDTAIL_RECONNECT again and the deadline does not change.
 * No call is required. You may also call redtail_session_connected when the connect begins, and send when the socket
 * becomes writable. Report a failed connect with redtail_session_disconnected. A session limits the time of a connect
 * only after redtail_session_connected, by silence_ms.
 */

/** The replication protocol with one primary, over one connection after another. One thread at a time. */
typedef struct redtail_session redtail_session;

/**
 * Creates a session without a connection. options: NULL for the defaults.
 *
 * Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
 * REDTAIL_ERROR_ARGUMENT, and the message names the option.
 */
REDTAIL_API redtail_session *redtail_session_new(const redtail_options *options);

/**
 * Creates a session over a recorded connection. Its input is all bytes that a server sent after PSYNC or SYNC,
 * beginning with the reply. The session sends nothing and is connected from the start: do not call
 * redtail_session_connected. An error of the recorded connection ends the session. options: those of the live session,
 * or NULL. They are checked as by redtail_session_new; those of the start, of the login and of reconnects then have no
 * effect, because the bytes decide. offset: the replication offset before the first byte of the stream, if the
 * recording does not contain it (a reply of +CONTINUE); otherwise REDTAIL_UNKNOWN.
 *
 * Returns NULL as redtail_session_new.
 */
REDTAIL_API redtail_session *redtail_session_new_recorded(const redtail_options *options,
                                                          uint64_t offset);

/** Frees a session. It sends nothing and closes no socket. NULL does nothing. */
REDTAIL_API void redtail_session_free(redtail_session *session);

/**
 * The message of the last failure, or of the last event if it is a gap, a lost connection or a fork; otherwise
 * "". Never NULL. Valid until the next call on the session.
 */
REDTAIL_API const char *redtail_session_message(const redtail_session *session);

/**
 * Replaces user and password of the options, from the next redtail_session_connected on. user: NULL for the default
 * user. password: NULL for none. password_len: its length in bytes; 0 if it ends with NUL. Both are copied.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
 * exceeds memory. A nopass user has the password "".
 */
REDTAIL_API int redtail_session_login(redtail_session *session,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);

/**
 * Reports that the socket is connected, or that a connect has begun. Starts the handshake. Unprocessed bytes of the
 * last connection are dropped.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE if the session has a connection already, or has ended.
 */
REDTAIL_API int redtail_session_connected(redtail_session *session,
                                          uint64_t now_ms);

/**
 * Reports the end of a connection or a failed connect. reason: NULL if the primary closed the connection; otherwise
 * the message of the system, for example from strerror. The session does not know the address: add it to the reason.
 * Call it once for each connection or connect. Do not call it for a connection that the session itself ended with
 * REDTAIL_RECONNECT. redtail_session_next still delivers the events that were received before, then
 * REDTAIL_EVENT_DISCONNECTED or an error. A failed first connect is an error (REDTAIL_ERROR_LOST), unless
 * redtail_options.retry_first is set.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the reason is not UTF-8.
 */
REDTAIL_API int redtail_session_disconnected(redtail_session *session,
                                             const char *reason);

/**
 * The space to read to: sets data to its address and len to its size in bytes, at least 1. The space is valid until
 * the next redtail_session_space, _received, _connected, _disconnected or _free, or until redtail_session_next
 * returns REDTAIL_RECONNECT. The last event is no longer valid.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_LIMIT if the buffer is full: call redtail_session_next until it returns
 * REDTAIL_NEED_MORE; REDTAIL_ERROR_MEMORY.
 */
REDTAIL_API int redtail_session_space(redtail_session *session,
                                      char **data,
                                      size_t *len);

/**
 * Reports that count bytes were read to the beginning of the space. Call it at most once for each
 * redtail_session_space. For calls between the two see "A READ IN THE BACKGROUND" above.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if count is 0 or larger than the space; REDTAIL_ERROR_STATE if there is
 * no connection, or no space: redtail_session_space was not called, or its space is reported already or invalid. A
 * read of 0 bytes is the end of the connection: call redtail_session_disconnected instead.
 */
REDTAIL_API int redtail_session_received(redtail_session *session,
                                         size_t count);

/**
 * Reports that a read found no data (EAGAIN), or that a wait ended without a readable socket. If nothing was received
 * for silence_ms, the next redtail_session_next counts the connection as lost. For programs that read themselves; all
 * others call redtail_session_timer.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_silent(redtail_session *session);

/**
 * For loops that read for you: call it once a second while there is a connection. It prepares an acknowledgement if
 * one is due, as redtail_session_keep_alive. It also counts silence: if nothing was received for silence_ms, the next
 * redtail_session_next counts the connection as lost. The time between two calls counts as 2 s at most: after a pause
 * of the program, the loop may hold received bytes that it has not reported yet. The last event stays valid.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_timer(redtail_session *session,
                                      uint64_t now_ms);

/**
 * Sets redtail_event.received_ms of all later events, for example to the milliseconds since 1970 at the last read.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_stamp(redtail_session *session,
                                      uint64_t received_ms);

/**
 * The next event in the received bytes. Never reads and never waits. The event is valid until the next
 * redtail_session_next, _space, _connected, _disconnected or _free.
 *
 * Returns REDTAIL_OK and sets event. REDTAIL_NEED_MORE: send, wait and read. REDTAIL_RECONNECT: close the socket, and
 * connect at the time of redtail_session_deadline_ms. REDTAIL_CLOSED or an error: the session has ended, and every
 * later redtail_session_next returns the same.
 */
REDTAIL_API int redtail_session_next(redtail_session *session,
                                     uint64_t now_ms,
                                     const redtail_event **event);

/**
 * Prepares an acknowledgement if one is due, as redtail_session_next, but delivers no event. Call
 * redtail_session_to_send afterwards. The last event stays valid.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_keep_alive(redtail_session *session, uint64_t now_ms);

/**
 * The bytes to write to the socket. Sets data to the first byte and len to their number; 0 if there is nothing to
 * send. The bytes are valid until the next call on the session.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_to_send(redtail_session *session,
                                        const char **data,
                                        size_t *len);

/**
 * Reports that the first count bytes of redtail_session_to_send were written. More may be left to send afterwards.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if count is larger than the number of bytes to send.
 */
REDTAIL_API int redtail_session_sent(redtail_session *session,
                                     size_t count);

/**
 * The time of the next step if nothing arrives, on the clock of now_ms; it is not a duration. With a connection: the
 * time to call redtail_session_next or redtail_session_keep_alive. Without a connection: the time to connect.
 * REDTAIL_FOREVER: the session has ended.
 *
 * Returns REDTAIL_OK and sets deadline_ms.
 */
REDTAIL_API int redtail_session_deadline_ms(redtail_session *session,
                                            uint64_t *deadline_ms);

/**
 * Commits a position: you have stored everything up to it. With REDTAIL_ACK_APPLIED the acknowledgement contains its
 * offset, also of the bytes after it that no event delivers (PING, SELECT). If the primary has requested an
 * acknowledgement that this commit makes possible (WAIT), redtail_session_to_send returns it at once: send it. A
 * position of a history that has ended with a gap is ignored.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if it is NULL.
 */
REDTAIL_API int redtail_session_commit(redtail_session *session,
                                       const redtail_position *position);

/**
 * The last position to resume from, as of the last delivered event.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
 */
REDTAIL_API int redtail_session_position(redtail_session *session, redtail_position *position);


/*--------------------------------------------------------------------------------------------------------------------
 * Sentinel: followers of a primary that is found by its name
 */

/** A primary and its Sentinels. Filled by the caller, copied by the library; 0 and NULL select the defaults. */
typedef struct redtail_sentinel {
    /** sizeof(redtail_sentinel) */
    size_t struct_size;
    /** The name of the primary in the configuration of the Sentinels. Required. */
    const char *name;
    /** Addresses of Sentinels, each host:port. From one reachable Sentinel the library learns all others. */
    const char *const *addresses;
    /** Number of addresses, at least 1. */
    size_t address_count;
    /**
     * 1: follow a healthy replica, or the primary if there is none. A replica delivers writes only after it has
     * received them.
     */
    int prefer_replica;
    /** The ACL user at the Sentinels. NULL: the default user. (redtail_options.user is for the servers.) */
    const char *user;
    /** The password at the Sentinels. NULL: none, an error with a user. A nopass user has the password "". */
    const char *password;
    /** Length of password in bytes; 0 if password ends with NUL. */
    size_t password_len;
    /** TLS for connections to Sentinels. NULL: no TLS. (redtail_options.tls is for the servers.) */
    const redtail_tls *tls;
    /**
     * Called with a message when a failover may be noticed late or not at all, while the follower continues: a
     * Sentinel denies SUBSCRIBE, no Sentinel answers, or no thread is available. Once for each reason. On any thread,
     * at any time before redtail_follower_free returns. It must return normally and not use the follower. The message
     * is valid until it returns. NULL: none.
     */
    void (*warning)(void *context, const char *message);
    /** A pointer of the caller, passed to warning. */
    void *context;
} redtail_sentinel;


/*--------------------------------------------------------------------------------------------------------------------
 * Handles: control of a follower from other threads
 */

/**
 * Controls a follower from any thread: stops it, sends a heartbeat, commits a position. Several threads may
 * use one handle at once. It may outlive its follower.
 */
typedef struct redtail_handle redtail_handle;

/**
 * Stops the follower: redtail_follower_next returns REDTAIL_CLOSED from then on. A waiting read or write ends at
 * once, and a pause before a reconnect within 100 ms. A connection attempt ends at once on Linux, elsewhere and
 * while a name is resolved at its timeout (see connect_timeout_ms).
 *
 * Any thread, several at once, and signal handlers: it takes no lock, allocates nothing and never waits. It may change
 * errno, which a signal handler must restore. Do not free the handle while a signal handler may still use it.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE in a forked child, where it does nothing; REDTAIL_ERROR_ARGUMENT if the
 * handle is NULL.
 */
REDTAIL_API int redtail_handle_stop(redtail_handle *handle);

/**
 * Sends an acknowledgement of all earlier commits now, as redtail_follower_next does each second. Call it from another
 * thread if your program takes longer for one event than the primary's repl-timeout (default 60 s). Without a
 * connection it does nothing.
 *
 * Any thread, several at once; not in signal handlers.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_LOST if the write failed: redtail_follower_next reports the loss later;
 * REDTAIL_ERROR_STATE in a forked child; REDTAIL_ERROR_ARGUMENT if the handle is NULL.
 */
REDTAIL_API int redtail_handle_heartbeat(redtail_handle *handle);

/**
 * As redtail_follower_commit, from another thread. Of two commits in quick succession the later one counts. If the
 * primary has requested an acknowledgement that this commit makes possible (WAIT), this call sends it. Otherwise
 * redtail_follower_next reports the commit within a second.
 *
 * Any thread, several at once; not in signal handlers.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_STATE in a forked child;
 * REDTAIL_ERROR_ARGUMENT if the position or the handle is NULL.
 */
REDTAIL_API int redtail_handle_commit(redtail_handle *handle,
                                      const redtail_position *position);

/** Frees a handle. The follower continues. NULL does nothing. */
REDTAIL_API void redtail_handle_free(redtail_handle *handle);


/*--------------------------------------------------------------------------------------------------------------------
 * Followers: one blocking call per event; sockets, reconnection and waiting included
 *
 * IN A POLL LOOP. redtail_follower_fd gives the socket of the connection. The loop waits until the socket is
 * readable, at most a second, and then calls redtail_follower_next_timeout with 0 until it returns REDTAIL_IDLE, or
 * for a number of events that leaves time for its other descriptors:
 *
 *   for (;;) {
 *       for (int n = 0; n < 1000 && (status = redtail_follower_next_timeout(follower, 0, &event)) == REDTAIL_OK; n++)
 *           handle(event);
 *       if (status != REDTAIL_OK && status != REDTAIL_IDLE)
 *           break;
 *       if (redtail_follower_fd(follower, &fd) != REDTAIL_OK)
 *           fd = -1;                     no connection now: poll ignores -1
 *       wait_until_readable(fd, status == REDTAIL_IDLE ? 1000 : 0);
 *   }
 *
 * After REDTAIL_OK, further events may be in the follower while the socket is not readable: do not wait. After
 * REDTAIL_IDLE wait at most a second, for three reasons. An acknowledgement is due each second. A reconnect is due
 * after a pause. With TLS, received bytes may be buffered inside the TLS connection while the socket is not readable.
 * Request the socket again after every REDTAIL_IDLE: each connection has another one. With epoll, add it again after
 * every REDTAIL_EVENT_DISCONNECTED, even if its number is the same. Do not read from the socket or close it. A
 * reconnect inside redtail_follower_next_timeout blocks for at most connect_timeout_ms for each address. A loop that
 * must never block uses a session.
 */

/** Follows a primary in the caller's thread. One thread at a time. */
typedef struct redtail_follower redtail_follower;

/**
 * Creates a follower without a connection. options: NULL for the defaults.
 *
 * Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
 * REDTAIL_ERROR_ARGUMENT, and the message names the option.
 */
REDTAIL_API redtail_follower *redtail_follower_new(const redtail_options *options);

/**
 * Frees a follower and closes its connection. Its handles stay valid. NULL does nothing, and neither does a call in a
 * forked child.
 */
REDTAIL_API void redtail_follower_free(redtail_follower *follower);

/**
 * The message of the last failure, or of the last event if it is a gap, a lost connection or a fork; otherwise
 * "". Never NULL. Valid until the next call on the follower.
 */
REDTAIL_API const char *redtail_follower_message(const redtail_follower *follower);

/**
 * Replaces user and password of the options, from the next connection on. user: NULL for the default user. password:
 * NULL for none. password_len: its length in bytes; 0 if it ends with NUL. Both are copied.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
 * exceeds memory. A nopass user has the password "".
 */
REDTAIL_API int redtail_follower_login(redtail_follower *follower,
                                       const char *user,
                                       const char *password,
                                       size_t password_len);

/**
 * Connects to host:port, [address]:port (IPv6) or unix:PATH. It blocks for at most connect_timeout_ms for each address
 * of the host. The handshake with the server follows in the first redtail_follower_next.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ADDRESS if the address is invalid; REDTAIL_ERROR_CONNECT if the connection failed.
 * After these two errors the call may be repeated. REDTAIL_ERROR_STATE if the follower is connected already;
 * REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_RECORDING if the recording cannot be written; REDTAIL_ERROR_MEMORY.
 */
REDTAIL_API int redtail_follower_connect(redtail_follower *follower,
                                         const char *address);

/**
 * Asks Sentinels for a primary and connects to it. After each lost connection the follower asks the Sentinels again:
 * after a failover it resumes from the same position on the new primary. By default each Sentinel has 2 s to connect
 * and 5 s to answer. A thread of the library listens for failovers. redtail_follower_free ends it
 * at once. Outside Linux, a thread that is just connecting to a Sentinel ends after connect_timeout_ms at the latest.
 *
 * The address that a Sentinel gives is checked: the server must report that it is a primary, and, if it may be asked
 * (+info), the run id that the Sentinel knows. Otherwise the connection fails, and the message names the address and
 * the Sentinel.
 *
 * Returns as redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if sentinel is invalid; REDTAIL_ERROR_CONNECT also if
 * no Sentinel knows the name.
 */
REDTAIL_API int redtail_follower_connect_sentinel(redtail_follower *follower,
                                                  const redtail_sentinel *sentinel);

/**
 * Records the stream to a file: call it before redtail_follower_connect. An existing file is replaced.
 * redtail_primary_serve_file and "redtail replay" serve the file, for tests without a server.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be created; REDTAIL_ERROR_STATE after
 * redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if the path is NULL or not UTF-8.
 */
REDTAIL_API int redtail_follower_record(redtail_follower *follower, const char *path);

/**
 * Ends the recording after the last delivered event, and writes buffered bytes to the file. Later events are not
 * recorded. Without a recording it does nothing. redtail_follower_free also ends a recording, but reports no error.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if this or an earlier write failed.
 */
REDTAIL_API int redtail_follower_finish_recording(redtail_follower *follower);

/**
 * The socket of the current connection, for poll: see above. A file descriptor; on Windows a SOCKET. It belongs to
 * the follower: do not read from it or close it. It is valid until the next call on the follower.
 *
 * Returns REDTAIL_OK and sets fd; REDTAIL_NONE while there is no connection.
 */
REDTAIL_API int redtail_follower_fd(redtail_follower *follower,
                                    int64_t *fd);

/**
 * Waits for the next event. The event is valid until the next redtail_follower_next, _next_timeout, _batch or _free.
 *
 * Returns REDTAIL_OK and sets event. REDTAIL_CLOSED after redtail_handle_stop, or if the server closed the connection
 * and reconnection is off. REDTAIL_ERROR_STATE before redtail_follower_connect. After any other error following has
 * ended, and every later redtail_follower_next returns the same.
 */
REDTAIL_API int redtail_follower_next(redtail_follower *follower,
                                      const redtail_event **event);

/**
 * Waits at most limit_ms milliseconds for the next event. 0: reads without waiting. A reconnect may take longer than
 * limit_ms: up to connect_timeout_ms for each address.
 *
 * Returns as redtail_follower_next; REDTAIL_IDLE if no event arrived within limit_ms.
 */
REDTAIL_API int redtail_follower_next_timeout(redtail_follower *follower,
                                              uint64_t limit_ms,
                                              const redtail_event **event);

/**
 * Waits for the next event. Passes it and all further received events to the callback each, with context. If the
 * callback returns another value than 0, the batch ends after that event. The callback may call _position, _message,
 * _commit and _login of this follower. In it _next, _next_timeout and _batch of this follower return
 * REDTAIL_ERROR_STATE, and _free must not be called. It must return normally: no longjmp, no C++ exception.
 *
 * Returns REDTAIL_OK if no received event is left: a good time to flush output. REDTAIL_STOPPED if the callback ended
 * the batch. Otherwise as redtail_follower_next.
 */
REDTAIL_API int redtail_follower_batch(redtail_follower *follower,
                                       int (*each)(void *context, const redtail_event *event),
                                       void *context);

/**
 * Commits a position: you have stored everything up to it. With REDTAIL_ACK_APPLIED the acknowledgement contains its
 * offset, also of the bytes after it that no event delivers (PING, SELECT). If the primary has requested an
 * acknowledgement that this commit makes possible (WAIT), this call sends it. Otherwise the next one, within a second,
 * has the position. A position of a history that has ended with a gap is ignored. Other threads use
 * redtail_handle_commit.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if it is NULL;
 * REDTAIL_ERROR_STATE before redtail_follower_connect.
 */
REDTAIL_API int redtail_follower_commit(redtail_follower *follower,
                                        const redtail_position *position);

/**
 * The last position to resume from, as of the last delivered event.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
 */
REDTAIL_API int redtail_follower_position(redtail_follower *follower, redtail_position *position);

/**
 * Creates a handle of the follower, connected or not. Free it with redtail_handle_free.
 *
 * Returns NULL if the follower is NULL, its options are invalid, or memory is exhausted. Also NULL after
 * REDTAIL_ERROR_PANIC.
 */
REDTAIL_API redtail_handle *redtail_follower_handle(redtail_follower *follower);


/*--------------------------------------------------------------------------------------------------------------------
 * Shards: the parts of a cluster, each a primary and its successors
 */

/**
 * A shard. Owned by its cluster; valid until redtail_cluster_free, also after the shard has left. Several
 * threads may use it at once.
 */
typedef struct redtail_shard redtail_shard;

/**
 * The id of a shard: the node id of its first known primary. It never changes. Valid as long as the shard.
 * NULL if the shard is NULL.
 */
REDTAIL_API const char *redtail_shard_id(const redtail_shard *shard);

/**
 * Writes the last known address of its primary as text with a NUL: host:port. size: room in bytes. Sets needed to
 * the required size, including the NUL.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: only needed was written; REDTAIL_ERROR_STATE in a
 * forked child; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text may be NULL if size is 0).
 */
REDTAIL_API int redtail_shard_target(const redtail_shard *shard,
                                     char *text,
                                     size_t size,
                                     size_t *needed);

/**
 * Writes its last known slots as text with a NUL, for example 0-5460,7365. Parameters and results as
 * redtail_shard_target.
 */
REDTAIL_API int redtail_shard_slots(const redtail_shard *shard, char *text, size_t size, size_t *needed);

/**
 * The last resumable position that the callbacks have processed.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE before the first one and during a snapshot;
 * REDTAIL_ERROR_STATE in a forked child; REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
 */
REDTAIL_API int redtail_shard_position(const redtail_shard *shard, redtail_position *position);

/**
 * The handle of the shard's follower, for redtail_handle_commit and redtail_handle_heartbeat. redtail_handle_stop
 * ends this shard alone. Owned by the shard and valid as long as it: do not pass it to redtail_handle_free.
 *
 * Returns NULL if the shard is NULL.
 */
REDTAIL_API redtail_handle *redtail_shard_handle(redtail_shard *shard);

/**
 * The message of the shard's current event: a gap, a lost connection or a fork; otherwise "". Never NULL. Call it
 * only in the callbacks event and idle of this shard. Valid until the callback returns.
 */
REDTAIL_API const char *redtail_shard_message(const redtail_shard *shard);

/**
 * Stores a pointer of the caller with the shard, for example in the notice REDTAIL_NOTICE_ADDED, which precedes its
 * first event.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the shard is NULL.
 */
REDTAIL_API int redtail_shard_set_context(redtail_shard *shard,
                                          void *context);

/** The pointer that redtail_shard_set_context stored last. NULL if there is none, or if the shard is NULL. */
REDTAIL_API void *redtail_shard_context(const redtail_shard *shard);

/**
 * The hash slot of a key: of the text between its first { and the next }, or of the whole key if that text is
 * missing or empty. Any thread.
 *
 * Returns 0 to 16383; REDTAIL_ERROR_ARGUMENT if key is NULL and len is not 0, or the length exceeds memory.
 */
REDTAIL_API int redtail_slot(const char *key,
                             size_t len);


/*--------------------------------------------------------------------------------------------------------------------
 * Notices: changes of a cluster
 */

/** The kinds of notices. Ignore unknown kinds: later versions add some. */
typedef enum redtail_notice_kind {
    /** The cluster follows a new shard: see start and position. Precedes its first event. */
    REDTAIL_NOTICE_ADDED = 1,
    /**
     * Another node has become the primary of a shard: see from and to. Events of the shard tell the position at
     * the new primary.
     */
    REDTAIL_NOTICE_FAILED_OVER = 2,
    /**
     * Slots have moved: see gained and lost. Events for their keys continue in the stream of another shard, in no
     * order relative to this one.
     */
    REDTAIL_NOTICE_SLOTS_MOVED = 3,
    /**
     * A shard has left the cluster, and all its data was delivered: see position. Its callbacks are not called
     * again.
     */
    REDTAIL_NOTICE_REMOVED = 4,
    /**
     * A shard has failed permanently: see status. The other shards continue. Its last position remains among the
     * positions. Its callbacks are not called again.
     */
    REDTAIL_NOTICE_ENDED = 5,
    /**
     * A gap: no shard of the cluster continues this saved position: see node, lost and position. Later writes
     * there are unknown. The other shards continue. With REDTAIL_ON_GAP_STOP the position remains among the
     * positions, and the next start reports it again.
     */
    REDTAIL_NOTICE_LOST = 6,
    /** No node reports the topology. Only one notice until a node does. Connected shards continue. */
    REDTAIL_NOTICE_UNREACHABLE = 7,
    /**
     * The primary of a shard has another address: see from and to. The present connection is kept, because the node
     * is the same.
     */
    REDTAIL_NOTICE_MOVED = 8,
} redtail_notice_kind;

/** A change of the cluster. Owned by the cluster; valid until the callback returns. The shard remains valid. */
typedef struct redtail_notice {
    /** One of redtail_notice_kind. Fields without a meaning for the kind are 0 or NULL. */
    int kind;
    /** The message: a description of the change. Never NULL. */
    const char *message;
    /** The shard; NULL for LOST and UNREACHABLE. */
    redtail_shard *shard;
    /** ADDED: one of redtail_start. */
    int start;
    /** ENDED: the error; REDTAIL_CLOSED after redtail_handle_stop. */
    int status;
    /**
     * ADDED: the position to resume from, or NULL. REMOVED, ENDED: the last position, or NULL. LOST: the saved
     * position.
     */
    const redtail_position *position;
    /** FAILED_OVER, MOVED: the old address of the primary, host:port. */
    const char *from;
    /** FAILED_OVER, MOVED: the new address. */
    const char *to;
    /** SLOTS_MOVED: the slots that the shard gained, for example 0-5460,7365; "" for none. */
    const char *gained;
    /** SLOTS_MOVED: the slots that it lost. LOST: the slots that were saved with the position. */
    const char *lost;
    /** LOST: the node id that was saved with the position. */
    const char *node;
} redtail_notice;

/** The name of a redtail_notice_kind, for example "failed_over"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_notice_name(int kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Callbacks of a cluster
 */

/**
 * Callbacks. Filled by the caller, copied by the library. Callbacks must return normally: no longjmp, no C++
 * exception.
 */
typedef struct redtail_cluster_callbacks {
    /** sizeof(redtail_cluster_callbacks) */
    size_t struct_size;
    /** A pointer of the caller, passed to each callback. */
    void *context;
    /**
     * An event of a shard, on the thread of the shard. Valid until the callback returns. Another result than 0
     * ends all shards. If the callback takes longer than the primary's repl-timeout (60 s), call
     * redtail_handle_heartbeat meanwhile. Required.
     */
    int (*event)(void *context, redtail_shard *shard, const redtail_event *event);
    /**
     * A change of the cluster, on a thread of its own. Unordered relative to the events of shards, except that
     * ADDED precedes the first event of its shard. May be NULL.
     */
    void (*notice)(void *context, const redtail_notice *notice);
    /**
     * Nothing arrived from this shard for a second. On the thread of the shard. Another result than 0 ends all
     * shards. May be NULL.
     */
    int (*idle)(void *context, redtail_shard *shard);
} redtail_cluster_callbacks;


/*--------------------------------------------------------------------------------------------------------------------
 * Clusters: all primaries, each followed on a thread of its own
 *
 * redtail_cluster_new creates the cluster, redtail_cluster_follow starts it. From then on the library calls your
 * callbacks: event and idle on the thread of each shard, notice on a thread of its own. Callbacks of different
 * shards run at once, those of one shard never do. Meanwhile your thread waits, and saves the positions from time
 * to time:
 *
 *   status = redtail_cluster_follow(cluster, &callbacks);
 *   while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
 *       status = redtail_cluster_wait(cluster, 1000);
 *       save(cluster);                   redtail_cluster_positions, then redtail_cluster_commit
 *   }
 *   redtail_cluster_free(cluster);
 *
 * THREADS. Several threads may use a redtail_cluster at once. Exceptions: no thread may use it after the call of
 * redtail_cluster_free, except callbacks until that call returns. redtail_cluster_message is valid only while no
 * other thread calls a function of the cluster. In its own callbacks _wait returns REDTAIL_ERROR_STATE, and _free
 * only stops the cluster. No function is for signal handlers. A signal handler can set a variable that the loop
 * around redtail_cluster_wait reads.
 *
 * ASYNCHRONOUS SINKS. redtail_cluster_positions counts events whose callback has returned. If a broker acknowledges
 * later, keep the shard and redtail_event_position with each message. On acknowledgement call redtail_handle_commit
 * with redtail_shard_handle. Then save redtail_cluster_committed. Commit also the position of
 * REDTAIL_EVENT_ATTACHED, and in idle, if no message is pending, redtail_shard_position: a shard without a saved
 * position starts as a new one.
 */

/** The start of a shard that is added later, or that has no saved position. */
typedef enum redtail_added {
    /**
     * With a snapshot. A new node is almost empty. The snapshot contains keys that were moved there before the
     * library knew the node.
     */
    REDTAIL_ADDED_SNAPSHOT = 0,
    /** As REDTAIL_START_NOW: existing data is not delivered. */
    REDTAIL_ADDED_NOW = 1,
    /** As REDTAIL_START_NOW_WITHOUT_FORK. */
    REDTAIL_ADDED_NOW_WITHOUT_FORK = 2,
} redtail_added;

/** Follows all primaries of a cluster. */
typedef struct redtail_cluster redtail_cluster;

/** The cluster. Filled by the caller, copied by the library; 0 and NULL select the defaults. */
typedef struct redtail_cluster_options {
    /** sizeof(redtail_cluster_options) */
    size_t struct_size;
    /** Addresses of nodes, each host:port. From one reachable node the library learns all others. */
    const char *const *nodes;
    /** Number of addresses, at least 1. */
    size_t node_count;
    /**
     * Saved positions of redtail_cluster_positions or redtail_cluster_committed. NULL or "": each shard starts
     * as redtail_options.start. Each shard resumes from the position whose history it continues. A position
     * without such a shard is REDTAIL_NOTICE_LOST.
     */
    const char *positions;
    /** One of redtail_added. */
    int added;
    /**
     * Interval in milliseconds between requests for the topology. A lost connection also causes one. Default
     * 10,000.
     */
    uint64_t refresh_ms;
    /**
     * 1: follow each shard at a healthy replica, or at its primary if there is none. Positions are valid for
     * both.
     */
    int prefer_replica;
} redtail_cluster_options;

/**
 * Creates a follower of a cluster, not started. options: the options of each shard's follower, with these
 * differences. start cannot be REDTAIL_START_AT (see redtail_cluster_options.positions), single_link is invalid,
 * and retry_first is always on. The default of the longest pause between attempts is 1 s, that of a connection
 * attempt 2 s. NULL: the defaults.
 *
 * Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
 * REDTAIL_ERROR_ARGUMENT, REDTAIL_ERROR_ADDRESS or REDTAIL_ERROR_POSITION, and the message explains it.
 */
REDTAIL_API redtail_cluster *redtail_cluster_new(const redtail_options *options,
                                                 const redtail_cluster_options *cluster);

/**
 * Ends all followers and waits for their threads, until callbacks have returned. Outside Linux it also waits for
 * connection attempts. NULL does nothing, and neither does a call in a forked child. In a callback of this cluster it
 * only stops the cluster, as redtail_cluster_stop.
 */
REDTAIL_API void redtail_cluster_free(redtail_cluster *cluster);

/**
 * The message of the last failure; "" before any. Never NULL. Valid until the next call on the cluster from any
 * thread. Callbacks have redtail_notice.message and redtail_shard_message instead.
 */
REDTAIL_API const char *redtail_cluster_message(const redtail_cluster *cluster);

/**
 * Changes user and password for later connections. NULL: none. A length of 0: the password ends with NUL.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
 * exceeds memory. A nopass user has the password "".
 */
REDTAIL_API int redtail_cluster_login(redtail_cluster *cluster,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);

/**
 * Requests the topology from the nodes and starts to follow every primary. Callbacks may run before it returns. An
 * unreachable primary is retried automatically. At each connection the node is asked for its id; the user needs
 * +cluster|myid. Another server at that address is not followed but retried, and the text of
 * REDTAIL_EVENT_DISCONNECTED names both nodes.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node reports the topology: you may try again;
 * REDTAIL_ERROR_ARGUMENT if the callbacks are invalid; REDTAIL_ERROR_STATE if it was started already;
 * REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_MEMORY if the system cannot start a thread.
 */
REDTAIL_API int redtail_cluster_follow(redtail_cluster *cluster,
                                       const redtail_cluster_callbacks *callbacks);

/**
 * Waits for the end of all threads, at most limit_ms milliseconds; REDTAIL_FOREVER: without limit.
 *
 * Returns REDTAIL_IDLE if following continues; REDTAIL_CLOSED after redtail_cluster_stop; REDTAIL_STOPPED if a
 * callback ended it; REDTAIL_ERROR_STATE before redtail_cluster_follow and in callbacks of this cluster;
 * REDTAIL_ERROR_MEMORY or REDTAIL_ERROR_PANIC if following ended for that reason.
 */
REDTAIL_API int redtail_cluster_wait(redtail_cluster *cluster,
                                     uint64_t limit_ms);

/**
 * Stops all followers without waiting. redtail_cluster_wait waits for the end. Running callbacks complete. Any
 * thread and all callbacks; not in signal handlers.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE in a forked child, where it does nothing; REDTAIL_ERROR_ARGUMENT if the
 * cluster is NULL.
 */
REDTAIL_API int redtail_cluster_stop(redtail_cluster *cluster);

/**
 * Writes the last resumable position of each shard that the callbacks have processed, as one text with a NUL, for
 * redtail_cluster_options.positions. size: room in bytes. Sets needed to the required size, including the NUL. Also
 * valid after the end.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: only needed was written, and the next call may
 * need more; REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text
 * may be NULL if size is 0).
 */
REDTAIL_API int redtail_cluster_positions(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);

/**
 * For REDTAIL_ACK_APPLIED: everything up to these positions, a text of redtail_cluster_positions, is safely kept.
 * Commits each position to its shard, as redtail_handle_commit. A position whose shard has left, or of a history that
 * a gap has ended, is ignored.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_POSITION if positions is
 * another text; REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
 */
REDTAIL_API int redtail_cluster_commit(redtail_cluster *cluster,
                                       const char *positions);

/**
 * Writes the committed position of each shard: the furthest position that redtail_handle_commit received for its
 * redtail_shard_handle. For a shard without a commit: the saved position that the shard resumed from, or none.
 * Parameters and results as redtail_cluster_positions.
 */
REDTAIL_API int redtail_cluster_committed(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);


/*--------------------------------------------------------------------------------------------------------------------
 * Moving slots: commands of a cluster that are not from clients
 */

/** The relation of a command to moving slots. */
typedef enum redtail_migration {
    /**
     * None: a client's command. (The shard that gives slots away may delete their keys with an ordinary DEL or
     * UNLINK.)
     */
    REDTAIL_MIGRATION_NONE = 0,
    /** A key arrives: argument 1, with its value (RESTORE-ASKING). */
    REDTAIL_MIGRATION_KEY = 1,
    /**
     * A task begins to move slots (Valkey 9: CLUSTER SYNCSLOTS ESTABLISH; Redis 8.4: CLUSTER SYNCSLOTS CONF ASM-TASK).
     * On the side IMPORT, all writes to these slots are from the other shard until the task ends.
     */
    REDTAIL_MIGRATION_BEGINS = 2,
    /** The task has ended, and the slots have moved. */
    REDTAIL_MIGRATION_ENDS = 3,
    /**
     * The task has failed or was cancelled. The keys that it has imported are void. Redis retries a failed task under
     * the same id: it begins again.
     */
    REDTAIL_MIGRATION_FAILED = 4,
    /**
     * All keys of slots were removed, without a command for each (Redis 8.4: TRIMSLOTS RANGES count first last
     * ...).
     */
    REDTAIL_MIGRATION_TRIMMED = 5,
    /** Any other message between nodes: a command that begins with CLUSTER. */
    REDTAIL_MIGRATION_MESSAGE = 6,
    /**
     * A write to a slot that a task is importing: a key of the other shard, or a write of the other shard's clients.
     * It is void if the task fails.
     */
    REDTAIL_MIGRATION_IMPORTED = 7,
} redtail_migration;

/** The role of the shard in a migration. */
typedef enum redtail_migration_side {
    /** The command belongs to no task. */
    REDTAIL_MIGRATION_SIDE_NONE = 0,
    /** The shard receives the slots. */
    REDTAIL_MIGRATION_SIDE_IMPORT = 1,
    /** The shard gives the slots away. Writes to them are its clients'. */
    REDTAIL_MIGRATION_SIDE_MIGRATE = 2,
} redtail_migration_side;

/** Recognises the commands of moving slots in the stream of one shard. One thread at a time. */
typedef struct redtail_migrations redtail_migrations;

/**
 * The task of a command: for BEGINS, ENDS, FAILED and IMPORTED. Texts end with a NUL and are never NULL. Text that the
 * server has not sent is "". Valid until the next call on the redtail_migrations.
 */
typedef struct redtail_migration_task {
    /** One of redtail_migration_side. */
    int side;
    /** The id of the task: 40 hexadecimal digits. */
    const char *id;
    /** The id of the node that gives the slots away. */
    const char *source;
    /** The id of the node that receives the slots. Valkey does not send it: it is a node of this shard. */
    const char *target;
    /** The slots, for example 0-5460,7365. */
    const char *slots;
} redtail_migration_task;

/** Creates a handle that knows no task. Returns NULL only if memory is exhausted. */
REDTAIL_API redtail_migrations *redtail_migrations_new(void);

/** Frees the handle. NULL does nothing. */
REDTAIL_API void redtail_migrations_free(redtail_migrations *migrations);

/** The message of the last failure; otherwise "". Never NULL. Valid until the next call on the handle. */
REDTAIL_API const char *redtail_migrations_message(const redtail_migrations *migrations);

/**
 * Determines the relation of the next command of the shard's stream to moving slots. Pass every command, in order: the
 * slots that a task imports are known from the command that begins it. args and argc: the complete command, for
 * example of an event. Writes the task of the command to *task; task may be NULL.
 *
 * Returns one of redtail_migration, or a redtail_status below 0: REDTAIL_ERROR_ARGUMENT if args is NULL, argc is 0, or
 * an argument is an invalid slice.
 */
REDTAIL_API int redtail_migrations_next(redtail_migrations *migrations,
                                        const redtail_slice *args,
                                        size_t argc,
                                        redtail_migration_task *task);

/** Forgets all tasks. Call it for a gap and at the begin of a snapshot: commands are missing in the stream. */
REDTAIL_API int redtail_migrations_clear(redtail_migrations *migrations);

/**
 * The name of a redtail_migration, as in the JSON output of the tool, for example "begins"; "unknown" for other
 * numbers. Static. Any thread.
 */
REDTAIL_API const char *redtail_migration_name(int migration);

/** The name of a redtail_migration_side, for example "import"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_migration_side_name(int side);


/*--------------------------------------------------------------------------------------------------------------------
 * Discovery: addresses of primaries, for programs that connect on their own
 *
 * Followers and clusters find their servers without these functions. A program with redtail_session requests the
 * addresses here and connects its own sockets. redtail_sentinel_find and redtail_topology_ask block until a server
 * has answered: by default each address has 2 s to connect and 5 s to answer. Request the addresses again after each
 * lost connection.
 */

/** The shards and nodes of a cluster, as the cluster reports them. One thread at a time. */
typedef struct redtail_topology redtail_topology;

/**
 * A node of a cluster. The struct and its texts are valid until the next redtail_topology_ask that succeeds, or until
 * redtail_topology_free.
 */
typedef struct redtail_node {
    /** The index of the node's shard, from 0. Shards are in the order of their slots; shards without slots are last. */
    size_t shard;
    /** Not 0: the primary of the shard. It is the first node of the shard. */
    int is_primary;
    /** Not 0: the cluster has not reported the node as failed. */
    int is_up;
    /**
     * The node id: 40 hexadecimal digits and a NUL. Compare it with the reply of the server to CLUSTER MYID: another
     * node may be at that address.
     */
    const char *id;
    /** The address of the node: host:port and a NUL. */
    const char *address;
    /** The slots of the shard, for example 0-5460,7365, and a NUL. "" for a shard without slots. */
    const char *slots;
} redtail_node;

/**
 * Asks the Sentinels, one after another, for the address of the primary, or of a healthy replica with
 * prefer_replica. Writes host:port and a NUL to text; after an error the message and a NUL, cut to size. size: room
 * in bytes, at least 1; 512 suffice for every address.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the address does not fit; REDTAIL_ERROR_CONNECT if no Sentinel knows the
 * name; REDTAIL_ERROR_ADDRESS; REDTAIL_ERROR_ARGUMENT. Any thread.
 */
REDTAIL_API int redtail_sentinel_find(const redtail_sentinel *sentinel,
                                      char *text,
                                      size_t size);

/**
 * Creates a topology without nodes. cluster: only nodes and node_count are used. options: only user, password,
 * password_len, tls and connect_timeout_ms are used; NULL for the defaults.
 *
 * Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
 * REDTAIL_ERROR_ARGUMENT or REDTAIL_ERROR_ADDRESS, and the message names the option.
 */
REDTAIL_API redtail_topology *redtail_topology_new(const redtail_options *options,
                                                   const redtail_cluster_options *cluster);

/** Frees a topology and its nodes. NULL does nothing. */
REDTAIL_API void redtail_topology_free(redtail_topology *topology);

/** The message of the last failure; "" before any. Never NULL. Valid until the next call on the topology. */
REDTAIL_API const char *redtail_topology_message(const redtail_topology *topology);

/**
 * Asks the given nodes, one after another, for the shards of the cluster. The answer replaces all nodes of the last
 * one.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node answers: the nodes of the last answer stay valid.
 */
REDTAIL_API int redtail_topology_ask(redtail_topology *topology);

/**
 * A node of the last answer. index: from 0.
 *
 * Returns REDTAIL_OK and sets node; REDTAIL_END if index is not below the number of nodes, which is 0 before
 * redtail_topology_ask.
 */
REDTAIL_API int redtail_topology_node(redtail_topology *topology,
                                      size_t index,
                                      const redtail_node **node);


/*--------------------------------------------------------------------------------------------------------------------
 * Embedded primaries: a recording, served as by a primary, for tests without a server
 *
 * A recording is a file that redtail_follower_record or "redtail record" wrote, or all bytes that a server sent after
 * PSYNC, beginning with its reply. A follower or session connects to redtail_primary_address as to a server. Every
 * run delivers the same bytes.
 */

/** A primary inside the process, on threads of the library. One thread at a time. */
typedef struct redtail_primary redtail_primary;

/**
 * Creates a primary that does not listen yet.
 *
 * Returns NULL only if memory is exhausted.
 */
REDTAIL_API redtail_primary *redtail_primary_new(void);

/**
 * Closes the port and all connections, ends the threads and frees the primary. NULL does nothing, and neither does a
 * call in a forked child.
 */
REDTAIL_API void redtail_primary_free(redtail_primary *primary);

/** The message of the last failure; "" before any. Never NULL. Valid until the next call on the primary. */
REDTAIL_API const char *redtail_primary_message(const redtail_primary *primary);

/**
 * Serves the recording in a file on a free port of 127.0.0.1. The file must not change until redtail_primary_free.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be read or is not a recording; REDTAIL_ERROR_CONNECT
 * if no port or thread is available; REDTAIL_ERROR_STATE if the primary serves a recording already;
 * REDTAIL_ERROR_ARGUMENT if path is NULL or not UTF-8.
 */
REDTAIL_API int redtail_primary_serve_file(redtail_primary *primary,
                                           const char *path);

/**
 * Serves a recording of len bytes at data on a free port of 127.0.0.1. The bytes are copied.
 *
 * Returns as redtail_primary_serve_file; REDTAIL_ERROR_ARGUMENT if data is NULL or len exceeds memory.
 */
REDTAIL_API int redtail_primary_serve_bytes(redtail_primary *primary, const char *data, size_t len);

/**
 * Whether the primary can accept clients. It continues after an error, and accepts clients again once it can.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if the system kept a client out since the last call, for example because
 * of too many open files: see the message.
 */
REDTAIL_API int redtail_primary_check(redtail_primary *primary);

/**
 * The address of the primary: host:port and a NUL. "" before a recording is served, and for NULL. Valid until
 * redtail_primary_free; an address "" only until a recording is served.
 */
REDTAIL_API const char *redtail_primary_address(const redtail_primary *primary);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* REDTAIL_H */
