// Linux and macOS alike: whole lines to a descriptor, without ever waiting for its reader; and descriptors to keep.

#include "platform.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#ifndef PIPE_BUF
#define PIPE_BUF 512  // the least that POSIX lets it be
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0  // older macOS; Node ignores SIGPIPE anyhow
#endif

namespace pino_pinned {

namespace {

// A terminal in blocking mode says that it has room, not how much. What Linux's terminals have then is 256
// bytes at the least. A newline becomes two bytes, and is taken by itself: behind a text that used up the
// room it would wait for the reader. So it gets a write(2) of its own, and text is cut to fit.
constexpr ptrdiff_t kTerminalPiece = 128;

bool IsExpandedByTerminals(char c) { return c == '\n' || c == '\r' || c == '\t' || c == '\b'; }

const char* EndOfTerminalPiece(const char* from, const char* to) {
  const char* end = from + 1;
  if (IsExpandedByTerminals(*from)) return end;
  while (end < to && end - from < kTerminalPiece && !IsExpandedByTerminals(*end)) end++;
  return end;
}

// A write(2) of at most PIPE_BUF bytes to a pipe is never mixed with another process's. Neither is what a Unix
// socket takes as one buffer of the kernel's (Linux: this much at the least, unless SO_SNDBUF was made small).
constexpr ptrdiff_t kPipePiece = PIPE_BUF;
constexpr ptrdiff_t kSocketPiece = 16 * 1024;

// As many whole lines as `most` bytes hold, or the first line alone if it is longer.
const char* EndOfWholeLines(const char* from, const char* to, ptrdiff_t most) {
  if (to - from <= most) return to;
  for (const char* end = from + most; end > from; end--) {
    if (end[-1] == '\n') return end;
  }
  const char* rest = from + most;
  const void* newline = memchr(rest, '\n', static_cast<size_t>(to - rest));
  return newline == nullptr ? to : static_cast<const char*>(newline) + 1;
}

// A pipe that is empty, and nobody else's.
class PrivatePipe {
 public:
  PrivatePipe() = default;
  ~PrivatePipe() { Close(); }
  PrivatePipe(const PrivatePipe&) = delete;
  PrivatePipe& operator=(const PrivatePipe&) = delete;

#ifdef __linux__
  // write(2) to a pipe in blocking mode that never waits. poll(2) does not give that: between its answer
  // and the write another process may take the room. splice(2) has a flag for the call alone. What the
  // target does not take is thrown away with this pipe, to be offered again by the caller.
  ssize_t PassOn(int target, const char* from, size_t length) {
    if (ends_[0] < 0 && pipe2(ends_, O_CLOEXEC) != 0) {
      errno = EAGAIN;  // no descriptor left: a reason to try later, not to give up the target
      return -1;
    }
    // Empty, so at most PIPE_BUF bytes fit, in one page, which moves as a whole.
    const ssize_t held = write(ends_[1], from, length);
    if (held <= 0) return held;
    const ssize_t moved = splice(ends_[0], nullptr, target, nullptr, static_cast<size_t>(held), SPLICE_F_NONBLOCK);
    const int error = errno;
    if (moved != held) Close();
    errno = error;
    return moved;
  }
#endif

 private:
  void Close() {
    for (int& end : ends_) {
      if (end >= 0) close(end);
      end = -1;
    }
  }

  int ends_[2] = {-1, -1};
};

class Target {
 public:
  Target(int fd, WriteMode mode) : fd_(fd), mode_(mode) {
    if (mode != WriteMode::kBlockingPipe) return;
    struct stat stats;
    is_pipe_ = fstat(fd, &stats) == 0 && S_ISFIFO(stats.st_mode);
    is_terminal_ = !is_pipe_ && isatty(fd) == 1;
  }

  // How far one call may go.
  const char* EndOfPiece(const char* from, const char* to) const {
    if (mode_ == WriteMode::kPipe) return EndOfWholeLines(from, to, kPipePiece);
    if (mode_ == WriteMode::kSocket) return EndOfWholeLines(from, to, kSocketPiece);
    if (mode_ != WriteMode::kBlockingPipe) return to;
    if (is_terminal_) return EndOfTerminalPiece(from, to);
    // More than PIPE_BUF could be taken half and wait for the rest, so a long line goes in parts here.
    return std::min(EndOfWholeLines(from, to, kPipePiece), from + std::min(kPipePiece, to - from));
  }

  ssize_t Write(const char* from, size_t length) {
    switch (mode_) {
      case WriteMode::kSocket:
        return send(fd_, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
      case WriteMode::kBlockingPipe:
#ifdef __linux__
        if (is_pipe_) return pipe_.PassOn(fd_, from, length);
#endif
        return WriteIfReady(from, length);
      default:
        return write(fd_, from, length);
    }
  }

 private:
  ssize_t WriteIfReady(const char* from, size_t length) const {
    pollfd room = {fd_, POLLOUT, 0};
    const int ready = poll(&room, 1, 0);
    if (ready < 0) return -1;
    if (ready == 0) {
      errno = EAGAIN;
      return -1;
    }
    // POLLERR and the like too: write(2) names the error.
    return write(fd_, from, length);
  }

  const int fd_;
  const WriteMode mode_;
  bool is_pipe_ = false;
  bool is_terminal_ = false;
  PrivatePipe pipe_;
};

}  // namespace

int64_t WriteLines(int fd, const char* from, const char* to, WriteMode mode, std::atomic<int32_t>* taken) {
  Target target(fd, mode);
  const char* next = from;
  while (next < to) {
    const char* end = target.EndOfPiece(next, to);
    const ssize_t written = target.Write(next, static_cast<size_t>(end - next));
    if (written > 0) {
      // Pairs with the load by which a successor of a terminated writer learns where to go on.
      taken->fetch_add(static_cast<int32_t>(written));
      next += written;
      continue;
    }
    const int error = written == 0 ? EAGAIN : errno;
    if (error == EINTR) continue;
    if (next == from) return -error;
    break;
  }
  return next - from;
}

int UnreadBytes(int fd) {
#ifdef __linux__
  // Either end tells. Elsewhere the writing one may tell something else.
  int unread;
  if (ioctl(fd, FIONREAD, &unread) == 0) return unread;
#endif
  return -1;
}

// Above those of standard input, output and error, should one of these be closed: others take it for what its number says.
int DuplicateFd(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); }

void CloseFd(int fd) { close(fd); }

}  // namespace pino_pinned
