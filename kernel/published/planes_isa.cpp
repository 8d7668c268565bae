// Planes, compiled once for each instruction set: the build names the table NUCENSUS_TABLE.
#include "isa.h"
#include "sieve.h"
#include "single_sieve.h"

namespace nucensus {

extern const PlaneFunctions NUCENSUS_TABLE = {find_exactly, find_by_sieve,
                                              find_in_single_precision};

}  // namespace nucensus
