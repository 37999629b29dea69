#pragma once

#include <string>
#include <string_view>

#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// What the store calls the topics of one tape. An offset means something on its tape alone, so the
// keys of the offset ledger, and every table that names a place on a tape, tell tapes apart by the
// topic's name there: the first tape's topics have their own names, another one's "@" and a mark
// of its identity behind them ("coin_topic@1f2e3d4c5b6a7988"). No topic has an "@" in its name.
class TapeLabel {
public:
    TapeLabel() = default;  // the first tape's
    explicit TapeLabel(std::string suffix) : suffix_(std::move(suffix)) {}
    static TapeLabel of(std::string_view stored_topic);

    const std::string& suffix() const { return suffix_; }
    std::string topic(std::string_view on_tape) const { return std::string(on_tape) + suffix_; }
    TopicPartition at(const TopicPartition& on_tape) const {
        return {topic(on_tape.topic), on_tape.partition};
    }
    // Whether the store's name is of a topic of this tape.
    bool is_of(std::string_view stored_topic) const;

    // Gives everything in the batch that names a place the store's name for it.
    void stamp(Batch& batch) const;

    friend bool operator==(const TapeLabel&, const TapeLabel&) = default;

private:
    std::string suffix_;
};

// The name and the place on the tape that belong to the store's.
std::string_view topic_on_tape(std::string_view stored);
TopicPartition place_on_tape(const TopicPartition& stored);

// A tape that the store was loaded from.
struct KnownTape {
    std::string identity;  // as Tape::identity
    TapeLabel label;
    std::string place;  // its URL, without secrets
};
Result<std::vector<KnownTape>> known_tapes(Store& store, const Patience& patience = {});

// For who loads: the tape is known from now on. What was loaded before tapes had identities is the
// first one's.
Result<TapeLabel> adopt_tape(Store& store, const std::string& identity, const std::string& place,
                             Timestamp now, const Patience& patience = {});

// For who only looks: where the tape cannot tell who it is, it counts as the one that was loaded
// last; one that was never loaded from has a label that no entry has.
Result<TapeLabel> label_of(Store& store, Tape& tape, const Patience& patience = {});

}  // namespace tapedeck
