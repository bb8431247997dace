// What Consumer.gather (src/ring/consumer.ts) mostly meets, in one call: whole lines, and the times that date them.
// Anything else ends the run, and is JavaScript's. A writer that has just been started would have that loop compiled by
// V8's helper threads, which take cores from the application.
//
// Where things stand in the ring it is told with each call: a function that kept the ring would keep it, unused, until
// V8 next looks through the whole heap, which in a writer's thread may be never.
//
// All that is read here was published before the call, and the gather space is the writer's alone: nothing is atomic.

#include "consumer.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "arguments.h"

namespace pino_pinned {

namespace {

constexpr uint32_t kHeaderBytes = 8;
constexpr uint32_t kPadding = 8;

// The words of `gathering`: what a call has gathered, and is to gather; then where things stand, in bytes, and the meta words
// of what it takes.
struct Gathering {
  int32_t position;
  int32_t to;
  int32_t lines;
  uint32_t enough;
  double time;
  double until;
  uint32_t data_start;
  uint32_t capacity;
  uint32_t most_payload;
  uint32_t gather_start;
  uint32_t gather_end;
  int32_t line_meta;
  int32_t time_meta;
  int32_t padding;
};
constexpr size_t kGatheringWords = 16;
static_assert(sizeof(Gathering) == kGatheringWords * sizeof(int32_t), "as src/ring/native-half.ts has it");

// Whether what it says lies within a ring of so many bytes.
bool Fits(const Gathering& at, uint64_t bytes) {
  const uint64_t data_end = uint64_t{at.data_start} + at.capacity;
  return at.capacity >= kPadding && (at.capacity & (at.capacity - 1)) == 0 && at.data_start % kPadding == 0 &&
         // What starts last runs on behind the data.
         at.most_payload >= sizeof(double) && data_end + kHeaderBytes + at.most_payload <= at.gather_start &&
         at.gather_start <= at.gather_end && at.gather_end <= bytes;
}

void Gather(char* bytes, const Gathering& at, uint32_t position, uint32_t published, uint32_t to, Gathering* gathering) {
  double time = at.time;
  int32_t lines = 0;
  while (static_cast<int32_t>(published - position) > 0 && to < at.enough) {
    const char* record = bytes + at.data_start + (position & (at.capacity - 1));
    uint32_t size;
    int32_t meta;
    std::memcpy(&size, record, sizeof size);
    std::memcpy(&meta, record + sizeof size, sizeof meta);
    const char* payload = record + kHeaderBytes;
    const bool is_time = meta == at.time_meta && size == sizeof time;
    double dated = time;
    if (is_time) std::memcpy(&dated, payload, sizeof dated);
    if (dated > at.until) break;
    if (meta == at.line_meta) {
      // One byte more than it takes, as JavaScript has it.
      if (size == 0 || size > at.most_payload || size >= at.gather_end - to || payload[size - 1] != '\n') break;
      std::memcpy(bytes + to, payload, size);
      to += size;
      lines++;
    } else if (is_time) {
      time = dated;
    } else {
      break;
    }
    position += kHeaderBytes + ((size + kPadding - 1) & ~(kPadding - 1));
  }
  gathering->position = static_cast<int32_t>(position);
  gathering->to = static_cast<int32_t>(to);
  gathering->lines = lines;
  gathering->time = time;
}

}  // namespace

Napi::Value GatherLines(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int32_t* words;
  int32_t* result;
  size_t length, result_length;
  double position, published, to;
  if (!ReadSharedWords(info[0], &words, &length) || !ReadSharedWords(info[1], &result, &result_length) ||
      !ReadInteger(info[2], "position", INT32_MIN, INT32_MAX, &position) ||
      !ReadInteger(info[3], "published", INT32_MIN, INT32_MAX, &published) ||
      !ReadInteger(info[4], "to", 0, UINT32_MAX, &to)) {
    return {};
  }
  if (result_length < kGatheringWords || reinterpret_cast<uintptr_t>(result) % alignof(Gathering) != 0) {
    ThrowRange(env, "gathering must have 16 words, aligned to 8 bytes");
    return {};
  }
  // A copy: what was looked at must be what is used, whatever another thread writes there.
  Gathering gathering;
  std::memcpy(&gathering, result, sizeof gathering);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const uint64_t bytes = uint64_t{length} * sizeof(int32_t);
  if (bytes > UINT32_MAX || !Fits(gathering, bytes)) {
    ThrowRange(env, "gathering must say where things stand in the words");
    return {};
  }
  const uint32_t from = static_cast<uint32_t>(static_cast<int32_t>(position));
  const uint32_t until = static_cast<uint32_t>(static_cast<int32_t>(published));
  const uint32_t place = static_cast<uint32_t>(to);
  if (from % kPadding != 0 || until - from > gathering.capacity || place < gathering.gather_start || place > gathering.gather_end) {
    ThrowRange(env, "position must be a multiple of 8 that lies before published in the ring, and to in the gather space");
    return {};
  }
  Gather(reinterpret_cast<char*>(words), gathering, from, until, place, reinterpret_cast<Gathering*>(result));
  return env.Undefined();
}

}  // namespace pino_pinned
