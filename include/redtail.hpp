/* redtail for C++17 and later: owners, strings and loops over <redtail.h>. The comments there describe each function.
 *
 * OWNERS. parser, rdb, dump, migrations, command_specs, key_finder, session, follower, cluster, primary and handle own
 * what redtail_..._new returned. They can be moved, not copied. A moved-from owner can only be assigned to or
 * destroyed. A constructor throws only std::bad_alloc, if memory is exhausted.
 *
 * ERRORS. A call that fails throws redtail::error, with the number of redtail_status and the message. An outcome that
 * is not an error (above 0) is never thrown: calls with several outcomes return a redtail::status. If options are
 * invalid, every later call that can fail throws. A program without exceptions uses <redtail.h>.
 *
 * CALLBACKS may throw: the exception ends the batch, and batch() throws it. A callback may return void or bool; true
 * ends the batch. In a cluster, the first exception ends all shards, and wait() throws it.
 *
 * LIFETIMES are those of the C header: an event, item or token and every string_view in it are valid until the next
 * item or event is requested from its owner. "A view" marks the classes to which this applies.
 *
 *     redtail::follower follower;
 *     follower.connect("127.0.0.1:6379");
 *     for (const redtail::event &event : follower)
 *         if (event.is("SET"))
 *             std::cout << event.args()[1] << std::endl;
 *
 * OPTIONS are structs whose fields have defaults. In C++20 with designated initialisers:
 *
 *     redtail::follower follower({.start = REDTAIL_START_AT, .position = saved, .tls = {.ca_file = "ca.pem"}});
 */
#ifndef REDTAIL_HPP
#define REDTAIL_HPP

#include <redtail.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace redtail {

/** The outcome of a call: one of redtail_status. */
class status {
public:
    constexpr status(int number = REDTAIL_OK) noexcept : number_(number) {}
    constexpr int number() const noexcept { return number_; }
    /** Its name, for example "REDTAIL_NEED_MORE". */
    const char *name() const noexcept { return redtail_status_name(number_); }
    /** Below 0. */
    constexpr bool is_error() const noexcept { return number_ < 0; }
    friend constexpr bool operator==(status a, status b) noexcept { return a.number_ == b.number_; }
    friend constexpr bool operator!=(status a, status b) noexcept { return a.number_ != b.number_; }

private:
    int number_;
};

/** An error: a status below 0 and its message. */
class error : public std::runtime_error {
public:
    error(int number, const char *message)
        : std::runtime_error(*message ? std::string(message) : std::string(redtail_status_name(number))), number_(number) {}
    redtail::status status() const noexcept { return number_; }

private:
    int number_;
};

/** A slice as a string_view; an absent one as an empty one. */
inline std::string_view view(redtail_slice slice) noexcept {
    return slice.data ? std::string_view(slice.data, slice.len) : std::string_view();
}

/** The arguments of a command: a range of string_views. */
class args {
public:
    class iterator {
    public:
        using iterator_category = std::random_access_iterator_tag;
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = std::string_view;
        explicit iterator(const redtail_slice *at = nullptr) noexcept : at_(at) {}
        reference operator*() const noexcept { return view(*at_); }
        reference operator[](difference_type n) const noexcept { return view(at_[n]); }
        iterator &operator++() noexcept { return ++at_, *this; }
        iterator operator++(int) noexcept { return iterator(at_++); }
        iterator &operator--() noexcept { return --at_, *this; }
        iterator operator--(int) noexcept { return iterator(at_--); }
        iterator &operator+=(difference_type n) noexcept { return at_ += n, *this; }
        iterator &operator-=(difference_type n) noexcept { return at_ -= n, *this; }
        friend iterator operator+(iterator i, difference_type n) noexcept { return i += n; }
        friend iterator operator+(difference_type n, iterator i) noexcept { return i += n; }
        friend iterator operator-(iterator i, difference_type n) noexcept { return i -= n; }
        friend difference_type operator-(iterator a, iterator b) noexcept { return a.at_ - b.at_; }
        friend bool operator==(iterator a, iterator b) noexcept { return a.at_ == b.at_; }
        friend bool operator!=(iterator a, iterator b) noexcept { return a.at_ != b.at_; }
        friend bool operator<(iterator a, iterator b) noexcept { return a.at_ < b.at_; }
        friend bool operator>(iterator a, iterator b) noexcept { return b < a; }
        friend bool operator<=(iterator a, iterator b) noexcept { return !(b < a); }
        friend bool operator>=(iterator a, iterator b) noexcept { return !(a < b); }

    private:
        const redtail_slice *at_;
    };

    args(const redtail_slice *first, std::size_t count) noexcept : first_(first), count_(count) {}
    iterator begin() const noexcept { return iterator(first_); }
    iterator end() const noexcept { return iterator(first_ + count_); }
    const redtail_slice *data() const noexcept { return first_; }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    /** Argument n, where 0 is the name; n must be below size(). */
    std::string_view operator[](std::size_t n) const noexcept { return view(first_[n]); }

private:
    const redtail_slice *first_;
    std::size_t count_;
};

/** Whether a whole key matches a pattern of KEYS and SCAN. */
inline bool glob_matches(std::string_view pattern, std::string_view key) noexcept {
    return redtail_glob_matches(pattern.data(), pattern.size(), key.data(), key.size()) == 1;
}

/** The keys that a command touches: the result of keys_of. */
struct keys {
    /** REDTAIL_OK: these keys; REDTAIL_NONE: no key; REDTAIL_ALL_KEYS: keys that the command does not name, in the
     * databases of the entries of touched; REDTAIL_UNKNOWN_KEYS. */
    int kind;
    /** Each key with its argument index, its database and what the command does to it. */
    std::vector<redtail_key> touched;
};

/** The keys that a command touches. command: all arguments. db: the selected database, -1 if it is unknown. Throws
 * error if there are no arguments. */
inline keys keys_of(const args &command, std::int64_t db) {
    keys found{REDTAIL_OK, std::vector<redtail_key>(8)};
    std::size_t count = 0;
    while ((found.kind = redtail_command_keys(command.data(), command.size(), db, found.touched.data(), found.touched.size(), &count)) >= 0 &&
           count > found.touched.size())
        found.touched.resize(count);
    if (found.kind < 0) throw error(found.kind, "this is no command, or no database");
    found.touched.resize(count);
    return found;
}
/** The name of a redtail_access, for example "removed". */
inline std::string_view access_name(int access) noexcept { return redtail_access_name(access); }

/** Whether a command can change keys, functions or scripts; nothing if the command is unknown. command: all arguments.
 * Throws error if there are none. */
inline std::optional<bool> is_write(const args &command) {
    int found = redtail_command_is_write(command.data(), command.size());
    if (found < 0) throw error(found, "this is no command");
    return found == REDTAIL_UNKNOWN_KEYS ? std::nullopt : std::optional<bool>(found == 1);
}

/** The write inside of an RREPLAY of a KeyDB active replica. Its bytes are those of the command. */
struct wrapped {
    /** The id of the server that a client sent the write to. */
    std::string_view origin;
    /** One or more commands, for a parser(REDTAIL_MODE_STREAM). They are not verified. */
    std::string_view commands;
    /** Nothing if the server does not tell it. */
    std::optional<std::uint32_t> db;
    /** The version of the write. Nothing if the server does not tell it. */
    std::optional<std::uint64_t> mvcc;
};

/** Opens an RREPLAY; nothing if the command is another one. command: all arguments. Throws error if there are none. */
inline std::optional<wrapped> unwrap(const args &command) {
    redtail_wrapped found;
    int number = redtail_unwrap(command.data(), command.size(), &found);
    if (number < 0) throw error(number, "this is no command");
    if (number != REDTAIL_OK) return std::nullopt;
    wrapped inner{view(found.origin), view(found.commands), std::nullopt, std::nullopt};
    if (found.db >= 0) inner.db = static_cast<std::uint32_t>(found.db);
    if (found.mvcc != REDTAIL_UNKNOWN) inner.mvcc = found.mvcc;
    return inner;
}

/** The name of a redtail_migration, for example "begins". */
inline std::string_view migration_name(int migration) noexcept { return redtail_migration_name(migration); }
/** The name of a redtail_migration_side, for example "import". */
inline std::string_view migration_side_name(int side) noexcept { return redtail_migration_side_name(side); }

/** Encodes a command as the bytes that a client sends. args: a range of strings, the name first. Throws error if it is
 * empty. */
template <class Range> std::string encode_command(const Range &args) {
    std::vector<redtail_slice> slices;
    for (std::string_view arg : args) slices.push_back({arg.data() != nullptr ? arg.data() : "", arg.size()});
    std::string encoded;
    std::size_t size = 0;
    int number;
    while ((number = redtail_encode_command(slices.data(), slices.size(), encoded.data(), encoded.size(), &size)) == REDTAIL_NEED_MORE)
        encoded.resize(size);
    if (number < 0) throw error(number, "this is no command");
    return encoded;
}
inline std::string encode_command(std::initializer_list<std::string_view> args) {
    return encode_command<std::initializer_list<std::string_view>>(args);
}

/** A position in a stream; a value. The default is empty: no position. */
class position {
public:
    position() noexcept : position_() {}
    explicit position(const redtail_position &from) noexcept : position_(from) {}
    /** Parses replid:offset:db[:history][:data_offset]. Throws error if the text is not a position. */
    explicit position(const std::string &text) {
        if (int number = redtail_position_parse(text.c_str(), &position_)) throw error(number, "this is not a position");
    }
    /** Nothing if the text is not a position. */
    static std::optional<position> parse(const std::string &text) noexcept {
        redtail_position parsed;
        if (redtail_position_parse(text.c_str(), &parsed) != REDTAIL_OK) return std::nullopt;
        return position(parsed);
    }
    /** As redtail_position_format writes it; "" if it is empty. */
    std::string text() const {
        char text[REDTAIL_POSITION_TEXT_SIZE];
        return redtail_position_format(&position_, text, sizeof text) == REDTAIL_OK ? text : "";
    }
    /** True if it holds a position. */
    explicit operator bool() const noexcept { return position_.replid[0] != 0; }
    std::uint64_t offset() const noexcept { return position_.offset; }
    /** Nothing while it is unknown. */
    std::optional<std::uint32_t> db() const noexcept {
        if (position_.db < 0) return std::nullopt;
        return static_cast<std::uint32_t>(position_.db);
    }
    /** As redtail_position.data_offset. */
    std::uint64_t data_offset() const noexcept {
        const bool is_unknown = position_.data_offset == 0 || position_.data_offset > position_.offset;
        return is_unknown ? position_.offset : position_.data_offset;
    }
    std::string_view replid() const noexcept { return position_.replid; }
    std::string_view history() const noexcept { return position_.history[0] ? position_.history : position_.replid; }
    const redtail_position &c() const noexcept { return position_; }
    /** The same ids, offset and database; data_offset is not compared. Offsets order positions of one history only. */
    friend bool operator==(const position &a, const position &b) noexcept {
        return a.replid() == b.replid() && a.history() == b.history() && a.offset() == b.offset() && a.position_.db == b.position_.db;
    }
    friend bool operator!=(const position &a, const position &b) noexcept { return !(a == b); }

private:
    redtail_position position_;
};

/** A snapshot format: the server family and the version. */
struct snapshot_format {
    /** One of redtail_rdb_magic. */
    int magic;
    std::uint64_t version;
};

/** The name of a redtail_product, for example "valkey". */
inline std::string_view product_name(int product) noexcept { return redtail_product_name(product); }

/** Product and version of a server; a value. */
class server {
public:
    explicit server(const redtail_server &from) noexcept : server_(from) {}
    /** Parses the product, "-" or a space, and the version: redis-7.0, "valkey 9.1.2". Throws error if the text has
     * another form. */
    explicit server(const std::string &text) : server_() {
        if (redtail_server_parse(text.c_str(), &server_) != REDTAIL_OK)
            throw error(REDTAIL_ERROR_ARGUMENT, "this is not a server: product and version, such as redis-7.0");
    }
    /** Nothing if the text is not a server. */
    static std::optional<server> parse(const std::string &text) noexcept {
        redtail_server parsed;
        if (redtail_server_parse(text.c_str(), &parsed) != REDTAIL_OK) return std::nullopt;
        return server(parsed);
    }
    /** The latest release of a product that this version of redtail was tested with. Throws error if the product is
     * unknown. */
    static server newest_tested(int product) {
        redtail_server newest;
        if (int number = redtail_product_newest_tested(product, &newest)) throw error(number, "this is no product");
        return server(newest);
    }
    /** Whether it is of this product, and of this release or a later one. */
    bool is_since(int product, std::uint16_t release, std::uint16_t minor_release) const noexcept {
        return redtail_server_is_since(&server_, product, release, minor_release) == 1;
    }
    /** Whether it is of a later release than those that this version of redtail was tested with. */
    bool is_newer_than_tested() const noexcept { return redtail_server_is_newer_than_tested(&server_) == 1; }
    /** The format that it writes, the latest that it reads. Throws error if the product is unknown. */
    redtail::snapshot_format snapshot_format() const {
        redtail::snapshot_format found = {};
        if (int number = redtail_server_snapshot_format(&server_, &found.magic, &found.version)) throw error(number, "this is no server");
        return found;
    }
    /** Whether it loads snapshots and payloads of this format. */
    bool reads(const redtail::snapshot_format &format) const noexcept {
        return redtail_server_reads(&server_, format.magic, format.version) == 1;
    }
    /** As redtail_server_format writes it; "" if the product is unknown. */
    std::string text() const {
        char text[REDTAIL_SERVER_TEXT_SIZE];
        return redtail_server_format(&server_, text, sizeof text) == REDTAIL_OK ? text : "";
    }
    /** Its numbers: server->major. */
    const redtail_server *operator->() const noexcept { return &server_; }
    const redtail_server &c() const noexcept { return server_; }

private:
    redtail_server server_;
};

/** The next item of a snapshot; a view. */
class snapshot_item {
public:
    snapshot_item() noexcept = default;
    explicit snapshot_item(const redtail_rdb_item *from) noexcept : item_(from) {}
    /** One of redtail_rdb_item_kind. */
    int kind() const noexcept { return item_->kind; }
    /** Its name, for example "key". */
    std::string_view kind_name() const noexcept { return redtail_rdb_item_name(item_->kind); }
    /** Of a text, a key's name or raw bytes. */
    std::string_view bytes() const noexcept { return view(item_->bytes); }
    /** The expiry time of a key or field, in milliseconds since 1970; nothing without one. */
    std::optional<std::int64_t> expires_ms() const noexcept {
        bool may_expire = kind() == REDTAIL_RDB_ITEM_KEY || kind() == REDTAIL_RDB_ITEM_FIELD_EXPIRY;
        if (!may_expire || item_->time_ms == REDTAIL_NO_TIME) return std::nullopt;
        return item_->time_ms;
    }
    /** All other fields: item->key_type, item->score. The C header says which mean something for which kind. */
    const redtail_rdb_item *operator->() const noexcept { return item_; }

private:
    const redtail_rdb_item *item_ = nullptr;
};

/** An event of a session or follower; a view. */
class event {
public:
    event() noexcept = default;
    explicit event(const redtail_event *from) noexcept : event_(from) {}
    /** One of redtail_event_kind. */
    int kind() const noexcept { return event_->kind; }
    /** Its name, for example "command". */
    std::string_view kind_name() const noexcept { return redtail_event_name(event_->kind); }
    /** Whether it is a command with this name, in any letter case. */
    bool is(const char *name) const noexcept { return redtail_command_is(event_->args, event_->argc, name) == 1; }
    std::uint64_t offset() const noexcept { return event_->offset; }
    /** Nothing while it is unknown. */
    std::optional<std::uint32_t> db() const noexcept {
        if (event_->db < 0) return std::nullopt;
        return static_cast<std::uint32_t>(event_->db);
    }
    /** All arguments of a command; none for other events. */
    redtail::args args() const noexcept { return {event_->args, event_->argc}; }
    /** The keys that a command touches. Throws error if the event is not a command. */
    redtail::keys keys() const { return keys_of(args(), event_->db); }
    /** Whether the command can change keys, functions or scripts; nothing if it is unknown. Throws error if the event
     * is not a command. */
    std::optional<bool> is_write() const { return redtail::is_write(args()); }
    std::string_view raw() const noexcept { return view(event_->raw); }
    std::string_view history() const noexcept { return view(event_->history); }
    /** The position to resume from after the event; nothing if there is none. */
    std::optional<redtail::position> position() const noexcept {
        redtail_position found;
        if (redtail_event_position(event_, &found) != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    /** Of REDTAIL_EVENT_SNAPSHOT_ITEM only. */
    snapshot_item item() const noexcept { return snapshot_item(event_->item); }
    /** All other fields: event->gap, event->disconnected. */
    const redtail_event *operator->() const noexcept { return event_; }

private:
    const redtail_event *event_ = nullptr;
};

namespace detail {

/** NULL for an empty text: for C a length of 0 means that the text ends with NUL. */
/** The password for C. An empty text that is not {} is the empty password of a user. */
inline const char *password_of(const char *user, std::string_view password) noexcept {
    if (!password.empty()) return password.data();
    return user && password.data() ? "" : nullptr;
}

/** Pointers to the texts. The texts must outlive the pointers. */
inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> made;
    for (const std::string &text : texts) made.push_back(text.c_str());
    return made;
}

} // namespace detail

/** The limits of a parser or of a decoder of snapshots; 0 selects the default. The fields are those of
 * redtail_limits. */
struct limits {
    std::uint64_t bulk = 0;
    std::uint64_t command = 0;
    std::uint64_t arguments = 0;
    std::size_t depth = 0;
    std::size_t line = 0;
    std::size_t reply_line = 0;
    std::size_t templates = 0;

    redtail_limits c() const noexcept {
        redtail_limits made = {};
        made.struct_size = sizeof made;
        made.bulk = bulk;
        made.command = command;
        made.arguments = arguments;
        made.depth = depth;
        made.line = line;
        made.reply_line = reply_line;
        made.templates = templates;
        return made;
    }
};

/** TLS settings. TLS is used if on is true or any other field is set. The other fields are those of redtail_tls. The
 * texts must be valid until the constructor or call that receives the settings returns. */
struct tls {
    bool on = false;
    int verify = REDTAIL_VERIFY_FULL;
    const char *ca_file = nullptr;
    const char *ca_folder = nullptr;
    const char *certificate = nullptr;
    const char *key = nullptr;
    const char *server_name = nullptr;

    explicit operator bool() const noexcept {
        return on || verify != REDTAIL_VERIFY_FULL || ca_file || ca_folder || certificate || key || server_name;
    }
    redtail_tls c() const noexcept {
        redtail_tls made = {};
        made.struct_size = sizeof made;
        made.verify = verify;
        made.ca_file = ca_file;
        made.ca_folder = ca_folder;
        made.certificate = certificate;
        made.key = key;
        made.server_name = server_name;
        return made;
    }
};

/** Options of a session or follower. The fields are those of redtail_options; 0 and nullptr select the default. The
 * texts must be valid until the constructor or call that receives the options returns. */
struct options {
    int start = REDTAIL_START_NOW;
    int on_gap = REDTAIL_ON_GAP_STOP;
    int ack = REDTAIL_ACK_OBSERVE;
    bool allow_probe = false;
    bool retry_first = false;
    bool retry_snapshot = false;
    bool no_reconnect = false;
    bool single_link = false;
    bool control = false;
    std::uint16_t listening_port = 0;
    redtail::position position = {};
    const char *label = nullptr;
    const char *user = nullptr;
    /** {}: none, which is an error with a user. "": an empty one, for a nopass user. */
    std::string_view password = {};
    std::uint64_t parts = 0;
    std::uint64_t silence_ms = 0;
    std::uint64_t backoff_first_ms = 0;
    std::uint64_t backoff_longest_ms = 0;
    std::uint32_t backoff_attempts = 0;
    std::size_t buffer_size = 0;
    std::uint64_t connect_timeout_ms = 0;
    std::uint64_t write_timeout_ms = 0;
    redtail::limits limits = {};
    bool snapshot_items = false;
    bool lenient = false;
    redtail::tls tls = {};
    std::uint64_t retry_refused_ms = 0;

    /** Calls with the options as C has them, which live until the call returns. */
    template <class Call> auto pass(Call call) const {
        redtail_limits c_limits = limits.c();
        redtail_tls c_tls = tls.c();
        redtail_options made = {};
        made.struct_size = sizeof made;
        made.start = start;
        made.on_gap = on_gap;
        made.ack = ack;
        made.allow_probe = allow_probe;
        made.retry_first = retry_first;
        made.retry_snapshot = retry_snapshot;
        made.no_reconnect = no_reconnect;
        made.single_link = single_link;
        made.control = control;
        made.listening_port = listening_port;
        made.position = position.c();
        made.label = label;
        made.user = user;
        made.password = detail::password_of(user, password);
        made.password_len = password.size();
        made.parts = parts;
        made.silence_ms = silence_ms;
        made.backoff_first_ms = backoff_first_ms;
        made.backoff_longest_ms = backoff_longest_ms;
        made.backoff_attempts = backoff_attempts;
        made.buffer_size = buffer_size;
        made.connect_timeout_ms = connect_timeout_ms;
        made.write_timeout_ms = write_timeout_ms;
        made.limits = &c_limits;
        made.snapshot_items = snapshot_items;
        made.lenient = lenient;
        made.tls = tls ? &c_tls : nullptr;
        made.retry_refused_ms = retry_refused_ms;
        return call(made);
    }
};

/** A primary and its Sentinels. The fields are those of redtail_sentinel. */
struct sentinel {
    std::string name = {};
    std::vector<std::string> addresses = {};
    bool prefer_replica = false;
    const char *user = nullptr;
    /** {}: none, which is an error with a user. "": an empty one, for a nopass user. */
    std::string_view password = {};
    redtail::tls tls = {};
    /** Must not throw. */
    void (*warning)(void *context, const char *message) = nullptr;
    void *context = nullptr;

    /** Calls with the struct as C has it, which lives until the call returns. */
    template <class Call> auto pass(Call call) const {
        const std::vector<const char *> list = detail::pointers(addresses);
        redtail_tls c_tls = tls.c();
        redtail_sentinel made = {};
        made.struct_size = sizeof made;
        made.name = name.c_str();
        made.addresses = list.data();
        made.address_count = list.size();
        made.prefer_replica = prefer_replica;
        made.user = user;
        made.password = detail::password_of(user, password);
        made.password_len = password.size();
        made.tls = tls ? &c_tls : nullptr;
        made.warning = warning;
        made.context = context;
        return call(made);
    }
};

/** Options of a cluster. The fields are those of redtail_cluster_options. */
struct cluster_options {
    std::vector<std::string> nodes = {};
    std::string positions = {};
    int added = REDTAIL_ADDED_SNAPSHOT;
    std::uint64_t refresh_ms = 0;
    bool prefer_replica = false;

    /** Calls with the struct as C has it, which lives until the call returns. */
    template <class Call> auto pass(Call call) const {
        const std::vector<const char *> list = detail::pointers(nodes);
        redtail_cluster_options made = {};
        made.struct_size = sizeof made;
        made.nodes = list.data();
        made.node_count = list.size();
        made.positions = positions.c_str();
        made.added = added;
        made.refresh_ms = refresh_ms;
        made.prefer_replica = prefer_replica;
        return call(made);
    }
};

/** An argument of an inline command, without its quotes and escapes. */
inline std::string unquote(std::string_view word) {
    std::string meant(word.size(), '\0');
    const redtail_slice quoted{word.data() != nullptr ? word.data() : "", word.size()};
    std::size_t size = 0;
    if (int number = redtail_unquote(&quoted, meant.data(), meant.size(), &size)) throw error(number, "this is no word");
    meant.resize(size);
    return meant;
}

namespace detail {

template <class T, void (*Free)(T *)> struct deleter {
    void operator()(T *owned) const noexcept { Free(owned); }
};
template <class T, void (*Free)(T *)> using owner = std::unique_ptr<T, deleter<T, Free>>;

template <class T> T *made(T *owned) {
    if (owned == nullptr) throw std::bad_alloc();
    return owned;
}

/** Calls a callback from C and keeps its exception: no exception may pass through C. */
template <class Each, class View> class callback {
public:
    explicit callback(Each &each) noexcept : each_(&each) {}
    int operator()(const View &given) noexcept {
        try {
            if constexpr (std::is_void_v<decltype((*each_)(given))>) return (*each_)(given), 0;
            else return (*each_)(given) ? 1 : 0;
        } catch (...) {
            thrown_ = std::current_exception();
            return 1;
        }
    }
    /** Throws the exception of the callback. Called after C has returned. */
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

private:
    Each *each_;
    std::exception_ptr thrown_;
};

/** The text that call writes. If the room is too small, call sets the size that it needs, and is repeated. */
template <class Call> std::string text(Call call) {
    std::string room;
    std::size_t needed = 0;
    int number;
    while ((number = call(room.data(), room.size(), &needed)) == REDTAIL_NEED_MORE) room.resize(needed);
    room.resize(number == REDTAIL_OK ? needed - 1 : 0);
    return room;
}

/** An iterator over the results of next(T &) of an owner, until next returns false. Throws the exceptions of next. */
template <class Owner, class T> class iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T *;
    using reference = const T &;
    iterator() noexcept = default;
    explicit iterator(Owner &of) : owner_(&of) { ++*this; }
    reference operator*() const noexcept { return current_; }
    pointer operator->() const noexcept { return &current_; }
    iterator &operator++() {
        if (!owner_->next(current_)) owner_ = nullptr;
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.owner_ == b.owner_; }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.owner_ != b.owner_; }

private:
    Owner *owner_ = nullptr;
    T current_;
};

template <class Owner, class T> class range {
public:
    explicit range(Owner &of) noexcept : owner_(&of) {}
    iterator<Owner, T> begin() const { return iterator<Owner, T>(*owner_); }
    iterator<Owner, T> end() const noexcept { return {}; }

private:
    Owner *owner_;
};

} // namespace detail

/** Controls a follower from other threads, and with stop() from signal handlers. It may outlive the follower. */
class handle {
public:
    explicit handle(redtail_handle *owned) noexcept : handle_(owned) {}
    void stop() const noexcept { redtail_handle_stop(handle_.get()); }
    /** Sends an acknowledgement now. Not in signal handlers. False if the write failed. */
    bool heartbeat() const noexcept { return redtail_handle_heartbeat(handle_.get()) == REDTAIL_OK; }
    /** As follower::commit, from another thread. Not in signal handlers. False if the position is empty. */
    bool commit(const redtail::position &kept) const noexcept { return redtail_handle_commit(handle_.get(), &kept.c()) == REDTAIL_OK; }

private:
    detail::owner<redtail_handle, redtail_handle_free> handle_;
};

/** A blocking follower, and the range of its events. */
class follower {
public:
    explicit follower(const redtail::options &chosen = {})
        : follower_(detail::made(chosen.pass([](const redtail_options &c_options) { return redtail_follower_new(&c_options); }))) {}

    void connect(const std::string &address) { check(redtail_follower_connect(c(), address.c_str())); }
    /** Asks Sentinels for the primary, now and after each lost connection. */
    void connect(const redtail::sentinel &by) {
        check(by.pass([this](const redtail_sentinel &c_sentinel) { return redtail_follower_connect_sentinel(c(), &c_sentinel); }));
    }
    /** Records the stream to a file. Call it before connect. */
    void record(const std::string &path) { check(redtail_follower_record(c(), path.c_str())); }
    void finish_recording() { check(redtail_follower_finish_recording(c())); }

    /** Waits for the next event. False if following has ended without an error. */
    bool next(event &next) {
        const redtail_event *found = nullptr;
        int number = check(redtail_follower_next(c(), &found));
        if (found != nullptr) next = event(found);
        return number == REDTAIL_OK;
    }
    /** Waits at most limit_ms milliseconds. REDTAIL_OK: the next event; REDTAIL_IDLE: no event arrived;
     * REDTAIL_CLOSED: following has ended without an error. */
    status next(event &next, std::uint64_t limit_ms) {
        const redtail_event *found = nullptr;
        int number = check(redtail_follower_next_timeout(c(), limit_ms, &found));
        if (found != nullptr) next = event(found);
        return number;
    }
    /** Waits for the next event. Passes it and all further received events to the callback each. REDTAIL_OK: no
     * received event is left; REDTAIL_STOPPED: the callback ended the batch; REDTAIL_CLOSED: following has ended
     * without an error. */
    template <class Each> status batch(Each &&each) {
        using callback = detail::callback<std::remove_reference_t<Each>, event>;
        callback call(each);
        int number = redtail_follower_batch(
            c(), [](void *given, const redtail_event *found) noexcept { return (*static_cast<callback *>(given))(event(found)); }, &call);
        call.rethrow();
        return check(number);
    }

    using iterator = detail::iterator<follower, event>;
    iterator begin() { return iterator(*this); }
    iterator end() noexcept { return {}; }
    /** All events until following ends: the same range as the follower itself. */
    detail::range<follower, event> events() noexcept { return detail::range<follower, event>(*this); }

    /** The socket of the current connection, for poll; nullopt without a connection. */
    std::optional<std::int64_t> fd() {
        std::int64_t found = 0;
        if (check(redtail_follower_fd(c(), &found)) != REDTAIL_OK) return std::nullopt;
        return found;
    }
    void commit(const redtail::position &kept) { check(redtail_follower_commit(c(), &kept.c())); }
    /** The last position to resume from; nullopt if there is none yet. */
    std::optional<redtail::position> position() const {
        redtail_position found;
        if (check(redtail_follower_position(c(), &found)) != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    /** User (nullptr: the default user) and password from the next connection on. {} is no
     * password; with a user "" is an empty one. */
    void login(const char *user, std::string_view password) {
        check(redtail_follower_login(c(), user, detail::password_of(user, password), password.size()));
    }
    const char *message() const noexcept { return redtail_follower_message(c()); }
    /** Creates a handle. Throws error if the options are invalid, or after REDTAIL_ERROR_PANIC. */
    redtail::handle handle() {
        redtail_handle *made = redtail_follower_handle(c());
        redtail_position unused;
        if (made == nullptr) check(redtail_follower_position(c(), &unused)); /* NULL carries no error */
        return redtail::handle(detail::made(made));
    }
    redtail_follower *c() const noexcept { return follower_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_follower, redtail_follower_free> follower_;
};

/** Recognises the commands of moving slots in the stream of one shard. Pass it every command, in order. */
class migrations {
public:
    migrations() : migrations_(detail::made(redtail_migrations_new())) {}

    /** The relation of the next command to moving slots: one of redtail_migration. task: nullptr, or receives the task.
     * Its texts are valid until the next call. Throws error if there are no arguments. */
    int next(const args &command, redtail_migration_task *task = nullptr) {
        return check(redtail_migrations_next(c(), command.data(), command.size(), task));
    }
    /** Forgets all tasks: after a gap, and at the begin of a snapshot. */
    void clear() { check(redtail_migrations_clear(c())); }
    const char *message() const noexcept { return redtail_migrations_message(c()); }
    redtail_migrations *c() const noexcept { return migrations_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_migrations, redtail_migrations_free> migrations_;
};

/** Descriptions of commands by a server: the keys of commands that the tables do not have. */
class command_specs {
public:
    command_specs() : specs_(detail::made(redtail_command_specs_new())) {}

    /** Learns the commands of a complete reply to COMMAND INFO. Returns the number of descriptions. Throws error for
     * any other bytes. */
    std::size_t learn(std::string_view reply) {
        std::size_t learned = 0;
        int number = check(redtail_command_specs_learn(c(), reply.data(), reply.size(), &learned));
        if (number != REDTAIL_OK) throw error(REDTAIL_ERROR_UNEXPECTED, "the reply is incomplete");
        return learned;
    }
    /** As redtail::keys_of, with the descriptions. */
    redtail::keys keys_of(const args &command, std::int64_t db) {
        redtail::keys found{REDTAIL_OK, std::vector<redtail_key>(8)};
        std::size_t count = 0;
        while ((found.kind = check(redtail_command_specs_keys(c(), command.data(), command.size(), db, found.touched.data(), found.touched.size(), &count))) >= 0 &&
               count > found.touched.size())
            found.touched.resize(count);
        found.touched.resize(count);
        return found;
    }
    /** As redtail::is_write, with the descriptions. */
    std::optional<bool> is_write(const args &command) {
        int found = check(redtail_command_specs_is_write(c(), command.data(), command.size()));
        return found == REDTAIL_UNKNOWN_KEYS ? std::nullopt : std::optional<bool>(found == 1);
    }
    const char *message() const noexcept { return redtail_command_specs_message(c()); }
    redtail_command_specs *c() const noexcept { return specs_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_command_specs, redtail_command_specs_free> specs_;
};

/** Finds the keys of commands that arrive in parts. Pass it every part of a command, in order. */
class key_finder {
public:
    key_finder() : finder_(detail::made(redtail_key_finder_new())) {}

    /** A command of argc arguments begins. */
    void begin(std::size_t argc) { check(redtail_key_finder_begin(c(), argc)); }
    /** The next argument begins. Returns whether it is a key. */
    bool argument(std::uint64_t length) { return check(redtail_key_finder_argument(c(), length)) == 1; }
    /** The next bytes of the argument. */
    void piece(std::string_view bytes) { check(redtail_key_finder_piece(c(), bytes.data(), bytes.size())); }
    /** The command is complete. */
    void end() { check(redtail_key_finder_end(c())); }
    /** After the name: uses a description of a command that the tables do not have. Returns whether there is one. */
    bool learn(const command_specs &specs) { return check(redtail_key_finder_learn(c(), specs.c())) == REDTAIL_OK; }
    /** Whether no argument after the one that began last is a key. */
    bool is_done() const { return check(redtail_key_finder_is_done(c())) == 1; }
    /** As redtail::is_write. */
    std::optional<bool> is_write() const {
        int found = check(redtail_key_finder_is_write(c()));
        return found == REDTAIL_UNKNOWN_KEYS ? std::nullopt : std::optional<bool>(found == 1);
    }
    /** The keys known so far; after end() all keys. The kind is REDTAIL_NEED_MORE while the arguments do not tell. */
    redtail::keys keys(std::int64_t db) const {
        redtail::keys found{REDTAIL_OK, std::vector<redtail_key>(8)};
        std::size_t count = 0;
        while ((found.kind = check(redtail_key_finder_keys(c(), db, found.touched.data(), found.touched.size(), &count))) >= 0 && count > found.touched.size())
            found.touched.resize(count);
        found.touched.resize(count);
        return found;
    }
    const char *message() const noexcept { return redtail_key_finder_message(c()); }
    redtail_key_finder *c() const noexcept { return finder_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_key_finder, redtail_key_finder_free> finder_;
};

/** The replication protocol over your own socket. redtail.h describes the loop. */
class session {
public:
    explicit session(const redtail::options &chosen = {})
        : session_(detail::made(chosen.pass([](const redtail_options &c_options) { return redtail_session_new(&c_options); }))) {}
    /** A session over a recorded connection. offset: the replication offset before the first byte of the stream;
     * REDTAIL_UNKNOWN if the recording contains it. */
    static session recorded(std::uint64_t offset = REDTAIL_UNKNOWN, const redtail::options &chosen = {}) {
        return session(detail::made(
            chosen.pass([offset](const redtail_options &c_options) { return redtail_session_new_recorded(&c_options, offset); })));
    }

    void connected(std::uint64_t now_ms) { check(redtail_session_connected(c(), now_ms)); }
    /** reason: nullptr if the other side closed the connection. */
    void disconnected(const char *reason) { check(redtail_session_disconnected(c(), reason)); }

    struct room {
        char *data;
        std::size_t size;
    };
    /** The space to read to: at least one byte. */
    room space() {
        room found{nullptr, 0};
        return check(redtail_session_space(c(), &found.data, &found.size)), found;
    }
    void received(std::size_t count) { check(redtail_session_received(c(), count)); }
    void silent() { check(redtail_session_silent(c())); }
    /** Call it once a second in loops that read for you. */
    void timer(std::uint64_t now_ms) { check(redtail_session_timer(c(), now_ms)); }
    void stamp(std::uint64_t received_ms) { check(redtail_session_stamp(c(), received_ms)); }
    /** User (nullptr: the default user) and password from the next call of connected on. {} is no
     * password; with a user "" is an empty one. */
    void login(const char *user, std::string_view password) {
        check(redtail_session_login(c(), user, detail::password_of(user, password), password.size()));
    }

    /** REDTAIL_OK: the next event. REDTAIL_NEED_MORE: send, wait and read. REDTAIL_RECONNECT: connect at deadline_ms().
     * REDTAIL_CLOSED: the session has ended without an error. */
    status next(event &next, std::uint64_t now_ms) {
        const redtail_event *found = nullptr;
        left_ = redtail_session_next(c(), now_ms, &found);
        if (found != nullptr) next = event(found);
        return check(left_.number());
    }
    /** As above, with the now_ms of the last call of events(). False if there is no event now; see left(). */
    bool next(event &next) { return this->next(next, now_ms_) == REDTAIL_OK; }
    /** The received events. After the last one, left() has the status of the last next. */
    detail::range<session, event> events(std::uint64_t now_ms) noexcept {
        now_ms_ = now_ms;
        return detail::range<session, event>(*this);
    }
    /** The status of the last next, also inside the range events(): REDTAIL_NEED_MORE, for example. */
    status left() const noexcept { return left_; }
    void keep_alive(std::uint64_t now_ms) { check(redtail_session_keep_alive(c(), now_ms)); }

    /** The bytes to write to the socket. Valid until the next call on the session. */
    std::string_view to_send() const {
        const char *data = nullptr;
        std::size_t size = 0;
        check(redtail_session_to_send(c(), &data, &size));
        return {data, size};
    }
    void sent(std::size_t count) { check(redtail_session_sent(c(), count)); }
    /** The time of the next step if nothing arrives, on the clock of now_ms. */
    std::uint64_t deadline_ms() const {
        std::uint64_t deadline = 0;
        return check(redtail_session_deadline_ms(c(), &deadline)), deadline;
    }
    void commit(const redtail::position &kept) { check(redtail_session_commit(c(), &kept.c())); }
    /** The last position to resume from; nullopt if there is none yet. */
    std::optional<redtail::position> position() const {
        redtail_position found;
        if (check(redtail_session_position(c(), &found)) != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    const char *message() const noexcept { return redtail_session_message(c()); }
    redtail_session *c() const noexcept { return session_.get(); }

private:
    explicit session(redtail_session *owned) noexcept : session_(owned) {}
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_session, redtail_session_free> session_;
    std::uint64_t now_ms_ = 0;
    status left_;
};

/** A complete command or frame; a view. */
class item {
public:
    item() noexcept = default;
    item(redtail_parser *parser, const redtail_item *from, redtail_slice *args) noexcept
        : parser_(parser), item_(from), args_(args) {}
    /** One of redtail_item_kind. */
    int kind() const noexcept { return item_->kind; }
    std::uint64_t offset() const noexcept { return item_->offset; }
    std::string_view raw() const noexcept { return view(item_->raw); }
    /** Number of all arguments. */
    std::size_t argc() const noexcept { return item_->argc; }
    /** The first arguments, at most REDTAIL_SPANS. next_arg delivers the others. Valid until the next item. */
    redtail::args args() const noexcept {
        std::size_t count = item_->spans == nullptr ? 0 : item_->argc < REDTAIL_SPANS ? item_->argc : REDTAIL_SPANS;
        for (std::size_t i = 0; i < count; i++) args_[i] = {item_->raw.data + item_->spans[i].start, item_->spans[i].len};
        return {args_, count};
    }
    /** The next argument beyond args(). False after the last one. */
    bool next_arg(std::string_view &arg) const noexcept {
        redtail_slice found;
        if (redtail_parser_next_arg(parser_, &found) != REDTAIL_OK) return false;
        return arg = view(found), true;
    }
    /** The next step of the walk through a frame; nullptr after the last. */
    const redtail_token *next_token() const noexcept {
        const redtail_token *token = nullptr;
        return redtail_parser_next_token(parser_, &token) == REDTAIL_OK ? token : nullptr;
    }
    /** Restarts the walk at the beginning of the frame. False if the last item is not a frame. */
    bool rewind_tokens() const noexcept { return redtail_parser_rewind_tokens(parser_) == REDTAIL_OK; }

private:
    redtail_parser *parser_ = nullptr;
    const redtail_item *item_ = nullptr;
    redtail_slice *args_ = nullptr;
};

/** Finds frames or commands in bytes that you hold. */
class parser {
public:
    explicit parser(int mode, const redtail::limits &limits = {}) : parser_(create(mode, limits.c())), args_(new redtail_slice[REDTAIL_SPANS]) {}

    /** The next item in input. Advances input past the item. False if no complete item is left. */
    bool next(std::string_view &input, item &next) {
        redtail_slice unread{input.data(), input.size()};
        const redtail_item *found = nullptr;
        int number = redtail_parser_next(c(), &unread, &found);
        if (number >= 0) input = view(unread);
        check(number);
        if (found != nullptr) next = item(c(), found, args_.get());
        return found != nullptr;
    }
    /** As above, with the input of the last call of items(). */
    bool next(item &next) { return this->next(*input_, next); }
    /** The complete items in input. Each step advances input past an item. input must outlive the range. */
    detail::range<parser, item> items(std::string_view &input) noexcept { return input_ = &input, detail::range<parser, item>(*this); }

    /** Passes every complete item in input to the callback each, and advances input past the items.
     * REDTAIL_NEED_MORE: no complete item is left; REDTAIL_STOPPED: the callback ended the batch. */
    template <class Each> status batch(std::string_view &input, Each &&each) {
        using callback = detail::callback<std::remove_reference_t<Each>, item>;
        struct context {
            callback call;
            redtail_parser *owner;
            redtail_slice *args;
        } context{callback(each), c(), args_.get()};
        redtail_slice unread{input.data(), input.size()};
        int number = redtail_parser_batch(
            c(), &unread,
            [](void *given, const redtail_item *found) noexcept {
                auto &its = *static_cast<struct context *>(given);
                return its.call(item(its.owner, found, its.args));
            },
            &context);
        input = view(unread);
        context.call.rethrow();
        return check(number);
    }

    /** REDTAIL_MODE_TOKENS: writes the complete tokens in input to the array to, and advances input past them. Returns
     * their number. If it is capacity, more may follow. */
    std::size_t tokens(std::string_view &input, redtail_token *to, std::size_t capacity) {
        redtail_slice unread{input.data(), input.size()};
        std::size_t count = 0;
        int number = redtail_parser_tokens(c(), &unread, to, capacity, &count);
        if (number >= 0) input = view(unread);
        return check(number), count;
    }
    /** Delivers commands, or strings among tokens, of at least threshold bytes in parts. Call it before the first
     * byte. */
    void set_parts(std::uint64_t threshold) { check(redtail_parser_set_parts(c(), threshold)); }
    /** Sets the offset of the first byte of input, instead of 0. Call it before the first byte. */
    void start_at(std::uint64_t offset) { check(redtail_parser_start_at(c(), offset)); }
    /** The minimum number of further bytes that could complete the item. */
    std::size_t needed() const {
        std::size_t bytes = 0;
        return check(redtail_parser_needed(c(), &bytes)), bytes;
    }
    /** The offset of the next byte of input. */
    std::uint64_t offset() const {
        std::uint64_t number = 0;
        return check(redtail_parser_offset(c(), &number)), number;
    }
    /** After an error in the bytes: the offset of the invalid byte. Otherwise nullopt. */
    std::optional<std::uint64_t> error_offset() const {
        std::uint64_t number = 0;
        if (check(redtail_parser_error_offset(c(), &number)) != REDTAIL_OK) return std::nullopt;
        return number;
    }
    /** After an error in the bytes: one of redtail_protocol_error. Otherwise nullopt. */
    std::optional<int> error_kind() const {
        int kind = 0;
        if (check(redtail_parser_error_kind(c(), &kind)) != REDTAIL_OK) return std::nullopt;
        return kind;
    }
    const char *message() const noexcept { return redtail_parser_message(c()); }
    redtail_parser *c() const noexcept { return parser_.get(); }

private:
    static redtail_parser *create(int mode, const redtail_limits &limits) { return detail::made(redtail_parser_new(mode, &limits)); }
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_parser, redtail_parser_free> parser_;
    std::unique_ptr<redtail_slice[]> args_;
    std::string_view *input_ = nullptr;
};

/** A decoder of snapshots (RDB files) over bytes that you hold. */
class rdb {
public:
    /** flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM, both, or 0. offset: that of the first byte of
     * input; 0 for a file. limits: templates has an effect. */
    explicit rdb(unsigned flags = 0, std::uint64_t offset = 0, const limits &limits = {})
        : rdb_(create(flags, offset, limits.c())) {}

    /** Advances input past the item. REDTAIL_OK: the next item. REDTAIL_NEED_MORE: the input is incomplete.
     * REDTAIL_END: the snapshot has ended. */
    status next(std::string_view &input, snapshot_item &next) {
        redtail_slice unread{input.data(), input.size()};
        const redtail_rdb_item *found = nullptr;
        int number = redtail_rdb_next(c(), &unread, &found);
        if (number >= 0) input = view(unread);
        if (found != nullptr) next = snapshot_item(found);
        return check(number);
    }
    /** As above, with the input of the last call of items(). False if there is no item now. */
    bool next(snapshot_item &next) { return this->next(*input_, next) == REDTAIL_OK; }
    /** The complete items in input. Each step advances input past an item. input must outlive the range. */
    detail::range<rdb, snapshot_item> items(std::string_view &input) noexcept {
        return input_ = &input, detail::range<rdb, snapshot_item>(*this);
    }

    /** Call it at the end of the input: throws error if the snapshot is incomplete. */
    void finish() { check(redtail_rdb_finish(c())); }
    /** The minimum number of further bytes. */
    std::size_t needed() const {
        std::size_t bytes = 0;
        return check(redtail_rdb_needed(c(), &bytes)), bytes;
    }
    /** The offset of the next byte of input. */
    std::uint64_t offset() const {
        std::uint64_t number = 0;
        return check(redtail_rdb_offset(c(), &number)), number;
    }
    /** After an error in the bytes: the offset of the first byte of the invalid item. Otherwise nullopt. */
    std::optional<std::uint64_t> error_offset() const {
        std::uint64_t number = 0;
        if (check(redtail_rdb_error_offset(c(), &number)) != REDTAIL_OK) return std::nullopt;
        return number;
    }
    /** After an error in the bytes: one of redtail_rdb_error. Otherwise nullopt. */
    std::optional<int> error_kind() const {
        int kind = 0;
        if (check(redtail_rdb_error_kind(c(), &kind)) != REDTAIL_OK) return std::nullopt;
        return kind;
    }
    const char *message() const noexcept { return redtail_rdb_message(c()); }
    redtail_rdb *c() const noexcept { return rdb_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    static redtail_rdb *create(unsigned flags, std::uint64_t offset, const redtail_limits &limits) {
        return detail::made(redtail_rdb_new(flags, offset, &limits));
    }
    detail::owner<redtail_rdb, redtail_rdb_free> rdb_;
    std::string_view *input_ = nullptr;
};

/** Reads the payload of DUMP and RESTORE with the items of a snapshot. The payload must outlive it. */
class dump {
public:
    explicit dump(std::string_view payload) : dump_(detail::made(redtail_dump_new(payload.data(), payload.size()))) {}

    /** Sets the next item. False after the last one. */
    bool next(snapshot_item &next) {
        const redtail_rdb_item *found = nullptr;
        int number = check(redtail_dump_next(c(), &found));
        if (found != nullptr) next = snapshot_item(found);
        return number == REDTAIL_OK;
    }
    /** All items of the payload. */
    detail::range<dump, snapshot_item> items() noexcept { return detail::range<dump, snapshot_item>(*this); }

    /** After an error in the bytes: the offset of the first byte of the invalid item. Otherwise nullopt. */
    std::optional<std::uint64_t> error_offset() const {
        std::uint64_t number = 0;
        if (check(redtail_dump_error_offset(c(), &number)) != REDTAIL_OK) return std::nullopt;
        return number;
    }
    /** After an error in the bytes: one of redtail_rdb_error. Otherwise nullopt. */
    std::optional<int> error_kind() const {
        int kind = 0;
        if (check(redtail_dump_error_kind(c(), &kind)) != REDTAIL_OK) return std::nullopt;
        return kind;
    }
    const char *message() const noexcept { return redtail_dump_message(c()); }
    redtail_dump *c() const noexcept { return dump_.get(); }

private:
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    detail::owner<redtail_dump, redtail_dump_free> dump_;
};

/** Reads a file that may be compressed. See redtail_decompress. */
class decompress {
public:
    /** Writes at most room bytes to space and returns their number; 0 at the end. It may throw. */
    using source = std::function<std::size_t(char *space, std::size_t room)>;

    explicit decompress(source read)
        : state_(std::make_unique<state>()), decompress_(detail::made(redtail_decompress_new(&call, state_.get()))) {
        state_->read = std::move(read);
    }

    /** Reads at most room bytes of the contents into space. Returns their number; 0 at the end. An exception of the
     * source is thrown again. */
    std::size_t read(char *space, std::size_t room) {
        std::size_t count = 0;
        int number = redtail_decompress_read(c(), space, room, &count);
        if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
        if (number < 0) throw error(number, message());
        return count;
    }
    /** The compression. nullopt if the file is not compressed, or nothing was read yet. */
    std::optional<std::string_view> name() const noexcept {
        const char *found = nullptr;
        if (redtail_decompress_name(c(), &found) != REDTAIL_OK) return std::nullopt;
        return found;
    }
    const char *message() const noexcept { return redtail_decompress_message(c()); }
    redtail_decompress *c() const noexcept { return decompress_.get(); }

private:
    struct state {
        source read;
        std::exception_ptr thrown;
    };
    static int call(void *context, char *space, std::size_t room, std::size_t *count) noexcept {
        state &own = *static_cast<state *>(context);
        try {
            *count = own.read(space, room);
            return 0;
        } catch (...) {
            own.thrown = std::current_exception();
            return 1;
        }
    }
    std::unique_ptr<state> state_;
    detail::owner<redtail_decompress, redtail_decompress_free> decompress_;
};

/** The hash slot of a key. */
inline int slot(std::string_view key) noexcept { return redtail_slot(key.data(), key.size()); }

/** A shard of a cluster, or no shard (false), for which every call throws. Valid as long as the cluster. Several
 * threads may use it at once. */
class shard {
public:
    shard() noexcept = default;
    explicit shard(redtail_shard *from) noexcept : shard_(from) {}
    /** The id of the shard: the node id of its first known primary. It never changes. */
    std::string_view id() const { return redtail_shard_id(there()); }
    /** The last known address of its primary: host:port. */
    std::string target() const { return text(redtail_shard_target); }
    /** Its last known slots, for example 0-5460,7365. */
    std::string slots() const { return text(redtail_shard_slots); }
    /** The last resumable position that the callbacks have processed; nullopt before there is one, and during a
     * snapshot. */
    std::optional<redtail::position> position() const {
        redtail_position found;
        if (redtail_shard_position(there(), &found) != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    /** Commits a position: you have stored everything up to it. False if the position is empty. */
    bool commit(const redtail::position &kept) const { return redtail_handle_commit(redtail_shard_handle(there()), &kept.c()) == REDTAIL_OK; }
    /** Sends an acknowledgement now, for callbacks that take long. False if the write failed. */
    bool heartbeat() const { return redtail_handle_heartbeat(redtail_shard_handle(there())) == REDTAIL_OK; }
    /** Ends this shard alone. */
    void stop() const { redtail_handle_stop(redtail_shard_handle(there())); }
    /** The message of its current event. Call it only in callbacks of this shard. */
    const char *message() const { return redtail_shard_message(there()); }
    /** Stores a pointer of yours with the shard. */
    void set_context(void *context) const { redtail_shard_set_context(there(), context); }
    void *context() const { return redtail_shard_context(there()); }
    redtail_shard *c() const noexcept { return shard_; }
    explicit operator bool() const noexcept { return shard_ != nullptr; }
    friend bool operator==(shard a, shard b) noexcept { return a.shard_ == b.shard_; }
    friend bool operator!=(shard a, shard b) noexcept { return a.shard_ != b.shard_; }

private:
    redtail_shard *there() const {
        if (shard_ == nullptr) throw error(REDTAIL_ERROR_STATE, "there is no shard: check it with if (shard) first");
        return shard_;
    }
    std::string text(int (*which)(const redtail_shard *, char *, std::size_t, std::size_t *)) const {
        const redtail_shard *of = there();
        return detail::text([&](char *room, std::size_t size, std::size_t *needed) { return which(of, room, size, needed); });
    }
    redtail_shard *shard_ = nullptr;
};

/** A change of a cluster; valid until the callback returns. */
class notice {
public:
    explicit notice(const redtail_notice *from) noexcept : notice_(from) {}
    /** One of redtail_notice_kind. */
    int kind() const noexcept { return notice_->kind; }
    std::string_view message() const noexcept { return notice_->message; }
    /** The shard of the notice; false if there is none. */
    redtail::shard shard() const noexcept { return redtail::shard(notice_->shard); }
    /** The position of the notice; nullopt if there is none. */
    std::optional<redtail::position> position() const noexcept {
        if (notice_->position == nullptr) return std::nullopt;
        return redtail::position(*notice_->position);
    }
    /** All other fields: notice->from, notice->gained. */
    const redtail_notice *operator->() const noexcept { return notice_; }

private:
    const redtail_notice *notice_;
};

/** Follows all primaries of a cluster. Several threads may use it at once, until its destructor is called. */
class cluster {
public:
    explicit cluster(const redtail::cluster_options &of, const redtail::options &chosen = {})
        : calls_(new calls()), cluster_(detail::made(of.pass([&](const redtail_cluster_options &c_cluster) {
              return chosen.pass([&](const redtail_options &c_options) { return redtail_cluster_new(&c_options, &c_cluster); });
          }))) {
        calls_->cluster = cluster_.get();
    }
    cluster(cluster &&) = default;
    cluster &operator=(cluster &&other) noexcept {
        cluster_.reset(); /* its threads use calls_ */
        calls_ = std::move(other.calls_);
        cluster_ = std::move(other.cluster_);
        return *this;
    }

    /** Starts to follow. The callback each(shard, event) runs on the thread of the shard, for several shards at once.
     * It may return void or bool; true ends all shards. told(notice) is called for each notice, and idle(shard) if a
     * shard sent nothing for a second. Both are optional. Returns REDTAIL_OK; REDTAIL_CLOSED if the cluster was
     * stopped. */
    template <class Each>
    status follow(Each each, std::function<void(const notice &)> told = {}, std::function<void(redtail::shard)> idle = {}) {
        if (!calls_->each) {
            calls_->each = [each = std::move(each)](redtail::shard of, const event &found) mutable {
                if constexpr (std::is_void_v<decltype(each(of, found))>) return each(of, found), false;
                else return static_cast<bool>(each(of, found));
            };
            calls_->told = std::move(told);
            calls_->idle = std::move(idle);
            redtail_cluster_callbacks callbacks = calls_->callbacks();
            int number = redtail_cluster_follow(c(), &callbacks);
            if (number != REDTAIL_OK) calls_->each = nullptr;
            return check(number);
        }
        redtail_cluster_callbacks again = calls_->callbacks(); /* in use: only for the error */
        return check(redtail_cluster_follow(c(), &again));
    }

    /** Waits for the end, at most limit_ms milliseconds. REDTAIL_IDLE: following continues; REDTAIL_CLOSED: after stop;
     * REDTAIL_STOPPED: a callback ended it. If a callback threw an exception, wait throws it, but only once. */
    status wait(std::uint64_t limit_ms = REDTAIL_FOREVER) {
        int number = redtail_cluster_wait(c(), limit_ms);
        if (number != REDTAIL_IDLE) calls_->rethrow();
        return check(number);
    }
    /** Ends all shards, without waiting. Also in callbacks; not in signal handlers. */
    void stop() const noexcept { redtail_cluster_stop(c()); }

    /** The positions that the callbacks have processed, as one text for cluster_options::positions. */
    std::string positions() const { return text(redtail_cluster_positions); }
    /** For REDTAIL_ACK_APPLIED: everything up to these positions, a text of positions(), is safely kept. */
    void commit(const std::string &kept) { check(redtail_cluster_commit(c(), kept.c_str())); }
    /** The committed positions, as one text for cluster_options::positions. */
    std::string committed() const { return text(redtail_cluster_committed); }

    /** User (nullptr: the default user) and password from the next connection on. {} is no
     * password; with a user "" is an empty one. */
    void login(const char *user, std::string_view password) {
        check(redtail_cluster_login(c(), user, detail::password_of(user, password), password.size()));
    }
    const char *message() const noexcept { return redtail_cluster_message(c()); }
    redtail_cluster *c() const noexcept { return cluster_.get(); }

private:
    /** The callbacks, and the first exception of one. */
    struct calls {
        redtail_cluster *cluster = nullptr;
        std::function<bool(redtail::shard, const event &)> each;
        std::function<void(const notice &)> told;
        std::function<void(redtail::shard)> idle;
        std::mutex lock;
        std::exception_ptr thrown;

        redtail_cluster_callbacks callbacks() noexcept {
            redtail_cluster_callbacks made{};
            made.struct_size = sizeof made;
            made.context = this;
            made.event = [](void *context, redtail_shard *of, const redtail_event *found) noexcept {
                auto &self = *static_cast<calls *>(context);
                return self.run([&] { return self.each(redtail::shard(of), event(found)); });
            };
            if (told) made.notice = [](void *context, const redtail_notice *found) noexcept {
                auto &self = *static_cast<calls *>(context);
                if (self.run([&] { return self.told(notice(found)), false; })) redtail_cluster_stop(self.cluster);
            };
            if (idle) made.idle = [](void *context, redtail_shard *of) noexcept {
                auto &self = *static_cast<calls *>(context);
                return self.run([&] { return self.idle(redtail::shard(of)), false; });
            };
            return made;
        }
        template <class Work> int run(Work work) noexcept {
            try {
                return work() ? 1 : 0;
            } catch (...) {
                std::lock_guard<std::mutex> held(lock);
                if (!thrown) thrown = std::current_exception();
                return 1;
            }
        }
        void rethrow() {
            std::unique_lock<std::mutex> held(lock);
            if (std::exception_ptr first = std::exchange(thrown, nullptr)) {
                held.unlock();
                std::rethrow_exception(first);
            }
        }
    };

    std::string text(int (*which)(redtail_cluster *, char *, std::size_t, std::size_t *)) const {
        return detail::text(
            [&](char *room, std::size_t size, std::size_t *needed) { return check(which(c(), room, size, needed)); });
    }
    int check(int number) const {
        if (number < 0) throw error(number, message());
        return number;
    }
    std::unique_ptr<calls> calls_;
    detail::owner<redtail_cluster, redtail_cluster_free> cluster_; /* the last member: it is destroyed first */
};

/** Asks Sentinels for the address of the primary: host:port. With prefer_replica: of a healthy replica. */
inline std::string find_primary(const redtail::sentinel &by) {
    std::string text(512, '\0');
    int number = by.pass([&](const redtail_sentinel &c_sentinel) { return redtail_sentinel_find(&c_sentinel, text.data(), text.size()); });
    text.resize(std::char_traits<char>::length(text.c_str()));
    if (number != REDTAIL_OK) throw error(number, text.c_str());
    return text;
}

/** A node of a cluster. The fields are those of redtail_node. */
struct node {
    std::size_t shard;
    bool is_primary;
    bool is_up;
    std::string id;
    std::string address;
    std::string slots;
};

/** Asks the nodes of a cluster for all nodes. The first node of each shard is its primary. */
inline std::vector<node> find_nodes(const redtail::cluster_options &of, const redtail::options &chosen = {}) {
    const detail::owner<redtail_topology, redtail_topology_free> asked(
        detail::made(of.pass([&](const redtail_cluster_options &c_cluster) {
            return chosen.pass([&](const redtail_options &c_options) { return redtail_topology_new(&c_options, &c_cluster); });
        })));
    if (int number = redtail_topology_ask(asked.get())) throw error(number, redtail_topology_message(asked.get()));
    std::vector<node> nodes;
    const redtail_node *found = nullptr;
    while (redtail_topology_node(asked.get(), nodes.size(), &found) == REDTAIL_OK)
        nodes.push_back({found->shard, found->is_primary != 0, found->is_up != 0, found->id, found->address, found->slots});
    return nodes;
}

/** A primary inside the process that serves a recording, for tests without a server. */
class primary {
public:
    primary() : primary_(detail::made(redtail_primary_new())) {}
    void serve_file(const std::string &path) { check(redtail_primary_serve_file(c(), path.c_str())); }
    void serve_bytes(std::string_view bytes) {
        check(redtail_primary_serve_bytes(c(), bytes.data() != nullptr ? bytes.data() : "", bytes.size()));
    }
    /** host:port, for follower::connect; "" before a recording is served. */
    std::string address() const { return redtail_primary_address(c()); }
    /** Throws if the system kept a client out since the last call. */
    void check() const { check(redtail_primary_check(c())); }
    const char *message() const noexcept { return redtail_primary_message(c()); }
    redtail_primary *c() const noexcept { return primary_.get(); }

private:
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    detail::owner<redtail_primary, redtail_primary_free> primary_;
};

} // namespace redtail

#endif // REDTAIL_HPP
