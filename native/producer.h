// The native twin of Producer.tryPublish.

#ifndef PINO_PINNED_PRODUCER_H_
#define PINO_PINNED_PRODUCER_H_

#include <napi.h>

namespace pino_pinned {

// createPublisher(words, layout): a function that publishes a line on the ring behind `words`.
Napi::Value CreatePublisher(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_PRODUCER_H_
