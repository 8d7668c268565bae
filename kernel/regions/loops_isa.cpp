// The loops of regions, compiled once for each instruction set: the build names the table
// NUCENSUS_TABLE.
#include "loops.h"

namespace nucensus {

extern const RegionLoops NUCENSUS_TABLE = loops;

}  // namespace nucensus
