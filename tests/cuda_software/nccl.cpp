// libnccl.so.2 of the software device: ranks are processes of one machine, and messages are files in a directory that the
// unique id names. Exchanges are queued on their stream and run, as everything does, when the program waits for it; they
// then wait for the other ranks.

#include "device.h"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <unistd.h>

namespace {

enum Status { UNHANDLED_CUDA_ERROR = 1, SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5 };
constexpr int FLOAT = 7, VERSION = 22703;
/// How long an exchange waits for another rank before it ends the process.
constexpr std::chrono::seconds LIMIT{120};

struct UniqueId {
    char directory[128];
};

struct Communicator {
    std::string directory;
    int rank, size;
    bool aborted = false;
    /// Numbers of the next messages, by rank.
    std::map<int, unsigned> sent = {}, received = {};

    std::string path(int from, int to, unsigned number) const {
        return directory + "/" + std::to_string(from) + "-" + std::to_string(to) + "-" + std::to_string(number);
    }

    void send(int to, const void* values, size_t bytes) {
        std::string file = path(rank, to, sent[to]++), written = file + ".part";
        FILE* output = std::fopen(written.c_str(), "wb");
        bool failed = !output || std::fwrite(values, 1, bytes, output) != bytes;
        if (failed || std::fclose(output) || std::rename(written.c_str(), file.c_str())) stop("cannot write " + file);
    }

    void receive(int from, void* values, size_t bytes) {
        std::string file = path(from, rank, received[from]++);
        auto start = std::chrono::steady_clock::now();
        FILE* input;
        while (!(input = std::fopen(file.c_str(), "rb"))) {
            if (std::chrono::steady_clock::now() - start > LIMIT) stop("no message " + file);
            usleep(200);
        }
        size_t length = std::fread(values, 1, bytes, input);
        if (length != bytes || std::fgetc(input) != EOF) stop("another length of " + file);
        std::fclose(input);
        std::remove(file.c_str());
    }

    [[noreturn]] static void stop(const std::string& why) {
        std::fprintf(stderr, "software device: NCCL: %s\n", why.c_str());
        _exit(86);
    }
};

/// A message of a group.
struct Message {
    std::shared_ptr<Communicator> communicator;
    void* stream;
    int other;
    void* values;
    size_t bytes;
    bool sends;
};

/// The group of this thread.
struct Group {
    int depth = 0, failed = 0;
    std::vector<Message> messages = {};
};

thread_local Group group;
std::map<void*, std::shared_ptr<Communicator>> communicators;

/// Returns a status, of which a group keeps the first that is a failure.
int fail(int status) {
    if (!group.failed) group.failed = status;
    return status;
}

std::shared_ptr<Communicator> living(void* handle) {
    auto found = communicators.find(handle);
    return found == communicators.end() ? nullptr : found->second;
}

void run(const std::vector<Message>& messages) {
    for (bool sends : {true, false}) {
        for (const Message& message : messages) {
            if (message.sends != sends || message.communicator->aborted) continue;
            if (sends) message.communicator->send(message.other, message.values, message.bytes);
            else message.communicator->receive(message.other, message.values, message.bytes);
        }
    }
}

/// Adds a message to the group.
int queue(const software::Call& call, void* values, size_t count, int type, int other, void* handle, void* stream, bool sends) {
    auto communicator = living(handle);
    if (!communicator) return call.refuse(INVALID_ARGUMENT, "not a communicator");
    if (!group.depth) return call.refuse(INVALID_USAGE, "a message outside of a group waits for ever");
    if (type != FLOAT || other < 0 || other >= communicator->size) return call.refuse(INVALID_ARGUMENT, "type or rank");
    if (!software::is_stream(stream)) return call.refuse(INVALID_ARGUMENT, "not a stream of the current device");
    size_t bytes = count * sizeof(float);
    if (!software::is_memory(software::stream_of(stream), values, bytes)) {
        return call.refuse(INVALID_ARGUMENT, "a message outside of the device's memory");
    }
    group.messages.push_back({communicator, stream, other, values, bytes, sends});
    return 0;
}

} // namespace

#define ENTER(needs_context)                                                                                           \
    software::Call call(__func__, needs_context, UNHANDLED_CUDA_ERROR, UNHANDLED_CUDA_ERROR);                          \
    if (call.status) return fail(call.status)

API int ncclGetVersion(int* version) {
    ENTER(false);
    *version = VERSION;
    return 0;
}

API const char* ncclGetErrorString(int) { return "a status of the software device"; }

API const char* ncclGetLastError(void*) { return ""; }

API int ncclGetUniqueId(UniqueId* id) {
    ENTER(false);
    const char* parent = std::getenv("TMPDIR");
    std::string directory = std::string(parent ? parent : "/tmp") + "/software-nccl-XXXXXX";
    if (directory.size() >= sizeof id->directory || !mkdtemp(directory.data())) return SYSTEM_ERROR;
    std::memcpy(id->directory, directory.c_str(), directory.size() + 1);
    return 0;
}

API int ncclCommInitRank(void** handle, int size, UniqueId id, int rank) {
    ENTER(true);
    if (rank < 0 || rank >= size) return call.refuse(INVALID_ARGUMENT, "the rank");
    auto created = std::make_shared<Communicator>(Communicator{id.directory, rank, size});
    char hello = 1;
    for (int other = 0; other < size; other++) created->send(other, &hello, 1);
    for (int other = 0; other < size; other++) created->receive(other, &hello, 1);
    *handle = created.get();
    communicators[*handle] = created;
    return 0;
}

API int ncclCommAbort(void* handle) {
    ENTER(false);
    auto communicator = living(handle);
    if (!communicator) return call.refuse(INVALID_ARGUMENT, "not a communicator");
    communicator->aborted = true;
    communicators.erase(handle);
    return 0;
}

API int ncclGroupStart() {
    ENTER(false);
    if (!group.depth++) group.messages.clear(), group.failed = 0;
    return 0;
}

API int ncclGroupEnd() {
    software::Call call(__func__, true, UNHANDLED_CUDA_ERROR, UNHANDLED_CUDA_ERROR);
    if (!group.depth) return call.refuse(INVALID_USAGE, "no group was started");
    if (--group.depth) return call.status;
    int failed = call.status ? call.status : group.failed;
    auto messages = std::move(group.messages);
    group = {};
    if (failed || messages.empty()) return failed;
    for (const Message& message : messages) {
        if (message.stream != messages[0].stream) return call.refuse(INVALID_USAGE, "a group on several streams");
    }
    software::enqueue(software::stream_of(messages[0].stream), [=] { run(messages); });
    return 0;
}

API int ncclSend(const void* values, size_t count, int type, int to, void* handle, void* stream) {
    ENTER(true);
    return fail(queue(call, const_cast<void*>(values), count, type, to, handle, stream, true));
}

API int ncclRecv(void* values, size_t count, int type, int from, void* handle, void* stream) {
    ENTER(true);
    return fail(queue(call, values, count, type, from, handle, stream, false));
}

API int ncclAllGather(const void* from, void* into, size_t count, int type, void* handle, void* on) {
    ENTER(true);
    auto communicator = living(handle);
    if (!communicator || type != FLOAT) return call.refuse(INVALID_ARGUMENT, "communicator or type");
    if (!software::is_stream(on)) return call.refuse(INVALID_ARGUMENT, "not a stream of the current device");
    software::Stream& stream = software::stream_of(on);
    size_t bytes = count * sizeof(float), all = bytes * size_t(communicator->size);
    if (!software::is_memory(stream, from, bytes) || !software::is_memory(stream, into, all)) {
        return call.refuse(INVALID_ARGUMENT, "an operand outside of the device's memory");
    }
    software::enqueue(stream, [=] {
        std::vector<Message> messages;
        for (int rank = 0; rank < communicator->size; rank++) {
            char* place = static_cast<char*>(into) + bytes * size_t(rank);
            messages.push_back({communicator, on, rank, const_cast<void*>(from), bytes, true});
            messages.push_back({communicator, on, rank, place, bytes, false});
        }
        run(messages);
    });
    return 0;
}
