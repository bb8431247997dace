// What Consumer.gather (src/ring/consumer.ts) mostly meets, in one call: whole lines, and the times that date them.
// Anything else ends the run, and is JavaScript's. A writer that has just been started would have that loop compiled by
// V8's helper threads, which take cores from the application.
//
// All that is read here was published before the call, and the gather space is the writer's alone: nothing is atomic.

#include "consumer.h"

#include <cstdint>
#include <cstring>

#include "arguments.h"

namespace pino_pinned {

namespace {

constexpr uint32_t kHeaderBytes = 8;
constexpr uint32_t kPadding = 8;

// What a call has gathered: three i32 words, and an f64 behind them.
struct Gathered {
  int32_t position;
  int32_t to;
  int32_t lines;
  int32_t unused;
  double time;
};

struct Gatherer {
  char* bytes;
  Gathered* gathered;
  uint32_t data_start;
  uint32_t mask;
  uint32_t most_payload;
  uint32_t gather_start;
  uint32_t gather_end;
  int32_t line_meta;
  int32_t time_meta;
};

// Returns whether there was anything for it to gather.
bool Gather(const Gatherer& ring, uint32_t position, uint32_t published, uint32_t to) {
  Gathered& gathered = *ring.gathered;
  const uint32_t start = position;
  int32_t lines = 0;
  while (static_cast<int32_t>(published - position) > 0) {
    const char* record = ring.bytes + ring.data_start + (position & ring.mask);
    uint32_t size;
    int32_t meta;
    std::memcpy(&size, record, sizeof size);
    std::memcpy(&meta, record + sizeof size, sizeof meta);
    const char* payload = record + kHeaderBytes;
    if (meta == ring.line_meta) {
      // One byte more than it takes, as JavaScript has it.
      if (size == 0 || size > ring.most_payload || size >= ring.gather_end - to || payload[size - 1] != '\n') break;
      std::memcpy(ring.bytes + to, payload, size);
      to += size;
      lines++;
    } else if (meta == ring.time_meta && size == sizeof gathered.time) {
      std::memcpy(&gathered.time, payload, sizeof gathered.time);
    } else {
      break;
    }
    position += kHeaderBytes + ((size + kPadding - 1) & ~(kPadding - 1));
  }
  gathered.position = static_cast<int32_t>(position);
  gathered.to = static_cast<int32_t>(to);
  gathered.lines = lines;
  return position != start;
}

napi_value GatherCall(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4];
  void* data;
  int32_t position, published, to;
  double time;
  if (napi_get_cb_info(env, info, &count, args, nullptr, &data) != napi_ok) return nullptr;
  const Gatherer& ring = *static_cast<Gatherer*>(data);
  if (napi_get_value_int32(env, args[0], &position) != napi_ok || napi_get_value_int32(env, args[1], &published) != napi_ok ||
      napi_get_value_int32(env, args[2], &to) != napi_ok || napi_get_value_double(env, args[3], &time) != napi_ok) {
    ThrowType(env, "position, published, to and time must be numbers");
    return nullptr;
  }
  const uint32_t from = static_cast<uint32_t>(position);
  const uint32_t until = static_cast<uint32_t>(published);
  const uint32_t place = static_cast<uint32_t>(to);
  if (from % kPadding != 0 || until - from > ring.mask + 1 || place < ring.gather_start || place > ring.gather_end) {
    ThrowRange(env, "position must be a multiple of 8 that lies before published in the ring, and to in the gather space");
    return nullptr;
  }
  ring.gathered->time = time;
  const bool is_any = Gather(ring, from, until, place);
  napi_value result;
  return napi_get_boolean(env, is_any, &result) == napi_ok ? result : nullptr;
}

bool ReadGatherer(Napi::Value words, Napi::Value layout, Napi::Value gathered, Gatherer* ring) {
  const Napi::Env env = words.Env();
  int32_t* first;
  int32_t* result;
  size_t length, result_length;
  if (!ReadSharedWords(words, &first, &length) || !ReadSharedWords(gathered, &result, &result_length)) return false;
  const LayoutReader read(layout);
  if (!read.IsObject()) return false;
  const double bytes = static_cast<double>(length) * sizeof(int32_t);
  double capacity, data_start, header, most_payload, gather_start, gather_end, line_meta, time_meta;
  if (!read("capacity", kPadding, bytes, &capacity) ||
      !read("dataStart", 0, bytes - capacity, &data_start) ||
      !read("headerBytes", kHeaderBytes, kHeaderBytes, &header) ||
      // What starts last runs on behind the data.
      !read("mostPayload", sizeof(double), bytes - data_start - capacity - kHeaderBytes, &most_payload) ||
      !read("gatherStart", data_start + capacity + kHeaderBytes + most_payload, bytes, &gather_start) ||
      !read("gatherEnd", gather_start, bytes, &gather_end) ||
      !read("lineMeta", INT32_MIN, INT32_MAX, &line_meta) ||
      !read("timeMeta", INT32_MIN, INT32_MAX, &time_meta)) {
    return false;
  }
  const uint32_t mask = static_cast<uint32_t>(capacity) - 1;
  if ((static_cast<uint32_t>(capacity) & mask) != 0 || static_cast<uint32_t>(data_start) % kPadding != 0 || bytes > UINT32_MAX) {
    ThrowRange(env, "layout: capacity must be a power of two, dataStart aligned to 8 bytes, all of it below 4 GiB");
    return false;
  }
  if (result_length * sizeof(int32_t) < sizeof(Gathered) || reinterpret_cast<uintptr_t>(result) % alignof(Gathered) != 0) {
    ThrowRange(env, "gathered must have six words, aligned to 8 bytes");
    return false;
  }
  *ring = {reinterpret_cast<char*>(first),
           reinterpret_cast<Gathered*>(result),
           static_cast<uint32_t>(data_start),
           mask,
           static_cast<uint32_t>(most_payload),
           static_cast<uint32_t>(gather_start),
           static_cast<uint32_t>(gather_end),
           static_cast<int32_t>(line_meta),
           static_cast<int32_t>(time_meta)};
  return true;
}

}  // namespace

Napi::Value CreateGatherer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Gatherer ring;
  if (!ReadGatherer(info[0], info[1], info[2], &ring)) return {};
  Gatherer* kept = new Gatherer(ring);
  napi_value function;
  // The function holds the memory that it reads and writes, by properties that nobody can take away.
  const napi_property_descriptor held[] = {{"words", nullptr, nullptr, nullptr, nullptr, info[0], napi_default, nullptr},
                                           {"gathered", nullptr, nullptr, nullptr, nullptr, info[2], napi_default, nullptr}};
  const napi_finalize free = [](napi_env, void* data, void*) { delete static_cast<Gatherer*>(data); };
  if (napi_create_function(env, "gather", NAPI_AUTO_LENGTH, GatherCall, kept, &function) != napi_ok ||
      napi_define_properties(env, function, 2, held) != napi_ok ||
      napi_add_finalizer(env, function, kept, free, nullptr, nullptr) != napi_ok) {
    delete kept;
    ThrowInternal(env, "no gatherer could be made");
    return {};
  }
  return {env, function};
}

}  // namespace pino_pinned
