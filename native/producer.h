// The native twin of Producer.tryPublish, and of what drops cost.

#ifndef PINO_PINNED_PRODUCER_H_
#define PINO_PINNED_PRODUCER_H_

#include <napi.h>

namespace pino_pinned {

// createPublisher(words, layout): a function that publishes a line on the ring behind `words`.
Napi::Value CreatePublisher(const Napi::CallbackInfo& info);

// measureLine(text): its UTF-8 bytes << 7 | its level where it shows one of pino's own, else 0. 0 for a line too long for that.
napi_value MeasureLine(napi_env env, napi_callback_info info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_PRODUCER_H_
