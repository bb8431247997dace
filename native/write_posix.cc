// Linux and macOS alike: whole lines to a descriptor, without ever waiting for its reader.

#include "platform.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
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

const char* Find(const char* from, const char* to, char wanted) {
  return static_cast<const char*>(memchr(from, wanted, static_cast<size_t>(to - from)));
}

// A write(2) of at most PIPE_BUF bytes to a pipe is never mixed with another process's. So: as many
// whole lines as that holds, or the first line alone if it is longer.
const char* EndOfPipePiece(const char* from, const char* to) {
  if (to - from <= PIPE_BUF) return to;
  for (const char* end = from + PIPE_BUF; end > from; end--) {
    if (end[-1] == '\n') return end;
  }
  const char* newline = Find(from + PIPE_BUF, to, '\n');
  return newline == nullptr ? to : newline + 1;
}

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

const char* EndOfPiece(const char* from, const char* to, WriteMode mode, bool is_terminal) {
  if (mode == WriteMode::kPipe) return EndOfPipePiece(from, to);
  if (mode != WriteMode::kBlockingPipe) return to;
  if (is_terminal) return EndOfTerminalPiece(from, to);
  // A piece of more than PIPE_BUF could wait half way, so a long line goes in parts here.
  return std::min(EndOfPipePiece(from, to), from + std::min<ptrdiff_t>(PIPE_BUF, to - from));
}

// For a descriptor in blocking mode. EAGAIN where write(2) would wait.
ssize_t WriteWithoutWaiting(int fd, const char* from, size_t length) {
#if defined(__GLIBC__) && defined(RWF_NOWAIT)
  // Pipes know this flag since Linux 6.4. It leaves no moment between asking for room and using it.
  iovec piece = {const_cast<char*>(from), length};
  const ssize_t written = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
  const bool is_refused = written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS ||
                                          errno == EINVAL || errno == EPERM || errno == ESPIPE);
  if (!is_refused) return written;
#endif
  pollfd room = {fd, POLLOUT, 0};
  const int ready = poll(&room, 1, 0);
  if (ready < 0) return -1;
  // POLLERR and the like go on to write(2), which names the error.
  if (ready == 0 || room.revents == 0) {
    errno = EAGAIN;
    return -1;
  }
  return write(fd, from, length);
}

ssize_t WritePiece(int fd, const char* from, size_t length, WriteMode mode) {
  ssize_t written;
  do {
    switch (mode) {
      case WriteMode::kSocket:
        written = send(fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case WriteMode::kBlockingPipe:
        written = WriteWithoutWaiting(fd, from, length);
        break;
      default:
        written = write(fd, from, length);
    }
  } while (written < 0 && errno == EINTR);
  return written;
}

}  // namespace

int64_t WriteLines(int fd, const char* from, const char* to, WriteMode mode, std::atomic<int32_t>* taken) {
  const bool is_terminal = mode == WriteMode::kBlockingPipe && isatty(fd) == 1;
  const char* next = from;
  while (next < to) {
    const char* end = EndOfPiece(next, to, mode, is_terminal);
    const ssize_t written = WritePiece(fd, next, static_cast<size_t>(end - next), mode);
    if (written <= 0) {
      if (next > from) break;
      return written == 0 ? -EAGAIN : -errno;
    }
    taken->fetch_add(static_cast<int32_t>(written));
    next += written;
  }
  return next - from;
}

}  // namespace pino_pinned
