#include "config/nearest.h"

#include <algorithm>
#include <vector>

namespace tapedeck {
namespace {

// Optimal string alignment: Levenshtein's distance with a swap of neighbours as one slip.
std::size_t slips(std::string_view left, std::string_view right) {
    std::vector<std::size_t> before(right.size() + 1), last(right.size() + 1),
        now(right.size() + 1);
    for (std::size_t j = 0; j <= right.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const bool same = left[i - 1] == right[j - 1];
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
                now[j] = std::min(now[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, now);
    }
    return last[right.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> known) {
    // Longer words come from hostile files only, and comparing them would be quadratic.
    if (word.empty() || word.size() > 100) return std::nullopt;
    const std::size_t allowed = std::max<std::size_t>(2, word.size() / 3);
    std::optional<std::string> best;
    std::size_t best_slips = allowed + 1;
    for (const std::string& candidate : known) {
        const std::size_t count = slips(word, candidate);
        // A word of which every letter was changed is another word.
        if (count < best_slips && count < std::max(word.size(), candidate.size())) {
            best = candidate;
            best_slips = count;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
    const std::optional<std::string> meant = nearest(word, known);
    return meant ? "; did you mean " + *meant + "?" : "";
}

}  // namespace tapedeck
