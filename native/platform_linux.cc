#include "platform.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace pino_pinned {

namespace {

// NR_CPUS is 8192 in the largest distribution kernels; this leaves room.
constexpr int kMostCpus = 1 << 16;

// sched_getaffinity refuses a set smaller than the kernel's own, so sets are of any size here.
class CpuSet {
 public:
  explicit CpuSet(int cpus) : cpus_(cpus), bytes_(CPU_ALLOC_SIZE(cpus)), set_(CPU_ALLOC(cpus)) {
    if (set_ != nullptr) CPU_ZERO_S(bytes_, set_);
  }
  ~CpuSet() {
    if (set_ != nullptr) CPU_FREE(set_);
  }
  CpuSet(const CpuSet&) = delete;
  CpuSet& operator=(const CpuSet&) = delete;

  void Add(uint32_t core) { CPU_SET_S(core, bytes_, set_); }

  bool valid() const { return set_ != nullptr; }
  size_t bytes() const { return bytes_; }
  cpu_set_t* get() { return set_; }

  Cores ToCores() const {
    Cores cores;
    for (int core = 0; core < cpus_; core++) {
      if (CPU_ISSET_S(core, bytes_, set_)) cores.push_back(static_cast<uint32_t>(core));
    }
    return cores;
  }

 private:
  int cpus_;
  size_t bytes_;
  cpu_set_t* set_;
};

Outcome GetAffinityOf(pid_t tid, Cores* cores) {
  for (int cpus = CPU_SETSIZE; cpus <= kMostCpus; cpus *= 2) {
    CpuSet set(cpus);
    if (!set.valid()) return {-ENOMEM, "sched_getaffinity"};
    if (sched_getaffinity(tid, set.bytes(), set.get()) == 0) {
      *cores = set.ToCores();
      return {};
    }
    if (errno != EINVAL) break;
  }
  return {-errno, "sched_getaffinity"};
}

Outcome SetAffinityAsFarAsAllowed(const Cores& cores, pid_t tid = 0) {
  if (cores.empty()) return {-EINVAL, "sched_setaffinity"};
  CpuSet set(static_cast<int>(cores.back()) + 1);
  if (!set.valid()) return {-ENOMEM, "sched_setaffinity"};
  for (uint32_t core : cores) set.Add(core);
  if (sched_setaffinity(tid, set.bytes(), set.get()) != 0) return {-errno, "sched_setaffinity"};
  return {};
}

// The kernel takes what it can of a set: with every core in it, the thread gets all there are for it.
Outcome SetAffinityToAllPermitted() {
  Cores all;
  for (uint32_t core = 0; core < kMostCpus; core++) all.push_back(core);
  return SetAffinityAsFarAsAllowed(all);
}

struct Attempt {
  Cores cores;
  Outcome outcome;
};

void* TryAllCores(void* data) {
  Attempt* attempt = static_cast<Attempt*>(data);
  attempt->outcome = SetAffinityToAllPermitted();
  if (attempt->outcome.ok()) attempt->outcome = GetAffinityOf(0, &attempt->cores);
  return nullptr;
}

}  // namespace

const size_t kMaxThreadNameBytes = 15;

AffinitySupport SupportedAffinity() { return AffinitySupport::kExact; }

Cores ProcessAffinity() {
  Cores cores;
  GetAffinityOf(getpid(), &cores);
  return cores;
}

Outcome SetAffinity(const Cores& cores) {
  Cores before;
  Outcome outcome = GetAffinity(&before);
  if (outcome.ok()) outcome = SetAffinityAsFarAsAllowed(cores);
  if (!outcome.ok()) return outcome;

  // Cores that do not exist or are outside the cpuset are left out without a word as long as one is left.
  Cores after;
  outcome = GetAffinity(&after);
  if (outcome.ok() && after == cores) return {};
  SetAffinityAsFarAsAllowed(before);
  return outcome.ok() ? Outcome{-EINVAL, "sched_setaffinity"} : outcome;
}

Outcome MoveThread(double id, const Cores& cores) {
  const pid_t tid = static_cast<pid_t>(id);
  // sched_setaffinity takes the threads of any process.
  if (syscall(SYS_tgkill, getpid(), tid, 0) != 0) return {-errno, "tgkill"};
  return SetAffinityAsFarAsAllowed(cores, tid);
}

Outcome ResetAffinity(const Cores& initial) {
  const Outcome outcome = SetAffinityAsFarAsAllowed(initial);
  // The cpuset may have been moved to quite other cores since the process began.
  return outcome.error == -EINVAL ? SetAffinityToAllPermitted() : outcome;
}

Outcome GetAffinity(Cores* cores) { return GetAffinityOf(0, cores); }

Outcome GetPermittedCores(Cores* cores) {
  // Only trying it tells, and a thread of its own can try without the caller being moved meanwhile.
  // (std::thread would end the process if it can't be started.)
  Attempt attempt;
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, TryAllCores, &attempt);
  if (error != 0) return {-error, "pthread_create"};
  pthread_join(thread, nullptr);
  *cores = attempt.cores;
  return attempt.outcome;
}

int CurrentCore() {
  const int core = sched_getcpu();
  return core >= 0 ? core : -errno;
}

double ThreadCpuMs() {
  timespec time;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return -1;
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// gettid() came to glibc in 2.30 and Node 20 runs on 2.28.
double ThreadId() { return static_cast<double>(syscall(SYS_gettid)); }

Outcome GetThreadIds(std::vector<uint32_t>* ids) {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return {-errno, "opendir"};
  while (const dirent* task = readdir(tasks)) {
    const unsigned long id = std::strtoul(task->d_name, nullptr, 10);
    if (id > 0) ids->push_back(static_cast<uint32_t>(id));
  }
  closedir(tasks);
  return {};
}

Outcome SetThreadName(const std::string& name) {
  if (prctl(PR_SET_NAME, name.c_str()) != 0) return {-errno, "prctl"};
  return {};
}

Outcome SetThreadPriority(int nice) {
  // POSIX has the nice value belong to the process; Linux keeps one for every thread.
  const id_t tid = static_cast<id_t>(syscall(SYS_gettid));
  if (setpriority(PRIO_PROCESS, tid, nice) != 0) return {-errno, "setpriority"};
  return {};
}

}  // namespace pino_pinned
