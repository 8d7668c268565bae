// Pieces put together again where the union is one convex body without a dip.
#pragma once

#include <queue>
#include <utility>
#include <vector>

#include "abi.h"
#include "pieces.h"

namespace nucensus {

class Union {
public:
    // Merges regions into those of lower numbers: the best pair first, until none is left; then
    // what lies together as one body.
    void merge(Pieces& pieces, const RegionSettings& how);

    // The region that piece `i` is part of now.
    int32_t find(int32_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    }

private:
    struct Candidate {
        double cost;
        int32_t first, second, first_version, second_version;
        bool operator<(const Candidate& other) const {
            // priority_queue gives the greatest: the least cost, ties by index, so that order is
            // fixed.
            if (cost != other.cost) return cost > other.cost;
            if (first != other.first) return first > other.first;
            return second > other.second;
        }
    };
    using Neighbours = std::vector<std::pair<int32_t, float>>;

    void collect(std::vector<Contact>& contacts);
    void offer(int32_t a, int32_t b, float saddle);
    void merge_wholes();
    void merge_pair(int32_t into, int32_t from);
    void absorb(int32_t into, int32_t from);
    void inherit_neighbours(int32_t into, int32_t from);

    const RegionSettings* settings = nullptr;
    std::vector<Region>* regions = nullptr;
    std::vector<int32_t> parent;
    std::vector<Neighbours> near;
    std::priority_queue<Candidate> queue;
};

}  // namespace nucensus
