#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/output.h"
#include "app/spark_package.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "base/sha256.h"

namespace tapedeck {
namespace {

std::string json_of_package(const SparkPackage& package, const std::string& path, std::size_t bytes,
                            const std::string& digest) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("file").text(path).key("sha256").text(digest);
    json.key("bytes").number(static_cast<std::int64_t>(bytes)).key("contents").begin_array();
    for (const PackedFile& one : package.files) {
        json.begin_object().key("name").text(one.name).key("bytes").number(one.bytes).end_object();
    }
    json.end_array().key("system").text(package.system).key("machine").text(package.machine);
    json.key("glibc").text(package.glibc).key("libraries").begin_array();
    for (const std::string& library : package.libraries) json.text(library);
    json.end_array().end_object();
    return out + "\n";
}

}  // namespace

Exit verb_spark(const Globals& globals, const SparkOptions& options) {
    const auto archive = read_text_file(options.archive);
    if (!archive) return fail(archive.error());
    const auto package = read_spark_package(*archive);
    if (!package) return fail(in_context(options.archive, package.error()));
    const std::string digest = hex(sha256(*archive));
    if (globals.json) {
        print(json_of_package(*package, options.archive, archive->size(), digest));
        return Exit::fine;
    }
    print(fmt::format("{}\t{} bytes\tsha256 {}\n", options.archive, archive->size(), digest));
    for (const PackedFile& one : package->files) {
        print(fmt::format("  {}\t{} bytes\n", one.name, one.bytes));
    }
    print(fmt::format("  for {} on {} with glibc {} or later; needs {}\n", package->system,
                      package->machine, package->glibc, fmt::join(package->libraries, ", ")));
    return Exit::fine;
}

}  // namespace tapedeck
