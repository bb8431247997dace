// Does for an estate what no writer is left to do: the process may be about to end.

#include "executor.h"

#include <cstring>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>

#include "platform.h"
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

bool TextOf(const std::vector<char>& estate, const EstateLayout& layout, bool lines_alone, std::string* text, size_t* taken) {
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
  text->reserve(estate.size() - layout.data_start - ahead + 1);
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
      // What the sink has taken may hold its words.
      if (!lines_alone || is_inside || text->size() < *taken) return false;
    }
    at += RecordBytes(payload);
  }
  return !is_inside && *taken <= text->size();
}

#ifdef _WIN32

bool AppendTo(const FileSink&, const std::string&) { return false; }
bool AppendLinesTo(const FileSink&, const std::string&) { return false; }

#else

namespace {

// Why one could not be made, the file's own opening tells.
void MakeDirectoriesOf(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) mkdir(path.substr(0, end).c_str(), 0777);
}

// A regular file, open to be added to.
class AppendedFile {
 public:
  explicit AppendedFile(const FileSink& sink) : is_ours_(!sink.path.empty()) {
    if (is_ours_ && sink.makes_directories) MakeDirectoriesOf(sink.path);
    // Not to wait for a reader, should it be a FIFO.
    fd_ = is_ours_ ? open(sink.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, sink.mode) : sink.fd;
    is_open_ = fd_ >= 0 && fstat(fd_, &stats_) == 0 && S_ISREG(stats_.st_mode);
  }
  ~AppendedFile() {
    if (is_ours_ && fd_ >= 0) close(fd_);
  }
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  bool is_open() const { return is_open_; }
  // What kept the rest of it out.
  int error() const { return error_; }

  // Whether the disk has room for so much, which is set aside then: a write that is cut short would tear a line. Also true where
  // that can't be known.
  bool HasRoomFor(size_t size) {
#ifdef __linux__
    const bool is_appended = is_ours_ || (fcntl(fd_, F_GETFL) & O_APPEND) != 0;
    const off_t end = is_appended ? stats_.st_size : lseek(fd_, 0, SEEK_CUR);
    int result;
    do result = fallocate(fd_, FALLOC_FL_KEEP_SIZE, end, static_cast<off_t>(size));
    while (result != 0 && errno == EINTR);
    if (result == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)) return true;
    error_ = errno;
    return false;
#else
    return size > 0;
#endif
  }

  // Returns how much of it was written.
  size_t Write(const char* text, size_t size) {
    size_t written = 0;
    while (written < size) {
      const ssize_t more = write(fd_, text + written, size - written);
      if (more > 0) {
        written += static_cast<size_t>(more);
      } else if (more == 0 || errno != EINTR) {
        error_ = more == 0 ? ENOSPC : errno;
        break;
      }
    }
    return written;
  }

 private:
  const bool is_ours_;
  int fd_;
  bool is_open_;
  struct stat stats_;
  int error_ = 0;
};

// By a way that can't hold the process: nobody may be reading there.
void TellOfLines(const char* text, size_t size, const FileSink& sink, int error) {
  const std::string name = sink.path.empty() ? "descriptor " + std::to_string(sink.fd) : sink.path;
  const auto lines = std::count(text, text + size, '\n');
  const std::string said = "pino-pinned: " + std::to_string(lines) + (lines == 1 ? " line was" : " lines were") +
                           " left as a thread ended: the sink failed, " + uv_err_name(-error) + " (" + name + ")\n";
  std::atomic<int32_t> taken{0};
  WriteLines(STDERR_FILENO, said.data(), said.data() + said.size(), WriteMode::kBlockingPipe, &taken);
}

}  // namespace

bool AppendTo(const FileSink& sink, const std::string& text) {
  AppendedFile file(sink);
  return file.is_open() && file.HasRoomFor(text.size()) && file.Write(text.data(), text.size()) > 0;
}

bool AppendLinesTo(const FileSink& sink, const std::string& text) {
  AppendedFile file(sink);
  if (!file.is_open()) return false;
  // Ends of lines: up to the one there is room, not up to the other.
  size_t fits = 0, most = text.size();
  if (file.HasRoomFor(most)) fits = most;
  while (fits < most) {
    const size_t middle = fits + (most - fits + 1) / 2;
    size_t end = text.rfind('\n', middle - 1) + 1;
    if (end <= fits) end = text.find('\n', middle) + 1;
    if (end <= fits || end >= most) break;
    if (file.HasRoomFor(end)) fits = end;
    else most = end;
  }
  const size_t written = file.Write(text.data(), fits);
  if (written < text.size()) TellOfLines(text.data() + written, text.size() - written, sink, file.error());
  return written > 0;
}

#endif

}  // namespace pino_pinned
