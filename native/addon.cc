// What JavaScript sees: checks every argument, then asks platform.h. Only this, arguments.cc and producer.cc speak
// Node-API.

#include <napi.h>
#include <uv.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "arguments.h"
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

// Shaped like the errors of Node's own system calls: code, errno, syscall. True if there was none.
bool Check(Napi::Env env, const Outcome& outcome) {
  if (outcome.ok()) return true;
  if (outcome.error == UV_ENOTSUP) {
    Throw(Napi::Error::New(env, std::string(outcome.call) + " is not supported on this system"),
          "ERR_PINO_PINNED_NOT_SUPPORTED");
    return false;
  }
  const std::string code = uv_err_name(outcome.error);
  Napi::Error error = Napi::Error::New(env, code + ": " + uv_strerror(outcome.error) + ", " + outcome.call);
  error.Set("errno", Napi::Number::New(env, outcome.error));
  error.Set("syscall", Napi::String::New(env, outcome.call));
  Throw(error, code.c_str());
  return false;
}

// ---- arguments -------------------------------------------------------------------------------------

bool ReadCores(Napi::Value value, Cores* cores) {
  Napi::Env env = value.Env();
  if (!value.IsArray()) {
    ThrowType(env, "cores must be an array of core numbers");
    return false;
  }
  Napi::Array array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length == 0 || length > kHighestCore + 1) {
    ThrowRange(env, "cores must name 1 to " + std::to_string(kHighestCore + 1) + " cores, got " +
                        std::to_string(length));
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    Napi::Value element = array.Get(i);
    // A getter or a proxy may have thrown.
    if (env.IsExceptionPending()) return false;
    double core;
    if (!ReadInteger(element, "cores[" + std::to_string(i) + "]", 0, kHighestCore, &core)) return false;
    cores->push_back(static_cast<uint32_t>(core));
  }
  std::sort(cores->begin(), cores->end());
  cores->erase(std::unique(cores->begin(), cores->end()), cores->end());
  return true;
}

Napi::Value ToArray(Napi::Env env, const Cores& cores) {
  Napi::Array array = Napi::Array::New(env, cores.size());
  for (uint32_t i = 0; i < cores.size(); i++) array.Set(i, cores[i]);
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

Napi::Value ThreadAffinity(const Napi::CallbackInfo& info) {
  Cores cores;
  if (!Check(info.Env(), GetAffinity(&cores))) return info.Env().Undefined();
  return ToArray(info.Env(), cores);
}

Napi::Value InitialAffinity(const Napi::CallbackInfo& info) { return ToArray(info.Env(), initial_affinity); }

Napi::Value PermittedCores(const Napi::CallbackInfo& info) {
  Cores cores;
  if (!Check(info.Env(), GetPermittedCores(&cores))) return info.Env().Undefined();
  return ToArray(info.Env(), cores);
}

Napi::Value GetCurrentCore(const Napi::CallbackInfo& info) {
  const int core = CurrentCore();
  if (core < 0 && !Check(info.Env(), {core, "currentCore"})) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), core);
}

// ---- the thread itself -----------------------------------------------------------------------------

Napi::Value GetThreadCpuMs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ThreadCpuMs());
}

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
  std::string name = info[0].As<Napi::String>().Utf8Value();
  if (name.empty() || name.find('\0') != std::string::npos) {
    return ThrowRange(info.Env(), "name must have a character at least, and no NUL");
  }
  TruncateUtf8(&name, kMaxThreadNameBytes);
  Check(info.Env(), SetThreadName(name));
}

void SetPriority(const Napi::CallbackInfo& info) {
  double nice;
  if (!ReadInteger(info[0], "nice", -20, 19, &nice)) return;
  Check(info.Env(), SetThreadPriority(static_cast<int>(nice)));
}

// ---- the last word of a thread ---------------------------------------------------------------------

struct ExitStore {
  napi_env env;
  napi_ref keeps_words_alive;
  std::atomic<int32_t>* word;
  int32_t value;
};

// Runs when the environment is torn down, however that came about, after its last JavaScript and after
// the file system requests it had under way.
void RunExitStore(void* data) {
  ExitStore* store = static_cast<ExitStore*>(data);
  store->word->store(store->value);
  napi_delete_reference(store->env, store->keeps_words_alive);
  delete store;
}

void StoreAtThreadExit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::atomic<int32_t>* word;
  double value;
  if (!ReadSharedWord(info[0], info[1], "index", &word)) return;
  if (!ReadInteger(info[2], "value", INT32_MIN, INT32_MAX, &value)) return;

  napi_ref reference = nullptr;
  if (napi_create_reference(env, info[0], 1, &reference) != napi_ok) {
    return Throw(Napi::Error::New(env, "words can't be kept"), "ERR_PINO_PINNED_INTERNAL");
  }
  ExitStore* store = new ExitStore{env, reference, word, static_cast<int32_t>(value)};
  if (napi_add_env_cleanup_hook(env, RunExitStore, store) != napi_ok) {
    napi_delete_reference(env, reference);
    delete store;
    Throw(Napi::Error::New(env, "this thread is ending already"), "ERR_PINO_PINNED_INTERNAL");
  }
}

// ---- writing ---------------------------------------------------------------------------------------

#ifndef _WIN32

bool ReadBytes(Napi::Value bytes, Napi::Value from, Napi::Value to, const char** first, const char** end) {
  Napi::Env env = bytes.Env();
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!bytes.IsTypedArray() ||
      napi_get_typedarray_info(env, bytes, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowType(env, "bytes must be a Uint8Array");
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

// Takes its arguments by itself: Napi::CallbackInfo allocates for more than six.
napi_value WriteFd(napi_env raw_env, napi_callback_info info) {
  Napi::Env env(raw_env);
  size_t count = 7;
  napi_value raw[7];
  if (napi_get_cb_info(env, info, &count, raw, nullptr, nullptr) != napi_ok) return nullptr;
  const auto argument = [&](int i) { return Napi::Value(env, raw[i]); };

  double fd;
  double mode;
  const char* from;
  const char* to;
  std::atomic<int32_t>* taken;
  if (!ReadInteger(argument(0), "fd", 0, INT32_MAX, &fd) ||
      !ReadBytes(argument(1), argument(2), argument(3), &from, &to) ||
      !ReadInteger(argument(4), "mode", 0, static_cast<double>(WriteMode::kBlockingPipe), &mode) ||
      !ReadSharedWord(argument(5), argument(6), "takenIndex", &taken)) {
    return nullptr;
  }
  const int64_t result = WriteLines(static_cast<int>(fd), from, to, static_cast<WriteMode>(mode), taken);
  return Napi::Number::New(env, static_cast<double>(result));
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

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto* function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  exports.Set("affinitySupport", SupportName());
  add("pinThread", PinThread);
  add("unpinThread", UnpinThread);
  add("threadAffinity", ThreadAffinity);
  add("initialAffinity", InitialAffinity);
  add("permittedCores", PermittedCores);
  add("currentCore", GetCurrentCore);
  add("threadCpuMs", GetThreadCpuMs);
  add("threadId", GetThreadId);
  add("setThreadName", SetName);
  add("setThreadPriority", SetPriority);
  add("storeAtThreadExit", StoreAtThreadExit);
  add("createPublisher", CreatePublisher);
#ifndef _WIN32
  napi_value write_fd;
  if (napi_create_function(env, "writeFd", NAPI_AUTO_LENGTH, WriteFd, nullptr, &write_fd) == napi_ok) {
    exports.Set("writeFd", write_fd);
  }
#endif
  return exports;
}

}  // namespace

}  // namespace pino_pinned

// The macro wants a plain name.
static Napi::Object InitPinoPinned(Napi::Env env, Napi::Object exports) {
  return pino_pinned::Init(env, exports);
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitPinoPinned)
