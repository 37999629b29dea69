#include <fmt/format.h>

#include <filesystem>

#include "app/aws_parts.h"
#include "app/load_globals.h"
#include "app/output.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "aws/s3_files.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

// "there is no …" of a service is exit 3, as of anything else.
Exit fail_aws(const Error& error) {
    if (error.what.find("there is no ") == 0) return fail(Exit::not_found, error.what);
    return fail(error);
}

void tell_object(const Globals& globals, const S3Transfer& done, const std::string& place) {
    if (globals.json) {
        std::string out;
        JsonWriter(out)
            .begin_object()
            .key("place")
            .text(place)
            .key("sent")
            .number(done.sent)
            .key("resumed")
            .number(done.resumed)
            .key("sha256")
            .text(done.sha256)
            .end_object();
        print(out + "\n");
        return;
    }
    print(fmt::format("{}\t{} bytes{}\tsha256 {}\n", place, done.sent + done.resumed,
                      done.resumed > 0 ? fmt::format(", {} of them from before", done.resumed) : "",
                      done.sha256));
}

S3Progress showing(Progress& progress) {
    return [&progress](std::int64_t done, std::int64_t total) { progress.show(done, total); };
}

// The name of what a key names, where the path is a folder or the key one.
std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Exit get(const Globals& globals, S3& s3, const S3Place& place, std::string path) {
    if (place.key.empty()) return fail(Exit::usage, "get needs an object: s3://bucket/key");
    std::error_code ignored;
    if (path.empty()) path = last_name(place.key);
    if (std::filesystem::is_directory(path, ignored)) path += "/" + last_name(place.key);
    Progress progress("getting " + to_string(place));
    const auto done = get_file(s3, place, path, showing(progress));
    if (!done) return fail_aws(done.error());
    tell_object(globals, *done, path);
    return Exit::fine;
}

Exit put_object(const Globals& globals, S3& s3, const std::string& path, S3Place place,
                const S3Headers& headers) {
    if (place.key.empty() || place.key.ends_with('/')) place.key += last_name(path);
    Progress progress("putting " + path);
    const auto done = put_file(s3, path, place, headers, showing(progress));
    if (!done) return fail_aws(done.error());
    tell_object(globals, *done, to_string(place));
    return Exit::fine;
}

Exit list_objects(const Globals& globals, S3& s3, const S3Place& place, bool deep) {
    Table table({{"modified"}, {"bytes", Align::right}, {"name"}});
    std::string line;
    const auto done = s3.list(place, deep, [&](const S3::Entry& entry) -> Result<> {
        const std::string name = entry.prefix.empty() ? entry.object.key : entry.prefix;
        if (!globals.json) {
            const bool file = entry.prefix.empty();
            table.stream({file ? format_rfc3339(entry.object.modified) : "",
                          file ? std::to_string(entry.object.size) : "", name});
            return {};
        }
        line.clear();
        JsonWriter json(line);
        json.begin_object().key(entry.prefix.empty() ? "key" : "prefix").text(name);
        if (entry.prefix.empty()) {
            json.key("bytes").number(entry.object.size).key("etag").text(entry.object.etag);
            json.key("modified").text(format_rfc3339(entry.object.modified));
        }
        json.end_object();
        print(line + "\n");
        return {};
    });
    if (!globals.json) table.print_rest();
    return done ? Exit::fine : fail_aws(done.error());
}

Exit presign(const Globals& globals, S3& s3, const S3Place& place, const std::string& lasts) {
    const auto duration = parse_duration(lasts);
    if (!duration) return fail(Exit::usage, duration.error().what);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    if (seconds.count() < 1 || seconds > std::chrono::hours(24 * 7)) {
        return fail(Exit::usage, "--expires is between 1s and 7d");
    }
    const auto url = s3.presign(place, seconds);
    if (!url) return fail_aws(url.error());
    // What is asked for is shown: the key to one object, for a while.
    if (!globals.json) {
        print(url->reveal() + "\n");
        return Exit::fine;
    }
    std::string out;
    JsonWriter(out).begin_object().key("url").text(url->reveal()).end_object();
    print(out + "\n");
    return Exit::fine;
}

}  // namespace

Exit verb_s3(const Globals& globals, const S3Options& options) {
    StopOnSignal signals;
    const bool puts = options.action == "put";
    const std::size_t needed = puts ? 2 : 1;
    if (options.what.size() < needed ||
        options.what.size() > (options.action == "get" ? 2 : needed)) {
        return fail(Exit::usage,
                    "get s3://BUCKET/KEY [FILE], put FILE s3://BUCKET/KEY, ls or "
                    "presign s3://BUCKET/KEY");
    }
    const auto place = parse_s3_url(options.what[puts ? 1 : 0]);
    if (!place) return fail(Exit::usage, place.error().what);
    const auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    SystemClock clock;
    const auto parts = AwsParts::open(config->settings, clock, signals.token());
    if (!parts) return fail(parts.error());
    S3& s3 = (*parts)->s3();
    if (options.action == "ls") return list_objects(globals, s3, *place, options.deep);
    if (options.action == "presign") return presign(globals, s3, *place, options.expires);
    if (!puts) return get(globals, s3, *place, options.what.size() > 1 ? options.what[1] : "");
    S3Headers headers;
    headers.encryption = encryption_of(config->settings);
    if (!options.encryption.empty()) headers.encryption = {options.encryption, options.kms_key};
    return put_object(globals, s3, options.what[0], *place, headers);
}

}  // namespace tapedeck
