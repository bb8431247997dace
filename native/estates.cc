// What threads leave in their rings. A thread can be terminated while no other one has heard of its ring, or together with
// those that have: nobody but the process can keep what is in it then.

#include "estates.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "executor.h"

namespace pino_pinned {

namespace {

constexpr uint64_t kPadding = 8;
// Nobody may ever ask for them. An estate that comes on top of so much is given up.
constexpr size_t kMostEstates = 1024;
constexpr size_t kMostBytes = size_t{64} << 20;

struct Keeper {
  napi_env env;
  // Keeps the memory until the environment is torn down.
  Napi::Reference<Napi::Value> words;
};

struct Ring {
  // Empty if what is left is for no other writer.
  std::string key;
  int32_t* words;
  size_t bytes;
  EstateLayout layout;
  FileSink sink;
  std::list<Keeper> keepers;

  std::atomic<int32_t>& word(size_t index) const { return reinterpret_cast<std::atomic<int32_t>*>(words)[index]; }
};

struct Estate {
  std::string key;
  // What stands before the ring's data, and its records from the released position on.
  std::vector<char> bytes;
  EstateLayout layout;
  FileSink sink;
  // Who makes a ring of it just now; null if nobody does.
  napi_env heir;
};

struct Estates {
  std::mutex mutex;
  std::map<const void*, Ring> rings;
  std::list<Estate> left;
  size_t bytes_left = 0;
  // Environments with a cleanup hook here.
  std::set<napi_env> envs;
};

// Never destroyed: other threads may still end when the process's statics are.
Estates& TheEstates() {
  static Estates* estates = new Estates();
  return *estates;
}

// No thread has the ring any more: what is in it, record by record. Its memory may hold anything, so that every length is
// checked.
std::vector<char> ContentsOf(const Ring& ring) {
  const char* first = reinterpret_cast<const char*>(ring.words);
  const EstateLayout& layout = ring.layout;
  const char* data = first + layout.data_start;
  const uint64_t room = ring.bytes - layout.data_start;
  const uint32_t released = static_cast<uint32_t>(ring.word(layout.released).load());
  const uint32_t used = std::min(static_cast<uint32_t>(ring.word(layout.published).load()) - released, layout.capacity);
  std::vector<char> contents;
  contents.reserve(layout.data_start + used);
  contents.assign(first, data);
  uint64_t done = 0;
  while (done < used) {
    const uint64_t place = (released + static_cast<uint32_t>(done)) & (layout.capacity - 1);
    if (place % kPadding != 0 || place + kRecordHeaderBytes > room) break;
    uint32_t payload;
    std::memcpy(&payload, data + place, sizeof payload);
    const uint64_t size = RecordBytes(payload);
    if (size > used - done || size > room - place) break;
    contents.insert(contents.end(), data + place, data + place + size);
    done += size;
  }
  const uint32_t end = released + static_cast<uint32_t>(done);
  std::memcpy(contents.data() + layout.published * sizeof(int32_t), &end, sizeof end);
  return contents;
}

// No writer will look at it again, though its thread still has it: the main thread, which does not let go of anything as the process exits.
bool IsOver(const Ring& ring) {
  return ring.word(ring.layout.closed).load() != 0 || ring.word(ring.layout.adopted).load() == ring.layout.given_back;
}

// The last keeper of a ring is gone. Called with the mutex held.
void Leave(Estates& estates, const Ring& ring) {
  const EstateLayout& layout = ring.layout;
  if (IsOver(ring)) return;
  // Whoever comes upon the ring later, in a message that nobody had read, finds that it is nobody's any more.
  ring.word(layout.tallied).store(1);
  ring.word(layout.adopted).store(layout.given_back);
  if (estates.left.size() >= kMostEstates || estates.bytes_left >= kMostBytes) return;
  estates.left.push_back({ring.key, ContentsOf(ring), layout, ring.sink, nullptr});
  estates.bytes_left += estates.left.back().bytes.size();
}

// The reference of another thread's is that thread's alone to touch.
void LetGo(Estates& estates, napi_env env, std::map<const void*, Ring>::iterator ring, bool leaves = true) {
  std::list<Keeper>& keepers = ring->second.keepers;
  const auto own = std::find_if(keepers.begin(), keepers.end(), [env](const Keeper& keeper) { return keeper.env == env; });
  if (own == keepers.end()) return;
  if (keepers.size() == 1) {
    if (leaves) Leave(estates, ring->second);
    estates.rings.erase(ring);
  } else {
    keepers.erase(own);
  }
}

// What nobody is there to inherit: it is to go to no other writer, or no thread has a ring of that key. Called with the mutex held.
std::list<Estate> TakeOrphaned(Estates& estates) {
  std::list<Estate> orphaned;
  for (auto next = estates.left.begin(); next != estates.left.end();) {
    const auto estate = next++;
    const auto is_of_key = [&](const auto& ring) { return !estate->key.empty() && ring.second.key == estate->key && !IsOver(ring.second); };
    if ((!estate->key.empty() && !estate->sink.is_known()) || estate->heir != nullptr || std::any_of(estates.rings.begin(), estates.rings.end(), is_of_key)) continue;
    estates.bytes_left -= estate->bytes.size();
    orphaned.splice(orphaned.end(), estates.left, estate);
  }
  return orphaned;
}

// Writes the first of them and all others of its key to their file, as far as it can, and takes away those that it has written.
void WriteOut(std::list<Estate>& orphaned) {
  const std::string key = orphaned.front().key;
  const FileSink sink = orphaned.front().sink;
  std::list<std::pair<std::list<Estate>::iterator, std::string>> texts;
  for (auto estate = orphaned.begin(); estate != orphaned.end(); ++estate) {
    if (estate != orphaned.begin() && (estate->key != key || key.empty())) continue;
    std::string text;
    size_t taken;
    if (!TextOf(estate->bytes, estate->layout, key.empty(), &text, &taken)) {
      if (taken > 0) return;  // The file may end inside a line that nothing else must follow.
      continue;
    }
    text.erase(0, taken);
    if (!text.empty() && text.back() != '\n') text.push_back('\n');
    // What the sink has a part of comes before anything else.
    texts.emplace(taken > 0 ? texts.begin() : texts.end(), estate, std::move(text));
  }
  for (const auto& [estate, text] : texts) {
    // Of what nobody inherits, better some lines than none. Of the rest a next writer has all or nothing.
    if (!text.empty() && !(key.empty() ? AppendLinesTo(sink, text) : AppendTo(sink, text))) return;
    orphaned.erase(estate);
  }
}

// Nobody but the calling thread, which is ending, has them: the mutex is not held while it writes.
void WriteOrphaned(Estates& estates, std::list<Estate> orphaned) {
  while (!orphaned.empty()) {
    const std::string key = orphaned.front().key;
    const size_t count = orphaned.size();
    WriteOut(orphaned);
    if (key.empty()) {
      if (orphaned.size() == count) orphaned.pop_front();
      continue;
    }
    const std::lock_guard<std::mutex> lock(estates.mutex);
    for (auto next = orphaned.begin(); next != orphaned.end();) {
      const auto estate = next++;
      if (estate->key != key) continue;
      estates.bytes_left += estate->bytes.size();
      estates.left.splice(estates.left.end(), orphaned, estate);
    }
  }
}

// Runs when an environment is torn down, after its last JavaScript and after its workers are gone.
void EnvironmentEnds(napi_env env) {
  Estates& estates = TheEstates();
  std::list<Estate> orphaned;
  {
    const std::lock_guard<std::mutex> lock(estates.mutex);
    for (auto next = estates.rings.begin(); next != estates.rings.end();) LetGo(estates, env, next++);
    for (Estate& estate : estates.left) {
      if (estate.heir == env) estate.heir = nullptr;
    }
    estates.envs.erase(env);
    orphaned = TakeOrphaned(estates);
  }
  WriteOrphaned(estates, std::move(orphaned));
}

// Returns false if the thread is ending.
bool Enter(Estates& estates, Napi::Env env) {
  if (!estates.envs.insert(env).second) return true;
  const napi_env entered = env;
  if (!env.AddCleanupHook([entered] { EnvironmentEnds(entered); }).IsEmpty()) return true;
  estates.envs.erase(env);
  return false;
}

// Called with the mutex held.
void Keep(Estates& estates, Napi::Value words, Ring& ring) {
  const napi_env env = words.Env();
  const bool has_it = std::any_of(ring.keepers.begin(), ring.keepers.end(), [env](const Keeper& keeper) { return keeper.env == env; });
  if (has_it || !Enter(estates, words.Env())) return;
  auto reference = Napi::Reference<Napi::Value>::New(words, 1);
  if (!reference.IsEmpty()) ring.keepers.push_back({env, std::move(reference)});
}

bool ReadKey(Napi::Value value, std::string* key) {
  if (!value.IsString()) {
    ThrowType(value.Env(), "key must be a string");
    return false;
  }
  *key = value.As<Napi::String>();
  return true;
}

bool ReadLayout(Napi::Value layout, size_t words, Ring* ring) {
  const Napi::Env env = layout.Env();
  const LayoutReader read(layout);
  if (!read.IsObject()) return false;
  const double bytes = static_cast<double>(words) * sizeof(int32_t);
  double data_start, capacity, given_back, line, time, first, last, totals_stride;
  if (!read("dataStart", kPadding, bytes, &data_start)) return false;
  if (!read("capacity", kPadding, std::max<double>(bytes - data_start, kPadding), &capacity) ||
      !read("givenBack", INT32_MIN, INT32_MAX, &given_back) ||
      !read("line", 0, UINT8_MAX, &line) ||
      !read("time", 0, UINT8_MAX, &time) ||
      !read("first", 0, UINT16_MAX, &first) ||
      !read("last", 0, UINT16_MAX, &last) ||
      // What is left of the ring is what stands before its data, and that.
      !read("totalsStride", 0, data_start / sizeof(double) - 1, &totals_stride)) {
    return false;
  }
  EstateLayout& to = ring->layout;
  const struct { const char* name; size_t* index; double last; } places[] = {
    {"published", &to.published, data_start / sizeof(int32_t) - 1},
    {"released", &to.released, data_start / sizeof(int32_t) - 1},
    {"adopted", &to.adopted, data_start / sizeof(int32_t) - 1},
    {"tallied", &to.tallied, data_start / sizeof(int32_t) - 1},
    {"closed", &to.closed, data_start / sizeof(int32_t) - 1},
    {"totalsSlot", &to.totals_slot, data_start / sizeof(int32_t) - 1},
    {"batchBase", &to.batch_base, data_start / sizeof(int32_t) - 1},
    {"batchTaken", &to.batch_taken, data_start / sizeof(int32_t) - 1},
    {"position", &to.position, data_start / sizeof(double) - 1 - totals_stride},
    {"outputEnds", &to.output_ends, data_start / sizeof(double) - 1 - totals_stride},
  };
  for (const auto& place : places) {
    double index;
    if (!read(place.name, 0, place.last, &index)) return false;
    *place.index = static_cast<size_t>(index);
  }
  to.capacity = static_cast<uint32_t>(std::min<double>(capacity, UINT32_MAX));
  to.data_start = static_cast<size_t>(data_start);
  if ((to.capacity & (to.capacity - 1)) != 0 || to.data_start % kPadding != 0) {
    ThrowRange(env, "layout: capacity must be a power of two, dataStart a multiple of 8");
    return false;
  }
  to.totals_stride = static_cast<size_t>(totals_stride);
  to.given_back = static_cast<int32_t>(given_back);
  to.line = static_cast<uint32_t>(line);
  to.time = static_cast<uint32_t>(time);
  to.first = static_cast<uint32_t>(first);
  to.last = static_cast<uint32_t>(last);
  ring->bytes = static_cast<size_t>(bytes);
  return true;
}

// A path or a descriptor, the mode of a file that is made, and whether its directories are; undefined if there is none that lines can
// simply be added to.
bool ReadSink(Napi::Value destination, Napi::Value mode, Napi::Value mkdir, FileSink* sink) {
  if (destination.IsUndefined()) return true;
  double number;
  if (destination.IsString()) {
    sink->path = destination.As<Napi::String>();
  } else {
    if (!ReadInteger(destination, "destination", 0, INT32_MAX, &number)) return false;
    sink->fd = static_cast<int>(number);
  }
  if (!mode.IsUndefined()) {
    if (!ReadInteger(mode, "mode", 0, 07777, &number)) return false;
    sink->mode = static_cast<int>(number);
  }
  if (mkdir.IsUndefined()) return true;
  if (!mkdir.IsBoolean()) {
    ThrowType(mkdir.Env(), "mkdir must be a boolean");
    return false;
  }
  sink->makes_directories = mkdir.As<Napi::Boolean>();
  return true;
}

}  // namespace

void KeepRing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Ring ring;
  size_t length;
  if (!ReadSharedWords(info[0], &ring.words, &length) || !ReadKey(info[1], &ring.key) || !ReadLayout(info[2], length, &ring) || !ReadSink(info[3], info[4], info[5], &ring.sink)) return;
  Estates& estates = TheEstates();
  const std::lock_guard<std::mutex> lock(estates.mutex);
  const void* memory = ring.words;
  const auto found = estates.rings.emplace(memory, std::move(ring)).first;
  Keep(estates, info[0], found->second);
  if (found->second.keepers.empty()) {
    estates.rings.erase(found);
    return;
  }
  // What it was made from is not needed any more.
  const auto own = std::find_if(estates.left.begin(), estates.left.end(), [&](const Estate& estate) {
    return estate.heir == static_cast<napi_env>(env) && estate.key == found->second.key;
  });
  if (own == estates.left.end()) return;
  estates.bytes_left -= own->bytes.size();
  estates.left.erase(own);
}

void KeepRingToo(const Napi::CallbackInfo& info) {
  int32_t* words;
  size_t length;
  if (!ReadSharedWords(info[0], &words, &length)) return;
  Estates& estates = TheEstates();
  const std::lock_guard<std::mutex> lock(estates.mutex);
  const auto found = estates.rings.find(words);
  if (found != estates.rings.end()) Keep(estates, info[0], found->second);
}

void LetRingGo(const Napi::CallbackInfo& info) {
  int32_t* words;
  size_t length;
  if (!ReadSharedWords(info[0], &words, &length)) return;
  Estates& estates = TheEstates();
  const std::lock_guard<std::mutex> lock(estates.mutex);
  const auto found = estates.rings.find(words);
  if (found == estates.rings.end()) return;
  // What is for no other writer is told of, by who lets it go.
  LetGo(estates, info.Env(), found, !found->second.key.empty());
}

Napi::Value Inherit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string key;
  if (!ReadKey(info[0], &key)) return {};
  Estates& estates = TheEstates();
  const std::lock_guard<std::mutex> lock(estates.mutex);
  for (Estate& estate : estates.left) {
    if (estate.key != key || (estate.heir != nullptr && estate.heir != static_cast<napi_env>(env))) continue;
    void* bytes;
    napi_value buffer;
    // Until it has made a ring of it, it may be terminated: the estate is the next one's then.
    if (!Enter(estates, env) || napi_create_arraybuffer(env, estate.bytes.size(), &bytes, &buffer) != napi_ok) return {};
    std::memcpy(bytes, estate.bytes.data(), estate.bytes.size());
    estate.heir = env;
    return {env, buffer};
  }
  return env.Undefined();
}

}  // namespace pino_pinned
