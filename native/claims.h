#ifndef PINO_PINNED_CLAIMS_H_
#define PINO_PINNED_CLAIMS_H_

#include <napi.h>

namespace pino_pinned {

// claim(key): which holder of the key the calling thread is, from 1; 0 if another thread has it. One thread of the process has
// a key, until it releases it or ends.
Napi::Value Claim(const Napi::CallbackInfo& info);

// release(key, isForgotten): gives back a key that the calling thread has; forgotten, its next holder is the first again.
void Release(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_CLAIMS_H_
