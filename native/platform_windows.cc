#include "platform.h"

#include <uv.h>
#include <windows.h>

namespace pino_pinned {

namespace {

// Core n is processor n % 64 of group n / 64. Groups may be smaller, so numbers can have gaps between them.
constexpr uint32_t kGroupSize = 64;
constexpr uint32_t kMaskBits = sizeof(KAFFINITY) * 8;

// A UTF-8 byte gives one UTF-16 unit at most; one more for the zero.
constexpr size_t kMaxNameChars = 256;

Outcome LastError(const char* call) { return {uv_translate_sys_error(static_cast<int>(GetLastError())), call}; }

void AddGroup(Cores* cores, WORD group, KAFFINITY mask) {
  for (uint32_t bit = 0; bit < kMaskBits; bit++) {
    if (mask & (static_cast<KAFFINITY>(1) << bit)) cores->push_back(group * kGroupSize + bit);
  }
}

// The first of `count` processors.
KAFFINITY MaskOf(DWORD count) {
  return count >= kMaskBits ? ~static_cast<KAFFINITY>(0) : (static_cast<KAFFINITY>(1) << count) - 1;
}

Outcome SetGroupAffinity(WORD group, KAFFINITY mask) {
  const HANDLE thread = GetCurrentThread();
  GROUP_AFFINITY now = {};
  if (!GetThreadGroupAffinity(thread, &now)) return LastError("GetThreadGroupAffinity");
  if (now.Group == group) {
    if (SetThreadAffinityMask(thread, mask) == 0) return LastError("SetThreadAffinityMask");
    return {};
  }
  GROUP_AFFINITY wanted = {};
  wanted.Group = group;
  wanted.Mask = mask;
  if (!SetThreadGroupAffinity(thread, &wanted, nullptr)) return LastError("SetThreadGroupAffinity");
  return {};
}

KAFFINITY MaskWithinGroup(const Cores& cores, WORD group) {
  KAFFINITY mask = 0;
  for (uint32_t core : cores) {
    if (core / kGroupSize == group) mask |= static_cast<KAFFINITY>(1) << (core % kGroupSize);
  }
  return mask;
}

}  // namespace

// SetThreadDescription takes up to 32767 characters; nobody wants to read more than this.
const size_t kMaxThreadNameBytes = 255;

AffinitySupport SupportedAffinity() { return AffinitySupport::kExact; }

Cores ProcessAffinity() {
  const HANDLE process = GetCurrentProcess();
  DWORD_PTR process_mask = 0;
  DWORD_PTR system_mask = 0;
  USHORT count = 1;
  USHORT group = 0;
  Cores cores;
  // A process narrowed to some processors is in one group. For one in several this says 0 and 0.
  if (GetProcessAffinityMask(process, &process_mask, &system_mask) && process_mask != system_mask &&
      GetProcessGroupAffinity(process, &count, &group)) {
    AddGroup(&cores, group, process_mask);
    return cores;
  }
  // Any other may put its threads into every group, though before Windows 11 they all begin in one.
  const WORD groups = GetActiveProcessorGroupCount();
  for (WORD each = 0; each < groups; each++) AddGroup(&cores, each, MaskOf(GetActiveProcessorCount(each)));
  return cores;
}

Outcome SetAffinity(const Cores& cores) {
  if (cores.empty()) return {UV_EINVAL, "SetThreadAffinityMask"};
  // A thread can be held within one group only.
  const uint32_t group = cores.front() / kGroupSize;
  for (uint32_t core : cores) {
    if (core / kGroupSize != group || core % kGroupSize >= kMaskBits) return {UV_EINVAL, "SetThreadGroupAffinity"};
  }
  // Both calls refuse a mask with a processor that the process may not use.
  return SetGroupAffinity(static_cast<WORD>(group), MaskWithinGroup(cores, static_cast<WORD>(group)));
}

Outcome ResetAffinity(const Cores& initial) {
  if (initial.empty()) return {UV_ENOTSUP, "SetThreadAffinityMask"};
  GROUP_AFFINITY now = {};
  if (!GetThreadGroupAffinity(GetCurrentThread(), &now)) return LastError("GetThreadGroupAffinity");
  // The group it is in, if the process has cores there: a thread unpinned stays near its memory.
  const KAFFINITY here = MaskWithinGroup(initial, now.Group);
  if (here != 0) return SetGroupAffinity(now.Group, here);
  const WORD first = static_cast<WORD>(initial.front() / kGroupSize);
  return SetGroupAffinity(first, MaskWithinGroup(initial, first));
}

Outcome GetAffinity(Cores* cores) {
  GROUP_AFFINITY now = {};
  if (!GetThreadGroupAffinity(GetCurrentThread(), &now)) return LastError("GetThreadGroupAffinity");
  cores->clear();
  AddGroup(cores, now.Group, now.Mask);
  return {};
}

// A thread never gets beyond its process here.
Outcome GetPermittedCores(Cores* cores) {
  *cores = ProcessAffinity();
  return {};
}

int CurrentCore() {
  PROCESSOR_NUMBER now = {};
  GetCurrentProcessorNumberEx(&now);
  return static_cast<int>(now.Group * kGroupSize + now.Number);
}

double ThreadCpuMs() {
  FILETIME created;
  FILETIME exited;
  FILETIME kernel;
  FILETIME user;
  if (!GetThreadTimes(GetCurrentThread(), &created, &exited, &kernel, &user)) return -1;
  const auto ticks = [](const FILETIME& time) {
    return (static_cast<uint64_t>(time.dwHighDateTime) << 32) | time.dwLowDateTime;
  };
  // One tick is 100 ns.
  return static_cast<double>(ticks(kernel) + ticks(user)) / 1e4;
}

double ThreadId() { return static_cast<double>(GetCurrentThreadId()); }

Outcome SetThreadName(const std::string& name) {
  using SetDescription = HRESULT(WINAPI*)(HANDLE, PCWSTR);
  // Windows 10 1607 and Server 2016 have it in this library only, and not to link against.
  const HMODULE library = GetModuleHandleW(L"KernelBase.dll");
  const FARPROC found = library == nullptr ? nullptr : GetProcAddress(library, "SetThreadDescription");
  if (found == nullptr) return {UV_ENOTSUP, "SetThreadDescription"};

  wchar_t wide[kMaxNameChars];
  const int length = MultiByteToWideChar(CP_UTF8, 0, name.c_str(), -1, wide, static_cast<int>(kMaxNameChars));
  if (length == 0) return LastError("MultiByteToWideChar");
  // By way of void*: a cast between kinds of functions is something compilers warn of.
  const auto set_description = reinterpret_cast<SetDescription>(reinterpret_cast<void*>(found));
  const HRESULT result = set_description(GetCurrentThread(), wide);
  if (FAILED(result)) return {UV_EIO, "SetThreadDescription"};
  return {};
}

Outcome SetThreadPriority(int nice) {
  // Seven steps here for forty there; 0 stays what it is, and the real-time step is left alone.
  int priority = THREAD_PRIORITY_NORMAL;
  if (nice <= -14) {
    priority = THREAD_PRIORITY_HIGHEST;
  } else if (nice < 0) {
    priority = THREAD_PRIORITY_ABOVE_NORMAL;
  } else if (nice == 19) {
    priority = THREAD_PRIORITY_IDLE;
  } else if (nice > 10) {
    priority = THREAD_PRIORITY_LOWEST;
  } else if (nice > 0) {
    priority = THREAD_PRIORITY_BELOW_NORMAL;
  }
  if (!::SetThreadPriority(GetCurrentThread(), priority)) return LastError("SetThreadPriority");
  return {};
}

}  // namespace pino_pinned
