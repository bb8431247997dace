// Which thread of the process does what only one is to do. The threads that ask have no memory in common, and none of them
// can be waited for: only the process itself knows them all.

#include "claims.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "arguments.h"

namespace pino_pinned {

namespace {

struct Holder {
  // Null while nobody has the key.
  napi_env env;
  // The sink was open under this holder, or one before.
  bool was_open;
};

struct Claims {
  std::mutex mutex;
  std::map<std::string, Holder> holders;
};

// Never destroyed: other threads may still end when the process's statics are.
Claims& TheClaims() {
  static Claims* claims = new Claims();
  return *claims;
}

void ReleaseHeld(napi_env env, const std::string& key, bool is_forgotten) {
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found == claims.holders.end() || found->second.env != env) return;
  found->second.env = nullptr;
  if (is_forgotten || !found->second.was_open) claims.holders.erase(found);
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
  bool is_new = false;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    Holder& holder = claims.holders.emplace(key, Holder{nullptr, false}).first->second;
    is_new = holder.env == nullptr;
    if (is_new) holder.env = env;
    if (holder.env == static_cast<napi_env>(env)) claimed = holder.was_open ? kHeir : kFirst;
  }
  if (is_new && env.AddCleanupHook([env, key] { ReleaseHeld(env, key, false); }).IsEmpty()) {
    ReleaseHeld(env, key, false);
    claimed = kAnothers;
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
  ReleaseHeld(info.Env(), key, info[1].As<Napi::Boolean>());
}

void SinkOpened(const Napi::CallbackInfo& info) {
  std::string key;
  if (!ReadKey(info[0], &key)) return;
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found != claims.holders.end()) found->second.was_open = true;
}

}  // namespace pino_pinned
