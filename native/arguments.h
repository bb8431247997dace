// Reading what JavaScript handed over, and refusing it.
//
// A thread can be terminated inside any call to Node-API, or while the addon loads. From then on Node-API refuses
// everything, errors too, and all there is to do is to return. node-addon-api throws an error for what was refused, and
// aborts the process when that is refused as well, unless NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS is defined. With that it
// still aborts
// - when asked for anything by an empty value, which is what a refused call returned: such a value is looked at first;
// - when an error is thrown while another is pending (a setter in Error.prototype threw), and when JavaScript that it
//   called was ended by a `vm` timeout: so what may run JavaScript (elements, properties) and what throws is a call
//   to Node-API itself here, which answers with a status.

#ifndef PINO_PINNED_ARGUMENTS_H_
#define PINO_PINNED_ARGUMENTS_H_

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pino_pinned {

// Each leaves a JavaScript exception pending, unless there is one, or the thread is ending.

void ThrowType(Napi::Env env, const std::string& message);
void ThrowRange(Napi::Env env, const std::string& message);
void ThrowInternal(Napi::Env env, const std::string& message);

// A reader returns false when the argument is wrong, with a JavaScript exception pending, or the thread is ending.
// What it is given is never empty: an argument that is not there is undefined.

bool ReadInteger(Napi::Value value, const std::string& name, double lowest, double highest, double* result);

// Reads the numbers of an object by their names.
class LayoutReader {
 public:
  explicit LayoutReader(Napi::Value layout) : layout_(layout) {}
  bool IsObject() const;
  bool operator()(const char* name, double lowest, double highest, double* result) const;

 private:
  const Napi::Value layout_;
};

// The memory of an Int32Array. It must be shared: that of an ArrayBuffer can be moved or freed (transfer, detach)
// while native code still points at it.
bool ReadSharedWords(Napi::Value words, int32_t** first, size_t* length);

// The atomic behind words[index].
bool ReadSharedWord(Napi::Value words, Napi::Value index, const std::string& index_name, std::atomic<int32_t>** word);

}  // namespace pino_pinned

#endif  // PINO_PINNED_ARGUMENTS_H_
