// The C++ wrapper: ownership, errors, loops.
#include <cstdio>
#include <cstring>
#include <redtail.hpp>
#include <stdexcept>
#include <type_traits>
#if __cplusplus >= 202002L
#include <ranges>
#endif
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
    input = "*1\r\n$4\r\nPING\r\nhello";
    int items = 0;
    CHECK(thrown([&] {
              for (const redtail::item &each : moved.items(input))
                  items += each.raw().size() == 14 && each.offset() == 49;
          }) == REDTAIL_ERROR_PROTOCOL);
    CHECK(items == 1 && input == "hello");
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
    redtail_token array[4];
    redtail::parser replies(REDTAIL_MODE_TOKENS);
    std::string_view reply = "*2\r\n:1\r\n:2\r\n$5\r\nhe";
    CHECK(replies.tokens(reply, array, 4) == 4 && array[2].integer == 2 && array[3].step == REDTAIL_TOKEN_END);
    CHECK(replies.tokens(reply, array, 4) == 0 && reply.size() == 6);
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

// An exception of a callback leaves the batch, and does not pass through C.
template <class Call> static bool throws_out(Call call) {
    try {
        call();
        return false;
    } catch (const std::out_of_range &) {
        return true;
    }
}

static void servers() {
    const redtail::server redis("redis-8.10.2"), valkey("valkey 9.1.2");
    CHECK(redis.text() == "redis 8.10.2" && valkey->major == 9 && valkey->minor == 1 && valkey.c().patch == 2);
    CHECK(redtail::product_name(valkey->product) == "valkey" && !redtail::server::parse("keydb-6.3"));
    CHECK(redtail::server::parse("redis-7.0")->text() == "redis 7.0.0");
    CHECK(thrown([] { redtail::server("7.0"); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([] { redtail::server::newest_tested(3); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([] { redtail::server(redtail_server{}).snapshot_format(); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(redis.is_since(REDTAIL_PRODUCT_REDIS, 8, 9) && !redis.is_since(REDTAIL_PRODUCT_VALKEY, 8, 9));
    CHECK(!redis.is_newer_than_tested() && !redtail::server::newest_tested(REDTAIL_PRODUCT_VALKEY).is_newer_than_tested());
    CHECK(redis.snapshot_format().magic == REDTAIL_RDB_MAGIC_REDIS && redis.snapshot_format().version == 15);
    CHECK(valkey.reads({REDTAIL_RDB_MAGIC_REDIS, 11}) && !valkey.reads(redis.snapshot_format()));
}

static void command_specs() {
    redtail::command_specs specs;
    const redtail_slice push[] = {{"Q.PUSH", 6}, {"a", 1}, {"1", 1}};
    const redtail::args command(push, 3);
    CHECK(specs.keys_of(command, 0).kind == REDTAIL_UNKNOWN_KEYS && !specs.is_write(command));
    CHECK(specs.learn("*1\r\n*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n") == 1);
    CHECK(specs.keys_of(command, 4).touched.size() == 1 && specs.keys_of(command, 4).touched[0].db == 4);
    CHECK(specs.is_write(command) == true);
    CHECK(thrown([&] { specs.learn("*1\r\n"); }) == REDTAIL_ERROR_UNEXPECTED);
    CHECK(thrown([&] { specs.learn("-NOPERM no\r\n"); }) == REDTAIL_ERROR_REFUSED && std::strcmp(specs.message(), "NOPERM no") == 0);
    CHECK(thrown([&] { specs.is_write(redtail::args(push, 0)); }) == REDTAIL_ERROR_ARGUMENT);
}

static void key_finder() {
    redtail::command_specs specs;
    redtail::key_finder finder;
    specs.learn("*1\r\n*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n");
    CHECK(thrown([&] { finder.argument(1); }) == REDTAIL_ERROR_STATE);
    finder.begin(3);
    CHECK(!finder.argument(6) && finder.keys(0).kind == REDTAIL_NEED_MORE);
    finder.piece("Q.PUSH");
    CHECK(!finder.is_write() && finder.keys(0).kind == REDTAIL_UNKNOWN_KEYS);
    CHECK(finder.learn(specs) && finder.is_write() == true && !finder.is_done());
    CHECK(finder.argument(1) && finder.is_done());
    finder.piece("a");
    CHECK(!finder.argument(0));
    finder.end();
    CHECK(finder.keys(4).kind == REDTAIL_OK && finder.keys(4).touched.size() == 1 && finder.keys(4).touched[0].db == 4);
    CHECK(thrown([&] { finder.end(); }) == REDTAIL_ERROR_STATE && std::strlen(finder.message()) > 0);
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
    CHECK(thrown([&] { parser.batch(input, [&](const redtail::item &) { items++; }); }) == REDTAIL_ERROR_PROTOCOL);
    CHECK(parser.error_offset() == 128u && items == 1);
    CHECK(parser.error_kind() == REDTAIL_PROTOCOL_ERROR_UNEXPECTED);
    CHECK(thrown([&] { parser.batch(input, [](const redtail::item &) {}); }) == REDTAIL_ERROR_PROTOCOL);
    CHECK(thrown([&] { parser.start_at(5); }) == REDTAIL_ERROR_STATE);

    redtail::parser wrong(99);
    CHECK(thrown([&] { wrong.needed(); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.offset(); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { wrong.error_offset(); }) == REDTAIL_ERROR_ARGUMENT);

    redtail::parser requests(REDTAIL_MODE_REQUESTS);
    input = "SET \"a\\tb\" ''\r\n";
    redtail::item item;
    CHECK(requests.next(input, item) && redtail::unquote(item.args()[1]) == "a\tb" && redtail::unquote(item.args()[2]).empty());
    input = "*4\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n";
    CHECK(requests.next(input, item) && redtail::keys_of(item.args(), 0).touched.size() == 2 && redtail::keys_of(item.args(), 0).touched[1].index == 3);
    CHECK(redtail::is_write(item.args()) == true && redtail::access_name(redtail::keys_of(item.args(), 0).touched[1].access) == "write");
    const std::vector<redtail_slice> del(100, redtail_slice{"DEL", 3});
    CHECK(redtail::keys_of({del.data(), del.size()}, -1).touched.size() == 99 && redtail::keys_of({del.data(), 1}, -1).kind == REDTAIL_UNKNOWN_KEYS);
    CHECK(thrown([&] { redtail::keys_of({nullptr, 0}, 0); }) == REDTAIL_ERROR_ARGUMENT);
    redtail_slice cluster{"cluster", 7};
    redtail::migrations migrations;
    CHECK(redtail::migration_name(migrations.next({&cluster, 1})) == "message");
    CHECK(migrations.next({del.data(), del.size()}) == REDTAIL_MIGRATION_NONE);
    CHECK(redtail::unquote("").empty() && redtail::unquote({}).empty());
}

static void sessions() {
    redtail::session session = redtail::session::recorded(100);
    const std::string bytes = "+CONTINUE 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n*1\r\n$7\r\nFLUSHDB\r\n";
    redtail::session::room room = session.space();
    std::memcpy(room.data, bytes.data(), bytes.size());
    session.received(bytes.size());
    std::string seen;
    for (const redtail::event &event : session.events(0)) {
        if (event.kind() == REDTAIL_EVENT_COMMAND) {
            seen = event.args()[0];
            CHECK(event.offset() == 117 && !event.db() && event.raw().size() == 17);
            CHECK(event.keys().kind == REDTAIL_ALL_KEYS && event.keys().touched.size() == 1);
            CHECK(event.keys().touched[0].index == 0 && event.keys().touched[0].db == -1);
            CHECK(event.is("flushdb") && !event.is("FLUSHALL"));
        }
        if (event.kind() == REDTAIL_EVENT_ATTACHED)
            CHECK(event->attached->method == REDTAIL_METHOD_CONTINUED);
    }
    const redtail::status left = session.left();
    CHECK(seen == "FLUSHDB" && left == REDTAIL_NEED_MORE && std::strcmp(left.name(), "REDTAIL_NEED_MORE") == 0 && !left.is_error());
    CHECK(thrown([&] { session.received(0); }) == REDTAIL_ERROR_ARGUMENT);
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
    session.timer(2);
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
    CHECK(wrong.left() == REDTAIL_ERROR_ARGUMENT && wrong.left().is_error());
    CHECK(thrown([&] { wrong.commit(*session.position()); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.timer(1); }) == REDTAIL_ERROR_ARGUMENT);
}

static void followers() {
    redtail::options options;
    options.no_reconnect = true;
    redtail::follower follower(options);
    redtail::handle handle = follower.handle();
    CHECK(thrown([&] { follower.connect("127.0.0.1:1"); }) == REDTAIL_ERROR_CONNECT);
    CHECK(thrown([&] { follower.connect("nowhere"); }) == REDTAIL_ERROR_ADDRESS && std::strstr(follower.message(), "nowhere:6379"));
    CHECK(thrown([&] { for (const redtail::event &event : follower) (void)event; }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { for (const redtail::event &event : follower.events()) (void)event; }) == REDTAIL_ERROR_STATE);
    CHECK(!follower.position() && !follower.fd());
    redtail::event event;
    CHECK(thrown([&] { follower.next(event); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { follower.next(event, 1); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { follower.batch([](const redtail::event &) {}); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { follower.login("\xff", "x"); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { follower.record("/nowhere/at/all"); }) == REDTAIL_ERROR_RECORDING);
    follower.finish_recording();
    follower.login("user", "secret");
    follower.login(nullptr, {});
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
    CHECK(rdb.next(input, item) == REDTAIL_END && rdb.needed() == 0);

    redtail::rdb other(0, 100);
    input = "REDIS0010";
    CHECK(other.next(input, item) == REDTAIL_OK && item.kind() == REDTAIL_RDB_ITEM_START && item->number == 10);
    CHECK(other.next(input, item) == REDTAIL_NEED_MORE && other.needed() > 0 && other.offset() == 109);
    CHECK(item.kind_name() == "start" && !other.error_kind());
    CHECK(thrown([&] { other.finish(); }) == REDTAIL_ERROR_SNAPSHOT && other.error_offset() == 109u);
    CHECK(other.error_kind() == REDTAIL_RDB_ERROR_TRUNCATED);
    CHECK(std::strstr(other.message(), "cut short"));
    redtail::rdb broken;
    input = "hello";
    CHECK(thrown([&] { for (const redtail::snapshot_item &i : broken.items(input)) (void)i; }) == REDTAIL_ERROR_SNAPSHOT);
    CHECK(thrown([&] { broken.next(input, item); }) == REDTAIL_ERROR_SNAPSHOT && input == "hello" && std::strstr(broken.message(), "not a snapshot"));
    redtail::rdb wrong(64);
    CHECK(thrown([&] { wrong.needed(); }) == REDTAIL_ERROR_ARGUMENT && thrown([&] { wrong.offset(); }) == REDTAIL_ERROR_ARGUMENT);
    redtail::rdb moved = std::move(wrong);
    CHECK(std::strstr(moved.message(), "0x40"));
}

static void dumps() {
    const std::string payload("\0\x03" "abc\t\0\t^a\xf1\x15\xf4\xc1S", 15);
    redtail::dump dump(payload);
    std::string seen;
    for (const redtail::snapshot_item &item : dump.items())
        seen += std::string(item.kind_name()) + std::string(item.bytes()) + " ";
    CHECK(seen == "start key textabc key_end end " && !dump.error_offset() && !dump.error_kind());
    redtail::snapshot_item item;
    CHECK(!dump.next(item));
    redtail::dump broken(std::string_view(payload).substr(0, 14));
    CHECK(thrown([&] { broken.next(item); }) == REDTAIL_ERROR_SNAPSHOT && broken.error_offset() == 6u);
    CHECK(broken.error_kind() == REDTAIL_RDB_ERROR_CHECKSUM && std::strstr(broken.message(), "checksum"));
}

static void compressed_files() {
    std::string_view left = "REDIS0011";
    redtail::decompress plain([&left](char *space, std::size_t room) {
        std::size_t count = left.copy(space, room < 4 ? room : 4);
        left.remove_prefix(count);
        return count;
    });
    CHECK(!plain.name());
    std::string seen;
    char space[100];
    while (std::size_t count = plain.read(space, sizeof space)) seen.append(space, count);
    CHECK(seen == "REDIS0011" && !plain.name() && std::string_view(plain.message()).empty());
    redtail::decompress failing([](char *, std::size_t) -> std::size_t { throw std::runtime_error("no bytes"); });
    bool caught = false;
    try {
        failing.read(space, sizeof space);
    } catch (const std::runtime_error &error) {
        caught = std::string_view(error.what()) == "no bytes";
    }
    CHECK(caught);
}

static void wrapped_writes() {
    const std::string origin = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";
    const std::string write = redtail::encode_command({"SET", "k", "v"});
    const std::string outer = redtail::encode_command({"RREPLAY", origin, write, "7"});
    redtail::parser parser(REDTAIL_MODE_STREAM);
    redtail::item command;
    std::string_view input = outer;
    CHECK(parser.next(input, command));
    std::optional<redtail::wrapped> found = redtail::unwrap(command.args());
    CHECK(found && found->origin == origin && found->commands == write && found->db == 7u && !found->mvcc);
    input = write;
    redtail::parser inner(REDTAIL_MODE_STREAM);
    CHECK(inner.next(input, command) && command.args()[0] == "SET" && !redtail::unwrap(command.args()));
    CHECK(thrown([] { redtail::unwrap(redtail::args(nullptr, 0)); }) == REDTAIL_ERROR_ARGUMENT);
}

static void migrations() {
    redtail::migrations migrations;
    redtail_migration_task task;
    redtail::parser parser(REDTAIL_MODE_STREAM);
    const std::string bytes = redtail::encode_command({"CLUSTER", "SYNCSLOTS", "CONF", "ASM-TASK", "x:y:z:import:connecting:0-9"}) +
                              redtail::encode_command({"SET", "{06S}", "v"}) + redtail::encode_command({"SET", "{06S}", "v"});
    std::string_view input = bytes;
    std::string seen;
    for (const redtail::item &item : parser.items(input)) {
        seen += redtail::migration_name(migrations.next(item.args(), &task));
        seen += std::string(" ") + task.id + " " + std::string(redtail::migration_side_name(task.side)) + " " + task.slots + "\n";
        if (seen.find("imported") != std::string::npos) migrations.clear();
    }
    CHECK(seen == "begins x import 0-9\nimported x import 0-9\nnone  none \n");
    CHECK(thrown([&] { migrations.next(redtail::args(nullptr, 0)); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(std::strstr(migrations.message(), "args is NULL"));
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
    redtail::sentinel sentinel;
    redtail::follower follower;
    CHECK(thrown([&] { follower.connect(sentinel); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { redtail::find_primary(sentinel); }) == REDTAIL_ERROR_ARGUMENT);
    sentinel.name = "mymaster";
    sentinel.addresses = {"127.0.0.1:1"};
    CHECK(thrown([&] { follower.connect(sentinel); }) == REDTAIL_ERROR_CONNECT);
    CHECK(thrown([&] { redtail::find_primary(sentinel); }) == REDTAIL_ERROR_CONNECT);
}

/* A recording, served, followed through each of the loops, and found again by its position. */
static void primaries() {
    const std::string recorded("+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n$18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0"
                               "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$3\r\nsEt\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", 149);
    redtail::primary primary;
    CHECK(primary.address().empty() && thrown([&] { primary.serve_file("/nowhere/at/all"); }) == REDTAIL_ERROR_RECORDING);
    CHECK(thrown([&] { primary.serve_bytes({}); }) == REDTAIL_ERROR_RECORDING);
    primary.serve_bytes(recorded);

    std::string seen;
    redtail::position after_set;
    redtail::tls with_authority;
    with_authority.ca_file = "ca.pem";
    CHECK(!redtail::tls() && with_authority);
    CHECK(!after_set && after_set.text().empty() && after_set == redtail::position());
    redtail::follower follower;
    follower.connect(primary.address());
    primary.check();
    CHECK(follower.fd());
    for (const redtail::event &event : follower) {
        if (event.kind() != REDTAIL_EVENT_COMMAND) continue;
        seen += std::string(event.args()[0]) + " ";
        if (event.is("set")) after_set = *event.position();
        if (event.is("del")) break;
    }
    CHECK(seen == "sEt DEL " && after_set && after_set != follower.position() && *follower.position() == follower.position());
    CHECK(redtail::position(after_set.text()) == after_set);
    redtail::options ignored;
    ignored.position = after_set; /* without a start at it */
    redtail::follower refused(ignored);
    CHECK(thrown([&] { refused.connect(primary.address()); }) == REDTAIL_ERROR_ARGUMENT);

#if __cplusplus >= 202002L
    static_assert(std::ranges::input_range<redtail::follower> && std::ranges::input_range<decltype(follower.events())>);
    redtail::follower resumed({.start = REDTAIL_START_AT, .position = after_set, .silence_ms = 5000, .limits = {.line = 4096}});
#else
    redtail::options options;
    options.start = REDTAIL_START_AT;
    options.position = after_set;
    options.limits.line = 4096;
    redtail::follower resumed(options);
#endif
    resumed.connect(primary.address());
    seen.clear();
    redtail::status ended;
    while (ended == REDTAIL_OK) /* the attach alone may have been received */
        ended = resumed.batch([&](const redtail::event &event) {
            if (event.kind() == REDTAIL_EVENT_COMMAND) seen += event.args()[0];
            return !seen.empty();
        });
    redtail::event event;
    CHECK(ended == REDTAIL_STOPPED && seen == "DEL" && resumed.next(event, 0) == REDTAIL_IDLE);
}

/* What becomes of the callbacks is shown with a real cluster: shards.cpp. */
static void clusters() {
    redtail::cluster_options of;
    const auto each = [](redtail::shard, const redtail::event &) {};
    CHECK(thrown([&] { redtail::cluster(of).follow(each); }) == REDTAIL_ERROR_ARGUMENT);
    CHECK(thrown([&] { redtail::find_nodes(of); }) == REDTAIL_ERROR_ARGUMENT);
    of.nodes = {"127.0.0.1:1"};
    CHECK(thrown([&] { redtail::find_nodes(of); }) == REDTAIL_ERROR_CONNECT);
    redtail::cluster made(of);
    redtail::cluster cluster(std::move(made));
    CHECK(thrown([&] { cluster.wait(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.positions(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.committed(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { cluster.follow(each, [](const redtail::notice &) {}); }) == REDTAIL_ERROR_CONNECT);
    CHECK(thrown([&] { cluster.follow(each, {}, [](redtail::shard) {}); }) == REDTAIL_ERROR_CONNECT);
    CHECK(std::strstr(cluster.message(), "no node tells") != nullptr);
    cluster.login("user", "password");
    cluster.login("user", "");
    CHECK(thrown([&] { cluster.login("user", {}); }) == REDTAIL_ERROR_ARGUMENT);
    cluster.login(nullptr, "");
    cluster.stop();
    CHECK(cluster.follow(each) == REDTAIL_CLOSED);
    cluster = redtail::cluster(of);
    CHECK(thrown([&] { cluster.follow(each); }) == REDTAIL_ERROR_CONNECT);
    CHECK(redtail::slot("user:{1000}:name") == redtail::slot("1000") && redtail::slot("123456789") == 12739);
    CHECK(redtail::glob_matches("user:*", "user:1000") && !redtail::glob_matches("user:?", "user:1000"));
    const redtail::shard none;
    CHECK(!none && !redtail::shard(nullptr));
    CHECK(thrown([] { redtail::shard().id(); }) == REDTAIL_ERROR_STATE && thrown([] { redtail::shard().slots(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { none.target(); }) == REDTAIL_ERROR_STATE && thrown([&] { none.position(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { none.commit({}); }) == REDTAIL_ERROR_STATE && thrown([&] { none.heartbeat(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { none.stop(); }) == REDTAIL_ERROR_STATE && thrown([&] { none.message(); }) == REDTAIL_ERROR_STATE);
    CHECK(thrown([&] { none.set_context(nullptr); }) == REDTAIL_ERROR_STATE && thrown([&] { none.context(); }) == REDTAIL_ERROR_STATE);
    redtail_notice without_shard = {};
    CHECK(thrown([&] { redtail::notice(&without_shard).shard().id(); }) == REDTAIL_ERROR_STATE);
}

int main() {
    parsers();
    servers();
    command_specs();
    key_finder();
    batches();
    sessions();
    followers();
    snapshots();
    dumps();
    compressed_files();
    wrapped_writes();
    migrations();
    encoder();
    positions();
    sentinels();
    primaries();
    clusters();
    if (failures == 0)
        std::puts("the wrapper holds");
    return failures > 0;
}
