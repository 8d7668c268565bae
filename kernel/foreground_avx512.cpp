// The loops of `foreground.cpp` at the level avx512.
#include "foreground_loops.h"

namespace nucensus {

extern const Rows rows_avx512 = loops;

}  // namespace nucensus
