// The native half of Consumer.gather.

#ifndef PINO_PINNED_CONSUMER_H_
#define PINO_PINNED_CONSUMER_H_

#include <napi.h>

namespace pino_pinned {

// gatherLines(words, gathering, position, published, to): joins whole lines of the ring behind `words`.
Napi::Value GatherLines(const Napi::CallbackInfo& info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_CONSUMER_H_
