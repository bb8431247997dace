// Which thread of the process does what only one is to do. The threads that ask have no memory in common, and none of them
// can be waited for: only the process itself knows them all.

#include "claims.h"

#include <map>
#include <mutex>
#include <string>

#include "arguments.h"

namespace pino_pinned {

namespace {

struct Claims {
  std::mutex mutex;
  std::map<std::string, napi_env> holders;
};

// Never destroyed: other threads may still end when the process's statics are.
Claims& TheClaims() {
  static Claims* claims = new Claims();
  return *claims;
}

void ReleaseHeld(napi_env env, const std::string& key) {
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found != claims.holders.end() && found->second == env) claims.holders.erase(found);
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
  bool is_ours = false;
  bool is_new = false;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    const auto [place, is_inserted] = claims.holders.emplace(key, env);
    is_ours = place->second == env;
    is_new = is_inserted;
  }
  if (is_new && env.AddCleanupHook([env, key] { ReleaseHeld(env, key); }).IsEmpty()) {
    ReleaseHeld(env, key);
    is_ours = false;
  }
  return Napi::Boolean::New(env, is_ours);
}

void Release(const Napi::CallbackInfo& info) {
  std::string key;
  if (ReadKey(info[0], &key)) ReleaseHeld(info.Env(), key);
}

}  // namespace pino_pinned
