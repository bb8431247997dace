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

struct Held {
  napi_env env;
  std::string key;
};

void ReleaseHeld(napi_env env, const std::string& key) {
  Claims& claims = TheClaims();
  const std::lock_guard<std::mutex> lock(claims.mutex);
  const auto found = claims.holders.find(key);
  if (found != claims.holders.end() && found->second == env) claims.holders.erase(found);
}

void RunRelease(void* data) {
  Held* held = static_cast<Held*>(data);
  ReleaseHeld(held->env, held->key);
  delete held;
}

bool ReadKey(napi_env env, napi_value value, std::string* key) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    ThrowType(env, "key must be a string");
    return false;
  }
  key->resize(length + 1);
  if (napi_get_value_string_utf8(env, value, key->data(), key->size(), &length) != napi_ok) return false;
  key->resize(length);
  return true;
}

}  // namespace

napi_value Claim(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  std::string key;
  if (!arguments.is_read || !ReadKey(env, arguments[0], &key)) return nullptr;
  bool is_ours = false;
  bool is_new = false;
  {
    Claims& claims = TheClaims();
    const std::lock_guard<std::mutex> lock(claims.mutex);
    const auto [place, is_inserted] = claims.holders.emplace(key, env);
    is_ours = place->second == env;
    is_new = is_inserted;
  }
  if (is_new) {
    Held* held = new Held{env, key};
    if (napi_add_env_cleanup_hook(env, RunRelease, held) != napi_ok) {
      RunRelease(held);
      is_ours = false;
    }
  }
  napi_value result;
  return napi_get_boolean(env, is_ours, &result) == napi_ok ? result : nullptr;
}

napi_value Release(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  std::string key;
  if (arguments.is_read && ReadKey(env, arguments[0], &key)) ReleaseHeld(env, key);
  return nullptr;
}

}  // namespace pino_pinned
