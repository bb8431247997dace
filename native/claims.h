#ifndef PINO_PINNED_CLAIMS_H_
#define PINO_PINNED_CLAIMS_H_

#include <node_api.h>

namespace pino_pinned {

// claim(key): whether the calling thread has the key now. One thread of the process has a key, until it releases it or ends.
napi_value Claim(napi_env env, napi_callback_info info);

// release(key): gives back a key that the calling thread has.
napi_value Release(napi_env env, napi_callback_info info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_CLAIMS_H_
