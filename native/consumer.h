// The native half of Consumer.gather.

#ifndef PINO_PINNED_CONSUMER_H_
#define PINO_PINNED_CONSUMER_H_

#include <napi.h>

namespace pino_pinned {

// createGatherer(words, layout, gathered): a function that joins whole lines of the ring behind `words`.
Napi::Value CreateGatherer(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_CONSUMER_H_
