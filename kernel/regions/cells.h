// The pixels of the grid that nuclei hold, and what is in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "holes.h"
#include "pieces.h"

namespace nucensus {

// Puts runs, which are ordered by row and column, in the order of their nuclei first; then
// `first[n]` is where those of nucleus n begin.
void order_by_nucleus(const std::vector<OutlineRun>& found, size_t nuclei,
                      std::vector<OutlineRun>& runs, std::vector<size_t>& first);

class Cells {
public:
    // `nucleus_of` has the place of the nucleus of each piece, -1 if it is part of none.
    void find(const std::vector<Stretch>& stretches, const Holes& holes,
              const std::vector<int32_t>& nucleus_of, size_t nuclei);

    std::vector<OutlineRun> runs;  // by nucleus, row and column
    std::vector<size_t> first;     // of each nucleus, and the end of the last

private:
    std::vector<OutlineRun> found;
};

}  // namespace nucensus
