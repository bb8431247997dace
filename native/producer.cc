// The quick way of Producer (src/ring/producer.ts) in one call: is there plenty of room, then encode, frame,
// publish. Where things stand in the ring it is told at creation: src/ring/layout.ts alone knows. And, in one more
// call, what a line is to be counted as when it is dropped. Every nanosecond here is one on the application's
// thread, so these two calls do without node-addon-api's CallbackInfo, which takes six of them.

#include "producer.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "arguments.h"

namespace pino_pinned {

namespace {

// What this file itself knows of a record: a u32 length and a u32 meta word, then text padded to 8.
constexpr uint32_t kHeaderBytes = 8;
constexpr uint32_t kPadding = 8;
// UTF-8 needs at most three bytes a UTF-16 unit.
constexpr uint32_t kMostBytesAUnit = 3;
constexpr size_t kMostBytesACharacter = 4;
// A line of so many bytes or more is measured by JavaScript.
constexpr size_t kLongBytes = 8192;
constexpr uint32_t kLevelBits = 7;

struct Publisher {
  std::atomic<int32_t>* published;
  // Written by JavaScript on this same thread.
  const int32_t* quick_end;
  double* accepted;
  char* data;
  uint32_t mask;
  uint32_t most_payload;
  int32_t meta;
};

// True if the line was published; else nothing was written, and it must go the careful way. Also false for
// whatever is not a string.
bool TryPublish(napi_env env, napi_value text, const Publisher& ring) {
  size_t units;
  if (napi_get_value_string_latin1(env, text, nullptr, 0, &units) != napi_ok) return false;
  if (units > ring.most_payload / kMostBytesAUnit) return false;
  // This thread alone stores the position.
  const uint32_t position = static_cast<uint32_t>(ring.published->load(std::memory_order_relaxed));
  const uint32_t most = static_cast<uint32_t>(units) * kMostBytesAUnit + kHeaderBytes + kPadding - 1;
  if (static_cast<int32_t>(position + most - static_cast<uint32_t>(*ring.quick_end)) > 0) return false;

  char* record = ring.data + (position & ring.mask);
  size_t size;
  // Room for a NUL, which the encoder writes: behind the record is free space, or slack.
  if (napi_get_value_string_utf8(env, text, record + kHeaderBytes, ring.most_payload + 1, &size) != napi_ok) return false;
  const int32_t header[2] = {static_cast<int32_t>(size), ring.meta};
  static_assert(sizeof header == kHeaderBytes, "the header is a length and a meta word");
  std::memcpy(record, header, sizeof header);
  *ring.accepted += 1;
  const uint32_t bytes = kHeaderBytes + ((static_cast<uint32_t>(size) + kPadding - 1) & ~(kPadding - 1));
  // Pairs with the load in Consumer.look. Sequentially consistent, for a parked writer's sake: the caller looks
  // next whether it sleeps.
  ring.published->store(static_cast<int32_t>(position + bytes));
  return true;
}

// The level of a line that starts with {"level":30, or another of pino's own; else 0.
uint32_t ShownLevel(const char* line, size_t size) {
  constexpr char kKey[] = "{\"level\":";
  constexpr size_t kAt = sizeof kKey - 1;
  if (size < kAt + 3 || std::memcmp(line, kKey, kAt) != 0 || line[kAt + 1] != '0' || line[kAt + 2] != ',') return 0;
  return line[kAt] >= '1' && line[kAt] <= '6' ? static_cast<uint32_t>(line[kAt] - '0') * 10 : 0;
}

napi_value TryPublishCall(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value text;
  void* ring;
  napi_value result;
  if (napi_get_cb_info(env, info, &count, &text, nullptr, &ring) != napi_ok) return nullptr;
  const bool is_published = TryPublish(env, text, *static_cast<Publisher*>(ring));
  return napi_get_boolean(env, is_published, &result) == napi_ok ? result : nullptr;
}

bool ReadPublisher(Napi::Value words, Napi::Value layout, Publisher* ring) {
  const Napi::Env env = words.Env();
  int32_t* first;
  size_t length;
  if (!ReadSharedWords(words, &first, &length)) return false;
  const LayoutReader read(layout);
  if (!read.IsObject()) return false;
  const double bytes = static_cast<double>(length) * sizeof(int32_t);
  const double last_word = static_cast<double>(length) - 1;
  double capacity, data_start, header, most_payload, published, quick_end, accepted, meta;
  if (!read("capacity", kPadding, bytes, &capacity) ||
      !read("dataStart", 0, bytes - capacity, &data_start) ||
      !read("headerBytes", kHeaderBytes, kHeaderBytes, &header) ||
      // What starts last runs on behind the data, and the encoder's NUL behind that.
      !read("mostPayload", 0, bytes - data_start - capacity - kHeaderBytes - 1, &most_payload) ||
      !read("published", 0, last_word, &published) ||
      !read("quickEnd", 0, last_word, &quick_end) ||
      !read("linesAccepted", 0, (last_word - 1) / 2, &accepted) ||
      !read("meta", INT32_MIN, INT32_MAX, &meta)) {
    return false;
  }
  const uint32_t mask = static_cast<uint32_t>(capacity) - 1;
  const uintptr_t start = reinterpret_cast<uintptr_t>(first);
  if ((static_cast<uint32_t>(capacity) & mask) != 0 || static_cast<uint32_t>(data_start) % kPadding != 0 || start % sizeof(double) != 0) {
    ThrowRange(env, "layout: capacity must be a power of two, dataStart and the words aligned to 8 bytes");
    return false;
  }
  *ring = {reinterpret_cast<std::atomic<int32_t>*>(first + static_cast<size_t>(published)),
           first + static_cast<size_t>(quick_end),
           reinterpret_cast<double*>(first) + static_cast<size_t>(accepted),
           reinterpret_cast<char*>(first) + static_cast<size_t>(data_start),
           mask,
           static_cast<uint32_t>(std::min<double>(most_payload, std::numeric_limits<int32_t>::max())),
           static_cast<int32_t>(meta)};
  return true;
}

}  // namespace

napi_value MeasureLine(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value text;
  if (napi_get_cb_info(env, info, &count, &text, nullptr, nullptr) != napi_ok) return nullptr;
  // A line that is cut, between two characters, has at least kLongBytes in here.
  char line[kLongBytes + kMostBytesACharacter];
  size_t size;
  // Encoding costs less than asking for the size.
  if (napi_get_value_string_utf8(env, text, line, sizeof line, &size) != napi_ok) {
    ThrowType(env, "text must be a string");
    return nullptr;
  }
  const uint32_t measured = size < kLongBytes ? static_cast<uint32_t>(size) << kLevelBits | ShownLevel(line, size) : 0;
  napi_value result;
  return napi_create_uint32(env, measured, &result) == napi_ok ? result : nullptr;
}

Napi::Value CreatePublisher(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Publisher ring;
  if (!ReadPublisher(info[0], info[1], &ring)) return {};
  Publisher* kept = new Publisher(ring);
  napi_value function;
  // The function holds the memory it writes to, by a property that nobody can take away.
  napi_property_descriptor words = {"words", nullptr, nullptr, nullptr, nullptr, info[0], napi_default, nullptr};
  const napi_finalize free = [](napi_env, void* data, void*) { delete static_cast<Publisher*>(data); };
  if (napi_create_function(env, "tryPublish", NAPI_AUTO_LENGTH, TryPublishCall, kept, &function) != napi_ok ||
      napi_define_properties(env, function, 1, &words) != napi_ok ||
      napi_add_finalizer(env, function, kept, free, nullptr, nullptr) != napi_ok) {
    delete kept;
    ThrowInternal(env, "no publisher could be made");
    return {};
  }
  return {env, function};
}

}  // namespace pino_pinned
