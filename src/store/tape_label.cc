#include "store/tape_label.h"

#include <algorithm>

#include "base/sha256.h"

namespace tapedeck {
namespace {

constexpr char kMark = '@';
constexpr std::size_t kMarkDigits = 16;

std::string suffix_of(const std::string& identity) {
    return kMark + hex(sha256(identity)).substr(0, kMarkDigits);
}

Result<> used(Store& store, const std::string& identity, const std::string& place, Timestamp now,
              const Patience& patience) {
    const std::vector<Statement> statements{
        {"update tapes set place = $2, used_at = $3 where identity = $1",
         {identity, place, now},
         {}}};
    const auto done = store.transact(statements, patience);
    if (!done) return done.error();
    return {};
}

}  // namespace

TapeLabel TapeLabel::of(std::string_view stored_topic) {
    return TapeLabel(std::string(stored_topic.substr(topic_on_tape(stored_topic).size())));
}

bool TapeLabel::is_of(std::string_view stored_topic) const { return of(stored_topic) == *this; }

void TapeLabel::stamp(Batch& batch) const {
    if (suffix_.empty()) return;
    for (Batch::Advance& advance : batch.advances) advance.at.topic += suffix_;
    for (DeadLetter& letter : batch.dead_letters) letter.at.topic += suffix_;
    for (TapeGap& gap : batch.gaps) gap.at.topic += suffix_;
    for (LoadedOutcomes& loaded : batch.outcomes) {
        loaded.at.topic += suffix_;
        for (Outcome& outcome : loaded.run.outcomes) {
            if (outcome.sent) outcome.sent->topic += suffix_;
        }
    }
}

std::string_view topic_on_tape(std::string_view stored) {
    return stored.substr(0, stored.find(kMark));
}

TopicPartition place_on_tape(const TopicPartition& stored) {
    return {std::string(topic_on_tape(stored.topic)), stored.partition};
}

Result<std::vector<KnownTape>> known_tapes(Store& store, const Patience& patience) {
    std::vector<KnownTape> tapes;
    auto done = store.query(
        {"select identity, suffix, place from tapes order by used_at, identity", {}, {}},
        [&](const RowView& row) -> Result<> {
            tapes.push_back({std::string(row.text(0)), TapeLabel(std::string(row.text(1))),
                             std::string(row.text(2))});
            return {};
        },
        patience);
    if (!done) return done.error();
    return tapes;
}

Result<TapeLabel> adopt_tape(Store& store, const std::string& identity, const std::string& place,
                             Timestamp now, const Patience& patience) {
    constexpr int kTries = 3;  // another loader may adopt its own at the same moment
    for (int tries = 1;; ++tries) {
        const auto tapes = known_tapes(store, patience);
        if (!tapes) return tapes.error();
        const auto known = std::ranges::find(*tapes, identity, &KnownTape::identity);
        if (known != tapes->end()) {
            if (auto done = used(store, identity, place, now, patience); !done) return done.error();
            return known->label;
        }
        const std::string suffix = tapes->empty() ? std::string() : suffix_of(identity);
        const std::vector<Statement> statements{
            {"insert into tapes (identity, suffix, place, used_at) values ($1, $2, $3, $4)",
             {identity, suffix, place, now},
             1}};
        const auto made = store.transact(statements, patience);
        if (made) return TapeLabel(suffix);
        if (made.error().kind != ErrorKind::conflict || tries == kTries) return made.error();
    }
}

Result<TapeLabel> label_of(Store& store, Tape& tape, const Patience& patience) {
    const auto tapes = known_tapes(store, patience);
    if (!tapes) return tapes.error();
    if (tapes->empty()) return TapeLabel();
    const auto identity = tape.identity();
    if (!identity && !retryable(identity.error().kind)) return identity.error();
    if (!identity || identity->empty()) return tapes->back().label;
    const auto known = std::ranges::find(*tapes, *identity, &KnownTape::identity);
    return known == tapes->end() ? TapeLabel(suffix_of(*identity)) : known->label;
}

}  // namespace tapedeck
