// Prints each key as it changes, and how often it has changed: "keys 127.0.0.1:6379 [PREFIX]" (C++20).
//
// The follower is a range of events, which ends with an exception. Its destructor closes the connection.
#include <iostream>
#include <ranges>
#include <redtail.hpp>
#include <span>
#include <unordered_map>

static bool is_command(const redtail::event &event) { return event.kind() == REDTAIL_EVENT_COMMAND; }
static bool is_changed(const redtail_key &key) { return key.access != REDTAIL_ACCESS_READ; }

int main(int argc, char **argv) try {
    const std::string_view prefix = argc > 2 ? argv[2] : "";
    std::unordered_map<std::string, std::uint64_t> counts;
    redtail::follower follower({.on_gap = REDTAIL_ON_GAP_CONTINUE}); // a gap makes the counts too low, no more
    follower.connect(argc > 1 ? argv[1] : "127.0.0.1:6379");

    for (const redtail::event &event : follower | std::views::filter(is_command)) {
        const redtail::keys keys = event.keys();
        if (keys.kind != REDTAIL_OK) continue; // no key, or keys that the command does not name
        // Views into the event, which is valid until the next one.
        const auto named = [&event](const redtail_key &key) { return event.args()[key.index]; };
        const auto begins = [prefix](std::string_view key) { return key.starts_with(prefix); };
        for (std::string_view key : std::span(keys.touched) | std::views::filter(is_changed) | std::views::transform(named)
                                        | std::views::filter(begins))
            std::cout << key << ' ' << ++counts[std::string(key)] << std::endl;
    }
    return 0;
} catch (const redtail::error &error) {
    std::cerr << "keys: " << error.what() << '\n';
    return 1;
}
