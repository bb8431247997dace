#ifndef PINO_PINNED_ESTATES_H_
#define PINO_PINNED_ESTATES_H_

#include <napi.h>

namespace pino_pinned {

// Rings, the threads that keep them, and what is left of a ring when the last of these is gone: its estate, for the next
// writer of its key. addon.ts tells what each function takes.

void KeepRing(const Napi::CallbackInfo& info);
void KeepRingToo(const Napi::CallbackInfo& info);
void LetRingGo(const Napi::CallbackInfo& info);
Napi::Value Inherit(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_ESTATES_H_
