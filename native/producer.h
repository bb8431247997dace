// The native twin of Producer.tryPublish.

#ifndef PINO_PINNED_PRODUCER_H_
#define PINO_PINNED_PRODUCER_H_

#include <node_api.h>

namespace pino_pinned {

// createPublisher(words, layout): a function that publishes a line on the ring behind `words`.
napi_value CreatePublisher(napi_env env, napi_callback_info info);

}  // namespace pino_pinned

#endif  // PINO_PINNED_PRODUCER_H_
