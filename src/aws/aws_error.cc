#include "aws/aws_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aws/json_text.h"
#include "aws/xml_text.h"
#include "base/words.h"

namespace tapedeck {
namespace {

constexpr std::string_view kSkew =
    "RequestTimeTooSkewed RequestExpired RequestInTheFuture SignatureExpired";
constexpr std::string_view kUnknownKey =
    "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException AuthFailure";
constexpr std::string_view kWrongSecret = "SignatureDoesNotMatch InvalidSignatureException";
constexpr std::string_view kExpired = "ExpiredToken ExpiredTokenException TokenRefreshRequired";
constexpr std::string_view kForbidden =
    "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized 403";
constexpr std::string_view kElsewhere =
    "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
    "TemporaryRedirect 301 307";
constexpr std::string_view kThrottled =
    "Throttling ThrottlingException ThrottledException RequestThrottledException "
    "TooManyRequestsException ProvisionedThroughputExceededException "
    "TransactionInProgressException "
    "RequestLimitExceeded BandwidthLimitExceeded LimitExceededException RequestThrottled SlowDown "
    "PriorRequestNotComplete EC2ThrottledException RequestTimeout RequestTimeoutException";
constexpr std::string_view kAbsent =
    "NoSuchKey NoSuchBucket NoSuchUpload NoSuchEntity ResourceNotFoundException 404";

// "ResourceNotFoundException:http://…" and "com.amazon.coral#AccessDeniedException" name the code
// among other things.
std::string bare_code(std::string_view code) {
    code = code.substr(0, code.find(':'));
    return std::string(code.substr(code.rfind('#') == code.npos ? 0 : code.rfind('#') + 1));
}

void read_json(AwsFault& fault, const Answer& answer) {
    const auto json = JsonText::parse(answer.body);
    if (!json) return;
    if (fault.code.empty()) fault.code = bare_code(json->any_case("__type"));
    if (fault.code.empty()) fault.code = bare_code(json->any_case("code"));
    fault.message = json->any_case("message");
}

void read_xml(AwsFault& fault, const Answer& answer) {
    const auto xml = parse_xml(answer.body);
    if (!xml) return;
    const XmlElement* error = xml->find("Error");
    if (error == nullptr) return;
    fault.code = error->value("Code");
    fault.message = error->value("Message");
    if (fault.region.empty()) fault.region = error->value("Region");
}

std::string advice(const AwsFault& fault) {
    if (is_skew(fault)) {
        return "this machine's clock is wrong: set it (timedatectl), then try again";
    }
    if (is_among(kUnknownKey, fault.code)) {
        return "AWS does not know this access key: it was deleted, or belongs to other than this "
               "endpoint";
    }
    if (is_among(kWrongSecret, fault.code)) {
        return "the secret key does not belong to the access key, or something between here and "
               "AWS changed the request";
    }
    if (is_among(kExpired, fault.code)) {
        return "the session is over: log in again (`aws sso login`), or take fresh keys";
    }
    if (is_among(kElsewhere, fault.code)) {
        return fault.region.empty()
                   ? "it is in another region: name that one in [aws] region or AWS_REGION"
                   : fmt::format("it is in {}: name that in [aws] region or AWS_REGION",
                                 fault.region);
    }
    if (is_among(kForbidden, fault.code)) {
        return "the permission is missing: docs/lambda.md has the least policy that is needed";
    }
    return {};
}

ErrorKind kind_of(const AwsFault& fault) {
    return is_passing(fault) ? ErrorKind::unavailable : ErrorKind::rejected;
}

}  // namespace

std::optional<AwsFault> fault_of(const Answer& answer) {
    if (!answer.failure && answer.status < 300) return std::nullopt;
    if (answer.status == 304 || answer.status == 412) {
        return AwsFault{
            answer.status, std::to_string(answer.status), "the object has changed", {}, {}};
    }
    AwsFault fault;
    fault.status = answer.status;
    fault.region = answer.header("x-amz-bucket-region");
    fault.request_id = answer.header("x-amzn-requestid");
    if (fault.request_id.empty()) fault.request_id = answer.header("x-amz-request-id");
    fault.code = bare_code(answer.header("x-amzn-errortype"));
    const std::size_t first = answer.body.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && answer.body[first] == '<') {
        read_xml(fault, answer);
    } else if (first != std::string::npos) {
        read_json(fault, answer);
    }
    if (fault.code.empty() && answer.failure) fault.message = answer.failure->what;
    if (fault.code.empty() && fault.status != 0) fault.code = std::to_string(fault.status);
    return fault;
}

Error explained(const std::string& doing, const AwsFault& fault) {
    std::string text = doing + ": ";
    if (fault.code.empty()) {
        text += fault.message;
    } else {
        text += "AWS says " + fault.code;
        if (!fault.message.empty()) text += fmt::format(" ({})", fault.message);
    }
    if (const std::string what = advice(fault); !what.empty()) text += "; " + what;
    if (!fault.request_id.empty()) text += fmt::format(" [request {}]", fault.request_id);
    const bool absent = is_among(kAbsent, fault.code);
    return {kind_of(fault), absent ? "there is no such thing: " + text : text};
}

bool is_passing(const AwsFault& fault) {
    return fault.status == 0 || fault.status == 429 || fault.status >= 500 ||
           is_among(kThrottled, fault.code);
}

bool is_skew(const AwsFault& fault) {
    return is_among(kSkew, fault.code) ||
           (is_among(kWrongSecret, fault.code) &&
            (fault.message.find("expired") != std::string::npos ||
             fault.message.find("not yet current") != std::string::npos));
}

}  // namespace tapedeck
