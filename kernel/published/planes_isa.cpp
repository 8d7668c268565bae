// Planes, compiled once for each instruction set: the build names the table NUCENSUS_TABLE.
#include "isa.h"
#include "sieve.h"

namespace nucensus {

extern const PlaneFunctions NUCENSUS_TABLE = {find_exactly, find_by_sieve};

}  // namespace nucensus
