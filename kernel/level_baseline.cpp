// The kernel in the instructions that every machine of this architecture has.
#include "sieve.h"

namespace nucensus {
namespace {
bool is_supported() { return true; }
}  // namespace

#if defined(__aarch64__)
const Level level_baseline = {"neon", is_supported, find_exactly, find_by_sieve};
#else
const Level level_baseline = {"baseline", is_supported, find_exactly, find_by_sieve};
#endif

}  // namespace nucensus
