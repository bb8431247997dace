#ifndef PINO_PINNED_EXECUTOR_H_
#define PINO_PINNED_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pino_pinned {

// Where a ring's control block and records say what they say; src/ring/estate.ts gives it. Words are indexes of 32 bits,
// counts of 64.
struct EstateLayout {
  uint32_t capacity;
  size_t data_start;
  size_t published;
  size_t released;
  size_t adopted;
  size_t tallied;
  size_t closed;
  size_t totals_slot;
  size_t batch_base;
  size_t batch_taken;
  // In the first of the two totals, and how far the second is from it.
  size_t position;
  size_t output_ends;
  size_t totals_stride;
  int32_t given_back;
  // Kinds of record, and flags of one that a line begins or ends with.
  uint32_t line;
  uint32_t time;
  uint32_t first;
  uint32_t last;
};

constexpr size_t kRecordHeaderBytes = 8;

// Bytes of a record with such a payload.
inline uint64_t RecordBytes(uint32_t payload) { return kRecordHeaderBytes + ((uint64_t{payload} + 7) & ~uint64_t{7}); }

// What the sink is still to get of an estate. False if it takes a writer to say: there is more in it than whole lines.
// `taken` are the bytes that it got of the first of them, whatever is said. With `lines_alone` records that are no lines are left
// out instead, such as notices of dropped ones: no writer will ever say what they mean.
bool TextOf(const std::vector<char>& estate, const EstateLayout& layout, bool lines_alone, std::string* text, size_t* taken);

// A file that lines are appended to: a path, or a descriptor if that is empty; and how it is made if it is not there.
struct FileSink {
  std::string path;
  int fd = -1;
  int mode = 0666;
  bool makes_directories = false;
  bool is_known() const { return !path.empty() || fd >= 0; }
};

// False if nothing of it was written: the file is not to be opened, is no regular one, or the disk has no room for all of it.
// (Where the file system can't tell beforehand, there may be a part of it then, and true is returned.)
bool AppendTo(const FileSink& sink, const std::string& text);

// As many lines of it as the disk has room for. What goes lost of it at a file that could be opened, it says on stderr.
bool AppendLinesTo(const FileSink& sink, const std::string& text);

}  // namespace pino_pinned

#endif  // PINO_PINNED_EXECUTOR_H_
