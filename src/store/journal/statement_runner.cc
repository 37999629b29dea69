#include "store/journal/statement_runner.h"

#include <fmt/format.h>

#include <charconv>

#include "base/assert.h"

namespace tapedeck {
namespace {

// The columns of the row at which a statement stands.
class LiveCells {
public:
    explicit LiveCells(sqlite3_stmt* statement) : statement_(statement) {}
    int type(int column) const {
        TAPEDECK_ASSERT(column >= 0 && column < sqlite3_data_count(statement_));
        return sqlite3_column_type(statement_, column);
    }
    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    const void* bytes(int column) const { return sqlite3_column_blob(statement_, column); }
    int size(int column) const { return sqlite3_column_bytes(statement_, column); }

private:
    sqlite3_stmt* statement_;
};

// Copies of the columns of a row that the statement has left.
class KeptCells {
public:
    explicit KeptCells(sqlite3_stmt* statement) {
        for (int i = 0; i < sqlite3_data_count(statement); ++i) {
            values_.emplace_back(sqlite3_value_dup(sqlite3_column_value(statement, i)));
        }
    }
    int type(int column) const { return sqlite3_value_type(at(column)); }
    std::int64_t integer(int column) const { return sqlite3_value_int64(at(column)); }
    const void* bytes(int column) const { return sqlite3_value_blob(at(column)); }
    int size(int column) const { return sqlite3_value_bytes(at(column)); }

private:
    struct Free {
        void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
    };
    sqlite3_value* at(int column) const {
        TAPEDECK_ASSERT(column >= 0 && static_cast<std::size_t>(column) < values_.size());
        return values_[static_cast<std::size_t>(column)].get();
    }
    std::vector<std::unique_ptr<sqlite3_value, Free>> values_;
};

template <class Cells>
class Row : public RowView {
public:
    explicit Row(sqlite3_stmt* statement) : cells_(statement) {}

    bool is_null(int column) const override { return cells_.type(column) == SQLITE_NULL; }
    std::int64_t integer(int column) const override {
        TAPEDECK_ASSERT(cells_.type(column) == SQLITE_INTEGER);
        return cells_.integer(column);
    }
    std::string_view text(int column) const override {
        TAPEDECK_ASSERT(cells_.type(column) == SQLITE_TEXT);
        const auto* data = static_cast<const char*>(cells_.bytes(column));
        return {data ? data : "", static_cast<std::size_t>(cells_.size(column))};
    }
    Timestamp timestamp(int column) const override {
        return Timestamp(std::chrono::microseconds(integer(column)));
    }
    Decimal decimal(int column) const override {
        const auto parsed = Decimal::parse(text(column));
        TAPEDECK_ASSERT(parsed);
        return *parsed;
    }
    std::span<const std::uint8_t> bytes(int column) const override {
        TAPEDECK_ASSERT(cells_.type(column) == SQLITE_BLOB);
        const auto* data = static_cast<const std::uint8_t*>(cells_.bytes(column));
        return {data, static_cast<std::size_t>(cells_.size(column))};
    }

private:
    Cells cells_;
};

// Binds one value of a statement; decimals need their text kept.
struct Binder {
    Query& query;
    int index;
    std::vector<std::string>& texts;

    void operator()(std::monostate) const { query.bind_null(index); }
    void operator()(std::int64_t value) const { query.bind(index, value); }
    void operator()(const std::string& value) const { query.bind(index, value); }
    void operator()(Timestamp value) const { query.bind(index, value); }
    void operator()(const Decimal& value) const {
        query.bind(index, texts.emplace_back(value.to_string()));
    }
    void operator()(const std::vector<std::uint8_t>& value) const {
        query.bind_blob(index, {reinterpret_cast<const char*>(value.data()), value.size()});
    }
};

}  // namespace

Result<StatementRunner> StatementRunner::prepare(Database& database, const Statement& statement) {
    auto query = database.prepare(statement.sql);
    if (!query) return query.error();
    std::vector<std::string> texts;
    texts.reserve(statement.values.size() * 2);  // never moves: SQLite borrows them
    const int parameters = sqlite3_bind_parameter_count(query->handle());
    for (int index = 1; index <= parameters; ++index) {
        const char* name = sqlite3_bind_parameter_name(query->handle(), index);
        const std::string_view digits = name && *name == '$' ? std::string_view(name + 1) : "";
        std::size_t number = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (number == 0 || number > statement.values.size()) {
            return Error{ErrorKind::rejected,
                         fmt::format("parameter {} of {} values in: {}", name ? name : "?",
                                     statement.values.size(), statement.sql)};
        }
        std::visit(Binder{*query, index, texts}, statement.values[number - 1]);
    }
    return StatementRunner(*std::move(query), std::move(texts));
}

Result<> StatementRunner::stream(const RowSink& sink) {
    const Row<LiveCells> view(query_.handle());
    for (;;) {
        const auto row = query_.step();
        if (!row) return row.error();
        if (!*row) return {};
        if (auto taken = sink(view); !taken) return taken;
    }
}

Result<std::vector<std::unique_ptr<RowView>>> StatementRunner::collect() {
    std::vector<std::unique_ptr<RowView>> rows;
    for (;;) {
        const auto row = query_.step();
        if (!row) return row.error();
        if (!*row) return rows;
        rows.push_back(std::make_unique<Row<KeptCells>>(query_.handle()));
    }
}

Result<std::int64_t> StatementRunner::run(const Database& database) {
    const std::int64_t before = database.total_changes();
    if (auto done = query_.run(); !done) return done.error();
    return database.total_changes() - before;
}

}  // namespace tapedeck
