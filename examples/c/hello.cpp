// Prints every write of a server as it happens: "hello 127.0.0.1:6379".
#include <iostream>
#include <redtail.hpp>

int main(int argc, char **argv) try {
    redtail::follower follower;
    follower.connect(argc > 1 ? argv[1] : "127.0.0.1:6379");
    for (const redtail::event &event : follower)
        if (event.kind() == REDTAIL_EVENT_COMMAND) {
            for (std::size_t i = 0; i < event.args().size(); i++) std::cout << (i > 0 ? " " : "") << event.args()[i];
            std::cout << std::endl;
        }
    return 0;
} catch (const redtail::error &error) {
    return std::cerr << error.what() << '\n', 1;
}
