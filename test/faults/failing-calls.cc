// Loaded into a process by LD_PRELOAD: fails its calls on one file as told, with errors that no disk at hand makes.
//
//   FAILING_FILE   the file's path
//   FAILING_CALLS  "write 3 8 5;open 2 4 116": the 3rd to 8th write fail with errno 5, and so on. With errno 0 a
//                  write takes half of what it is given, with -2 it waits until there is a file of this path with ".go".
//   FAILING_REPORT a file to which each such call is added: "write 3 5"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace {

enum Call { kOpen, kWrite, kSync, kCalls };
const char* const kNames[kCalls] = {"open", "write", "fsync"};
std::atomic<int> counts[kCalls];
constexpr int kHeld = -2;

bool IsTheFile(const char* path) {
  const char* file = getenv("FAILING_FILE");
  return file != nullptr && path != nullptr && strcmp(path, file) == 0;
}

bool IsTheFile(int fd) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return false;
  path[length] = '\0';
  return IsTheFile(path);
}

void Report(Call call, int count, int error) {
  const char* file = getenv("FAILING_REPORT");
  char line[64];
  const int length = snprintf(line, sizeof line, "%s %d %d\n", kNames[call], count, error);
  // By number: the functions of these names are the ones below.
  const long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file == nullptr || fd < 0 || syscall(SYS_write, fd, line, length) != length) abort();
  close(static_cast<int>(fd));
}

// What this call on the file is to fail with; -1 if it is not.
int ErrorOf(Call call) {
  const char* rules = getenv("FAILING_CALLS");
  const int count = ++counts[call];
  while (rules != nullptr && *rules != '\0') {
    char name[16];
    int first, last, error;
    if (sscanf(rules, "%15[a-z] %d %d %d", name, &first, &last, &error) != 4) abort();
    if (strcmp(name, kNames[call]) == 0 && count >= first && count <= last) {
      Report(call, count, error);
      return error;
    }
    rules = strchr(rules, ';');
    if (rules != nullptr) rules++;
  }
  return -1;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int OpenAs(const char* name, const char* path, int flags, mode_t mode) {
  const int error = IsTheFile(path) ? ErrorOf(kOpen) : -1;
  if (error < 0) return Real<int (*)(const char*, int, ...)>(name)(path, flags, mode);
  errno = error;
  return -1;
}

void WaitForGo() {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.go", getenv("FAILING_FILE"));
  while (access(path, F_OK) != 0) usleep(1000);
}

int SyncAs(const char* name, int fd) {
  const int error = IsTheFile(fd) ? ErrorOf(kSync) : -1;
  if (error < 0) return Real<int (*)(int)>(name)(fd);
  errno = error;
  return -1;
}

mode_t ModeOf(int flags, va_list rest) { return (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; }

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = ModeOf(flags, rest);
  va_end(rest);
  return OpenAs("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = ModeOf(flags, rest);
  va_end(rest);
  return OpenAs("open64", path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t length) {
  const int error = IsTheFile(fd) ? ErrorOf(kWrite) : -1;
  if (error == kHeld) WaitForGo();
  const size_t taken = error == 0 ? (length + 1) / 2 : length;
  if (error <= 0) return Real<ssize_t (*)(int, const void*, size_t)>("write")(fd, bytes, taken);
  errno = error;
  return -1;
}

int fsync(int fd) { return SyncAs("fsync", fd); }
int fdatasync(int fd) { return SyncAs("fdatasync", fd); }

}  // extern "C"
