// Which thread of the process does what only one is to do, and what the process keeps open for it. The threads that ask have
// no memory in common, and none of them can be waited for: only the process itself knows them all.

#include "claims.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "arguments.h"
#include "platform.h"

namespace pino_pinned {

namespace {

struct Holder {
  // Null while nobody has the key.
  napi_env env;
  // The sink was open under this holder, or one before.
  bool was_open;
  // The end of a pipe that is kept; -1 if none is.
  int end = -1;
};

struct Claims {
  std::mutex mutex;
  std::map<std::string, Holder> holders;
  // Environments with a cleanup hook here: one each, however often it claims.
  std::set<napi_env> envs;
};

// Never destroyed: other threads may still end when the process's statics are.
Claims& TheClaims() {
  static Claims* claims = new Claims();
  return *claims;
}

// Called with the mutex held, and when nobody writes to the one kept before: its number may be another file's at once.
void KeepInstead(Holder& holder, int end) {
#ifndef _WIN32
  if (holder.end >= 0) CloseFd(holder.end);
#endif
  holder.end = end;
}

// Called with the mutex held.
void ReleaseHeld(Claims& claims, std::map<std::string, Holder>::iterator held, bool is_forgotten) {
  KeepInstead(held->second, -1);
  held->second.env = nullptr;
  if (is_forgotten || !held->second.was_open) claims.holders.erase(held);
}

void EnvironmentEnds(napi_env env) {
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  claims.envs.erase(env);
  for (auto next = claims.holders.begin(); next != claims.holders.end();) {
    const auto held = next++;
    if (held->second.env == env) ReleaseHeld(claims, held, false);
  }
}

// Returns false if the thread is ending. Called with the mutex held.
bool Enter(Claims& claims, Napi::Env env) {
  if (!claims.envs.insert(env).second) return true;
  const napi_env entered = env;
  if (!env.AddCleanupHook([entered] { EnvironmentEnds(entered); }).IsEmpty()) return true;
  claims.envs.erase(env);
  return false;
}

bool ReadKey(Napi::Value value, std::string* key) {
  if (!value.IsString()) {
    ThrowType(value.Env(), "key must be a string");
    return false;
  }
  *key = value.As<Napi::String>();
  return true;
}

}  // namespace

Napi::Value Claim(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string key;
  if (!ReadKey(info[0], &key)) return {};
  enum : uint32_t { kAnothers, kFirst, kHeir } claimed = kAnothers;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    if (Enter(claims, env)) {
      Holder& holder = claims.holders.emplace(key, Holder{nullptr, false, -1}).first->second;
      if (holder.env == nullptr) holder.env = env;
      if (holder.env == static_cast<napi_env>(env)) claimed = holder.was_open ? kHeir : kFirst;
    }
  }
  return Napi::Number::New(env, claimed);
}

void Release(const Napi::CallbackInfo& info) {
  std::string key;
  if (!ReadKey(info[0], &key)) return;
  if (!info[1].IsBoolean()) {
    ThrowType(info.Env(), "isForgotten must be a boolean");
    return;
  }
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found != claims.holders.end() && found->second.env == static_cast<napi_env>(info.Env())) ReleaseHeld(claims, found, info[1].As<Napi::Boolean>());
}

void SinkOpened(const Napi::CallbackInfo& info) {
  std::string key;
  if (!ReadKey(info[0], &key)) return;
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found != claims.holders.end()) found->second.was_open = true;
}

#ifndef _WIN32

Napi::Value KeepEnd(const Napi::CallbackInfo& info) {
  std::string key;
  double fd;
  if (!ReadKey(info[0], &key) || !ReadInteger(info[1], "fd", -1, INT32_MAX, &fd)) return {};
  int end = -1;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    const auto found = claims.holders.find(key);
    if (found != claims.holders.end() && found->second.env != nullptr) {
      if (fd >= 0) end = DuplicateFd(static_cast<int>(fd));
      KeepInstead(found->second, end);
    }
  }
  return Napi::Number::New(info.Env(), end);
}

Napi::Value KeptEnd(const Napi::CallbackInfo& info) {
  std::string key;
  if (!ReadKey(info[0], &key)) return {};
  int end = -1;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    const auto found = claims.holders.find(key);
    if (found != claims.holders.end()) end = found->second.end;
  }
  return Napi::Number::New(info.Env(), end);
}

#endif

}  // namespace pino_pinned
