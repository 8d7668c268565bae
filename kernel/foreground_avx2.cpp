// The loops of `foreground.cpp` at the level avx2.
#include "foreground_loops.h"

namespace nucensus {

extern const Rows rows_avx2 = loops;

}  // namespace nucensus
