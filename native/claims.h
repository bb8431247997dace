#ifndef PINO_PINNED_CLAIMS_H_
#define PINO_PINNED_CLAIMS_H_

#include <napi.h>

namespace pino_pinned {

// claim(key): whether the calling thread has the key now. One thread of the process has a key, until it releases it or ends.
Napi::Value Claim(const Napi::CallbackInfo& info);

// release(key): gives back a key that the calling thread has.
void Release(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_CLAIMS_H_
