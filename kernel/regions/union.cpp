#include "union.h"

#include <algorithm>
#include <cmath>

namespace nucensus {
namespace {

bool is_among(const std::vector<int32_t>& numbers, int32_t number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

}  // namespace

void Union::merge(Pieces& pieces, Holes& enclosed, const RegionSettings& how, PairLog* to) {
    settings = &how, log = to, regions = &pieces.regions, holes = &enclosed.found;
    parent.resize(regions->size());
    for (size_t r = 0; r < parent.size(); ++r) parent[r] = static_cast<int32_t>(r);
    queue = {};
    place_holes();
    collect(pieces.contacts);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        const Region &a = (*regions)[best.first], &b = (*regions)[best.second];
        if (a.version == best.first_version && b.version == best.second_version)
            merge_pair(best.first, best.second, best.fills_holes);
    }
    merge_wholes();
}

void Union::place_holes() {
    beside.resize(std::max(beside.size(), regions->size()));
    for (size_t r = 0; r < regions->size(); ++r) beside[r].clear();
    for (int32_t i = 0; i < static_cast<int32_t>(holes->size()); ++i) {
        const Hole& hole = (*holes)[i];
        if (hole.around.size() == 1)
            fill(i, hole.around[0]);
        else
            for (const int32_t piece : hole.around) beside[piece].push_back(i);
    }
}

// Whether a hole that is part of no region lies between two.
bool Union::is_between(int32_t hole, int32_t a, int32_t b) const {
    return (*holes)[hole].owner < 0 && is_among(beside[a], hole) && is_among(beside[b], hole);
}

void Union::offer(int32_t a, const Neighbour& with) {
    const int32_t low = std::min(a, with.region), high = std::max(a, with.region);
    const Region &first = (*regions)[low], &second = (*regions)[high];
    Pair pair{first, second, with.saddle, with.length, {}};
    for (const int32_t i : beside[low])
        if (is_between(i, low, high)) pair.between += (*holes)[i].moments;
    double features[pair_features];
    const Verdict verdict = judge(pair, *settings, features);
    if (log != nullptr) note(first, second, features);
    if (verdict.cost < 0)
        queue.push({verdict.cost, low, high, first.version, second.version, verdict.fills_holes});
}

void Union::note(const Region& a, const Region& b, const double* features) {
    if (log->count++ >= log->capacity) return;
    PairRecord& record = log->records[log->count - 1];
    const auto place = [&](int32_t at) {
        return (static_cast<double>(at) + .5) * static_cast<double>(settings->step) - .5;
    };
    record.first_y = place(a.seed_y), record.first_x = place(a.seed_x);
    record.second_y = place(b.seed_y), record.second_x = place(b.seed_x);
    std::copy_n(features, pair_features, record.features);
}

// Of the contacts of two pieces the highest counts. Neighbours are in the order of their numbers.
void Union::collect(const std::vector<Contact>& contacts) {
    const auto count = static_cast<int32_t>(regions->size());
    near.resize(std::max(near.size(), regions->size()));
    for (int32_t r = 0; r < count; ++r) near[r].clear();
    for (const Contact& contact : contacts)
        touch(contact.first, contact.second, contact.saddle, contact.length);
    for (int32_t r = 0; r < count; ++r)
        std::sort(near[r].begin(), near[r].end(),
                  [](const Neighbour& a, const Neighbour& b) { return a.region < b.region; });
    for (int32_t r = 0; r < count; ++r)
        for (const Neighbour& other : near[r])
            if (other.region > r) offer(r, other);
}

void Union::touch(int32_t a, int32_t b, float saddle, int32_t length) {
    Neighbour* mine = neighbour(a, b);
    if (mine == nullptr) {
        near[a].push_back({b, saddle, length});
        near[b].push_back({a, saddle, length});
        return;
    }
    mine->saddle = std::max(mine->saddle, saddle), mine->length += length;
    Neighbour* back = neighbour(b, a);
    back->saddle = mine->saddle, back->length = mine->length;
}

// The nucleus may be much larger than a typical one: many nuclei seldom lie together as one ellipse
// without a dip, and the more of them it is as large as, the less.
void Union::merge_wholes() {
    std::vector<bool> seen(parent.size());
    std::vector<int32_t> whole;
    for (int32_t r = 0; r < static_cast<int32_t>(seen.size()); ++r) {
        if (parent[r] != r || seen[r] || near[r].empty()) continue;
        Moments all;
        double dip = 0;
        whole.assign(1, r), seen[r] = true;
        for (size_t i = 0; i < whole.size(); ++i) {
            const Region& region = (*regions)[whole[i]];
            all += region.moments;
            for (const auto& [other, saddle, length] : near[whole[i]]) {
                dip = std::max(dip, dip_between(region, (*regions)[other], saddle, *settings));
                if (!seen[other]) seen[other] = true, whole.push_back(other);
            }
        }
        if (evidence(all, dip, *settings) >
            std::min(1., settings->most_whole * size_of(all, *settings)))
            continue;
        for (size_t i = 1; i < whole.size(); ++i) absorb(r, whole[i]);
    }
}

void Union::merge_pair(int32_t into, int32_t from, bool fills_holes) {
    if (fills_holes)
        for (const int32_t i : beside[into])
            if (is_between(i, into, from)) fill(i, into);
    absorb(into, from);
    fill_enclosed(into);
    inherit_neighbours(into, from);
    for (const Neighbour& other : near[into]) offer(into, other);
}

// A hole is as high as its region is on average.
void Union::fill(int32_t hole, int32_t into) {
    Hole& filled = (*holes)[hole];
    Region& region = (*regions)[into];
    region.mass *= 1 + filled.moments.area / region.moments.area;
    region.moments += filled.moments;
    filled.owner = into, region.has_hole = true;
}

void Union::fill_enclosed(int32_t region) {
    for (const int32_t i : beside[region]) {
        const Hole& hole = (*holes)[i];
        if (hole.owner < 0 && std::all_of(
                                  hole.around.begin(), hole.around.end(),
                                  [&](int32_t piece) { return find(piece) == region; }))
            fill(i, region);
    }
}

void Union::absorb(int32_t into, int32_t from) {
    Region &a = (*regions)[into], &b = (*regions)[from];
    a.moments += b.moments;
    a.peak = std::max(a.peak, b.peak);
    a.mass += b.mass, a.fall += b.fall, a.sides += b.sides;
    a.touches_edge |= b.touches_edge, a.has_hole |= b.has_hole;
    if (b.crest > a.crest) a.crest = b.crest, a.seed_y = b.seed_y, a.seed_x = b.seed_x;
    ++a.version, b.version = -1;
    parent[from] = into;
    for (const int32_t hole : beside[from])
        if (!is_among(beside[into], hole)) beside[into].push_back(hole);
}

Union::Neighbour* Union::neighbour(int32_t of, int32_t region) {
    const auto at = std::find_if(near[of].begin(), near[of].end(),
                                 [&](const Neighbour& each) { return each.region == region; });
    return at == near[of].end() ? nullptr : &*at;
}

void Union::part(int32_t a, int32_t b) {
    near[a].erase(near[a].begin() + (neighbour(a, b) - near[a].data()));
}

void Union::inherit_neighbours(int32_t into, int32_t from) {
    for (const auto& [other, saddle, length] : near[from]) {
        if (other == into) continue;
        part(other, from);
        touch(into, other, saddle, length);
    }
    part(into, from);
    near[from].clear();
}

}  // namespace nucensus
