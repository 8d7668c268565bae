// Images with contiguous rows: any other layout is copied into one.
//
// As `arena.h`, without inline functions.
#pragma once

#include "abi.h"

namespace nucensus {

// The image itself, or a copy in the scratch memory of this thread whose bytes are those of its
// pixels; false when there is no memory.
bool make_contiguous(const Image& image, Image& contiguous);

}  // namespace nucensus
