#include <fmt/format.h>

#include "app/assembly.h"
#include "app/output.h"
#include "store/sqlite/replaced_note.h"

namespace tapedeck {
namespace {

void tell_rescued(const Rescued& rescued) {
    if (rescued.path.empty()) {
        fail(Exit::failed, fmt::format("{}: nothing of it could be kept", rescued.what));
        return;
    }
    fail(Exit::failed, fmt::format("{}; everything recorded until then is kept in {}: move it into "
                                   "place before the next run, or keep it for its prices",
                                   rescued.what, rescued.path));
}

}  // namespace

Result<> Assembly::check_files() {
    if (sqlite_ != nullptr) {
        if (auto same = sqlite_->check_files(); !same) return same;
    }
    return tape_.sqlite != nullptr ? tape_.sqlite->check_files() : Result<>();
}

void Assembly::rescue(Timestamp since) {
    const Timestamp now = clock_->now();
    const auto of_store = sqlite_ != nullptr ? sqlite_->rescue() : std::nullopt;
    const auto of_tape =
        tape_.sqlite != nullptr && !shares_file() ? tape_.sqlite->rescue(now) : std::nullopt;
    for (const auto* one : {&of_store, &of_tape}) {
        if (!*one) continue;
        tell_rescued(**one);
        const Replaced replaced{since, now, (*one)->what, (*one)->path};
        Result<> noted;
        if (of_store) {
            const auto& file = std::get<SqliteUrl>(settings().store.url.target);
            noted = keep_replaced_note(file.path, replaced);
        } else {
            const std::vector<Statement> insert{
                {"insert into replacements (since, noticed_at, what, rescued) values ($1, $2, $3, "
                 "$4) on conflict do nothing",
                 {replaced.since, replaced.noticed_at, replaced.what, replaced.rescued},
                 {}}};
            if (auto done = store_->transact(insert); !done) noted = done.error();
        }
        if (!noted) fail(noted.error());
    }
}

}  // namespace tapedeck
