#include "union.h"

#include <algorithm>
#include <cmath>

namespace nucensus {
namespace {

// How much lower the pass between two pieces is than the lower of them.
double dip_between(const Region& a, const Region& b, float saddle, const RegionSettings& settings) {
    const auto summit = [&](const Region& r) {
        return r.peak + (r.mass / r.moments.area - r.peak) * settings.crest_share;
    };
    return std::max(0., 1 - saddle / std::min(summit(a), summit(b)));
}

// What speaks against a union being one nucleus: 1 parts it, if it is as large as a typical one.
double evidence(const Moments& all, double dip, const RegionSettings& settings) {
    return std::log(all.stretch()) / settings.most_stretch + dip / settings.most_dip;
}

double size_of(const Moments& all, const RegionSettings& settings) {
    return all.area / (M_PI * settings.radius * settings.radius);
}

// What speaks against two pieces being one nucleus; below 0 they are.
double cost(const Region& a, const Region& b, float saddle, const RegionSettings& settings) {
    Moments both = a.moments;
    both += b.moments;
    const double against = evidence(both, dip_between(a, b, saddle, settings), settings);
    return against * std::max(size_of(both, settings), settings.least_size) - 1;
}

template <class Neighbours>
auto of(Neighbours& list, int32_t region) {
    return std::find_if(list.begin(), list.end(),
                        [&](const auto& each) { return each.first == region; });
}

}  // namespace

void Union::merge(Pieces& pieces, const RegionSettings& how) {
    settings = &how, regions = &pieces.regions;
    parent.resize(regions->size());
    for (size_t r = 0; r < parent.size(); ++r) parent[r] = static_cast<int32_t>(r);
    queue = {};
    collect(pieces.contacts);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        const Region &a = (*regions)[best.first], &b = (*regions)[best.second];
        if (a.version == best.first_version && b.version == best.second_version)
            merge_pair(best.first, best.second);
    }
    merge_wholes();
}

void Union::offer(int32_t a, int32_t b, float saddle) {
    if (a > b) std::swap(a, b);
    const Region &ra = (*regions)[a], &rb = (*regions)[b];
    const double c = cost(ra, rb, saddle, *settings);
    if (c < 0) queue.push({c, a, b, ra.version, rb.version});
}

// Of the contacts of two pieces the highest counts.
void Union::collect(std::vector<Contact>& contacts) {
    std::sort(contacts.begin(), contacts.end(), [](const Contact& a, const Contact& b) {
        if (a.first != b.first) return a.first < b.first;
        if (a.second != b.second) return a.second < b.second;
        return a.saddle > b.saddle;
    });
    near.resize(std::max(near.size(), regions->size()));
    for (size_t r = 0; r < regions->size(); ++r) near[r].clear();
    const Contact* last = nullptr;
    for (const Contact& c : contacts) {
        if (!last || last->first != c.first || last->second != c.second) {
            near[c.first].push_back({c.second, c.saddle});
            near[c.second].push_back({c.first, c.saddle});
            offer(c.first, c.second, c.saddle);
        }
        last = &c;
    }
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
            for (const auto& [other, saddle] : near[whole[i]]) {
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

void Union::merge_pair(int32_t into, int32_t from) {
    absorb(into, from);
    inherit_neighbours(into, from);
    for (const auto& [other, saddle] : near[into]) offer(into, other, saddle);
}

void Union::absorb(int32_t into, int32_t from) {
    Region &a = (*regions)[into], &b = (*regions)[from];
    a.moments += b.moments;
    a.peak = std::max(a.peak, b.peak);
    a.mass += b.mass, a.fall += b.fall, a.sides += b.sides;
    a.touches_edge |= b.touches_edge;
    if (b.crest > a.crest) a.crest = b.crest, a.seed_y = b.seed_y, a.seed_x = b.seed_x;
    ++a.version, b.version = -1;
    parent[from] = into;
}

void Union::inherit_neighbours(int32_t into, int32_t from) {
    auto &mine = near[into], &theirs = near[from];
    for (const auto& [other, saddle] : theirs) {
        if (other == into) continue;
        auto& back = near[other];
        back.erase(of(back, from));
        const auto at = of(mine, other);
        if (at == mine.end()) {
            mine.push_back({other, saddle});
            back.push_back({into, saddle});
        } else if (saddle > at->second) {
            at->second = of(back, into)->second = saddle;
        }
    }
    mine.erase(of(mine, from));
    theirs.clear();
}

}  // namespace nucensus
