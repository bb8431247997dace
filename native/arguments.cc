#include "arguments.h"

#include <cmath>
#include <cstdio>

namespace pino_pinned {

void ThrowType(Napi::Env env, const std::string& message) {
  napi_throw_type_error(env, "ERR_PINO_PINNED_INVALID_ARG_TYPE", message.c_str());
}

void ThrowRange(Napi::Env env, const std::string& message) {
  napi_throw_range_error(env, "ERR_PINO_PINNED_OUT_OF_RANGE", message.c_str());
}

void ThrowInternal(Napi::Env env, const std::string& message) {
  napi_throw_error(env, "ERR_PINO_PINNED_INTERNAL", message.c_str());
}

namespace {

std::string Shown(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

}  // namespace

bool ReadInteger(Napi::Value value, const std::string& name, double lowest, double highest, double* result) {
  if (!value.IsNumber()) {
    ThrowType(value.Env(), name + " must be a number");
    return false;
  }
  const double number = value.As<Napi::Number>();
  // Written so that NaN fails.
  if (!(number >= lowest && number <= highest) || number != std::floor(number)) {
    ThrowRange(value.Env(), name + " must be an integer from " + Shown(lowest) + " to " + Shown(highest) + ", got " +
                                Shown(number));
    return false;
  }
  *result = number;
  return true;
}

bool LayoutReader::IsObject() const {
  if (layout_.Type() == napi_object) return true;
  ThrowType(layout_.Env(), "layout must be an object");
  return false;
}

bool LayoutReader::operator()(const char* name, double lowest, double highest, double* result) const {
  napi_value value;
  // A getter may throw, and its thread may be terminated in it.
  if (napi_get_named_property(layout_.Env(), layout_, name, &value) != napi_ok) return false;
  return ReadInteger({layout_.Env(), value}, std::string("layout.") + name, lowest, highest, result);
}

bool ReadSharedWords(Napi::Value words, int32_t** first, size_t* length) {
  napi_typedarray_type type = napi_uint8_array;
  void* data = nullptr;
  napi_value buffer = nullptr;
  const bool is_view = napi_get_typedarray_info(words.Env(), words, &type, length, &data, &buffer, nullptr) == napi_ok;
  if (!is_view || type != napi_int32_array || Napi::Value(words.Env(), buffer).IsArrayBuffer()) {
    ThrowType(words.Env(), "words must be an Int32Array over a SharedArrayBuffer");
    return false;
  }
  if (*length == 0) {
    ThrowRange(words.Env(), "words must not be empty");
    return false;
  }
  *first = static_cast<int32_t*>(data);
  return true;
}

bool ReadSharedWord(Napi::Value words, Napi::Value index, const std::string& index_name, std::atomic<int32_t>** word) {
  static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t), "a word of an Int32Array is an atomic");
  static_assert(std::atomic<int32_t>::is_always_lock_free, "and is shared with V8's own atomics");
  int32_t* first;
  size_t length;
  double place;
  if (!ReadSharedWords(words, &first, &length) ||
      !ReadInteger(index, index_name, 0, static_cast<double>(length - 1), &place)) {
    return false;
  }
  *word = reinterpret_cast<std::atomic<int32_t>*>(first) + static_cast<size_t>(place);
  return true;
}

}  // namespace pino_pinned
