// Pieces put together again where the union is one convex body without a dip.
#pragma once

#include <queue>
#include <vector>

#include "abi.h"
#include "holes.h"
#include "pairs.h"
#include "pieces.h"

namespace nucensus {

class Union {
public:
    // Merges regions into those of lower numbers: the best pair first, until none is left; then
    // what lies together as one body. Holes become part of the regions that they make rounder.
    // What is known of each pair that is judged is noted in `log`, unless that is null.
    void merge(Pieces& pieces, Holes& enclosed, const RegionSettings& how, PairLog* to);

    // The region that piece `i` is part of now.
    int32_t find(int32_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    }

private:
    struct Candidate {
        double cost;
        int32_t first, second, first_version, second_version;
        bool fills_holes;
        bool operator<(const Candidate& other) const {
            // priority_queue gives the greatest: the least cost, ties by index, so that order is
            // fixed.
            if (cost != other.cost) return cost > other.cost;
            if (first != other.first) return first > other.first;
            return second > other.second;
        }
    };
    struct Neighbour {
        int32_t region;
        float saddle;
        int32_t length;
    };
    using Neighbours = std::vector<Neighbour>;

    void place_holes();
    void collect(const std::vector<Contact>& contacts);
    void touch(int32_t a, int32_t b, float saddle, int32_t length);
    Neighbour* neighbour(int32_t of, int32_t region);
    void part(int32_t a, int32_t b);
    void offer(int32_t a, const Neighbour& with);
    void note(const Region& a, const Region& b, const double* features);
    bool is_between(int32_t hole, int32_t a, int32_t b) const;
    void merge_wholes();
    void merge_pair(int32_t into, int32_t from, bool fills_holes);
    void fill(int32_t hole, int32_t into);
    void fill_enclosed(int32_t region);
    void absorb(int32_t into, int32_t from);
    void inherit_neighbours(int32_t into, int32_t from);

    const RegionSettings* settings = nullptr;
    PairLog* log = nullptr;
    std::vector<Region>* regions = nullptr;
    std::vector<Hole>* holes = nullptr;
    std::vector<std::vector<int32_t>> beside;  // the holes that a region lies beside
    std::vector<int32_t> parent;
    std::vector<Neighbours> near;
    std::priority_queue<Candidate> queue;
};

}  // namespace nucensus
