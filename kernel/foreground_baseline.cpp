// The loops of `foreground.cpp` in the instructions that every machine of this architecture has.
#include "foreground_loops.h"

namespace nucensus {

extern const Rows rows_baseline = loops;

}  // namespace nucensus
