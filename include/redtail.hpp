/* redtail for C++17 and later: owners, strings and loops over <redtail.h>, whose comments say what each thing means.
 *
 * OWNERS. parser, rdb, session, follower, cluster and handle own what redtail_..._new gave. They can be moved, not copied; a moved-from one can only be
 * assigned to or destroyed. A constructor throws std::bad_alloc if there is no memory, and nothing else.
 *
 * ERRORS, as you choose, call by call: without a redtail::status argument a call throws redtail::error, which carries the number and the
 * words; with one as its last argument it throws nothing and leaves the number there. "Not an error" (above 0) is never thrown: calls
 * that know several such outcomes return them. Options that can't be show at the first call, as in C.
 *
 * CALLBACKS of batch may throw, in either form: what they throw ends the batch and comes out of it. One that returns bool ends the batch
 * with true. The same holds for those of a cluster: the first thing thrown ends it, and comes out of wait.
 *
 * LIFETIMES are those of the C header: an event, item or token and every string_view in it live until the next step of what gave them.
 *
 *     redtail::follower follower;
 *     follower.connect("127.0.0.1:6379");
 *     for (const redtail::event &event : follower)
 *         if (event.kind() == REDTAIL_EVENT_COMMAND)
 *             for (std::string_view argument : event.args())
 *                 std::cout << argument << ' ';
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

/** A status that a call leaves behind: one of redtail_status. */
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

/** What a call without a status argument throws. */
class error : public std::runtime_error {
public:
    error(int number, const char *words)
        : std::runtime_error(*words ? std::string(words) : std::string(redtail_status_name(number))), number_(number) {}
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

/** What a command touches. */
struct keys {
    /** REDTAIL_OK: these keys; REDTAIL_NONE: no key; REDTAIL_ALL_KEYS: keys that it does not name; REDTAIL_UNKNOWN_KEYS. */
    int kind;
    /** The arguments that are keys. */
    std::vector<std::size_t> indices;
};

/** What a command with these arguments, all of them, touches. Throws error if there are none. */
inline keys keys_of(const args &command) {
    keys found{REDTAIL_OK, std::vector<std::size_t>(8)};
    std::size_t count = 0;
    while ((found.kind = redtail_command_keys(command.data(), command.size(), found.indices.data(), found.indices.size(), &count)) >= 0 &&
           count > found.indices.size())
        found.indices.resize(count);
    if (found.kind < 0) throw error(found.kind, "this is no command");
    found.indices.resize(count);
    return found;
}

/** What a command with these arguments, all of them, has to do with moving slots: one of redtail_migration. Throws error if there are none. */
inline int migration_of(const args &command) {
    int found = redtail_command_migration(command.data(), command.size());
    if (found < 0) throw error(found, "this is no command");
    return found;
}
/** One word for it. */
inline std::string_view migration_name(int migration) noexcept { return redtail_migration_name(migration); }

/** A command with these arguments, a range of texts, as the bytes that a client sends. Throws error if there are none. */
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

/** A place in a stream; a value. */
class position {
public:
    explicit position(const redtail_position &from) noexcept : position_(from) {}
    /** Reads replid:offset:db[:history]; throws error if the text is none. */
    explicit position(const std::string &text) {
        if (int number = redtail_position_parse(text.c_str(), &position_)) throw error(number, "this is no position");
    }
    /** Nothing if the text is none. */
    static std::optional<position> parse(const std::string &text) noexcept {
        redtail_position parsed;
        if (redtail_position_parse(text.c_str(), &parsed) != REDTAIL_OK) return std::nullopt;
        return position(parsed);
    }
    std::string text() const {
        char text[REDTAIL_POSITION_TEXT_SIZE];
        return redtail_position_format(&position_, text, sizeof text) == REDTAIL_OK ? text : "";
    }
    std::uint64_t offset() const noexcept { return position_.offset; }
    /** Nothing while it is not known. */
    std::optional<std::uint32_t> db() const noexcept {
        if (position_.db < 0) return std::nullopt;
        return static_cast<std::uint32_t>(position_.db);
    }
    std::string_view replid() const noexcept { return position_.replid; }
    std::string_view history() const noexcept { return position_.history[0] ? position_.history : position_.replid; }
    const redtail_position &c() const noexcept { return position_; }

private:
    redtail_position position_;
};

/** What stands next in a snapshot; a view. */
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
    std::uint64_t offset() const noexcept { return event_->offset; }
    /** Nothing while it is not known. */
    std::optional<std::uint32_t> db() const noexcept {
        if (event_->db < 0) return std::nullopt;
        return static_cast<std::uint32_t>(event_->db);
    }
    /** All arguments of a command; of other events none. */
    redtail::args args() const noexcept { return {event_->args, event_->argc}; }
    /** Which arguments of a command are keys; throws error if this is no command. */
    redtail::keys keys() const { return keys_of(args()); }
    std::string_view raw() const noexcept { return view(event_->raw); }
    std::string_view history() const noexcept { return view(event_->history); }
    /** The place to resume from after it; nothing where there is none. */
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

/** How to speak TLS, with its defaults; what its fields point to is to live until it is used. */
struct tls : redtail_tls {
    tls() noexcept : redtail_tls() { struct_size = sizeof(redtail_tls); } /* 0 and NULL are the defaults */
};

/** Options with their defaults; what its fields point to is to live until it is used. */
struct options : redtail_options {
    options() noexcept : redtail_options() { struct_size = sizeof(redtail_options); } /* 0 and NULL are the defaults */
};

/** Whom to ask for a primary by its name; what the fields point to is to live until it is used. */
struct sentinel : redtail_sentinel {
    sentinel() noexcept : redtail_sentinel() { struct_size = sizeof(redtail_sentinel); } /* 0 and NULL are the defaults */
};

/** A word of an inline command without its quotes and escapes. */
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
    void operator()(T *handle) const noexcept { Free(handle); }
};
template <class T, void (*Free)(T *)> using owner = std::unique_ptr<T, deleter<T, Free>>;

template <class T> T *made(T *handle) {
    if (handle == nullptr) throw std::bad_alloc();
    return handle;
}

/** Calls a callback from C, through which nothing may be thrown. */
template <class Each, class View> class callback {
public:
    explicit callback(Each &each) noexcept : each_(&each) {}
    int operator()(const View &view) noexcept {
        try {
            if constexpr (std::is_void_v<decltype((*each_)(view))>) return (*each_)(view), 0;
            else return (*each_)(view) ? 1 : 0;
        } catch (...) {
            thrown_ = std::current_exception();
            return 1;
        }
    }
    /** Once C has returned. */
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

private:
    Each *each_;
    std::exception_ptr thrown_;
};

/** NULL where there is none; a length of 0 would tell C to look for a NUL. */
inline const char *or_null(std::string_view text) noexcept { return text.empty() ? nullptr : text.data(); }

/** The text that call writes where there is room, and needs so much room for. */
template <class Call> std::string text(Call call) {
    std::string room;
    std::size_t needed = 0;
    int number;
    while ((number = call(room.data(), room.size(), &needed)) == REDTAIL_NEED_MORE) room.resize(needed);
    room.resize(number == REDTAIL_OK ? needed - 1 : 0);
    return room;
}

/** A loop over what next(T &, status &) of an owner gives: ends when that gives another status than REDTAIL_OK. */
template <class Owner, class T> class range {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = const T *;
        using reference = const T &;
        iterator() noexcept = default;
        explicit iterator(range *in) : in_(in) { ++*this; }
        reference operator*() const noexcept { return in_->current_; }
        pointer operator->() const noexcept { return &in_->current_; }
        iterator &operator++() {
            if (!in_->step()) in_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.in_ == b.in_; }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.in_ != b.in_; }

    private:
        range *in_ = nullptr;
    };

    range(Owner &owner, status *left) noexcept : owner_(&owner), left_(left) {}
    iterator begin() { return iterator(this); }
    iterator end() noexcept { return iterator(); }

private:
    bool step() {
        status now;
        bool more = owner_->next(current_, now);
        if (left_ != nullptr) *left_ = now;
        else if (now.is_error()) throw error(now.number(), owner_->message());
        return more;
    }
    Owner *owner_;
    status *left_;
    T current_;
};

} // namespace detail

/** Stops a follower from other threads and signal handlers; may outlive it. */
class handle {
public:
    explicit handle(redtail_handle *owned) noexcept : handle_(owned) {}
    void stop() const noexcept { redtail_handle_stop(handle_.get()); }
    /** Not in signal handlers. True if the primary was told, or there is no link. */
    bool heartbeat() const noexcept { return redtail_handle_heartbeat(handle_.get()) == REDTAIL_OK; }
    /** Not in signal handlers. As follower::commit, for a sink in another thread. False if this is no position. */
    bool commit(const redtail::position &kept) const noexcept { return redtail_handle_commit(handle_.get(), &kept.c()) == REDTAIL_OK; }

private:
    detail::owner<redtail_handle, redtail_handle_free> handle_;
};

/** A blocking follower. */
class follower {
public:
    explicit follower(const redtail_options &options = redtail::options())
        : follower_(detail::made(redtail_follower_new(&options))) {}

    void connect(const std::string &address, status &left) noexcept {
        left = redtail_follower_connect(follower_.get(), address.c_str());
    }
    void connect(const std::string &address) { check(redtail_follower_connect(follower_.get(), address.c_str())); }
    /** To the primary that Sentinels know by a name, now and after each failover. */
    void connect(const redtail_sentinel &sentinel, status &left) noexcept {
        left = redtail_follower_connect_sentinel(follower_.get(), &sentinel);
    }
    void connect(const redtail_sentinel &sentinel) { check(redtail_follower_connect_sentinel(follower_.get(), &sentinel)); }

    /** The next event; false when there is none: left says why. */
    bool next(event &next, status &left) noexcept {
        const redtail_event *found = nullptr;
        left = redtail_follower_next(follower_.get(), &found);
        if (found != nullptr) next = event(found);
        return left == REDTAIL_OK;
    }
    /** The next event; false when following is over, and well. */
    bool next(event &next) {
        status left;
        return this->next(next, left) || (check(left.number()), false);
    }
    /** As next; left is REDTAIL_IDLE if nothing came in time. */
    bool next(event &next, std::uint64_t limit_ms, status &left) noexcept {
        const redtail_event *found = nullptr;
        left = redtail_follower_next_timeout(follower_.get(), limit_ms, &found);
        if (found != nullptr) next = event(found);
        return left == REDTAIL_OK;
    }
    /** REDTAIL_OK: the next event; REDTAIL_IDLE: nothing came in time; REDTAIL_CLOSED: over, and well. */
    status next(event &next, std::uint64_t limit_ms) {
        status left;
        this->next(next, limit_ms, left);
        return check(left.number()), left;
    }

    /** Waits for the next event and hands it to each, then every further one that is here already: REDTAIL_OK when nothing more is here,
     * REDTAIL_STOPPED if each has ended it, REDTAIL_CLOSED when following is over, and well. */
    template <class Each> status batch(Each &&each) {
        status left;
        batch(each, left);
        return check(left.number()), left;
    }
    template <class Each> void batch(Each &&each, status &left) {
        using callback = detail::callback<std::remove_reference_t<Each>, event>;
        callback call(each);
        left = redtail_follower_batch(
            follower_.get(),
            [](void *context, const redtail_event *found) noexcept { return (*static_cast<callback *>(context))(event(found)); }, &call);
        call.rethrow();
    }

    /** All events until following is over. Throws; events(left) does not. */
    detail::range<follower, event> events() noexcept { return {*this, nullptr}; }
    detail::range<follower, event> events(status &left) noexcept { return {*this, &left}; }
    class loop;
    inline loop begin();
    static event *end() noexcept { return nullptr; }

    void commit(const redtail::position &kept, status &left) noexcept {
        left = redtail_follower_commit(follower_.get(), &kept.c());
    }
    void commit(const redtail::position &kept) { check(redtail_follower_commit(follower_.get(), &kept.c())); }

    /** The last place to resume from, if there is one yet. */
    std::optional<redtail::position> position() const {
        status left;
        auto found = position(left);
        return check(left.number()), found;
    }
    std::optional<redtail::position> position(status &left) const noexcept {
        redtail_position found;
        left = redtail_follower_position(follower_.get(), &found);
        if (left != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }

    /** User (nullptr: the default user) and password (empty: none is sent) from the next connection on. */
    void login(const char *user, std::string_view password) {
        check(redtail_follower_login(follower_.get(), user, detail::or_null(password), password.size()));
    }
    void login(const char *user, std::string_view password, status &left) noexcept {
        left = redtail_follower_login(follower_.get(), user, detail::or_null(password), password.size());
    }
    const char *message() const noexcept { return redtail_follower_message(follower_.get()); }
    /** Throws error where the follower is of no more use, for example after wrong options. */
    redtail::handle handle() {
        redtail_handle *made = redtail_follower_handle(follower_.get());
        redtail_position unused;
        if (made == nullptr) check(redtail_follower_position(follower_.get(), &unused)); /* NULL does not tell why */
        return redtail::handle(detail::made(made));
    }
    redtail_follower *c() const noexcept { return follower_.get(); }

private:
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    detail::owner<redtail_follower, redtail_follower_free> follower_;
};

/** What makes a follower itself a range. */
class follower::loop {
public:
    explicit loop(follower &in) : in_(&in) { ++*this; }
    const event &operator*() const noexcept { return current_; }
    loop &operator++() {
        if (!in_->next(current_)) in_ = nullptr;
        return *this;
    }
    friend bool operator!=(const loop &at, const event *) noexcept { return at.in_ != nullptr; }
    friend bool operator==(const loop &at, const event *) noexcept { return at.in_ == nullptr; }

private:
    follower *in_;
    event current_;
};

inline follower::loop follower::begin() { return loop(*this); }

/** The protocol over your own socket; see the C header for the loop around it. */
class session {
public:
    explicit session(const redtail_options &options = redtail::options())
        : session_(detail::made(redtail_session_new(&options))) {}
    /** Over a recorded link; offset: REDTAIL_UNKNOWN where the recording tells it. */
    static session recorded(std::uint64_t offset = REDTAIL_UNKNOWN, const redtail_options &options = redtail::options()) {
        return session(detail::made(redtail_session_new_recorded(&options, offset)));
    }

    void connected(std::uint64_t now_ms) { check(redtail_session_connected(c(), now_ms)); }
    void connected(std::uint64_t now_ms, status &left) noexcept { left = redtail_session_connected(c(), now_ms); }
    /** reason: nullptr where the other side closed the link. */
    void disconnected(const char *reason, std::uint64_t now_ms) { check(redtail_session_disconnected(c(), reason, now_ms)); }
    void disconnected(const char *reason, std::uint64_t now_ms, status &left) noexcept {
        left = redtail_session_disconnected(c(), reason, now_ms);
    }

    struct room {
        char *data;
        std::size_t size;
    };
    /** Where to read to. */
    room space() {
        status left;
        room found = space(left);
        return check(left.number()), found;
    }
    room space(status &left) noexcept {
        room found{nullptr, 0};
        left = redtail_session_space(c(), &found.data, &found.size);
        return found;
    }
    void received(std::size_t count) { check(redtail_session_received(c(), count)); }
    void received(std::size_t count, status &left) noexcept { left = redtail_session_received(c(), count); }
    void silent() { check(redtail_session_silent(c())); }
    void silent(status &left) noexcept { left = redtail_session_silent(c()); }
    void stamp(std::uint64_t received_ms) { check(redtail_session_stamp(c(), received_ms)); }
    void stamp(std::uint64_t received_ms, status &left) noexcept { left = redtail_session_stamp(c(), received_ms); }
    /** User (nullptr: the default user) and password (empty: none is sent) from the next connected on. */
    void login(const char *user, std::string_view password) {
        check(redtail_session_login(c(), user, detail::or_null(password), password.size()));
    }
    void login(const char *user, std::string_view password, status &left) noexcept {
        left = redtail_session_login(c(), user, detail::or_null(password), password.size());
    }

    /** The next event; false when there is none: left is REDTAIL_NEED_MORE, REDTAIL_RECONNECT, REDTAIL_CLOSED or an error. */
    bool next(event &next, std::uint64_t now_ms, status &left) noexcept {
        const redtail_event *found = nullptr;
        left = left_ = redtail_session_next(c(), now_ms, &found);
        if (found != nullptr) next = event(found);
        return left == REDTAIL_OK;
    }
    /** REDTAIL_OK: the next event; else how to go on: REDTAIL_NEED_MORE, REDTAIL_RECONNECT or REDTAIL_CLOSED. */
    status next(event &next, std::uint64_t now_ms) {
        status left;
        this->next(next, now_ms, left);
        return check(left.number()), left;
    }
    /** As above, at the time that the last call of events was given. */
    bool next(event &next, status &left) noexcept { return this->next(next, now_ms_, left); }
    /** The events that are here; left says how to go on. Without left, errors are thrown, and left() says it after the loop. */
    detail::range<session, event> events(std::uint64_t now_ms, status &left) noexcept {
        now_ms_ = now_ms;
        return {*this, &left};
    }
    detail::range<session, event> events(std::uint64_t now_ms) noexcept {
        now_ms_ = now_ms;
        return {*this, nullptr};
    }
    /** What the last call of next, or step of events, has given. */
    status left() const noexcept { return left_; }
    void keep_alive(std::uint64_t now_ms) { check(redtail_session_keep_alive(c(), now_ms)); }
    void keep_alive(std::uint64_t now_ms, status &left) noexcept { left = redtail_session_keep_alive(c(), now_ms); }

    /** What is to be written to the socket; until the next call on the session. */
    std::string_view to_send() const {
        status left;
        std::string_view bytes = to_send(left);
        return check(left.number()), bytes;
    }
    std::string_view to_send(status &left) const noexcept {
        const char *data = nullptr;
        std::size_t size = 0;
        left = redtail_session_to_send(c(), &data, &size);
        return {data, size};
    }
    void sent(std::size_t count) { check(redtail_session_sent(c(), count)); }
    void sent(std::size_t count, status &left) noexcept { left = redtail_session_sent(c(), count); }
    /** When to act at the latest. */
    std::uint64_t deadline_ms() const {
        status left;
        std::uint64_t deadline = deadline_ms(left);
        return check(left.number()), deadline;
    }
    std::uint64_t deadline_ms(status &left) const noexcept {
        std::uint64_t deadline = 0;
        left = redtail_session_deadline_ms(c(), &deadline);
        return deadline;
    }
    void commit(const redtail::position &kept) { check(redtail_session_commit(c(), &kept.c())); }
    void commit(const redtail::position &kept, status &left) noexcept { left = redtail_session_commit(c(), &kept.c()); }
    /** The last place to resume from, if there is one yet. */
    std::optional<redtail::position> position() const {
        status left;
        auto found = position(left);
        return check(left.number()), found;
    }
    std::optional<redtail::position> position(status &left) const noexcept {
        redtail_position found;
        left = redtail_session_position(c(), &found);
        if (left != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    const char *message() const noexcept { return redtail_session_message(c()); }
    redtail_session *c() const noexcept { return session_.get(); }

private:
    explicit session(redtail_session *owned) noexcept : session_(owned) {}
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    detail::owner<redtail_session, redtail_session_free> session_;
    std::uint64_t now_ms_ = 0;
    status left_;
};

/** A whole command or frame; a view. */
class item {
public:
    item() noexcept = default;
    item(redtail_parser *parser, const redtail_item *from, std::size_t capacity) noexcept
        : parser_(parser), item_(from), capacity_(capacity) {}
    /** One of redtail_item_kind. */
    int kind() const noexcept { return item_->kind; }
    std::uint64_t offset() const noexcept { return item_->offset; }
    std::string_view raw() const noexcept { return view(item_->raw); }
    /** Number of all arguments. */
    std::size_t argc() const noexcept { return item_->argc; }
    /** The first arguments: as many as there are, or as the parser has room for. */
    redtail::args args() const noexcept { return {item_->args, item_->argc < capacity_ ? item_->argc : capacity_}; }
    /** The arguments beyond those, one after another; false after the last. */
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
    std::size_t capacity_ = 0;
};

/** Frames or commands out of your bytes. */
class parser {
public:
    explicit parser(int mode, const redtail_limits *limits = nullptr)
        : parser_(detail::made(redtail_parser_new(mode, limits))), args_(new redtail_slice[room]) {}

    /** The next item at the front of input, which is moved past it; false when there is none: left says why. */
    bool next(std::string_view &input, item &next, status &left) noexcept {
        redtail_slice unread{input.data(), input.size()};
        const redtail_item *found = nullptr;
        int number = redtail_parser_next(parser_.get(), &unread, args_.get(), room, &found);
        if (number >= 0) input = view(unread);
        left = number == REDTAIL_MORE_ARGS ? REDTAIL_OK : number;
        if (found != nullptr) next = item(parser_.get(), found, room);
        return found != nullptr;
    }
    /** As above; false when nothing whole is left. */
    bool next(std::string_view &input, item &next) {
        status left;
        bool more = this->next(input, next, left);
        if (left.is_error()) throw error(left.number(), message());
        return more;
    }
    /** As above, from the input that the last call of items was given. */
    bool next(item &next, status &left) noexcept { return this->next(*input_, next, left); }
    /** The whole items in input, which is moved past each. Throws; with left it does not. */
    detail::range<parser, item> items(std::string_view &input) noexcept { return input_ = &input, detail::range<parser, item>(*this, nullptr); }
    detail::range<parser, item> items(std::string_view &input, status &left) noexcept {
        return input_ = &input, detail::range<parser, item>(*this, &left);
    }

    /** Hands every whole item in input to each, and moves input past it: REDTAIL_NEED_MORE when nothing whole is left, REDTAIL_STOPPED if
     * each has ended it. */
    template <class Each> status batch(std::string_view &input, Each &&each) {
        status left;
        batch(input, each, left);
        return check(left.number()), left;
    }
    template <class Each> void batch(std::string_view &input, Each &&each, status &left) {
        struct context {
            detail::callback<std::remove_reference_t<Each>, item> call;
            redtail_parser *parser;
        } context{detail::callback<std::remove_reference_t<Each>, item>(each), parser_.get()};
        redtail_slice unread{input.data(), input.size()};
        left = redtail_parser_batch(
            parser_.get(), &unread, args_.get(), room,
            [](void *given, const redtail_item *found) noexcept {
                auto &context = *static_cast<struct context *>(given);
                return context.call(item(context.parser, found, room));
            },
            &context);
        input = view(unread);
        context.call.rethrow();
    }

    /** Counts the first byte it is shown as number offset instead of 0. */
    void start_at(std::uint64_t offset) { check(redtail_parser_start_at(parser_.get(), offset)); }
    void start_at(std::uint64_t offset, status &left) noexcept { left = redtail_parser_start_at(parser_.get(), offset); }
    /** The least number of further bytes that could complete the item. */
    std::size_t needed() const {
        status left;
        std::size_t bytes = needed(left);
        return check(left.number()), bytes;
    }
    std::size_t needed(status &left) const noexcept {
        std::size_t needed = 0;
        left = redtail_parser_needed(parser_.get(), &needed);
        return needed;
    }
    /** The number of the next byte to be shown. */
    std::uint64_t offset() const {
        status left;
        std::uint64_t number = offset(left);
        return check(left.number()), number;
    }
    std::uint64_t offset(status &left) const noexcept {
        std::uint64_t offset = 0;
        left = redtail_parser_offset(parser_.get(), &offset);
        return offset;
    }
    /** After an error in the bytes: the number of the byte where it shows. */
    std::optional<std::uint64_t> error_offset() const {
        status left;
        auto number = error_offset(left);
        return check(left.number()), number;
    }
    std::optional<std::uint64_t> error_offset(status &left) const noexcept {
        std::uint64_t offset = 0;
        left = redtail_parser_error_offset(parser_.get(), &offset);
        if (left != REDTAIL_OK) return std::nullopt;
        return offset;
    }
    /** After an error in the bytes: its kind, one of redtail_protocol_error. */
    std::optional<int> error_kind() const {
        status left;
        auto kind = error_kind(left);
        return check(left.number()), kind;
    }
    std::optional<int> error_kind(status &left) const noexcept {
        int kind = 0;
        left = redtail_parser_error_kind(parser_.get(), &kind);
        if (left != REDTAIL_OK) return std::nullopt;
        return kind;
    }
    const char *message() const noexcept { return redtail_parser_message(parser_.get()); }
    redtail_parser *c() const noexcept { return parser_.get(); }

private:
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    static constexpr std::size_t room = 64;
    detail::owner<redtail_parser, redtail_parser_free> parser_;
    std::unique_ptr<redtail_slice[]> args_;
    std::string_view *input_ = nullptr;
};

/** A decoder of snapshots (RDB files) over bytes that you hold. */
class rdb {
public:
    /** flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM. offset: the number of the first byte. */
    explicit rdb(unsigned flags = 0, std::uint64_t offset = 0) : rdb_(detail::made(redtail_rdb_new(flags, offset))) {}

    /** The next item at the front of input, which is moved past it; false when there is none: left is REDTAIL_NEED_MORE, REDTAIL_END or an
     * error. */
    bool next(std::string_view &input, snapshot_item &next, status &left) noexcept {
        redtail_slice unread{input.data(), input.size()};
        const redtail_rdb_item *found = nullptr;
        left = redtail_rdb_next(rdb_.get(), &unread, &found);
        if (left.number() >= 0) input = view(unread);
        if (found != nullptr) next = snapshot_item(found);
        return found != nullptr;
    }
    /** As above; false when more input is needed, or the snapshot is over. */
    bool next(std::string_view &input, snapshot_item &next) {
        status left;
        bool more = this->next(input, next, left);
        return check(left.number()), more;
    }
    /** As above, from the input that the last call of items was given. */
    bool next(snapshot_item &next, status &left) noexcept { return this->next(*input_, next, left); }
    /** The items in input, which is moved past each. Throws; with left it does not. */
    detail::range<rdb, snapshot_item> items(std::string_view &input) noexcept {
        return input_ = &input, detail::range<rdb, snapshot_item>(*this, nullptr);
    }
    detail::range<rdb, snapshot_item> items(std::string_view &input, status &left) noexcept {
        return input_ = &input, detail::range<rdb, snapshot_item>(*this, &left);
    }

    /** To be asked when no more input comes: throws if the snapshot is cut short. */
    void finish() { check(redtail_rdb_finish(rdb_.get())); }
    void finish(status &left) noexcept { left = redtail_rdb_finish(rdb_.get()); }
    /** The least number of further bytes that take it further. */
    std::size_t needed() const {
        status left;
        std::size_t bytes = needed(left);
        return check(left.number()), bytes;
    }
    std::size_t needed(status &left) const noexcept {
        std::size_t needed = 0;
        left = redtail_rdb_needed(rdb_.get(), &needed);
        return needed;
    }
    /** The number of the next byte to be shown. */
    std::uint64_t offset() const {
        status left;
        std::uint64_t number = offset(left);
        return check(left.number()), number;
    }
    std::uint64_t offset(status &left) const noexcept {
        std::uint64_t offset = 0;
        left = redtail_rdb_offset(rdb_.get(), &offset);
        return offset;
    }
    /** After an error in the bytes: the number of the byte where the item begins that is wrong. */
    std::optional<std::uint64_t> error_offset() const {
        status left;
        auto number = error_offset(left);
        return check(left.number()), number;
    }
    std::optional<std::uint64_t> error_offset(status &left) const noexcept {
        std::uint64_t offset = 0;
        left = redtail_rdb_error_offset(rdb_.get(), &offset);
        if (left != REDTAIL_OK) return std::nullopt;
        return offset;
    }
    /** After an error in the bytes: its kind, one of redtail_rdb_error. */
    std::optional<int> error_kind() const {
        status left;
        auto kind = error_kind(left);
        return check(left.number()), kind;
    }
    std::optional<int> error_kind(status &left) const noexcept {
        int kind = 0;
        left = redtail_rdb_error_kind(rdb_.get(), &kind);
        if (left != REDTAIL_OK) return std::nullopt;
        return kind;
    }
    const char *message() const noexcept { return redtail_rdb_message(rdb_.get()); }
    redtail_rdb *c() const noexcept { return rdb_.get(); }

private:
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    detail::owner<redtail_rdb, redtail_rdb_free> rdb_;
    std::string_view *input_ = nullptr;
};

/** The hash slot of a key. */
inline int slot(std::string_view key) noexcept { return redtail_slot(key.data(), key.size()); }

/** A shard of a cluster; a view that lives as long as the cluster. Any thread may use it. */
class shard {
public:
    shard() noexcept = default;
    explicit shard(const redtail_shard *from) noexcept : shard_(from) {}
    /** The id of the node that was its primary when it was first seen. */
    std::string_view id() const noexcept { return redtail_shard_id(shard_); }
    /** Where its primary is now. */
    std::string target() const { return text(redtail_shard_target); }
    /** The slots it serves now: 0-5460,7365. */
    std::string slots() const { return text(redtail_shard_slots); }
    /** The last place up to which the callbacks have returned, if there is one. */
    std::optional<redtail::position> position() const noexcept {
        redtail_position found;
        if (redtail_shard_position(shard_, &found) != REDTAIL_OK) return std::nullopt;
        return redtail::position(found);
    }
    /** Says that everything up to this place is safely kept. False if this is no position. */
    bool commit(const redtail::position &kept) const noexcept {
        return redtail_handle_commit(redtail_shard_handle(shard_), &kept.c()) == REDTAIL_OK;
    }
    /** Tells the primary during long work that we live. False if it could not be told. */
    bool heartbeat() const noexcept { return redtail_handle_heartbeat(redtail_shard_handle(shard_)) == REDTAIL_OK; }
    /** Ends this shard alone. */
    void stop() const noexcept { redtail_handle_stop(redtail_shard_handle(shard_)); }
    /** What its last failure, gap or lost link was. Only in its own callbacks. */
    const char *message() const noexcept { return redtail_shard_message(shard_); }
    /** A pointer of yours. */
    void set_context(void *context) const noexcept { redtail_shard_set_context(shard_, context); }
    void *context() const noexcept { return redtail_shard_context(shard_); }
    const redtail_shard *c() const noexcept { return shard_; }
    explicit operator bool() const noexcept { return shard_ != nullptr; }
    friend bool operator==(shard a, shard b) noexcept { return a.shard_ == b.shard_; }
    friend bool operator!=(shard a, shard b) noexcept { return a.shard_ != b.shard_; }

private:
    std::string text(int (*which)(const redtail_shard *, char *, std::size_t, std::size_t *)) const {
        return detail::text([&](char *room, std::size_t size, std::size_t *needed) { return which(shard_, room, size, needed); });
    }
    const redtail_shard *shard_ = nullptr;
};

/** What happened to a cluster; a view. */
class notice {
public:
    explicit notice(const redtail_notice *from) noexcept : notice_(from) {}
    /** One of redtail_notice_kind. */
    int kind() const noexcept { return notice_->kind; }
    std::string_view words() const noexcept { return notice_->words; }
    /** Where the notice is about one; else it is false. */
    redtail::shard shard() const noexcept { return redtail::shard(notice_->shard); }
    /** The place it speaks of, if it does. */
    std::optional<redtail::position> position() const noexcept {
        if (notice_->position == nullptr) return std::nullopt;
        return redtail::position(*notice_->position);
    }
    /** All other fields: notice->from, notice->gained. */
    const redtail_notice *operator->() const noexcept { return notice_; }

private:
    const redtail_notice *notice_;
};

/** Which cluster; what the fields point to is to live until it is used. */
struct cluster_options : redtail_cluster_options {
    cluster_options() noexcept : redtail_cluster_options() { struct_size = sizeof(redtail_cluster_options); }
};

/** Follows all primaries of a cluster. Any thread may use it until it is destroyed. */
class cluster {
public:
    explicit cluster(const redtail_cluster_options &of, const redtail_options &options = redtail::options())
        : calls_(new calls()), cluster_(detail::made(redtail_cluster_new(&options, &of))) {
        calls_->cluster = cluster_.get();
    }
    cluster(cluster &&) = default;
    cluster &operator=(cluster &&other) noexcept {
        cluster_.reset(); /* whose threads use what is behind calls_ */
        calls_ = std::move(other.calls_);
        cluster_ = std::move(other.cluster_);
        return *this;
    }

    /** Starts. each is called with (shard, event) on the shard's thread, for several shards at once; it returns nothing or whether to end
     * all. told is called with each notice, and idle with a shard from which nothing came for a second; both may be left out. */
    template <class Each> void follow(Each each, std::function<void(const notice &)> told = {}, std::function<void(redtail::shard)> idle = {}) {
        status left;
        follow(std::move(each), left, std::move(told), std::move(idle));
        check(left.number());
    }
    template <class Each>
    void follow(Each each, status &left, std::function<void(const notice &)> told = {}, std::function<void(redtail::shard)> idle = {}) {
        if (calls_->each) { /* in use: only for the words of it */
            redtail_cluster_callbacks again = calls_->callbacks();
            left = redtail_cluster_follow(c(), &again);
            return;
        }
        calls_->each = [each = std::move(each)](redtail::shard of, const event &found) mutable {
            if constexpr (std::is_void_v<decltype(each(of, found))>) return each(of, found), false;
            else return static_cast<bool>(each(of, found));
        };
        calls_->told = std::move(told);
        calls_->idle = std::move(idle);
        redtail_cluster_callbacks callbacks = calls_->callbacks();
        left = redtail_cluster_follow(c(), &callbacks);
        if (left != REDTAIL_OK) calls_->each = nullptr;
    }

    /** Waits for its end, or so long: REDTAIL_IDLE if it goes on; REDTAIL_CLOSED after stop; REDTAIL_STOPPED if a callback has ended it. What a
     * callback has thrown comes out once, in either form. */
    status wait(std::uint64_t limit_ms = REDTAIL_FOREVER) {
        status left;
        wait(limit_ms, left);
        return check(left.number()), left;
    }
    void wait(std::uint64_t limit_ms, status &left) {
        left = redtail_cluster_wait(c(), limit_ms);
        if (left != REDTAIL_IDLE) calls_->rethrow();
    }
    /** Ends all, without waiting for that. Also in callbacks; not in signal handlers. */
    void stop() const noexcept { redtail_cluster_stop(c()); }

    /** How far the callbacks are through, for cluster_options::positions. */
    std::string positions() const { return text(redtail_cluster_positions); }
    /** How far was committed. */
    std::string committed() const { return text(redtail_cluster_committed); }

    /** User (nullptr: the default user) and password (empty: none is sent) from the next connection on. */
    void login(const char *user, std::string_view password) {
        check(redtail_cluster_login(c(), user, detail::or_null(password), password.size()));
    }
    void login(const char *user, std::string_view password, status &left) noexcept {
        left = redtail_cluster_login(c(), user, detail::or_null(password), password.size());
    }
    const char *message() const noexcept { return redtail_cluster_message(c()); }
    redtail_cluster *c() const noexcept { return cluster_.get(); }

private:
    /** What C calls, and what came of it. */
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
            made.event = [](void *context, const redtail_shard *of, const redtail_event *found) noexcept {
                auto &self = *static_cast<calls *>(context);
                return self.run([&] { return self.each(redtail::shard(of), event(found)); });
            };
            if (told) made.notice = [](void *context, const redtail_notice *found) noexcept {
                auto &self = *static_cast<calls *>(context);
                if (self.run([&] { return self.told(notice(found)), false; })) redtail_cluster_stop(self.cluster);
            };
            if (idle) made.idle = [](void *context, const redtail_shard *of) noexcept {
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

    std::string text(int (*which)(const redtail_cluster *, char *, std::size_t, std::size_t *)) const {
        return detail::text([&](char *room, std::size_t size, std::size_t *needed) {
            int number = which(c(), room, size, needed);
            return check(number), number;
        });
    }
    void check(int number) const {
        if (number < 0) throw error(number, message());
    }
    std::unique_ptr<calls> calls_;
    detail::owner<redtail_cluster, redtail_cluster_free> cluster_; /* the last, so that it goes first */
};

} // namespace redtail

#endif // REDTAIL_HPP
