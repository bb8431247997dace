#include "platform.h"

#include <mach/mach.h>
#include <mach/thread_policy.h>
#include <pthread.h>
#include <sched.h>
#include <sys/sysctl.h>
#include <time.h>

#include <cerrno>

namespace pino_pinned {

namespace {

int SystemNumber(const char* name, int otherwise) {
  int number = 0;
  size_t size = sizeof number;
  return sysctlbyname(name, &number, &size, nullptr, 0) == 0 ? number : otherwise;
}

uint32_t CoreCount() { return static_cast<uint32_t>(SystemNumber("hw.logicalcpu", 1)); }

// All there is on this system: threads with the same tag are put where they share a cache, threads with
// different ones apart. Intel only.
Outcome SetTag(integer_t tag) {
  thread_affinity_policy_data_t policy = {tag};
  // No reference of its own that would have to be given back, unlike mach_thread_self().
  const thread_act_t thread = pthread_mach_thread_np(pthread_self());
  const kern_return_t result = thread_policy_set(thread, THREAD_AFFINITY_POLICY,
                                                 reinterpret_cast<thread_policy_t>(&policy),
                                                 THREAD_AFFINITY_POLICY_COUNT);
  if (result == KERN_SUCCESS) return {};
  return {result == KERN_NOT_SUPPORTED ? -ENOTSUP : -EINVAL, "thread_policy_set"};
}

}  // namespace

// MAXTHREADNAMESIZE less the zero.
const size_t kMaxThreadNameBytes = 63;

AffinitySupport SupportedAffinity() {
#if defined(__x86_64__)
  // An Intel program that runs translated is on Apple silicon all the same.
  static const bool is_translated = SystemNumber("sysctl.proc_translated", 0) == 1;
  return is_translated ? AffinitySupport::kNone : AffinitySupport::kHint;
#else
  return AffinitySupport::kNone;
#endif
}

Cores ProcessAffinity() {
  Cores cores;
  const uint32_t count = CoreCount();
  for (uint32_t core = 0; core < count; core++) cores.push_back(core);
  return cores;
}

Outcome SetAffinity(const Cores& cores) {
  if (SupportedAffinity() == AffinitySupport::kNone) return {-ENOTSUP, "thread_policy_set"};
  if (cores.empty() || cores.back() >= CoreCount()) return {-EINVAL, "thread_policy_set"};
  // Tag 0 is none, so core 0 is tag 1. A list shares the tag of its first core: there is only one.
  return SetTag(static_cast<integer_t>(cores.front() + 1));
}

Outcome ResetAffinity(const Cores&) {
  if (SupportedAffinity() == AffinitySupport::kNone) return {};
  return SetTag(THREAD_AFFINITY_TAG_NULL);
}

// A tag keeps no thread off any core.
Outcome GetAffinity(Cores* cores) {
  *cores = ProcessAffinity();
  return {};
}

Outcome GetPermittedCores(Cores* cores) { return GetAffinity(cores); }

int CurrentCore() {
  size_t core = 0;
  const int error = pthread_cpu_number_np(&core);
  return error == 0 ? static_cast<int>(core) : -error;
}

double ThreadCpuMs() {
  timespec time;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return -1;
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double ThreadId() {
  uint64_t id = 0;
  pthread_threadid_np(nullptr, &id);
  return static_cast<double>(id);
}

Outcome SetThreadName(const std::string& name) {
  const int error = pthread_setname_np(name.c_str());
  return {-error, "pthread_setname_np"};
}

Outcome SetThreadPriority(int nice) {
  int policy = 0;
  sched_param parameters = {};
  int error = pthread_getschedparam(pthread_self(), &policy, &parameters);
  if (error != 0) return {-error, "pthread_getschedparam"};
  // 0 is the middle of the policy's range, -20 its upper end and 19 its lower.
  const int lowest = sched_get_priority_min(policy);
  const int highest = sched_get_priority_max(policy);
  parameters.sched_priority = (lowest + highest) / 2 - nice * (highest - lowest) / 40;
  error = pthread_setschedparam(pthread_self(), policy, &parameters);
  return {-error, "pthread_setschedparam"};
}

}  // namespace pino_pinned
