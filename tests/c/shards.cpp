// A cluster through the wrapper: shards NODE. Writes are made from outside, each on request.
#include <atomic>
#include <iostream>
#include <redtail.hpp>
#include <stdexcept>

static int failures;
#define CHECK(condition) ((condition) ? (void)0 : (void)(std::cout << __LINE__ << ": not so: " << #condition << std::endl, failures++))

static redtail::cluster_options options(const char *node) {
    redtail::cluster_options made;
    made.nodes = {node};
    return made;
}

/* Follows until "end" is written, and returns the positions. */
static std::string handled(const redtail::cluster_options &of) {
    redtail::cluster cluster(of);
    std::atomic<int> added{0}, attached{0};
    cluster.follow(
        [&](redtail::shard shard, const redtail::event &event) {
            if (event.kind() == REDTAIL_EVENT_ATTACHED) {
                CHECK(shard && shard.context() == &attached && shard.commit(*event.position()) && shard.heartbeat());
                if (++attached == 3) std::cout << "attached" << std::endl;
            }
            if (event.kind() != REDTAIL_EVENT_COMMAND || event.args()[1] != "end") return false;
            CHECK(shard.target().rfind("127.0.0.1:", 0) == 0 && shard.slots().find('-') != std::string::npos);
            CHECK(redtail::migrations().next(event.args()) == REDTAIL_MIGRATION_NONE);
            CHECK(shard.id().size() == 40 && shard.message() != nullptr);
            return true;
        },
        [&](const redtail::notice &notice) {
            CHECK(notice.kind() == REDTAIL_NOTICE_ADDED && notice.message().find(notice.shard().id()) != std::string_view::npos);
            CHECK(notice->start == REDTAIL_START_NOW && !notice.position());
            notice.shard().set_context(&attached);
            ++added;
        },
        [](redtail::shard shard) { (void)shard.position(); });
    redtail::status left;
    do {
        left = cluster.wait(100);
        cluster.commit(cluster.positions());
    } while (left == REDTAIL_IDLE);
    CHECK(left == REDTAIL_STOPPED && added == 3 && attached == 3);
    CHECK(!cluster.committed().empty());
    return cluster.positions();
}

int main(int, char **argv) {
    const char *node = argv[1];
    std::string positions = handled(options(node));
    CHECK(positions.find('=') != std::string::npos);

    /* What an event's callback throws ends it, and comes out. */
    redtail::cluster_options of = options(node);
    of.positions = positions;
    of.prefer_replica = true; /* of which there are none */
    redtail::cluster cluster(of);
    std::atomic<int> attached{0};
    cluster.follow([&](redtail::shard, const redtail::event &event) {
        if (event.kind() == REDTAIL_EVENT_ATTACHED && ++attached == 3) std::cout << "attached" << std::endl;
        if (event.kind() == REDTAIL_EVENT_COMMAND) throw std::runtime_error("thrown on purpose");
    });
    try {
        cluster.wait();
        CHECK(false); /* it was not thrown */
    } catch (const std::runtime_error &thrown) {
        CHECK(thrown.what() == std::string("thrown on purpose"));
    }
    CHECK(cluster.wait() == REDTAIL_STOPPED);

    /* And so does what a notice's throws. */
    redtail::cluster other(of);
    other.follow([](redtail::shard, const redtail::event &) {}, [](const redtail::notice &) { throw 7; });
    try {
        other.wait();
        CHECK(false); /* it was not thrown */
    } catch (int thrown) {
        CHECK(thrown == 7);
    }
    std::cout << (failures == 0 ? "the wrapper holds" : "the wrapper does not hold") << std::endl;
    return failures > 0;
}
