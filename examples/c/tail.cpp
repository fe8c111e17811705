// Prints every write of a server as it happens, until Ctrl-C: "tail 127.0.0.1:6379 [POSITION]".
#include <cerrno>
#include <csignal>
#include <iostream>
#include <redtail.hpp>

static const redtail::handle *stopper;

extern "C" void on_signal(int) {
    const int before = errno; // stop may be called in a signal handler, but changes errno
    stopper->stop();
    errno = before;
}

struct signals { // as long as their handle lives
    signals() { std::signal(SIGINT, on_signal), std::signal(SIGTERM, on_signal); }
    ~signals() { std::signal(SIGINT, SIG_DFL), std::signal(SIGTERM, SIG_DFL); }
};

int main(int argc, char **argv) try {
    redtail::options options;
    if (argc > 2) {
        options.start = REDTAIL_START_AT;
        options.position = redtail::position(argv[2]); // throws if it is not a position
    }

    redtail::follower follower(options);
    const redtail::handle handle = follower.handle();
    stopper = &handle;
    const signals handled;

    follower.connect(argc > 1 ? argv[1] : "127.0.0.1:6379");
    for (const redtail::event &event : follower) { // ends after stop; throws if something fails
        switch (event.kind()) {
        case REDTAIL_EVENT_ATTACHED:
            std::cerr << "following " << (event->attached->server ? event->attached->server : "a server") << '\n';
            break;
        case REDTAIL_EVENT_COMMAND:
            std::cout << event.offset();
            for (std::string_view argument : event.args())
                std::cout << ' ' << argument;
            std::cout << std::endl;
            break;
        case REDTAIL_EVENT_DISCONNECTED:
        case REDTAIL_EVENT_GAP:
            std::cerr << follower.message() << '\n';
            break;
        default:
            break; // kinds are added in minor versions
        }
    }
    if (auto position = follower.position())
        std::cerr << "go on from " << position->text() << '\n';
    return 0;
} catch (const redtail::error &error) {
    std::cerr << "tail: " << error.what() << '\n';
    return 1;
}
