#include "aws/functions.h"

#include <fmt/format.h>

#include "aws/encoding.h"
#include "aws/json_text.h"
#include "aws/xml_text.h"
#include "base/json_writer.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFunctions = "/2015-03-31/functions";
constexpr const char* kSettings = "TAPEDECK_SETTINGS";
constexpr const char* kPolicyName = "tapedeck";
constexpr int kLooks = 120;  // half a second apart, at a function that is being made
constexpr const char* kTrust =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",)"
    R"("Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]})";

std::string from_base64(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        constexpr std::string_view kDigits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const std::size_t digit = kDigits.find(c);
        if (digit == kDigits.npos) continue;
        bits = bits << 6U | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
    }
    return out;
}

AwsCall call_of(Method method, std::string path, std::string doing) {
    AwsCall call;
    call.service = "lambda";
    call.path = std::move(path);
    call.doing = std::move(doing);
    call.request.method = method;
    call.request.timeout = 120s;
    if (has_body(call.request)) {
        call.request.headers.push_back({"Content-Type", Secret("application/json")});
    }
    return call;
}

std::string function_path(const std::string& function) {
    return fmt::format("{}/{}", kFunctions, uri_encoded(function));
}

void write_strings(JsonWriter& json, const std::vector<std::string>& texts) {
    json.begin_array();
    for (const std::string& text : texts) json.text(text);
    json.end_array();
}

// What CreateFunction and UpdateFunctionConfiguration share.
void write_configuration(JsonWriter& json, const FunctionSpec& spec) {
    json.key("Role").text(spec.role).key("Runtime").text("provided.al2023");
    json.key("Handler").text("bootstrap").key("Timeout").number(spec.timeout.count());
    json.key("MemorySize").number(spec.memory_mb);
    json.key("Description").text("Prices recorded by tapedeck");
    json.key("Environment").begin_object().key("Variables").begin_object();
    for (const auto& [name, value] : spec.environment) json.key(name).text(value);
    json.end_object().end_object();
    if (spec.subnets.empty()) return;
    json.key("VpcConfig").begin_object().key("SubnetIds");
    write_strings(json, spec.subnets);
    json.key("SecurityGroupIds");
    write_strings(json, spec.security_groups);
    json.end_object();
}

std::string zip_text(const FunctionSpec& spec) {
    return base64(
        std::span(reinterpret_cast<const std::uint8_t*>(spec.zip.data()), spec.zip.size()));
}

}  // namespace

Result<FunctionAnswer> AwsFunctions::invoke(const std::string& name, const std::string& payload,
                                            InvokeKind kind, std::chrono::milliseconds timeout) {
    const bool waits = kind == InvokeKind::answer;
    AwsCall call = call_of(Method::post, function_path(name) + "/invocations", "calling " + name);
    call.request.headers.push_back(
        {"X-Amz-Invocation-Type", Secret(waits ? "RequestResponse" : "Event")});
    if (waits) call.request.headers.push_back({"X-Amz-Log-Type", Secret("Tail")});
    call.request.body = payload;
    call.request.timeout = timeout;
    auto answer = client_.call(call);
    if (!answer) return answer.error();
    FunctionAnswer said;
    said.status = answer->status;
    said.error = answer->header("x-amz-function-error");
    said.log = from_base64(answer->header("x-amz-log-result"));
    said.payload = std::move(answer->body);
    return said;
}

Result<std::optional<std::string>> AwsFunctions::find(const std::string& name) {
    auto answer =
        client_.look(call_of(Method::get, function_path(name), "looking at function " + name));
    if (!answer) return answer.error();
    if (answer->status == 404) return std::optional<std::string>();
    return std::optional(std::move(answer->body));
}

Result<> AwsFunctions::create(const FunctionSpec& spec) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("FunctionName").text(spec.name).key("PackageType").text("Zip");
    json.key("Architectures").begin_array().text(spec.machine).end_array();
    write_configuration(json, spec);
    json.key("Code").begin_object().key("ZipFile").text(zip_text(spec)).end_object().end_object();
    AwsCall call = call_of(Method::post, kFunctions, "making function " + spec.name);
    call.request.body = std::move(body);
    for (int tries = 1;; ++tries) {
        const auto answer = client_.call(call);
        if (answer) return {};
        // A role that was made just now is known everywhere after some seconds.
        const bool early =
            answer.error().what.find("cannot be assumed by Lambda") != std::string::npos;
        if (!early || tries == 15 || client_.stop().stop_requested()) return answer.error();
        client_.clock().sleep_until(client_.clock().now() + 2s, client_.stop());
    }
}

Result<> AwsFunctions::update(const FunctionSpec& spec) {
    std::string code;
    JsonWriter json(code);
    json.begin_object().key("ZipFile").text(zip_text(spec));
    json.key("Architectures").begin_array().text(spec.machine).end_array().end_object();
    AwsCall call =
        call_of(Method::put, function_path(spec.name) + "/code", "changing code of " + spec.name);
    call.request.body = std::move(code);
    if (const auto answer = client_.call(call); !answer) return answer.error();
    if (auto ready = wait_until_ready(spec.name); !ready) return ready;
    std::string configuration;
    JsonWriter settings(configuration);
    settings.begin_object();
    write_configuration(settings, spec);
    settings.end_object();
    AwsCall change = call_of(Method::put, function_path(spec.name) + "/configuration",
                             "configuring " + spec.name);
    change.request.body = std::move(configuration);
    const auto answer = client_.call(change);
    return answer ? Result<>() : answer.error();
}

Result<> AwsFunctions::wait_until_ready(const std::string& name) {
    for (int looks = 0; looks < kLooks && !client_.stop().stop_requested(); ++looks) {
        const auto found = find(name);
        if (!found) return found.error();
        const auto json = JsonText::parse(found->value_or("{}"));
        if (!json) return in_context("looking at function " + name, json.error());
        const std::string state = json->text("/Configuration/State");
        const std::string update = json->text("/Configuration/LastUpdateStatus");
        if (state == "Failed" || update == "Failed") {
            return Error{ErrorKind::rejected,
                         fmt::format("function {} cannot be made: {}{}", name,
                                     json->text("/Configuration/StateReason"),
                                     json->text("/Configuration/LastUpdateStatusReason"))};
        }
        // Idle functions are made ready by their first call.
        if (state != "Pending" && update != "InProgress") return {};
        client_.clock().sleep_until(client_.clock().now() + 500ms, client_.stop());
    }
    return Error{ErrorKind::unavailable,
                 fmt::format("function {} is not ready after a minute", name)};
}

Result<std::string> AwsFunctions::deploy(const FunctionSpec& spec) {
    const auto there = find(spec.name);
    if (!there) return there.error();
    FunctionSpec wanted = spec;
    if (*there) {
        const auto json = JsonText::parse(**there);
        if (!json) return in_context("looking at function " + spec.name, json.error());
        // Variables that somebody else has set, such as secrets, stay.
        wanted.environment.merge(json->texts("/Configuration/Environment/Variables"));
        if (!spec.environment.contains(kSettings)) wanted.environment.erase(kSettings);
    }
    if (auto done = *there ? update(wanted) : create(wanted); !done) return done.error();
    if (auto ready = wait_until_ready(spec.name); !ready) return ready.error();
    const auto found = find(spec.name);
    if (!found) return found.error();
    const auto json = JsonText::parse(found->value_or("{}"));
    if (!json) return in_context("looking at function " + spec.name, json.error());
    return json->text("/Configuration/FunctionArn");
}

Result<Answer> AwsFunctions::query(const std::string& service,
                                   std::map<std::string, std::string> values,
                                   const std::string& doing, bool absence_is_an_answer) {
    AwsCall call;
    call.service = service;
    call.doing = doing;
    call.request.method = Method::post;
    call.request.repeatable = true;  // each of them sets or asks
    call.request.headers.push_back({"Content-Type", Secret("application/x-www-form-urlencoded")});
    call.request.body = query_text({values.begin(), values.end()});
    return absence_is_an_answer ? client_.look(call) : client_.call(call);
}

Result<std::string> AwsFunctions::ensure_role(const std::string& name, const std::string& policy) {
    constexpr const char* kVersion = "2010-05-08";
    auto role = query("iam", {{"Action", "GetRole"}, {"Version", kVersion}, {"RoleName", name}},
                      "looking at role " + name, true);
    if (!role) return role.error();
    if (role->status == 404) {
        role = query("iam",
                     {{"Action", "CreateRole"},
                      {"Version", kVersion},
                      {"RoleName", name},
                      {"AssumeRolePolicyDocument", kTrust}},
                     "making role " + name);
        if (!role) return role.error();
    }
    const auto xml = parse_xml(role->body);
    if (!xml) return in_context("role " + name, xml.error());
    const XmlElement* arn = xml->find("Arn");
    if (arn == nullptr) return Error{ErrorKind::malformed, "AWS names no ARN of role " + name};
    const auto put = query("iam",
                           {{"Action", "PutRolePolicy"},
                            {"Version", kVersion},
                            {"RoleName", name},
                            {"PolicyName", kPolicyName},
                            {"PolicyDocument", policy}},
                           "giving role " + name + " its policy");
    if (!put) return put.error();
    return arn->text;
}

Result<std::string> AwsFunctions::account() {
    const auto answer = query("sts", {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
                              "asking whose credentials these are");
    if (!answer) return answer.error();
    const auto xml = parse_xml(answer->body);
    if (!xml) return in_context("whose credentials these are", xml.error());
    const XmlElement* account = xml->find("Account");
    if (account == nullptr) return Error{ErrorKind::malformed, "AWS names no account"};
    return account->text;
}

std::string least_policy(const std::string& region, const std::string& account,
                         const std::string& function, bool in_vpc) {
    const std::string partition = region.starts_with("cn-")       ? "aws-cn"
                                  : region.starts_with("us-gov-") ? "aws-us-gov"
                                                                  : "aws";
    std::string out;
    JsonWriter json(out);
    const auto allow = [&json](const std::vector<std::string>& actions,
                               const std::vector<std::string>& resources) {
        json.begin_object().key("Effect").text("Allow").key("Action");
        write_strings(json, actions);
        json.key("Resource");
        write_strings(json, resources);
        json.end_object();
    };
    json.begin_object().key("Version").text("2012-10-17").key("Statement").begin_array();
    const std::string group = fmt::format("arn:{}:logs:{}:{}:log-group:/aws/lambda/{}", partition,
                                          region, account, function);
    allow({"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
          {group, group + ":*"});
    if (in_vpc) {
        allow({"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces",
               "ec2:DeleteNetworkInterface"},
              {"*"});
    }
    json.end_array().end_object();
    return out;
}

}  // namespace tapedeck
