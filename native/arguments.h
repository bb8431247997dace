// Reading what JavaScript handed over, and refusing it.

#ifndef PINO_PINNED_ARGUMENTS_H_
#define PINO_PINNED_ARGUMENTS_H_

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pino_pinned {

void Throw(Napi::Error error, const char* code);
void ThrowType(Napi::Env env, const std::string& message);
void ThrowRange(Napi::Env env, const std::string& message);

// Each reader returns false with a JavaScript exception pending when the argument is wrong.

bool ReadInteger(Napi::Value value, const std::string& name, double lowest, double highest, double* result);

// The memory of an Int32Array. It must be shared: that of an ArrayBuffer can be moved or freed (transfer, detach)
// while native code still points at it.
bool ReadSharedWords(Napi::Value words, int32_t** first, size_t* length);

// The atomic behind words[index].
bool ReadSharedWord(Napi::Value words, Napi::Value index, const std::string& index_name, std::atomic<int32_t>** word);

}  // namespace pino_pinned

#endif  // PINO_PINNED_ARGUMENTS_H_
