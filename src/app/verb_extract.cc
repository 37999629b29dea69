#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "app/assembly.h"
#include "app/load_globals.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "base/system_fault.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMostInput = 256 * 1024 * 1024;

// A page may be larger than its source allows: the reader says so, not the file system.
Result<std::string> read_input(const std::string& file) {
    const bool standard = file == "-";
    const int fd = standard ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const auto fault = [&](int code) {
        return Error{ErrorKind::unavailable, fmt::format("{}: {}", file, system_fault(code))};
    };
    if (fd < 0) return fault(errno);
    std::string text;
    char buffer[65536];
    std::optional<Error> error;
    for (;;) {
        const auto got = ::read(fd, buffer, sizeof buffer);
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            error = fault(errno);
            break;
        }
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > kMostInput) {
            error = Error{ErrorKind::rejected, file + ": more than 256 MiB"};
            break;
        }
    }
    if (!standard) ::close(fd);
    if (error) return *error;
    return text;
}

void write_text_or_null(JsonWriter& json, std::string_view key, std::string_view value) {
    json.key(key);
    if (value.empty()) {
        json.null();
    } else {
        json.text(value);
    }
}

void write_reading(JsonWriter& json, const Reading& reading) {
    json.begin_object();
    json.key("instrument").text(reading.instrument);
    write_text_or_null(json, "name", reading.name);
    json.key("price").text(reading.price.to_string());
    write_text_or_null(json, "previous_close",
                       reading.previous_close ? reading.previous_close->to_string() : "");
    write_text_or_null(json, "currency", reading.currency);
    write_text_or_null(json, "as_of", reading.as_of ? format_rfc3339(*reading.as_of) : "");
    json.key("rule").text(reading.rule);
    json.end_object();
}

void write_failure(JsonWriter& json, const Failure& failure) {
    json.begin_object().key("error").begin_object();
    json.key("kind").text(row_of(failure.reason).extract_kind).key("what").text(failure.what);
    json.end_object().end_object();
}

std::string json_of_reading(const ReadResult& result) {
    std::string out;
    JsonWriter json(out);
    if (const auto* reading = std::get_if<Reading>(&result)) {
        write_reading(json, *reading);
    } else {
        write_failure(json, std::get<Failure>(result));
    }
    return out + "\n";
}

void show_reading(const Reading& reading) {
    Table table({{"field"}, {"value"}});
    table.add({"instrument", reading.instrument});
    table.add({"name", reading.name});
    table.add({"price", reading.price.to_string()});
    table.add(
        {"previous_close", reading.previous_close ? reading.previous_close->to_string() : ""});
    table.add({"currency", reading.currency});
    table.add({"as_of", reading.as_of ? format_rfc3339(*reading.as_of) : ""});
    table.add({"rule", reading.rule});
    table.print();
}

Exit show_every_rule(const Globals& globals, PageReader& reader, const std::string& instrument) {
    const auto results = reader.read_every_rule(instrument);
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    Table table({{"rule"}, {"price", Align::right}, {"previous_close"}, {"as_of"}, {"what"}});
    bool any = false;
    for (const auto& [rule, result] : results) {
        json.begin_object().key("rule").text(rule).key("read");
        if (const auto* reading = std::get_if<Reading>(&result)) {
            any = true;
            write_reading(json, *reading);
            table.add({rule, reading->price.to_string(),
                       reading->previous_close ? reading->previous_close->to_string() : "",
                       reading->as_of ? format_rfc3339(*reading->as_of) : "", reading->name});
        } else {
            const Failure& failure = std::get<Failure>(result);
            write_failure(json, failure);
            table.add({rule, "-", "", "", failure.what});
        }
        json.end_object();
    }
    json.end_array();
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    return any ? Exit::fine : Exit::failed;
}

}  // namespace

Exit verb_extract(const Globals& globals, const ExtractOptions& options) {
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    const auto made = make_sources(config->settings);
    if (!made) return fail(Exit::failed, made.error().what);
    const Sources& sources = made->sources;
    const auto source = sources.find(options.source);
    if (source == sources.end()) {
        const auto broken = std::ranges::find(made->broken, options.source, &BrokenSource::name);
        if (broken != made->broken.end()) return fail(Exit::failed, broken->what);
        std::string names;
        for (const auto& [name, one] : sources) names += (names.empty() ? "" : ", ") + name;
        return fail(Exit::not_found,
                    fmt::format("there is no source {}; there are {}", options.source, names));
    }
    auto body = read_input(options.file);
    if (!body) return fail(Exit::failed, body.error().what);
    const Page page{*body, options.status, options.content_type, {}, SystemClock().now()};
    PageReader reader(*source->second, page, {.currency = {}, .max_age = {}, .saved = true});
    if (options.every_rule) return show_every_rule(globals, reader, options.instrument);
    const ReadResult result = reader.read(options.instrument);
    if (const auto* reading = std::get_if<Reading>(&result);
        reading && on_terminal() && !globals.json) {
        show_reading(*reading);
    } else {
        print(json_of_reading(result));
    }
    return std::holds_alternative<Reading>(result) ? Exit::fine : Exit::failed;
}

}  // namespace tapedeck
