// What JavaScript sees: checks every argument, then asks platform.h. Only this, arguments.cc, claims.cc, estates.cc and
// producer.cc speak Node-API.

#include <napi.h>
#include <uv.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "arguments.h"
#include "claims.h"
#include "consumer.h"
#include "estates.h"
#include "platform.h"
#include "producer.h"

namespace pino_pinned {

namespace {

// Above what any kernel numbers (Linux: NR_CPUS, at most 8192; Windows: 64 to a group).
constexpr uint32_t kHighestCore = 65535;

// As it was before anyone could pin anything through this library. Never freed: threads of a process
// that is ending may still read it.
const Cores& initial_affinity = *new Cores(ProcessAffinity());

// ---- errors ----------------------------------------------------------------------------------------

// Shaped like the errors of Node's own system calls: code, errno, syscall.
void ThrowSystemError(Napi::Env env, const Outcome& outcome) {
  const std::string code = uv_err_name(outcome.error);
  const std::string message = code + ": " + uv_strerror(outcome.error) + ", " + outcome.call;
  napi_value error;
  if (napi_create_error(env, Napi::String::New(env, code), Napi::String::New(env, message), &error) == napi_ok &&
      napi_set_named_property(env, error, "errno", Napi::Number::New(env, outcome.error)) == napi_ok &&
      napi_set_named_property(env, error, "syscall", Napi::String::New(env, outcome.call)) == napi_ok) {
    napi_throw(env, error);
  }
}

// True if there was no error.
bool Check(Napi::Env env, const Outcome& outcome) {
  if (outcome.ok()) return true;
  if (outcome.error == UV_ENOTSUP) {
    const std::string message = std::string(outcome.call) + " is not supported on this system";
    napi_throw_error(env, "ERR_PINO_PINNED_NOT_SUPPORTED", message.c_str());
  } else {
    ThrowSystemError(env, outcome);
  }
  return false;
}

// ---- arguments and results -------------------------------------------------------------------------

bool ReadCores(Napi::Value value, Cores* cores) {
  const Napi::Env env = value.Env();
  if (!value.IsArray()) {
    ThrowType(env, "cores must be an array of core numbers");
    return false;
  }
  const uint32_t length = value.As<Napi::Array>().Length();
  if (length == 0 || length > kHighestCore + 1) {
    ThrowRange(env, "cores must name 1 to " + std::to_string(kHighestCore + 1) + " cores, got " +
                        std::to_string(length));
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    double core;
    // A getter may throw, and its thread may be terminated in it.
    if (napi_get_element(env, value, i, &element) != napi_ok ||
        !ReadInteger({env, element}, "cores[" + std::to_string(i) + "]", 0, kHighestCore, &core)) {
      return false;
    }
    cores->push_back(static_cast<uint32_t>(core));
  }
  std::sort(cores->begin(), cores->end());
  cores->erase(std::unique(cores->begin(), cores->end()), cores->end());
  return true;
}

Napi::Value ToArray(Napi::Env env, const std::vector<uint32_t>& cores) {
  const Napi::Array array = Napi::Array::New(env, cores.size());
  for (uint32_t i = 0; i < cores.size(); i++) {
    // A setter in Array.prototype would be called.
    if (napi_set_element(env, array, i, Napi::Number::New(env, cores[i])) != napi_ok) return {};
  }
  return array;
}

// ---- affinity --------------------------------------------------------------------------------------

// Threads inherit the affinity of the one that starts them, and libuv starts its pool at first use,
// from whichever thread that is: after this, all of them have been started from an unpinned one.
void StartThreadPool() {
  // A loop of its own, so that nothing is left in the environment's, which may never turn again.
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return;
  uv_work_t work;
  const int queued = uv_queue_work(&loop, &work, [](uv_work_t*) {}, [](uv_work_t*, int) {});
  if (queued == 0) {
    // The threads are up as soon as work was queued. A pool that is busy must not be waited for.
    uv_cancel(reinterpret_cast<uv_req_t*>(&work));
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&loop);
}

void StartThreadPoolUnpinned() {
  static std::once_flag once;
  std::call_once(once, [] {
    Cores now;
    const bool was_pinned = GetAffinity(&now).ok() && now != initial_affinity;
    if (was_pinned) ResetAffinity(initial_affinity);
    StartThreadPool();
    if (was_pinned) SetAffinity(now);
  });
}

void PinThread(const Napi::CallbackInfo& info) {
  Cores cores;
  if (!ReadCores(info[0], &cores)) return;
  if (SupportedAffinity() == AffinitySupport::kExact) StartThreadPoolUnpinned();
  Check(info.Env(), SetAffinity(cores));
}

void UnpinThread(const Napi::CallbackInfo& info) { Check(info.Env(), ResetAffinity(initial_affinity)); }

#ifdef __linux__
void MoveOther(const Napi::CallbackInfo& info) {
  double id;
  Cores cores;
  if (!ReadInteger(info[0], "threadId", 1, INT32_MAX, &id) || !ReadCores(info[1], &cores)) return;
  Check(info.Env(), MoveThread(id, cores));
}

Napi::Value AllThreadIds(const Napi::CallbackInfo& info) {
  std::vector<uint32_t> ids;
  return Check(info.Env(), GetThreadIds(&ids)) ? ToArray(info.Env(), ids) : Napi::Value();
}
#endif

Napi::Value ThreadAffinity(const Napi::CallbackInfo& info) {
  Cores cores;
  return Check(info.Env(), GetAffinity(&cores)) ? ToArray(info.Env(), cores) : Napi::Value();
}

Napi::Value InitialAffinity(const Napi::CallbackInfo& info) { return ToArray(info.Env(), initial_affinity); }

Napi::Value PermittedCores(const Napi::CallbackInfo& info) {
  Cores cores;
  return Check(info.Env(), GetPermittedCores(&cores)) ? ToArray(info.Env(), cores) : Napi::Value();
}

Napi::Value GetCurrentCore(const Napi::CallbackInfo& info) {
  const int core = CurrentCore();
  if (core < 0 && !Check(info.Env(), {core, "currentCore"})) return {};
  return Napi::Number::New(info.Env(), core);
}

// ---- the thread itself -----------------------------------------------------------------------------

Napi::Value GetThreadCpuMs(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), ThreadCpuMs()); }

Napi::Value GetThreadId(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), ThreadId()); }

// Cuts before a UTF-8 character that does not fit whole.
void TruncateUtf8(std::string* text, size_t most_bytes) {
  if (text->size() <= most_bytes) return;
  size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>((*text)[end]) & 0xC0) == 0x80) end--;
  text->resize(end);
}

void SetName(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return ThrowType(info.Env(), "name must be a string");
  // What is cut off anyhow is not fetched: a text may have gigabytes. Four bytes more, so that it is seen to be too long.
  std::string name(kMaxThreadNameBytes + 4 + 1, '\0');
  size_t length;
  if (napi_get_value_string_utf8(info.Env(), info[0], name.data(), name.size(), &length) != napi_ok) return;
  name.resize(length);
  if (name.empty() || name.find('\0') != std::string::npos) {
    return ThrowRange(info.Env(), "name must have a character at least, and no NUL");
  }
  TruncateUtf8(&name, kMaxThreadNameBytes);
  Check(info.Env(), SetThreadName(name));
}

void SetPriority(const Napi::CallbackInfo& info) {
  double nice;
  if (ReadInteger(info[0], "nice", -20, 19, &nice)) Check(info.Env(), SetThreadPriority(static_cast<int>(nice)));
}

// ---- the last word of a thread ---------------------------------------------------------------------

struct ExitStore {
  napi_env env;
  Napi::Reference<Napi::Value> keeps_words_alive;
  std::atomic<int32_t>* word;
  int32_t value;
};

struct ExitStores {
  std::mutex mutex;
  std::set<ExitStore*> all;
};

// Never destroyed: other threads may still end when the process's statics are.
ExitStores& TheExitStores() {
  static ExitStores* stores = new ExitStores();
  return *stores;
}

// Runs when the environment is torn down, however that came about, after its last JavaScript and after the file system
// requests it had under way.
void StoreNow(void* data) {
  ExitStore* store = static_cast<ExitStore*>(data);
  {
    const std::lock_guard<std::mutex> lock(TheExitStores().mutex);
    TheExitStores().all.erase(store);
  }
  store->word->store(store->value);
  delete store;
}

void StoreAtThreadExit(const Napi::CallbackInfo& info) {
  std::atomic<int32_t>* word;
  double value;
  if (!ReadSharedWord(info[0], info[1], "index", &word) ||
      !ReadInteger(info[2], "value", INT32_MIN, INT32_MAX, &value)) {
    return;
  }
  auto kept = Napi::Reference<Napi::Value>::New(info[0], 1);
  if (kept.IsEmpty()) return;
  ExitStore* store = new ExitStore{info.Env(), std::move(kept), word, static_cast<int32_t>(value)};
  if (napi_add_env_cleanup_hook(info.Env(), StoreNow, store) != napi_ok) {
    delete store;
    return ThrowInternal(info.Env(), "this thread is ending already");
  }
  const std::lock_guard<std::mutex> lock(TheExitStores().mutex);
  TheExitStores().all.insert(store);
}

void CancelStoreAtThreadExit(const Napi::CallbackInfo& info) {
  std::atomic<int32_t>* word;
  if (!ReadSharedWord(info[0], info[1], "index", &word)) return;
  const napi_env env = info.Env();
  const std::lock_guard<std::mutex> lock(TheExitStores().mutex);
  std::set<ExitStore*>& all = TheExitStores().all;
  for (auto next = all.begin(); next != all.end();) {
    ExitStore* store = *next;
    const bool is_meant = store->env == env && store->word == word;
    next = is_meant ? all.erase(next) : std::next(next);
    if (!is_meant || napi_remove_env_cleanup_hook(env, StoreNow, store) != napi_ok) continue;
    delete store;
  }
}

// ---- writing ---------------------------------------------------------------------------------------

#ifndef _WIN32

bool ReadBytes(Napi::Value bytes, Napi::Value from, Napi::Value to, const char** first, const char** end) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(bytes.Env(), bytes, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowType(bytes.Env(), "bytes must be a Uint8Array");
    return false;
  }
  double start;
  double stop;
  if (!ReadInteger(to, "to", 0, static_cast<double>(length), &stop)) return false;
  if (!ReadInteger(from, "from", 0, stop, &start)) return false;
  *first = static_cast<const char*>(data) + static_cast<size_t>(start);
  *end = static_cast<const char*>(data) + static_cast<size_t>(stop);
  return true;
}

Napi::Value WriteFd(const Napi::CallbackInfo& info) {
  double fd;
  double mode;
  const char* from;
  const char* to;
  std::atomic<int32_t>* taken;
  if (!ReadInteger(info[0], "fd", 0, INT32_MAX, &fd) ||
      !ReadBytes(info[1], info[2], info[3], &from, &to) ||
      !ReadInteger(info[4], "mode", 0, static_cast<double>(WriteMode::kBlockingPipe), &mode) ||
      !ReadSharedWord(info[5], info[6], "takenIndex", &taken)) {
    return {};
  }
  const int64_t result = WriteLines(static_cast<int>(fd), from, to, static_cast<WriteMode>(mode), taken);
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

Napi::Value UnreadOf(const Napi::CallbackInfo& info) {
  double fd;
  if (!ReadInteger(info[0], "fd", 0, INT32_MAX, &fd)) return {};
  return Napi::Number::New(info.Env(), UnreadBytes(static_cast<int>(fd)));
}

#endif

const char* SupportName() {
  switch (SupportedAffinity()) {
    case AffinitySupport::kExact:
      return "exact";
    case AffinitySupport::kHint:
      return "hint";
    default:
      return "none";
  }
}

template <auto kFunction>
void Add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<kFunction>(exports.Env(), name));
}

void AddRaw(Napi::Object exports, const char* name, napi_callback function) {
  napi_value value;
  const napi_status status = napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  if (status == napi_ok) exports.Set(name, value);
}

void Export(Napi::Object exports) {
  exports.Set("affinitySupport", SupportName());
  Add<PinThread>(exports, "pinThread");
  Add<UnpinThread>(exports, "unpinThread");
  Add<ThreadAffinity>(exports, "threadAffinity");
  Add<InitialAffinity>(exports, "initialAffinity");
  Add<PermittedCores>(exports, "permittedCores");
  Add<GetCurrentCore>(exports, "currentCore");
  Add<GetThreadCpuMs>(exports, "threadCpuMs");
  Add<GetThreadId>(exports, "threadId");
  Add<SetName>(exports, "setThreadName");
  Add<SetPriority>(exports, "setThreadPriority");
  Add<StoreAtThreadExit>(exports, "storeAtThreadExit");
  Add<CancelStoreAtThreadExit>(exports, "cancelStoreAtThreadExit");
  Add<Claim>(exports, "claim");
  Add<Release>(exports, "release");
  Add<SinkOpened>(exports, "sinkOpened");
  Add<KeepRing>(exports, "keepRing");
  Add<KeepRingToo>(exports, "keepRingToo");
  Add<LetRingGo>(exports, "letRingGo");
  Add<Inherit>(exports, "inherit");
  Add<CreatePublisher>(exports, "createPublisher");
  Add<GatherLines>(exports, "gatherLines");
  AddRaw(exports, "measureLine", MeasureLine);
#ifdef __linux__
  Add<MoveOther>(exports, "moveThread");
  Add<AllThreadIds>(exports, "threadIds");
#endif
#ifndef _WIN32
  Add<KeepEnd>(exports, "keepEnd");
  Add<KeptEnd>(exports, "keptEnd");
  Add<UnreadOf>(exports, "unreadBytes");
  Add<WriteFd>(exports, "writeFd");
#endif
}

}  // namespace

}  // namespace pino_pinned

NAPI_MODULE_INIT() {
  pino_pinned::Export(Napi::Object(env, exports));
  return exports;
}
