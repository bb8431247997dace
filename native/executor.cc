// Does for an estate what no writer is left to do: the process may be about to end.

#include "executor.h"

#include <cstring>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace pino_pinned {

namespace {

template <typename T>
T At(const std::vector<char>& bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

// Behind a record's length: its kind, and its flags.
constexpr uint32_t kKind = 0xFF;
constexpr uint32_t kFlagsShift = 16;
// The second bit of a batch's name, beside the position and the slot: it is a newline that no record has.
constexpr uint32_t kNewline = 2;

}  // namespace

bool TextOf(const std::vector<char>& estate, const EstateLayout& layout, std::string* text, size_t* taken) {
  *taken = 0;
  const uint32_t slot = At<uint32_t>(estate, layout.totals_slot) & 1;
  const double position = At<double>(estate, layout.position + slot * layout.totals_stride);
  if (!(position >= INT32_MIN && position <= UINT32_MAX)) return false;
  const uint32_t from = static_cast<uint32_t>(static_cast<int64_t>(position));
  const uint32_t base = At<uint32_t>(estate, layout.batch_base);
  if (base == (from | slot) || base == (from | kNewline | slot)) *taken = At<uint32_t>(estate, layout.batch_taken);
  if (base == (from | kNewline | slot) || At<double>(estate, layout.output_ends + slot * layout.totals_stride) != 0) return false;
  // The totals are ahead of the released position if the writer was terminated between the two.
  const uint32_t ahead = from - At<uint32_t>(estate, layout.released);
  if (ahead > estate.size() - layout.data_start) return false;
  bool is_inside = false;
  for (size_t at = layout.data_start + ahead; at < estate.size();) {
    if (estate.size() - at < kRecordHeaderBytes) return false;
    uint32_t payload, meta;
    std::memcpy(&payload, estate.data() + at, sizeof payload);
    std::memcpy(&meta, estate.data() + at + sizeof payload, sizeof meta);
    if (RecordBytes(payload) > estate.size() - at) return false;
    if ((meta & kKind) == layout.line) {
      const uint32_t flags = meta >> kFlagsShift;
      if (is_inside == ((flags & layout.first) != 0)) return false;
      text->append(estate.data() + at + kRecordHeaderBytes, payload);
      is_inside = (flags & layout.last) == 0;
    } else if ((meta & kKind) != layout.time) {
      return false;
    }
    at += RecordBytes(payload);
  }
  return !is_inside && *taken <= text->size();
}

#ifdef _WIN32

bool AppendTo(const FileSink&, const std::string&) { return false; }

#else

// Why one could not be made, the file's own opening tells.
void MakeDirectoriesOf(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) mkdir(path.substr(0, end).c_str(), 0777);
}

bool AppendTo(const FileSink& sink, const std::string& text) {
  const bool is_ours = !sink.path.empty();
  if (is_ours && sink.makes_directories) MakeDirectoriesOf(sink.path);
  // Not to wait for a reader, should it be a FIFO.
  const int fd = is_ours ? open(sink.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, sink.mode) : sink.fd;
  if (fd < 0) return false;
  struct stat stats;
  size_t written = 0;
  if (fstat(fd, &stats) == 0 && S_ISREG(stats.st_mode)) {
    while (written < text.size()) {
      const ssize_t more = write(fd, text.data() + written, text.size() - written);
      if (more > 0) written += static_cast<size_t>(more);
      else if (more == 0 || errno != EINTR) break;
    }
  }
  if (is_ours) close(fd);
  return written > 0;
}

#endif

}  // namespace pino_pinned
