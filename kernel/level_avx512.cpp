// The kernel in AVX-512 with VNNI (Ice Lake 2019, Zen 4 2022, and later).
#include "sieve.h"

namespace nucensus {
namespace {
#if defined(NUCENSUS_EMULATED_AVX512)
bool is_supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
bool is_supported() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
}
#endif
}  // namespace

const Level level_avx512 = {"avx512", is_supported, find_exactly, find_by_sieve};

}  // namespace nucensus
