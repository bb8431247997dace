// What the addon asks of an operating system. One file a platform implements it; nothing here or
// there knows of Node-API, and nothing in addon.cc knows of an operating system.

#ifndef PINO_PINNED_PLATFORM_H_
#define PINO_PINNED_PLATFORM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pino_pinned {

// Logical CPUs, ascending, numbered as the operating system does. On Windows number n is processor
// n % 64 of group n / 64.
using Cores = std::vector<uint32_t>;

// What a call to the operating system came to: 0, or an error number as libuv counts them (negative,
// the same names everywhere), and the call that failed.
struct Outcome {
  int error = 0;
  const char* call = "";
  bool ok() const { return error == 0; }
};

enum class AffinitySupport {
  kExact,  // a pinned thread runs on the cores it was given and nowhere else
  kHint,   // the scheduler is told, and may do otherwise
  kNone,   // pinning fails with UV_ENOTSUP
};

AffinitySupport SupportedAffinity();

// The cores of the process as a whole, whatever the calling thread was pinned to. Empty if unknown.
Cores ProcessAffinity();

// Pins the calling thread. Fails, and leaves the thread as it was, unless the kernel accepts every
// one of `cores`.
Outcome SetAffinity(const Cores& cores);

// Undoes SetAffinity. `initial` is what ProcessAffinity said before anything was pinned.
Outcome ResetAffinity(const Cores& initial);

// Where the calling thread may run, by the kernel's word.
Outcome GetAffinity(Cores* cores);

// Every core the kernel would let this process pin a thread to. Wider than ProcessAffinity where the
// process was started with a narrower mask than its cpuset (taskset) or with isolated cores kept out.
Outcome GetPermittedCores(Cores* cores);

// The core the calling thread is on now, or a negative error number.
int CurrentCore();

// CPU time of the calling thread in milliseconds, or -1 if the system does not say.
double ThreadCpuMs();

// What the operating system calls this thread; on Linux the tid of /proc/self/task.
double ThreadId();

// Longest name in bytes, the terminating zero not counted.
extern const size_t kMaxThreadNameBytes;

// `name` is UTF-8 of at most kMaxThreadNameBytes.
Outcome SetThreadName(const std::string& name);

// -20 (most favoured) to 19 (least), as nice(1) has it, of the calling thread alone.
Outcome SetThreadPriority(int nice);

#ifdef __linux__

// Gives another thread of this process, by its ThreadId, those of `cores` that the kernel accepts.
Outcome MoveThread(double id, const Cores& cores);

// Of all threads of this process, what each has for a ThreadId.
Outcome GetThreadIds(std::vector<uint32_t>* ids);

#endif

#ifndef _WIN32

enum class WriteMode {
  kFile,    // a regular file: everything in one write(2), again after a short one
  kPipe,    // non-blocking: whole lines, at most PIPE_BUF bytes a write(2) unless one line is longer
  kSocket,  // like kPipe with up to 16 KiB, by send(2) that neither waits nor raises SIGPIPE
  kBlockingPipe,  // like kPipe, for a descriptor in blocking mode: only what fits without waiting
};

// Writes [from, to) and adds to `taken` after every write(2), before anything else: the thread may be
// terminated as soon as this returns, and `taken` is all its successor gets to see. Returns the bytes
// taken if there were any, else 0 or a negated errno. Never waits, except for a disk under kFile.
int64_t WriteLines(int fd, const char* from, const char* to, WriteMode mode, std::atomic<int32_t>* taken);

// Bytes that the pipe holds which `fd` is an end of; -1 where the system does not say.
int UnreadBytes(int fd);

// Another descriptor of the same open file, not for child processes; -1 if none is to be had.
int DuplicateFd(int fd);

void CloseFd(int fd);

#endif

}  // namespace pino_pinned

#endif  // PINO_PINNED_PLATFORM_H_
