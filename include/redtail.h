/**
 * redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
 *
 * Four things, from the bottom up; take the one that fits:
 *
 *   parser     RESP2 and RESP3 over bytes that you hold; and, for snapshots, rdb
 *   session    the replication protocol over your own socket and event loop
 *   follower   sockets, reconnection and waiting included: one blocking call per event
 *   cluster    a follower for each shard of a cluster, on threads of ours, which call you
 *
 * What holds for every function, unless its comment says otherwise:
 *
 * STATUS. Functions return an int: 0 (REDTAIL_OK) success; above 0 not an error but a different outcome, such as "needs more
 * bytes"; below 0 an error, of which redtail_..._message() gives the words. The numbers never change.
 *
 * HANDLES are opaque, made by _new and given back with _free. _new gives NULL only if there is no memory: a handle exists before
 * anything can fail, so that every failure has a message. After wrong options each call on the handle gives their error.
 *
 * POINTERS. NULL where a pointer is required gives REDTAIL_ERROR_ARGUMENT, and so do lengths no memory can have. _free(NULL) does
 * nothing. Pointers that are not aligned as their type is are treated as NULL. Out parameters come last and are written only together with a status of 0 or above that the comment names.
 *
 * TEXT AND BYTES. Text that you pass (addresses, positions, reasons) ends with NUL and is UTF-8; bytes are a pointer and a length.
 * What you pass is read during the call and not kept, but for what the parser is shown. What you receive as redtail_slice has no NUL
 * behind it. A slice that is there has a data pointer that is not NULL, even if it is empty.
 *
 * LIFETIMES. What you receive belongs to the handle. It lives until the next call on this handle that asks for the next thing
 * (_next, _next_timeout, _batch, _free; for a session also _space, _connected, _disconnected), unless a comment says otherwise. Messages
 * live until the next call on the handle.
 *
 * STRUCTS that you fill begin with struct_size: set it to sizeof the struct. In them 0 and NULL always mean the default. Later versions
 * add fields at the end: a library accepts the structs of older headers, and refuses those of newer ones with
 * REDTAIL_ERROR_ARGUMENT. Structs that we fill reach you as pointers to const; later versions add fields at the end and kinds of events,
 * which you should ignore. redtail_slice and redtail_position stay as they are.
 *
 * THREADS. A handle may be used by one thread at a time, whichever it is. Only redtail_handle, redtail_cluster and redtail_shard may be
 * used by several at once. Handles share nothing.
 *
 * FAULTS. A bug in this library does not unwind into your program: the call gives REDTAIL_ERROR_PANIC, the message names file and line,
 * and the handle gives that status from then on. Free it.
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

/** The version of this header. Above 0, versions with the same major number fit together. */
#define REDTAIL_VERSION_MAJOR 0

/** The minor number of this header. */
#define REDTAIL_VERSION_MINOR 1

/** The patch number of this header. */
#define REDTAIL_VERSION_PATCH 0

/** All three as one number that grows: major * 1000000 + minor * 1000 + patch. */
#define REDTAIL_VERSION_NUMBER 1000

/** No value: a size, a time or a database that is not known. */
#define REDTAIL_UNKNOWN UINT64_MAX

/** What a function returns. */
typedef enum redtail_status {
    /** Done. */
    REDTAIL_OK = 0,
    /** Nothing more is whole in the bytes that are there: give more. Of a text that is to be written: give more room. */
    REDTAIL_NEED_MORE = 1,
    /** A whole command, of which the array holds only the first arguments. The rest: redtail_parser_next_arg. */
    REDTAIL_MORE_ARGS = 2,
    /** A walk is at its end. */
    REDTAIL_END = 3,
    /** There is no such thing, for example no position yet. */
    REDTAIL_NONE = 4,
    /** The callback has ended the batch, or the cluster. */
    REDTAIL_STOPPED = 5,
    /** Nothing came within the time limit. */
    REDTAIL_IDLE = 6,
    /** There is no link: connect when redtail_session_deadline_ms says so, then redtail_session_connected. */
    REDTAIL_RECONNECT = 7,
    /** Over, and well: redtail_handle_stop was called, or the server closed the link and reconnection is off. */
    REDTAIL_CLOSED = 8,
    /** The command touches keys that it does not name: any there are. */
    REDTAIL_ALL_KEYS = 9,
    /** Which keys the command touches is not known. */
    REDTAIL_UNKNOWN_KEYS = 10,
    /** A pointer, length, number or option that can't be. */
    REDTAIL_ERROR_ARGUMENT = -1,
    /** A call that does not fit what was called before. */
    REDTAIL_ERROR_STATE = -2,
    /** A bug in this library. The handle is of no more use. */
    REDTAIL_ERROR_PANIC = -3,
    /** No memory; for a cluster, also no thread. */
    REDTAIL_ERROR_MEMORY = -4,
    /** A text that is no position. */
    REDTAIL_ERROR_POSITION = -5,
    /** Bytes that break the protocol. Final. */
    REDTAIL_ERROR_PROTOCOL = -6,
    /** Bytes that pass one of the limits. Final. */
    REDTAIL_ERROR_LIMIT = -7,
    /** An address that can't be read. */
    REDTAIL_ERROR_ADDRESS = -8,
    /** The first connection could not be made. redtail_follower_connect may be called again. */
    REDTAIL_ERROR_CONNECT = -9,
    /** The link was lost, and no attempt is left or none was wanted. */
    REDTAIL_ERROR_LOST = -10,
    /** The server refuses, and will until somebody changes something: a password, a permission, a setting. */
    REDTAIL_ERROR_REFUSED = -11,
    /** An answer that no primary gives at this point. */
    REDTAIL_ERROR_UNEXPECTED = -12,
    /** The primary no longer has the history after the position asked for. */
    REDTAIL_ERROR_HISTORY_LOST = -13,
    /** The server keeps no backlog, so there is no position to start from without a fork. */
    REDTAIL_ERROR_NO_BACKLOG = -14,
    /** The start needs INFO, which the server does not allow. */
    REDTAIL_ERROR_INFO_NEEDED = -15,
    /** The start needs a second connection, and single_link was chosen. */
    REDTAIL_ERROR_SECOND_LINK = -16,
    /** The link was lost, and what was started with SYNC can't be resumed. */
    REDTAIL_ERROR_NOT_RESUMABLE = -17,
    /** A snapshot broke off. */
    REDTAIL_ERROR_SNAPSHOT_BROKEN = -18,
    /** A snapshot that should be empty is not. */
    REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY = -19,
    /** User and password are longer than a server accepts. */
    REDTAIL_ERROR_CREDENTIALS = -20,
    /** Bytes that are no snapshot a server would write, or what is not known here, or a frame that does not fit. Final. */
    REDTAIL_ERROR_SNAPSHOT = -21,
    /** The library does not fit the header that the program was compiled with. See redtail_check_version. */
    REDTAIL_ERROR_VERSION = -22,
    /** A recording that cannot be read or written. */
    REDTAIL_ERROR_RECORDING = -23,
} redtail_status;

/** Bytes that belong to somebody else. No NUL stands behind them. This struct stays as it is. */
typedef struct redtail_slice {
    /** The first byte; NULL where there is no slice at all. */
    const char *data;
    /** Their number. */
    size_t len;
} redtail_slice;

/** What bytes may be before they count as hostile or broken. You fill it; 0 is the default. */
typedef struct redtail_limits {
    /** sizeof(redtail_limits) */
    size_t struct_size;
    /** Longest bulk string in bytes. Default 512 MiB. */
    uint64_t bulk;
    /** Longest whole command or frame in bytes. Default 1 GiB; more than 4 GiB - 1 is read as that. */
    uint64_t command;
    /** Most arguments of a command, or elements of an aggregate. Default 2^24. */
    uint64_t arguments;
    /** Deepest nesting of aggregates. Default 128; more is read as that. */
    size_t depth;
    /** Longest line in bytes. Default 64 KiB. */
    size_t line;
} redtail_limits;

/** The version of the library that is running, for example "0.1.0". Never NULL; lives for ever. Any thread. */
REDTAIL_API const char *redtail_version(void);

/** The version of the library that is running, as REDTAIL_VERSION_NUMBER counts. Any thread. */
REDTAIL_API unsigned int redtail_version_number(void);

/**
 * Checks the library that is running against the header that the program was compiled with. Pass REDTAIL_VERSION_NUMBER.
 *
 * Returns REDTAIL_OK if they fit: the library is not older than the header, and has the same major version, before 1.0 also the
 * same minor version. Returns REDTAIL_ERROR_VERSION otherwise. Any thread.
 */
REDTAIL_API int redtail_check_version(unsigned int header);

/**
 * The name of a status, for example "REDTAIL_ERROR_LOST"; of a number that is none, "unknown status". Never NULL; lives for ever.
 * Any thread.
 */
REDTAIL_API const char *redtail_status_name(int status);


/*--------------------------------------------------------------------------------------------------------------------
 * Positions: where in which history a stream stands
 */

/** Room enough for any position as text, the NUL included. */
#define REDTAIL_POSITION_TEXT_SIZE 128

/**
 * A place in the stream of a primary: all that is needed to go on from there, on that server or on any other of the same history.
 * A value of yours; it borrows nothing. This struct stays as it is.
 */
typedef struct redtail_position {
    /** The replication id under which the primary knows this place: 40 hexadecimal digits and a NUL. */
    char replid[41];
    /**
     * The replication id at the attach, or at the last gap; a promotion leaves it as it is. With an offset it names a command
     * once and for all. Empty: the same as replid.
     */
    char history[41];
    /** The last byte processed, counted as INFO's master_repl_offset counts: the stream's first byte is number 1. */
    uint64_t offset;
    /** The database selected at this place; -1 while it is not known. */
    int64_t db;
} redtail_position;

/**
 * Reads a position from text: replid:offset:db, with ? for an unknown database, and :history behind it where that is another id.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the text is none; REDTAIL_ERROR_ARGUMENT if a pointer is NULL. Any thread.
 */
REDTAIL_API int redtail_position_parse(const char *text,
                                       redtail_position *position);

/**
 * Writes a position as text with a NUL behind it. size: the bytes of room at text; REDTAIL_POSITION_TEXT_SIZE always suffices.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the room
 * too small, and then writes nothing. Any thread.
 */
REDTAIL_API int redtail_position_format(const redtail_position *position,
                                        char *text,
                                        size_t size);


/*--------------------------------------------------------------------------------------------------------------------
 * Items: what a parser finds
 */

/** Which bytes a parser reads: four grammars that contradict each other. */
typedef enum redtail_mode {
    /** What a server answers: every type of RESP2 and RESP3. Items are frames. */
    REDTAIL_MODE_FRAMES = 0,
    /** What a client sends: commands, or inline commands. Empty ones are skipped. */
    REDTAIL_MODE_REQUESTS = 1,
    /** A replication stream: commands. Lone newlines and empty commands are skipped. */
    REDTAIL_MODE_STREAM = 2,
    /** An append-only file: as a stream, and lines that begin with # are skipped. */
    REDTAIL_MODE_AOF = 3,
} redtail_mode;

/** What an item is. */
typedef enum redtail_item_kind {
    /** An array of bulk strings; args[0] is its name. */
    REDTAIL_ITEM_COMMAND = 1,
    /** A line of words. Its arguments are the words as they stand there, quotes and all: redtail_unquote gives what they mean. */
    REDTAIL_ITEM_INLINE = 2,
    /** A frame: walk it with redtail_parser_next_token. */
    REDTAIL_ITEM_FRAME = 3,
} redtail_item_kind;

/** What a step of a walk through a frame is. */
typedef enum redtail_token_step {
    /** A value. */
    REDTAIL_TOKEN_VALUE = 1,
    /** Elements follow: of an array, map, set or push, the pairs of an attribute, or the chunks of a streamed string. */
    REDTAIL_TOKEN_BEGIN = 2,
    /** The next bytes of a streamed string. */
    REDTAIL_TOKEN_CHUNK = 3,
    /** The last begun is at its end. */
    REDTAIL_TOKEN_END = 4,
} redtail_token_step;

/** The types of RESP2 and RESP3. */
typedef enum redtail_kind {
    /** None: of a chunk or an end. */
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
    /** = bytes with three letters that tell their format */
    REDTAIL_KIND_VERBATIM_STRING = 11,
    /** % pairs of key and value */
    REDTAIL_KIND_MAP = 12,
    /** ~ a set */
    REDTAIL_KIND_SET = 13,
    /** > data that answers no command */
    REDTAIL_KIND_PUSH = 14,
    /** | pairs that stand before a value and tell something about it */
    REDTAIL_KIND_ATTRIBUTE = 15,
} redtail_kind;

/** A whole command or frame. Ours; what it points to is yours. */
typedef struct redtail_item {
    /** One of redtail_item_kind. */
    int kind;
    /** FRAME: one of redtail_kind; else REDTAIL_KIND_NONE. */
    int frame;
    /**
     * The number of the byte after it: bytes counted from the first the parser was ever shown, which is number 0 unless
     * redtail_parser_start_at said otherwise.
     */
    uint64_t offset;
    /** Its exact bytes. */
    redtail_slice raw;
    /** COMMAND, INLINE: your array, with the first arguments; as many as there are, or as there is room. */
    const redtail_slice *args;
    /** The number of all arguments, the name included. */
    size_t argc;
} redtail_item;

/** A step of a walk through a frame. Ours; it lives until the next step. */
typedef struct redtail_token {
    /** One of redtail_token_step. */
    int step;
    /** VALUE, BEGIN: one of redtail_kind. */
    int kind;
    /** How many aggregates are open around it. A BEGIN and its END have the same depth. */
    size_t depth;
    /** BEGIN: number of elements; keys and values of a map counted each; SIZE_MAX where only the END tells. */
    size_t count;
    /** VALUE: text and bytes; of a number its text. CHUNK: the bytes. */
    redtail_slice bytes;
    /** VALUE of kind INTEGER: the number; BOOLEAN: 1 or 0. */
    int64_t integer;
    /** VALUE of kind DOUBLE: the number. */
    double number;
    /** VALUE of kind VERBATIM_STRING: its format and a NUL, for example "txt". */
    char format[4];
    /**
     * The exact bytes of the step. BEGIN: the header. END: the end mark; empty for an aggregate with a count. The bytes of all
     * steps, one after another, are the frame.
     */
    redtail_slice raw;
} redtail_token;

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
    /** A line longer than redtail_limits.line. */
    REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG = 9,
    /** An inline command with unbalanced quotes. */
    REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES = 10,
} redtail_protocol_error;

/** The kinds of REDTAIL_ERROR_SNAPSHOT of an RDB decoder: see redtail_rdb_error_kind. */
typedef enum redtail_rdb_error {
    /** The first nine bytes are not the magic of a snapshot. */
    REDTAIL_RDB_ERROR_NOT_RDB = 1,
    /** A format version that is newer than this library. REDTAIL_RDB_FLAG_LENIENT accepts it. */
    REDTAIL_RDB_ERROR_UNKNOWN_VERSION = 2,
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
} redtail_rdb_error;

/** The name of a redtail_protocol_error, for example "unexpected"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_protocol_error_name(int kind);

/** The name of a redtail_rdb_error, for example "not_rdb"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_rdb_error_name(int kind);


/*--------------------------------------------------------------------------------------------------------------------
 * Parsers: RESP2 and RESP3 over bytes that you hold
 *
 * A parser owns no bytes. You keep a buffer and show its unread part as a redtail_slice, which redtail_parser_next moves past what is
 * used up. What is not yet whole stays: append at least redtail_parser_needed bytes and show the unfinished item again, from its
 * first byte, at whatever address it is now. What was seen is not read again.
 *
 * Items point into your buffer: they live until you change it, and no longer than until the next redtail_parser_next or _batch.
 */

/**
 * Memory in bytes that suffices for redtail_parser_init: an upper bound of redtail_parser_size, known at compile time. A parser on
 * the stack needs `union { char bytes[REDTAIL_PARSER_SIZE]; uint64_t alignment; } memory;`.
 */
#define REDTAIL_PARSER_SIZE 6144

/** The alignment that suffices for redtail_parser_init: an upper bound of redtail_parser_alignment. */
#define REDTAIL_PARSER_ALIGNMENT 8

/** Finds whole commands or frames in bytes. One thread at a time. Allocates nothing after it is made. */
typedef struct redtail_parser redtail_parser;

/**
 * A new parser. mode: one of redtail_mode. limits: NULL for the defaults.
 *
 * Returns NULL only if there is no memory. A wrong mode or limits: each call gives REDTAIL_ERROR_ARGUMENT, and the message says why.
 */
REDTAIL_API redtail_parser *redtail_parser_new(int mode,
                                               const redtail_limits *limits);

/** Bytes of memory that redtail_parser_init needs. It may differ between versions of the library. Any thread. */
REDTAIL_API size_t redtail_parser_size(void);

/** The alignment of that memory, a power of 2. What malloc gives is aligned enough. Any thread. */
REDTAIL_API size_t redtail_parser_alignment(void);

/**
 * A parser in memory of the caller, of size bytes. The memory belongs to the caller again after redtail_parser_free, or as soon as
 * the parser is no longer used.
 *
 * Between two calls the parser may be moved, with memcpy to memory of the same size and alignment. Then only the copy may be used,
 * as a redtail_parser pointer to its memory. Items and tokens received before the move are invalid.
 *
 * Returns REDTAIL_OK and sets parser; REDTAIL_ERROR_ARGUMENT if the memory is NULL, too small or not aligned, or mode or limits
 * can't be.
 */
REDTAIL_API int redtail_parser_init(void *memory,
                                    size_t size,
                                    int mode,
                                    const redtail_limits *limits,
                                    redtail_parser **parser);

/** Ends a parser, in your memory or its own. NULL does nothing. */
REDTAIL_API void redtail_parser_free(redtail_parser *parser);

/** What the last failure was, in words that end with NUL. "" before any; never NULL. Lives until the next call on the parser. */
REDTAIL_API const char *redtail_parser_message(const redtail_parser *parser);

/**
 * Counts the first byte it is shown as number offset instead of 0. To be called once, before the first byte.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if offset is 2^63 or more; REDTAIL_ERROR_STATE if it was shown bytes or told another
 * number than 0 already.
 */
REDTAIL_API int redtail_parser_start_at(redtail_parser *parser,
                                        uint64_t offset);

/**
 * The next whole item at the front of input, which is moved past it, and past what is skipped before it. The first capacity
 * arguments of a command are written to args; what lies behind them in the array means nothing. In REDTAIL_MODE_FRAMES there are none,
 * and args may be NULL. input->data must not be NULL unless its length is 0, and the bytes must not change while you use the item.
 *
 * Returns REDTAIL_OK and sets item; REDTAIL_MORE_ARGS and sets item: whole too, with more arguments than capacity;
 * REDTAIL_NEED_MORE: nothing whole is left, see redtail_parser_needed; REDTAIL_ERROR_PROTOCOL, REDTAIL_ERROR_LIMIT: for good, see
 * redtail_parser_error_offset; REDTAIL_ERROR_ARGUMENT.
 */
REDTAIL_API int redtail_parser_next(redtail_parser *parser,
                                    redtail_slice *input,
                                    redtail_slice *args,
                                    size_t capacity,
                                    const redtail_item **item);

/**
 * Hands every whole item in input to each, and moves input past it. context is handed through; item->args are in args, which has
 * room for capacity of them, and the others, where item->argc tells of more, come from redtail_parser_next_arg. A result of each other
 * than 0 ends the batch; input then stands after that item. each may call _next_arg, _next_token and _message of this parser. It must
 * return: no longjmp, no exception of C++.
 *
 * Returns REDTAIL_NEED_MORE when nothing whole is left; REDTAIL_STOPPED if each has ended the batch; errors as redtail_parser_next.
 */
REDTAIL_API int redtail_parser_batch(redtail_parser *parser,
                                     redtail_slice *input,
                                     redtail_slice *args,
                                     size_t capacity,
                                     int (*each)(void *context, const redtail_item *item),
                                     void *context);

/**
 * The next argument of the last item that is not in the array: with a capacity of 0, all of them one after another.
 *
 * Returns REDTAIL_OK and sets arg; REDTAIL_END after the last.
 */
REDTAIL_API int redtail_parser_next_arg(redtail_parser *parser,
                                        redtail_slice *arg);

/**
 * The next step of the walk through the last frame and all in it, depth first, in one pass. The first step is the frame itself,
 * after its attributes. It neither recurses nor allocates.
 *
 * Returns REDTAIL_OK and sets token; REDTAIL_END after the last, and where the last item is no frame.
 */
REDTAIL_API int redtail_parser_next_token(redtail_parser *parser,
                                          const redtail_token **token);

/**
 * Restarts the walk of redtail_parser_next_token at the beginning of the last frame.
 *
 * Returns REDTAIL_OK; REDTAIL_NONE if the last item is not a frame.
 */
REDTAIL_API int redtail_parser_rewind_tokens(redtail_parser *parser);

/**
 * After REDTAIL_NEED_MORE: the least number of further bytes that could complete the item; else 0. Room for as many is worth a read.
 *
 * Returns REDTAIL_OK and sets needed.
 */
REDTAIL_API int redtail_parser_needed(redtail_parser *parser,
                                      size_t *needed);

/**
 * The number of the next byte to be shown: bytes used up so far, and where redtail_parser_start_at began.
 *
 * Returns REDTAIL_OK and sets offset.
 */
REDTAIL_API int redtail_parser_offset(redtail_parser *parser, uint64_t *offset);

/**
 * After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the number of the byte where it shows.
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
 * What a word of an inline command means: writes it without its quotes and escapes to out. size: the bytes of room there; as many as
 * the word has always suffice. No NUL is written.
 *
 * Returns REDTAIL_OK and sets len; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the room too small. Any thread.
 */
REDTAIL_API int redtail_unquote(const redtail_slice *word,
                                char *out,
                                size_t size,
                                size_t *len);


/*--------------------------------------------------------------------------------------------------------------------
 * Encoder: commands as the bytes that a client sends
 */

/**
 * Encodes a command as an array of bulk strings. Writes it to out, which has room for size bytes. args[0] is the command's
 * name. No NUL is written. out must not overlap the arguments; it may be NULL if size is 0.
 *
 * Returns REDTAIL_OK and sets len to the number of bytes written. Returns REDTAIL_NEED_MORE if the room is too small: sets
 * len to the size needed and leaves out unchanged. Returns REDTAIL_ERROR_ARGUMENT if a pointer is NULL, a slice is
 * invalid, argc is 0 or the command is larger than memory. Any thread.
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
 * Whether a command has this name, in any letter case. Servers replicate a name as the client wrote it: args[0] may be
 * "SET", "set" or "Set".
 *
 * args and argc: the arguments of an event or item. name: ends with NUL.
 *
 * Returns 1 if args[0] is the name; 0 if not, if a pointer is NULL, or if argc is 0. Any thread.
 */
REDTAIL_API int redtail_command_is(const redtail_slice *args,
                                   size_t argc,
                                   const char *name);


/*--------------------------------------------------------------------------------------------------------------------
 * Keys: which arguments of a command are keys, as the servers say themselves (Redis 6.2 to 8.2, Valkey 8.1 to 9.1)
 */

/**
 * Writes which arguments of a command are keys, in rising order, as far as there is room in indices: argument 0 is the name. *count is
 * the number of all: where it is above capacity, call again with more room.
 *
 * args and argc: the whole command, of an event as it is; also any of yours. indices: room for capacity numbers; may be NULL if capacity is 0.
 * A key is one that is read or written: source and destination of a RENAME. A script's or function's are those it declares.
 *
 * Returns REDTAIL_OK: these keys and no others. REDTAIL_NONE: no key. REDTAIL_ALL_KEYS: keys that the command does not name, such as those of
 * FLUSHALL. REDTAIL_UNKNOWN_KEYS: nobody here knows the command: a module's, a renamed or a newer one, or one that no server would take.
 * In these three *count is 0. REDTAIL_ERROR_ARGUMENT if a pointer is NULL, or argc is 0. Any thread.
 */
REDTAIL_API int redtail_command_keys(const redtail_slice *args,
                                     size_t argc,
                                     size_t *indices,
                                     size_t capacity,
                                     size_t *count);


/*--------------------------------------------------------------------------------------------------------------------
 * Snapshot items: the contents of an RDB file, one item at a time
 */

/** No time: a key or field without an expiry time. */
#define REDTAIL_NO_TIME INT64_MIN

/**
 * The kinds of items. Ignore unknown kinds: later versions add some.
 *
 * The comment of a kind names the fields that it sets. All other fields are 0 or NULL.
 */
typedef enum redtail_rdb_item_kind {
    /** The first item. magic; number: the version of the format. */
    REDTAIL_RDB_ITEM_START = 1,
    /** A string or a piece of one. role, bytes, at, length. A string of up to 16 KiB is never split. */
    REDTAIL_RDB_ITEM_TEXT = 2,
    /** Selects the database of the keys that follow. number. */
    REDTAIL_RDB_ITEM_DATABASE = 3,
    /** Number of keys in the database; a hint. count: all keys; expires: keys with an expiry time. */
    REDTAIL_RDB_ITEM_SIZES = 4,
    /** Number of keys in a cluster slot; a hint. number: the slot; count: all keys; expires: keys with an expiry time. */
    REDTAIL_RDB_ITEM_SLOT = 5,
    /** A range of slots that are being imported. number: the first slot; count: the last slot. */
    REDTAIL_RDB_ITEM_SLOT_RANGE = 6,
    /** A command inside the snapshot (Valkey's forkless save). Its arguments follow. count: number of arguments. */
    REDTAIL_RDB_ITEM_COMMAND = 7,
    /** Data that a module keeps outside the keys. RAW follows. module; number: 1 before the keys, 2 after them. */
    REDTAIL_RDB_ITEM_MODULE_AUX = 8,
    /** Metadata of the next key. RAW follows. module: the class, four letters. */
    REDTAIL_RDB_ITEM_KEY_METADATA = 9,
    /**
     * A key begins. Its value follows, then KEY_END. key_type; number: the number of type and encoding in the file; bytes,
     * length: its name or the first piece of it (the rest follows as TEXT with role KEY_NAME); db; time_ms: its expiry
     * time; idle_s; frequency.
     */
    REDTAIL_RDB_ITEM_KEY = 10,
    /** The score of the previous member. score. */
    REDTAIL_RDB_ITEM_SCORE = 11,
    /** The expiry time of the previous field. time_ms. */
    REDTAIL_RDB_ITEM_FIELD_EXPIRY = 12,
    /**
     * A stream entry begins. id; count: number of fields; flag: 1 if each value follows its field name. With flag 0 only
     * values follow; the names are the latest TEXTs with role SHARED_FIELD.
     */
    REDTAIL_RDB_ITEM_ENTRY = 13,
    /**
     * All entries of the stream were delivered. count: number of entries; id: the last id ever added; number: number of
     * groups; flag: 1 if first, max_deleted and added are known; first; max_deleted; added.
     */
    REDTAIL_RDB_ITEM_STREAM = 14,
    /**
     * A consumer group, whose name preceded. id: the last delivered id; added: number of entries delivered; count: number
     * of pending entries.
     */
    REDTAIL_RDB_ITEM_GROUP = 15,
    /** A pending entry of the group. id; time_ms: the time of its last delivery; count: number of deliveries. */
    REDTAIL_RDB_ITEM_PENDING = 16,
    /** All pending entries of the group were delivered. The consumers follow. count: number of consumers. */
    REDTAIL_RDB_ITEM_CONSUMERS = 17,
    /**
     * A consumer, whose name preceded. time_ms: its last request; active_ms: the last time it received an entry (-1:
     * never; REDTAIL_NO_TIME: not recorded); count: number of its pending entries.
     */
    REDTAIL_RDB_ITEM_CONSUMER = 18,
    /** An entry pending for the consumer. id. */
    REDTAIL_RDB_ITEM_CONSUMER_PENDING = 19,
    /** An entry that a consumer returned to the group. id. */
    REDTAIL_RDB_ITEM_RETURNED = 20,
    /**
     * The stream detects repeated additions. idle_s: retention of the keys in seconds; number: maximum of keys for each
     * producer; count: number of producers.
     */
    REDTAIL_RDB_ITEM_IDEMPOTENCE = 21,
    /** An idempotent producer, whose name preceded. count: number of its keys. */
    REDTAIL_RDB_ITEM_PRODUCER = 22,
    /** The entry that the previous idempotency key belongs to. id. */
    REDTAIL_RDB_ITEM_IDEMPOTENT = 23,
    /** The last item of a stream with idempotence. added: number of keys ever added; count: number of duplicates detected. */
    REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS = 24,
    /**
     * The value of a module begins. RAW follows: its bytes as in the file, id included. module; number: the version of its
     * encoding.
     */
    REDTAIL_RDB_ITEM_MODULE = 25,
    /** Bytes of a module, as in the file. bytes; flag: 1 for the last of them. */
    REDTAIL_RDB_ITEM_RAW = 26,
    /** A sparse array begins. count: number of elements; added: the index of the next insertion, or REDTAIL_UNKNOWN. */
    REDTAIL_RDB_ITEM_ARRAY = 27,
    /** The index of the array element that follows. number. */
    REDTAIL_RDB_ITEM_INDEX = 28,
    /** An array element that is a floating-point number. score. */
    REDTAIL_RDB_ITEM_DOUBLE = 29,
    /** The state of a rate limiter. number. */
    REDTAIL_RDB_ITEM_RATE = 30,
    /**
     * Damaged data was skipped. Only with REDTAIL_RDB_FLAG_LENIENT. count: number of bytes in the file. The message of the
     * handle describes the damage.
     */
    REDTAIL_RDB_ITEM_SKIPPED = 31,
    /** The key ends. */
    REDTAIL_RDB_ITEM_KEY_END = 32,
    /** The snapshot ends. checksum. */
    REDTAIL_RDB_ITEM_END = 33,
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
    /** A TEXT with role MEMBER for each member. */
    REDTAIL_RDB_TYPE_SET = 3,
    /** For each member: TEXT with role MEMBER, then SCORE. */
    REDTAIL_RDB_TYPE_ZSET = 4,
    /** For each field: TEXT with role FIELD, TEXT with role FIELD_VALUE, and FIELD_EXPIRY if the field expires. */
    REDTAIL_RDB_TYPE_HASH = 5,
    /** Entries, then STREAM, then groups with their pending entries and consumers. */
    REDTAIL_RDB_TYPE_STREAM = 6,
    /** MODULE, then RAW. */
    REDTAIL_RDB_TYPE_MODULE = 7,
    /** ARRAY, then for each element INDEX and either TEXT with role ELEMENT or DOUBLE. */
    REDTAIL_RDB_TYPE_ARRAY = 8,
    /** One RATE. */
    REDTAIL_RDB_TYPE_RATE = 9,
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
    /** An element of a list or array. */
    REDTAIL_RDB_ROLE_ELEMENT = 8,
    /** A member of a set or sorted set. */
    REDTAIL_RDB_ROLE_MEMBER = 9,
    /** A field of a hash. */
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

/** The next item of a snapshot. Owned by the handle; the item and its bytes are valid until the next item is requested. */
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
    /** ENTRY: each value follows its field name. RAW: the last bytes. STREAM: first, max_deleted and added are known. */
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
    /** KEY: seconds since the last access; REDTAIL_UNKNOWN unless the server evicts by idle time. IDEMPOTENCE: see the kind. */
    uint64_t idle_s;
    /** KEY, FIELD_EXPIRY, PENDING, CONSUMER: milliseconds since 1970, or REDTAIL_NO_TIME. */
    int64_t time_ms;
    /** CONSUMER: the last time it received an entry, in milliseconds since 1970. */
    int64_t active_ms;
    /** SCORE, DOUBLE. */
    double score;
    /** The id of a stream entry. */
    redtail_stream_id id;
    /** STREAM: the id of its first entry (Redis 7.0 and later). */
    redtail_stream_id first;
    /** STREAM: the highest id ever deleted (Redis 7.0 and later). */
    redtail_stream_id max_deleted;
    /** MODULE, MODULE_AUX: the name of the module type, nine letters and a NUL. KEY_METADATA: four letters and a NUL. */
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
 * A redtail_rdb owns no input. You keep a buffer of at least REDTAIL_RDB_MIN_INPUT bytes and show its unread part as a redtail_slice,
 * which redtail_rdb_next moves past what is used up. What is left stays: append at least redtail_rdb_needed bytes and show it again,
 * from its first byte, at whatever address it is now.
 *
 * Memory is constant: a hash of a hundred million fields needs no more than one of ten, and a string of more than 16 KiB comes in
 * pieces. Bytes of items point into your buffer or into the handle: they live until the next call, and until you change the buffer.
 */

/** The bytes of input that you must be able to show at once. */
#define REDTAIL_RDB_MIN_INPUT 16896

/**
 * For redtail_rdb_new: go on with a version from the future, and pass over what is broken inside a packed or compressed value, whose
 * length is known: REDTAIL_RDB_ITEM_SKIPPED says so.
 */
#define REDTAIL_RDB_FLAG_LENIENT 1

/** For redtail_rdb_new: do not compute the checksum. */
#define REDTAIL_RDB_FLAG_NO_CHECKSUM 2

/** Reads one snapshot. One thread at a time. About 53 KiB; allocates nothing after it is made. */
typedef struct redtail_rdb redtail_rdb;

/**
 * A new decoder. flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM, both, or 0. offset: the number of the first byte it will be shown,
 * for redtail_rdb_offset and messages; 0 for a file.
 *
 * Returns NULL only if there is no memory. Unknown flags, or an offset of 2^63 or more: each call gives REDTAIL_ERROR_ARGUMENT, and the message says why.
 */
REDTAIL_API redtail_rdb *redtail_rdb_new(unsigned int flags,
                                         uint64_t offset);

/** Ends a decoder. NULL does nothing. */
REDTAIL_API void redtail_rdb_free(redtail_rdb *rdb);

/**
 * What the last failure was, or what was passed over last, in words that end with NUL. "" before any; never NULL. Lives until the next
 * call on the decoder.
 */
REDTAIL_API const char *redtail_rdb_message(const redtail_rdb *rdb);

/**
 * The next item at the front of input, which is moved past it, and past what was used up before it. input->data must not be NULL unless
 * its length is 0, and the bytes must not change while you use the item.
 *
 * Returns REDTAIL_OK and sets item; REDTAIL_NEED_MORE: see redtail_rdb_needed; REDTAIL_END: the snapshot is over, and what follows it in
 * input is not touched; REDTAIL_ERROR_SNAPSHOT: no snapshot a server would write, or what is not known here; for good, see
 * redtail_rdb_error_offset; REDTAIL_ERROR_ARGUMENT.
 */
REDTAIL_API int redtail_rdb_next(redtail_rdb *rdb,
                                 redtail_slice *input,
                                 const redtail_rdb_item **item);

/**
 * To be asked when no more input comes.
 *
 * Returns REDTAIL_OK if the snapshot has come to its end; REDTAIL_ERROR_SNAPSHOT if it is cut short, or broken.
 */
REDTAIL_API int redtail_rdb_finish(redtail_rdb *rdb);

/**
 * After REDTAIL_NEED_MORE: the least number of further bytes that take it further; else 0.
 *
 * Returns REDTAIL_OK and sets needed.
 */
REDTAIL_API int redtail_rdb_needed(redtail_rdb *rdb, size_t *needed);

/**
 * The number of the next byte to be shown: bytes used up so far, and where redtail_rdb_new began.
 *
 * Returns REDTAIL_OK and sets offset.
 */
REDTAIL_API int redtail_rdb_offset(redtail_rdb *rdb, uint64_t *offset);

/**
 * After REDTAIL_ERROR_SNAPSHOT: the number of the byte where the item begins that is wrong.
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
 * TLS for followers (in builds with the feature tls): what is trusted, and who we are
 */

/** How much of the server's certificate is verified. */
typedef enum redtail_verify {
    /** The chain up to a trusted authority, the dates, and the name. */
    REDTAIL_VERIFY_FULL = 0,
    /** Chain and dates, but not the name; a certificate that ca_file or ca_folder holds itself is accepted as it is. */
    REDTAIL_VERIFY_AUTHORITY = 1,
    /** Nothing: whoever sits in between can read and change everything, the password included. */
    REDTAIL_VERIFY_NOTHING = 2,
} redtail_verify;

/**
 * How to speak TLS. You fill it; what it points to is copied. 0 and NULL are the defaults. Files are PEM, and are read anew for every
 * link. If your own code speaks TLS, use a session instead: it does not know what carries its bytes.
 */
typedef struct redtail_tls {
    /** sizeof(redtail_tls) */
    size_t struct_size;
    /** One of redtail_verify. */
    int verify;
    /** A file with the authorities to trust. With neither this nor ca_folder: those the system trusts. */
    const char *ca_file;
    /** A folder with files of authorities to trust. */
    const char *ca_folder;
    /** Our own certificate, for servers that ask for one; and */
    const char *certificate;
    /** its private key. */
    const char *key;
    /** The name to ask the server for and to expect in its certificate. NULL: the host of the address. */
    const char *server_name;
} redtail_tls;


/*--------------------------------------------------------------------------------------------------------------------
 * Options of sessions and followers: every default surprises no primary
 */

/** For silence_ms: never. For other times: as long as it takes. */
#define REDTAIL_FOREVER UINT64_MAX

/** Where to start. */
typedef enum redtail_start {
    /**
     * With the next write. The primary is asked for a snapshot with nothing in it (about 200 bytes) and forks once. Redis 7.0 and
     * later, and Valkey; on older servers as REDTAIL_START_NOW_WITHOUT_FORK.
     */
    REDTAIL_START_NOW = 0,
    /** With the next write, from the position that INFO tells. Needs an existing backlog and permission for INFO. */
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    /** With the whole data set, then the writes after it. The primary forks and sends everything. */
    REDTAIL_START_SNAPSHOT = 2,
    /** After redtail_options.position. */
    REDTAIL_START_AT = 3,
    /** With the old SYNC: the whole data set, then the writes; no position, no resuming. */
    REDTAIL_START_SYNC = 4,
} redtail_start;

/** What to do when history was lost. The gap itself always comes as an event. */
typedef enum redtail_on_gap {
    /** End with REDTAIL_ERROR_HISTORY_LOST. */
    REDTAIL_ON_GAP_STOP = 0,
    /** Go on with the writes from now on. */
    REDTAIL_ON_GAP_CONTINUE = 1,
    /** Take a snapshot, then go on with the writes after it. */
    REDTAIL_ON_GAP_SNAPSHOT = 2,
} redtail_on_gap;

/** What the primary is told of our progress, each second. */
typedef enum redtail_ack {
    /** Offset 0: the link lives, and neither WAIT nor FAILOVER counts on us. */
    REDTAIL_ACK_OBSERVE = 0,
    /** The offset received. WAIT counts us, though nothing is stored; a FAILOVER may choose us, which leaves the primary read-only. */
    REDTAIL_ACK_RECEIVED = 1,
    /** What was given to redtail_..._commit. WAIT then means "my sink has it"; of FAILOVER the same as above holds. */
    REDTAIL_ACK_APPLIED = 2,
} redtail_ack;

/**
 * Everything a session or follower may be told. You fill it, best after redtail_options_init; what it points to is copied. 0 and
 * NULL are the defaults.
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
     * Not 0: REDTAIL_START_NOW may fall back to a probe on servers before 7.0 without a backlog; the primary then dumps its data
     * set to its own disk once.
     */
    int allow_probe;
    /** Not 0: try again when the very first attempt fails in a way that may pass. */
    int retry_first;
    /** Not 0: ask for a snapshot again when one breaks off. Each attempt makes the primary fork and send everything. */
    int retry_snapshot;
    /** Not 0: never reconnect. When the server closes the link, that is REDTAIL_CLOSED. */
    int no_reconnect;
    /** Not 0: the link is the only one there will be; as no_reconnect, and a start that needs a second one is an error. */
    int single_link;
    /** Not 0: SELECT, PING and REPLCONF come out as REDTAIL_EVENT_CONTROL. */
    int control;
    /** The port the primary shows for us; 0: none. */
    uint16_t listening_port;
    /**
     * For REDTAIL_START_AT: a copy of a saved position, or what redtail_position_parse read from its text. It is part of the
     * struct, so a binding needs no memory of its own for it.
     */
    redtail_position position;
    /** How the primary shows us in INFO and ROLE: 1 to 255 bytes without blanks. Default redtail.invalid. */
    const char *label;
    /** The ACL user. NULL: the default user. */
    const char *user;
    /** The password. NULL: none is sent. */
    const char *password;
    /** Its length in bytes; 0: it ends with NUL. */
    size_t password_len;
    /**
     * Commands with a bulk string of at least this many bytes (less than 1024 is read as 1024), or longer than limits.command, come in
     * parts; 0: every command comes whole.
     */
    uint64_t parts;
    /**
     * How long the primary may be silent before the connection counts as dead, in milliseconds. Default 60,000;
     * REDTAIL_FOREVER: for ever; less than 1,000 is an error. A primary without writes sends a PING every
     * repl-ping-replica-period (10 s unless configured): a value below that disconnects from healthy primaries.
     */
    uint64_t silence_ms;
    /** The delay before the first reconnect, in milliseconds; it doubles with each attempt. Default 100. */
    uint64_t backoff_first_ms;
    /** The longest delay. Default 10,000. */
    uint64_t backoff_longest_ms;
    /** Attempts in a row before giving up; 0: never give up. */
    uint32_t backoff_attempts;
    /**
     * Size of the receive buffer in bytes. It grows for a longer command and shrinks again. Default 256 KiB; less than 1 KiB is read as
     * 1 KiB; more than 1 GiB is an error.
     */
    size_t buffer_size;
    /** Follower only: the time for connecting to each address, in milliseconds. Default 5,000. */
    uint64_t connect_timeout_ms;
    /** Follower only: the time for a write, in milliseconds. Default 10,000; REDTAIL_FOREVER: for ever. */
    uint64_t write_timeout_ms;
    /** NULL: the defaults. */
    const redtail_limits *limits;
    /** Not 0: a snapshot comes as REDTAIL_EVENT_SNAPSHOT_ITEM: keys and their elements; 0: as its bytes. */
    int snapshot_items;
    /**
     * Not 0: items also from a snapshot of a version from the future, or one that holds broken values: what can be passed over is, and
     * REDTAIL_RDB_ITEM_SKIPPED says so. 0: such a snapshot is an error.
     */
    int lenient;
    /** Follower only: speak TLS. NULL: no TLS. An error where the library was built without. */
    const redtail_tls *tls;
} redtail_options;

/**
 * Sets all options to their defaults and struct_size to size, which is to be sizeof(redtail_options).
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if options is NULL or the size can't be: larger than this library's, whose header is then
 * older than yours, or of no struct at all. Any thread.
 */
REDTAIL_API int redtail_options_init(redtail_options *options,
                                     size_t size);


/*--------------------------------------------------------------------------------------------------------------------
 * Events: what a session or follower tells you, in the order of the stream
 */

/** What an event tells. Ignore kinds that you do not know: later versions add some. */
typedef enum redtail_event_kind {
    /** The primary is about to be asked for something that makes it fork: see forking, and the message. */
    REDTAIL_EVENT_FORKING = 1,
    /** The primary has accepted us; the stream goes on from here: see attached. Once on every connection. */
    REDTAIL_EVENT_ATTACHED = 2,
    /** A snapshot begins: see snapshot. A second begin voids a first that never ended. */
    REDTAIL_EVENT_SNAPSHOT_BEGIN = 3,
    /** The next bytes of the snapshot, an RDB file: see raw. */
    REDTAIL_EVENT_SNAPSHOT_BYTES = 4,
    /** The snapshot is whole; the stream follows without a gap: see snapshot. */
    REDTAIL_EVENT_SNAPSHOT_END = 5,
    /** A command as the primary replicates it: see args, argc and raw. */
    REDTAIL_EVENT_COMMAND = 6,
    /** A transaction begins: what follows is provisional until its EXEC. */
    REDTAIL_EVENT_MULTI = 7,
    /** The transaction is complete. */
    REDTAIL_EVENT_EXEC = 8,
    /** SELECT, PING or REPLCONF, where they were asked for. */
    REDTAIL_EVENT_CONTROL = 9,
    /** A command that comes in parts begins: see part->argc. Only where redtail_options.parts asks for it. */
    REDTAIL_EVENT_PART_BEGIN = 10,
    /** An argument of it begins: see part->index and part->length. */
    REDTAIL_EVENT_PART_ARGUMENT = 11,
    /** The next bytes of the argument: see raw. None comes for an empty argument. */
    REDTAIL_EVENT_PART_PIECE = 12,
    /** The command is complete. */
    REDTAIL_EVENT_PART_END = 13,
    /** Writes were lost: see gap, and the message. An open transaction is void. */
    REDTAIL_EVENT_GAP = 14,
    /**
     * The link was lost: see disconnected, and the message. What came after its resume is void: it comes again, or, from another
     * primary, never.
     */
    REDTAIL_EVENT_DISCONNECTED = 15,
    /** What stands next in the snapshot, where redtail_options.snapshot_items asks for it: see item. Void if no SNAPSHOT_END comes. */
    REDTAIL_EVENT_SNAPSHOT_ITEM = 16,
} redtail_event_kind;

/** What makes a primary fork. */
typedef enum redtail_fork_reason {
    /** A snapshot without data. */
    REDTAIL_FORK_FILTERED = 1,
    /** A snapshot of everything, sent to us. */
    REDTAIL_FORK_SNAPSHOT = 2,
    /** A dump to the primary's own disk that nobody reads. */
    REDTAIL_FORK_PROBE = 3,
} redtail_fork_reason;

/** How the place in the stream was found. */
typedef enum redtail_method {
    /** A snapshot without data told it. */
    REDTAIL_METHOD_FILTERED = 1,
    /** INFO told it. */
    REDTAIL_METHOD_INFO = 2,
    /** A full snapshot begins. */
    REDTAIL_METHOD_FULL = 3,
    /** The primary had the history after the position asked for. */
    REDTAIL_METHOD_CONTINUED = 4,
    /** An abandoned full resynchronisation told it. */
    REDTAIL_METHOD_PROBED = 5,
    /** The old SYNC, which tells nothing. */
    REDTAIL_METHOD_SYNC = 6,
} redtail_method;

/** The server's own part in replication. */
typedef enum redtail_role {
    /** It may not be asked. */
    REDTAIL_ROLE_UNKNOWN = 0,
    /** It accepts writes. */
    REDTAIL_ROLE_PRIMARY = 1,
    /** It follows another. */
    REDTAIL_ROLE_REPLICA = 2,
} redtail_role;

/** Why a link was lost. */
typedef enum redtail_disconnect_reason {
    /** The primary closed the connection. */
    REDTAIL_DISCONNECT_CLOSED = 1,
    /** Connecting, reading or writing failed. */
    REDTAIL_DISCONNECT_IO = 2,
    /** Nothing came for too long. */
    REDTAIL_DISCONNECT_SILENCE = 3,
    /** The primary refused for now. */
    REDTAIL_DISCONNECT_REFUSED = 4,
} redtail_disconnect_reason;

/** What is about to make the primary fork. */
typedef struct redtail_forking {
    /** One of redtail_fork_reason. */
    int reason;
    /** The primary's memory in bytes, or REDTAIL_UNKNOWN. */
    uint64_t used_memory;
    /** How long its last fork took, in microseconds (0: it never forked), or REDTAIL_UNKNOWN. */
    uint64_t last_fork_us;
} redtail_forking;

/** How and to what we are attached. */
typedef struct redtail_attached {
    /** One of redtail_method. */
    int method;
    /** One of redtail_role. */
    int role;
    /** The place to resume from. NULL after SYNC, and while a full snapshot is still to come. */
    const redtail_position *position;
    /** The server and its version, for example "redis 7.0.15", ending with NUL; NULL where it may not be asked. */
    const char *server;
} redtail_attached;

/** A snapshot that begins or ends. */
typedef struct redtail_snapshot {
    /** Its size in bytes; at its begin REDTAIL_UNKNOWN where the primary does not tell. */
    uint64_t length;
} redtail_snapshot;

/** A part of a command. */
typedef struct redtail_part {
    /** PART_BEGIN: number of arguments, the name included. */
    size_t argc;
    /** PART_ARGUMENT: its number; the name is 0. */
    size_t index;
    /** PART_ARGUMENT: its length in bytes, which is what its pieces add up to. */
    uint64_t length;
} redtail_part;

/** Writes that were lost. */
typedef struct redtail_gap {
    /** The last place reached. */
    const redtail_position *from;
    /** The place where the stream can go on. May lie below from. */
    const redtail_position *to;
    /**
     * How many bytes of the stream are missing; REDTAIL_UNKNOWN where the histories differ: then the last events before the gap may
     * also have been undone on the new primary.
     */
    uint64_t missed;
} redtail_gap;

/** A link that was lost. */
typedef struct redtail_disconnected {
    /** One of redtail_disconnect_reason. */
    int reason;
    /** The last resumable place, from which the next link goes on; NULL where there is none yet. */
    const redtail_position *resume;
    /** The milliseconds until the next attempt; REDTAIL_UNKNOWN: there will be none. */
    uint64_t retry_in_ms;
} redtail_disconnected;

/**
 * One thing that happened. Ours: it and what it points to live until you ask the session or follower for the next.
 *
 * Offsets are the primary's: bytes of the stream since the history began, up to and with the last byte of what the event tells.
 */
typedef struct redtail_event {
    /** One of redtail_event_kind. Fields that a kind does not speak of are 0, NULL or (db) -1. */
    int kind;
    /** Not 0: redtail_event_position gives a place to resume from after this event. 0 inside a transaction (its EXEC has one). */
    int resumable;
    /** The replication offset once this is processed; of a part only at PART_END. */
    uint64_t offset;
    /** The database it applies to; -1 while no SELECT has passed. A SELECT carries the database it selects. */
    int64_t db;
    /** The offset of the MULTI whose transaction this belongs to; 0: none. MULTI and EXEC belong to theirs. */
    uint64_t tx;
    /** When its last byte was received: follower: milliseconds since 1970; session: what redtail_session_stamp said; else 0. */
    uint64_t received_ms;
    /** COMMAND, MULTI, EXEC, CONTROL: the arguments, all of them; args[0] is the name. */
    const redtail_slice *args;
    /** Their number. */
    size_t argc;
    /** COMMAND, MULTI, EXEC, CONTROL: the command's exact bytes. SNAPSHOT_BYTES, PART_PIECE: the bytes. */
    redtail_slice raw;
    /** The replication id: 40 digits. NULL after SYNC. */
    redtail_slice replid;
    /** The history this belongs to: 40 digits that with the offset name a command once and for all, also across a failover. */
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
} redtail_event;

/**
 * The place to resume from after this event, while the event lives.
 *
 * Returns REDTAIL_OK; REDTAIL_NONE where there is none (see resumable); REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
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
 * A session owns its receive buffer, and neither socket, clock nor thread. Times are milliseconds of a clock of yours
 * that never runs backwards. The loop of a program that polls its sockets:
 *
 *   1. redtail_session_next. REDTAIL_OK is an event: handle it and call again. REDTAIL_RECONNECT: close the socket,
 *      connect at redtail_session_deadline_ms, then call redtail_session_connected. REDTAIL_NEED_MORE: continue with 2.
 *   2. redtail_session_to_send, write, redtail_session_sent. Then wait until the socket is readable, or writable while
 *      bytes are left to send, at most until redtail_session_deadline_ms.
 *   3. Readable: redtail_session_space, read, redtail_session_received. End of file or an error:
 *      redtail_session_disconnected. A read without data (EAGAIN): redtail_session_silent. Continue with 1.
 *
 * BACK-PRESSURE. While your own queue is full, do not read. At the deadline call redtail_session_keep_alive (or
 * redtail_session_next, if there is room for one event) and continue with 2, so that the primary hears from you.
 *
 * LOOPS THAT READ FOR YOU (libuv, Asio, io_uring, completion ports). They deliver bytes and report no empty read. Call
 * redtail_session_timer from a timer once a second while there is a connection; it replaces redtail_session_silent and
 * redtail_session_keep_alive. After it, after each redtail_session_received and after redtail_session_connected, do
 * 1 and 2.
 *
 * A READ IN THE BACKGROUND may fill the space of redtail_session_space while the program calls other functions. Between
 * redtail_session_space and redtail_session_received these are allowed: _next, _to_send, _sent, _keep_alive, _timer,
 * _silent, _stamp, _deadline_ms, _commit, _position, _login and _message. The space stays where it is, and the events
 * that the buffer already holds are delivered. A second redtail_session_space, _connected, _disconnected and _free end
 * the space: the read must have ended before. So does REDTAIL_RECONNECT of redtail_session_next: end the read, and do
 * not report its bytes.
 *
 * WHILE A CONNECT IS PENDING, redtail_session_next returns REDTAIL_RECONNECT again and the deadline stays the same.
 * Nothing needs to be called. redtail_session_connected may also be called at once: what the session has to send then
 * waits until the socket is writable. Report a failed connect with redtail_session_disconnected.
 */

/** One follower's conversation with its primary, over one link after another. One thread at a time. */
typedef struct redtail_session redtail_session;

/**
 * A new session, without a link. options: what you choose; NULL: the defaults.
 *
 * Returns NULL only if there is no memory. Wrong options: each call gives REDTAIL_ERROR_ARGUMENT, and the message says which.
 */
REDTAIL_API redtail_session *redtail_session_new(const redtail_options *options);

/**
 * A session over a recorded link, from the first byte that came after PSYNC or SYNC was sent: nothing is to be sent, and it needs no
 * redtail_session_connected, nor takes one: what would lose a link ends it. offset: the replication offset before the first byte of the stream where the recording does not tell it,
 * which is after +CONTINUE; else REDTAIL_UNKNOWN.
 *
 * Returns as redtail_session_new.
 */
REDTAIL_API redtail_session *redtail_session_new_recorded(const redtail_options *options,
                                                          uint64_t offset);

/** Ends a session; sends nothing. NULL does nothing. */
REDTAIL_API void redtail_session_free(redtail_session *session);

/**
 * What the last failure, gap, lost link or coming fork was, in words that end with NUL. "" before any; never NULL. Lives until the
 * next call on the session.
 */
REDTAIL_API const char *redtail_session_message(const redtail_session *session);

/**
 * User and password from the next redtail_session_connected on, instead of those of the options. As there, NULL means none, and a
 * length of 0 that the password ends with NUL.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the user is not UTF-8 or the length is more than memory has.
 */
REDTAIL_API int redtail_session_login(redtail_session *session,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);

/**
 * Your socket is connected: the handshake begins. What was unread of the link before is dropped.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_STATE if a link stands already, or the session is over.
 */
REDTAIL_API int redtail_session_connected(redtail_session *session, uint64_t now_ms);

/**
 * Your socket was closed by the other side (reason NULL), or failed (reason: the system's words; they end with NUL), or could not
 * be connected. To be called once for each link or attempt, and not for a link that redtail_session_next has given up with
 * REDTAIL_RECONNECT: each call counts as a failed attempt. First let everything that was read go through redtail_session_next; the next
 * calls there tell what follows.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the reason is not UTF-8.
 */
REDTAIL_API int redtail_session_disconnected(redtail_session *session,
                                             const char *reason,
                                             uint64_t now_ms);

/**
 * Where to read to: data is set to room for *len bytes, at least 1. The room stays valid until the next call of this,
 * _received, _connected, _disconnected or _free. Ends the life of the last event.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_LIMIT if the buffer is full and may not grow, which happens only if redtail_session_next was not
 * called for long; REDTAIL_ERROR_MEMORY.
 */
REDTAIL_API int redtail_session_space(redtail_session *session,
                                      char **data,
                                      size_t *len);

/**
 * count bytes were read to the front of the last redtail_session_space. Other calls may lie between the two: see "a read
 * in the background" above. Each redtail_session_space allows one call of this.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if they are more than there is room, or 0: a read of 0 bytes is the end of the link, see
 * redtail_session_disconnected; REDTAIL_ERROR_STATE if there is no link.
 */
REDTAIL_API int redtail_session_received(redtail_session *session,
                                         size_t count);

/**
 * A read found no data (EAGAIN). If that has lasted for silence_ms, the next redtail_session_next counts the connection as
 * lost. Only a program that tries to read may call this; others call redtail_session_timer.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_silent(redtail_session *session);

/**
 * For loops that read for you: call it from a timer once a second while there is a connection. It prepares the
 * acknowledgement that is due, as redtail_session_keep_alive does, and counts silence: if nothing was received for
 * silence_ms, the next redtail_session_next counts the connection as lost. A pause of the program counts for 2 s at most,
 * because the loop may not have delivered the bytes that arrived meanwhile. The last event lives on.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_timer(redtail_session *session,
                                      uint64_t now_ms);

/**
 * The received_ms of events from now on, for example the milliseconds since 1970 at the last read.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_stamp(redtail_session *session, uint64_t received_ms);

/**
 * The next event. It lives until the next call of this, _space, _connected, _disconnected or _free.
 *
 * Returns REDTAIL_OK and sets event; REDTAIL_NEED_MORE, REDTAIL_RECONNECT: see above; REDTAIL_CLOSED or an error if the session is
 * over, for good.
 */
REDTAIL_API int redtail_session_next(redtail_session *session,
                                     uint64_t now_ms,
                                     const redtail_event **event);

/**
 * What redtail_session_next does besides looking for an event: prepares the acknowledgement that is due. The last event lives on.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_keep_alive(redtail_session *session,
                                           uint64_t now_ms);

/**
 * What is to be written to the socket: *len bytes at data, which live until the next call on the session. len 0: nothing.
 *
 * Returns REDTAIL_OK.
 */
REDTAIL_API int redtail_session_to_send(redtail_session *session,
                                        const char **data,
                                        size_t *len);

/**
 * So many bytes of redtail_session_to_send were written, perhaps not all of them.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if they are more than were to be sent.
 */
REDTAIL_API int redtail_session_sent(redtail_session *session, size_t count);

/**
 * When to act at the latest even if nothing comes, in milliseconds of your clock: with a link, the time to call
 * redtail_session_next; without one, the time to connect; REDTAIL_FOREVER once the session is over.
 *
 * Returns REDTAIL_OK and sets deadline_ms.
 */
REDTAIL_API int redtail_session_deadline_ms(redtail_session *session,
                                            uint64_t *deadline_ms);

/**
 * For REDTAIL_ACK_APPLIED: you have safely kept everything up to this position. One of a history that a gap has ended counts for
 * nothing.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it is NULL.
 */
REDTAIL_API int redtail_session_commit(redtail_session *session,
                                       const redtail_position *position);

/**
 * The last place that can be resumed from.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
 */
REDTAIL_API int redtail_session_position(redtail_session *session, redtail_position *position);


/*--------------------------------------------------------------------------------------------------------------------
 * Sentinels: for followers of a primary that is found by its name
 */

/** Whom to ask where a primary is. You fill it; what it points to is copied. 0 and NULL are the defaults. */
typedef struct redtail_sentinel {
    /** sizeof(redtail_sentinel) */
    size_t struct_size;
    /** What the Sentinels call the primary. Required. */
    const char *name;
    /** Their addresses, each host:port. One is enough to learn of the others from; more help while that one is down. */
    const char *const *addresses;
    /** Their number, at least 1. */
    size_t address_count;
    /**
     * Not 0: follow a replica that is in good order, to spare the primary; the primary where there is none. What a replica has not received
     * can't be seen there, and it is sent later.
     */
    int prefer_replica;
    /** The ACL user at the Sentinels, which have their own. NULL: the default user. */
    const char *user;
    /** The password there. NULL: none is sent. */
    const char *password;
    /** Its length in bytes; 0: it ends with NUL. */
    size_t password_len;
    /** Speak TLS with the Sentinels. NULL: no TLS. (redtail_options.tls is for the servers.) */
    const redtail_tls *tls;
} redtail_sentinel;


/*--------------------------------------------------------------------------------------------------------------------
 * Handles of followers: what other threads may do
 */

/**
 * Stops a follower, or tells its primary that it lives or what is kept, from any thread. Several threads may use one handle at once; it may outlive
 * its follower.
 */
typedef struct redtail_handle redtail_handle;

/**
 * Ends the follower: redtail_follower_next gives REDTAIL_CLOSED from now on. What waits in a read or write returns at once, a pause
 * before a reconnect within 100 ms; an attempt to connect is not cut short (see connect_timeout_ms).
 *
 * Any thread, also several at once, and signal handlers: takes no lock, allocates nothing, never waits. It may change errno, which a
 * signal handler is to put back; and no handler may run any more once redtail_handle_free was called.
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the handle is NULL.
 */
REDTAIL_API int redtail_handle_stop(redtail_handle *handle);

/**
 * Tells the primary at once that the link lives, as redtail_follower_next does each second: for a thread that watches while you work on
 * one event for longer than the primary's repl-timeout (60 s). Does nothing while there is no link.
 *
 * Any thread, also several at once; not in signal handlers.
 * Returns REDTAIL_OK; REDTAIL_ERROR_LOST if it could not be written, which redtail_follower_next will notice;
 * REDTAIL_ERROR_ARGUMENT if the handle is NULL.
 */
REDTAIL_API int redtail_handle_heartbeat(redtail_handle *handle);

/**
 * As redtail_follower_commit, for a sink in another thread than the follower's. Of two that come close together only the later one counts.
 * The primary hears of it from the thread that is in redtail_follower_next, within a second or when it asks.
 *
 * Any thread, also several at once; not in signal handlers.
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it or the handle is NULL.
 */
REDTAIL_API int redtail_handle_commit(redtail_handle *handle,
                                      const redtail_position *position);

/** Gives a handle back; the follower goes on. The last use of it. NULL does nothing. */
REDTAIL_API void redtail_handle_free(redtail_handle *handle);


/*--------------------------------------------------------------------------------------------------------------------
 * Followers: one blocking call per event; sockets, reconnection and waiting included
 *
 * IN A POLL LOOP. redtail_follower_fd gives the socket of the connection. The loop waits until the socket is readable,
 * at most a second, and then calls redtail_follower_next_timeout with 0 until it returns REDTAIL_IDLE:
 *
 *   for (;;) {
 *       while ((status = redtail_follower_next_timeout(follower, 0, &event)) == REDTAIL_OK)
 *           handle(event);
 *       if (status != REDTAIL_IDLE)
 *           break;
 *       if (redtail_follower_fd(follower, &fd) != REDTAIL_OK)
 *           fd = -1;                     no connection now: poll ignores -1
 *       wait_until_readable(fd, 1000);
 *   }
 *
 * The second is needed: acknowledgements are due each second, a reconnect waits for its time, and with TLS a readable
 * socket is no complete sign, because received bytes may be inside the TLS connection. Each connection has a socket of
 * its own: ask again after every REDTAIL_IDLE. The loop must not read from the socket or close it. A reconnect inside
 * redtail_follower_next_timeout blocks for at most connect_timeout_ms for each address. A loop that must never block
 * uses a session.
 */

/** Follows a primary in your own thread. One thread at a time. */
typedef struct redtail_follower redtail_follower;

/**
 * A new follower, not connected. options: what you choose; NULL: the defaults.
 *
 * Returns NULL only if there is no memory. Wrong options: each call gives REDTAIL_ERROR_ARGUMENT, and the message says which.
 */
REDTAIL_API redtail_follower *redtail_follower_new(const redtail_options *options);

/** Ends a follower and its link. Its handles live on. NULL does nothing. */
REDTAIL_API void redtail_follower_free(redtail_follower *follower);

/**
 * What the last failure, gap, lost link or coming fork was, in words that end with NUL. "" before any; never NULL. Lives until the
 * next call on the follower.
 */
REDTAIL_API const char *redtail_follower_message(const redtail_follower *follower);

/**
 * User and password from the next connection on, instead of those of the options. As there, NULL means none, and a length of 0 that
 * the password ends with NUL.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the user is not UTF-8 or the length is more than memory has.
 */
REDTAIL_API int redtail_follower_login(redtail_follower *follower,
                                       const char *user,
                                       const char *password,
                                       size_t password_len);

/**
 * Connects to host:port, [address]:port or unix:PATH, so that a wrong address shows at once. The handshake follows in the first
 * redtail_follower_next.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ADDRESS, REDTAIL_ERROR_CONNECT: you may try again; REDTAIL_ERROR_STATE if it is connected already;
 * REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_MEMORY.
 */
REDTAIL_API int redtail_follower_connect(redtail_follower *follower,
                                         const char *address);

/**
 * Connects to the primary that these Sentinels know by that name, so that a wrong address or name shows at once. Each time the link is
 * lost they are asked again: after a failover the follower goes on from the same position on the new primary. Time limits that the options
 * leave open are 2 s for connecting and 5 s for an answer. A thread listens for failovers meanwhile; it ends with the
 * follower, at the latest a second after it.
 *
 * Returns as redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if sentinel can't be; REDTAIL_ERROR_CONNECT also if no Sentinel tells where
 * the primary is.
 */
REDTAIL_API int redtail_follower_connect_sentinel(redtail_follower *follower,
                                                  const redtail_sentinel *sentinel);

/**
 * Records the stream into this file from the connect on. An existing file is replaced. redtail_primary_serve_file and
 * "redtail replay" serve the file, for tests without a server.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be created; REDTAIL_ERROR_STATE after
 * redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if the path is NULL or not UTF-8.
 */
REDTAIL_API int redtail_follower_record(redtail_follower *follower,
                                        const char *path);

/**
 * Ends the recording after the last delivered event, and writes the rest of it. Nothing is recorded afterwards. Without
 * a recording the call does nothing. redtail_follower_free ends a recording too, but reports no error.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if a write failed, now or before.
 */
REDTAIL_API int redtail_follower_finish_recording(redtail_follower *follower);

/**
 * The socket of the present connection, to wait for with poll: see above. A file descriptor, on Windows a SOCKET. It
 * belongs to the follower and lives until the next call on the follower.
 *
 * Returns REDTAIL_OK and sets fd; REDTAIL_NONE while there is no connection.
 */
REDTAIL_API int redtail_follower_fd(redtail_follower *follower,
                                    int64_t *fd);

/**
 * The next event; waits for it. It lives until the next call of this, _next_timeout, _batch or _free.
 *
 * Returns REDTAIL_OK and sets event; REDTAIL_CLOSED after redtail_handle_stop, and when the server has closed the link while
 * reconnection is off; REDTAIL_ERROR_STATE before redtail_follower_connect; another error why following is over, for good.
 */
REDTAIL_API int redtail_follower_next(redtail_follower *follower,
                                      const redtail_event **event);

/**
 * The next event; waits at most limit_ms milliseconds for it.
 *
 * Returns as redtail_follower_next; REDTAIL_IDLE if nothing came in time.
 */
REDTAIL_API int redtail_follower_next_timeout(redtail_follower *follower,
                                              uint64_t limit_ms,
                                              const redtail_event **event);

/**
 * Waits for the next event and hands it to each, then every further event that is here already. context is handed through. A result
 * of each other than 0 ends the batch. each may call _position, _message, _commit and _login of this follower. It must return: no
 * longjmp, no exception of C++.
 *
 * Returns REDTAIL_OK when nothing more is here: the natural moment to flush an output; REDTAIL_STOPPED if each has ended the batch;
 * else as redtail_follower_next.
 */
REDTAIL_API int redtail_follower_batch(redtail_follower *follower,
                                       int (*each)(void *context, const redtail_event *event),
                                       void *context);

/**
 * For REDTAIL_ACK_APPLIED: you have safely kept everything up to this position. One of a history that a gap has ended counts for
 * nothing. Other threads have redtail_handle_commit.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it is NULL;
 * REDTAIL_ERROR_STATE before redtail_follower_connect.
 */
REDTAIL_API int redtail_follower_commit(redtail_follower *follower,
                                        const redtail_position *position);

/**
 * The last place that can be resumed from.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
 */
REDTAIL_API int redtail_follower_position(redtail_follower *follower, redtail_position *position);

/**
 * A handle of the follower, also before it is connected. Give it back with redtail_handle_free.
 *
 * Returns NULL if the follower is NULL or of no more use, or if there is no memory.
 */
REDTAIL_API redtail_handle *redtail_follower_handle(redtail_follower *follower);


/*--------------------------------------------------------------------------------------------------------------------
 * Shards: what a cluster consists of, each a primary and whoever takes its place
 */

/**
 * A shard of a redtail_cluster, whose it is: it lives until redtail_cluster_free, also after the shard has left. Any thread may use it, also
 * several at once.
 */
typedef struct redtail_shard redtail_shard;

/**
 * The name of a shard, which it keeps for as long as it is followed: the id of the node that was its primary when it was first seen.
 * Ends with NUL; lives as long as the shard; NULL if the shard is.
 */
REDTAIL_API const char *redtail_shard_id(const redtail_shard *shard);

/**
 * Where its primary is now, as far as is known, as text with a NUL behind it: host:port. size: the bytes of room at text; needed: the bytes
 * it takes, the NUL included.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: nothing was written but needed; REDTAIL_ERROR_ARGUMENT if a pointer is
 * NULL (text may be while size is 0).
 */
REDTAIL_API int redtail_shard_target(const redtail_shard *shard,
                                     char *text,
                                     size_t size,
                                     size_t *needed);

/**
 * The slots it serves now, as far as is known, as text with a NUL behind it: 0-5460,7365. size and needed: as in redtail_shard_target.
 *
 * Returns as redtail_shard_target.
 */
REDTAIL_API int redtail_shard_slots(const redtail_shard *shard,
                                    char *text,
                                    size_t size,
                                    size_t *needed);

/**
 * The last resumable place up to which the callbacks have returned.
 *
 * Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none: before the first, and amid a snapshot; REDTAIL_ERROR_ARGUMENT if
 * a pointer is NULL.
 */
REDTAIL_API int redtail_shard_position(const redtail_shard *shard,
                                       redtail_position *position);

/**
 * The handle of its follower: redtail_handle_commit tells what is safely kept, redtail_handle_heartbeat that we live during long work,
 * and redtail_handle_stop ends this shard alone. It is the shard's: not for redtail_handle_free, and lives as long as the shard.
 *
 * Returns NULL if the shard is NULL.
 */
REDTAIL_API redtail_handle *redtail_shard_handle(redtail_shard *shard);

/**
 * What the last failure, gap, lost link or coming fork of this shard was, in words that end with NUL. "" before any; never NULL. Only in
 * the callbacks event and idle of this shard; lives until the callback returns.
 */
REDTAIL_API const char *redtail_shard_message(const redtail_shard *shard);

/**
 * Keeps a pointer of yours with the shard, for example in the notice REDTAIL_NOTICE_ADDED, which comes before its first event.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the shard is NULL.
 */
REDTAIL_API int redtail_shard_set_context(redtail_shard *shard,
                                          void *context);

/** What redtail_shard_set_context was given last. NULL before, or if the shard is NULL. */
REDTAIL_API void *redtail_shard_context(const redtail_shard *shard);

/**
 * The hash slot of a key: of the text between its first { and the next }, where there is some, else of all of it. Any thread.
 *
 * Returns 0 to 16383; REDTAIL_ERROR_ARGUMENT if key is NULL and len not 0, or the length is more than memory has.
 */
REDTAIL_API int redtail_slot(const char *key,
                             size_t len);


/*--------------------------------------------------------------------------------------------------------------------
 * Notices: what happens to a cluster, besides what its shards tell themselves
 */

/** What a notice tells. Ignore kinds that you do not know: later versions add some. */
typedef enum redtail_notice_kind {
    /** A shard is followed from now on: see start and position. Comes before its first event. */
    REDTAIL_NOTICE_ADDED = 1,
    /**
     * Another node has become the primary of a shard, or its primary has moved: see from and to. Where the stream goes on there is told by
     * the shard's events.
     */
    REDTAIL_NOTICE_FAILED_OVER = 2,
    /** Slots have moved: see gained and lost. Events for their keys go on in another shard's stream, in no order relative to this one. */
    REDTAIL_NOTICE_SLOTS_MOVED = 3,
    /**
     * A shard is not part of the cluster any more, and all that its node has sent is through: see position. Its callbacks are not
     * called again.
     */
    REDTAIL_NOTICE_REMOVED = 4,
    /**
     * Following a shard has ended, and is not tried again: see status. The others go on; its last place stays among the positions. Its
     * callbacks are not called again.
     */
    REDTAIL_NOTICE_ENDED = 5,
    /**
     * A gap: the cluster has no shard that continues this saved place: see node, lost and position. What was written there after it is not
     * known. The others go on; with REDTAIL_ON_GAP_STOP the place stays among the positions, so that the next start tells it again.
     */
    REDTAIL_NOTICE_LOST = 6,
    /** No node tells what the cluster consists of; told once until one does. Shards that have their links go on. */
    REDTAIL_NOTICE_UNREACHABLE = 7,
} redtail_notice_kind;

/** One thing that happened. Ours: it and what it points to live until the callback returns; the shard lives on. */
typedef struct redtail_notice {
    /** One of redtail_notice_kind. Fields that a kind does not speak of are 0 or NULL. */
    int kind;
    /** What happened, in words that end with NUL. Never NULL. */
    const char *words;
    /** The shard; NULL for LOST and UNREACHABLE. */
    redtail_shard *shard;
    /** ADDED: where it starts, one of redtail_start. */
    int start;
    /** ENDED: the error; REDTAIL_CLOSED if its own handle stopped it. */
    int status;
    /** ADDED: the place it goes on from, where it does. REMOVED, ENDED: its last one, where there is one. LOST: the place. */
    const redtail_position *position;
    /** FAILED_OVER: where the primary was, as host:port and NUL. */
    const char *from;
    /** FAILED_OVER: where it is. */
    const char *to;
    /** SLOTS_MOVED: the slots it has now, and had not, as 0-5460,7365 and NUL; "" for none. */
    const char *gained;
    /** SLOTS_MOVED: those it had. LOST: those that were saved with the place. */
    const char *lost;
    /** LOST: the id of the node that was saved with the place. */
    const char *node;
} redtail_notice;

/** The name of a redtail_notice_kind, for example "failed_over"; "unknown" for other numbers. Static. Any thread. */
REDTAIL_API const char *redtail_notice_name(int kind);


/*--------------------------------------------------------------------------------------------------------------------
 * What stands between the threads of a cluster and the callbacks of C.
 */

/** What is called. You fill it; it is copied. No callback may be left by longjmp or an exception of C++. */
typedef struct redtail_cluster_callbacks {
    /** sizeof(redtail_cluster_callbacks) */
    size_t struct_size;
    /** Handed through to each of them. */
    void *context;
    /**
     * An event of a shard, on the shard's thread. It lives until the callback returns. A result other than 0 ends all shards. One that works
     * for longer than the primary's repl-timeout (60 s) calls redtail_handle_heartbeat meanwhile. Required.
     */
    int (*event)(void *context, redtail_shard *shard, const redtail_event *event);
    /**
     * Something about the cluster, on a thread of its own, in no order relative to the shards' events, but that a shard is announced
     * before its first one. NULL: nobody is told.
     */
    void (*notice)(void *context, const redtail_notice *notice);
    /** Nothing came from this shard for a second; on the shard's thread. A result other than 0 ends all shards. May be NULL. */
    int (*idle)(void *context, redtail_shard *shard);
} redtail_cluster_callbacks;


/*--------------------------------------------------------------------------------------------------------------------
 * Clusters: all primaries, each followed on a thread of its own
 *
 * redtail_cluster_new says which cluster and how, redtail_cluster_follow starts it, and from then on your callbacks are called: event and
 * idle for each shard on that shard's thread, so for several shards at once, but never twice at once for one; notice on a thread of its own.
 * Meanwhile yours waits, and saves the places from time to time:
 *
 *   status = redtail_cluster_follow(cluster, &callbacks);
 *   while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
 *       status = redtail_cluster_wait(cluster, 1000);
 *       save(cluster);                   redtail_cluster_positions
 *   }
 *   redtail_cluster_free(cluster);
 *
 * THREADS. Any thread may use a redtail_cluster, also several at once, but that nothing may use it once redtail_cluster_free is called, other than the
 * callbacks, which may until it returns; and redtail_cluster_message only while no other thread calls anything. In callbacks of a
 * cluster its _wait gives REDTAIL_ERROR_STATE, and its _free only stops it. Nothing here is for signal handlers: let them set a
 * variable that the loop around redtail_cluster_wait looks at.
 *
 * SINKS THAT ANSWER LATER. redtail_cluster_positions counts what the callback event has returned from. Where that is not yet safe (a broker
 * acknowledges later), keep the shard and redtail_event_position with each message, call redtail_handle_commit of redtail_shard_handle
 * when it is safe, and save redtail_cluster_committed. Commit the place of REDTAIL_EVENT_ATTACHED and, where nothing is under way,
 * that of redtail_shard_position in idle too: a shard without a saved place starts as one that was added.
 */

/** Where a shard starts that appears later, or that none of the saved positions belongs to. */
typedef enum redtail_added {
    /** With a snapshot. A node that has just joined is (almost) empty, and what was moved there before we saw it is in it. */
    REDTAIL_ADDED_SNAPSHOT = 0,
    /** As REDTAIL_START_NOW: what is there already is missing. */
    REDTAIL_ADDED_NOW = 1,
    /** As REDTAIL_START_NOW_WITHOUT_FORK. */
    REDTAIL_ADDED_NOW_WITHOUT_FORK = 2,
} redtail_added;

/** Follows all primaries of a cluster. */
typedef struct redtail_cluster redtail_cluster;

/** Which cluster, and what is to be known of it. You fill it; what it points to is copied. 0 and NULL are the defaults. */
typedef struct redtail_cluster_options {
    /** sizeof(redtail_cluster_options) */
    size_t struct_size;
    /** Addresses of nodes, each host:port. One is enough to learn of the others from; more help while that one is down. */
    const char *const *nodes;
    /** Their number, at least 1. */
    size_t node_count;
    /**
     * Where to go on: what redtail_cluster_positions or redtail_cluster_committed gave. NULL or "": each shard begins as
     * redtail_options.start says. Each shard takes the place whose history it continues; one that nobody continues is REDTAIL_NOTICE_LOST.
     */
    const char *positions;
    /** One of redtail_added. */
    int added;
    /** How often the nodes are asked what the cluster consists of, besides when a link is lost, in milliseconds. Default 10,000. */
    uint64_t refresh_ms;
    /**
     * Not 0: follow each shard at a replica that is in good order, to spare the primaries; at its primary where there is none. Positions
     * hold for both.
     */
    int prefer_replica;
} redtail_cluster_options;

/**
 * A new follower of a cluster, not started. options: what holds for each shard's follower, with these differences: start may not be
 * REDTAIL_START_AT (see redtail_cluster_options.positions), single_link can't be, retry_first is always on, and unless said the longest pause
 * between attempts is 1 s, and connecting takes at most 2 s. NULL: the defaults.
 *
 * Returns NULL only if there is no memory. Wrong options: each call gives REDTAIL_ERROR_ARGUMENT, REDTAIL_ERROR_ADDRESS or
 * REDTAIL_ERROR_POSITION, and the message says which.
 */
REDTAIL_API redtail_cluster *redtail_cluster_new(const redtail_options *options,
                                                 const redtail_cluster_options *cluster);

/**
 * Ends all followers and waits for their threads: for callbacks to return, and for an attempt to connect to be through. NULL does nothing.
 * In a callback of this cluster it only stops it, as redtail_cluster_stop.
 */
REDTAIL_API void redtail_cluster_free(redtail_cluster *cluster);

/**
 * What the last failure was, in words that end with NUL. "" before any; never NULL. Lives until the next call on the cluster, from
 * whichever thread. The callbacks are told in other ways: notices have words, and shards redtail_shard_message.
 */
REDTAIL_API const char *redtail_cluster_message(const redtail_cluster *cluster);

/**
 * User and password from the next connection on, instead of those of the options. As there, NULL means none, and a length of 0 that
 * the password ends with NUL.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the user is not UTF-8 or the length is more than memory has.
 */
REDTAIL_API int redtail_cluster_login(redtail_cluster *cluster,
                                      const char *user,
                                      const char *password,
                                      size_t password_len);

/**
 * Asks the nodes what the cluster consists of, and starts to follow every primary. Callbacks may come before it returns.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node tells: you may try again (a primary that can't be reached is tried again and
 * again by itself); REDTAIL_ERROR_ARGUMENT if the callbacks can't be; REDTAIL_ERROR_STATE if it was started already; REDTAIL_CLOSED if it was
 * stopped; REDTAIL_ERROR_MEMORY if the system gives no thread.
 */
REDTAIL_API int redtail_cluster_follow(redtail_cluster *cluster,
                                       const redtail_cluster_callbacks *callbacks);

/**
 * Waits until following has ended and all threads are through, at most limit_ms milliseconds; REDTAIL_FOREVER: as long as it takes.
 *
 * Returns REDTAIL_IDLE if it goes on; REDTAIL_CLOSED after redtail_cluster_stop; REDTAIL_STOPPED if a callback has ended it;
 * REDTAIL_ERROR_STATE before redtail_cluster_follow, and in callbacks of this cluster; REDTAIL_ERROR_MEMORY, REDTAIL_ERROR_PANIC if that
 * is why it has ended.
 */
REDTAIL_API int redtail_cluster_wait(redtail_cluster *cluster,
                                     uint64_t limit_ms);

/**
 * Ends all followers, without waiting for that: redtail_cluster_wait does. Callbacks that are at work go on to their end. Any thread and all
 * callbacks; not signal handlers.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the cluster is NULL.
 */
REDTAIL_API int redtail_cluster_stop(redtail_cluster *cluster);

/**
 * How far the callbacks are through: the last resumable place of each shard, as one text with a NUL behind it, for
 * redtail_cluster_options.positions. size: the bytes of room at text; needed: the bytes it takes, the NUL included. Also after the end.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: nothing was written but needed, and it may have grown by the next call;
 * REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text may be while size is 0).
 */
REDTAIL_API int redtail_cluster_positions(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);

/**
 * The same of what was committed: each shard's furthest place that redtail_handle_commit was given, on redtail_shard_handle. A shard
 * of which nothing was committed has the saved place it went on from, or none.
 *
 * Returns as redtail_cluster_positions.
 */
REDTAIL_API int redtail_cluster_committed(redtail_cluster *cluster,
                                          char *text,
                                          size_t size,
                                          size_t *needed);


/*--------------------------------------------------------------------------------------------------------------------
 * Moving slots: which commands of a cluster's streams are no client's
 */

/** What a command has to do with moving slots. */
typedef enum redtail_migration {
    /**
     * Nothing, as far as it tells: it may be a client's. (On the shard that gives slots away the keys are deleted by DEL or UNLINK as any
     * client's would be.)
     */
    REDTAIL_MIGRATION_NONE = 0,
    /** A key arrives: argument 1, with its value (RESTORE-ASKING). */
    REDTAIL_MIGRATION_KEY = 1,
    /**
     * The keys of some slots begin to arrive (Valkey 9, CLUSTER SYNCSLOTS ESTABLISH; the slots stand behind SLOTSRANGE, first and last of
     * each range). Until the job ends, what is written to their keys comes from the other shard.
     */
    REDTAIL_MIGRATION_BEGINS = 2,
    /** Such a job has ended, and the slots have moved (CLUSTER SYNCSLOTS FINISH; NAME names the job). */
    REDTAIL_MIGRATION_ENDS = 3,
    /** Such a job has ended, and they have not: what came of it is void. */
    REDTAIL_MIGRATION_FAILED = 4,
    /** All keys of some slots are gone, without a word about each (Redis 8.4, TRIMSLOTS RANGES count first last ...). */
    REDTAIL_MIGRATION_TRIMMED = 5,
    /** Another word between the nodes: any other command that begins with CLUSTER. */
    REDTAIL_MIGRATION_WORD = 6,
} redtail_migration;

/**
 * What a command has to do with moving slots: whether it is there because they move between shards, not because a client wrote.
 *
 * args and argc: the whole command, of an event as it is.
 * Returns one of redtail_migration; REDTAIL_ERROR_ARGUMENT, which is below 0, if args is NULL, argc is 0, or an argument that it has
 * to look at is no slice. Any thread.
 */
REDTAIL_API int redtail_command_migration(const redtail_slice *args,
                                          size_t argc);

/**
 * The name of a redtail_migration, for example "begins", as in the JSON lines of the tool; "unknown" for other numbers. Static.
 * Any thread.
 */
REDTAIL_API const char *redtail_migration_name(int migration);


/*--------------------------------------------------------------------------------------------------------------------
 * Discovery: addresses of primaries, for programs that connect on their own
 *
 * Followers and clusters find their servers without these functions. A program that uses redtail_session asks here
 * first, and connects its own sockets to the addresses. Each function blocks until a server has answered: at most 2 s
 * to connect to each address and 5 s for an answer, unless the options say otherwise. After each lost connection the
 * program asks again.
 */

/** The shards and nodes of a cluster, as the cluster reports them. One thread at a time. */
typedef struct redtail_topology redtail_topology;

/** A node of a cluster. It and its texts live until the next redtail_topology_ask or redtail_topology_free. */
typedef struct redtail_node {
    /** The number of its shard, from 0. Shards are in the order of their slots; those without slots are last. */
    size_t shard;
    /** Not 0: the primary of the shard. It is the first node of the shard. */
    int is_primary;
    /** Not 0: the cluster has not reported the node as failed. */
    int is_up;
    /** Its id: 40 hexadecimal digits and a NUL. */
    const char *id;
    /** Its address: host:port and a NUL. */
    const char *address;
    /** The slots of its shard, for example 0-5460,7365, and a NUL. "" for a shard without slots. */
    const char *slots;
} redtail_node;

/**
 * Asks the Sentinels, one after another, where the server is: the primary, or with prefer_replica a healthy replica.
 *
 * text: room for size bytes, at least 1. It receives the address as host:port; after an error the message, cut to size.
 * A NUL ends both. 512 bytes are enough for every address.
 *
 * Returns REDTAIL_OK; REDTAIL_NEED_MORE if the address does not fit; REDTAIL_ERROR_CONNECT if no Sentinel knows the
 * name; REDTAIL_ERROR_ADDRESS; REDTAIL_ERROR_ARGUMENT. Any thread.
 */
REDTAIL_API int redtail_sentinel_find(const redtail_sentinel *sentinel,
                                      char *text,
                                      size_t size);

/**
 * A new topology without nodes. cluster: the addresses of nodes; its other fields are not used. options: user, password,
 * TLS and connect_timeout_ms; NULL: the defaults.
 *
 * Returns NULL only if there is no memory. If the options are invalid, every call returns REDTAIL_ERROR_ARGUMENT or
 * REDTAIL_ERROR_ADDRESS, and the message names the option.
 */
REDTAIL_API redtail_topology *redtail_topology_new(const redtail_options *options,
                                                   const redtail_cluster_options *cluster);

/** Frees a topology and its nodes. NULL does nothing. */
REDTAIL_API void redtail_topology_free(redtail_topology *topology);

/**
 * The message of the last failure, with a NUL at its end. "" before any; never NULL. Lives until the next call on the
 * topology.
 */
REDTAIL_API const char *redtail_topology_message(const redtail_topology *topology);

/**
 * Asks the given nodes, one after another, for the shards of the cluster. Replaces the nodes of the last answer.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node answers: the nodes of the last answer are kept.
 */
REDTAIL_API int redtail_topology_ask(redtail_topology *topology);

/**
 * The node with this index, from 0, in the last answer.
 *
 * Returns REDTAIL_OK and sets node; REDTAIL_END if the index is beyond the last node, and before redtail_topology_ask.
 */
REDTAIL_API int redtail_topology_node(redtail_topology *topology,
                                      size_t index,
                                      const redtail_node **node);


/*--------------------------------------------------------------------------------------------------------------------
 * Embedded primaries: a recording served as a primary would serve it, for tests of programs
 *
 * A recording is a file that redtail_follower_record or "redtail record" wrote, or the bytes that a server sent after
 * PSYNC, from its reply on. A follower or session connects to the address as to any server. No server is needed, and
 * every run is the same.
 */

/** A primary inside the process, on threads of its own. One thread at a time. */
typedef struct redtail_primary redtail_primary;

/**
 * A new primary that does not listen yet.
 *
 * Returns NULL only if there is no memory.
 */
REDTAIL_API redtail_primary *redtail_primary_new(void);

/** Closes all connections, stops to listen, and ends the threads. NULL does nothing. */
REDTAIL_API void redtail_primary_free(redtail_primary *primary);

/**
 * The message of the last failure, with a NUL at its end. "" before any; never NULL. Lives until the next call on the
 * primary.
 */
REDTAIL_API const char *redtail_primary_message(const redtail_primary *primary);

/**
 * Serves the recording in this file on a free port of 127.0.0.1. The file must not change meanwhile.
 *
 * Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be read or is no recording; REDTAIL_ERROR_CONNECT if
 * there is no port or thread; REDTAIL_ERROR_STATE if the primary serves a recording already.
 */
REDTAIL_API int redtail_primary_serve_file(redtail_primary *primary,
                                           const char *path);

/**
 * Serves a recording of these bytes on a free port of 127.0.0.1. The bytes are copied.
 *
 * Returns as redtail_primary_serve_file; REDTAIL_ERROR_ARGUMENT if data is NULL or len is more than memory has.
 */
REDTAIL_API int redtail_primary_serve_bytes(redtail_primary *primary,
                                            const char *data,
                                            size_t len);

/**
 * The address of the primary as host:port, with a NUL at its end. "" before a recording is served, and for NULL. Lives
 * until redtail_primary_free.
 */
REDTAIL_API const char *redtail_primary_address(const redtail_primary *primary);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* REDTAIL_H */
