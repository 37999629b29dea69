#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "app/aws_parts.h"
#include "app/function_package.h"
#include "app/function_settings.h"
#include "app/load_globals.h"
#include "app/output.h"
#include "app/output_file.h"
#include "app/serve_lambda.h"
#include "app/signals.h"
#include "app/verbs.h"
#include "aws/functions.h"
#include "base/json_writer.h"
#include "base/sha256.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

Exit serve_function(const Globals& globals) {
    const char* host = std::getenv("AWS_LAMBDA_RUNTIME_API");
    if (host == nullptr || *host == '\0') {
        return fail(
            Exit::usage,
            "AWS_LAMBDA_RUNTIME_API names no runtime interface: AWS Lambda, or an emulator, "
            "starts this; `lambda package`, `deploy` and `invoke` are for people");
    }
    StopOnSignal signals;
    const auto served = serve_lambda(function_config(globals.config), host, signals.token());
    return served ? Exit::fine : fail(served.error());
}

void show_package(const Globals& globals, const FunctionPackage& package, const std::string& path) {
    const std::string digest = hex(sha256(package.zip));
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("file").text(path).key("sha256").text(digest);
        json.key("zip_bytes").number(static_cast<std::int64_t>(package.zip.size()));
        json.key("contents").begin_array().begin_object().key("name").text("bootstrap");
        json.key("bytes").number(static_cast<std::int64_t>(package.program_bytes)).end_object();
        json.end_array().key("machine").text(package.machine).key("libraries").begin_array();
        for (const std::string& library : package.needs.libraries) json.text(library);
        json.end_array().key("highest_glibc").text(package.needs.highest_glibc).end_object();
        print(out + "\n");
        return;
    }
    print(fmt::format("{}\t{} bytes\tsha256 {}\n", path, package.zip.size(), digest));
    print(fmt::format("  bootstrap\t{} bytes, for {}\n", package.program_bytes, package.machine));
    print(fmt::format("  needs\t{}, at most GLIBC_{}\n", fmt::join(package.needs.libraries, ", "),
                      package.needs.highest_glibc));
}

Exit package(const Globals& globals, const LambdaOptions& options) {
    const auto made = make_package(options.bootstrap, options.machine);
    if (!made) return fail(made.error());
    const std::string path = options.output.empty() ? options.function + ".zip" : options.output;
    auto file = OutputFile::open(path);
    if (!file) return fail(file.error());
    if (auto done = (*file)->write(made->zip); !done) return fail(done.error());
    if (auto done = (*file)->finish(); !done) return fail(done.error());
    show_package(globals, *made, path);
    return Exit::fine;
}

Result<FunctionSpec> spec_of(const LambdaOptions& options, const FunctionSettings& told) {
    FunctionSpec spec;
    spec.name = options.function;
    spec.machine = options.machine;
    spec.role = options.role;
    spec.timeout = std::chrono::seconds(options.timeout);
    spec.memory_mb = options.memory;
    spec.subnets = options.subnets;
    spec.security_groups = options.groups;
    spec.environment["TAPEDECK_FUNCTION_TIMEOUT"] = fmt::format("{}s", options.timeout);
    if (!told.toml.empty()) spec.environment["TAPEDECK_SETTINGS"] = told.toml;
    if (options.zip.empty()) {
        auto package = make_package(options.bootstrap, options.machine);
        if (!package) return package.error();
        spec.zip = std::move(package->zip);
        return spec;
    }
    auto zip = read_text_file(options.zip);
    if (!zip) return zip.error();
    spec.zip = *std::move(zip);
    return spec;
}

Exit deploy(const Globals& globals, const LambdaOptions& options) {
    StopOnSignal signals;
    const auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    const auto told = function_settings(config->settings);
    if (!told) return fail(told.error());
    auto spec = spec_of(options, *told);
    if (!spec) return fail(spec.error());
    SystemClock clock;
    const auto parts = AwsParts::open(config->settings, clock, signals.token());
    if (!parts) return fail(parts.error());
    AwsFunctions functions((*parts)->client());
    if (spec->role.empty()) {
        const auto region = (*parts)->client().region();
        if (!region) return fail(region.error());
        const auto account = functions.account();
        if (!account) return fail(account.error());
        auto role = functions.ensure_role(
            "tapedeck-" + spec->name,
            least_policy(*region, *account, spec->name, !spec->subnets.empty()));
        if (!role) return fail(role.error());
        spec->role = *std::move(role);
    }
    const auto arn = functions.deploy(*spec);
    if (!arn) return fail(arn.error());
    if (!told->secrets.empty() && !globals.quiet) {
        fail(Exit::fine, fmt::format("the function reads secrets from its variables {}: set those "
                                     "where only AWS sees them; they are kept when it is deployed "
                                     "again",
                                     fmt::join(told->secrets, ", ")));
    }
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("function").text(spec->name).key("arn").text(*arn);
        json.key("role").text(spec->role).end_object();
        print(out + "\n");
    } else {
        print(fmt::format("{}\t{}\n", spec->name, *arn));
    }
    return Exit::fine;
}

Exit invoke(const Globals& globals, const LambdaOptions& options) {
    StopOnSignal signals;
    const auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    std::string payload = options.payload;
    if (payload.starts_with("@")) {
        auto text = read_text_file(payload.substr(1));
        if (!text) return fail(text.error());
        payload = *std::move(text);
    }
    SystemClock clock;
    const auto parts = AwsParts::open(config->settings, clock, signals.token());
    if (!parts) return fail(parts.error());
    AwsFunctions functions((*parts)->client());
    const auto kind = options.event ? InvokeKind::event : InvokeKind::answer;
    const auto said = functions.invoke(options.function, payload, kind, 16min);
    if (!said) return fail(said.error());
    if (!said->log.empty() && !globals.quiet) fail(Exit::fine, "its log:\n" + said->log);
    if (!said->payload.empty()) print(said->payload + "\n");
    if (said->error.empty()) return Exit::fine;
    return fail(Exit::failed,
                fmt::format("{} answered with an error ({})", options.function, said->error));
}

}  // namespace

Exit verb_lambda(const Globals& globals, const LambdaOptions& options) {
    if (options.action.empty()) return serve_function(globals);
    if (options.function.empty()) return fail(Exit::usage, options.action + " needs a function");
    if (options.action == "package") return package(globals, options);
    return options.action == "deploy" ? deploy(globals, options) : invoke(globals, options);
}

}  // namespace tapedeck
