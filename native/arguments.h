// Reading what JavaScript handed over, and refusing it.
//
// In Node-API's own C: a thread can be terminated inside any of these calls, or while the addon loads. From then on
// Node-API refuses everything, errors too, and all there is to do is to return. (node-addon-api 8 takes the refusal for a
// reason to abort the process.)

#ifndef PINO_PINNED_ARGUMENTS_H_
#define PINO_PINNED_ARGUMENTS_H_

#include <node_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pino_pinned {

// Each leaves a JavaScript exception pending, unless there is one, or the thread is ending.

void ThrowType(napi_env env, const std::string& message);
void ThrowRange(napi_env env, const std::string& message);
void ThrowInternal(napi_env env, const std::string& message);

// The arguments of a call; those not given are undefined.
template <size_t kCount>
struct Arguments {
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = kCount;
    is_read = napi_get_cb_info(env, info, &count, values, nullptr, &data) == napi_ok;
  }
  napi_value operator[](size_t at) const { return values[at]; }

  napi_value values[kCount] = {};
  void* data = nullptr;
  bool is_read;
};

bool IsOfType(napi_env env, napi_value value, napi_valuetype type);

// A reader returns false when the argument is wrong, with a JavaScript exception pending, or the thread is ending.

bool ReadInteger(napi_env env, napi_value value, const std::string& name, double lowest, double highest, double* result);

// The memory of an Int32Array. It must be shared: that of an ArrayBuffer can be moved or freed (transfer, detach)
// while native code still points at it.
bool ReadSharedWords(napi_env env, napi_value words, int32_t** first, size_t* length);

// The atomic behind words[index].
bool ReadSharedWord(napi_env env, napi_value words, napi_value index, const std::string& index_name,
                    std::atomic<int32_t>** word);

}  // namespace pino_pinned

#endif  // PINO_PINNED_ARGUMENTS_H_
