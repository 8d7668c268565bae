// The kernel in AVX2 and FMA (Haswell 2013, Zen 2017, and later).
#include "sieve.h"

namespace nucensus {
namespace {
bool is_supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
}  // namespace

const Level level_avx2 = {"avx2", is_supported, find_exactly, find_by_sieve};

}  // namespace nucensus
