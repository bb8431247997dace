#ifndef PINO_PINNED_CLAIMS_H_
#define PINO_PINNED_CLAIMS_H_

#include <napi.h>

namespace pino_pinned {

// claim(key): 0 if another thread has the key; 2 if the sink was open under this holder or one before, else 1. One thread of
// the process has a key, until it releases it or ends.
Napi::Value Claim(const Napi::CallbackInfo& info);

// release(key, isForgotten): gives back a key that the calling thread has; forgotten, its next holder is the first again.
void Release(const Napi::CallbackInfo& info);

// sinkOpened(key): the sink of a key that somebody has is open.
void SinkOpened(const Napi::CallbackInfo& info);

#ifndef _WIN32

// keepEnd(key, fd): keeps a descriptor open that leads where fd does, instead of the one kept before, until the key is given
// back or its thread ends; with -1 none. Returns its number, or -1 if none is kept.
Napi::Value KeepEnd(const Napi::CallbackInfo& info);

// keptEnd(key): its number, or -1.
Napi::Value KeptEnd(const Napi::CallbackInfo& info);

#endif

}  // namespace pino_pinned

#endif  // PINO_PINNED_CLAIMS_H_
