// The C++ wrapper: ownership, errors both ways, loops.
#include <cstdio>
#include <cstring>
#include <redtail.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

static int failures;
#define CHECK(condition) ((condition) ? (void)0 : (void)(std::printf("%d: not so: %s\n", __LINE__, #condition), failures++))

static_assert(!std::is_copy_constructible_v<redtail::follower> && std::is_nothrow_move_constructible_v<redtail::follower>);
static_assert(!std::is_copy_constructible_v<redtail::session> && std::is_nothrow_move_constructible_v<redtail::session>);
static_assert(!std::is_copy_constructible_v<redtail::parser> && std::is_nothrow_move_constructible_v<redtail::parser>);
static_assert(!std::is_copy_constructible_v<redtail::cluster> && std::is_nothrow_move_constructible_v<redtail::cluster>);
static_assert(!std::is_copy_constructible_v<redtail::handle> && std::is_nothrow_move_assignable_v<redtail::handle>);

template <class Call> static int thrown(Call call) {
    try {
        call();
        return REDTAIL_OK;
    } catch (const redtail::error &error) {
        CHECK(std::strlen(error.what()) > 0);
        return error.status().number();
    }
}

static void parsers() {
    redtail::parser parser(REDTAIL_MODE_STREAM);
    std::string_view input = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4";
    std::vector<std::string> words;
    for (const redtail::item &item : parser.items(input))
        for (std::string_view argument : item.args())
            words.emplace_back(argument);
    CHECK((words == std::vector<std::string>{"INCR", "n", "PING"}));
    CHECK(input == "*1\r\n$4" && parser.needed() == 8 && parser.offset() == 35);

    redtail::parser moved = std::move(parser);
    redtail::status left;
    input = "*1\r\n$4\r\nPING\r\nhello";
    int items = 0;
    for (const redtail::item &item : moved.items(input, left))
        items += item.raw().size() == 14 && item.offset() == 49;
    CHECK(items == 1 && left == REDTAIL_ERROR_PROTOCOL && input == "hello");
    redtail::item item;
    CHECK(thrown([&] { moved.next(input, item); }) == REDTAIL_ERROR_PROTOCOL);

    redtail::parser frames(REDTAIL_MODE_FRAMES);
    input = "*2\r\n:7\r\n+x\r\n";
    CHECK(frames.next(input, item));
    int steps = 0;
    while (const redtail_token *token = item.next_token())
        steps += token->step;
    CHECK(steps == REDTAIL_TOKEN_BEGIN + 2 * REDTAIL_TOKEN_VALUE + REDTAIL_TOKEN_END);
    CHECK(item.rewind_tokens() && item.next_token()->raw.len == 4);
    CHECK(!frames.next(input, item));

    std::string many = "*100\r\n";
    for (int i = 0; i < 100; i++)
        many += "$1\r\nx\r\n";
    input = many;
    redtail::parser stream(REDTAIL_MODE_STREAM);
    CHECK(stream.next(input, item) && item.argc() == 100 && item.args().size() == 64);
    std::string_view argument;
    int beyond = 0;
    while (item.next_arg(argument))
        beyond += argument == "x";
    CHECK(beyond == 36);
}

// What a callback throws comes out of the batch, and not through C.
template <class Call> static bool throws_out(Call call) {
    try {
        call();
        return false;
    } catch (const std::out_of_range &) {
        return true;
    }
}

static void batches() {
    const std::string bytes = "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\nhello";
    redtail::parser parser(REDTAIL_MODE_STREAM);
    parser.start_at(100);
    std::string_view input(bytes);
    int items = 0;
    CHECK(parser.batch(input, [&](const redtail::item &item) { return ++items, item.args()[0] == "PING"; }) == REDTAIL_STOPPED);
    CHECK(items == 1 && parser.offset() == 114 && !parser.error_offset() && !parser.error_kind());
    CHECK(throws_out([&] { parser.batch(input, [](const redtail::item &) { throw std::out_of_range("on purpose"); }); }));
    CHECK(input == "hello" && parser.offset() == 128);
    redtail::status left;
    parser.batch(input, [&](const redtail::item &) { items++; }, left);
    CHECK(left == REDTAIL_ERROR_PROTOCOL && parser.error_offset() == 128u && items == 1);
    CHECK(parser.error_kind() == REDTAIL_PROTOCOL_ERROR_UNEXPECTED);
    CHECK(thrown([&] { parser.batch(input, [](const redtail::item &) {}); }) == REDTAIL_ERROR_PROTOCOL);
    CHECK(thrown([&] { parser.start_at(5); }) == REDTAIL_ERROR_STATE);

    redtail::parser wrong(99);
    CHECK(thrown([&] { wrong.needed(); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.offset(); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { wrong.error_offset(); }) == REDTAIL_ERROR_ARGUMENT && wrong.offset(left) == 0 && left.is_error());

    redtail::parser requests(REDTAIL_MODE_REQUESTS);
    input = "SET \"a\\tb\" ''\r\n";
    redtail::item item;
    CHECK(requests.next(input, item) && redtail::unquote(item.args()[1]) == "a\tb" && redtail::unquote(item.args()[2]).empty());
    input = "*4\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n";
    CHECK(requests.next(input, item) && redtail::keys_of(item.args()).indices == std::vector<std::size_t>({1, 3}));
    const std::vector<redtail_slice> del(100, redtail_slice{"DEL", 3});
    CHECK(redtail::keys_of({del.data(), del.size()}).indices.size() == 99 && redtail::keys_of({del.data(), 1}).kind == REDTAIL_UNKNOWN_KEYS);
    CHECK(thrown([&] { redtail::keys_of({nullptr, 0}); }) == REDTAIL_ERROR_ARGUMENT);
    redtail_slice cluster{"cluster", 7};
    CHECK(redtail::migration_name(redtail::migration_of({&cluster, 1})) == "word");
    CHECK(redtail::migration_of({del.data(), del.size()}) == REDTAIL_MIGRATION_NONE);
    CHECK(thrown([&] { redtail::migration_of({nullptr, 0}); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(redtail::unquote("").empty() && redtail::unquote({}).empty());
}

static void sessions() {
    redtail::session session = redtail::session::recorded(100);
    const std::string bytes = "+CONTINUE 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n*1\r\n$7\r\nFLUSHDB\r\n";
    redtail::session::room room = session.space();
    std::memcpy(room.data, bytes.data(), bytes.size());
    session.received(bytes.size());
    redtail::status left;
    std::string seen;
    for (const redtail::event &event : session.events(0, left)) {
        if (event.kind() == REDTAIL_EVENT_COMMAND) {
            seen = event.args()[0];
            CHECK(event.offset() == 117 && !event.db() && event.raw().size() == 17);
            CHECK(event.keys().kind == REDTAIL_ALL_KEYS && event.keys().indices.empty());
        }
        if (event.kind() == REDTAIL_EVENT_ATTACHED)
            CHECK(event->attached->method == REDTAIL_METHOD_CONTINUED);
    }
    CHECK(seen == "FLUSHDB" && left == REDTAIL_NEED_MORE && std::strcmp(left.name(), "REDTAIL_NEED_MORE") == 0);
    CHECK(thrown([&] { session.received(0); }) == REDTAIL_ERROR_ARGUMENT);
    session.received(0, left);
    CHECK(left == REDTAIL_ERROR_ARGUMENT && left.is_error());
    CHECK(session.to_send().empty());

    // With exceptions
    int commands = 0;
    const std::string more = "*1\r\n$7\r\nFLUSHDB\r\n";
    room = session.space();
    std::memcpy(room.data, more.data(), more.size());
    session.received(more.size());
    for (const redtail::event &event : session.events(1))
        commands += event.kind() == REDTAIL_EVENT_COMMAND && event.offset() == 134;
    redtail::event event;
    CHECK(commands == 1 && session.left() == REDTAIL_NEED_MORE && session.next(event, 1) == REDTAIL_NEED_MORE);
    session.silent();
    session.stamp(5);
    session.keep_alive(2);
    session.login(nullptr, "secret");
    CHECK(thrown([&] { session.login("\xff", ""); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(session.deadline_ms() > 0 && session.position()->offset() == 134);
    CHECK(thrown([&] { session.commit(redtail::position(redtail_position())); }) == REDTAIL_ERROR_POSITION);
    session.commit(*session.position());

    redtail::options options;
    options.start = 99;
    redtail::session wrong(options);
    CHECK(thrown([&] { wrong.deadline_ms(); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.silent(); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { wrong.stamp(1); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.keep_alive(1); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { wrong.next(event, 1); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.to_send(); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { for (const redtail::event &e : wrong.events(1)) (void)e; }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { wrong.position(); }) == REDTAIL_ERROR_ARGUMENT);
    wrong.keep_alive(1, left);
    CHECK(left == REDTAIL_ERROR_ARGUMENT && wrong.deadline_ms(left) == 0 && left.is_error());
    wrong.commit(*session.position(), left);
    wrong.silent(left);
    wrong.stamp(1, left);
    CHECK(left == REDTAIL_ERROR_ARGUMENT && wrong.to_send(left).empty());
}

static void followers() {
    redtail::options options;
    options.no_reconnect = 1;
    redtail::follower follower(options);
    redtail::handle handle = follower.handle();
    CHECK(thrown([&] { follower.connect("127.0.0.1:1"); }) == REDTAIL_ERROR_CONNECT);
    redtail::status left;
    follower.connect("nowhere", left);
    CHECK(left == REDTAIL_ERROR_ADDRESS && std::strstr(follower.message(), "nowhere:6379"));
    CHECK(thrown([&] { for (const redtail::event &event : follower) (void)event; }) == REDTAIL_ERROR_STATE);
    for (const redtail::event &event : follower.events(left))
        (void)event;
    CHECK(left == REDTAIL_ERROR_STATE && !follower.position());
    redtail::event event;
    CHECK(!follower.next(event, 1, left) && left == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { follower.next(event, 1); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { follower.batch([](const redtail::event &) {}); }) == REDTAIL_ERROR_STATE);
    follower.batch([](const redtail::event &) { return true; }, left);
    CHECK(left == REDTAIL_ERROR_STATE && thrown([&] { follower.login("\xff", "x"); }) == REDTAIL_ERROR_ARGUMENT);
    follower.login("user", "secret");
    follower.login(nullptr, {}, left);
    CHECK(left == REDTAIL_OK);
    CHECK(thrown([&] { follower.commit(redtail::position("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0")); }) == REDTAIL_ERROR_STATE);
    { redtail::follower gone = std::move(follower); }
    options.start = 77;
    redtail::follower wrong(options);
    CHECK(thrown([&] { wrong.handle(); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.position(); }) == REDTAIL_ERROR_ARGUMENT && std::strstr(wrong.message(), "start is 77"));
    handle.stop();
    CHECK(handle.heartbeat());
    CHECK(handle.commit(redtail::position("26e9aa58837d8095338f33e660463dbdf56c86c9:5:0")));
    CHECK(!handle.commit(redtail::position(redtail_position())));
}

static void snapshots() {
    const std::string file("REDIS0010\xfe\x02\x05\x01z\x01\x01m\0\0\0\0\0\0\xf8\x3f\xff\0\0\0\0\0\0\0\0rest", 38);
    std::string_view input(file);
    redtail::rdb rdb;
    std::string seen;
    for (const redtail::snapshot_item &item : rdb.items(input)) {
        if (item.kind() == REDTAIL_RDB_ITEM_KEY)
            seen += std::to_string(item->db) + (item.expires_ms() ? " expires " : " ") + std::string(item.bytes());
        if (item.kind() == REDTAIL_RDB_ITEM_TEXT)
            seen += " " + std::string(item.bytes());
        if (item.kind() == REDTAIL_RDB_ITEM_SCORE)
            seen += " " + std::to_string(item->score).substr(0, 3);
    }
    CHECK(seen == "2 z m 1.5" && input == "rest" && rdb.offset() == file.size() - 4 && !rdb.error_offset());
    rdb.finish();
    redtail::snapshot_item item;
    redtail::status left;
    CHECK(!rdb.next(input, item, left) && left == REDTAIL_END && rdb.needed() == 0);

    redtail::rdb other(0, 100);
    input = "REDIS0010";
    CHECK(other.next(input, item) && item.kind() == REDTAIL_RDB_ITEM_START && item->number == 10);
    CHECK(!other.next(input, item) && other.needed() > 0 && other.offset() == 109);
    CHECK(item.kind_name() == "start" && !other.error_kind());
    CHECK(thrown([&] { other.finish(); }) == REDTAIL_ERROR_SNAPSHOT && other.error_offset() == 109u);
    CHECK(other.error_kind() == REDTAIL_RDB_ERROR_TRUNCATED);
    other.finish(left);
    CHECK(left == REDTAIL_ERROR_SNAPSHOT && std::strstr(other.message(), "cut short"));
    redtail::rdb broken;
    input = "hello";
    CHECK(thrown([&] { for (const redtail::snapshot_item &i : broken.items(input)) (void)i; }) == REDTAIL_ERROR_SNAPSHOT);
    for (const redtail::snapshot_item &i : broken.items(input, left))
        (void)i;
    CHECK(left == REDTAIL_ERROR_SNAPSHOT && input == "hello" && std::strstr(broken.message(), "not a snapshot"));
    redtail::rdb wrong(64);
    CHECK(thrown([&] { wrong.needed(); }) == REDTAIL_ERROR_ARGUMENT && wrong.offset(left) == 0 && left.is_error());
    redtail::rdb moved = std::move(wrong);
    CHECK(std::strstr(moved.message(), "0x40"));
}

static void encoder() {
    std::string encoded = redtail::encode_command({"SET", "", "a b"});
    CHECK(encoded == "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\na b\r\n");
    CHECK(redtail::encode_command(std::vector<std::string>{"PING"}) == "*1\r\n$4\r\nPING\r\n");
    CHECK(thrown([] { redtail::encode_command(std::vector<std::string>()); }) == REDTAIL_ERROR_ARGUMENT);
}

static void positions() {
    const std::string text = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:3";
    redtail::position position(text);
    CHECK(position.text() == text && position.offset() == 1311 && position.db() == 3u && position.history() == position.replid());
    CHECK(!redtail::position::parse("nonsense"));
    CHECK(thrown([] { redtail::position("nonsense"); }) == REDTAIL_ERROR_POSITION);
}

static void sentinels() {
    const char *nowhere = "127.0.0.1:1";
    redtail::sentinel sentinel;
    redtail::follower follower;
    redtail::status left;
    follower.connect(sentinel, left);
    CHECK(left == REDTAIL_ERROR_ARGUMENT);
    sentinel.name = "mymaster";
    sentinel.addresses = &nowhere;
    sentinel.address_count = 1;
    CHECK(thrown([&] { follower.connect(sentinel); }) == REDTAIL_ERROR_CONNECT);
}

/* What becomes of the callbacks is shown with a real cluster: shards.cpp. */
static void clusters() {
    const char *nowhere = "127.0.0.1:1";
    redtail::cluster_options of;
    redtail::status left;
    const auto each = [](redtail::shard, const redtail::event &) {};
    CHECK(thrown([&] { redtail::cluster(of).follow(each); }) == REDTAIL_ERROR_ARGUMENT);
    of.nodes = &nowhere;
    of.node_count = 1;
    redtail::cluster made(of);
    redtail::cluster cluster(std::move(made));
    CHECK(thrown([&] { cluster.wait(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.positions(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.committed(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.follow(each, [](const redtail::notice &) {}); }) == REDTAIL_ERROR_CONNECT);
    cluster.follow(each, left, {}, [](redtail::shard) {});
    CHECK(left == REDTAIL_ERROR_CONNECT && std::strstr(cluster.message(), "no node tells") != nullptr);
    cluster.login("user", "password");
    cluster.login(nullptr, "", left);
    CHECK(left == REDTAIL_OK);
    cluster.stop();
    cluster.follow(each, left);
    CHECK(left == REDTAIL_CLOSED);
    cluster = redtail::cluster(of);
    CHECK(thrown([&] { cluster.follow(each); }) == REDTAIL_ERROR_CONNECT);
    CHECK(redtail::slot("user:{1000}:name") == redtail::slot("1000") && redtail::slot("123456789") == 12739);
    CHECK(!redtail::shard());
}

int main() {
    parsers();
    batches();
    sessions();
    followers();
    snapshots();
    encoder();
    positions();
    sentinels();
    clusters();
    if (failures == 0)
        std::puts("the wrapper holds");
    return failures > 0;
}
