// What JavaScript sees: checks every argument, then asks platform.h. Only this, arguments.cc, claims.cc and producer.cc speak
// Node-API.

#include <node_api.h>
#include <uv.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "arguments.h"
#include "claims.h"
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
void ThrowSystemError(napi_env env, const Outcome& outcome) {
  const std::string code = uv_err_name(outcome.error);
  const std::string message = code + ": " + uv_strerror(outcome.error) + ", " + outcome.call;
  napi_value values[4];
  napi_value error;
  const bool is_made = napi_create_string_utf8(env, code.c_str(), code.size(), &values[0]) == napi_ok &&
                       napi_create_string_utf8(env, message.c_str(), message.size(), &values[1]) == napi_ok &&
                       napi_create_string_utf8(env, outcome.call, NAPI_AUTO_LENGTH, &values[2]) == napi_ok &&
                       napi_create_int32(env, outcome.error, &values[3]) == napi_ok &&
                       napi_create_error(env, values[0], values[1], &error) == napi_ok &&
                       napi_set_named_property(env, error, "errno", values[3]) == napi_ok &&
                       napi_set_named_property(env, error, "syscall", values[2]) == napi_ok;
  if (is_made) napi_throw(env, error);
}

// True if there was no error.
bool Check(napi_env env, const Outcome& outcome) {
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

bool ReadCores(napi_env env, napi_value value, Cores* cores) {
  bool is_array = false;
  uint32_t length = 0;
  napi_is_array(env, value, &is_array);
  if (!is_array || napi_get_array_length(env, value, &length) != napi_ok) {
    ThrowType(env, "cores must be an array of core numbers");
    return false;
  }
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
        !ReadInteger(env, element, "cores[" + std::to_string(i) + "]", 0, kHighestCore, &core)) {
      return false;
    }
    cores->push_back(static_cast<uint32_t>(core));
  }
  std::sort(cores->begin(), cores->end());
  cores->erase(std::unique(cores->begin(), cores->end()), cores->end());
  return true;
}

// A result that can't be made is undefined: the thread is ending.

napi_value ToNumber(napi_env env, double number) {
  napi_value result;
  return napi_create_double(env, number, &result) == napi_ok ? result : nullptr;
}

napi_value ToArray(napi_env env, const Cores& cores) {
  napi_value array;
  if (napi_create_array_with_length(env, cores.size(), &array) != napi_ok) return nullptr;
  for (uint32_t i = 0; i < cores.size(); i++) {
    const napi_value core = ToNumber(env, cores[i]);
    if (core == nullptr || napi_set_element(env, array, i, core) != napi_ok) return nullptr;
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

napi_value PinThread(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Cores cores;
  if (!arguments.is_read || !ReadCores(env, arguments[0], &cores)) return nullptr;
  if (SupportedAffinity() == AffinitySupport::kExact) StartThreadPoolUnpinned();
  Check(env, SetAffinity(cores));
  return nullptr;
}

napi_value UnpinThread(napi_env env, napi_callback_info) {
  Check(env, ResetAffinity(initial_affinity));
  return nullptr;
}

napi_value ThreadAffinity(napi_env env, napi_callback_info) {
  Cores cores;
  return Check(env, GetAffinity(&cores)) ? ToArray(env, cores) : nullptr;
}

napi_value InitialAffinity(napi_env env, napi_callback_info) { return ToArray(env, initial_affinity); }

napi_value PermittedCores(napi_env env, napi_callback_info) {
  Cores cores;
  return Check(env, GetPermittedCores(&cores)) ? ToArray(env, cores) : nullptr;
}

napi_value GetCurrentCore(napi_env env, napi_callback_info) {
  const int core = CurrentCore();
  if (core < 0 && !Check(env, {core, "currentCore"})) return nullptr;
  return ToNumber(env, core);
}

// ---- the thread itself -----------------------------------------------------------------------------

napi_value GetThreadCpuMs(napi_env env, napi_callback_info) { return ToNumber(env, ThreadCpuMs()); }

napi_value GetThreadId(napi_env env, napi_callback_info) { return ToNumber(env, ThreadId()); }

// Cuts before a UTF-8 character that does not fit whole.
void TruncateUtf8(std::string* text, size_t most_bytes) {
  if (text->size() <= most_bytes) return;
  size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>((*text)[end]) & 0xC0) == 0x80) end--;
  text->resize(end);
}

napi_value SetName(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (!arguments.is_read) return nullptr;
  size_t length;
  if (napi_get_value_string_utf8(env, arguments[0], nullptr, 0, &length) != napi_ok) {
    ThrowType(env, "name must be a string");
    return nullptr;
  }
  // What is cut off anyhow is not fetched: a text may have gigabytes. Four bytes more, so that it is seen to be too long.
  std::string name(std::min(length, kMaxThreadNameBytes + 4) + 1, '\0');
  if (napi_get_value_string_utf8(env, arguments[0], &name[0], name.size(), &length) != napi_ok) return nullptr;
  name.resize(length);
  if (name.empty() || name.find('\0') != std::string::npos) {
    ThrowRange(env, "name must have a character at least, and no NUL");
    return nullptr;
  }
  TruncateUtf8(&name, kMaxThreadNameBytes);
  Check(env, SetThreadName(name));
  return nullptr;
}

napi_value SetPriority(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  double nice;
  if (!arguments.is_read || !ReadInteger(env, arguments[0], "nice", -20, 19, &nice)) return nullptr;
  Check(env, SetThreadPriority(static_cast<int>(nice)));
  return nullptr;
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

napi_value StoreAtThreadExit(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  std::atomic<int32_t>* word;
  double value;
  if (!arguments.is_read || !ReadSharedWord(env, arguments[0], arguments[1], "index", &word) ||
      !ReadInteger(env, arguments[2], "value", INT32_MIN, INT32_MAX, &value)) {
    return nullptr;
  }
  napi_ref reference = nullptr;
  if (napi_create_reference(env, arguments[0], 1, &reference) != napi_ok) {
    ThrowInternal(env, "words can't be kept");
    return nullptr;
  }
  ExitStore* store = new ExitStore{env, reference, word, static_cast<int32_t>(value)};
  if (napi_add_env_cleanup_hook(env, RunExitStore, store) != napi_ok) {
    napi_delete_reference(env, reference);
    delete store;
    ThrowInternal(env, "this thread is ending already");
  }
  return nullptr;
}

// ---- writing ---------------------------------------------------------------------------------------

#ifndef _WIN32

bool ReadBytes(napi_env env, napi_value bytes, napi_value from, napi_value to, const char** first, const char** end) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, bytes, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowType(env, "bytes must be a Uint8Array");
    return false;
  }
  double start;
  double stop;
  if (!ReadInteger(env, to, "to", 0, static_cast<double>(length), &stop)) return false;
  if (!ReadInteger(env, from, "from", 0, stop, &start)) return false;
  *first = static_cast<const char*>(data) + static_cast<size_t>(start);
  *end = static_cast<const char*>(data) + static_cast<size_t>(stop);
  return true;
}

napi_value WriteFd(napi_env env, napi_callback_info info) {
  const Arguments<7> arguments(env, info);
  double fd;
  double mode;
  const char* from;
  const char* to;
  std::atomic<int32_t>* taken;
  if (!arguments.is_read ||
      !ReadInteger(env, arguments[0], "fd", 0, INT32_MAX, &fd) ||
      !ReadBytes(env, arguments[1], arguments[2], arguments[3], &from, &to) ||
      !ReadInteger(env, arguments[4], "mode", 0, static_cast<double>(WriteMode::kBlockingPipe), &mode) ||
      !ReadSharedWord(env, arguments[5], arguments[6], "takenIndex", &taken)) {
    return nullptr;
  }
  return ToNumber(env, static_cast<double>(WriteLines(static_cast<int>(fd), from, to, static_cast<WriteMode>(mode), taken)));
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

struct Function {
  const char* name;
  napi_callback callback;
};

constexpr Function kFunctions[] = {
    {"pinThread", PinThread},
    {"unpinThread", UnpinThread},
    {"threadAffinity", ThreadAffinity},
    {"initialAffinity", InitialAffinity},
    {"permittedCores", PermittedCores},
    {"currentCore", GetCurrentCore},
    {"threadCpuMs", GetThreadCpuMs},
    {"threadId", GetThreadId},
    {"setThreadName", SetName},
    {"setThreadPriority", SetPriority},
    {"storeAtThreadExit", StoreAtThreadExit},
    {"claim", Claim},
    {"release", Release},
    {"createPublisher", CreatePublisher},
    {"measureLine", MeasureLine},
#ifndef _WIN32
    {"writeFd", WriteFd},
#endif
};

bool Export(napi_env env, napi_value exports) {
  napi_value value;
  if (napi_create_string_utf8(env, SupportName(), NAPI_AUTO_LENGTH, &value) != napi_ok ||
      napi_set_named_property(env, exports, "affinitySupport", value) != napi_ok) {
    return false;
  }
  for (const auto& [name, callback] : kFunctions) {
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, name, value) != napi_ok) {
      return false;
    }
  }
  return true;
}

}  // namespace

}  // namespace pino_pinned

NAPI_MODULE_INIT() {
  if (!pino_pinned::Export(env, exports)) pino_pinned::ThrowInternal(env, "the addon can't export its functions");
  return exports;
}
